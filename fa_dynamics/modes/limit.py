"""Where the clock comes to rest: the first zero of sigma - lambda p(tau) ahead of the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationError
from fa_dynamics.modes.first_zero import brackets
from fa_dynamics.modes.polynomials import CANCELLED, Stack, coefficients, error_of, secant, slope, strength, weights_at
from fa_dynamics.modes.roots import refine
from fa_dynamics.modes.turning_points import turning_points

Array = NDArray[np.float64]
Index = NDArray[np.int_]

DOUBLINGS = 2100
"""Enough to cross the whole range of floating-point numbers."""

LARGEST = 1e140
"""Of the coefficients of p: of larger ones, products of a few would leave the range of numbers."""

TOUCH = 4 * float(np.finfo(np.float64).eps)
"""An error that comes this close to zero at a turning point, relative to sigma, is taken to meet it there: nobody can
tell on which side of a fold floating-point numbers are."""

COMPANION, WILD = 16, 1e8
"""Coefficients of p (depth 4), and size of the largest one where the first and the last are 1, up to which eigenvalues
of a companion matrix are relied on; at degree 63, and for scales far apart, they lose critical points."""


def rest_ahead(theta: Stack, c: Stack, sigma: Array, curvature: Array) -> Array:
    """Distance |tau| to the first zero of sigma - lambda p(tau) in the direction in which the clock starts.

    Mostly a walk from the start brackets it (`first_zero`). Where it does not, the critical points of p do, between
    which the error is monotone. They need not be precise: the error is flat there. A double zero (a fold) is met at its
    critical point.

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
    """
    theta, c = np.asarray(theta), np.asarray(c)
    with np.errstate(over="ignore", invalid="ignore"):  # judged below
        start = error_of(theta, sigma, curvature)
    direction = np.sign(start)

    def error(distance: Array) -> Array:
        """The error in its direction at the start: positive until the first zero."""
        tau = direction * distance
        return direction * _error(weights_at(theta, c, tau), theta, c, sigma, curvature, start, tau)

    low = np.zeros_like(sigma)
    high = np.full_like(sigma, np.inf)
    open_ = start != 0
    with np.errstate(over="ignore", invalid="ignore"):  # judged by the next line
        p = coefficients(theta, c)
    if not ((np.abs(p) < LARGEST).all() and np.isfinite(start).all()):
        raise IntegrationError("start: weights and feedback of this size leave the range of floating-point numbers")
    several = np.flatnonzero(open_ & (_sign_changes(p, start, curvature, direction) > 1))
    first, last = brackets(theta[:, several], c[:, several], sigma[several], curvature[several], direction[several])
    sure = ~np.isnan(first)
    low[several[sure]], high[several[sure]], open_[several[sure]] = first[sure], last[sure], False
    if len(rest := several[~sure]):
        own = (theta[:, rest], c[:, rest], sigma[rest], curvature[rest], start[rest])
        points = _turns_ahead(theta[:, rest], c[:, rest], p[:, rest], direction[rest])
        tau = np.where(np.isfinite(points), direction[rest] * points, 0.0)
        ahead = direction[rest] * _error(weights_at(*own[:2], tau), *own, tau)
        touched = np.isfinite(points) & (ahead <= TOUCH * np.abs(sigma[rest]))
        low[rest], high[rest] = _around_first(points, touched)
        open_[rest] = np.isinf(high[rest])
    low, high = _expand(error, low, high, open_, _length(p, start, curvature))
    found = np.isfinite(high) & (start != 0)

    def with_slope(which: Index, distance: Array) -> tuple[Array, Array]:
        own = (theta.take(which, axis=1), c.take(which, axis=1), sigma[which], curvature[which], start[which])
        tau = direction[which] * distance
        weights = weights_at(*own[:2], tau)
        return direction[which] * _error(weights, *own, tau), -curvature[which] * slope(weights, own[1])

    root = refine(with_slope, low, np.where(found, high, 1.0), np.ones_like(low))
    return np.where(found, root, np.where(start == 0, 0.0, np.inf))


def _error(weights: Stack, theta: Array, c: Array, sigma: Array, curvature: Array, start: Array, tau: Array) -> Array:
    """sigma - lambda p(tau); where it is small at the `start`, it is that less the change of lambda p since."""
    error = np.asarray(sigma - curvature * strength(weights))
    small = np.flatnonzero(np.abs(start) < CANCELLED * np.abs(sigma))
    if len(small):
        own = tau[..., small]
        error[..., small] = start[small] - curvature[small] * own * secant(theta[:, small], c[:, small], own)
    return error


def _sign_changes(p: Array, start: Array, curvature: Array, direction: Array) -> NDArray[np.int_]:
    """Of the coefficients of the error ahead, (modes,): by the rule of Descartes it has at most as many zeros there."""
    powers = np.arange(1, len(p))[:, None]
    signs = np.sign(np.concatenate([start[None], -curvature * p[1:] * direction**powers]))
    changes, last = np.zeros(len(start), dtype=int), signs[0]
    for sign in signs[1:]:
        changes += sign * last < 0
        last = np.where(sign != 0, sign, last)
    return changes


def _turns_ahead(theta: Array, c: Array, p: Array, direction: Array) -> Array:
    """Distances to the turning points of p ahead, ascending, padded with inf: (points, modes)."""
    tame = _companion_is_tame(p)
    found = [*_critical_points(p, direction, tame), *_turning_points_ahead(theta, c, direction, ~tame)]
    return np.sort(np.array(found).reshape(-1, len(direction)), axis=0)


def _around_first(points: Array, touched: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The last of ascending points (points, modes) before the first that is touched, or 0, and that one, or inf."""
    before = np.isfinite(points) & ~np.logical_or.accumulate(touched, axis=0)
    low = np.where(before, points, 0.0).max(axis=0, initial=0.0)
    return low, np.where(touched, points, np.inf).min(axis=0, initial=np.inf)


