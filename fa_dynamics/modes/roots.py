"""Zeros between two points of opposite signs, many at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int_]

ITERATIONS = 400
"""Of the safeguarded Newton iteration: at most every second one halves the bracket."""

SMALL, STAGNANT = 1e-6, 0.9
"""Relative length below which a Newton step is always taken, and part of the step before that shows round-off."""

SHORT, FOLLOWING = 0.01, 8.0
"""Length of a step, relative to the place and to the step before, from which on the next is estimated; and safety."""


def refine(
    function: Callable[[Index, Array], tuple[Array, Array]],
    low: Array,
    high: Array,
    before: Array,
    first: Array | None = None,
) -> Array:
    """One zero in every bracket, by Newton's iteration kept inside it.

    Parameters
    ----------
    function
        Numbers of brackets (n,) and a position in each -> value and derivative, (n,) each.
    low, high
        Ends, (brackets,).
    before
        Sign of the function between `low` and the zero, +1 or -1; it has the other one up to `high`.
    first
        Where to begin, (brackets,); None for the middle.

    Returns
    -------
    ndarray
        (brackets,), to the last digits that the values allow.
    """
    found = 0.5 * (low + high) if first is None else first.copy()
    open_, x, last = np.arange(len(found)), found.copy(), high - low
    twice = np.zeros(len(found), dtype=bool)
    for _ in range(ITERATIONS):
        if not len(open_):
            break
        with np.errstate(all="ignore"):  # where values are flat, or too large, Newton leaves; bisection follows
            value, derivative = function(open_, x)
            newton = x - value / derivative
        ahead, size = before * value > 0, np.abs(x)
        low, high = np.where(ahead, x, low), np.where(ahead, high, x)
        # Towards a zero of high order Newton creeps; whenever its step has not halved, bisect.
        step = np.abs(newton - x)
        spacing, inside = np.spacing(size), (newton > low) & (newton < high)
        # Towards a simple zero digits double: what the next step would be is seen from the last two.
        short = twice & inside & (step <= SHORT * np.minimum(size, last))
        there = (step <= 2 * spacing) | (short & (FOLLOWING * step * (step / last) ** 2 <= spacing))
        taken = there | (inside & ((step <= 0.5 * last) | (step < SMALL * size)))
        following = np.where(value == 0, x, np.where(taken, newton, 0.5 * (low + high)))
        moved = np.abs(following - x)
        found[open_] = following
        # Rounding moves the last steps to and fro, while those towards a zero of any order shrink.
        stagnant = twice & taken & (moved < SMALL * size) & (moved >= STAGNANT * last)
        on = ~there & (moved > spacing) & ~stagnant
        open_, x, low, high, before, last = open_[on], following[on], low[on], high[on], before[on], moved[on]
        twice = taken[on]
    return found
