"""Zeros between two points of opposite signs, many at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ITERATIONS = 400
"""Of the safeguarded Newton iteration: at most every second one halves the bracket."""

SMALL = 1e-6
"""Relative length below which a Newton step is always taken."""


def refine(function: Callable[[Array], tuple[Array, Array]], low: Array, high: Array, before: Array) -> Array:
    """One zero in every bracket, by Newton's iteration kept inside it.

    Parameters
    ----------
    function
        x -> value and derivative, all (brackets,).
    low, high
        Ends, (brackets,).
    before
        Sign of the function between `low` and the zero, +1 or -1; it has the other one up to `high`.

    Returns
    -------
    ndarray
        (brackets,), to the last digits that the values allow.
    """
    x = 0.5 * (low + high)
    width = high - low
    for _ in range(ITERATIONS if len(x) else 0):
        # Where the function is flat, or too large for numbers, Newton leaves the bracket; bisection follows.
        with np.errstate(all="ignore"):
            value, derivative = function(x)
            newton = x - value / derivative
        ahead = before * value > 0
        low, high = np.where(ahead, x, low), np.where(ahead, high, x)
        # Towards a zero of high order Newton creeps; whenever the bracket has not halved, bisect.
        close = (high - low <= 0.5 * width) | (np.abs(newton - x) < SMALL * np.abs(x))
        inside = (newton > low) & (newton < high) & close
        width = high - low
        following = np.where(value == 0, x, np.where(inside, newton, 0.5 * (low + high)))
        if np.all(np.abs(following - x) <= np.spacing(np.abs(x))):
            return following
        x = following
    return x
