"""What a sweep is asked to do, checked key by key before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.sweep.axes import Axis, axis, canonical, expand
from fa_dynamics.sweep.observables import OBSERVABLES
from fa_dynamics.sweep.solvers import SOLVERS, parameters_of
from fa_dynamics.sweep.toml_lines import line_of, read_toml
from fa_dynamics.tasks import Task

KEYS = ("solver", "task", "fixed", "grid", "draws", "seed", "record", "level", "paired")
"""Keys of a sweep file."""

DEFAULT_RECORD = {
    "simulate": ("learning_times", "mode_strength", "loss"),
    "iterate": ("learning_times", "mode_strength", "loss"),
    "solve_modes": ("learning_times", "strength"),
}

LARGEST_SWEEP = 10_000_000
"""Runs. Each has a place in the memory of the process that keeps the store."""


@dataclass(frozen=True, eq=False)
class Spec:
    """A sweep, complete and checked.

    Attributes
    ----------
    solver
        'simulate', 'iterate' or 'solve_modes'.
    task
        A table of options, such as ``{"name": "teacher", "rank": 2}``, a Task, or None (`solve_modes` needs none).
    fixed
        Arguments that are the same in all runs.
    grid
        Axes: arguments of the solver, or ``task.OPTION``.
    draws
        Runs per point of the grid, which differ in their seed.
    seed
        Of the sweep. The seed of a run is made from it, the run's coordinates and its draw.
    record
        Names of observables.
    level
        Of the learning times.
    paired
        Axes along which the draws are the same: the runs of one draw share start and feedback.
    source
        The file it came from, and its text; for messages.
    """

    solver: str
    task: Mapping[str, Any] | Task | None
    fixed: Mapping[str, Any]
    grid: tuple[Axis, ...]
    draws: int
    seed: int
    record: tuple[str, ...]
    level: float
    paired: tuple[str, ...]
    source: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of every axis, and of draws."""
        return (*(len(each.values) for each in self.grid), self.draws)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(np.prod(self.shape, dtype=np.int64))

    def error(self, key: str, problem: str) -> InputError:
        """An error about a key: names the file and the line where there is one."""
        return _error(self.source, key, problem)


def read_spec(given: str | Path | Mapping[str, Any] | Spec) -> Spec:
    """Read a sweep from a TOML file or a dictionary with the same keys.

    Parameters
    ----------
    given
        ``solver`` ('simulate' by default), ``task``, ``fixed`` and ``grid`` (arguments of the solver), ``draws``,
        ``seed``, ``record``, ``level`` and ``paired``; see `Spec`. Ranges may be written ``{linspace = [0, 1, 11]}`` or
        ``{geomspace = [0.01, 1, 5]}``.

    Raises
    ------
    InputError
        Names the key, and the line of the file, of whatever is wrong.
    """
    if isinstance(given, Spec):
        return given
    source = None
    if isinstance(given, str | Path):
        content, text = read_toml(Path(given))
        source = (str(given), text)
    elif isinstance(given, Mapping):
        content = dict(given)
    else:
        raise InputError(f"spec: {type(given).__name__} given, expected a TOML file or a dictionary")
    try:
        return _checked(content, source)
    except _Problem as problem:
        raise _error(source, problem.key, problem.sentence) from None


class _Problem(Exception):
    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(key, sentence)
        self.key, self.sentence = key, sentence


def _error(source: tuple[str, str] | None, key: str, problem: str) -> InputError:
    if source is None:
        return InputError(f"{key}: {problem}")
    name, text = source
    line = line_of(text, key)
    place = f"{name}, line {line}" if line else name
    return InputError(f"{place}: {key}: {problem}")


