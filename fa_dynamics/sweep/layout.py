"""Which arrays a store has, how long they are, and which runs share a chunk: known before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import DerivationError, InputError
from fa_dynamics.sweep.axes import canonical
from fa_dynamics.sweep.observables import Observable, lengths, variables_of
from fa_dynamics.sweep.points import arguments_at, values_at
from fa_dynamics.sweep.solvers import SOLVERS, Facts, build_task
from fa_dynamics.sweep.spec import Spec
from fa_dynamics.tasks import Task

TIME_ARGUMENTS = ("t", "t_end", "t_eval", "n_steps", "step_size", "record")
MODE_ARGUMENTS = ("correlation", "curvature")

BLOCK_BYTES = 4e6
BLOCK_RUNS = 1024
"""Runs are written together until they are this large or this many."""


@dataclass(frozen=True, eq=False)
class Table:
    """An array that does not differ between draws: dims are axes of the grid, then `last`."""

    dims: tuple[str, ...]
    values: NDArray[np.float64]
    units: str
    description: str


@dataclass(frozen=True, eq=False)
class Layout:
    """Arrays of a store.

    Attributes
    ----------
    variables
        Observables by name.
    sizes
        Length of every dimension within a run: the longest at any point of the grid; shorter ones are filled with nan.
    tables
        Times and modes.
    """

    variables: Mapping[str, Observable]
    sizes: Mapping[str, int]
    tables: Mapping[str, Table]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a variable within a run."""
        return tuple(self.sizes[dim] for dim in self.variables[name].dims)

    @property
    def numbered(self) -> dict[str, int]:
        """Dimensions of the store within a run, and their lengths."""
        used = {dim for each in self.variables.values() for dim in each.dims} | {"mode"}
        return {dim: size for dim, size in self.sizes.items() if dim in used}

    @property
    def run_bytes(self) -> int:
        """Of one run, uncompressed."""
        return 8 * sum(int(np.prod(self.shape(name), dtype=np.int64)) for name in self.variables) + 16


def lay_out(spec: Spec, report: Callable[[float], None] = lambda fraction: None) -> Layout:
    """Check every point of the grid, and find the longest of everything.

    Raises
    ------
    InputError
        What is wrong at a point, by key, line and value.
    """
    tasks: dict[str, Task | None] = {}
    facts: list[tuple[dict[str, Any], Facts]] = []
    sizes: dict[str, int] = {}
    seen: set[str] = set()
    points = spec.runs // spec.draws
    for point in range(points):
        values, _ = values_at(spec, point * spec.draws)
        found = _facts(spec, values, tasks)
        for name, size in lengths(found).items():
            sizes[name] = max(size, sizes.get(name, 0))
        deciding = {name: value for name, value in values.items() if _decides_tables(name)}
        if (text := canonical(deciding)) not in seen:
            seen.add(text)
            facts.append((values, found))
        report((point + 1) / points)
    return Layout(variables_of(spec.solver, spec.record, sizes["layer"]), sizes, _tables(spec, facts, sizes))


def block_shape(spec: Spec, layout: Layout) -> tuple[int, ...]:
    """How many values of every axis, and draws, share a chunk: whole axes from the last one on, then part of one."""
    room = int(max(1, min(BLOCK_RUNS, BLOCK_BYTES // layout.run_bytes)))
    shape: list[int] = []
    for size in reversed(spec.shape):
        shape.insert(0, min(size, room))
        room = room // size if room >= size else 1
    return tuple(shape)


def _facts(spec: Spec, values: Mapping[str, Any], tasks: dict[str, Task | None]) -> Facts:
    given, arguments = arguments_at(spec, values)
    try:
        text = "" if given is None or isinstance(given, Task) else canonical(given)
        if text not in tasks:
            tasks[text] = build_task(given)
    except InputError as problem:
        raise _located(spec, values, problem, "task") from problem
    try:
        return SOLVERS[spec.solver].facts(tasks[text], arguments)
    except (InputError, DerivationError) as problem:
        raise _located(spec, values, problem, "fixed") from problem


def _located(spec: Spec, values: Mapping[str, Any], problem: Exception, otherwise: str) -> InputError:
    """The error of a solver or a task, at the key of the sweep that it is about."""
    argument = str(problem).partition(":")[0]
    sentence = str(problem).removeprefix(f"{argument}: ")
    at = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    place = f" (at {at})" if at else ""
    for key, known in (
        (f"grid.{argument}", argument in values),
        (f"grid.task.{argument}", f"task.{argument}" in values),
        (f"fixed.{argument}", argument in spec.fixed),
        (f"task.{argument}", isinstance(spec.task, Mapping) and argument in spec.task),
    ):
        if known:
            return spec.error(key, sentence + place)
    return spec.error(otherwise, (sentence if argument == otherwise else str(problem)) + place)


def _decides_tables(name: str) -> bool:
    return name in TIME_ARGUMENTS or name in MODE_ARGUMENTS or name.startswith("task.")


def _tables(spec: Spec, facts: list[tuple[dict[str, Any], Facts]], sizes: Mapping[str, int]) -> dict[str, Table]:
    of_modes = [e.name for e in spec.grid if e.name in MODE_ARGUMENTS or e.name.startswith("task.")]
    of_times = [e.name for e in spec.grid if e.name in TIME_ARGUMENTS]
    time = _table(spec, of_times, "time", sizes, [(values, found.times) for values, found in facts])
    # A dimension can be its own coordinate only if all runs share it.
    tables = {"time" if not of_times else "times": Table(time[0], time[1], "1 / curvature", "output time")}
    told = {
        "mode_correlation": ("input times output", "correlation sigma of the modes"),
        "mode_curvature": ("input squared", "curvature lambda of the modes"),
        "target": ("output per input", "target s = sigma / lambda of the modes"),
    }
    for name, (units, sentence) in told.items():
        rows = [(values, found.modes[name.removeprefix("mode_")]) for values, found in facts]
        tables[name] = Table(*_table(spec, of_modes, "mode", sizes, rows), units, sentence)
    return tables


def _table(
    spec: Spec, axes: list[str], last: str, sizes: Mapping[str, int], rows: list[tuple[dict[str, Any], Any]]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    places = {e.name: {canonical(value): i for i, value in enumerate(e.values)} for e in spec.grid if e.name in axes}
    table = np.full((*(len(places[name]) for name in axes), sizes[last]), np.nan)
    for values, row in rows:
        index = tuple(places[name][canonical(values[name])] for name in axes)
        table[index][: len(row)] = row
    return (*axes, last), table
