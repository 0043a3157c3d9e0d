"""The matrices of a state as one flat vector, which is what solvers move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile import CompiledFlow
from fa_dynamics.flows.runge_kutta import InPlace

Array = NDArray[np.float64]

REMEMBERED = 24
"""Views whose parts are remembered: more than the stages of a method."""


def splitter(
    shapes: Sequence[tuple[int, int]], members: int | None = None, times: int | None = None
) -> Callable[[Array], list[Array]]:
    """A function that views a flat state as its matrices, ([times], [members], rows, columns).

    It remembers the parts of the views it was given, which are the rows of a solver's stages: slicing them anew at
    every evaluation takes as long as small products do.
    """
    widths = [rows * columns for rows, columns in shapes]
    ends = list(accumulate(widths))
    layout = list(zip([0, *ends[:-1]], ends, shapes, strict=True))
    lead = tuple(size for size in (times, members) if size is not None)
    known: dict[int, tuple[Array, list[Array]]] = {}

    def split(state: Array) -> list[Array]:
        remembered = known.get(id(state))
        if remembered is not None and remembered[0] is state:
            return remembered[1]
        table = state.reshape(*lead, sum(widths))
        parts: list[Array] = [table[..., first:last].reshape(*lead, *shape) for first, last, shape in layout]
        if state.base is not None and state.flags.c_contiguous:
            if len(known) == REMEMBERED:
                known.clear()
            known[id(state)] = state, parts
        return parts

    return split


def flat_velocity(compiled: CompiledFlow, values: Mapping[str, Any]) -> tuple[InPlace, Callable[[Array], list[Array]]]:
    """The velocity of a flat state, and the function that views a flat state as its matrices."""
    bound, split = compiled.bind(values, np.empty), splitter(compiled.shapes)
    return InPlace(lambda _, state, out: bound(split(state), split(out))), split
