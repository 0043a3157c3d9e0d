"""The Zarr store: made once, filled block by block, the same bytes in whatever order the runs came."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.flows.dataset import versions
from fa_dynamics.sweep.axes import canonical
from fa_dynamics.sweep.journal import Journal
from fa_dynamics.sweep.layout import Layout, block_shape, lay_out
from fa_dynamics.sweep.observables import coordinates_of
from fa_dynamics.sweep.points import description, seed_of, values_at
from fa_dynamics.sweep.run import STATUS
from fa_dynamics.sweep.spec import Spec

FORMAT = "fa_dynamics sweep 1"
"""Written into every store; a change of layout changes the number."""

RUN_VARIABLES = ("message", "status")
"""Beside the observables. The status is written last: a block that has it is complete."""


@dataclass(frozen=True, eq=False)
class Store:
    """An open store.

    Attributes
    ----------
    path
        Its folder.
    group
        Of Zarr.
    shape, block
        Number of values of every axis and of draws; how many of them share a chunk.
    names
        Observables.
    """

    path: Path
    group: Any
    shape: tuple[int, ...]
    block: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(np.prod(self.shape, dtype=np.int64))

    def status(self) -> NDArray[np.int8]:
        """Code of every run, (runs,)."""
        return np.asarray(self.group["status"][...]).reshape(-1)

    def block_of(self, run: int) -> range:
        """The runs that share a chunk with a run: they follow each other."""
        split = next((i for i, (part, size) in enumerate(zip(self.block, self.shape, strict=True)) if part > 1), None)
        if split is None:
            return range(run, run + 1)
        inner = int(np.prod(self.shape[split + 1 :], dtype=np.int64))
        whole, length = inner * self.shape[split], inner * self.block[split]
        lead = run // whole * whole
        first = lead + (run - lead) // length * length
        return range(first, min(first + length, lead + whole))

    def region(self, runs: range) -> tuple[slice, ...]:
        """Of the arrays, which a block of runs fills."""
        first, last = (np.unravel_index(run, self.shape) for run in (runs[0], runs[-1]))
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def compact(self, runs: range, journal: Journal) -> None:
        """Move a block of runs from the journal into the store; runs that are not in the journal keep their values.

        Ended at any moment, it can be done again: the journal forgets only what is in all arrays.
        """
        region = self.region(runs)
        held = {name: np.asarray(self.group[name][region]) for name in (*self.names, *RUN_VARIABLES)}
        flat = {name: array.reshape(len(runs), *array.shape[len(self.shape) :]) for name, array in held.items()}
        waiting = sorted({*journal.runs()} & {*runs})
        for run in waiting:
            done, row = journal.read(run), run - runs[0]
            flat["status"][row] = STATUS.index(done.status)
            flat["message"][row] = done.message
            for name in self.names:
                flat[name][row] = np.nan
                array = done.arrays.get(name)
                if array is not None:
                    room: tuple[Any, ...] = (row, *(slice(size) for size in array.shape))
                    flat[name][room] = array
        for name in (*self.names, *RUN_VARIABLES):
            self.group[name][region] = flat[name].reshape(held[name].shape)
        for run in waiting:
            journal.remove(run)


def settle_writes() -> None:
    """Wait for what Zarr still writes: its event loop goes on with the other writes of a call after one of them failed.

    Before that a store must not be let go: a write that comes late would fall into what another process makes of it.
    """
    import asyncio

    from zarr.core.sync import sync

    async def rest() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    sync(rest())


def fingerprint(spec: Spec) -> str:
    """All that decides the numbers, as a text."""
    return canonical(description(spec) | {"versions": _decisive(versions())})


def open_store(spec: Spec, path: Path, journal: Journal, layout: Layout | None = None) -> Store:
    """The store of this sweep: a new one, or the one that was begun.

    Raises
    ------
    InputError
        Something else is there, or another sweep, or other versions of what shapes the numbers.
    """
    text = fingerprint(spec)
    attributes = read_attributes(path)
    if attributes is not None:
        _check_same(json.loads(attributes["fingerprint"]), json.loads(text), path)
        for partial in path.rglob("*.partial"):  # chunks that a killed process had not finished
            partial.unlink()
        journal.prepare()
    else:
        # A store without attributes is one that was ended while it was made: its journal says whose it is.
        if any(path.iterdir()) and journal.noted() != text:
            raise InputError(f"store: {str(path)!r} exists and is no store of a sweep; name another one")
        for entry in path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        journal.prepare()
        journal.note(text)
        _make(spec, layout or lay_out(spec), path, text)
    return _opened(path)


def read_attributes(path: Path) -> dict[str, Any] | None:
    """Attributes of a store, or None if there is none."""
    try:
        attributes = json.loads((path / "zarr.json").read_text(encoding="utf-8")).get("attributes", {})
    except (OSError, ValueError, AttributeError):
        return None
    return dict(attributes) if attributes.get("format") == FORMAT else None


def _opened(path: Path) -> Store:
    import zarr

    group: Any = zarr.open_group(path, mode="r+")
    attributes = group.attrs
    return Store(
        path=path,
        group=group,
        shape=tuple(group["status"].shape),
        block=tuple(group["status"].chunks),
        names=tuple(attributes["observables"]),
    )


def _make(spec: Spec, layout: Layout, path: Path, text: str) -> None:
    import zarr

    group: Any = zarr.open_group(path, mode="a", zarr_format=3)
    axes = (*(each.name for each in spec.grid), "draw")
    block = block_shape(spec, layout)

    def put(name: str, dims: tuple[str, ...], values: Any, **attributes: str) -> None:
        kind = "str" if np.asarray(values).dtype.kind in "OUT" else np.asarray(values).dtype
        array = group.create_array(
            name, shape=np.shape(values), dtype=kind, dimension_names=dims, attributes=attributes
        )
        if np.size(values):
            array[...] = values

    for name, each in layout.variables.items():
        inner = layout.shape(name)
        group.create_array(
            name,
            shape=(*spec.shape, *inner),
            chunks=(*block, *(max(1, size) for size in inner)),
            dtype="f8",
            fill_value=np.nan,
            dimension_names=(*axes, *each.dims),
            attributes={"units": each.units, "description": each.description},
        )
    codes = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(s.replace(" ", "_") for s in STATUS)}
    for name, kind, attributes in (
        ("status", "i1", {"description": "how the run ended", **codes}),
        ("message", "str", {"description": "what there is to say about the run"}),
    ):
        group.create_array(
            name, shape=spec.shape, chunks=block, dtype=kind, dimension_names=axes, attributes=attributes
        )
    seeds = np.empty(spec.runs, dtype=np.int64)
    for run in range(spec.runs):
        seeds[run] = seed_of(spec, *values_at(spec, run))
    put("seed", axes, seeds.reshape(spec.shape), description="seed of start and feedback of the run")
    for axis in spec.grid:
        put(axis.name, (axis.name,), axis.labels, description=f"argument {axis.name!r}")
    put("draw", ("draw",), np.arange(spec.draws), description="number of the draw")
    for name, table in layout.tables.items():
        put(name, table.dims, table.values, units=table.units, description=table.description)
    numbered = coordinates_of(layout.numbered)
    for name, numbers in numbered.items():
        put(name, (name,), numbers, description=f"number of the {name.replace('_', ' ')}")
    # The attributes come last: a store that has them is complete.
    group.attrs.update(
        {
            "coordinate_names": [*axes, *numbered, *layout.tables, "seed", "status", "message"],
            "observables": list(layout.variables),
            "solver": spec.solver,
            "axes": list(axes),
            "versions": versions(),
            "spec": spec.source[1] if spec.source else "",
            "fingerprint": text,
            "format": FORMAT,
        }
    )


def _decisive(found: Mapping[str, str]) -> dict[str, str]:
    return {name: version for name, version in found.items() if name != "python"}


def _check_same(begun: dict[str, Any], asked: dict[str, Any], path: Path) -> None:
    if begun == asked:
        return
    for key in ("solver", "task", "fixed", "axes", "grid", "draws", "seed", "record", "level", "paired", "files"):
        if begun.get(key) != asked.get(key):
            raise InputError(
                f"store: {str(path)!r} holds another sweep: {key} was {_short(begun.get(key))}, now "
                f"{_short(asked.get(key))}; name another store"
            )
    raise InputError(
        f"store: {str(path)!r} was begun with {_short(begun.get('versions'))}, here are "
        f"{_short(asked.get('versions'))}: the same numbers cannot be promised; name another store"
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
