"""Convergence of two layers with any number of outputs, from alignment that dominates the energy of layer 1."""

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
    at_most,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

SHAPES = ((3, 4, 2), (2, 3, 3), (4, 2, 2), (1, 3, 1), (3, 3, 3))
RANK = 1e-10
"""Singular values below this fraction of the largest count as zero."""


def dominant(draw: Draw, shapes: tuple[tuple[int, ...], ...], aim: float) -> dict[str, object]:
    """Any W_1, W_2 and B_2; then c B_2^+ is added to W_2, which adds c to kappa, until kappa is what is aimed at."""
    condition, scale, reach = draw.log_uniform(1.0, 30.0), draw.log_uniform(0.3, 3.0), draw.log_uniform(0.3, 10.0)
    case = linear.network(draw, shapes)
    _, width, outputs = case["sizes"]
    rank = min(width, outputs)
    left, right = draw.orthogonal(width, rank), draw.orthogonal(outputs, rank)
    feedback = (left * (scale * np.geomspace(1.0, 1.0 / condition, rank))) @ right.T
    lower, upper = case["start"]
    case = {**case, "feedback": [feedback]}
    inverse = np.linalg.pinv(feedback, rcond=RANK)
    missing = aim - dominance(case)
    case["start"] = [lower, upper + missing * inverse]
    back, moment = np.linalg.norm(feedback, 2), np.linalg.norm(linear.task_of(case).input_moment, 2)
    fast = moment * (1 + np.linalg.norm(case["start"][1], 2) * back + np.linalg.norm(lower, 2) ** 2)
    return {**case, "t_end": float(10 * reach / fast)}


def dominance(case: Instance) -> float:
    """kappa = -1/2 of the largest eigenvalue of Xi relative to Gamma, on the range of Gamma."""
    lower, upper = linear.matrices(case["start"])
    (back,) = linear.matrices(case["feedback"])
    gram, alignment = back.T @ back, upper @ back
    excess = back.T @ lower @ lower.T @ back - gram @ alignment - alignment.T @ gram
    values, vectors = np.linalg.eigh(gram)
    kept = values > RANK * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    return float(-0.5 * np.linalg.eigvalsh(root.T @ excess @ root)[-1])


def sample(draw: Draw) -> Instance:
    """kappa over three decades, every start with such a kappa; feedback of condition up to 30."""
    return dominant(draw, SHAPES, draw.log_uniform(0.003, 3.0))


def check(case: Instance) -> list[Evidence]:
    """V and the loss below their bounds; V at each time at most what it was before."""
    (back,) = linear.matrices(case["feedback"])
    task, gram = linear.task_of(case), back.T @ back
    spectrum = np.linalg.eigvalsh(task.input_moment)
    curvature = float(spectrum[spectrum > RANK * spectrum[-1]][0])
    stretched = np.linalg.eigvalsh(gram)
    stretched = stretched[stretched > RANK * stretched[-1]]

    def excess(run: Trajectory) -> Array:
        apart = run.end_to_end - task.least_squares
        squares = apart @ task.input_moment @ linear.transposed(apart)
        return np.stack([0.5 * np.trace(gram @ squares, axis1=1, axis2=2), 0.5 * np.trace(squares, axis1=1, axis2=2)])

    t, (energy, loss), error = linear.measured(case, excess, time_axis=1, coarse=1e-10)
    shrink = np.exp(-2 * max(dominance(case), 0.0) * curvature * t)
    condition = float(stretched[-1] / stretched[0])
    error = 2 * error[:, 0]
    return [
        at_most("$V$", energy, shrink * energy[0], error, scale=energy[0], over=t),
        at_most("$V$ after an interval", energy[1:], energy[:-1], 2 * error[1:], scale=energy[0], over=t[1:]),
        at_most(r"$\ell - \ell_*$", loss, condition * shrink * loss[0], error * condition, scale=loss[0], over=t),
    ]


def dominated(draw: Draw) -> Instance:
    """Opposed weights: kappa < 0."""
    return dominant(draw, SHAPES, -draw.log_uniform(0.3, 3.0))


def narrow(draw: Draw) -> Instance:
    """Fewer hidden units than outputs, seen for long."""
    case = dominant(draw, ((3, 1, 2), (4, 2, 3)), draw.log_uniform(0.3, 3.0))
    inputs = draw.normals((8, case["sizes"][0]))  # type: ignore[index]
    case = {**case, "inputs": inputs, "targets": draw.normals((8, case["sizes"][-1]))}  # type: ignore[index]
    return {**case, "t_end": 20.0 / dominance(case)}


STATEMENT = Statement(
    id="robertson2024.dominance-two-layer",
    claim=(
        r"Two layers, $B_2$ of full column rank, $\Gamma = B_2^\top B_2$, $\Xi = B_2^\top W_1 W_1^\top B_2 - "
        r"\Gamma W_2 B_2 - (\cdot)^\top \preceq -2 \kappa \Gamma$ at the start, $\kappa \ge 0$: "
        r"$V = \frac12 \mathrm{tr}\, \Gamma (P - P_*) \Sigma_{xx} (P - P_*)^\top$ never grows, "
        r"$V \le e^{-2 \kappa \lambda_+ t} V_0$, and $\ell - \ell_* \le \mathrm{cond}(\Gamma) "
        r"e^{-2 \kappa \lambda_+ t} (\ell_0 - \ell_*)$."
    ),
    provenance="abstract",
    realises=("R5", "R7"),
    hypotheses=(
        Hypothesis("dominance", r"$\Xi \preceq -2 \kappa \Gamma$, $\kappa \ge 0$", lambda case: dominance(case) >= 0),
        Hypothesis(
            "column rank",
            "$B_2$ has full column rank",
            lambda case: bool(np.linalg.matrix_rank(np.asarray(case["feedback"][0])) == case["sizes"][-1]),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("dominance", r"$\Xi$ not negative: $V$ and the loss rise first.", dominated),
        Counterexample("column rank", "A bottleneck: the loss stays above its least value.", narrow),
    ),
    draws=Draws(default=20),
    note="The loss itself need not be monotone unless $\\Gamma$ is a multiple of the identity.",
)
