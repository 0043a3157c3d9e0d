"""What aligned means for several outputs, and what it means for one."""

from itertools import pairwise

import numpy as np
import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.network import Network
from fa_dynamics.measures import commutator_defect
from fa_dynamics.measures.invariance import network_alignment_defect
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, Unproved, equal
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

APART = 1e-3
"""Relative gap of singular values that count as distinct."""


def sample(draw: Draw) -> Instance:
    """Commuting neighbours, rank-one layers at angles, or balanced layers; depths 2 to 4."""
    kind, depth = draw.choice(("commuting", "rank one", "balanced")), draw.integer(2, 4)
    return {"commuting": _commuting, "rank one": _rank_one, "balanced": _balanced}[kind](draw, depth)


def _commuting(draw: Draw, depth: int) -> Instance:
    """Each layer sends basis vectors to multiples of basis vectors, in any order; gaps down to a hundredth."""
    size, spread = draw.integer(2, 4), draw.log_uniform(0.03, 1.0)
    bases = aligned.draw_bases(draw, [size] * (depth + 1))
    weights = []
    for below, above in pairwise(bases):
        order = np.argsort(draw.uniforms(size))
        values = (1 + spread * np.arange(size)) * draw.log_uniform(0.1, 3.0) * draw.signs(size)
        weights.append((above * values) @ below[:, order].T)
    return {"kind": "commuting", "weights": weights}


def _rank_one(draw: Draw, depth: int) -> Instance:
    """W_l = size * u_l v_l^T, v_{l+1} turned from u_l by an angle phi_l; half of the time by none anywhere."""
    straight = draw.flip()
    angles = [0.0 if straight else draw.choice((1.0, -1.0)) * draw.log_uniform(1e-6, 1.5) for _ in range(depth - 1)]
    return _turned(draw, [draw.integer(2, 4) for _ in range(depth)], angles)


def _turned(draw: Draw, widths: list[int], angles: list[float]) -> Instance:
    read = draw.orthogonal(widths[0], 1)[:, 0]
    weights = []
    for width, angle in zip(widths[1:], angles, strict=True):
        left, aside = draw.orthogonal(width, 2).T
        weights.append(draw.log_uniform(0.1, 10.0) * np.outer(left, read))
        read = np.cos(angle) * left + np.sin(angle) * aside
    return {"kind": "rank one", "angles": angles, "weights": [*weights, draw.sign() * read[None]]}


def _balanced(draw: Draw, depth: int) -> Instance:
    """W_{l+1}^T W_{l+1} - W_l W_l^T = zeta_l I of both signs, from layers that know nothing of singular vectors."""
    backwards = draw.flip()
    zetas = [0.0 if draw.flip(0.3) else draw.log_uniform(0.01, 10.0) for _ in range(depth - 1)]
    widths = [draw.integer(1, 4), *np.sort([draw.integer(1, 4) for _ in range(depth)]).tolist()]
    weights = aligned.balanced(draw, widths, zetas)
    return {"kind": "balanced", "weights": aligned.reversed_network(weights) if backwards else weights}


def repeated(draw: Draw) -> Instance:
    """A multiple of an isometry between neighbours that do not fit each other."""
    size = draw.integer(2, 4)
    middle = draw.log_uniform(0.1, 10.0) * draw.orthogonal(size)
    return {"kind": "commuting", "weights": [draw.normals((size, size)), middle, draw.normals((size, size))]}


def orthogonal_vectors(draw: Draw) -> Instance:
    """v_{l+1} orthogonal to u_l: the product of the layers is zero."""
    return _turned(draw, [3, 3], [np.pi / 2])


def unbalanced(draw: Draw) -> Instance:
    """Generic layers."""
    size = draw.integer(2, 4)
    return {"kind": "balanced", "weights": [draw.normals((size, size)) for _ in range(draw.integer(2, 4))]}


def check(case: Instance) -> list[Evidence]:
    """The exact criterion of the whole network, and for rank-one layers the commutators at every node."""
    weights = aligned.arrays(case["weights"])
    error = aligned.rounding(weights)
    defect = float(network_alignment_defect(weights))
    if case["kind"] != "rank one":
        return [equal("alignment defect of the network and 0", defect, 0.0, error, scale=1.0)]
    claimed = np.abs(np.sin(2 * np.asarray(case["angles"]))) / np.sqrt(2)
    nodes = [float(commutator_defect(lower, upper)) for lower, upper in pairwise(weights)]
    return [
        equal(r"commutator defects and $\sqrt{2} c \sqrt{1 - c^2}$", nodes, claimed, error, scale=1.0),
        equal("alignment defect of the network and the largest of them", defect, claimed.max(), error, scale=1.0),
    ]


