"""The ways of modes to their rests, a few modes at a time, and how inputs move the time at which a place is passed.

Time at a place x is t = int_0^x dx / F, so that an input a hastens it by -t_a = int_0^x F_a / F^2 dx = int F_a / F dt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.modes.exact import ExactModes
from fa_dynamics.modes.motion import Index, Tangent
from fa_dynamics.modes.panels import FIT, NODES, ORDER, SUSPECT

Array = NDArray[np.float64]

POINTS = 32768
"""Times and nodes, of all modes together, that are treated at once: what is computed for them stays in the cache."""

TYPICAL = 500
"""Nodes of one mode on all its panels."""

TINY = float(np.finfo(np.float64).tiny)

_VALUES = legendre.legvander(NODES, ORDER - 1)
_INTEGRAL = legendre.legint(FIT, lbnd=-1)
"""Values at the nodes -> Legendre coefficients of the integral from -1."""


@dataclass(frozen=True, eq=False)
class Course:
    """Modes that move towards a rest, their panels, and where they are at the times at which they are on the way.

    Attributes
    ----------
    modes
        Without tails.
    mode
        Which of them, (n,), with nobody else's panels between theirs.
    t
        Increasing times.
    panel, time, u
        Points, in the order of the panels: number of the panel, counted from the first one of these modes, index into
        `t`, and position, (points,) each.
    """

    modes: ExactModes
    mode: Index
    t: Array
    panel: Index
    time: Index
    u: Array

    @cached_property
    def first(self) -> Index:
        """(n + 1,): panels of the k-th mode are first[k]..first[k+1] - 1."""
        numbers = self.modes.panels.first
        return np.asarray(np.append(numbers[self.mode], numbers[self.mode[-1] + 1]) - numbers[self.mode[0]])

    @cached_property
    def span(self) -> slice:
        """Panels, counted as in `ExactModes.panels`."""
        begin = int(self.modes.panels.first[self.mode[0]])
        return slice(begin, begin + int(self.first[-1]))

    @cached_property
    def owner(self) -> Index:
        """Mode of every panel."""
        return self.modes.panels.owner[self.span]

    @cached_property
    def column(self) -> Index:
        """The same, as an index into `mode`."""
        return np.repeat(np.arange(len(self.mode)), np.diff(self.first))

    @cached_property
    def nodes(self) -> Array:
        """Positions of the nodes of all panels, (nodes, panels)."""
        return self.modes.panels.nodes(np.arange(self.span.start, self.span.stop))

    @cached_property
    def ends(self) -> Array:
        """Times at which the panels end, (panels,)."""
        panels = self.modes.panels
        return np.asarray(panels.began[self.span] + panels.lasts[self.span])

    @cached_property
    def at(self) -> Index:
        """Mode of every point."""
        return self.owner[self.panel]

    @cached_property
    def x(self) -> Array:
        """Positions of the points, (1, points)."""
        return self.modes.motion.walked(self.at, self.u[None])

    @cached_property
    def slope(self) -> Array:
        """dp/dx at the points."""
        return np.asarray(self.modes.motion.slope(self.at, self.x)[0])

    @cached_property
    def velocity(self) -> Array:
        """dx/dt at the points."""
        motion = self.modes.motion
        return np.asarray(motion.direction[self.at] * motion.speed(self.at, self.u[None])[0])

    @cached_property
    def pushes(self) -> Array:
        """a F_a at the nodes, (inputs, nodes, panels), for the inputs of `Motion.tangents`."""
        motion = self.modes.motion
        tangents = motion.tangents(self.owner, motion.walked(self.owner, self.nodes))
        return np.array([tangent.size * tangent.velocity for tangent in tangents])

    @cached_property
    def delays(self) -> Array:
        """-a t_a at the ends of the panels, (inputs, panels); infinite beyond all numbers."""
        with np.errstate(over="ignore", invalid="ignore"):  # beside a rest of high order, or in far units of time
            return infinite(self.summed(self._width * (FIT[0] @ self._rates_of_delay)))

    def delays_at_points(self) -> Iterator[Array]:
        """The same at the points, (points,)."""
        half = self._width[self.panel] / 2
        z = (self.u - self.modes.panels.left[self.span][self.panel]) / half - 1
        inside = legendre.legvander(z, ORDER) @ _INTEGRAL
        follows = self.panel > self.first[self.column[self.panel]]
        for rate, delay in zip(self._rates_of_delay, self.delays, strict=True):
            values = np.ascontiguousarray(rate.T)
            before = np.where(follows, delay[self.panel - 1], 0.0)
            with np.errstate(over="ignore", invalid="ignore"):  # as `delays`
                within = half * np.einsum("pn,pn->p", inside, values.take(self.panel, axis=0))
                reached = infinite(before + within)
            yield reached

    @cached_property
    def doubts(self) -> Array:
        """Error of the times at which the panels end by the rounding of dt/du, (panels,)."""
        panels = self.modes.panels
        rounding = self.modes.rates.rounding(self.owner, self.nodes, self._width < SUSPECT).mean(axis=0)
        return self.summed(panels.lasts[self.span] * rounding)

    def tangents(self) -> list[Tangent]:
        """Derivatives at the points, (1, points)."""
        return self.modes.motion.tangents(self.at, self.x)

    def summed(self, values: Array) -> Array:
        """Sums of values (.., panels) from the first panel of each mode on: another mode's would cost digits."""
        total = np.empty_like(values)
        for begin, end in pairwise(self.first):
            np.cumsum(values[..., begin:end], axis=-1, out=total[..., begin:end])
        return total

    def table(self, at_points: Array, at_rest: Array) -> Array:
        """Values at the points, and of modes at rest at all other times: (time, n)."""
        table = np.repeat(at_rest[None], len(self.t), axis=0)
        table[self.time, self.column[self.panel]] = at_points
        return table

    @property
    def _width(self) -> Array:
        return self.modes.panels.width[self.span]

    @cached_property
    def _rates_of_delay(self) -> Array:
        """-a dt_a/du = (a F_a / F) dt/du at the nodes, (inputs, nodes, panels)."""
        motion = self.modes.motion
        rate = _VALUES @ self.modes.panels.series[self.span].T
        speed = np.maximum(np.abs(motion.left(self.owner, self.nodes)) / rate, TINY)
        with np.errstate(over="ignore"):  # as `delays`
            return np.asarray(self.pushes / (motion.direction[self.owner] * speed) * rate)


def infinite(values: Array) -> Array:
    """Differences of infinite numbers may have any size."""
    return np.where(np.isnan(values), np.inf, values)


def courses(modes: ExactModes, t: Array) -> Iterator[Course]:
    """All modes that move towards a rest, a few at a time."""
    panels, moving = modes.panels, modes.motion.moving
    panel, _ = panels.passed(t)
    _, time, u = panels.invert(t)
    for mode in blocks(moving, t):
        begin, end = panels.first[mode[0]], panels.first[mode[-1] + 1]
        own = slice(*np.searchsorted(panel, [begin, end]))
        yield Course(modes, mode, t, panel[own] - begin, time[own], u[own])


def blocks(mode: Index, t: Array) -> Iterator[Index]:
    """So many modes at a time that what is computed for them at all times stays in the cache."""
    together = max(1, POINTS // (len(t) + TYPICAL))
    for begin in range(0, len(mode), together):
        yield mode[begin : begin + together]
