"""The runs of a sweep by number: their arguments, their seeds, and the fingerprint of the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.sweep.axes import canonical
from fa_dynamics.sweep.spec import Spec
from fa_dynamics.tasks import Task

MOMENTS = ("input_moment", "cross_moment", "output_moment", "inputs", "targets")


def values_at(spec: Spec, run: int) -> tuple[dict[str, Any], int]:
    """Value on every axis, by name, and number of the draw, of a run counted in the order of the store."""
    *place, draw = (int(index) for index in np.unravel_index(run, spec.shape))
    return {each.name: each.values[index] for each, index in zip(spec.grid, place, strict=True)}, draw


def arguments_at(spec: Spec, values: Mapping[str, Any]) -> tuple[Mapping[str, Any] | Task | None, dict[str, Any]]:
    """Task and arguments of the solver at a point of the grid."""
    arguments = dict(spec.fixed) | {name: value for name, value in values.items() if not name.startswith("task.")}
    options = {name.removeprefix("task."): value for name, value in values.items() if name.startswith("task.")}
    if options:
        assert isinstance(spec.task, Mapping)
        return {**spec.task, **options}, arguments
    return spec.task, arguments


def seed_of(spec: Spec, values: Mapping[str, Any], draw: int) -> int:
    """Seed of a run, in [0, 2^63): from the seed of the sweep, the coordinates that are not paired, and the draw.

    It does not depend on the other values of the axes, nor on the order of work.
    """
    own = {name: value for name, value in values.items() if name not in spec.paired}
    digest = hashlib.sha256(canonical([spec.seed, own, draw]).encode()).digest()
    sequence = np.random.SeedSequence(int.from_bytes(digest, "big"))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def description(spec: Spec) -> dict[str, Any]:
    """All that decides the numbers of a sweep, as plain values; files by their content."""
    grid = {each.name: list(each.values) for each in spec.grid}
    return {
        "solver": spec.solver,
        "task": _task_record(spec.task),
        "fixed": dict(spec.fixed),
        "grid": grid,
        "axes": list(grid),
        "draws": spec.draws,
        "seed": spec.seed,
        "record": list(spec.record),
        "level": spec.level,
        "paired": sorted(spec.paired),
        "files": _files(spec),
    }


def _task_record(task: Mapping[str, Any] | Task | None) -> Any:
    if not isinstance(task, Task):
        return task
    digest = hashlib.sha256()
    for name in MOMENTS:
        array = getattr(task, name)
        digest.update(name.encode() if array is None else np.ascontiguousarray(array).tobytes())
    return {"name": task.name, "sha256": digest.hexdigest()}


def _files(spec: Spec) -> dict[str, str]:
    rules = [spec.fixed.get("rule"), *(value for each in spec.grid if each.name == "rule" for value in each.values)]
    paths = [rule.rpartition(":")[0] for rule in rules if isinstance(rule, str)]
    tables = [spec.task.get("data")] if isinstance(spec.task, Mapping) else []
    tables += [value for each in spec.grid if each.name == "task.data" for value in each.values]
    for table in tables:
        paths += table.split(",") if isinstance(table, str) else []
    known = sorted({path for path in paths if path and Path(path).is_file()})
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in known}
