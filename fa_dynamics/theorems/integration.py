"""Numbers from an integrated flow, with their numerical error from a second tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import SOLVER_ERROR, Trajectory
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.evidence import ROUND_OFF

Array = NDArray[np.float64]

COARSE, FINE = 1e-8, 1e-11
"""Relative tolerances of the two runs; the values are those of the fine one."""

SMALL = 1e-4
"""Distance of the two runs, relative to what they measure, up to which it tells how far the fine run may be off."""


def integrated(
    task: Task,
    measure: Callable[[Trajectory], ArrayLike],
    *,
    start: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike] | None = None,
    t_eval: ArrayLike,
    time_axis: int = 0,
    scale: float | None = None,
    rtol: float = FINE,
    coarse: float = COARSE,
    **options: Any,
) -> tuple[Array, Array]:
    """What a measure says of a run of `simulate`, and how well it is known at each time.

    The error is the largest distance, over all entries and up to each time, to a second run with a looser tolerance,
    other steps, and matrices shaken by their round-off; plus the known error of dense output, and the round-off of
    every step. Two runs of the same steps would share the error of their dense output, and two of the same start would
    not show how round-off grows where a flow is unstable. It is infinite once the runs have come apart: what round-off
    grows to is then unknown.

    Parameters
    ----------
    task
        What is learned.
    measure
        From a trajectory to numbers.
    start, feedback
        Matrices.
    t_eval
        Output times.
    time_axis
        Axis of the numbers along which time runs.
    scale
        Of what is measured; by default its largest value, which a number that ought to be zero does not tell.
    rtol, coarse
        Relative tolerances of the two runs.
    **options
        All other arguments of `simulate`, but for `t_end` and `max_step`.

    Returns
    -------
    value, error
        What the measure returns, and (time,).

    Raises
    ------
    RuntimeError
        A run did not reach its end.
    """
    times = np.asarray(t_eval, dtype=float)
    spacing = float(np.diff(times, prepend=0.0).max())
    rng = np.random.default_rng(0)
    values, steps = [], 0
    for tolerance, longest, noise in ((coarse, spacing, ROUND_OFF), (rtol, spacing / 2, 0.0)):
        run = simulate(
            task,
            start=_shaken(start, noise, rng),
            feedback=None if feedback is None else _shaken(feedback, noise, rng),
            t_end=float(times[-1]),
            t_eval=times,
            rtol=tolerance,
            atol=1e-3 * tolerance,
            max_step=longest,
            progress=False,
            **options,
        )
        if run.status != "completed":
            raise RuntimeError(f"the run ended early: {run.status}, {run.message}")
        values.append(np.asarray(measure(run), dtype=float))
        steps = run.solver["steps"]
    rough, fine = values
    apart = np.moveaxis(np.abs(fine - rough), time_axis, 0).reshape(len(times), -1).max(axis=1)
    distance = np.maximum.accumulate(apart)
    size = float(np.max(np.abs(fine), initial=0.0)) if scale is None else scale
    rest = (SOLVER_ERROR * rtol + ROUND_OFF * steps) * size
    return fine, np.where(distance <= SMALL * size, distance + rest, np.inf)


def _shaken(given: Sequence[ArrayLike], noise: float, rng: np.random.Generator) -> list[Array]:
    """Matrices with noise on every entry, relative to their largest one."""
    matrices = [np.asarray(matrix, dtype=float) for matrix in given]
    return [
        matrix + noise * np.abs(matrix).max(initial=0.0) * rng.uniform(-1.0, 1.0, matrix.shape) for matrix in matrices
    ]