def _turning_points_ahead(theta: Stack, c: Stack, direction: Array, wanted: NDArray[np.bool_]) -> list[Array]:
    """Distances to the turning points of p ahead, as `_critical_points`, for polynomials of high degree."""
    chosen = np.flatnonzero(wanted)
    which, tau = turning_points(np.asarray(theta)[:, chosen], np.asarray(c)[:, chosen])
    distance = tau * direction[chosen][which]
    which, distance = which[distance > 0], distance[distance > 0]
    order = np.lexsort((distance, which))
    which, distance = which[order], distance[order]
    rank = np.arange(len(which)) - np.searchsorted(which, which)
    ahead = np.full((rank.max(initial=-1) + 1, len(direction)), np.inf)
    ahead[rank, chosen[which]] = distance
    return list(ahead)


def _companion_is_tame(p: Array) -> NDArray[np.bool_]:
    """Whether eigenvalues of the companion matrix of dp/dtau find all critical points, (modes,).

    Not at high degree, nor if its roots have sizes too different for one scale.
    """
    derivative = p[1:] * np.arange(1, len(p))[:, None]
    ends = (derivative[0] != 0) & (derivative[-1] != 0)
    tame = ends & (len(p) <= COMPANION)
    scaled, _ = _scaled(derivative[:, tame])
    tame[tame] = np.abs(scaled).max(axis=0, initial=0.0) < WILD
    return np.asarray(tame)


def _critical_points(p: Array, direction: Array, wanted: NDArray[np.bool_]) -> list[Array]:
    """Real parts of the roots of dp/dtau ahead, ascending, padded with inf: each an array (modes,)."""
    powers = np.arange(1, len(p))
    derivative = p[1:] * powers[:, None] * direction ** (powers[:, None] - 1)
    ahead = np.full((len(derivative) - 1, p.shape[1]), np.inf)
    scaled, scale = _scaled(derivative[:, wanted])
    if scaled.size and len(scaled) > 1:
        companion = np.zeros((scaled.shape[1], len(scaled) - 1, len(scaled) - 1))
        companion[:, 1:, :-1] = np.eye(len(scaled) - 2)
        companion[:, :, -1] = -scaled[:-1].T
        ahead[:, wanted] = _positive(np.linalg.eigvals(companion).T * scale)
    return list(np.sort(ahead, axis=0))


def _scaled(polynomials: Array) -> tuple[Array, Array]:
    """Monic polynomials in a variable that makes their end coefficients equal in size, and that scale; ascending."""
    degree = len(polynomials) - 1
    if degree < 1 or polynomials.size == 0:
        return polynomials, np.ones(polynomials.shape[1])
    with np.errstate(divide="ignore"):  # absent powers have the logarithm -inf, and come back as zeros
        logs = np.log(np.abs(polynomials))
    scale = (logs[0] - logs[-1]) / degree
    monic = np.exp(np.clip(logs - logs[-1] + (np.arange(degree + 1)[:, None] - degree) * scale, None, 600.0))
    return np.sign(polynomials) * np.sign(polynomials[-1]) * monic, np.exp(scale)


def _positive(roots: NDArray[Any]) -> Array:
    usable = np.isfinite(roots) & (roots.real > 0)
    return np.where(usable, roots.real, np.inf)


def _length(p: Array, start: Array, curvature: Array) -> Array:
    """The shortest distance at which one power alone would cancel the error at the start; inf if p is constant."""
    with np.errstate(all="ignore"):  # powers that are absent give inf
        distances = np.abs(start / (curvature * p[1:])) ** (1 / np.arange(1, len(p))[:, None])
    return np.asarray(np.min(np.where(distances > 0, distances, np.inf), axis=0))


def _expand(
    error: Callable[[Array], Array], low: Array, high: Array, pending: NDArray[np.bool_], length: Array
) -> tuple[Array, Array]:
    """Double the distance until the error changes its sign."""
    pending = pending & np.isfinite(length)
    step = np.maximum(np.where(np.isfinite(length), length, 1.0), low)
    with np.errstate(over="ignore", invalid="ignore"):  # a clock that nothing stops runs out of the range of numbers
        for _ in range(DOUBLINGS):
            if not pending.any():
                break
            tried = low + step
            value = error(tried)
            hit = pending & (value <= 0)
            high = np.where(hit, tried, high)
            pending = pending & (value > 0) & np.isfinite(tried)
            low = np.where(pending, tried, low)
            step = step * 2
    return low, high