def _checked(content: dict[str, Any], source: tuple[str, str] | None) -> Spec:
    for key in content:
        if key not in KEYS:
            raise _Problem(str(key), f"no key is called so; {nearest(str(key), KEYS)}")
    solver = content.get("solver", "simulate")
    if not isinstance(solver, str) or solver not in SOLVERS:
        raise _Problem("solver", f"{solver!r} given; {nearest(str(solver), SOLVERS)}")
    task = _task(content.get("task"), solver)
    known = parameters_of(solver)
    tables = {key: content.get(key, {}) for key in ("fixed", "grid")}
    for key, table in tables.items():
        if not isinstance(table, Mapping):
            raise _Problem(key, f"{table!r} given, expected a table of arguments of {solver}")
    fixed = {}
    for name, value in tables["fixed"].items():
        _check_argument(f"fixed.{name}", name, known, solver, None)
        fixed[name] = _whole(f"fixed.{name}", value)
    axes = []
    for name, values in tables["grid"].items():
        key = f"grid.{name}"
        _check_argument(key, name, known, solver, task)
        if name in fixed:
            raise _Problem(key, "stands under 'fixed' too, expected one of the two")
        try:
            axes.append(axis(name, values))
        except InputError as problem:
            raise _Problem(key, str(problem)) from None
    given = {*fixed, *(each.name for each in axes)}
    if solver == "solve_modes" and isinstance(task, Mapping | Task) and given & {"correlation", "curvature"}:
        raise _Problem("task", "has correlations and curvatures of its own, expected no others beside it")
    for name, parameter in known.items():
        supplied = name in given or (task is not None and name in ("correlation", "curvature"))
        if parameter.default is inspect.Parameter.empty and not supplied:
            raise _Problem("fixed", f"lacks {name!r}, which {solver} needs")
    spec = Spec(
        solver=solver,
        task=task,
        fixed=fixed,
        grid=tuple(axes),
        draws=_count(content, "draws", 1, 1),
        seed=_count(content, "seed", 0, 0),
        record=_record(content.get("record", DEFAULT_RECORD[solver]), solver),
        level=_level(content.get("level", 0.5)),
        paired=_paired(content.get("paired", ()), [each.name for each in axes]),
        source=source,
    )
    if solver == "solve_modes" and spec.draws > 1:
        raise _Problem("draws", f"{spec.draws} given, but solve_modes draws nothing at random, expected 1")
    if spec.runs > LARGEST_SWEEP:
        raise _Problem("grid", f"{spec.runs} runs, expected at most {LARGEST_SWEEP}")
    return spec


def _task(given: Any, solver: str) -> Mapping[str, Any] | Task | None:
    if given is None:
        if solver != "solve_modes":
            raise _Problem("task", f"missing; {solver} needs one, such as {{name = 'digits'}} or {{spectrum = [2, 1]}}")
        return None
    if isinstance(given, Task):
        return given
    table = {"name": given} if isinstance(given, str) else given
    kinds = ("name", "spectrum", "data")
    if not isinstance(table, Mapping) or sum(kind in table for kind in kinds) != 1:
        raise _Problem("task", f"{given!r} given, expected a table with one of the keys 'name', 'spectrum' and 'data'")
    return {key: _whole(f"task.{key}", value) for key, value in table.items()}


def _check_argument(key: str, name: str, known: Mapping[str, Any], solver: str, task: Any) -> None:
    if name.startswith("task."):
        if isinstance(task, Mapping):
            return
        raise _Problem(key, "options of the task may vary if the task is given by a table of options")
    if name == "seed":
        raise _Problem(key, "seeds are made from 'seed' and the coordinates of a run; give 'draws'")
    if name not in known:
        raise _Problem(key, f"{solver} has no such argument; {nearest(name, known)}")


def _whole(key: str, value: Any) -> Any:
    try:
        expanded = expand(value)
        canonical(expanded)  # what has no text that lasts cannot be recognised when the sweep is continued
        return expanded
    except InputError as problem:
        raise _Problem(key, str(problem)) from None


def _count(content: Mapping[str, Any], key: str, default: int, least: int) -> int:
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise _Problem(key, f"{value!r} given, expected a whole number >= {least}")
    return int(value)


def _record(given: Any, solver: str) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names or len(set(map(str, names))) < len(names):
        raise _Problem("record", f"{given!r} given, expected different names of observables")
    for name in names:
        if name not in OBSERVABLES[solver]:
            raise _Problem("record", f"{solver} has no observable {name!r}; {nearest(str(name), OBSERVABLES[solver])}")
    return tuple(names)


def _level(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        raise _Problem("level", f"{given!r} given, expected a number between 0 and 1")
    return float(given)


def _paired(given: Any, names: Sequence[str]) -> tuple[str, ...]:
    chosen = [given] if isinstance(given, str) else given
    if not isinstance(chosen, Sequence):
        raise _Problem("paired", f"{given!r} given, expected names of axes of the grid")
    for name in chosen:
        if name not in names:
            raise _Problem("paired", f"the grid has no axis {name!r}; {nearest(str(name), names)}")
    return tuple(chosen)
