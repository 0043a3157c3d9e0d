"""Where the clock's polynomial p is convex or concave, decided with the rounding of its coefficients in account."""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.polynomials import coefficients

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

HALVINGS = 10
"""Of an interval on which the signs of Bernstein coefficients differ; what is then open stays undecided."""

WIDER = 1e-6
"""Part by which an interval is enlarged, so that the rounding of its ends does not matter."""

EPS = float(np.finfo(np.float64).eps)


class Convexity(NamedTuple):
    """Whether p'' >= 0, and whether p'' <= 0, throughout an interval, (n,) each; neither where that is undecided.

    Both where p'' vanishes identically.
    """

    convex: Mask
    concave: Mask


def convexity(theta: Array, c: Array, low: Array, high: Array) -> Convexity:
    """The sign of p''(tau) on [low, high] for many clocks.

    A polynomial whose Bernstein coefficients on an interval are >= 0 is >= 0 there. The interval is halved until their
    signs agree. Coefficients count as >= 0 only if they exceed a bound on their rounding error (which is 0 for powers
    that are absent), so that a mask that is set can be relied on.

    Parameters
    ----------
    theta, c
        Start and clock factors, (L, n).
    low, high
        Ends of the interval around the start, low <= 0 <= high, (n,).

    Returns
    -------
    Convexity
        Masks (n,).
    """
    convex, concave = np.ones((2, theta.shape[1]), dtype=bool)
    degree = 2 ** len(theta) - 3
    if degree < 0:
        return Convexity(convex, concave)
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range of numbers is undecided below
        powers = np.arange(2, degree + 3)[:, None]
        second = powers * (powers - 1) * coefficients(theta, c)[2:]
        size = powers * (powers - 1) * coefficients(np.abs(theta), np.abs(c))[2:]
        for end in (low, high):
            scale = (end * (1 + WIDER)) ** (powers - 2)
            to_bernstein = _from_powers(degree)
            values = to_bernstein @ (second * scale)
            doubt = to_bernstein @ (size * np.abs(scale)) * (EPS * 8 * (degree + HALVINGS))
            up, down = _signs(values, doubt)
            convex &= up
            concave &= down
    return Convexity(convex, concave)


def _signs(values: Array, doubt: Array) -> tuple[Mask, Mask]:
    """Whether polynomials on [0, 1], given by Bernstein coefficients (degree + 1, n), are >= 0, and <= 0."""
    up, down = np.ones((2, values.shape[1]), dtype=bool)
    owner = np.arange(values.shape[1])
    left, right = _halves(len(values) - 1)
    for halving in range(HALVINGS + 1):
        positive, negative = (values >= doubt).all(axis=0), (values <= -doubt).all(axis=0)
        ends, ends_doubt = values[[0, -1]], doubt[[0, -1]]
        down[owner[(positive & ~negative) | (ends > ends_doubt).any(axis=0)]] = False
        up[owner[(negative & ~positive) | (ends < -ends_doubt).any(axis=0)]] = False
        open_ = ~positive & ~negative & (up | down)[owner]
        if halving == HALVINGS:
            up[owner[open_]] = down[owner[open_]] = False
        values, doubt, owner = values[:, open_], doubt[:, open_], np.tile(owner[open_], 2)
        values = np.concatenate([left @ values, right @ values], axis=1)
        doubt = np.concatenate([left @ doubt, right @ doubt], axis=1)
    return up, down


@lru_cache(maxsize=8)
def _from_powers(degree: int) -> Array:
    """Coefficients of powers on [0, 1] -> Bernstein coefficients: entries C(j, k) / C(d, k) >= 0."""
    rows = range(degree + 1)
    return np.array([[comb(j, k) / comb(degree, k) for k in rows] for j in rows])


@lru_cache(maxsize=8)
def _halves(degree: int) -> tuple[Array, Array]:
    """Bernstein coefficients on [0, 1] -> those on its halves: averages."""
    rows = range(degree + 1)
    left = np.array([[comb(j, k) / 2**j for k in rows] for j in rows])
    return left, left[::-1, ::-1]
