"""dt/du of chains on their way to a rest, of which exp(-u) is left, and how much of it is rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.motion import EPS, Index, Motion

Array = NDArray[np.float64]

SEEN, TRUSTED = 3e-13, 1e-6
"""Relative rounding error of dt/du from which on the speed is computed carefully, and that has to be left then."""

NOTHING = 1e-250
"""Speeds below this may be what rounding leaves of a difference."""


@dataclass(frozen=True, eq=False)
class Rates:
    """Of many modes; below, modes (n,) stand beside positions u (points, n)."""

    motion: Motion

    def plain(self, mode: Index, u: Array) -> tuple[Array, float]:
        """dt/du = (distance to rest) / speed; its rounding error is not asked for."""
        return self._inverted(self.motion.decay(mode, u), mode, u), 0.0

    def careful(self, mode: Index, u: Array) -> tuple[Array, Array]:
        """The same, carefully where that helps, and its least relative rounding error at a few points, (n,)."""
        motion, few = self.motion, _few(u)
        rounding = self._plain_rounding(mode, few)
        some, speed, better = self._carefully(mode, u, rounding.max(axis=0))
        decay = motion.decay(mode, u)
        decay[:, some] = speed / np.abs(motion.left(mode[some], u[:, some]))
        rounding[:, some] = _few(better)
        return self._inverted(decay, mode, u), rounding.min(axis=0)

    def rounding(self, mode: Index, u: Array, narrow: NDArray[np.bool_]) -> Array:
        """Relative rounding error of dt/du, carefully where it is asked for, (n,): (points, n)."""
        rounding = self._plain_rounding(mode, u)
        thin = np.flatnonzero(narrow)
        some, _, better = self._carefully(mode[thin], u[:, thin], _few(rounding)[:, thin].max(axis=0))
        rounding[:, thin[some]] = better
        return rounding

    def positive_speed(self, mode: Index, u: Array) -> Array:
        """Before a fold rounding may leave nothing of the speed, or less."""
        speed = self.motion.speed(mode, u)
        none = np.flatnonzero(speed.min(axis=0) <= NOTHING)
        if len(none):
            least = EPS * EPS * self.motion.speed_terms(mode[none], u[:, none]) + np.finfo(float).tiny
            speed[:, none] = np.maximum(speed[:, none], least)
        return speed

    def _inverted(self, decay: Array, mode: Index, u: Array) -> Array:
        """1 / decay, of which rounding may have left nothing; overwrites it."""
        none = np.flatnonzero(decay.min(axis=0) <= NOTHING)
        if len(none):
            left = self.motion.distance[mode[none]] * np.exp(-u[:, none])
            decay[:, none] = self.positive_speed(mode[none], u[:, none]) / left
        return np.divide(1.0, decay, out=decay)

    def _carefully(self, mode: Index, u: Array, plain: Array) -> tuple[Index, Array, Array]:
        """Columns where careful speeds are better than with a rounding error of `plain` (n,), these, and theirs."""
        some = np.flatnonzero(plain > SEEN)
        if not len(some):
            return some, u[:, some], u[:, some]
        speed = self.motion.careful_speed(mode[some], u[:, some])
        rounding = self.motion.careful_rounding(mode[some], u[:, some], speed)
        better = rounding.max(axis=0) < np.minimum(plain[some], TRUSTED)
        return some[better], speed[:, better], rounding[:, better]

    def _plain_rounding(self, mode: Index, u: Array) -> Array:
        return np.asarray(EPS * self.motion.speed_terms(mode, u) / self.positive_speed(mode, u))


def _few(values: Array) -> Array:
    """The first, middle and last of values (points, n)."""
    return values[[0, len(values) // 2, -1]]
