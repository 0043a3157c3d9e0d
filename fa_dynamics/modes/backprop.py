"""The motion of a chain under backpropagation: its first integrals leave one line, the weight of smallest size.

theta_j^2 - theta_m^2 is conserved for all pairs of layers. With m the layer whose weight is smallest, no other weight
ever changes its sign, and y = theta_m carries the whole state: theta_j = +-sqrt(d_j + y^2), d_j >= 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.modes.motion import Index, Motion, Tangent

Array = NDArray[np.float64]

HALFWAY = float(np.log(2.0))
"""Position u up to which y is counted from the start, and beyond from the rest."""

NEWTON = 100
"""Iterations for the rest; convergence is monotone and quadratic, and takes about six."""


@dataclass(frozen=True, eq=False)
class BackpropMotion(Motion):
    """Chains dtheta_l/dt = (p / theta_l) (sigma - lambda p) of many modes, curvature > 0.

    Notes
    -----
    x = y - y(0) has velocity A (sigma - lambda p), A the product of the other weights and p = A y. Since p is monotone
    in y, the rest with p = s is unique; where another weight is as small as y in size, y = 0 is a saddle, and starts
    with p(0) s <= 0 end there. Source: classical results (`classical.md` 1, 3, 4), girotti2021.gd-comparison.
    """

    @cached_property
    def smallest(self) -> Index:
        """Layer m, (modes,)."""
        return np.asarray(np.argmin(np.abs(self.theta), axis=0))

    @cached_property
    def y(self) -> Array:
        """y at the start, (modes,)."""
        return np.asarray(np.take_along_axis(self.theta, self.smallest[None], axis=0)[0])

    @cached_property
    def gaps(self) -> Array:
        """d_j = theta_j^2 - theta_m^2 >= 0, (L, modes); 0 for layer m itself."""
        size = np.abs(self.y)
        return np.asarray((np.abs(self.theta) - size) * (np.abs(self.theta) + size))

    @cached_property
    def signs(self) -> Array:
        """Signs of the other weights, (L, modes); 1 for layer m, whose sign is that of y."""
        signs = np.where(self.theta < 0, -1.0, 1.0)
        np.put_along_axis(signs, self.smallest[None], 1.0, axis=0)
        return signs

    @cached_property
    def velocity_at_start(self) -> Array:
        """sigma - lambda p(0), times the other weights, (modes,)."""
        others = np.where(self._is_smallest, 1.0, self.theta).prod(axis=0)
        return np.asarray(others * (self.sigma - self.curvature * self.strength_at_start))

    @cached_property
    def rest(self) -> Array:
        """y at rest, (modes,)."""
        aim = self.signs.prod(axis=0) * self.target
        tied = ((self.gaps == 0) & ~self._is_smallest).any(axis=0)
        stopped = tied & (aim * self.y <= 0)
        return np.where(self.velocity_at_start == 0, self.y, np.where(stopped, 0.0, _rest(self.gaps, aim)))

    @cached_property
    def distance(self) -> Array:
        """|x| at rest, (modes,)."""
        return np.asarray(np.abs(self.rest - self.y))

    @cached_property
    def limit(self) -> Array:
        """s, or 0 for starts that end in the saddle."""
        ends = np.where(self.rest == 0, 0.0, self.target)
        return np.where(self.moving_mask, ends, self.strength_at_start)

    def weights(self, mode: Index, u: Array) -> Array:
        """theta_1..theta_L at positions u, (L, points, n)."""
        return self._weights(mode, self._y(mode, u))

    def weights_from_start(self, mode: Index, x: Array) -> Array:
        """theta_1..theta_L at x, (L, points, n)."""
        return self._weights(mode, self.y[mode] + x)

    def strength(self, mode: Index, u: Array) -> Array:
        """The product of the weights, which lose no digits near the rest."""
        return np.asarray(self.weights(mode, u).prod(axis=0))

    def strength_terms(self, mode: Index, u: Array) -> Array:
        """p is a product."""
        return np.abs(self.strength(mode, u))

    def speed(self, mode: Index, u: Array) -> Array:
        """Near the rest the error is the distance times a secant slope, which keeps its relative digits."""
        return self._speed(mode, u)[0]

    def speed_terms(self, mode: Index, u: Array) -> Array:
        """Of the form that is used."""
        return self._speed(mode, u)[1]

    def _speed(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """|F|, and the sizes of its terms."""
        y, mine = self._y(mode, u), self._is_smallest[:, None, mode]
        weights = self._weights(mode, y)
        others = np.where(mine, 1.0, weights).prod(axis=0)
        strength = others * np.where(mine, weights, 1.0).prod(axis=0)
        sigma, curvature = self.sigma[mode], self.curvature[mode]
        start_terms = np.abs(sigma) + curvature * np.abs(strength)
        left, (secant, secant_terms) = self.left(mode, u), self._secant(mode, y)
        rest_terms = curvature * np.abs(left) * secant_terms
        # In the saddle the error does not vanish, and has no secant form; the other weights follow powers of exp(-u),
        # which carries the rounding of u.
        saddle = (self.limit != self.target)[mode]
        near = (start_terms < rest_terms) | saddle
        error = np.where(near, sigma - curvature * strength, curvature * left * secant)
        # At the end of the line u is infinite, the speed zero, and its rounding nobody asks for.
        carried = np.where(saddle & np.isfinite(u), 1 + len(weights) * u, 1.0)
        terms = np.where(near, start_terms, rest_terms) * carried
        # Beside a saddle the other weights turn around where y is small, and y carries the rounding of its ends.
        turning = np.where(mine, 0.0, 1 / _divisor(weights * weights)).sum(axis=0) * np.abs(y)
        terms = terms + turning * (np.abs(self.y) + np.abs(self.rest))[mode] * np.abs(error)
        return np.abs(others * error), np.abs(others) * terms

    def slope(self, mode: Index, x: Array) -> Array:
        """dp/dx, (points, n)."""
        weights, y = self.weights_from_start(mode, x), self.y[mode] + x
        moves = np.where(self._is_smallest[:, None, mode], 1.0, y / _divisor(weights))
        return np.asarray((_all_but_one(weights) * moves).sum(axis=0))

    def tangents(self, mode: Index, x: Array) -> list[Tangent]:
        """Inputs are sigma, lambda and theta_l; relative derivatives, of size 1, stay in the range of numbers."""
        weights, mine = self.weights_from_start(mode, x), self._is_smallest[:, None, mode]
        others = np.where(mine, 1.0, weights)
        product, curved = others.prod(axis=0), self.curvature[mode] * weights.prod(axis=0)
        sigma, one = self.sigma[mode], np.ones(len(mode))
        error = sigma - curved
        nothing = np.zeros_like(curved)
        found = [Tangent(one, nothing, product * sigma), Tangent(one, nothing, -product * curved)]
        without, others_without = _all_but_one(weights), np.where(mine, 0.0, _all_but_one(others))
        # in a saddle others are 0, where their own size at the start stands for the limit of the quotients
        divisor = np.where(weights == 0, _divisor(np.abs(self.theta[:, None, mode])), weights)
        for layer, start in enumerate(self.theta[:, mode]):
            # d theta_j / d theta_m(0) = x / theta_j at fixed x, since theta_j^2 = theta_j(0)^2 + 2 theta_m(0) x + x^2
            moves = np.where(mine[layer], x / divisor * start, 0.0)
            moves[layer] = np.where(mine[layer], start, start / divisor[layer] * start)
            p_change, a_change = (without * moves).sum(axis=0), (others_without * moves).sum(axis=0)
            velocity = a_change * error - product * (self.curvature[mode] * p_change)
            found.append(Tangent(one, p_change, velocity))
        return found

    def approach(self, mode: Index) -> Array:
        """No series: panels reach up to the rest."""
        return np.empty((0, len(mode)))

    @cached_property
    def _is_smallest(self) -> NDArray[np.bool_]:
        return np.asarray(np.arange(len(self.theta))[:, None] == self.smallest)

    def _y(self, mode: Index, u: Array) -> Array:
        near = u <= HALFWAY
        return np.where(near, self.y[mode] + self.walked(mode, u), self.rest[mode] - self.left(mode, u))

    def _weights(self, mode: Index, y: Array) -> Array:
        sizes = np.sqrt(self.gaps[:, None, mode] + y * y)
        return np.where(self._is_smallest[:, None, mode], y, self.signs[:, None, mode] * sizes)

    def _secant(self, mode: Index, y: Array) -> tuple[Array, Array]:
        """(p(y*) - p(y)) / (y* - y), y* at rest: telescoping over layers, without cancellation on one side of 0."""
        aim = np.broadcast_to(self.rest[mode], y.shape)
        there, here = self._weights(mode, aim), self._weights(mode, y)
        steps = self.signs[:, None, mode] * (aim + y) / _divisor(np.abs(there) + np.abs(here))
        steps = np.where(self._is_smallest[:, None, mode], 1.0, steps)
        above = np.concatenate([np.cumprod(there[:0:-1], axis=0)[::-1], np.ones_like(y)[None]])
        below = np.concatenate([np.ones_like(y)[None], np.cumprod(here[:-1], axis=0)])
        terms = below * steps * above
        return terms.sum(axis=0), np.abs(terms).sum(axis=0)


@lru_cache(maxsize=64)
def follows_gradient(chain: Chain) -> bool:
    """Whether the derived chain is that of backpropagation, dtheta_l/dt = (p / theta_l) (sigma - lambda p)."""
    error = chain.correlation - chain.curvature * chain.strength
    return len(chain.state) == chain.depth and all(
        sp.expand(velocity * weight - chain.strength * error) == 0 for weight, velocity in chain.velocity.items()
    )


def _all_but_one(weights: Array) -> Array:
    """Products of all layers but one, (L, ...)."""
    ones = np.ones_like(weights[:1])
    above = np.concatenate([np.cumprod(weights[:0:-1], axis=0)[::-1], ones])
    return np.asarray(np.concatenate([ones, np.cumprod(weights[:-1], axis=0)]) * above)


def _divisor(values: Array) -> Array:
    return np.where(values == 0, 1.0, values)


def _rest(gaps: Array, aim: Array) -> Array:
    """The y with y prod_{j != m} sqrt(d_j + y^2) = aim, (modes,)."""
    size = np.abs(aim)
    depth = len(gaps)
    with np.errstate(divide="ignore", invalid="ignore"):  # an aim of zero is its own solution
        goal = 2 * np.log(size)
        v = goal / depth  # ln y^2 from above, for all d_j are >= 0: Newton's method then descends
        logs = np.log(gaps)
        for _ in range(NEWTON):
            squares = np.logaddexp(logs, v)  # of the sizes, which may be too small to be squared
            step = (squares.sum(axis=0) - goal) / np.exp(v - squares).sum(axis=0)
            v = v - step
            if not np.any(np.abs(step) > 1e-15 * np.maximum(1.0, np.abs(v))):
                break
        y = np.exp(v / 2)
    for _ in range(2):  # in the logarithm of a far scale the last digits are lost
        sizes = np.hypot(np.sqrt(gaps), y)
        product = sizes.prod(axis=0)
        slope = ((y / _divisor(sizes)) ** 2).sum(axis=0)
        y = np.where(size > 0, y * (1 - (1 - size / _divisor(product)) / _divisor(slope)), 0.0)
    return np.where(size > 0, np.sign(aim) * y, 0.0)
