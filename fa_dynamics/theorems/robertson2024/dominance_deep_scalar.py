"""Convergence rates with one output: two layers that start aligned enough, any depth along the feedback."""

from functools import reduce

import numpy as np

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.theorems import (
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    at_least,
    at_most,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

SHAPES = ((3, 4, 1), (2, 1, 1), (3, 4, 2, 1), (2, 1, 3, 1), (2, 3, 2, 3, 1))
RANK = 1e-10


def with_factors(draw: Draw, factors: list[float], case: dict[str, object]) -> dict[str, object]:
    """W_1 = 0 and W_l = gamma_l C_l C_{l-1}^T / |C_{l-1}|^2; a horizon of a few times the slowest rate."""
    start = along_feedback(case, factors)
    fast = float(np.linalg.norm(linear.task_of(case).input_moment, 2)) * max(1.0, abs(float(np.prod(factors))))
    return {**case, "start": start, "factors": factors, "t_end": draw.log_uniform(0.5, 30.0) / fast}


def along_feedback(case: Instance, factors: list[float]) -> list[Array]:
    """The aligned start of given factors."""
    chain, start = products(case), [np.zeros((case["sizes"][1], case["sizes"][0]))]
    for factor, below, here in zip(factors, chain, chain[1:], strict=False):
        start.append(factor * here @ below.T / float(np.sum(below**2)))
    return start


def products(case: Instance) -> list[Array]:
    """C_1..C_L, columns."""
    feedback = linear.matrices(case["feedback"])
    return [
        reduce(lambda a, b: a @ b, feedback[layer:], np.eye(case["sizes"][layer + 1]))
        for layer in range(len(feedback) + 1)
    ]


def sample(draw: Draw) -> Instance:
    """Half of the cases start along the feedback at depths 2..4; half with two layers, from anywhere with a_0 > 0."""
    aligned, rate = draw.flip(), draw.log_uniform(0.01, 3.0)
    shapes = SHAPES if aligned else SHAPES[:2]
    factors = [draw.log_uniform(0.1, 3.0) for _ in range(3)]
    case = linear.network(draw, shapes)
    depth = len(case["sizes"]) - 1
    if aligned:
        return {"kind": "aligned", **with_factors(draw, factors[: depth - 1], case)}
    return {"kind": "two-layer", "factors": [1.0], **lifted(draw, case, rate)}


def lifted(draw: Draw, case: dict[str, object], aim: float) -> dict[str, object]:
    """Two layers: a multiple of B_2^T is added to W_2, so that a_0 is what is aimed at."""
    lower, upper = linear.matrices(case["start"])
    (back,) = linear.matrices(case["feedback"])
    upper = upper + (aim - floor({**case, "start": [lower, upper]})) * back.T / float(np.sum(back**2))
    fast = float(np.linalg.norm(linear.task_of(case).input_moment, 2)) * (1.0 + float(np.linalg.norm(upper @ back)))
    return {**case, "start": [lower, upper], "t_end": draw.log_uniform(0.5, 30.0) / fast}


def floor(case: Instance) -> float:
    """a_0 = W_2 B_2 - 1/2 |W_1|^2 at the start of two layers."""
    lower, upper = linear.matrices(case["start"])
    (back,) = linear.matrices(case["feedback"])
    return float((upper @ back)[0, 0] - 0.5 * np.sum(lower**2))


def is_aligned(case: Instance) -> bool:
    """Positive factors along the feedback with W_1 = 0, or a_0 > 0."""
    if case["kind"] == "two-layer":
        return floor(case) > 0
    pairs = zip(linear.matrices(case["start"]), along_feedback(case, case["factors"]), strict=True)
    return all(factor > 0 for factor in case["factors"]) and all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)


def check(case: Instance) -> list[Evidence]:
    """The loss below its bound, and A_l above what it is bounded by."""
    depth, task = len(case["sizes"]) - 1, linear.task_of(case)
    spectrum = np.linalg.eigvalsh(task.input_moment)
    curvature = float(spectrum[spectrum > RANK * spectrum[-1]][0])
    factors = list(case["factors"])
    floors = [float(np.prod(factors[layer - 1 :])) for layer in range(1, depth)]
    if case["kind"] == "two-layer":
        floors = [floor(case)]

    def seen(run: Trajectory) -> Array:
        first = max(float(run.loss[0] - task.best_loss), np.finfo(float).tiny)
        alignments = [run.alignment_matrix(layer)[:, 0, 0] for layer in range(1, depth)]
        return np.stack([(run.loss - task.best_loss) / first, *alignments], axis=1)

    t, values, error = linear.measured(case, seen, coarse=1e-10)
    loss, alignment = values[:, 0], values[:, 1:]
    bound = loss[0] * np.exp(-2 * max(curvature * floors[0], 0.0) * t)
    scale = max(1.0, float(np.max(np.abs(floors))))
    return [
        at_most(
            r"$\ell - \ell_*$ over its value at the start", loss, bound, 2 * error[:, 0], scale=float(loss[0]), over=t
        ),
        at_least("$A_l$", alignment, np.array(floors), error, scale=scale, over=t),
    ]


def opposed(draw: Draw) -> Instance:
    """A negative factor: the output starts opposed to the feedback."""
    factors = [-draw.log_uniform(0.3, 3.0), *(draw.log_uniform(0.3, 3.0) for _ in range(2))]
    case = linear.network(draw, ((3, 4, 1), (3, 4, 2, 1)))
    return {"kind": "aligned", **with_factors(draw, factors[: len(case["sizes"]) - 2], case)}


STATEMENT = Statement(
    id="robertson2024.dominance-deep-scalar",
    claim=(
        r"One output. (a) $W_1(0) = 0$, $W_l(0) = \gamma_l C_l C_{l-1}^\top / |C_{l-1}|^2$, $\gamma_l > 0$: "
        r"$A_l \ge \prod_{j > l} \gamma_j$ and $\ell - \ell_* \le e^{-2 \lambda_+ \gamma_2 \cdots \gamma_L t} "
        r"(\ell_0 - \ell_*)$. (b) $L = 2$, $a_0 = W_2 B_2 - \frac12 \Vert W_1 \Vert^2 > 0$ at the start: $W_2 B_2 \ge "
        r"a_0$ and $\ell - \ell_* \le e^{-2 \lambda_+ a_0 t} (\ell_0 - \ell_*)$."
    ),
    provenance="abstract",
    realises=("R5",),
    hypotheses=(
        Hypothesis("aligned start", r"all $\gamma_l > 0$, or $a_0 > 0$", is_aligned),
        Hypothesis("one output", "$n_L = 1$", lambda case: case["sizes"][-1] == 1),
    ),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("aligned start", r"$\gamma_2 < 0$: the loss rises first.", opposed),),
    draws=Draws(default=20),
)
