"""The approach to a rest in its normal form, where all modes converge like exponentials.

Near a rest the distance y = |x* - x| obeys dy/dt = -f(y), f(y) = f_1 y + f_2 y^2 + .. with f_1 > 0. The analytic change
of variable of Poincare and Koenigs makes this dz/dt = -f_1 z. A series in z ends at the nearest complex singularity;
in v = z / (1 + m z), with m = 1 or -1 where f is slower or faster than f_1 y, it reaches much further, and has one term
for a quadratic f. So y and f(y) are polynomials of v: one exponential for every output time, and no inversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.entry import last_entry

Array = NDArray[np.float64]
Index = NDArray[np.int_]

ORDER = 18
"""Terms of the series. More would begin the tail earlier, and cost more per mode."""

TRUNCATED = 3e-15
"""Size of the last terms, relative to the first, where the tail begins."""

LAST = 4
"""Terms that count as last: single ones may vanish by symmetry."""

FARTHEST = 0.9
"""Largest v: at 1 it is infinitely long ago."""

PARTS = 8
"""Of the way, at which speeds are looked at."""

RUNGS = 32
"""Of the ladder on which the last entry into a band is looked for."""

ITERATIONS = 60

_POWERS: Array = np.arange(1.0, ORDER + 1)[:, None]


@dataclass(frozen=True, eq=False)
class Tail:
    """The normal form of many modes near their rests.

    Attributes
    ----------
    rate
        f_1, (modes,); 1 / time.
    bend
        m, (modes,).
    begin
        v where the tail begins, (modes,).
    distance
        |x* - x| there, (modes,).
    distances, speeds
        Coefficients of |x* - x| and |dx/dt| in powers 1..ORDER of v, (ORDER, modes).
    """

    rate: Array
    bend: Array
    begin: Array
    distance: Array
    distances: Array
    speeds: Array

    def of(self, some: Index) -> Tail:
        """Some of the modes."""
        begin, distance = self.begin[some], self.distance[some]
        return Tail(
            self.rate[some],
            self.bend[some],
            begin,
            distance,
            self.distances.take(some, axis=1),
            self.speeds.take(some, axis=1),
        )

    def at(self, waited: Array) -> Array:
        """The variable v at times >= 0 after the beginning, (times, modes); overwrites `waited`."""
        with np.errstate(over="ignore"):  # infinitely long after, and where nothing is left from the beginning on
            waited *= self.rate
            v = np.exp(waited, out=waited)
            v *= self._from_begin
        v += self.bend
        return np.divide(1.0, v, out=v)

    @cached_property
    def _from_begin(self) -> Array:
        """1 / z at the beginning, (modes,)."""
        return np.asarray(1 / self.begin - self.bend)

    def waited(self, some: Index, v: Array) -> Array:
        """Time from the beginning to v, for some modes (n,)."""
        bend, begin = self.bend[some], self.begin[some]
        ratio = v * (1 - bend * begin) / (begin * (1 - bend * v))
        return np.asarray(-np.log(ratio) / self.rate[some])

    def last_entry(self, some: Index, speed: Array) -> Array:
        """Time from the beginning until |dx/dt| is below `speed` > 0 for good, for some modes (n,).

        nan if it is from the beginning on.
        """
        series, begin = self.speeds.take(some, axis=1), self.begin[some]

        def excess(number: Index, passed: Array) -> Array:
            return evaluate(series.take(number, axis=1), begin[number] * (1 - passed)) / speed[number] - 1

        ladder = np.tile(np.linspace(0.0, 1.0, RUNGS + 1), len(some))
        entry, _ = last_entry(excess, np.repeat(np.arange(len(some)), RUNGS + 1), ladder)
        return self.waited(some, begin * (1 - entry))


def evaluate(series: Array, v: Array) -> Array:
    """sum_k series[k - 1] v^k for series (terms, ...) and v of broadcastable shapes."""
    total = series[-1] * v
    for coefficient in series[-2::-1]:
        total += coefficient
        total *= v
    return np.asarray(total)


def natural_scale(velocity: Array) -> Array:
    """Distance up to which f_1 y is the largest term, (modes,); inf if it is the only one."""
    powers = np.arange(1, len(velocity))[:, None]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # powers that are absent set no scale
        scales = np.abs(velocity[0] / velocity[1:]) ** (1 / powers)
    return np.asarray(np.min(scales, axis=0, initial=np.inf))


def tail(velocity: Array, start: Array, fastest: Array) -> Tail:
    """The tail of every mode.

    Parameters
    ----------
    velocity
        f_1, f_2, .., (terms, modes), f_1 > 0.
    start
        |x* - x| at time 0, (modes,), before which no tail begins.
    fastest
        |dx/dt| above which no tail begins, (modes,).
    """
    powers = _POWERS[: len(velocity)]
    scale = np.minimum(2 * start, natural_scale(velocity))
    relative = velocity / velocity[0] * scale ** (powers - 1)
    bend = -np.sign(relative[1]) if len(velocity) > 1 else np.zeros_like(scale)
    distances = scale * _normal_form(relative, bend)
    speeds = _POWERS * distances
    speeds[1:] -= bend * speeds[:-1]
    speeds *= velocity[0]
    with np.errstate(divide="ignore"):  # a series that ends is never truncated
        reach = (TRUNCATED / np.abs(_POWERS * distances / scale)[-LAST:]) ** (1 / (_POWERS[-LAST:] - 1))
    begin = np.minimum(reach.min(axis=0), FARTHEST)
    parts = begin * np.arange(1, PARTS + 1)[:, None] / PARTS
    slow = np.logical_and.accumulate(evaluate(speeds[:, None], parts) <= fastest, axis=0).sum(axis=0)
    most = np.abs(speeds)
    close = parts[0] * np.minimum(1.0, fastest / np.maximum(evaluate(most, parts[0]), np.finfo(float).tiny))
    begin = np.where(slow > 0, np.take_along_axis(parts, np.maximum(slow - 1, 0)[None], axis=0)[0], close)
    distance = evaluate(distances, begin)
    begun = np.flatnonzero(distance >= start)
    begin[begun] = _where(distances[:, begun], start[begun], begin[begun])
    distance[begun] = start[begun]
    return Tail(velocity[0], bend, begin, distance, distances, speeds)


def _normal_form(relative: Array, bend: Array) -> Array:
    """phi_1 = 1, phi_2, .. of y(v) for f(y) = y + g_2 y^2 + ...

    v (1 - m v) y'(v) = f(y) gives (k - 1) phi_k = m (k - 1) phi_{k-1} + [v^k] (g_2 y^2 + g_3 y^3 + ..), and y^j begins
    with v^j, so that each power needs lower coefficients only.
    """
    degree, modes = min(len(relative), ORDER), relative.shape[1]
    # row j - 1, column k - 1: the coefficient of v^k in y^j
    table = np.zeros((degree, ORDER, modes))
    table[0, 0] = 1.0
    for k in range(2, ORDER + 1):
        powers = slice(1, min(k, degree))
        below = table[: powers.stop - 1, k - 2 :: -1]
        np.einsum("mi,jmi->ji", table[0, : k - 1], below, out=table[powers, k - 1])
        total = np.einsum("ji,ji->i", relative[powers], table[powers, k - 1])
        table[0, k - 1] = bend * table[0, k - 2] + total / (k - 1)
    return np.asarray(table[0])


def _where(series: Array, value: Array, high: Array) -> Array:
    """The v in [0, high] at which a series takes a value, (modes,): by bisection and Newton's method."""
    low, x = np.zeros_like(high), high
    for _ in range(ITERATIONS):
        gap = evaluate(series, x) - value
        low, high = np.where(gap < 0, x, low), np.where(gap < 0, high, x)
        following = x - gap * x / evaluate(series * _POWERS, x)
        following = np.where((following > low) & (following < high), following, 0.5 * (low + high))
        if np.all(np.abs(following - x) <= 2 * np.spacing(x)):
            break
        x = following
    return x
