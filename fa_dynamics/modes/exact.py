"""Mode strengths of chains that move along one line, to near machine precision: a motion, its panels and its tail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.cubic import CubicTime, least
from fa_dynamics.modes.entry import last_entry
from fa_dynamics.modes.motion import Index, Motion
from fa_dynamics.modes.panels import NODES, Panels, build
from fa_dynamics.modes.rates import Rates
from fa_dynamics.modes.tail import Tail, evaluate, natural_scale, tail

Array = NDArray[np.float64]

FOLDS = 45.0
"""Decay of the distance to rest, in powers of e, after which a mode is at rest: e^-45 is 3e-20."""

FLAT = 1e-6
"""A rest whose series holds only this close, relative to the start, is a fold or next to one: panels reach up to it."""

ALIKE, POINTS = (256, 1024), 16384
"""Modes for which the number of terms of the tail is chosen together, at least and at most, and points: long rows of
few modes that need similar terms. What is computed for them stays in the second-level cache."""

SHORT = 5.0
"""Powers of e by which a tail has decayed when a few terms are enough: modes that get there together are alike."""

NEGLIGIBLE = 1e-17
"""Size of a term that is left out, relative to the first one or to what the tail is added to."""

BLURRED = 1000.0
"""Size of the terms of the speed, expanded around the rest, relative to it, up to which the expansion serves all the
way."""

MANY = 400
"""Modes from which their expansions are used: for fewer, panels for all of them cost less than two ways."""

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

    @property
    def rates(self) -> Rates:
        """dt/du on the panels."""
        return Rates(self.motion)

    @cached_property
    def panels(self) -> Panels:
        """Time as a function of u for every mode that moves towards a rest, up to its tail."""
        return self._panels_of(self.motion.moving)

    def _panels_of(self, mode: Index) -> Panels:
        motion = self.motion
        return build(self.rates.plain, self.rates.careful, len(motion.sigma), mode, motion.seam, self._ends)

    @cached_property
    def _ends(self) -> Array:
        """Positions up to which time is needed, (modes,)."""
        motion, moving = self.motion, self.motion.moving
        end = np.zeros_like(motion.sigma)
        before, target = motion.strength_at_start[moving], motion.target[moving]
        size = np.maximum(np.maximum(np.abs(target), 1e-3 * np.abs(before)), np.finfo(float).tiny)
        end[moving] = FOLDS + np.log(np.maximum(1.0, np.abs(before - target) / size))
        chosen, tails = self.tails
        end[chosen] = np.log(motion.distance[chosen] / tails.distance)
        return end

    @cached_property
    def _cubics(self) -> list[tuple[Index, CubicTime]]:
        """Modes whose speed is a cubic with digits to spare, and their times, in two groups."""
        motion, mode = self.motion, self.tails[0]
        if len(mode) < MANY or len(motion.theta) != 2:
            return []
        mode = mode[self._ends[mode] > 0]
        series, distance = motion.approach(mode), motion.distance[mode]
        linear, square = series[1:] / series[0] * distance ** np.array([[1], [2]])
        sharp = motion.approach_terms(mode) < BLURRED * series[0] * least(linear, square)
        turns = linear * linear < 4 * square
        groups = [np.flatnonzero(sharp & (turns == side)) for side in (False, True)]
        found = []
        for side, own in enumerate(groups):
            time = CubicTime(series[0, own], linear[own], square[own], self._ends[mode[own]], bool(side))
            found.append((mode[own], time))
        return found

    @cached_property
    def _other_panels(self) -> Panels:
        """Of the modes that are left."""
        if not self._cubics:
            return self.panels
        left = self.motion.moving_mask.copy()
        for mode, _ in self._cubics:
            left[mode] = False
        return self._panels_of(np.flatnonzero(left))

    @cached_property
    def joined(self) -> Array:
        """Time at which tails begin, (modes,); 0 for modes that are in them from the start, or do not move."""
        panels = self._other_panels
        ends = np.zeros_like(self.motion.sigma)
        some = np.diff(panels.first) > 0
        last = panels.first[1:][some] - 1
        ends[some] = panels.began[last] + panels.lasts[last]
        for mode, time in self._cubics:
            ends[mode] = time.lasted(time.end) / time.rate
        return ends

    def strength(self, t: Array, unit: Array | float = 1.0, out: Array | None = None) -> Array:
        """p at increasing times, (time, modes), times `unit` (modes,): in `out`, or a new array."""
        motion = self.motion
        strength = np.empty((len(t), len(motion.sigma))) if out is None else out
        units = np.broadcast_to(unit, motion.sigma.shape)
        self._put_tails(t, units, strength)
        tailless = np.ones(len(motion.sigma), dtype=bool)
        tailless[self.tails[0]] = False
        strength[:, tailless] = motion.limit[tailless] * units[tailless]
        mode, time, u = self._on_the_way(t)
        strength[time, mode] = motion.careful_strength(mode, u[None])[0] * units[mode]
        uniform = np.flatnonzero(np.isinf(motion.distance))
        if len(uniform):
            with np.errstate(over="ignore", invalid="ignore"):  # without end, and out of the range of numbers
                weights = motion.weights_from_start(uniform, self._uniform(uniform, t))
                strength[:, uniform] = weights.prod(axis=0) * units[uniform]
        return strength

    def _put_tails(self, t: Array, unit: Array, out: Array) -> None:
        """Into `out`, (time, modes): p times `unit` at increasing times, of modes that are in their tails.

        What it puts elsewhere is to be overwritten.
        """
        motion, (chosen, tails) = self.motion, self.tails
        if not len(chosen):
            return
        target = motion.target[chosen]
        side = motion.side[chosen] / motion.curvature[chosen]
        order, (_, length) = self._alike, self._together
        aimed = target[order]
        place, units = np.zeros(len(unit), dtype=int), np.zeros(len(unit))
        place[chosen[order]], units[chosen] = np.arange(len(order)), unit[chosen]
        block = np.empty((length, len(order)))  # modes that are computed together side by side
        placed = np.empty((length, len(place)))
        for own, pieces in self._in_tail(tails.speeds * side, np.abs(target), t):
            count = len(t[own])
            rows = block[:count]
            rows[:] = aimed
            for some, error in pieces:
                rows[:, some] += error
            np.multiply(rows.take(place, axis=1, out=placed[:count], mode="clip"), units, out=out[own])

    def weights(self, t: Array) -> Array:
        """theta_1..theta_L at increasing times, (L, time, modes)."""
        motion, moving = self.motion, self.motion.moving
        x = np.zeros((len(t), len(motion.sigma)))
        uniform = np.flatnonzero(np.isinf(motion.distance))
        x[:, uniform] = self._uniform(uniform, t)
        weights = motion.weights_from_start(np.arange(x.shape[1]), x)
        weights[:, :, moving] = motion.weights(moving, self.positions(t)[:, moving])
        return weights

    def positions(self, t: Array) -> Array:
        """u of every mode at increasing times, (time, modes): inf at rest, nan for uniform motion."""
        motion = self.motion
        u = np.full((len(t), len(motion.sigma)), np.inf)
        u[:, np.isinf(motion.distance)] = np.nan
        chosen, tails = self.tails
        if len(chosen):
            ordered = chosen[self._alike]
            for own, pieces in self._in_tail(tails.distances, np.zeros(len(chosen)), t):
                for some, left in pieces:
                    with np.errstate(divide="ignore"):  # long after, nothing is left of the distance
                        u[own, ordered[some]] = -np.log(left / motion.distance[ordered[some]])
        mode, time, passed = self._on_the_way(t)
        u[time, mode] = passed
        return u

    def walked(self, u: Array, t: Array) -> Array:
        """x of all modes at positions u (time, modes) and times t."""
        motion = self.motion
        x = np.zeros_like(u)
        x[:, motion.moving] = motion.walked(motion.moving, u[:, motion.moving])
        uniform = np.flatnonzero(np.isinf(motion.distance))
        x[:, uniform] = self._uniform(uniform, t)
        return x

    def learning_times(self, level: float) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (modes,); inf if never.

        p is looked at on a ladder in the tails and on the nodes of all panels, peaks between them included.
        """
        motion, travelled = self.motion, np.diff(self.panels.first) > 0
        band = (1 - level) * np.abs(motion.target)
        inside = np.abs(motion.strength_at_start - motion.target) <= band
        times = np.where(inside & (motion.direction == 0), 0.0, np.inf)
        chosen, tails = self.tails
        aimed = np.flatnonzero(band[chosen] > 0)
        if len(aimed):  # a target of zero is approached for ever
            mode = chosen[aimed]
            waited = tails.last_entry(aimed, motion.curvature[mode] * band[mode])
            times[mode] = self.joined[mode] + waited
        on_panels = np.flatnonzero((band > 0) & motion.moving_mask & travelled & ~np.isfinite(times))
        if len(on_panels):
            times[on_panels] = self._entry_in_panels(on_panels, band)
        with_tail = chosen[aimed]
        # nan: inside all the way; inf: rounding puts the entry where the tail begins behind that place
        times[with_tail] = np.where(np.isinf(times[with_tail]), self.joined[with_tail], times[with_tail])
        return np.where(np.isnan(times), 0.0, times)

    def _entry_in_panels(self, mode: Index, band: Array) -> Array:
        """Time of the last entry into the band on the panels of modes (n,); inf if outside at their ends."""
        motion, panels = self.motion, self.panels
        nodes = panels.nodes(panels.of(mode)).T.ravel()
        counts = len(NODES) * np.diff(panels.first)[mode]
        last = panels.first[mode + 1] - 1
        after = np.cumsum(counts)
        edges = np.concatenate([panels.left[last] + panels.width[last], np.zeros(len(mode))])
        position = np.insert(nodes, np.concatenate([after, after - counts]), edges)

        def excess(number: Index, u: Array) -> Array:
            k = mode[number]
            return np.asarray((np.abs(motion.strength(k, u[None])[0] - motion.target[k]) - band[k]) / band[k])

        entry, outside = last_entry(excess, np.repeat(np.arange(len(mode)), counts + 2), position)
        u = np.nan_to_num(entry)
        reached = panels.time_at(panels.containing(mode, u), u)
        return np.where(outside, np.inf, np.where(np.isnan(entry), 0.0, reached))

    @cached_property
    def _alike(self) -> Index:
        """Numbers of the modes with a tail, those side by side that are in need of few terms from similar times on."""
        chosen, tails = self.tails
        return np.argsort(self.joined[chosen] + SHORT / tails.rate)

    @property
    def _together(self) -> tuple[int, int]:
        """Modes and times for which the number of terms is chosen together."""
        count = len(self._alike)
        modes = min(max(count // 4, ALIKE[0]), ALIKE[1])
        return modes, POINTS // max(1, min(modes, count))

    def _in_tail(self, series: Array, beside: Array, t: Array) -> Iterator[tuple[slice, Iterator[tuple[slice, Array]]]]:
        """A series (terms, n) of modes with a tail at increasing times; before they begin, as there.

        Yields blocks of times, and for each of them modes in the order of `_alike` with values (times, modes); not
        where nothing is left `beside` a number (n,).
        """
        order, (together, length) = self._alike, self._together
        begins = np.arange(0, len(t), length)
        groups = [slice(first, first + together) for first in range(0, len(order), together)]
        tails = [self.tails[1].of(order[group]) for group in groups]
        joined = [self.joined[self.tails[0][order[group]]] for group in groups]
        latest = [own.max() for own in joined]
        own_series = [series.take(order[group], axis=1) for group in groups]
        needed = np.zeros((len(groups), len(begins)), dtype=int)
        for number, group in enumerate(groups):
            late = max(0, np.searchsorted(t[begins], joined[number].min(), side="right") - 1)
            v = tails[number].at(np.maximum(t[begins[late:], None] - joined[number], 0.0))
            needed[number, late:] = _needed(own_series[number], beside[order[group]], v)

        def pieces(block: int) -> Iterator[tuple[slice, Array]]:
            times = t[begins[block] : begins[block] + length, None]
            for number, terms in enumerate(needed[:, block].tolist()):
                if terms:
                    waited = times - joined[number]
                    if t[begins[block]] < latest[number]:
                        np.maximum(waited, 0.0, out=waited)
                    yield groups[number], evaluate(own_series[number][:terms], tails[number].at(waited))

        for block, begin in enumerate(begins):
            yield slice(begin, begin + length), pieces(block)

    def _on_the_way(self, t: Array) -> tuple[Index, Index, Array]:
        """Modes, indices into the increasing times, and positions u, (n,) each: of all that are not in tails yet."""
        found = [self._other_panels.invert(t)]
        for modes, cubic in self._cubics:
            mode, time, u = cubic.positions(t)
            found.append((modes[mode], time, u))
        mode, time, u = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return mode, time, u

    def _uniform(self, mode: Index, t: Array) -> Array:
        return np.asarray(self.motion.velocity_at_start[mode] * t[:, None])


def _needed(series: Array, beside: Array, v: Array) -> NDArray[np.int_]:
    """How many terms of series (terms, modes) count for any mode from v (blocks, modes) on, (blocks,)."""
    sizes, powers, most = np.abs(series), np.arange(len(series)), v.max(axis=1)[:, None]
    with np.errstate(under="ignore", invalid="ignore"):  # nothing is left of v: beside nothing too it does not count
        of_first = _largest(sizes, sizes[0]) * most**powers > NEGLIGIBLE
        of_all = _largest(sizes, beside) * most ** (powers + 1) > NEGLIGIBLE
    counts = of_first & of_all
    return np.where(counts.any(axis=1), len(powers) - np.argmax(counts[:, ::-1], axis=1), 0)


def _largest(sizes: Array, beside: Array) -> Array:
    """The largest size (terms, modes) of every term relative to a number of its mode, (terms,): what is 0 never counts.

    Beside nothing all else counts.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.asarray(np.where(sizes > 0, sizes / beside, 0.0).max(axis=1))
