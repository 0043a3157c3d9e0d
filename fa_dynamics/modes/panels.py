"""Time as a function of the logarithm of the distance to rest, on panels, and its inverse.

With tau* the rest ahead of the clock and delta = |tau* - tau|, write delta = delta_0 exp(-u). Then
dt/du = delta / |sigma - lambda p| is smooth and positive up to the rest, where it tends to the constant 1/(lambda S*)
(to a growing exponential on a fold). It is represented by Legendre series on panels that are divided until the series
has converged; time is the integral of the series, and is inverted panel by panel (`inversion`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationError
from fa_dynamics.modes.inversion import divided_differences, interpolated, iterated, stepped, times_of_knots, with_slope

Array = NDArray[np.float64]
Index = NDArray[np.int_]
Rate = Callable[[Index, Array], tuple[Array, Array | float]]
"""dt/du as a function of modes (n,) and positions u (nodes, n), and its relative rounding error (n,): the least of some
nodes, or 0 where it does not count."""

ORDER = 20
NODES, _QUADRATURE = legendre.leggauss(ORDER)
FIT = legendre.legvander(NODES, ORDER - 1).T * _QUADRATURE * (np.arange(ORDER)[:, None] + 0.5)
"""Values at the nodes -> Legendre coefficients (exact for polynomials up to degree 19)."""

WIDTH = 1.0
"""Of a panel before it is divided, or half of it of a few; between real zeros the series converges like 6^-20 there."""

NARROW = 0.05
"""Width of a panel that is not worth its own."""

PIECES = 3
"""Into which a panel is divided at most; as many as a rate of convergence in proportion to its width asks for."""

FEW, FINER = 128, 2
"""Panels of which each is divided into so many times more pieces, which costs less than to try again."""

TOGETHER = 512
"""Panels whose rates are computed at once: what is computed for them stays in the second-level cache."""

CONVERGED, NOISE = 1e-13, 10.0
"""A series is taken when its last two coefficients, relative to its smallest value, are below this much, or below this
many times the rounding error of its values. What follows them is as much smaller again, and an integral of it forty
times. Where a ghost lets go, what is short for the slow part is long after it."""

SUSPECT = 0.05
"""Width below which a panel that has not converged may be short of digits, not of pieces: a narrow one."""

SMALLEST = 2.0**-110
"""Width below which a panel is not divided, as where its ends are the same number: a start this close to a rest is
taken for one."""

MOST = 5000
"""Panels per mode, tried ones included: ghosts and starts beside a rest take some hundred."""

CHUNK = 4096
"""Times inverted at once: their series fit into the second-level cache."""

EARLY, _FEW = 0.125, legendre.leggauss(6)
"""Start of a first panel, of length 2, in which differences of positions would cost digits; and a rule that integrates
the rest of a converged series there."""

_POWERS: Array = np.array(
    [np.pad(legendre.leg2poly(row), (0, ORDER - len(legendre.leg2poly(row)))) for row in np.eye(ORDER)]
)
"""Legendre coefficients -> coefficients of powers. The series decay fast enough for it: no digits are lost."""

_TIME_POWERS: Array = np.concatenate([np.zeros((1, ORDER)), _POWERS.T / np.arange(1, ORDER + 1)[:, None]])
_TIME_POWERS[0] = (_TIME_POWERS[1::2] - _TIME_POWERS[2::2]).sum(axis=0)
"""Legendre coefficients of a rate -> coefficients of powers of its integral from z = -1."""

_TIMES = times_of_knots(ORDER)


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
        (panels, ORDER): Legendre coefficients of dt/du in z = 2 (u - left) / width - 1.
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
        panel, time = self.passed(t)
        goal = t[time] - self.began[panel]
        return self.owner[panel], time, self._invert_inside(panel, goal)

    def passed(self, t: Array) -> tuple[Index, Index]:
        """On which panels every mode is at increasing times: panels, ascending, and indices into `t`, (n,) each."""
        begins = np.searchsorted(t, self.began)
        ends = np.searchsorted(t, self.began + self.lasts)
        same = self.owner[1:] == self.owner[:-1]
        ends[:-1][same] = begins[1:][same]  # no time may fall between two panels by rounding
        counts = ends - begins
        panel = np.repeat(np.arange(len(counts)), counts)
        time = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begins, counts)
        return panel, time

    def containing(self, mode: Index, u: Array) -> Index:
        """The panel of every given mode that contains its position u."""
        wanted = np.full(len(self.first) - 1, -np.inf)
        wanted[mode] = u
        before = np.bincount(self.owner, weights=self.left <= wanted[self.owner], minlength=len(self.first) - 1)
        return np.asarray(self.first[mode] + before[mode].astype(int) - 1)

    def _powers(self, panel: Index) -> Array:
        """Coefficients of time since the left end in powers 0..ORDER of z, for the given panels, (ORDER + 1, n)."""
        powers = _TIME_POWERS @ self.series.take(panel, axis=0).T
        powers *= self.width[panel] / 2
        return powers

    def time_at(self, panel: Index, u: Array) -> Array:
        """Time at positions u inside the given panels."""
        z = 2 * (u - self.left[panel]) / self.width[panel] - 1
        return np.asarray(self.began[panel] + with_slope(self._powers(panel), z)[0])

    def _invert_inside(self, panel: Index, goal: Array) -> Array:
        """Positions in ascending panels when `goal` has passed since their left ends, (n,)."""
        z, near = np.empty_like(goal), np.empty(len(goal), dtype=bool)
        new = np.diff(panel, prepend=-1) > 0
        for begin in range(0, len(panel), CHUNK):
            some = slice(begin, begin + CHUNK)
            aim, begun = goal[some], new[some].copy()
            begun[0] = True
            used, own = panel[some][begun], np.cumsum(begun) - 1
            series = self.series.take(used, axis=0).T
            times = _TIMES @ (series / series[0]) / 2  # parts of the time at which the knots are passed
            differences = divided_differences(times)
            part = aim / self.lasts[used].take(own)
            guess = interpolated(times.take(own, axis=1), differences.take(own, axis=1), part)
            z[some], near[some] = stepped(self._powers(used).take(own, axis=1), guess, aim)
        if not near.all():
            far = np.flatnonzero(~near)
            z[far] = iterated(self._powers(panel[far]), z[far], goal[far])
        u = self.left[panel] + self.width[panel] / 2 * (z + 1)
        early = np.flatnonzero((self.left[panel] == 0) & (z + 1 < EARLY))
        first = panel[early]
        u[early] = self._polished(self._powers(first), u[early], goal[early], self.width[first])
        return u

    def _polished(self, powers: Array, u: Array, goal: Array, width: Array) -> Array:
        """u near the start of a first panel to relative precision, which z + 1 lacks there: time over mean rate."""
        points, weights = _FEW
        z = u * (points[:, None] + 1) / width - 1
        rates = with_slope(powers[:, None], z)[1] * 2 / width
        return np.asarray(goal / (weights @ rates / 2))


def build(rate: Rate, careful: Rate, modes: int, active: Index, seam: Array, end: Array) -> Panels:
    """Panels that represent dt/du of every active mode from u = 0 to its `end`.

    Parameters
    ----------
    rate, careful
        dt/du, and what is asked for it on narrow panels.
    modes
        Number of modes, active or not.
    active
        Modes to treat.
    seam
        (modes,): where one panel ends and another begins, if that is before the end.
    end
        (modes,): where to stop.
    """
    middle = np.minimum(seam, end)[active]
    middle = np.where(end[active] - middle < NARROW, end[active], middle)
    left = np.concatenate([np.zeros_like(middle), middle])
    width = np.concatenate([middle, end[active] - middle])
    mode, left, width = _divided(np.tile(active, 2), left, width, _more(np.ceil(width / WIDTH).astype(int)))
    taken = [(mode[:0], left[:0], width[:0], np.empty((0, ORDER)))]
    total = 0
    while len(mode):
        total += len(mode)
        if total > MOST * max(1, len(active)):
            raise IntegrationError("time cannot be resolved for some of these modes: their scales lie too far apart")
        narrow = width < SUSPECT
        rejected = []
        for kind, alike in ((rate, np.flatnonzero(~narrow)), (careful, np.flatnonzero(narrow))):
            for begin in range(0, len(alike), TOGETHER):
                own = alike[begin : begin + TOGETHER]
                series, pieces = _tried(kind, mode[own], left[own], width[own])
                good, bad = np.flatnonzero(pieces == 1), np.flatnonzero(pieces > 1)
                some, others = own[good], own[bad]
                taken.append((mode[some], left[some], width[some], series[good]))
                rejected.append((mode[others], left[others], width[others], pieces[bad]))
        mode, left, width, pieces = (np.concatenate(parts) for parts in zip(*rejected, strict=True))
        mode, left, width = _divided(mode, left, width, _more(pieces))
    mode, left, width, series = (np.concatenate(parts) for parts in zip(*taken, strict=True))
    order = np.argsort(left)
    # by mode, in a type so short that numpy sorts it by radix, five times as fast
    order = order[np.argsort(mode[order].astype(np.min_scalar_type(modes)), kind="stable")]
    mode, left, width, series = mode[order], left[order], width[order], series.take(order, axis=0)
    first = np.searchsorted(mode, np.arange(modes + 1))
    lasts = width * series[:, 0]
    began = np.empty_like(lasts)
    elapsed = np.zeros(modes)  # sums of one mode only, since another's large times would cost digits
    counts = np.diff(first)
    reached = np.flatnonzero(counts)
    for position in range(counts.max(initial=0)):
        reached = reached[counts[reached] > position]
        began[first[reached] + position] = elapsed[reached]
        elapsed[reached] += lasts[first[reached] + position]
    return Panels(first, left, width, began, lasts, series)


def _tried(rate: Rate, mode: Index, left: Array, width: Array) -> tuple[Array, Index]:
    """The series of dt/du on panels, and the number of pieces into which each has to be divided; 1 if it may stay."""
    rates, noise = rate(mode, left + width * (NODES[:, None] + 1) / 2)
    series = rates.T @ FIT.T
    tail, least = np.abs(series[:, -1]) + np.abs(series[:, -2]), CONVERGED * rates.min(axis=0)
    # what rounding leaves of a coefficient does not fall below it
    good = tail <= least + NOISE * noise * np.abs(series[:, 0])
    good |= width <= np.maximum(SMALLEST, 2.0**-52 * left)
    pieces = np.clip(np.ceil((tail / least) ** (1 / ORDER)), 2, PIECES)
    return series, np.where(good, 1, pieces).astype(int)


def _more(pieces: Index) -> Index:
    """Into how many pieces panels are divided that need so many, (n,): into more if they are few."""
    return pieces * FINER if len(pieces) < FEW else pieces


def _divided(mode: Index, left: Array, width: Array, pieces: Index) -> tuple[Index, Array, Array]:
    """Every panel divided into so many pieces of equal width."""
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    piece = np.repeat(width / np.maximum(pieces, 1), pieces)
    return np.repeat(mode, pieces), np.repeat(left, pieces) + piece * within, piece