def check_overlap(case: Instance) -> Evidence:
    """An aligned network of rank one has overlaps 1."""
    weights = aligned.arrays(case["weights"])
    aligned_now = float(network_alignment_defect(weights)) <= aligned.rounding(weights)
    overlap = np.abs(np.cos(np.asarray(case["angles"])))
    return equal(r"$|v_{l+1}^\top u_l|$ and 1", overlap if aligned_now else 1.0, 1.0, aligned.rounding(weights))


def distinct(case: Instance) -> bool:
    """Nonzero singular values of the inner layers, for neighbours that commute."""
    if case["kind"] != "commuting":
        return True
    values = [np.linalg.svd(matrix, compute_uv=False) for matrix in aligned.arrays(case["weights"])[1:-1]]
    return all(bool((-np.diff(each) > APART * each[0]).all()) for each in values)


def commuting(case: Instance) -> bool:
    """Neighbours, unless they are of rank one."""
    pairs = pairwise(aligned.arrays(case["weights"]))
    return case["kind"] == "rank one" or all(commutator_defect(*pair) < aligned.KEPT for pair in pairs)


def balanced(case: Instance) -> bool:
    """Differences of Gram matrices that are multiples of the identity."""
    if case["kind"] != "balanced":
        return True
    apart = [upper.T @ upper - lower @ lower.T for lower, upper in pairwise(aligned.arrays(case["weights"]))]
    return all(np.abs(each - each[0, 0] * np.eye(len(each))).max() < aligned.KEPT * 10 for each in apart)


def prove(depth: int) -> str:
    """Balanced: the criterion's matrices at a node are polynomials of one; rank one: in the plane of u and v."""
    for layers in range(2, depth + 1):
        network = Network(layers)
        weights = dict(enumerate(network.weights, start=1))
        for node in range(layers):
            unit = (weights[node], weights[node].T) if node else (weights[1].T, weights[1])
            pairs = {
                (weights[low + 1].T, weights[low + 1]): {
                    (weights[low], weights[low].T): sp.S.One,
                    (): sp.Symbol(f"zeta_{low}"),
                }
                for low in range(max(node, 1), layers)
            }
            for top in range(node + 1, layers + 1):
                product = w.multiply(*(w.expand(weights[layer]) for layer in range(top, node, -1)))
                for word in aligned.reduced(w.multiply(w.transpose(product), product), pairs):
                    if word != unit * (len(word) // 2):
                        raise Unproved(f"{word} at node {node} of {layers} layers")
    phi = sp.Symbol("phi", real=True)
    read = sp.Matrix([sp.cos(phi), sp.sin(phi)])
    one, other = read * read.T, sp.diag(1, 0)
    rest = (one * other - other * one).norm() ** 2 - sp.sin(2 * phi) ** 2 / 2
    if sp.simplify(rest) != 0:
        raise Unproved(f"rank one: {rest}")
    return f"balanced: L <= {depth}; rank one: every node"


STATEMENT = Statement(
    id="radhakrishnan2020.definition",
    claim=(
        r"Layers whose neighbours' Gram matrices commute share their inner singular bases if the inner layers have "
        r"distinct singular values; balanced layers, $W_{l+1}^\top W_{l+1} - W_l W_l^\top = \zeta_l I$, always do; "
        r"rank-one layers with a product that is not 0 do iff $c_l = |v_{l+1}^\top u_l| = 1$ for all $l$, their "
        r"commutator defect being $\sqrt{2} c_l \sqrt{1 - c_l^2}$."
    ),
    provenance="abstract",
    realises=("A1", "A2"),
    hypotheses=(
        Hypothesis("distinct", "commuting neighbours: inner layers have distinct singular values", distinct),
        Hypothesis(
            "product",
            r"rank-one layers: the end-to-end map is not 0, $c_l \neq 0$",
            lambda case: case["kind"] != "rank one" or bool((np.abs(np.cos(case["angles"])) > 1e-6).all()),
        ),
        Hypothesis("balanced", r"balanced layers: Gram matrices differ by multiples of the identity", balanced),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("distinct", "A multiple of an isometry commutes with everything.", repeated),
        Counterexample(
            "product",
            "Orthogonal vectors commute: aligned in another order of the basis.",
            orthogonal_vectors,
            check_overlap,
        ),
        Counterexample("balanced", "Generic layers share no basis.", unbalanced),
    ),
    prove=prove,
    draws=Draws(60),
    note=(
        "Commuting neighbours do not prove alignment of three layers or more; the exact criterion is that at every "
        "node the Gram matrices of all products above and of the layer below commute. It certifies bases that each "
        r"layer sends to multiples of each other; where $\Theta_l$ must be diagonal, idle units may have to be in "
        "another order. The proof is of the balanced and the rank-one part."
    ),
)
