"""Polylines with fewer points that look the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VISIBLE = 0.1
"""A point this close to the line without it is left out; a panel is drawn at about one pixel per unit."""


def thinned(x: Array, y: Array, tolerance: float = VISIBLE) -> tuple[Array, Array, NDArray[np.int_]]:
    """The points of polylines that show: the lines through them pass every other point within a tolerance.

    Every piece is split at the point furthest from its chord, those of all lines at once.

    Parameters
    ----------
    x, y
        (points, lines); points that are not finite are left out.
    tolerance
        In the units of x and y.

    Returns
    -------
    x, y, line
        Points one line after the other, and the number of the line of each.

    Notes
    -----
    Sources: Ramer 1972; Douglas and Peucker 1973.
    """
    finite = (np.isfinite(x) & np.isfinite(y)).T.ravel()
    line = np.repeat(np.arange(x.shape[1]), len(x))[finite]
    x, y = x.T.ravel()[finite], y.T.ravel()[finite]
    change = np.diff(line, prepend=-1, append=-1) != 0
    kept = change[:-1] | change[1:]
    number = np.arange(len(x))
    while True:
        ends = np.flatnonzero(kept)
        piece = np.searchsorted(ends, number, side="right") - 1
        first, last = ends[piece], ends[np.minimum(piece + 1, len(ends) - 1)]
        away = _distance(x - x[first], y - y[first], x[last] - x[first], y[last] - y[first])
        furthest = np.maximum.reduceat(away, ends)[piece] if len(ends) else away
        split = (away > tolerance) & (away == furthest) & ~kept
        if not split.any():
            return x[kept], y[kept], line[kept]
        kept |= split


def _distance(x: Array, y: Array, dx: Array, dy: Array) -> Array:
    """Of points to the chords from the origin to (dx, dy)."""
    square = dx**2 + dy**2
    part = np.clip((x * dx + y * dy) / np.where(square > 0, square, 1.0), 0.0, 1.0)
    return np.asarray(np.hypot(x - part * dx, y - part * dy))
