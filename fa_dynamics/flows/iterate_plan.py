"""Everything about a run of finite steps that can be wrong is found here, before any step is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError
from fa_dynamics.flows.prepare import DEFAULT_TIMES, LARGEST_RUN, Setting, check_positive, settle
from fa_dynamics.starts import StartLike
from fa_dynamics.tasks import Task


@dataclass(frozen=True, eq=False)
class StepPlan(Setting):
    """A run of finite steps that is ready to be taken.

    Attributes
    ----------
    step_size, n_steps, momentum, batch_size
        As for `iterate`.
    record
        Step numbers whose states are kept, increasing.
    """

    step_size: float
    n_steps: int
    momentum: float
    batch_size: int | None
    record: NDArray[np.int_]


def prepare_steps(
    task: Task,
    hidden: int | Sequence[int] = (),
    rule: RuleLike = "fa",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    step_size: float,
    n_steps: int,
    momentum: float = 0.0,
    batch_size: int | None = None,
    decay: float | Sequence[float] | None = None,
    record: int | ArrayLike | None = None,
    seed: int = 0,
) -> StepPlan:
    """Check the arguments of `iterate`, derive and compile the rule, and draw the matrices.

    Raises
    ------
    InputError
        Bad arguments, or a run larger than the memory that it may take.
    DerivationError
        The rule cannot be derived.
    """
    check_positive(step_size, "step_size")
    if not _is_whole(n_steps) or n_steps < 1:
        raise InputError(f"n_steps: {n_steps!r} given, expected a whole number >= 1")
    if not _is_number(momentum) or not 0 <= momentum < 1:
        raise InputError(f"momentum: {momentum!r} given, expected a number from 0 to below 1")
    kept = _kept_steps(record, int(n_steps))
    setting = settle(task, hidden, rule, start, feedback, decay=decay, seed=seed, n_times=len(kept))
    if batch_size is not None:
        _check_batch(task, batch_size)
    needed = 8.0 * (n_steps + 1) * len(task.modes.correlation)
    if needed > LARGEST_RUN:
        raise InputError(
            f"n_steps: {n_steps} given; the mode strengths after each step take {needed / 1e9:.3g} GB, expected at "
            f"most {LARGEST_RUN / 1e9:.0f} GB"
        )
    return StepPlan(
        **vars(setting),
        step_size=float(step_size),
        n_steps=int(n_steps),
        momentum=float(momentum),
        batch_size=None if batch_size is None else int(batch_size),
        record=kept,
    )


def _check_batch(task: Task, batch_size: Any) -> None:
    if task.inputs is None or task.targets is None:
        raise InputError(
            f"batch_size: {batch_size!r} given, but the task {task.name!r} is a population without samples; expected "
            "None, or a task made from arrays"
        )
    if not _is_whole(batch_size) or not 1 <= batch_size <= len(task.inputs):
        raise InputError(
            f"batch_size: {batch_size!r} given, expected a whole number from 1 to {len(task.inputs)}, the samples of "
            f"{task.name!r}"
        )


def _kept_steps(record: Any, n_steps: int) -> NDArray[np.int_]:
    expected = f"how many states to keep, >= 1, or increasing step numbers from 0 to n_steps = {n_steps}"
    if record is None or _is_whole(record):
        count = DEFAULT_TIMES if record is None else int(record)
        if count < 1:
            raise InputError(f"record: {record!r} given, expected {expected}")
        if count == 1:
            return np.array([n_steps])
        count = min(count, n_steps + 1)
        return np.unique(np.round(np.arange(count) * (n_steps / (count - 1))).astype(int))
    try:
        given = np.asarray(record)
    except ValueError as problem:
        raise InputError(f"record: {record!r} given, expected {expected}") from problem
    whole = given.ndim == 1 and given.size > 0 and np.issubdtype(given.dtype, np.integer)
    if not whole or given[0] < 0 or given[-1] > n_steps or (np.diff(given) <= 0).any():
        raise InputError(f"record: {record!r} given, expected {expected}")
    return given.astype(int)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_ | np.complexfloating)
