"""Numbers from an integrated flow, with their numerical error from a second tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.evidence import ROUND_OFF

Array = NDArray[np.float64]

COARSE, FINE = 1e-8, 1e-11
"""Relative tolerances of the two runs. The values are those of the fine run, their error its distance to the coarse
one: an overestimate, because the fine run is the better of the two by far."""


def integrated(
    task: Task,
    measure: Callable[[Trajectory], ArrayLike],
    *,
    rtol: float = FINE,
    coarse: float = COARSE,
    **options: Any,
) -> tuple[Array, Array]:
    """What a measure says of a run of `simulate`, and how well it is known.

    Parameters
    ----------
    task
        What is learned.
    measure
        From a trajectory to numbers.
    rtol, coarse
        Relative tolerances of the two runs.
    **options
        All other arguments of `simulate`.

    Returns
    -------
    value, error
        Arrays of the same shape.

    Raises
    ------
    RuntimeError
        A run did not reach its end.
    """
    values = []
    for tolerance in (rtol, coarse):
        run = simulate(task, rtol=tolerance, atol=1e-3 * tolerance, progress=False, **options)
        if run.status != "completed":
            raise RuntimeError(f"the run ended early: {run.status}, {run.message}")
        values.append(np.asarray(measure(run), dtype=float))
    fine, rough = values
    return fine, np.abs(fine - rough) + ROUND_OFF * float(np.max(np.abs(fine), initial=0.0))
