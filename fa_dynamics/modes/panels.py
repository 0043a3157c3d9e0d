"""Time as a function of the logarithm of the distance to rest, on panels, and its inverse.

With tau* the rest ahead of the clock and delta = |tau* - tau|, write delta = delta_0 exp(-u). Then
dt/du = delta / |sigma - lambda p| is smooth and positive up to the rest, where it tends to the constant 1/(lambda S*)
(to a growing exponential on a fold). It is represented by Legendre series on panels that are halved until the series
has converged; time is the integral of the series, and is inverted by Newton's method panel by panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationError

Array = NDArray[np.float64]
Index = NDArray[np.int_]
Rate = Callable[[Index, Array], Array]
"""A function of modes (n,) and positions u (nodes, n)."""

ORDER = 16
NODES, _QUADRATURE = legendre.leggauss(ORDER)
FIT = legendre.legvander(NODES, ORDER - 1).T * _QUADRATURE * (np.arange(ORDER)[:, None] + 0.5)
"""Values at the nodes -> Legendre coefficients (exact for polynomials up to degree 15)."""

WIDTH = 1.0
"""Of a panel before halving; between real zeros the series converges like 6^-16 there."""

CONVERGED, NOISE = 1e-13, 30.0
"""A series is taken when its last two coefficients, relative to its smallest value, are below this much, or below this
many times the rounding error of its values. Where a ghost lets go, what is short for the slow part is long after it."""

FEW = [0, ORDER // 2, ORDER - 1]
"""Nodes at which rounding errors are estimated."""

SMALLEST = 2.0**-70
"""Width below which a panel is not halved: a start this close to a rest cannot be told from one."""

NEWTON, TOGETHER, SETTLED = 60, 3, 1e-9
"""Iterations of the inversion at most, those that are made for all times alike, and the step after which the next is
below round-off."""

MOST = 5000
"""Panels per mode, tried ones included: ghosts and starts beside a rest take some hundred."""

CHUNK = 4096
"""Times inverted at once: their series fit into the second-level cache."""

EARLY, _FEW = 0.25, legendre.leggauss(4)
"""Start of a first panel, of length 2, in which differences of positions would cost digits; and a rule that integrates
the rest of a converged series there."""

_POWERS: Array = np.array(
    [np.pad(legendre.leg2poly(row), (0, ORDER - len(legendre.leg2poly(row)))) for row in np.eye(ORDER)]
)
"""Legendre coefficients -> coefficients of powers. The series decay fast enough for it: no digits are lost."""


@dataclass(frozen=True, eq=False)
class Panels:
    """Panels of many modes, sorted by mode and position.

    Attributes
    ----------
    first
        (modes + 1,): panels of mode k are first[k]..first[k+1] - 1.
    left, width
        Position in u.
    began, lasts
        Time at the left end, and time spent inside.
    series
        (ORDER, panels): Legendre coefficients of dt/du in z = 2 (u - left) / width - 1.
    """

    first: Index
    left: Array
    width: Array
    began: Array
    lasts: Array
    series: Array

    @cached_property
    def owner(self) -> Index:
        """Mode of every panel."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def nodes(self, panel: Index) -> Array:
        """Positions of the nodes of the given panels, (nodes, n)."""
        return self.left[panel] + self.width[panel] * (NODES[:, None] + 1) / 2

    def of(self, mode: Index) -> Index:
        """Panels of the given modes, mode by mode."""
        counts = np.diff(self.first)[mode]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(np.repeat(self.first[:-1][mode], counts) + within)

    def invert(self, t: Array) -> tuple[Index, Index, Array]:
        """Where every mode is at increasing times, as long as it is on its panels.

        Returns
        -------
        mode, time, u
            Modes, indices into `t`, and positions, (n,) each.
        """
        begins = np.searchsorted(t, self.began)
        ends = np.searchsorted(t, self.began + self.lasts)
        same = self.owner[1:] == self.owner[:-1]
        ends[:-1][same] = begins[1:][same]  # no time may fall between two panels by rounding
        counts = ends - begins
        panel = np.repeat(np.arange(len(counts)), counts)
        time = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begins, counts)
        goal = t[time] - self.began[panel]
        parts = np.array_split(np.arange(len(panel)), max(1, len(panel) // CHUNK))
        u = np.concatenate([self._invert_inside(panel[part], goal[part]) for part in parts])
        return self.owner[panel], time, u

    def containing(self, mode: Index, u: Array) -> Index:
        """The panel of every given mode that contains its position u."""
        wanted = np.full(len(self.first) - 1, -np.inf)
        wanted[mode] = u
        before = np.bincount(self.owner, weights=self.left <= wanted[self.owner], minlength=len(self.first) - 1)
        return np.asarray(self.first[mode] + before[mode].astype(int) - 1)

    @cached_property
    def powers(self) -> Array:
        """Coefficients of time since the left end in powers 0..ORDER of z, (ORDER + 1, panels)."""
        half = self.width / 2
        rates = _POWERS.T @ self.series * half
        powers = np.empty((ORDER + 1, len(half)))
        powers[1:] = rates / np.arange(1, ORDER + 1)[:, None]
        powers[0] = (powers[1::2] - powers[2::2]).sum(axis=0)
        return powers

    def time_at(self, panel: Index, u: Array) -> Array:
        """Time at positions u inside the given panels."""
        z = 2 * (u - self.left[panel]) / self.width[panel] - 1
        return np.asarray(self.began[panel] + _with_slope(self.powers[:, panel], z)[0])

    def _invert_inside(self, panel: Index, goal: Array) -> Array:
        z = self._guess(panel, goal)
        powers = self.powers[:, panel]
        for _ in range(TOGETHER):
            z, step = _newton(powers, z, goal)
        late = np.flatnonzero(step > SETTLED)
        for _ in range(NEWTON):
            if not len(late):
                break
            z[late], step = _newton(powers[:, late], z[late], goal[late])
            late = late[step > SETTLED]
        z[late] = _bisected(powers[:, late], goal[late])
        u = self.left[panel] + self.width[panel] / 2 * (z + 1)
        early = (self.left[panel] == 0) & (z + 1 < EARLY)
        u[early] = self._polished(powers[:, early], u[early], goal[early], self.width[panel[early]])
        return u

    def _guess(self, panel: Index, goal: Array) -> Array:
        """Cubic through the ends of a panel with the slopes there, flattened so that it is monotone."""
        ends = self.width / 2 * np.array([(-1.0) ** np.arange(ORDER) @ self.series, self.series.sum(axis=0)])
        slopes = self.lasts / np.maximum(ends, self.lasts / 6)
        left, right = slopes[:, panel]
        s = goal / self.lasts[panel]
        rest = 1 - s
        return np.asarray(np.clip(s * s * (3 - 2 * s) * 2 - 1 + s * rest * (left * rest - right * s), -1.0, 1.0))

    def _polished(self, powers: Array, u: Array, goal: Array, width: Array) -> Array:
        """u near the start of a first panel to relative precision, which z + 1 lacks there: time over mean rate."""
        points, weights = _FEW
        z = u * (points[:, None] + 1) / width - 1
        rates = _with_slope(powers[:, None], z)[1] * 2 / width
        return np.asarray(goal / (weights @ rates / 2))


def _with_slope(powers: Array, z: Array) -> tuple[Array, Array]:
    """A polynomial and its derivative; `powers` ascending, (terms, ...)."""
    value, slope = powers[-1] * np.ones_like(z), np.zeros_like(z)
    for coefficient in powers[-2::-1]:
        slope *= z
        slope += value
        value *= z
        value += coefficient
    return value, slope


def _bisected(powers: Array, goal: Array) -> Array:
    """Where rounding leaves no slope to follow."""
    low, high = np.full_like(goal, -1.0), np.ones_like(goal)
    for _ in range(60 if len(goal) else 0):
        middle = 0.5 * (low + high)
        beyond = _with_slope(powers, middle)[0] > goal
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return 0.5 * (low + high)


def _newton(powers: Array, z: Array, goal: Array) -> tuple[Array, Array]:
    value, slope = _with_slope(powers, z)
    following = np.clip(z - (value - goal) / slope, -1.0, 1.0)
    return following, np.abs(following - z)


def build(rate: Rate, rounding: Rate, modes: int, active: Index, end: Array) -> Panels:
    """Panels that represent dt/du of every active mode from u = 0 to its `end`.

    Parameters
    ----------
    rate, rounding
        dt/du, and its relative rounding error.
    modes
        Number of modes, active or not.
    active
        Modes to treat.
    end
        (modes,): where to stop.
    """
    counts = np.ceil(end[active] / WIDTH).astype(int)
    mode = np.repeat(active, counts)
    width = np.repeat(end[active] / np.maximum(counts, 1), counts)
    left = width * (np.arange(len(mode)) - np.repeat(np.cumsum(counts) - counts, counts))
    taken: list[tuple[Index, Array, Array, Array]] = []
    total = 0
    while len(mode):
        total += len(mode)
        if total > MOST * max(1, len(active)):
            raise IntegrationError("time cannot be resolved for some of these modes: their scales lie too far apart")
        u = left + width * (NODES[:, None] + 1) / 2
        rates = rate(mode, u)
        series = FIT @ rates
        tail, least = np.abs(series[-1]) + np.abs(series[-2]), CONVERGED * rates.min(axis=0)
        good = (tail <= least) | (width <= SMALLEST)
        open_ = np.flatnonzero(~good)
        if len(open_):  # what rounding leaves does not fall below it
            noise = rounding(mode[open_], u[FEW][:, open_]).min(axis=0)
            good[open_] = tail[open_] <= least[open_] + NOISE * noise * np.abs(series[0, open_])
        taken.append((mode[good], left[good], width[good], series[:, good]))
        mode, left, half = mode[~good], left[~good], width[~good] / 2
        mode, left, width = np.tile(mode, 2), np.concatenate([left, left + half]), np.tile(half, 2)
    if not taken:
        taken = [(mode, left, width, np.empty((ORDER, 0)))]
    mode, left, width, series = (np.concatenate(parts, axis=-1) for parts in zip(*taken, strict=True))
    order = np.lexsort((left, mode))
    mode, left, width, series = mode[order], left[order], width[order], series[:, order]
    first = np.searchsorted(mode, np.arange(modes + 1))
    lasts = width * series[0]
    began = np.empty_like(lasts)
    elapsed = np.zeros(modes)  # sums of one mode only, since another's large times would cost digits
    for position in range(np.diff(first).max(initial=0)):
        reached = np.flatnonzero(np.diff(first) > position)
        began[first[reached] + position] = elapsed[reached]
        elapsed[reached] += lasts[first[reached] + position]
    return Panels(first, left, width, began, lasts, series)
