"""When alignment between layers is constant under feedback alignment."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import derive
from fa_dynamics.measures.invariance import strong_invariance_defect
from fa_dynamics.systems.aligned_criteria import basis_criterion
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, Unproved, equal
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]


def sample(draw: Draw) -> Instance:
    """Shared bases with feedback of both signs over a decade and a half; or one output with any feedback."""
    return shared(draw) if draw.flip() else one_output(draw, 1, draw.flip())


def shared(draw: Draw) -> Instance:
    """An aligned start on data that keep its modes apart."""
    problem = aligned.draw_problem(draw)
    depth, modes = np.shape(problem["strengths"])
    values = aligned.draw_strengths(draw, depth - 1, modes)
    problem["step_size"] /= max(1.0, float(np.abs(values).max())) ** (2 * depth - 2)
    return {"kind": "shared bases", "values": values, "feedback": None, **problem}


def one_output(draw: Draw, outputs: int, zero: bool) -> Instance:
    """From zero, or from W_1 = C_1 z^T, W_l = tau_l C_l C_{l-1}^T; Gaussian feedback, generic data, any loss."""
    depth, inputs = draw.integer(2, 4), draw.integer(2, 4)
    loss = draw.choice(("squared", "squared", "logistic", "exponential")) if outputs == 1 else "squared"
    share, steps = draw.log_uniform(0.01, 0.5), draw.integer(2, 60)
    sizes = [inputs, *(draw.integer(1, 4) for _ in range(depth - 1)), outputs]
    if outputs > 1:
        sizes = [max(size, 2) for size in sizes]
    feedback = [draw.normals((below, above), draw.log_uniform(0.2, 2.0)) for below, above in pairwise(sizes[1:])]
    x = draw.normals((draw.integer(2, 8), inputs)) * draw.log_uniforms(inputs, 0.1, 1.0)
    y = draw.normals((len(x), outputs)) if loss == "squared" else draw.signs((len(x), 1))
    case = {"kind": "one output", "sizes": sizes, "loss": loss, "inputs": x, "targets": y, "feedback": feedback}
    start = [np.zeros((above, below)) for below, above in pairwise(sizes)]
    if not zero:
        back = sent_back(feedback, outputs)
        rows = [draw.normals((outputs, inputs)), *(each.T for each in back[:-1])]
        made = [column @ row for column, row in zip(back, rows, strict=True)]
        start = [draw.log_uniform(0.1, 1.0) * each / np.linalg.norm(each) for each in made]
    task = aligned.task_of(case)
    rate = np.linalg.norm(task.input_moment, 2) + np.linalg.norm(task.cross_moment, 2)
    speed = rate * np.prod([max(1.0, float(np.linalg.norm(each))) for each in feedback]) * depth
    return {**case, "start": start, "step_size": float(share / speed), "n_steps": steps}


def random_feedback(draw: Draw) -> Instance:
    """Gaussian feedback for an aligned start."""
    while True:
        case = shared(draw)
        if min(case["sizes"]) > 1:
            return {**case, "feedback": [draw.normals((a, b)) for a, b in pairwise(case["sizes"][1:])]}


def generic_data(draw: Draw) -> Instance:
    """Shared bases and generic moments."""
    while True:
        case = shared(draw)
        if min(case["sizes"]) > 1:
            return {**case, "cross_moment": draw.normals(np.shape(case["cross_moment"]))}


def two_outputs(draw: Draw) -> Instance:
    """From zero."""
    return one_output(draw, 2, True)


def generic_start(draw: Draw) -> Instance:
    """One output and generic weights."""
    while True:
        case = one_output(draw, 1, False)
        if case["sizes"][1] > 1:
            return {**case, "start": [draw.normals(np.shape(each), 0.3) for each in case["start"]]}


def sent_back(feedback: Sequence[Array], outputs: int) -> list[Array]:
    """C_l = B_{l+1} .. B_L for l = 1..L, C_L = 1."""
    back = [np.eye(outputs)]
    for matrix in reversed(feedback):
        back.insert(0, matrix @ back[0])
    return back


def check(case: Instance) -> list[Evidence]:
    """Bases and modes of an aligned start; or directions of layers with one output."""
    return _check_shared(case) if case["kind"] == "shared bases" else _check_one(case)


def _check_shared(case: Instance) -> list[Evidence]:
    network = aligned.network_of(case)
    values = np.asarray(case["values"], dtype=float)
    feedback = network.shared_feedback(values) if case["feedback"] is None else aligned.arrays(case["feedback"])
    weights, error = aligned.descend(case, network.weights, "fa", feedback)
    back = np.cumprod(np.concatenate([np.ones((1, network.modes)), values[::-1]]), axis=0)[::-1]
    claimed = aligned.recursion(case, lambda theta: back)
    modes = aligned.mode_entries(weights, network.bases, network.modes)
    off = strong_invariance_defect(weights, network.bases).max(axis=1)
    apart = np.abs(modes - claimed).max(axis=(1, 2))
    place: dict[str, Any] = {"over": np.arange(len(off)), "axis": "number of steps"}
    place["scale"] = max(float(np.abs(each).max()) for each in weights)
    return [
        equal(r"off-diagonal of $U_l^\top W_l U_{l-1}$ and 0", off, 0.0, error, **place),
        equal(r"$\theta_{l,k}$ and its recursion", apart, 0.0, error, **place),
    ]


def _check_one(case: Instance) -> list[Evidence]:
    feedback = aligned.arrays(case["feedback"])
    weights, error = aligned.descend(case, aligned.arrays(case["start"]), "fa", feedback)
    scale = max(float(np.abs(each).max()) for each in weights)
    place: dict[str, Any] = {"scale": scale, "over": np.arange(len(error)), "axis": "number of steps"}
    second = np.zeros(len(error))
    for each in weights:
        values = np.linalg.svd(each, compute_uv=False)
        second = np.maximum(second, values[:, 1] if values.shape[1] > 1 else 0.0)
    found = [equal("second singular value of layers and 0", second, 0.0, error, **place)]
    if case["sizes"][-1] == 1:
        back = [each / np.linalg.norm(each) for each in sent_back(feedback, 1)]
        outside = np.zeros(len(error))
        for layer, each in enumerate(weights):
            inside = back[layer] @ back[layer].T @ each
            if layer:
                inside = inside @ back[layer - 1] @ back[layer - 1].T
            outside = np.maximum(outside, np.linalg.norm(each - inside, axis=(1, 2)))
        found.append(equal(r"part of $W_l$ outside $C_l C_{l-1}^\top$ and 0", outside, 0.0, 2 * error, **place))
    return found


def fed_in_bases(case: Instance) -> bool:
    """U_{l-1}^T B_l U_l is diagonal."""
    if case["kind"] != "shared bases" or case["feedback"] is None:
        return True
    turned = aligned.arrays(case["bases"])[::-1][:-1]
    feedback = aligned.arrays(case["feedback"])[::-1]
    return bool(strong_invariance_defect(feedback, turned).max() < aligned.KEPT)


def data_condition(case: Instance) -> bool:
    """The exact criterion of the bases of the start."""
    if case["kind"] != "shared bases":
        return True
    bases = aligned.arrays(case["bases"])
    return basis_criterion(aligned.task_of(case), bases[0], bases[-1], min(case["sizes"])).holds(1e-12)


def in_directions(case: Instance) -> bool:
    """A start that is zero, or of the form that the claim says is kept."""
    if case["kind"] != "one output" or case["sizes"][-1] > 1:
        return True
    back = [each / np.linalg.norm(each) for each in sent_back(aligned.arrays(case["feedback"]), 1)]
    start = aligned.arrays(case["start"])
    outside = [each - column @ column.T @ each for each, column in zip(start, back, strict=True)]
    outside += [each - each @ row @ row.T for each, row in zip(start[1:], back[:-1], strict=True)]
    return aligned.largest(outside) < aligned.KEPT


def prove(depth: int) -> str:
    """Shared bases: velocities are diagonal and those of the scalar chain. One output: C_l and C_{l-1}^T stay."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa")
        aligned.prove_diagonal(
            flow, lambda theta, layer: sp.Mul(*(sp.Symbol(f"D_{j}") for j in range(layer + 1, len(theta) + 1))), True
        )
        network = flow.network
        back = {layers: ()} | {
            layer: tuple(network.B(j) for j in range(layer + 1, layers + 1)) for layer in range(1, layers)
        }
        row = MatrixSymbol("z", network.n(0), network.n(layers)).T
        made = {network.W(1): {(*back[1], row): sp.S.One}}
        for layer in range(2, layers + 1):
            word = (*back[layer], *w.transpose_word(back[layer - 1]))
            made[network.W(layer)] = {word: sp.Symbol(f"tau_{layer}")}
        for layer in range(1, layers + 1):
            left, right = back[layer], w.transpose_word(back[layer - 1]) if layer > 1 else ()
            for word in w.substitute(w.expand(flow.factored[network.W(layer)]), made):
                if word[: len(left)] != left or word[len(word) - len(right) :] != right:
                    raise Unproved(f"the velocity of layer {layer} of {layers} has {word}")
    return f"L <= {depth}: shared bases at any step size; one output, any loss"


