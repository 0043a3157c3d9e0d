"""Where the clock comes to rest: the first zero of sigma - lambda p(tau) ahead of the start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationError
from fa_dynamics.modes.ahead import Ahead, ahead_of
from fa_dynamics.modes.first_zero import brackets
from fa_dynamics.modes.polynomials import Stack
from fa_dynamics.modes.roots import refine
from fa_dynamics.modes.touch import before_first_touch

Array = NDArray[np.float64]
Index = NDArray[np.int_]

DOUBLINGS = 2100
"""Enough to cross the whole range of floating-point numbers."""

LARGEST = 1e140
"""Of the coefficients of p: of larger ones, products of a few would leave the range of numbers."""


def rest_ahead(theta: Stack, c: Stack, sigma: Array, curvature: Array) -> Array:
    """Distance |tau| to the first zero of sigma - lambda p(tau) in the direction in which the clock starts.

    Mostly a walk from the start brackets it (`first_zero`). Where it does not, and for the last few modes, the turning
    points of p do (`touch`), between which the error is monotone. A double zero (a fold) is met at its turning point.

    Parameters
    ----------
    theta, c
        Start and clock factors, L arrays of shape (modes,).
    sigma, curvature
        (modes,); curvature > 0.

    Returns
    -------
    ndarray
        (modes,): 0 where the start is at rest, inf where p is constant ahead or nothing stops the clock.

    Raises
    ------
    IntegrationError
        Weights and feedback of which p leaves the range of floating-point numbers.
    """
    ahead = ahead_of(np.asarray(theta), np.asarray(c), sigma, curvature)
    with np.errstate(over="ignore", invalid="ignore"):  # judged by the next line
        powers = ahead.powers()
    if not ((np.abs(powers) < LARGEST).all() and np.isfinite(ahead.start).all()):
        raise IntegrationError("start: weights and feedback of this size leave the range of floating-point numbers")
    falls = ahead.falls(powers)
    low, high = np.zeros_like(sigma), np.full_like(sigma, np.inf)
    step = _length(falls, np.abs(ahead.start))
    several = np.flatnonzero(_sign_changes(falls) > 1)
    own = ahead.of(several)
    low[several], high[several] = brackets(own.theta, own.c, own.sigma, own.curvature, own.direction)
    turned = np.isnan(low)
    if turned.any():
        low[turned], high[turned] = before_first_touch(ahead.of(np.flatnonzero(turned)), falls[:, turned])
    if len(beyond := np.flatnonzero((low > 0) & np.isinf(high))):
        own = ahead.of(beyond)
        step[beyond] = _length(own.falls(own.powers(low[beyond])), np.abs(own.error(low[beyond])))
    # a turning point may be farther away than the zero before it by orders of magnitude
    low, high, close = _expand(ahead, low, high, step, np.flatnonzero(np.isinf(high) | (turned & (low == 0))))
    found = np.isfinite(high)
    high = np.where(found, high, 1.0)
    first = np.where(close, high, 0.5 * (low + high))
    root = refine(lambda which, distance: ahead.of(which).with_slope(distance), low, high, np.ones_like(low), first)
    return np.where(ahead.start == 0, 0.0, np.where(found, root, np.inf))


def _sign_changes(falls: Array) -> NDArray[np.int_]:
    """Of the coefficients of the error, (modes,): by the rule of Descartes it has at most as many zeros ahead.

    It is abs(start) - sum_k falls[k - 1] distance^k.
    """
    signs = np.sign(np.concatenate([-np.ones((1, falls.shape[1])), falls]))
    latest = np.maximum.accumulate(np.where(signs != 0, np.arange(len(signs))[:, None], 0), axis=0)
    signs = np.take_along_axis(signs, latest, axis=0)  # powers that are absent change nothing
    return np.asarray(np.count_nonzero(signs[1:] != signs[:-1], axis=0))


def _length(falls: Array, error: Array) -> Array:
    """The shortest distance at which one power alone would cancel the error (modes,); inf if none does."""
    with np.errstate(all="ignore"):  # powers that are absent, or turned, give no number
        distances = (error / falls) ** (1 / np.arange(1, len(falls) + 1)[:, None])
    return np.asarray(np.min(np.where(distances > 0, distances, np.inf), axis=0))


def _expand(ahead: Ahead, low: Array, high: Array, step: Array, wide: Index) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Of `wide` brackets, double the step from `low` until the error changes its sign; and where the first was enough.

    Then one power makes up for nearly all of the fall, and the zero is near the end.
    """
    low, high, close = low.copy(), high.copy(), np.zeros(len(low), dtype=bool)
    open_ = wide[np.isfinite(step[wide])]
    step = step[open_]
    with np.errstate(over="ignore", invalid="ignore"):  # a clock that nothing stops runs out of the range of numbers
        for doubled in range(DOUBLINGS):
            tried = low[open_] + step
            inside = tried < high[open_]
            open_, step, tried = open_[inside], step[inside], tried[inside]
            if not len(open_):
                break
            value = ahead.of(open_).error(tried)
            beyond = value <= 0
            high[open_[beyond]] = tried[beyond]
            if doubled == 0:
                close[open_[beyond]] = True
            before = value > 0
            open_, step = open_[before], 2 * step[before]
            low[open_] = tried[before]
    return low, high, close
