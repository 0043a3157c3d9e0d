"""Two-layer networks with one output: cases, their runs with numerical errors, and what claims are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.trajectory import SOLVER_ERROR
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart, gaussian_start, reduced_start
from fa_dynamics.systems.one_output_flow import OneOutputRun, flow_one_output
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import ROUND_OFF
from fa_dynamics.theorems.statement import Hypothesis, Instance

Array = NDArray[np.float64]

FINE, COARSE = 1e-10, 1e-7
"""Relative tolerances of the two runs of an explicit method."""

STIFF_FINE, STIFF_COARSE = 1e-7, 1e-5
"""Those of Radau, whose order is lower."""

NO_DECAY = Hypothesis("no decay", r"$\rho = 0$", lambda case: case["rho"] == 0)


def draw_case(
    draw: Draw,
    *,
    widths: tuple[int, ...] = (1, 2, 3, 8, 40),
    rank: tuple[int, int] = (1, 5),
    explained: bool = False,
    against: bool = True,
) -> dict[str, Any]:
    """Data and weights of a network with one output; single units, bottlenecks and wide layers.

    Eigenvalues of X X^T over two decades and times over four, targets over three decades; weights and feedback over
    two decades each, W_2 at any angle to B_2.

    Parameters
    ----------
    draw
        The numbers.
    widths
        Of the hidden layer.
    rank
        Of X, smallest and largest.
    explained
        Whether the data can always be interpolated; else they sometimes cannot.
    against
        Whether W_2 may point against B_2.
    """
    width, r, more = draw.choice(widths), draw.integer(*rank), draw.integer(0, 3)
    spread, unit = draw.log_uniform(1.0, 100.0), draw.log_uniform(0.01, 100.0)
    size, first, second = draw.log_uniform(0.03, 30.0), draw.log_uniform(0.03, 3.0), draw.log_uniform(0.03, 3.0)
    back, angle = draw.log_uniform(0.1, 5.0), draw.uniform(-1.0 if against else 0.0, 1.0)
    extra = 0 if explained else draw.integer(0, 2)
    basis = draw.orthogonal(r + more, r)
    eigenvalues = unit * np.append(1.0, draw.log_uniforms(r - 1, 1.0, spread))
    rows = draw.orthogonal(r + extra, r)
    inputs = rows @ (np.sqrt(eigenvalues)[:, None] * basis.T)
    along = draw.normals(r)
    targets = inputs @ (basis @ (size * along / np.linalg.norm(along)))
    feedback, random = draw.normals((width, 1)), draw.normals((1, width))
    feedback *= back / np.linalg.norm(feedback)
    upper = angle * feedback.T / back + (1 - abs(angle)) * random / np.linalg.norm(random)
    return {
        "inputs": inputs,
        "targets": targets + (np.sqrt(unit) * size * draw.normals(len(targets)) if extra else 0.0),
        "W_1": draw.normals((width, r + more), first / np.sqrt(width)),
        "W_2": second * np.sqrt(width) * upper,
        "B_2": feedback,
        "rho": 0.0,
    }


def problem_of(case: Instance) -> OneOutputProblem:
    """What the network of an instance learns."""
    return OneOutputProblem.from_arrays(case["inputs"], case["targets"])


def start_of(case: Instance, problem: OneOutputProblem) -> OneOutputStart:
    """The weights of an instance: its own, or those of its width and seed in the paper's parametrisation."""
    if "W_1" in case:
        return reduced_start(problem, case["W_1"], case["W_2"], case["B_2"])
    streams = (np.random.default_rng([int(case["seed"]), place]) for place in (1, 2))
    return gaussian_start(problem, int(case["width"]), *streams)


def run(
    problem: OneOutputProblem,
    start: OneOutputStart,
    t: Array,
    measure: Callable[[OneOutputRun], ArrayLike],
    *,
    stiff: bool = False,
    **options: Any,
) -> tuple[Array, Array]:
    """Values of a measure along the flow, and how well they are known, of the same shape.

    The error at a time is the largest distance of two runs up to then, since they may cross, and what dense output is
    known to err by.

    Parameters
    ----------
    problem, start
        Data and weights.
    t
        Increasing times.
    measure
        From a run to numbers, whose first axis is time.
    stiff
        Whether to use Radau.
    **options
        Other arguments of `flow_one_output`.

    Raises
    ------
    RuntimeError
        A run did not reach its end.
    """
    fine, coarse = (STIFF_FINE, STIFF_COARSE) if stiff else (FINE, COARSE)
    values = []
    for tolerance in (fine, coarse):
        settings = {"method": "Radau"} if stiff else {}
        ended = flow_one_output(
            problem, start, t_end=float(t[-1]), t_eval=t, rtol=tolerance, atol=1e-3 * tolerance, **(settings | options)
        )
        if ended.status != "completed":
            raise RuntimeError(f"the run ended early: {ended.status}, {ended.message}")
        values.append(np.asarray(measure(ended), dtype=float))
    value, rough = values
    error = np.maximum.accumulate(np.abs(value - rough), axis=0)
    return value, error + (SOLVER_ERROR * fine + ROUND_OFF) * np.max(np.abs(value), axis=0, initial=0.0)


def misfit(problem: OneOutputProblem, P: Array) -> Array:
    """|(P - P_*) X|: what of the residual can be learned."""
    return np.asarray(np.sqrt(np.sum((P - problem.target) ** 2 * problem.curvatures, axis=-1)))


def speed(problem: OneOutputProblem, start: OneOutputStart) -> float:
    """A rate, 1/time: about the largest that the flow meets on its way."""
    growth = start.kappa * float(start.U @ start.U + problem.target @ problem.target)
    return float(problem.curvatures[0] * (1 + abs(start.s) + np.linalg.norm(start.M, 2) + growth))


def clock_matrix(start: OneOutputStart) -> Array:
    """M_0 - kappa U_0^T U_0 + (s_0 - kappa |U_0|^2 / 2) I, the symmetric matrix of the vector clock."""
    U, kappa = start.U, start.kappa
    return np.asarray(start.M - kappa * np.outer(U, U) + (start.s - kappa / 2 * U @ U) * np.eye(len(U)))


def farthest(problem: OneOutputProblem, start: OneOutputStart) -> float:
    """A bound on |U - U_0| for all times without decay: beyond it the potential exceeds its first value.

    Source: `song2021.md` 3.
    """
    first, kappa = float(np.linalg.norm(start.U)), start.kappa
    least = float(np.linalg.eigvalsh(clock_matrix(start))[0])
    away = float(np.linalg.norm(problem.target - start.P)) + kappa / 2 * first**3
    # kappa (d - |U_0|)^4 / 8 + least d^2 / 2 - away d = kappa |U_0|^4 / 8 has its last zero here.
    quartic = kappa / 8 * np.poly1d([1.0, -first]) ** 4 + np.poly1d([least / 2, -away, -kappa / 8 * first**4])
    zeros = np.atleast_1d(np.roots(quartic))
    return max(float(zeros[np.abs(zeros.imag) < 1e-6 * (1 + np.abs(zeros))].real.max(initial=0.0)), first)


def law_of_growth(R: Array | float, rho_over_gamma: float) -> Array:
    """rho |P_*| |B_2| t at which sqrt(kappa) |U| = R, for isometric data: (1 + rho / gamma) R + R^3 / 3."""
    return np.asarray((1 + rho_over_gamma) * R + np.asarray(R) ** 3 / 3)
