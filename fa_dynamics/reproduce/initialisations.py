"""The nine named starts of feedback alignment, solved, with their orders of learning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures.learning import Order
from fa_dynamics.modes import solve_modes
from fa_dynamics.modes.named_starts import EPSILON, LEVEL, SPECTRUM, Row, rows

__all__ = ["EPSILON", "LEVEL", "SPECTRUM", "Learned", "Row", "learn", "rows", "slopes", "zero_start_shape"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Learned:
    """A row at one level.

    Attributes
    ----------
    row, level
        What was solved, and when a mode counts as learned.
    times
        Learning times, (modes,).
    order
        Of learning.
    recorded
        Whether the notes recorded this setting.
    """

    row: Row
    level: float
    times: Array
    order: Order
    recorded: bool

    def over_spectrum(self, values: Iterable[Any]) -> list[Any]:
        """Values of the row's modes for every sigma of the table; None where the row has no such mode."""
        own = dict(zip(self.row.sigma, values, strict=True))
        return [own.get(sigma) for sigma in SPECTRUM]


def learn(row: Row, level: float = LEVEL, recorded: bool = False) -> Learned:
    """Solve a row, and read its learning times and their order."""
    curves = solve_modes(row.sigma, 1.0, len(row.start), "fa", row.table, 1.0, t=[0.0])
    return Learned(row, level, curves.learning_times(level), curves.order(level), recorded)


def slopes(epsilon: float) -> Array:
    """dT / d ln(1 / epsilon) of row G, (modes,), between two starts whose distances differ by a factor 100."""
    near, far = (learn(rows(distance)["G"]).times for distance in (epsilon, 100 * epsilon))
    return np.asarray((near - far) / np.log(100))


def zero_start_shape(level: float) -> Array:
    """H_3 in T = 2 H_3 (2 sigma)^(-2/3), the law of the zero start, by every mode of row A, (modes,)."""
    return np.asarray(learn(rows()["A"], level).times * (2 * np.array(SPECTRUM)) ** (2 / 3) / 2)
