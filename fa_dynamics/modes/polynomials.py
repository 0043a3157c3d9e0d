"""The clock's polynomials in nested form: products of increments, never expanded into powers.

With D_1 = tau and D_{l+1} = D_l (theta_l(0) + c_l D_l / 2), the polynomials are theta_l = theta_l(0) + c_l D_l, since
dD_{l+1}/dtau = theta_1 .. theta_l; that they are the ones that SymPy integrates is tested for depths 1 to 5. The form
has no division by feedback, which may be zero, and loses no digits for small tau.

All functions take ``theta`` and ``c`` as sequences of L arrays that broadcast with ``tau``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.pairs import Pair

Array = NDArray[np.float64]
CANCELLED, UNKNOWN = 1e-6, 2.0**-100
"""Size of an error, relative to its terms, below which it is computed with twice the digits, and below which these do
not tell it from zero."""

Stack = Sequence[Array] | Array
"""L arrays, or one whose first axis is the layer."""


def weights_at(theta: Stack, c: Stack, tau: Array) -> list[Array]:
    """theta_1..theta_L at the clock tau, counted from where they are `theta`."""
    weights = []
    increment = tau
    for start, factor in zip(theta, c, strict=True):
        moved = factor * increment
        weights.append(start + moved)
        if len(weights) < len(theta):
            increment = increment * (start + 0.5 * moved)
    return weights


def strength(weights: Stack) -> Array:
    """p, the product of the weights."""
    product: Array = reduce(mul, weights)
    return product


def error_of(weights: Stack, sigma: Array, curvature: Array) -> Array:
    """sigma - lambda p, with relative digits where the two nearly cancel; 0 where not even twice the digits tell."""
    product = strength(weights)
    error = np.asarray(sigma - curvature * product)
    terms = np.abs(sigma) + np.abs(curvature * product)
    close = np.flatnonzero(np.abs(error) < CANCELLED * terms)
    if len(close):
        exact = reduce(mul, (np.asarray(weight)[close] for weight in weights), Pair.of(np.ones(len(close))))
        left = (sigma[close] + -curvature[close] * exact).rounded()
        error[close] = np.where(np.abs(left) < UNKNOWN * terms[close], 0.0, left)
    return error


def slope(weights: Stack, c: Stack) -> Array:
    """S = dp/dtau = sum_l c_l (theta_1 .. theta_{l-1})^2 theta_{l+1} .. theta_L."""
    above = _products_above(weights)
    below: Array | float = 1.0
    total: Array | float = 0.0
    for weight, factor, rest in zip(weights, c, above, strict=True):
        total = total + factor * below * below * rest
        below = below * weight
    return np.asarray(total)


def secant(theta: Stack, c: Stack, tau: Array) -> Array:
    """(p(tau) - p(0)) / tau without cancellation; the slope S at tau = 0."""
    above = _products_above(theta)
    total: Array = c[0] * above[0] + np.zeros_like(tau)
    below: Array | None = None
    ratio: Array | None = None  # D_l / tau
    for start, factor, following, rest in zip(theta[:-1], c[:-1], c[1:], above[1:], strict=True):
        moved = factor * tau if ratio is None else factor * (tau * ratio)
        weight, middle = start + moved, start + 0.5 * moved
        below = weight if below is None else below * weight
        ratio = middle if ratio is None else ratio * middle
        total += following * rest * (below * ratio)
    return total


def tangents(theta: Stack, c: Stack, tau: Array) -> list[Array]:
    """Derivatives of p(tau) with respect to theta_1..theta_L and c_1..c_L at fixed tau.

    Backwards, with dp/dD_l = c_l dp/dtheta_l(tau) + theta_l(tau) dp/dD_{l+1}.
    """
    weights = weights_at(theta, c, tau)
    increments = [tau]
    for start, weight in zip(theta[:-1], weights[:-1], strict=True):
        increments.append(increments[-1] * (0.5 * (start + weight)))
    others = _all_but_one(weights)
    by_start, by_factor = [], []
    by_increment: Array | float = 0.0
    for weight, factor, increment, other in zip(weights[::-1], c[::-1], increments[::-1], others[::-1], strict=True):
        by_start.append(other + by_increment * increment)
        by_factor.append(increment * (other + 0.5 * by_increment * increment))
        by_increment = factor * other + weight * by_increment
    return by_start[::-1] + by_factor[::-1]


def coefficients(theta: Stack, c: Stack, terms: int | None = None) -> Array:
    """Coefficients of p(tau) in powers of tau, (2^L, modes), or the first `terms` of them.

    For locating roots roughly, and for small tau; not for evaluation elsewhere.
    """
    shape, size = np.shape(theta[0]), min(2 ** len(theta), terms or 2 ** len(theta))
    found = np.zeros((size, *shape))
    found[0], found[1:2], known = theta[0], c[0], 2
    for start, factor in zip(theta[1:], c[1:], strict=True):
        product = found[:known].copy()
        moved = factor * product / np.arange(1, len(product) + 1).reshape(-1, *[1] * len(shape))
        found[:known] *= start
        for power, coefficient in enumerate(product[: size - 1], 1):
            rows = found[power : power + len(moved)]
            rows += coefficient * moved[: len(rows)]
        known *= 2
    return found


def _products_above(weights: Stack) -> list[Array]:
    """theta_{l+1} .. theta_L for every l."""
    products: list[Array] = [np.ones(np.shape(weights[-1]))]
    for weight in reversed(weights[1:]):
        products.append(products[-1] * weight)
    return products[::-1]


def _all_but_one(weights: Stack) -> list[Array]:
    """Products of all layers but each one."""
    products, below = [], np.ones(np.shape(weights[0]))
    for weight, above in zip(weights, _products_above(weights), strict=True):
        products.append(below * above)
        below = below * weight
    return products
