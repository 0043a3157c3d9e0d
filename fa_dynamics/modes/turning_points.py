"""Where the strength p turns on its way along the clock: all real zeros of dp/dtau at which it changes its sign.

The line is cut into pieces until the local expansion of dp/dtau shows that it has no zero there, or is monotone. Its
signs at the ends of the pieces then bracket every zero. Companion eigenvalues, which depend on the size of the
coefficients and may lose or add real zeros of degree 62, are not needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.polynomials import coefficients, slope, weights_at
from fa_dynamics.modes.roots import refine

Array = NDArray[np.float64]
Index = NDArray[np.int_]

FINEST = 2.0**-120
"""Smallest piece, relative to the whole line: what turns closer to the start than this is not told apart."""

CLOSEST = 2.0**-50
"""Smallest piece, relative to its distance from the start."""

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""Relative change of inputs and intermediate results up to which nothing is told apart."""

HUSH = 0.125
"""A piece in which p changes by less than this part of its rounding is not divided further."""

SAFETY = 1 + 1e-9
"""Excess that an expansion has to show, for its own rounding."""


def turning_points(theta: Array, c: Array) -> tuple[Index, Array]:
    """All turning points of p, ascending within each mode.

    Parameters
    ----------
    theta, c
        Start and clock factors, (L, modes), such that p is not constant.

    Returns
    -------
    tuple of ndarray
        Mode of every turning point and its clock tau, both (points,). Two of them closer together than rounding
        allows to tell may be missing, or be found where there is none.
    """
    if not theta.shape[1]:
        return np.zeros(0, dtype=int), np.zeros(0)
    weights, factors, unit, _ = in_units(theta, c)
    mode, low, high = _pieces(weights, factors)
    at_low, at_high = (
        slope(weights_at(weights[:, mode], factors[:, mode], end), factors[:, mode]) for end in (low, high)
    )
    # A zero on a common end counts for one of its two pieces, since it has one sign for both.
    turns = (at_low < 0) != (at_high < 0)
    mode, low, high, at_low, at_high = (part[turns] for part in (mode, low, high, at_low, at_high))
    own, rates = weights.take(mode, axis=1), factors.take(mode, axis=1)

    def bend(which: Index, x: Array) -> tuple[Array, Array]:
        factors = rates.take(which, axis=1)
        here = weights_at(own.take(which, axis=1), factors, x)
        return slope(here, factors), 2 * coefficients(here, factors, 3)[2]

    found = refine(bend, low, high, np.where(at_low < 0, -1.0, 1.0))
    found = np.where(at_low == 0, low, np.where(at_high == 0, high, found))
    order = np.lexsort((found, mode))
    return mode[order], np.ldexp(found, unit[mode])[order]


def natural_exponents(theta: Array, c: Array, reached: Array | None = None) -> tuple[Index, Index, Index]:
    """Units 2^unit of the clock and 2^(offset + power * unit) of the weights, in which clock factors are about 1.

    Parameters
    ----------
    theta, c
        Start and clock factors, (L, modes).
    reached
        Exponents of strengths that are reached, (modes,), as of `aim_exponent`.

    Returns
    -------
    tuple of ndarray
        unit (modes,), in which the largest weight at the start, or the strength that is reached, is about 1; offset and
        power, both (L, modes).
    """
    offset, power = np.zeros(theta.shape, dtype=int), np.zeros(theta.shape, dtype=int)
    for layer, (start, factor) in enumerate(zip(theta, c, strict=True)):
        moves = factor != 0
        offset[layer] = np.where(moves, _exponent(factor) + offset[:layer].sum(axis=0), _exponent(start))
        power[layer] = np.where(moves, 1 + power[:layer].sum(axis=0), 0)
    given = (theta != 0) & (power > 0)
    sizes = np.where(given, (_exponent(theta) - offset) / np.maximum(power, 1), -np.inf).max(axis=0)
    if reached is not None:
        degree = power.sum(axis=0)
        sizes = np.maximum(sizes, np.where(degree > 0, (reached - offset.sum(axis=0)) / np.maximum(degree, 1), -np.inf))
    return np.where(np.isfinite(sizes), np.ceil(np.where(np.isfinite(sizes), sizes, 0.0)), 0).astype(int), offset, power


