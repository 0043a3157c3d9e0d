"""The motion of a chain with a clock: x = tau, with velocity sigma - lambda p(tau) and p a polynomial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes import polynomials as poly
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.motion import EPS, Index, Motion, Tangent
from fa_dynamics.modes.pairs import Pair
from fa_dynamics.modes.tail import ORDER

Array = NDArray[np.float64]
Form = Callable[[Index, Array], Array]

_LADDER: Array = np.array([*np.arange(0.0, 2.0, 0.125), 2.0, 2.5, 3.0, 4.0, 6.0, 9.0, 14.0, 22.0, 34.0])
_BETWEEN: Array = np.concatenate([[0.0], 0.5 * (_LADDER[1:] + _LADDER[:-1]), [46.0]])
"""Positions at which the two forms of p are compared, and where one gives way to the other."""

TOGETHER = 512
"""Modes that are compared at once: what is computed for them stays in the second-level cache."""

BLURRED, LEAST = 6e-13, 1e-3
"""Rounding error of p, relative to its size, from which on it is computed with twice the digits; and the least size, in
parts of the target and of p(0), that counts."""

HALFWAY = float(np.log(2.0))
"""Position u up to which single weights are counted from the start, and beyond from the rest."""


@dataclass(frozen=True, eq=False)
class ClockMotion(Motion):
    """Chains dtheta_l/dt = c_l theta_1 .. theta_{l-1} (sigma - lambda p) of many modes.

    Attributes
    ----------
    c
        Clock factors, (L, modes).
    c_rounding
        What has to be added to them for twice the digits, (L, modes); None for nothing.

    Notes
    -----
    With lambda = 0, or p constant, the clock is uniform: tau = (sigma - lambda p(0)) t. Otherwise it runs to the first
    zero of the error ahead. Sources: girotti2021.clock, girotti2021.global-convergence.
    """

    c: Array
    c_rounding: Array | None = None

    @cached_property
    def velocity_at_start(self) -> Array:
        """sigma - lambda p(0), (modes,)."""
        with np.errstate(over="ignore", invalid="ignore"):  # judged where the rest is looked for
            return poly.error_of(self.theta, self.sigma, self.curvature)

    @property
    def side(self) -> Array:
        """That of the error at the start, turned, (modes,): p(0) may round to s."""
        return np.asarray(-self.direction)

    @cached_property
    def distance(self) -> Array:
        """|tau| at rest, (modes,): the first zero of the error ahead."""
        found = np.full_like(self.sigma, np.inf)
        curved = self.curvature > 0
        found[curved] = rest_ahead(self.theta[:, curved], self.c[:, curved], self.sigma[curved], self.curvature[curved])
        return np.where(self.direction == 0, 0.0, found)

    @cached_property
    def rest(self) -> Array:
        """theta_1..theta_L at rest, (L, modes); the start where the clock never rests."""
        tau = np.where(np.isfinite(self.distance), self.direction * self.distance, 0.0)
        return np.array(poly.weights_at(self.theta, self.c, tau))

    @cached_property
    def limit(self) -> Array:
        """s at a rest; on a uniform clock infinite, or p(0) if p is constant."""
        limit = np.where(self.direction == 0, self.strength_at_start, self.target)
        for mode in np.flatnonzero(np.isinf(self.distance)):
            powers = poly.coefficients(self.theta[:, mode], self.c[:, mode])
            leading = np.flatnonzero(powers[1:])
            if len(leading):
                power = leading[-1] + 1
                limit[mode] = np.sign(powers[power]) * self.direction[mode] ** power * np.inf
            else:
                limit[mode] = powers[0]
        return limit

    def weights(self, mode: Index, u: Array) -> Array:
        """theta_1..theta_L at positions u, (L, points, n)."""
        near = u <= HALFWAY
        c = self.c.take(mode, axis=1)
        from_start = poly.weights_at(self.theta.take(mode, axis=1), c, np.where(near, self.walked(mode, u), 0.0))
        from_rest = poly.weights_at(self.rest.take(mode, axis=1), c, np.where(near, 0.0, -self.left(mode, u)))
        return np.where(near, from_start, from_rest)

    def weights_from_start(self, mode: Index, x: Array) -> Array:
        """theta_1..theta_L at x, (L, points, n)."""
        return np.array(poly.weights_at(self.theta.take(mode, axis=1), self.c.take(mode, axis=1), x))

    def strength(self, mode: Index, u: Array) -> Array:
        """Of the two forms, counted from the start and from the rest, the one with the smaller terms."""
        return self._two_forms(mode, u, self._switches[0], self._from_start, self._from_rest)

    def strength_terms(self, mode: Index, u: Array) -> Array:
        """Of the form that is used."""
        start, rest = self._terms(mode, u)
        return np.minimum(start, np.abs(self.target[mode]) + rest)

    def speed(self, mode: Index, u: Array) -> Array:
        """Near the rest the error is the distance times a secant slope, which keeps its relative digits."""

        def from_start(mode: Index, u: Array) -> Array:
            return np.asarray(self.direction[mode] * self._error(mode, u))

        def from_rest(mode: Index, u: Array) -> Array:
            signed = self.direction[mode] * self.curvature[mode]
            return np.asarray(signed * self._to_rest(mode, u))

        return self._two_forms(mode, u, self._switches[1], from_start, from_rest)

    def decay(self, mode: Index, u: Array) -> Array:
        """As the speed; near the rest only the secant slope is left of it. Positions are finite."""

        def from_start(mode: Index, u: Array) -> Array:
            return np.asarray(self._error(mode, u) / self.left(mode, u))

        def from_rest(mode: Index, u: Array) -> Array:
            return np.asarray(self.curvature[mode] * self._slope_to_rest(mode, -self.left(mode, u)))

        return self._two_forms(mode, u, self._switches[1], from_start, from_rest)

    def speed_terms(self, mode: Index, u: Array) -> Array:
        """Of the form that is used."""
        start, rest = self._terms(mode, u)
        curvature = self.curvature[mode]
        return np.minimum(np.abs(self.sigma[mode]) + curvature * start, curvature * rest)

    def careful_strength(self, mode: Index, u: Array) -> Array:
        """As `strength`, with twice the digits where p is small beside its terms."""
        strength = self.strength(mode, u)
        scale = np.maximum(np.abs(self.target), np.abs(self.strength_at_start))
        # only modes whose terms are ever that much larger than p can be, and of them only points where they may be
        least = np.where(BLURRED * LEAST * scale < EPS * self._largest_terms, self._largest_terms * EPS / BLURRED, 0.0)
        likely = np.abs(strength) < least[mode]
        row, column = np.nonzero(likely)
        if len(row):
            own, place = mode[column], u[row, column]
            size = np.maximum(np.abs(strength[row, column]), LEAST * scale[own])
            blurred = EPS * self.strength_terms(own, place[None])[0] > BLURRED * size
            row, column, own, place = row[blurred], column[blurred], own[blurred], place[blurred]
            strength[row, column] = self._precisely(own, place[None]).rounded()[0]
        return strength

    @cached_property
    def _largest_terms(self) -> Array:
        """Of p on the way, (modes,): where it stops being counted from the start."""
        largest = np.zeros_like(self.sigma)
        largest[self.moving] = self.strength_terms(self.moving, self._switches[0][None, self.moving])[0]
        return largest

    def careful_speed(self, mode: Index, u: Array) -> Array:
        """With twice the digits at x, which is the nearest number to its place; at the bottom of a ghost F' is 0."""
        error = self.sigma[mode] + -self.curvature[mode] * self._precisely(mode, u)
        return np.asarray(self.direction[mode] * error.rounded())

    def _precisely(self, mode: Index, u: Array) -> Any:
        """p with twice the digits, counted from the start."""
        missing = np.zeros_like(self.c) if self.c_rounding is None else self.c_rounding
        c: Any = [
            Pair(high, low) for high, low in zip(self.c.take(mode, axis=1), missing.take(mode, axis=1), strict=True)
        ]
        return poly.strength(poly.weights_at(self.theta.take(mode, axis=1), c, self.walked(mode, u)))

    def careful_rounding(self, mode: Index, u: Array, speed: Array) -> Array:
        """By the rounding of x, and of the rest, which was found without such care."""
        x = self.walked(mode, u)
        steepness = self.curvature[mode] * np.abs(self.slope(mode, x))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # nothing is left of a speed
            rounding = EPS * (1 + np.abs(x) * steepness / speed + self._blur_of_rest[mode] / np.abs(self.left(mode, u)))
        return np.where(speed > 0, rounding, np.inf)

    @cached_property
    def _blur_of_rest(self) -> Array:
        """By how many roundings of its terms the rest may be displaced, (modes,): infinitely many on a fold."""
        reach = np.where(np.isfinite(self.distance), self.distance, 0.0)
        terms = poly.strength(poly.weights_at(np.abs(self.theta), np.abs(self.c), reach))
        steepness = self.curvature * np.abs(poly.slope(self.rest, self.c))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((np.abs(self.sigma) + self.curvature * terms) / steepness)

    def slope(self, mode: Index, x: Array) -> Array:
        """dp/dx, (points, n)."""
        return poly.slope(self.weights_from_start(mode, x), self.c.take(mode, axis=1))

    def tangents(self, mode: Index, x: Array) -> list[Tangent]:
        """Inputs are sigma, lambda, theta_l, and the feedback behind c_l."""
        theta, c, curvature = self.theta.take(mode, axis=1), self.c.take(mode, axis=1), self.curvature[mode]
        depth = len(theta)
        nothing = np.zeros_like(x)
        strength = poly.strength(poly.weights_at(theta, c, x))
        found = [
            Tangent(np.abs(self.sigma[mode]), nothing, np.ones_like(x)),
            Tangent(self.curvature[mode], nothing, -strength),
        ]
        # Feedback b_j enters c_l for all l < j, so that c_l carries the digits of L - l inputs.
        sizes = [*theta, *(c[layer] * (depth - 1 - layer) for layer in range(depth))]
        for size, partial in zip(sizes, poly.tangents(theta, c, x), strict=True):
            found.append(Tangent(np.abs(size), partial, -curvature * partial))
        return found

    @property
    def seam(self) -> Array:
        """Where the error counted from the rest has the smaller terms, (modes,)."""
        return self._switches[1]

    def approach(self, mode: Index) -> Array:
        """lambda times the coefficients of p around the rest."""
        powers = poly.coefficients(self.rest.take(mode, axis=1), self.c.take(mode, axis=1), ORDER + 1)[1:]
        backwards = (-self.direction[mode]) ** np.arange(len(powers))[:, None]
        return np.asarray(self.curvature[mode] * powers * backwards)

    def approach_terms(self, mode: Index) -> Array:
        """Those of the weights at rest, as counted from the start, included."""
        c, distance = np.abs(self.c.take(mode, axis=1)), self.distance[mode]
        weights = poly.weights_at(np.abs(self.theta.take(mode, axis=1)), c, distance)
        return np.asarray(self.curvature[mode] * poly.secant(weights, c, distance))

    @cached_property
    def _switches(self) -> tuple[Array, Array]:
        """Positions u, (modes,) each, beyond which p and |F| have smaller terms when counted from the rest.

        Terms of the first form grow with u and those of the second fall; a factor between them does no harm.
        """
        found = np.zeros((2, len(self.sigma)))
        for begin in range(0, len(self.moving), TOGETHER):
            mode = self.moving[begin : begin + TOGETHER]
            aim = np.abs(self.target[mode])
            start, rest = self._terms(mode, _LADDER[:, None])
            for which, before in enumerate((start < aim + rest, aim + start < rest)):
                found[which, mode] = _BETWEEN[np.count_nonzero(before, axis=0)]
        return found[0], found[1]

    def _two_forms(self, mode: Index, u: Array, switch: Array, near_form: Form, far_form: Form) -> Array:
        """Each form where its terms are the smaller ones."""
        near = u < switch[mode]
        some, others = np.flatnonzero(near.any(axis=0)), np.flatnonzero(~near.all(axis=0))
        if not len(some):
            return far_form(mode, u)
        if not len(others):
            return near_form(mode, u)
        result = np.empty_like(u)
        far_span, span = _span(others), _span(some)
        result[:, far_span] = far_form(mode[far_span], u[:, far_span])
        result[:, span] = np.where(near[:, span], near_form(mode[span], u[:, span]), result[:, span])
        return result

    def _terms(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """Sizes of the terms of p counted from the start, and of p at rest minus p counted from the rest."""
        c, distance = np.abs(self.c.take(mode, axis=1)), self.distance[mode]
        walked, left = -distance * np.expm1(-u), distance * np.exp(-u)
        start = poly.strength(poly.weights_at(np.abs(self.theta.take(mode, axis=1)), c, walked))
        return start, left * poly.secant(np.abs(self.rest.take(mode, axis=1)), c, left)

    def _from_start(self, mode: Index, u: Array) -> Array:
        """p as the product of weights that are counted from the start."""
        return poly.strength(
            poly.weights_at(self.theta.take(mode, axis=1), self.c.take(mode, axis=1), self.walked(mode, u))
        )

    def _error(self, mode: Index, u: Array) -> Array:
        """sigma - lambda p, counted from the start."""
        return np.asarray(self.sigma[mode] - self.curvature[mode] * self._from_start(mode, u))

    def _from_rest(self, mode: Index, u: Array) -> Array:
        return np.asarray(self.target[mode] - self._to_rest(mode, u))

    def _to_rest(self, mode: Index, u: Array) -> Array:
        """p at rest minus p, as the distance times a secant slope."""
        left = self.left(mode, u)
        return left * self._slope_to_rest(mode, -left)

    def _slope_to_rest(self, mode: Index, x: Array) -> Array:
        """Slope of the secant of p between the rest and a place x behind it."""
        return poly.secant(self.rest.take(mode, axis=1), self.c.take(mode, axis=1), x)


def _span(numbers: Index) -> Index | slice:
    """Numbers in a row as a slice, which needs no copies."""
    first, count = int(numbers[0]), len(numbers)
    return slice(first, first + count) if numbers[-1] - first == count - 1 else numbers
