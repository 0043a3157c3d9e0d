"""A plane of two scalars among the starts and feedbacks of a chain, the others fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.errors import InputError, nearest
from fa_dynamics.modes.integrate import layer_table

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plane:
    """Starts and feedbacks on a grid.

    Attributes
    ----------
    x, y
        The two that span the plane.
    x_values, y_values
        (nx,) and (ny,).
    names
        Of all scalars: theta_1..theta_L, then b_2..b_L (c_1..c_{L-1} for DFA).
    values
        Of all scalars, (2 L - 1, modes); rows of x and y are not used.
    """

    x: str
    y: str
    x_values: Array
    y_values: Array
    names: tuple[str, ...]
    values: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return len(self.y_values), len(self.x_values)

    def at(self, point: NDArray[np.int_]) -> tuple[Array, Array]:
        """Starts (L, n, modes) and feedbacks (L - 1, n, modes) at points of the grid, numbered along x first."""
        depth = (len(self.names) + 1) // 2
        table = np.repeat(self.values[:, None], len(point), axis=1)
        row, column = np.divmod(point, len(self.x_values))
        table[self.names.index(self.x)] = self.x_values[column, None]
        table[self.names.index(self.y)] = self.y_values[row, None]
        return table[:depth], table[depth:]

    def finer(self, points: int) -> Plane:
        """The same plane with another number of points per side."""
        xs, ys = (np.linspace(values[0], values[-1], points) for values in (self.x_values, self.y_values))
        return replace(self, x_values=xs, y_values=ys)

    def of(self, mode: int) -> Plane:
        """The plane of a single mode, counted from 0."""
        return replace(self, values=self.values[:, mode : mode + 1])

    def fixed(self) -> dict[str, Array]:
        """The scalars that do not span the plane, by name, (modes,) each."""
        pairs = zip(self.names, self.values, strict=True)
        return {name: row for name, row in pairs if name not in (self.x, self.y)}


def plane_of(
    chain: Chain,
    modes: int,
    start: ArrayLike,
    feedback: ArrayLike,
    x: str,
    y: str,
    x_range: ArrayLike,
    y_range: ArrayLike,
    points: int,
) -> Plane:
    """The plane that the arguments of `phase_diagram` describe.

    Raises
    ------
    InputError
        Unknown or equal names, ranges that are empty or not finite, fewer than two points, shapes that do not fit.
    """
    names = tuple(str(symbol) for symbol in (*chain.weights, *chain.feedback))
    for argument, name in (("x", x), ("y", y)):
        if name not in names:
            raise InputError(f"{argument}: {name!r} given, expected a start or a feedback; {nearest(str(name), names)}")
    if x == y:
        raise InputError(f"y: {y!r} given, which is x; expected another of " + ", ".join(names))
    if isinstance(points, bool) or not isinstance(points, int | np.integer) or points < 2:
        raise InputError(f"points: {points!r} given, expected a whole number >= 2")
    values = np.concatenate(
        [layer_table(start, chain.depth, modes, "start"), layer_table(feedback, chain.depth - 1, modes, "feedback")]
    )
    xs = np.linspace(*_range(x_range, "x_range"), points)
    ys = np.linspace(*_range(y_range, "y_range"), points)
    return Plane(x, y, xs, ys, names, values)


def _range(given: ArrayLike, argument: str) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in np.asarray(given, dtype=float))
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {given!r} given, expected two numbers such as (-4, 4)") from problem
    if not (np.isfinite([low, high]).all() and low < high and np.isfinite(high - low)):
        raise InputError(f"{argument}: ({low:g}, {high:g}) given, expected two finite numbers, the smaller one first")
    return low, high
