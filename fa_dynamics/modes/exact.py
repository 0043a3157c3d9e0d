"""Mode strengths of chains that move along one line, to near machine precision: a motion, its panels and its tail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.motion import EPS, Index, Motion
from fa_dynamics.modes.panels import NODES, Panels, build
from fa_dynamics.modes.tail import Tail, evaluate, last_entry, natural_scale, tail

Array = NDArray[np.float64]

FOLDS = 45.0
"""Decay of the distance to rest, in powers of e, after which a mode is at rest: e^-45 is 3e-20."""

FLAT = 1e-6
"""A rest whose series holds only this close, relative to the start, is a fold or next to one: panels reach up to it."""

ALIKE, BLOCK, NEGLIGIBLE = 250, 40, 1e-18
"""Modes and times for which the number of terms is chosen together, and the size of a term that is left out."""

NOTHING = 1e-250
"""Speeds below this may be what rounding leaves of a difference."""

SAFE, FAR = 0.9, 0.1
"""A tail begins where |p - s| is below this part of |s|, or of |p(0)|: p is then no small difference of large terms."""


@dataclass(frozen=True, eq=False)
class ExactModes:
    """The motion of many modes as a function of time.

    Attributes
    ----------
    motion
        The chains.
    tailed
        Follow the last part of the way by its normal form, which is fast; otherwise panels reach up to the rest.
    """

    motion: Motion
    tailed: bool = True

    @cached_property
    def tails(self) -> tuple[Index, Tail]:
        """Modes with a tail, and their tails."""
        motion, moving = self.motion, self.motion.moving
        series = motion.approach(moving) if self.tailed else np.empty((0, len(moving)))
        if not len(series):
            return moving[:0], tail(np.ones((1, 0)), np.ones(0), np.ones(0))
        start = motion.distance[moving]
        usable = (series[0] > 0) & np.isfinite(series).all(axis=0) & (natural_scale(series) > FLAT * start)
        usable = np.flatnonzero(usable)[np.argsort(series[0, usable])]  # modes of similar rates side by side
        chosen = moving[usable]
        before = np.abs(motion.strength_at_start[chosen])
        fastest = motion.curvature[chosen] * np.maximum(SAFE * np.abs(motion.target[chosen]), FAR * before)
        return chosen, tail(series[:, usable], start[usable], fastest)

    @cached_property
    def panels(self) -> Panels:
        """Time as a function of u for every mode that moves towards a rest, up to its tail."""
        motion, moving = self.motion, self.motion.moving
        end = np.zeros_like(motion.sigma)
        before, target = motion.strength_at_start[moving], motion.target[moving]
        size = np.maximum(np.maximum(np.abs(target), 1e-3 * np.abs(before)), np.finfo(float).tiny)
        end[moving] = FOLDS + np.log(np.maximum(1.0, np.abs(before - target) / size))
        chosen, tails = self.tails
        end[chosen] = np.log(motion.distance[chosen] / tails.distance)
        return build(self._rate, self.rounding, len(motion.sigma), moving, end)

    @cached_property
    def joined(self) -> Array:
        """Time at which panels end and tails begin, (modes,); 0 for modes without panels."""
        panels = self.panels
        ends = np.zeros_like(self.motion.sigma)
        some = np.diff(panels.first) > 0
        last = panels.first[1:][some] - 1
        ends[some] = panels.began[last] + panels.lasts[last]
        return ends

    def strength(self, t: Array) -> Array:
        """p at increasing times, (time, modes)."""
        motion = self.motion
        strength = np.empty((len(t), len(motion.sigma)))
        strength[:] = motion.limit
        chosen, tails = self.tails
        if len(chosen):
            side = np.sign(motion.strength_at_start[chosen] - motion.target[chosen]) / motion.curvature[chosen]
            error = self._in_tail(tails.speeds * side, t)
            error += motion.target[chosen]
            strength[:, chosen] = error
        mode, time, u = self.panels.invert(t)
        strength[time, mode] = motion.strength(mode, u[:, None])[:, 0]
        uniform = np.flatnonzero(np.isinf(motion.distance))
        if len(uniform):
            strength[:, uniform] = motion.weights_from_start(uniform, self._uniform(uniform, t)).prod(axis=0).T
        return strength

    def weights(self, t: Array) -> Array:
        """theta_1..theta_L at increasing times, (L, time, modes)."""
        motion, moving = self.motion, self.motion.moving
        x = np.zeros((len(motion.sigma), len(t)))
        uniform = np.flatnonzero(np.isinf(motion.distance))
        x[uniform] = self._uniform(uniform, t)
        weights = motion.weights_from_start(np.arange(len(x)), x)
        weights[:, moving] = motion.weights(moving, self.positions(t)[moving])
        return weights.transpose(0, 2, 1)

    def positions(self, t: Array) -> Array:
        """u of every mode at increasing times, (modes, time): inf at rest, nan for uniform motion."""
        motion = self.motion
        u = np.full((len(motion.sigma), len(t)), np.inf)
        u[np.isinf(motion.distance)] = np.nan
        chosen, tails = self.tails
        if len(chosen):
            with np.errstate(divide="ignore"):  # long after, nothing is left of the distance
                part = self._in_tail(tails.distances, t).T / motion.distance[chosen, None]
                u[chosen] = -np.log(part)
        mode, time, inside = self.panels.invert(t)
        u[mode, time] = inside
        return u

    def walked(self, u: Array, t: Array) -> Array:
        """x of all modes at positions u (modes, time) and times t."""
        motion = self.motion
        x = np.zeros_like(u)
        x[motion.moving] = motion.walked(motion.moving, u[motion.moving])
        uniform = np.flatnonzero(np.isinf(motion.distance))
        x[uniform] = self._uniform(uniform, t)
        return x

    def learning_times(self, level: float) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (modes,); inf if never.

        p is looked at on the nodes of all panels; its last entry into the band is found by bisection, or in the tail.
        """
        motion, panels, moving = self.motion, self.panels, self.motion.moving
        band = (1 - level) * np.abs(motion.target)
        at_start = np.abs(motion.strength_at_start - motion.target) <= band
        times = np.where(at_start & (motion.direction == 0), 0.0, np.inf)
        late = np.zeros(len(motion.sigma), dtype=bool)
        chosen, tails = self.tails
        if len(chosen):
            entry = last_entry(tails, motion.curvature[chosen] * band[chosen])
            late[chosen] = ~np.isnan(entry)
            times[chosen] = np.where(late[chosen], self.joined[chosen] + entry, times[chosen])
        travelled = np.diff(panels.first)[moving] > 0
        times[moving[~late[moving] & ~travelled]] = 0.0
        early = moving[~late[moving] & travelled]
        if len(early):
            times[early] = self._entry_in_panels(early, band, at_start)
        return times

    def _entry_in_panels(self, mode: Index, band: Array, at_start: NDArray[np.bool_]) -> Array:
        """Time of the last entry into the band, for modes (n,) that have panels and are inside where those end."""
        motion, panels = self.motion, self.panels
        own = panels.of(mode)
        owner = panels.owner[own]
        u = panels.left[own, None] + panels.width[own, None] * (NODES + 1) / 2
        outside = np.abs(motion.strength(owner, u) - motion.target[owner, None]) > band[owner, None]
        flat = u.ravel()
        numbered = np.where(outside, np.arange(outside.size).reshape(outside.shape), -1).max(axis=1)
        counts = np.diff(panels.first)[mode]
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        last = np.maximum.reduceat(numbered, first)
        final = (first + counts) * len(NODES) - 1
        never = (last == final) & ~np.isin(mode, self.tails[0])
        low = np.where(last >= 0, flat[last], 0.0)
        end = panels.left[own][first + counts - 1] + panels.width[own][first + counts - 1]
        following = np.where(last == final, end, flat[np.minimum(last + 1, final)])
        high = np.where(last >= 0, following, flat[first * len(NODES)])
        for _ in range(60):
            middle = 0.5 * (low + high)
            gap = np.abs(motion.strength(mode, middle[:, None])[:, 0] - motion.target[mode]) - band[mode]
            low, high = np.where(gap > 0, middle, low), np.where(gap > 0, high, middle)
        reached = panels.time_at(panels.containing(mode, high), high)
        return np.where(never, np.inf, np.where((last < 0) & at_start[mode], 0.0, reached))

    def _in_tail(self, series: Array, t: Array) -> Array:
        """A series (terms, n) of modes with a tail at increasing times, (time, n); before they begin, as there."""
        chosen, tails = self.tails
        joined, result, sizes = self.joined[chosen], np.empty((len(t), len(chosen))), np.abs(series)
        # In late blocks of fast modes a few terms are all that is left.
        for first in range(0, len(chosen), ALIKE):
            some = slice(first, first + ALIKE)
            for begin in range(0, len(t), BLOCK):
                own = slice(begin, begin + BLOCK)
                v = tails.at(np.maximum(t[own, None] - joined[some], 0.0), some)
                powers = np.multiply.accumulate(np.broadcast_to(v[0], (len(sizes), v.shape[1])))
                left = (sizes[:, some] * powers > NEGLIGIBLE * sizes[0, some] * v[0]).any(axis=1)
                needed = np.flatnonzero(left)
                result[own, some] = evaluate(series[: needed.max(initial=0) + 1, some], v)
        return result

    def _uniform(self, mode: Index, t: Array) -> Array:
        return np.asarray(self.motion.velocity_at_start[mode, None] * t)

    def _rate(self, mode: Index, u: Array) -> Array:
        """dt/du = (distance to rest) / speed."""
        return np.asarray(self.motion.distance[mode, None] * np.exp(-u) / self._positive_speed(mode, u))

    def rounding(self, mode: Index, u: Array) -> Array:
        """Relative rounding error of dt/du for moving modes (n,) at positions u (n, points)."""
        return np.asarray(EPS * self.motion.speed_terms(mode, u) / self._positive_speed(mode, u))

    def _positive_speed(self, mode: Index, u: Array) -> Array:
        """Before a fold rounding may leave nothing of the speed, or less."""
        speed = self.motion.speed(mode, u)
        none = np.flatnonzero((speed <= NOTHING).any(axis=1))
        if len(none):
            least = EPS * EPS * self.motion.speed_terms(mode[none], u[none]) + np.finfo(float).tiny
            speed[none] = np.maximum(speed[none], least)
        return speed
