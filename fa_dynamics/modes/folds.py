"""Folds in a plane of starts: where two zero-loss states of a mode meet, as the zero level of a smooth function.

`turning_points` finds the folds of one leaf, the real ones only, each with certainty: their number jumps from leaf to
leaf. A level set over many leaves needs all critical values, complex ones included, which change without jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.polynomials import coefficients, weights_at

Array = NDArray[np.float64]


def critical_strengths(theta: Array, c: Array) -> NDArray[np.complex128]:
    """Squares of the values of p at its critical points, (2^(L-1) - 1, n), complex.

    Counted from the place where theta_1 = 0, p is an odd polynomial of the clock: its critical points come in pairs
    +-tau with values +-p, and tau^2 are the roots of a polynomial of degree 2^(L-1) - 1. For L = 2 the square is
    (k/3)^3 / b^2 with the first integral k = theta_1^2 - 2 b theta_2.

    Parameters
    ----------
    theta, c
        Start and clock factors, (L, n).

    Returns
    -------
    ndarray
        nan where c_1 = 0, so that theta_1 never moves.
    """
    count = 2 ** (len(theta) - 1) - 1
    squares = np.full((count, theta.shape[1]), np.nan, dtype=complex)
    if not count:
        return squares
    with np.errstate(all="ignore"):  # what leaves the range of numbers is nan
        origin = np.array(weights_at(theta, c, -theta[0] / c[0]))
        origin[0] = 0.0
        odd = coefficients(origin, c)[1::2]
        slope = odd * np.arange(1, len(odd) * 2, 2)[:, None]
        monic = slope[:-1] / slope[-1]
        usable = np.flatnonzero(np.isfinite(monic).all(axis=0))
        companion = np.zeros((len(usable), count, count))
        companion[:, 1:, :-1] = np.eye(count - 1)
        companion[:, :, -1] = -monic[:, usable].T
        square = np.linalg.eigvals(companion).T.astype(complex)
        value = np.zeros_like(square)
        for coefficient in odd[::-1, usable]:
            value = value * square + coefficient
        squares[:, usable] = square * value * value
    return squares


def fold_function(squares: NDArray[np.complex128], target: float) -> Array:
    """A function of start and feedback that changes its sign where sigma = lambda p(tau) gets a double real root.

    The discriminant of sigma - lambda p in a bounded form: the product of (s^2 - p_i^2) / (s^2 + abs(p_i^2)) over the
    pairs of critical values +-p_i. For L = 2 it is positive where the mode has one zero-loss state on its leaf, and
    negative where it has three: k = 3 (b s)^(2/3) on the fold.

    Parameters
    ----------
    squares
        From `critical_strengths`, (pairs, n).
    target
        s = sigma / lambda of one mode, not zero.

    Returns
    -------
    ndarray
        (n,), in [-1, 1]; nan where theta_1 never moves.

    Notes
    -----
    Source: girotti2021.fixed-points.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        factors = (target**2 - squares) / (target**2 + np.abs(squares))
    return np.asarray(factors.prod(axis=0).real)


def fold_branches(squares: NDArray[np.complex128], target: float) -> list[Array]:
    """The same, one pair of real critical values at a time: functions (n,) that are zero on pieces of the folds.

    Folds that run side by side are zeros of different functions, which are smooth where the product has a narrow dip.
    Pairs are taken in ascending order where equally many are real, so that no function jumps; nan elsewhere.
    """
    real = np.isfinite(squares) & (squares.imag == 0)
    ordered = np.sort(np.where(real, squares.real, np.nan), axis=0)
    counts = real.sum(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        factors = (target**2 - ordered) / (target**2 + np.abs(ordered))
    return [
        np.where(counts == count, factors[pair], np.nan)
        for count in range(1, len(squares) + 1)
        for pair in range(count)
    ]
