"""A balanced start stays aligned under the flow for all data; finite steps break it by an amount of their own order."""

from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import rate_of_change
from fa_dynamics.derive.flow import derive
from fa_dynamics.measures.invariance import network_alignment_defect
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    Unproved,
    at_most,
    equal,
)
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]

STEPS = 160
"""Of the longer step size, up to the end of the flow."""

HALVED = 0.1
"""Part of the bound by which a commutator may differ from twice that at half the step: steps are this short."""


def sample(draw: Draw) -> Instance:
    """zeta_l-balanced starts of both directions, some of them wide, on generic data of any condition."""
    backwards, depth = draw.flip(), draw.integer(2, 4)
    zetas = [0.0 if draw.flip(0.3) else draw.log_uniform(0.03, 3.0) for _ in range(depth - 1)]
    spread, samples = draw.log_uniform(1.0, 10.0), draw.integer(1, 8)
    sizes = [draw.integer(1, 4), *np.sort([draw.integer(1, 4) for _ in range(depth)]).tolist()]
    weights = aligned.balanced(draw, sizes, zetas)
    if backwards:
        sizes, weights = sizes[::-1], aligned.reversed_network(weights)
    return _posed(draw, sizes, weights, samples, spread)


def _posed(draw: Draw, sizes: list[int], weights: list[Array], samples: int, spread: float) -> Instance:
    x = draw.normals((samples, sizes[0])) * np.geomspace(1.0, 1.0 / spread, sizes[0])
    y = draw.normals((samples, sizes[-1]))
    curvature, cross = (float(np.linalg.norm(each, 2)) / samples for each in (x.T @ x, y.T @ x))
    reach = max(1.0, aligned.largest(weights))
    end = draw.log_uniform(0.3, 3.0) / ((curvature + cross) * reach ** (2 * len(weights) - 2))
    return {"sizes": sizes, "start": weights, "inputs": x, "targets": y, "t_end": end}


def simple_spectrum(draw: Draw) -> Instance:
    """An aligned start of other strengths in every layer."""
    size, depth = draw.integer(2, 4), draw.integer(2, 4)
    network = aligned.network_of(
        {
            "bases": aligned.draw_bases(draw, [size] * (depth + 1)),
            "strengths": np.linspace(0.4, 1.2, size) * draw.log_uniforms((depth, size), 0.5, 2.0),
        }
    )
    return _posed(draw, [size] * (depth + 1), network.weights, 8, 2.0)


def check(case: Instance) -> list[Evidence]:
    """The flow's alignment defect; commutators of descent under a bound of order eta, and when eta is halved."""
    t, defect, error = flow(case)
    found = [equal("alignment defect of the flow and 0", defect, 0.0, error, scale=1.0, over=t)]
    if len(case["start"]) == 1:
        return found
    whole, halves = descent(case, STEPS), descent(case, 2 * STEPS)
    times = np.linspace(0.0, case["t_end"], STEPS + 1)
    for (coarse, bound, terms, rounded), (fine, _, _, also) in zip(whole, halves, strict=True):
        size = np.linalg.norm(coarse, axis=(1, 2))
        scale = float(terms.max())
        apart = float(np.linalg.norm(coarse[-1] - 2 * fine[-1]))
        both = float(rounded[-1] + 2 * also[-1])
        found += [
            at_most("commutator of descent", size, bound, rounded, scale=scale, over=times),
            at_most("commutator less twice that at half the step", apart, HALVED * bound[-1], both, scale=scale),
        ]
    return found


def flow(case: Instance) -> tuple[Array, Array, Array]:
    """Times, alignment defect of the network and its error: that of the weights, magnified by small products."""
    t, start = np.linspace(0.0, case["t_end"], 9), aligned.arrays(case["start"])
    flat, error = integrated(
        aligned.task_of(case),
        lambda run: np.concatenate([each.reshape(len(each), -1) for each in run.weights], axis=1),
        hidden=list(case["sizes"][1:-1]),
        rule="bp",
        start=start,
        t_eval=t,
        coarse=1e-9,
    )
    parts = np.split(flat, np.cumsum([each.size for each in start])[:-1], axis=1)
    weights = [part.reshape(len(t), *each.shape) for part, each in zip(parts, start, strict=True)]
    magnified = np.array([aligned.rounding([each[place] for each in weights]) / ROUND_OFF for place in range(len(t))])
    smallest = np.min([np.linalg.norm(each, axis=(1, 2)) for each in weights], axis=0)
    off = 4 * error * np.sqrt(flat.shape[1]) / smallest
    return t, network_alignment_defect(weights), (off + ROUND_OFF) * magnified


