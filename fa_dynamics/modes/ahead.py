"""The error of chains with a clock as a function of the distance from the start, in the direction the clock takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.polynomials import CANCELLED, coefficients, error_of, secant, slope, strength, weights_at

Array = NDArray[np.float64]
Index = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Ahead:
    """Many modes.

    Attributes
    ----------
    theta, c
        Start and clock factors, (L, modes).
    sigma, curvature
        (modes,).
    start
        sigma - lambda p(0), (modes,).
    direction
        Its sign, (modes,): tau is this times the distance.
    """

    theta: Array
    c: Array
    sigma: Array
    curvature: Array
    start: Array
    direction: Array

    def of(self, some: Index) -> Ahead:
        """Some of the modes."""
        return Ahead(
            self.theta.take(some, axis=1),
            self.c.take(some, axis=1),
            self.sigma[some],
            self.curvature[some],
            self.start[some],
            self.direction[some],
        )

    def error(self, distance: Array) -> Array:
        """direction (sigma - lambda p) at distances (.., modes): positive until the first zero."""
        tau = self.direction * distance
        return self._error(weights_at(self.theta, self.c, tau), tau)

    def with_slope(self, distance: Array) -> tuple[Array, Array]:
        """The same, and its derivative with respect to the distance."""
        tau = self.direction * distance
        weights = weights_at(self.theta, self.c, tau)
        return self._error(weights, tau), -self.curvature * slope(weights, self.c)

    def terms(self, distance: Array) -> Array:
        """Sum of the sizes of all terms of the error at distances >= 0, (.., modes); may be too large for a number."""
        with np.errstate(over="ignore", invalid="ignore"):
            weights = weights_at(np.abs(self.theta), np.abs(self.c), distance)
            return np.abs(self.sigma) + self.curvature * strength(weights)

    def powers(self, distance: Array | float = 0.0) -> Array:
        """Coefficients of p in powers of the distance from a place, (2^L, modes)."""
        here = weights_at(self.theta, self.c, self.direction * distance)
        return coefficients(here, self.c * self.direction)

    def falls(self, powers: Array) -> Array:
        """By how much powers of the distance, one and above, make the error fall, (2^L - 1, modes)."""
        return np.asarray(self.curvature * self.direction * powers[1:])

    def _error(self, weights: list[Array], tau: Array) -> Array:
        """Where it is small at the start, it is that less the change of lambda p since."""
        error = np.asarray(self.sigma - self.curvature * strength(weights))
        small = np.flatnonzero(np.abs(self.start) < CANCELLED * np.abs(self.sigma))
        if len(small):
            own = tau[..., small]
            change = own * secant(self.theta[:, small], self.c[:, small], own)
            error[..., small] = self.start[small] - self.curvature[small] * change
        return self.direction * error


def ahead_of(theta: Array, c: Array, sigma: Array, curvature: Array) -> Ahead:
    """That of chains from their starts; what leaves the range of numbers is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        start = error_of(theta, sigma, curvature)
    return Ahead(theta, c, sigma, curvature, start, np.sign(start))
