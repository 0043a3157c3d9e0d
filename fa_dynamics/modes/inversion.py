"""Where a mode is at a given time: the inverse of time as a series on a panel.

An interpolation of the inverse between a few positions whose times are known is near it, and one step of Chebyshev's
iteration, of third order, is then at round-off for nearly all times; the rest is iterated by Newton's method.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]

KNOTS: Array = -np.cos(np.pi * np.arange(8) / 7)
"""Positions in z at which the interpolation takes the value of the inverse."""

CLOSE = 1e-5
"""Change of z in a step of third order, and relative change of its slope, after which the next is below round-off."""

NEWTON, SETTLED = 60, 1e-9
"""Iterations for the other times at most, and the step of second order after which the next is below round-off."""


def times_of_knots(order: int) -> Array:
    """Legendre coefficients (order,) of dt/dz -> twice the mean rate up to each of `KNOTS`, (knots, order)."""
    return np.array([legendre.legval(KNOTS, legendre.legint(row, lbnd=-1)) for row in np.eye(order)]).T


def divided_differences(times: Array) -> Array:
    """Newton's form of the polynomials with values `KNOTS` at times increasing from 0 to 1, (knots, panels)."""
    differences = np.repeat(KNOTS[:, None], times.shape[1], axis=1)
    for level in range(1, len(KNOTS)):
        differences[level:] = (differences[level:] - differences[level - 1 : -1]) / (times[level:] - times[:-level])
    return differences


def interpolated(times: Array, differences: Array, goal: Array) -> Array:
    """Values in [-1, 1] of polynomials in Newton's form, (knots, n) each, at the parts `goal` of the time, (n,)."""
    value = differences[-1].copy()
    for time, difference in zip(times[-2::-1], differences[-2::-1], strict=True):
        value *= goal - time
        value += difference
    return np.asarray(np.clip(value, -1.0, 1.0, out=value))


def stepped(powers: Array, z: Array, goal: Array) -> tuple[Array, NDArray[np.bool_]]:
    """One step towards the z in [-1, 1] at which increasing polynomials take the values `goal`, (n,).

    Parameters
    ----------
    powers
        Ascending coefficients, (terms, n).
    z
        Where to begin, (n,).
    goal
        (n,).

    Returns
    -------
    found, near
        (n,), and whether a further step would be below round-off.
    """
    value, slope, half_bend = powers[-1] * z + powers[-2], powers[-1].copy(), np.zeros_like(z)
    for coefficient in powers[-3::-1]:
        half_bend *= z
        half_bend += slope
        slope *= z
        slope += value
        value *= z
        value += coefficient
    step = (value - goal) / slope
    bent = step * half_bend / slope
    return np.clip(z - step * (1 + bent), -1.0, 1.0), (np.abs(step) < CLOSE) & (np.abs(bent) < CLOSE)


def iterated(powers: Array, z: Array, goal: Array) -> Array:
    """As `stepped`, to round-off from anywhere, by Newton's method and bisection."""
    found, open_ = z.copy(), np.arange(len(z))
    for _ in range(NEWTON):
        if not len(open_):
            break
        found[open_], change = _newton(powers[:, open_], found[open_], goal[open_])
        open_ = open_[change > SETTLED]
    found[open_] = _bisected(powers[:, open_], goal[open_])
    return found


def with_slope(powers: Array, z: Array) -> tuple[Array, Array]:
    """A polynomial and its derivative; `powers` ascending, (terms, ...)."""
    value, slope = powers[-1] * np.ones_like(z), np.zeros_like(z)
    for coefficient in powers[-2::-1]:
        slope *= z
        slope += value
        value *= z
        value += coefficient
    return value, slope


def _newton(powers: Array, z: Array, goal: Array) -> tuple[Array, Array]:
    value, slope = with_slope(powers, z)
    following = np.clip(z - (value - goal) / slope, -1.0, 1.0)
    return following, np.abs(following - z)


def _bisected(powers: Array, goal: Array) -> Array:
    """Where rounding leaves no slope to follow."""
    low, high = np.full_like(goal, -1.0), np.ones_like(goal)
    for _ in range(60 if len(goal) else 0):
        middle = 0.5 * (low + high)
        beyond = with_slope(powers, middle)[0] > goal
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return 0.5 * (low + high)
