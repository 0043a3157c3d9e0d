"""What the exact solver asks of a chain that moves along one line: where it starts, where it rests, how fast it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int_]

EPS = float(np.finfo(np.float64).eps)


class Tangent(NamedTuple):
    """Derivatives with respect to one input, at a fixed position: of the strength and of the velocity.

    `size` is the size of the input, counted as often as it carries digits of others; 1 if the derivatives contain it.
    """

    size: Array
    strength: Array
    velocity: Array


@dataclass(frozen=True, eq=False)
class Motion(ABC):
    """Chains of many modes, each of which moves along a line x with velocity F(x), x = 0 at the start.

    Positions on the way to a rest are given as u: the distance to the rest is exp(-u) of what it was at the start.

    Attributes
    ----------
    theta
        Start, (L, modes).
    sigma, curvature
        (modes,), curvature >= 0.
    """

    theta: Array
    sigma: Array
    curvature: Array

    @property
    @abstractmethod
    def velocity_at_start(self) -> Array:
        """F(0), (modes,)."""

    @property
    @abstractmethod
    def distance(self) -> Array:
        """|x| at rest, (modes,): 0 for a start at rest, inf if nothing stops the motion."""

    @property
    @abstractmethod
    def limit(self) -> Array:
        """p for t to infinity, (modes,)."""

    @abstractmethod
    def weights(self, mode: Index, u: Array) -> Array:
        """theta_1..theta_L of moving modes (n,) at positions u (points, n): (L, points, n)."""

    @abstractmethod
    def weights_from_start(self, mode: Index, x: Array) -> Array:
        """theta_1..theta_L of any modes (n,) at x (points, n), counted from the start: (L, points, n)."""

    @abstractmethod
    def strength(self, mode: Index, u: Array) -> Array:
        """p of moving modes (n,) at positions u (points, n)."""

    @abstractmethod
    def strength_terms(self, mode: Index, u: Array) -> Array:
        """Sum of the sizes of the terms that are added up for p, which scales its rounding error."""

    @abstractmethod
    def speed(self, mode: Index, u: Array) -> Array:
        """|F| of moving modes (n,) at positions u (points, n), to relative digits up to the rest."""

    @abstractmethod
    def speed_terms(self, mode: Index, u: Array) -> Array:
        """Sum of the sizes of the terms that are added up for |F|."""

    def careful_strength(self, mode: Index, u: Array) -> Array:
        """As `strength`, with more digits where a motion has them at a price."""
        return self.strength(mode, u)

    def careful_speed(self, mode: Index, u: Array) -> Array:
        """As `speed`, with more digits where a motion has them at a price."""
        return self.speed(mode, u)

    def careful_rounding(self, mode: Index, u: Array, speed: Array) -> Array:
        """Relative rounding error of a careful speed (points, n), that of the position and of the rest included."""
        return np.asarray(EPS * self.speed_terms(mode, u) / speed)

    @abstractmethod
    def slope(self, mode: Index, x: Array) -> Array:
        """dp/dx of any modes (n,) at x (points, n)."""

    @abstractmethod
    def tangents(self, mode: Index, x: Array) -> list[Tangent]:
        """Derivatives with respect to all inputs, of any modes (n,) at x (points, n)."""

    @abstractmethod
    def approach(self, mode: Index) -> Array:
        """f_1, f_2, .. of the speed f_1 y + f_2 y^2 + .. at distance y from the rest, (terms, n)."""

    def approach_terms(self, mode: Index) -> Array:
        """Sum of the sizes of the terms of |F| over the distance in `approach`, at the start, (n,); inf if unknown."""
        return np.full(len(mode), np.inf)

    @cached_property
    def strength_at_start(self) -> Array:
        """p(0), (modes,)."""
        with np.errstate(over="ignore"):  # judged where the rest is looked for
            return np.asarray(self.theta.prod(axis=0))

    @cached_property
    def direction(self) -> Array:
        """Sign of dx/dt, (modes,); 0 for a start at rest."""
        return np.sign(self.velocity_at_start)

    @property
    def side(self) -> Array:
        """Sign of p - s at the start, (modes,)."""
        return np.sign(self.strength_at_start - self.target)

    @cached_property
    def moving(self) -> Index:
        """Modes that move towards a rest."""
        return np.flatnonzero((self.direction != 0) & np.isfinite(self.distance))

    @cached_property
    def moving_mask(self) -> NDArray[np.bool_]:
        """Whether each mode moves towards a rest, (modes,)."""
        mask = np.zeros(len(self.sigma), dtype=bool)
        mask[self.moving] = True
        return mask

    @cached_property
    def target(self) -> Array:
        """s = sigma / lambda, (modes,); p(0) where lambda is 0, for nothing is aimed at."""
        curved = self.curvature > 0
        return np.where(curved, self.sigma / np.where(curved, self.curvature, 1.0), self.strength_at_start)

    @property
    def seam(self) -> Array:
        """Position u at which the speed changes its form, (modes,); 0 if it has one form."""
        return np.zeros_like(self.sigma)

    def walked(self, mode: Index, u: Array) -> Array:
        """x of moving modes (n,) at positions u (points, n)."""
        walked = np.expm1(-u)
        walked *= -(self.direction * self.distance)[mode]
        return np.asarray(walked)

    def left(self, mode: Index, u: Array) -> Array:
        """x at rest minus x, of moving modes (n,) at positions u (points, n)."""
        left = np.exp(-u)
        left *= (self.direction * self.distance)[mode]
        return np.asarray(left)

    def decay(self, mode: Index, u: Array) -> Array:
        """|F| over the distance to the rest = du/dt, of moving modes (n,) at positions u (points, n)."""
        return np.asarray(self.speed(mode, u) / (self.distance[mode] * np.exp(-u)))
