"""Time as a function of the logarithm of the distance to rest, on panels, and its inverse.

With tau* the rest ahead of the clock and delta = |tau* - tau|, write delta = delta_0 exp(-u). Then
dt/du = delta / |sigma - lambda p| is smooth and positive up to the rest, where it tends to the constant 1/(lambda S*)
(to a growing exponential on a fold). It is represented by Legendre series on panels that are halved until the series
has converged; time is the integral of the series, and is inverted by Newton's method panel by panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationError

Array = NDArray[np.float64]
Index = NDArray[np.int_]
Rate = Callable[[Index, Array], tuple[Array, Array]]
"""dt/du for modes (n,) at positions u (n, nodes), and its relative rounding error there."""

ORDER = 16
NODES, _QUADRATURE = legendre.leggauss(ORDER)
FIT = legendre.legvander(NODES, ORDER - 1).T * _QUADRATURE * (np.arange(ORDER)[:, None] + 0.5)
"""Values at the nodes -> Legendre coefficients (exact for polynomials up to degree 15)."""

WIDTH = 2.0
"""Of a panel before halving; between real zeros the series converges like 6^-16 there."""

CONVERGED, NOISE = 1e-14, 30.0
"""A series is taken when its last two coefficients, relative to the first, are below this much, or below this many
times the rounding error of its values. Near the start of a panel the omitted coefficients add up."""

SMALLEST = 2.0**-70
"""Width below which a panel is not halved: a start this close to a rest cannot be told from one."""

NEWTON, SETTLED = 60, 1e-9
"""Iterations of the inversion at most (five are usual), and the step after which the next one is below round-off."""

MOST = 5000
"""Panels per mode, tried ones included: ghosts and starts beside a rest take some hundred."""

CHUNK = 16_384
"""Times inverted at once: their series fit into the second-level cache."""


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
    rounding
        Relative rounding error of dt/du inside, a mean over its nodes.
    series
        (panels, ORDER): Legendre coefficients of dt/du in z = 2 (u - left) / width - 1.
    """

    first: Index
    left: Array
    width: Array
    began: Array
    lasts: Array
    rounding: Array
    series: Array

    def invert(self, active: Index, t: Array) -> Array:
        """u of every active mode at increasing times, (active, time); inf after its last panel."""
        owner = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        begun = np.zeros((len(self.first) - 1, len(t) + 1), dtype=int)
        np.add.at(begun, (owner, np.searchsorted(t, self.began)), 1)
        which = (np.cumsum(begun, axis=1)[:, :-1] + self.first[:-1, None] - 1)[active]
        rest = t - self.began[which]
        u = np.full(which.shape, np.inf)
        inside = rest <= self.lasts[which]
        panel, goal = which[inside], rest[inside]
        found = [
            self._invert_inside(panel[part], goal[part])
            for part in np.array_split(np.arange(len(panel)), max(1, len(panel) // CHUNK))
        ]
        u[inside] = np.concatenate(found)
        return u

    def containing(self, mode: Index, u: Array) -> Index:
        """The panel of every given mode that contains its position u."""
        owner = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        wanted = np.full(len(self.first) - 1, -np.inf)
        wanted[mode] = u
        before = np.bincount(owner, weights=self.left <= wanted[owner], minlength=len(self.first) - 1)
        return np.asarray(self.first[mode] + before[mode].astype(int) - 1)

    def time_at(self, panel: Index, u: Array) -> Array:
        """Time at positions u inside the given panels."""
        half = self.width[panel] / 2
        z = (u - self.left[panel]) / half - 1
        inside = legendre.legval(z, _integrated(self.series[panel]).T, tensor=False)
        return self.began[panel] + half * inside

    def _invert_inside(self, panel: Index, goal: Array) -> Array:
        half = self.width[panel] / 2
        rate = self.series[panel]
        time_series, rate_series = _integrated(rate).T, rate.T
        z = 2 * goal / self.lasts[panel] - 1
        for _ in range(NEWTON):
            gap = half * legendre.legval(z, time_series, tensor=False) - goal
            following = np.clip(z - gap / (half * legendre.legval(z, rate_series, tensor=False)), -1.0, 1.0)
            step = np.max(np.abs(following - z), initial=0.0)
            z = following
            if step <= SETTLED:
                break
        u = self.left[panel] + half * (z + 1)
        early = (self.left[panel] == 0) & (z < 0)
        u[early] = self._polished(panel[early], u[early], goal[early])
        return u

    def _polished(self, panel: Index, u: Array, goal: Array) -> Array:
        """u on a first panel to full relative precision, which z + 1 lacks near the start: time over mean rate."""
        points, weights = legendre.leggauss(ORDER // 2)
        inside = u[:, None] * (points + 1) / self.width[panel][:, None] - 1
        rates = legendre.legval(inside.T, self.series[panel].T[:, None, :], tensor=False)
        return np.asarray(goal / (weights @ rates / 2))


def build(rate: Rate, modes: int, active: Index, end: Array) -> Panels:
    """Panels that represent dt/du of every active mode from u = 0 to its `end`.

    Parameters
    ----------
    rate
        dt/du.
    modes
        Number of modes, active or not.
    active
        Modes to treat.
    end
        (modes,): where to stop.
    """
    counts = np.ceil(end[active] / WIDTH).astype(int)
    mode = np.repeat(active, counts)
    left = WIDTH * (np.arange(len(mode)) - np.repeat(np.cumsum(counts) - counts, counts))
    width = np.full(len(mode), WIDTH)
    taken: list[tuple[Index, Array, Array, Array, Array]] = []
    total = 0
    while len(mode):
        total += len(mode)
        if total > MOST * max(1, len(active)):
            raise IntegrationError("time cannot be resolved for some of these modes: their scales lie too far apart")
        values, rounding = rate(mode, left[:, None] + width[:, None] * (NODES + 1) / 2)
        allowed = CONVERGED + NOISE * rounding.min(axis=1)
        series = values @ FIT.T
        tail = np.abs(series[:, -1]) + np.abs(series[:, -2])
        good = (tail <= allowed * np.abs(series[:, 0])) | (width <= SMALLEST)
        taken.append((mode[good], left[good], width[good], rounding[good].mean(axis=1), series[good]))
        mode, left, half = mode[~good], left[~good], width[~good] / 2
        mode, left, width = np.tile(mode, 2), np.concatenate([left, left + half]), np.tile(half, 2)
    if not taken:
        taken = [(mode, left, width, width, np.empty((0, ORDER)))]
    mode, left, width, doubt, series = (np.concatenate(parts) for parts in zip(*taken, strict=True))
    order = np.lexsort((left, mode))
    mode, left, width, doubt, series = mode[order], left[order], width[order], doubt[order], series[order]
    first = np.searchsorted(mode, np.arange(modes + 1))
    lasts = width * series[:, 0]
    began = np.empty_like(lasts)
    for k in active:  # sums of one mode only, since another's large times would cost digits
        own = slice(first[k], first[k + 1])
        began[own] = np.cumsum(lasts[own]) - lasts[own]
    return Panels(first, left, width, began, lasts, doubt, series)


def _integrated(series: Array) -> Array:
    """Legendre coefficients of the integral from z = -1, one degree higher."""
    return np.asarray(legendre.legint(series, lbnd=-1, axis=1), dtype=np.float64)
