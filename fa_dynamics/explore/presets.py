"""Where the sliders may start: the rows of the initialisation table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.explore.state import State
from fa_dynamics.modes.named_starts import EPSILON, LEVEL, Row, rows


def presets() -> dict[str, State]:
    """A state per row of the table of starts, by its letter, with unit feedback (Girotti et al. 2021; notes)."""
    return {name: _state(row) for name, row in rows().items()}


def titles() -> dict[str, str]:
    """Letters by what a menu says of them."""
    return {f"{name}: {row.title}": name for name, row in rows().items()}


def recorded(state: State) -> Row | None:
    """The row of the table that a state is, if it is one, however backpropagation starts: it has recorded times."""
    plain = replace(state, same=False)
    return next((row for row in rows().values() if _state(row) == plain), None)


def _state(row: Row) -> State:
    feedback = (1.0,) * (len(row.start) - 1)
    if any(isinstance(theta, tuple) for theta in row.start):
        return State("fa", row.sigma, (0.0,) * len(row.start), feedback, LEVEL, distance=EPSILON)
    start = tuple(theta for theta in row.start if not isinstance(theta, tuple))
    return State("fa", row.sigma, start, feedback, LEVEL)


def opened(query: Mapping[str, Any]) -> tuple[State, str | None]:
    """The state that an address asks for: a preset, parts of a state, or both; else why not, and the first preset."""
    known, parts = presets(), {name: text for name, text in query.items() if name != "preset"}
    first, name = next(iter(known)), query.get("preset")
    try:
        if name is not None and name not in known:
            raise InputError(f"preset: no row of the table is called {name!r}; {nearest(str(name), known)}")
        return State.from_query(parts, known[str(name or first)]), None
    except InputError as problem:
        return known[first], str(problem)
