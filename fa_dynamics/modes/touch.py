"""Where the error of a chain with a clock first meets zero, between two turning points of p or at one of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.ahead import Ahead
from fa_dynamics.modes.turning_points import turning_points

Array = NDArray[np.float64]

TOUCH = 4 * float(np.finfo(np.float64).eps)
"""An error that comes this close to zero at a turning point, relative to sigma, is taken to meet it there: nobody can
tell on which side of a fold floating-point numbers are."""

COMPANION, WILD = 16, 1e8
"""Coefficients of p (depth 4), and size of the largest one of dp/dtau where the first and the last are 1, up to which
eigenvalues of a companion matrix are tried; at degree 63, and for scales far apart, they lose critical points."""

DOUBT = 1e-13
"""They are critical points of a polynomial whose coefficients differ by a few units in the last place of that largest
one. Where the error is smaller than this times that size at one of them, relative to its terms, it may have another
sign at the turning point of p."""


def before_first_touch(ahead: Ahead, falls: Array) -> tuple[Array, Array]:
    """Distances between which the error is monotone and first meets zero, (modes,) each.

    The first is that of a turning point, or 0. The second is inf where no turning point lies behind the zero. Critical
    points need not be precise, for the error is flat there.

    Parameters
    ----------
    ahead
        The error.
    falls
        `Ahead.falls` from the start.
    """
    derivative = falls * np.arange(1, len(falls) + 1)[:, None]
    points, size = np.full((len(derivative) - 1, falls.shape[1]), np.inf), np.full(falls.shape[1], np.inf)
    if len(falls) < COMPANION:
        with_ends = np.flatnonzero((derivative[0] != 0) & (derivative[-1] != 0))
        monic, scale = _scaled(derivative[:, with_ends])
        size[with_ends] = np.abs(monic).max(axis=0)
        tame = size[with_ends] < WILD
        points[:, with_ends[tame]] = _critical_points(monic[:, tame], scale[tame])
    low, high, doubtful = _around_first(ahead, points, DOUBT * size)
    if len(again := np.flatnonzero((size >= WILD) | doubtful)):
        own = ahead.of(again)
        low[again], high[again], _ = _around_first(own, _turning_points(own), np.zeros(len(again)))
    return low, high


def _around_first(ahead: Ahead, points: Array, doubt: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """The last of ascending points (points, modes) before the first that is touched, or 0; that one, or inf; doubts."""
    some = np.isfinite(points)
    distance = np.where(some, points, 0.0)
    error = ahead.error(distance)
    touched = some & (error <= TOUCH * np.abs(ahead.sigma))
    before = some & ~np.logical_or.accumulate(touched, axis=0)
    low = np.where(before, points, 0.0).max(axis=0, initial=0.0)
    high = np.where(touched, points, np.inf).min(axis=0, initial=np.inf)
    with np.errstate(invalid="ignore"):  # of terms too large for a number nothing is sure
        sure = np.abs(error) >= doubt * ahead.terms(distance)
    return low, high, np.asarray((some & (points <= high) & ~sure).any(axis=0))


def _turning_points(ahead: Ahead) -> Array:
    """Distances to the turning points of p ahead, ascending, padded with inf: (points, modes)."""
    which, tau = turning_points(ahead.theta, ahead.c)
    distance = tau * ahead.direction[which]
    which, distance = which[distance > 0], distance[distance > 0]
    order = np.lexsort((distance, which))
    which, distance = which[order], distance[order]
    rank = np.arange(len(which)) - np.searchsorted(which, which)
    points = np.full((rank.max(initial=-1) + 1, len(ahead.direction)), np.inf)
    points[rank, which] = distance
    return points


def _critical_points(monic: Array, scale: Array) -> Array:
    """Real parts of the roots ahead of `_scaled` derivatives, ascending, padded with inf: (points, modes)."""
    degree = len(monic) - 1
    if degree < 1:
        return np.empty((0, len(scale)))
    companion = np.zeros((len(scale), degree, degree))
    companion[:, 1:, :-1] = np.eye(degree - 1)
    companion[:, :, -1] = -monic[:-1].T
    roots = np.linalg.eigvals(companion).T * scale
    return np.sort(np.where(np.isfinite(roots) & (roots.real > 0), roots.real, np.inf), axis=0)


def _scaled(polynomials: Array) -> tuple[Array, Array]:
    """Monic polynomials in a variable that makes their end coefficients equal in size, and that scale; ascending."""
    degree = len(polynomials) - 1
    if degree < 1:
        return np.ones_like(polynomials), np.ones(polynomials.shape[1])
    with np.errstate(divide="ignore"):  # absent powers have the logarithm -inf, and come back as zeros
        logs = np.log(np.abs(polynomials))
    scale = (logs[0] - logs[-1]) / degree
    monic = np.exp(np.clip(logs - logs[-1] + (np.arange(degree + 1)[:, None] - degree) * scale, None, 600.0))
    return np.sign(polynomials) * np.sign(polynomials[-1]) * monic, np.exp(scale)
