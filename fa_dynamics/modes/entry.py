"""The last entry of many curves into their bands, from samples that follow the curves and a bisection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int_]
Excess = Callable[[Index, Array], Array]
"""How far curves (n,) are outside their bands at positions (n,), relative to the band; negative inside."""

CLOSE = 0.3
"""A maximum between samples may leave the band if the samples come as close to its edge as this."""

GOLDEN, BISECTIONS = 45, 60
"""Iterations: 0.618^45 and 0.5^60 are below what is asked for."""


def last_entry(excess: Excess, curve: Index, position: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Where every curve enters its band for good.

    Parameters
    ----------
    excess
        The curves.
    curve, position
        Samples (n,), sorted by curve 0, 1, .. and position; every curve has at least two.

    Returns
    -------
    entry, outside
        Position of the entry, nan for curves that are inside all the way; and whether a curve is outside at its last
        sample, so that there is none.
    """
    values = excess(curve, position)
    ends = np.flatnonzero(np.diff(curve, append=curve[-1] + 1))
    number = np.where(values > 0, np.arange(len(values)), -1)
    last = np.maximum.reduceat(number, np.concatenate([[0], ends[:-1] + 1]))
    low = np.where(last >= 0, position[last], np.nan)
    high = position[np.minimum(last + 1, ends)]
    peak = _peaks(values, curve)
    peak = peak[peak > last[curve[peak]]]
    if len(peak):
        top = _highest(excess, curve[peak], position[peak - 1], position[peak + 1])
        out = excess(curve[peak], top) > 0
        # Later peaks of the same curve come later, and the last assignment stays.
        low[curve[peak[out]]], high[curve[peak[out]]] = top[out], position[peak[out] + 1]
    outside = last == ends
    crossing = np.flatnonzero(~np.isnan(low) & ~outside)
    below, above = low[crossing], high[crossing]
    for _ in range(BISECTIONS):
        middle = 0.5 * (below + above)
        out = excess(crossing, middle) > 0
        below, above = np.where(out, middle, below), np.where(out, above, middle)
    entry = np.full(len(low), np.nan)
    entry[crossing] = above
    return entry, outside


def _peaks(values: Array, curve: Index) -> Index:
    """Samples inside the band and close to its edge that are not below their neighbours."""
    inner = (values[1:-1] <= 0) & (values[1:-1] > -CLOSE) & (curve[:-2] == curve[2:])
    highest = (values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])
    return np.asarray(np.flatnonzero(inner & highest) + 1)


def _highest(excess: Excess, curve: Index, low: Array, high: Array) -> Array:
    """Golden section: the position of the largest excess between two positions."""
    ratio = (np.sqrt(5.0) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = excess(curve, left), excess(curve, right)
    for _ in range(GOLDEN):
        rising = at_left < at_right
        low, high = np.where(rising, left, low), np.where(rising, high, right)
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left, at_right = excess(curve, left), excess(curve, right)
    return np.asarray(0.5 * (low + high))