def descent(case: Instance, n_steps: int) -> list[tuple[Array, Array, Array, Array]]:
    """At every hidden node: [F, G] after each step, sqrt(2) |G| sum (|step_{l+1}|^2 + |step_l|^2), |F| |G|, the error.

    A step adds step_{l+1}^T step_{l+1} - step_l step_l^T to F - G - zeta I, and |[A, G]| <= sqrt(2) |A| |G|.
    """
    start = aligned.arrays(case["start"])
    weights, error = aligned.descend({**case, "step_size": case["t_end"] / n_steps, "n_steps": n_steps}, start)
    moved = [np.append(0.0, np.cumsum((np.diff(each, axis=0) ** 2).sum(axis=(1, 2)))) for each in weights]
    nodes = []
    for node, (lower, upper) in enumerate(pairwise(weights)):
        f, g = np.swapaxes(upper, 1, 2) @ upper, lower @ np.swapaxes(lower, 1, 2)
        size = np.linalg.norm(g, axis=(1, 2))
        largest = np.maximum(np.linalg.norm(f, axis=(1, 2)), size)
        bound = np.sqrt(2) * size * (moved[node] + moved[node + 1])
        nodes.append((f @ g - g @ f, bound, largest**2, 8 * largest**1.5 * error))
    return nodes


def balanced(case: Instance) -> bool:
    """Differences of Gram matrices that are multiples of the identity."""
    apart = [upper.T @ upper - lower @ lower.T for lower, upper in pairwise(aligned.arrays(case["start"]))]
    return all(np.abs(each - each[0, 0] * np.eye(len(each))).max() < 10 * aligned.KEPT for each in apart)


def prove(depth: int) -> str:
    """The flow conserves W_{l+1}^T W_{l+1} - W_l W_l^T; a step adds eta^2 times the difference of its squares."""
    eta = sp.Symbol("eta")
    for layers in range(2, depth + 1):
        derived = derive(layers, "bp")
        step = {weight: w.expand(moving) for weight, moving in derived.factored.items()}
        after = {weight: w.add(w.expand(weight), w.scale(moving, eta)) for weight, moving in step.items()}
        for lower, upper in pairwise(derived.network.weights):
            law = upper.T * upper - lower * lower.T
            if rate_of_change(derived, law):
                raise Unproved(f"{law} moves along the flow of {layers} layers")
            squares = w.subtract(
                w.multiply(w.transpose(step[upper]), step[upper]), w.multiply(step[lower], w.transpose(step[lower]))
            )
            added = w.subtract(w.substitute(w.expand(law), after), w.expand(law))
            if w.subtract(added, w.scale(squares, eta**2)):
                raise Unproved(f"a step of {layers} layers adds something else to {law}")
    return f"L <= {depth}: what the flow conserves and a step adds"


STATEMENT = Statement(
    id="radhakrishnan2020.pointwise-flow",
    claim=(
        r"If $W_{l+1}^\top W_{l+1} - W_l W_l^\top = \zeta_l I$ for every $l$, the gradient flow stays aligned for all "
        r"data; gradient descent with step size $\eta$ has, after any steps $\Delta W_l(t)$, "
        r"$\|[W_{l+1}^\top W_{l+1}, W_l W_l^\top]\| \le \sqrt{2} \|W_l W_l^\top\| \sum_t (\|\Delta W_{l+1}\|^2 "
        r"+ \|\Delta W_l\|^2) = O(\eta)$ at a fixed time, and halving $\eta$ halves the commutator."
    ),
    provenance="ours",
    realises=("A1", "A4"),
    hypotheses=(Hypothesis("balanced", r"neighbours differ by $\zeta_l I$ at the start", balanced),),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("balanced", "An aligned start with an imbalance of simple spectrum: lost.", simple_spectrum),
    ),
    prove=prove,
    draws=Draws(12),
    note=(
        "The explicit bound on descent is this project's own. Halving is checked to a tenth of it, with 160 and 320 "
        "steps to the same time: the commutator itself may vanish by chance."
    ),
)
