"""Walk towards the first zero of the error without stepping over any: from bounds, instead of all critical points.

Around a place x the error ahead is E - a_1 h - a_2 h^2 - .., and no zero lies before the h at which the positive terms
alone make up E. Where the others cannot turn the error any more, a step that changes its sign brackets the first zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.polynomials import coefficients, strength, weights_at
from fa_dynamics.modes.tail import evaluate

Array = NDArray[np.float64]

STEPS = 16
"""After which what is left (ghosts, mostly) is left to the critical points."""

A_FEW, SHALLOW = 8, 4
"""Modes for which critical points cost less than further steps, and largest depth at which they do."""

PART = 0.999
"""Of the error that one step may use up: it cannot step over a place where the error is below 0.001 of what it was."""

CLEAR = 1e-8
"""Smallest error, relative to the correlation and to the terms of p, that counts as not being a zero."""

BEYOND = 2.0
"""Steps of Newton's method at which the sign of the error is tried."""


def brackets(theta: Array, c: Array, sigma: Array, curvature: Array, direction: Array) -> tuple[Array, Array]:
    """Brackets (low, high) of the first zero of sigma - lambda p ahead, in which the error is monotone.

    Parameters
    ----------
    theta, c
        Start and clock factors, (L, modes).
    sigma, curvature, direction
        (modes,): curvature > 0, direction the sign of the error at the start.

    Returns
    -------
    tuple of ndarray
        Distances, (modes,) each; nan for modes of which this was not found out.
    """
    low, high = np.full_like(sigma, np.nan), np.full_like(sigma, np.nan)
    open_, x = np.arange(len(sigma)), np.zeros_like(sigma)
    rates, signed, powers = c * direction, curvature * direction, np.arange(1, 2 ** len(theta))[:, None]
    for _ in range(STEPS):
        if not len(open_) or (len(open_) <= A_FEW and len(theta) <= SHALLOW):
            break
        here = np.array(weights_at(theta, rates, x))
        terms = np.abs(curvature) * strength(weights_at(np.abs(theta), np.abs(rates), x))
        error = direction * sigma - signed * strength(here)
        ahead = coefficients(here, rates)[1:]
        ahead *= signed
        clear = error > CLEAR * np.maximum(np.abs(sigma), terms)
        with np.errstate(all="ignore"):  # what is no number is no bracket, and no step
            width = np.where(ahead[0] > 0, BEYOND * error / ahead[0], 1.0)
            ahead *= np.multiply.accumulate(np.broadcast_to(width, ahead.shape)) / error
            turning = -(powers * np.minimum(ahead, 0.0)).sum(axis=0)
            found = clear & (ahead[0] > 2 * turning) & (ahead.sum(axis=0) > 1)
            making = np.maximum(ahead, 0.0, out=ahead)
            longest = np.exp(-(np.log(making) / powers).max(axis=0))
            step = PART * width * longest / evaluate(making, longest)
        low[open_[found]], high[open_[found]] = x[found], (x + width)[found]
        on = np.flatnonzero(clear & ~found & np.isfinite(step) & (step > 0))
        open_, x, theta, rates = open_[on], (x + step)[on], theta[:, on], rates[:, on]
        sigma, curvature, direction, signed = sigma[on], curvature[on], direction[on], signed[on]
    return low, high
