"""Matrix flows for statements: data whose modes are known, feedback of a given product, and runs with their error."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.statement import Instance

Array = NDArray[np.float64]


def matrices(given: Any) -> list[Array]:
    """A list of matrices, which JSON has made nested lists."""
    return [np.asarray(matrix, dtype=float) for matrix in given]


def product(factors: list[Array], size: int) -> Array:
    """The product, left to right; the identity without factors."""
    return reduce(lambda left, right: left @ right, factors, np.eye(size))


def feedback_products(feedback: list[Array], outputs: int) -> list[Array]:
    """C_1..C_L, C_l = B_{l+1} .. B_L."""
    return [product(feedback[layer:], feedback[layer].shape[0]) for layer in range(len(feedback))] + [np.eye(outputs)]


def task_of(case: Instance) -> Task:
    """The population with the moments of a case, whose best loss is zero."""
    inputs, cross = (np.asarray(case[name], dtype=float) for name in ("input_moment", "cross_moment"))
    fitted = np.linalg.solve(inputs, cross.T).T
    explained = fitted @ cross.T
    return Task("drawn", inputs, cross, 0.5 * (explained + explained.T))


def draw_moments(draw: Draw, n_inputs: int, n_outputs: int, *, commuting: bool = True) -> dict[str, Any]:
    """Moments with curvatures and correlations over a decade around one; with bases U, V if they commute."""
    curvature = draw.log_uniforms(n_inputs, 0.3, 3.0)
    correlation = draw.log_uniforms(min(n_inputs, n_outputs), 0.3, 3.0) * draw.signs(min(n_inputs, n_outputs))
    v, u = draw.orthogonal(n_inputs), draw.orthogonal(n_outputs)
    own = v if commuting else draw.orthogonal(n_inputs)
    moment = (own * curvature) @ own.T
    modes = len(correlation)
    return {
        "input_moment": 0.5 * (moment + moment.T),
        "cross_moment": (u[:, :modes] * correlation) @ v[:, :modes].T,
        "curvature": curvature[:modes],
        "correlation": correlation,
        "input_basis": v,
        "output_basis": u,
    }


def run(
    case: Instance, measure: Callable[[Trajectory], ArrayLike], t: ArrayLike, rule: str = "fa"
) -> tuple[Array, Array]:
    """What a measure says of the flow from a case's start, (time, ...), and how well that is known, (time, 1, ..)."""
    start = matrices(case["start"])
    value, error = integrated(
        task_of(case),
        measure,
        hidden=[len(weight) for weight in start[:-1]],
        rule=rule,
        start=start,
        feedback=matrices(case["feedback"]) if rule != "bp" else None,
        t_eval=t,
    )
    return value, error.reshape(-1, *[1] * (value.ndim - 1))