STATEMENT = Statement(
    id="radhakrishnan2020.fa-invariance",
    claim=(
        r"Under feedback alignment with any step size an aligned start keeps all its bases if the data keep its modes "
        r"apart and $B_l = U_{l-1} \mathrm{diag}(b_l) U_l^\top$, of any values and signs, and then "
        r"$\theta_l^+ = \theta_l + \eta \prod_{j>l} b_j (\sigma - \lambda p) \prod_{j<l} \theta_j$ in every mode; with "
        r"one output, any $B_l$, data and differentiable loss, layers that start at zero, or as below, are for ever "
        r"$W_1 = C_1 z^\top$ and $W_l \propto C_l C_{l-1}^\top$ with $C_l = B_{l+1} \cdots B_L$."
    ),
    provenance="ours",
    realises=("A4", "R3"),
    hypotheses=(
        Hypothesis("shared bases", r"$U_{l-1}^\top B_l U_l$ is diagonal", fed_in_bases),
        Hypothesis("data condition", r"$\Sigma_{xx}$ and $\Sigma_{yx}$ keep the modes apart", data_condition),
        Hypothesis(
            "one output", "any feedback: $n_L = 1$", lambda case: case["kind"] != "one output" or case["sizes"][-1] == 1
        ),
        Hypothesis("start", r"any feedback: from zero, or from $C_l C_{l-1}^\top$", in_directions),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("shared bases", "Random feedback: the bases are left although the data suit.", random_feedback),
        Counterexample("data condition", "Shared bases, generic data: lost.", generic_data),
        Counterexample("one output", "Two outputs from zero: layers are not of rank one.", two_outputs),
        Counterexample("start", "One output and generic weights: not of rank one.", generic_start),
    ),
    prove=prove,
    draws=Draws(40),
    note=(
        "Sufficiency is proved; that random feedback or unsuitable data break it is what the counterexamples show. "
        "Convergence of the modes is girotti2021.global-convergence."
    ),
)