def strength_rounding(theta: Array, c: Array, tau: Array) -> Array:
    """Bound on the change of p if every input and every step of the nested form is rounded, (points,).

    Not linearised: where several weights are zero at once, single derivatives of p vanish, and its rounding does not.
    """
    increment, blurred = tau, np.zeros(np.shape(tau))
    product, change = np.ones(np.shape(tau)), np.zeros(np.shape(tau))
    for start, factor in zip(theta, c, strict=True):
        walked = factor * increment
        weight, sizes = np.abs(start + walked), np.abs(start) + np.abs(walked)
        blur = np.abs(factor) * blurred + ROUNDING * sizes
        # dD_{l+1} / dD_l = theta_l
        blurred = blurred * (weight + blur) + ROUNDING * np.abs(increment) * sizes
        change, product = change * (weight + blur) + product * blur, product * weight
        increment = increment * (start + 0.5 * walked)
    return np.asarray(change)


def in_units(theta: Array, c: Array, reached: Array | None = None) -> tuple[Array, Array, Index, Index]:
    """The same chain in units that are powers of two, so that nothing is rounded; exponents of clock and weights."""
    unit, offset, power = natural_exponents(theta, c, reached)
    size = offset + power * unit
    below = np.cumsum(size, axis=0) - size
    with np.errstate(under="ignore"):
        return np.ldexp(theta, -size), np.ldexp(c, unit + below - size), unit, size


def aim_exponent(sigma: Array, curvature: Array) -> Array:
    """Exponent of the target sigma / lambda, (modes,); -inf where it is zero or absent."""
    return np.where((sigma != 0) & (curvature > 0), _exponent(sigma) - _exponent(curvature), -np.inf)


def _exponent(values: Array) -> Index:
    return np.asarray(np.where(values == 0, 0, np.frexp(values)[1]))


def _pieces(theta: Array, c: Array) -> tuple[Index, Array, Array]:
    """Pieces (mode, low, high) that cover all zeros of dp/dtau; it has at most one in each."""
    reach = _reach(theta, c)
    mode = np.arange(theta.shape[1])
    single = reach == 0  # dp/dtau is one power
    length = np.where(single, 1.0, reach)
    done = [(mode[single], -length[single], length[single])]
    mode, low, high = mode[~single], -length[~single], length[~single]
    while len(mode):
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        rates = c.take(mode, axis=1)
        with np.errstate(under="ignore"):
            local = coefficients(weights_at(theta.take(mode, axis=1), rates, middle), rates)
            powers = np.arange(1, len(local))[:, None]
            terms = powers * np.abs(local[1:]) * half ** (powers - 1)
            empty = terms[0] > SAFETY * terms[1:].sum(axis=0)
            bent = (powers[1:] - 1) * terms[1:]
        monotone = bent[0] > SAFETY * bent[1:].sum(axis=0) if len(bent) else empty
        smallest = (half <= CLOSEST * np.abs(middle)) | (half <= FINEST * length[mode])
        ready = empty | monotone | smallest
        rest = np.flatnonzero(~ready)
        changes = half[rest] * terms[:, rest].sum(axis=0)
        ready[rest] = changes <= HUSH * strength_rounding(
            theta.take(mode[rest], axis=1), rates.take(rest, axis=1), middle[rest]
        )
        done.append((mode[ready], low[ready], high[ready]))
        mode, low, middle, high = (part[~ready] for part in (mode, low, middle, high))
        mode, low, high = np.tile(mode, 2), np.concatenate([low, middle]), np.concatenate([middle, high])
    modes, lows, highs = zip(*done, strict=True)
    return np.concatenate(modes), np.concatenate(lows), np.concatenate(highs)


def _reach(theta: Array, c: Array) -> Array:
    """Fujiwara's bound on the zeros of dp/dtau, (modes,); 0 if it is a single power."""
    p = coefficients(theta, c)
    derivative = np.abs(p[1:]) * np.arange(1, len(p))[:, None]
    powers = np.arange(len(derivative))[:, None]
    highest = np.where(derivative > 0, powers, 0).max(axis=0)
    leading = np.take_along_axis(derivative, highest[None], axis=0)
    below = powers < highest
    with np.errstate(divide="ignore"):  # absent powers have the logarithm -inf, and bound nothing
        logs = (np.log(derivative) - np.log(leading)) / np.where(below, highest - powers, 1)
    with np.errstate(under="ignore"):
        return np.asarray(2 * np.exp(np.where(below, logs, -np.inf).max(axis=0)))
