"""Mode strengths of chains with a clock, to near machine precision, for any start and signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes import polynomials as poly
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.panels import NODES, Index, Panels, build

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)

HALFWAY = float(np.log(2.0))
"""Position u up to which single weights are counted from the start, and beyond from the rest."""

FOLDS = 45.0
"""Decay of the distance to rest, in powers of e, after which a mode is at rest: e^-45 is 3e-20."""


@dataclass(frozen=True, eq=False)
class ExactModes:
    """Chains dtheta_l/dt = c_l theta_1 .. theta_{l-1} (sigma - lambda p) of many modes, solved by their clocks.

    Attributes
    ----------
    theta, c
        Start and clock factors, (L, modes).
    sigma, curvature
        (modes,), curvature >= 0.

    Notes
    -----
    With lambda = 0, or p constant, the clock is uniform: tau = (sigma - lambda p(0)) t. Otherwise it runs to the first
    zero of the error ahead. Sources: girotti2021.clock, girotti2021.global-convergence.
    """

    theta: Array
    c: Array
    sigma: Array
    curvature: Array

    @cached_property
    def error_at_start(self) -> Array:
        """sigma - lambda p(0), (modes,)."""
        return self.sigma - self.curvature * poly.strength(self.theta)

    @cached_property
    def direction(self) -> Array:
        """Sign of dtau/dt, (modes,); 0 for a start at rest."""
        return np.sign(self.error_at_start)

    @cached_property
    def distance(self) -> Array:
        """|tau| at rest, (modes,): 0 for a start at rest, inf if nothing stops the clock."""
        found = np.full_like(self.sigma, np.inf)
        curved = self.curvature > 0
        found[curved] = rest_ahead(self.theta[:, curved], self.c[:, curved], self.sigma[curved], self.curvature[curved])
        return np.where(self.direction == 0, 0.0, found)

    @cached_property
    def rest(self) -> Array:
        """theta_1..theta_L at rest, (L, modes); not finite where the clock never rests."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinite clocks have no rest, and are not used
            return np.array(poly.weights_at(self.theta, self.c, self.direction * self.distance))

    @cached_property
    def moving(self) -> Index:
        """Modes that move towards a rest."""
        return np.flatnonzero((self.direction != 0) & np.isfinite(self.distance))

    @cached_property
    def target(self) -> Array:
        """s = sigma / lambda, (modes,); p(0) where lambda is 0, for nothing is aimed at."""
        safe = np.where(self.curvature > 0, self.curvature, 1.0)
        return np.where(self.curvature > 0, self.sigma / safe, poly.strength(self.theta))

    @cached_property
    def limit(self) -> Array:
        """p for t to infinity, (modes,): s at a rest; on a uniform clock infinite, or p(0) if p is constant."""
        limit = np.where(self.direction == 0, poly.strength(self.theta), self.target)
        for mode in np.flatnonzero(np.isinf(self.distance)):
            powers = poly.coefficients(self.theta[:, mode, None], self.c[:, mode, None])[:, 0]
            leading = np.flatnonzero(powers[1:])
            if len(leading):
                power = leading[-1] + 1
                limit[mode] = np.sign(powers[power]) * self.direction[mode] ** power * np.inf
            else:
                limit[mode] = powers[0]
        return limit

    @cached_property
    def panels(self) -> Panels:
        """Time as a function of u for every mode that moves towards a rest."""
        moving = self.moving
        end = np.zeros_like(self.sigma)
        before, target = poly.strength(self.theta[:, moving]), self.target[moving]
        size = np.maximum(np.maximum(np.abs(target), 1e-3 * np.abs(before)), np.finfo(float).tiny)
        end[moving] = FOLDS + np.log(np.maximum(1.0, np.abs(before - target) / size))
        return build(self._rate, len(self.sigma), moving, end)

    def clock(self, t: Array) -> tuple[Array, Array]:
        """Position of every mode at increasing times.

        Returns
        -------
        u, tau
            (modes, time) each: u is inf at rest and nan for uniform clocks; tau counts from the start.
        """
        u = np.full((len(self.sigma), len(t)), np.inf)
        tau = np.zeros_like(u)
        uniform = np.isinf(self.distance)
        u[uniform], tau[uniform] = np.nan, self.error_at_start[uniform, None] * t
        u[self.moving] = self.panels.invert(self.moving, t)
        tau[self.moving] = -(self.direction * self.distance)[self.moving, None] * np.expm1(-u[self.moving])
        return u, tau

    def weights(self, t: Array) -> Array:
        """theta_1..theta_L at increasing times, (L, time, modes)."""
        u, tau = self.clock(t)
        near = ~(u > HALFWAY)
        start, c = self.theta[:, :, None], self.c[:, :, None]
        from_start = np.array(poly.weights_at(start, c, np.where(near, tau, 0.0)))
        back = np.where(near, 0.0, self.remaining(u))
        rest = np.where(self.moving_mask, self.rest, 0.0)[:, :, None]
        from_rest = np.array(poly.weights_at(rest, c, -back))
        still = ~self.moving_mask[:, None] | near
        return np.where(still, from_start, from_rest).transpose(0, 2, 1)

    def strength(self, t: Array) -> Array:
        """p at increasing times, (time, modes)."""
        u, tau = self.clock(t)
        tau[self.moving] = 0.0
        strength = poly.strength(poly.weights_at(self.theta[:, :, None], self.c[:, :, None], tau))
        strength[self.moving] = self.strength_at(self.moving, u[self.moving])
        return strength.T

    def strength_at(self, mode: Index, u: Array) -> Array:
        """p of the given moving modes (n,) at positions u (n, points)."""
        return self.strength_and_terms(mode, u)[0]

    def strength_and_terms(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """p, and the sum of the sizes of the terms that were added up for it, which scales its rounding error.

        Of the two forms, counted from the start and counted from the rest, the one with the smaller terms is taken.
        """
        forms, target = self._forms(mode, u), self.target[mode, None]
        from_rest = target - forms.back * forms.secant
        rest_terms = np.abs(target) + np.abs(forms.back) * forms.secant_terms
        near = forms.start_terms < rest_terms
        return np.where(near, forms.from_start, from_rest), np.where(near, forms.start_terms, rest_terms)

    @property
    def moving_mask(self) -> NDArray[np.bool_]:
        """Whether each mode moves towards a rest, (modes,)."""
        mask = np.zeros(len(self.sigma), dtype=bool)
        mask[self.moving] = True
        return mask

    def remaining(self, u: Array) -> Array:
        """tau* - tau with its sign at positions u, (modes, time); 0 for uniform clocks."""
        signed = np.where(np.isfinite(self.distance), self.direction * self.distance, 0.0)
        return signed[:, None] * np.exp(-u)

    def learning_times(self, level: float) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (modes,); inf if never.

        p is looked at on the nodes of all panels, and its last entry into the band is found by bisection.
        """
        band = (1 - level) * np.abs(self.target)
        at_start = np.abs(poly.strength(self.theta) - self.target) <= band
        times = np.where((self.direction == 0) & at_start, 0.0, np.inf)
        panels, moving = self.panels, self.moving
        if len(moving) == 0:
            return times
        owner = np.repeat(np.arange(len(self.sigma)), np.diff(panels.first))
        u = panels.left[:, None] + panels.width[:, None] * (NODES + 1) / 2
        outside = np.abs(self.strength_at(owner, u) - self.target[owner, None]) > band[owner, None]
        count = len(NODES)
        numbered = np.where(outside, np.arange(outside.size).reshape(outside.shape), -1).max(axis=1)
        last = np.maximum.reduceat(numbered, panels.first[moving])
        flat, final = u.ravel(), panels.first[moving + 1] * count - 1
        never = last == final
        low = np.where(last >= 0, flat[last], 0.0)
        high = np.where(last >= 0, flat[np.minimum(last + 1, final)], flat[panels.first[moving] * count])
        learned_at_once = (last < 0) & at_start[moving]
        for _ in range(60):
            middle = 0.5 * (low + high)
            gap = np.abs(self.strength_at(moving, middle[:, None])[:, 0] - self.target[moving]) - band[moving]
            low, high = np.where(gap > 0, middle, low), np.where(gap > 0, high, middle)
        panel = panels.containing(moving, high)
        reached = np.where(learned_at_once, 0.0, panels.time_at(panel, high))
        times[moving] = np.where(never, np.inf, reached)
        return times

    def error_at(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """|sigma - lambda p| of moving modes (n,) at positions u (n, points), and the sum of the sizes of its terms.

        Relative digits are kept up to the rest, where the error is delta times a secant slope.
        """
        forms, direction = self._forms(mode, u), self.direction[mode, None]
        sigma, curvature = self.sigma[mode, None], self.curvature[mode, None]
        start_terms = np.abs(sigma) + curvature * forms.start_terms
        rest_terms = np.abs(forms.back) * curvature * forms.secant_terms
        near = start_terms < rest_terms
        from_start = direction * (sigma - curvature * forms.from_start)
        from_rest = np.abs(forms.back) * curvature * forms.secant
        return np.where(near, from_start, from_rest), np.where(near, start_terms, rest_terms)

    def _forms(self, mode: Index, u: Array) -> _Forms:
        theta, c, rest = self.theta[:, mode, None], self.c[:, mode, None], self.rest[:, mode, None]
        signed = (self.direction * self.distance)[mode, None]
        tau, back = -signed * np.expm1(-u), signed * np.exp(-u)
        return _Forms(
            from_start=poly.strength(poly.weights_at(theta, c, tau)),
            start_terms=poly.strength(poly.weights_at(np.abs(theta), np.abs(c), np.abs(tau))),
            back=back,
            secant=poly.secant(rest, c, -back),
            secant_terms=poly.secant(np.abs(rest), np.abs(c), np.abs(back)),
        )

    def _rate(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """dt/du = delta / |sigma - lambda p|, and its relative rounding error."""
        error, terms = self.error_at(mode, u)
        speed = np.maximum(error, EPS * EPS * terms + np.finfo(float).tiny)
        return self.distance[mode, None] * np.exp(-u) / speed, EPS * terms / speed


class _Forms(NamedTuple):
    """What p is made of, counted from the start and from the rest; `terms` add up the sizes of what is summed."""

    from_start: Array
    start_terms: Array
    back: Array
    secant: Array
    secant_terms: Array
