"""What the sliders say: one frozen value that fits into an address and comes back from it unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.rules import BUILT_IN
from fa_dynamics.errors import InputError, nearest
from fa_dynamics.modes.named_starts import COMMON, repelling

Array = NDArray[np.float64]

RULES = tuple(rule.name for rule in BUILT_IN)
"""Rules of the page: those of the package, for an address must not name a file that would be run."""

DEEPEST, MODES, LARGEST = 4, 8, 1e3
"""Limits of an address: a picture of anything within them takes a few tens of milliseconds."""

FOLD = (COMMON / 3) ** 1.5
"""Largest correlation, halved, that has a repelling state with the first integral k = theta_1^2 - 2 theta_2 = 6."""


@dataclass(frozen=True)
class State:
    """A spectrum, a rule and a start; curvatures are 1, so that time is in units of 1 / curvature.

    Attributes
    ----------
    rule
        Short name of the rule that is set beside backpropagation.
    spectrum
        Correlations sigma_k, one to eight.
    start
        theta_1..theta_L, shared by all modes; the number of layers L is its length.
    feedback
        b_2..b_L, shared by all modes.
    level
        A mode is learned within 1 - level of its target.
    same
        Whether backpropagation starts at `start` too, rather than balanced and small.
    distance
        If given, theta_1 = x_s + distance next to each mode's repelling zero-loss state, in the place of `start`
        (girotti2021.fixed-points, girotti2021.slow-passage); two layers and unit feedback only.

    Raises
    ------
    InputError
        What is outside the limits of the page.
    """

    rule: str = "fa"
    spectrum: tuple[float, ...] = (4.0, 2.0, 1.0, 0.5, 0.25)
    start: tuple[float, ...] = (0.0, 0.0)
    feedback: tuple[float, ...] = (1.0,)
    level: float = 0.99
    same: bool = False
    distance: float | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"rule: no rule of the page is called {self.rule!r}; {nearest(self.rule, RULES)}")
        if not 1 <= len(self.spectrum) <= MODES:
            raise InputError(f"spectrum: {len(self.spectrum)} modes given, expected 1 to {MODES}")
        if not 1 <= self.depth <= DEEPEST:
            raise InputError(f"start: {self.depth} layers given, expected 1 to {DEEPEST}")
        if len(self.feedback) != self.depth - 1:
            raise InputError(f"feedback: {len(self.feedback)} numbers given, expected {self.depth - 1}, b_2..b_L")
        for name in ("spectrum", "start", "feedback"):
            for value in getattr(self, name):
                if not abs(value) <= LARGEST:
                    raise InputError(f"{name}: {value:g} given, expected numbers of at most {LARGEST:g} in size")
        if not 0 < self.level < 1:
            raise InputError(f"level: {self.level:g} given, expected a number between 0 and 1")
        if self.distance is not None:
            self._check_distance(self.distance)

    def _check_distance(self, distance: float) -> None:
        if not 0 < distance <= 1:
            raise InputError(f"distance: {distance:g} given, expected a number in (0, 1]")
        if self.depth != 2 or self.feedback != (1.0,):
            raise InputError("distance: the repelling state is that of two layers and feedback 1; leave them so")
        largest = max(self.spectrum, key=abs)
        if abs(largest) >= FOLD:
            raise InputError(f"spectrum: sigma = {largest:g} has no repelling state, expected sizes below {FOLD:.3f}")

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.start)

    @property
    def table(self) -> Array:
        """theta_l(0) of every mode, (L, modes)."""
        columns = [(theta,) for theta in self.start]
        given = columns if self.distance is None else repelling(self.spectrum, self.distance)
        return np.array([np.broadcast_to(theta, len(self.spectrum)) for theta in given], dtype=float)

    def query(self) -> str:
        """The state as the query of an address, `State.from_query` of which is this state again.

        >>> State(start=(-4.0, 0.0)).query()
        'rule=fa&spectrum=4.0,2.0,1.0,0.5,0.25&start=-4.0,0.0&feedback=1.0&level=0.99&same=False'
        """
        written = {field.name: _text(getattr(self, field.name)) for field in fields(self)}
        return urlencode({name: text for name, text in written.items() if text is not None}, safe=",")

    @staticmethod
    def from_query(query: Mapping[str, Any], base: State | None = None) -> State:
        """The state of an address; what it leaves out is as in `base`.

        Raises
        ------
        InputError
            An unknown name, text that is no number, or what is outside the limits of the page.
        """
        known = {field.name: field.name for field in fields(State)}
        for name in query:
            if name not in known:
                raise InputError(f"{name}: no part of the address is called so; {nearest(name, known)}")
        read = {name: _read(name, str(text)) for name, text in query.items()}
        return replace(base or State(), **read)


def _text(value: Any) -> str | None:
    return ",".join(map(repr, value)) if isinstance(value, tuple) else None if value is None else str(value)


def _read(name: str, text: str) -> Any:
    if name == "rule":
        return text
    if name == "same":
        if text not in ("True", "False"):
            raise InputError(f"same: {text!r} given, expected True or False")
        return text == "True"
    values = numbers(text, name)
    if name in ("level", "distance"):
        if len(values) != 1:
            raise InputError(f"{name}: {text!r} given, expected one number")
        return values[0]
    return values


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Numbers from text such as '4, 2, 1'; none from a blank.

    Raises
    ------
    InputError
        A part that is no finite number.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = (float("nan"),)
    if not np.isfinite(values).all():
        raise InputError(f"{name}: {text!r} given, expected numbers such as 4, 2, 1")
    return values
