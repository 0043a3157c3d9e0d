"""All zeros of sigma - lambda p(tau) along the clock, in both directions, and which of them the start reaches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.polynomials import coefficients, slope, strength, weights_at
from fa_dynamics.modes.roots import refine
from fa_dynamics.modes.turning_points import (
    ROUNDING,
    aim_exponent,
    in_units,
    natural_exponents,
    strength_rounding,
    turning_points,
)

Array = NDArray[np.float64]
Index = NDArray[np.int_]

OVERFLOWS = "together with correlation, curvature and feedback it leads beyond the range of floating-point numbers"
"""The end of an error message."""

FAR = 1000
"""Largest power of two for lengths along the clock."""

DOUBLINGS = 2100
"""Enough to cross the whole range of floating-point numbers."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Chains with a clock on their lines, p not constant; see `ClockMotion` for the attributes."""

    theta: Array
    c: Array
    sigma: Array
    curvature: Array

    def error(self, mode: Index, tau: Array) -> Array:
        """sigma - lambda p at tau, both (points,)."""
        c = self.c.take(mode, axis=1)
        return np.asarray(
            self.sigma[mode] - self.curvature[mode] * strength(weights_at(self.theta.take(mode, axis=1), c, tau))
        )

    def rounding(self, mode: Index, tau: Array) -> Array:
        """How much rounding of all inputs may change the error at fixed tau, (points,)."""
        moved = strength_rounding(self.theta.take(mode, axis=1), self.c.take(mode, axis=1), tau)
        return np.asarray(ROUNDING * np.abs(self.sigma[mode]) + self.curvature[mode] * moved)


class Zero(NamedTuple):
    """One equilibrium: signs of the error on both sides, and a bracket or (low = high) its place."""

    low: float
    high: float
    left: float
    right: float


@dataclass(frozen=True)
class LineZeros:
    """What was found on one line.

    Attributes
    ----------
    tau
        Zeros of the error, ascending, (zeros,).
    left, right
        Signs of the error on either side of every zero, (zeros,).
    turning
        Turning points of p, ascending, (points,).
    reached
        Index of the zero that the start reaches; -1 if none.
    """

    tau: Array
    left: Array
    right: Array
    turning: Array
    reached: int


def find_zeros(lines: Lines) -> list[LineZeros]:
    """All zeros of every line.

    Between neighbouring turning points of p the error is monotone, so that its signs there bracket every zero. Turning
    points between which p changes by rounding only are left out. One at which the error is zero up to rounding is
    itself a double zero; whether a start that runs towards it stops there or crosses it is up to `rest_ahead`.

    Raises
    ------
    InputError
        Numbers so large that p overflows.
    """
    modes = np.arange(len(lines.sigma))
    own, turning = turning_points(lines.theta, lines.c)
    with np.errstate(over="ignore", invalid="ignore"):
        start, hush = (of(modes, np.zeros(len(modes))) for of in (lines.error, lines.rounding))
        height, noise = lines.error(own, turning), lines.rounding(own, turning)
    if not all(np.isfinite(values).all() for values in (start, hush, height, noise)):
        raise InputError(f"start: {OVERFLOWS}")
    first = np.searchsorted(own, np.arange(len(modes) + 1))
    kept = [begin + _visible(height[begin:end], noise[begin:end]) for begin, end in pairwise(first)]
    ends, signs = _ends(lines, [turning[part] for part in kept])
    rest = np.full(len(modes), np.nan)
    doubtful = np.unique(own[np.abs(height) <= noise])
    rest[doubtful] = np.sign(start[doubtful]) * rest_ahead(
        lines.theta[:, doubtful], lines.c[:, doubtful], lines.sigma[doubtful], lines.curvature[doubtful]
    )
    found = []
    for mode, part in enumerate(kept):
        points, values = turning[part], np.where(np.abs(height[part]) <= noise[part], 0.0, np.sign(height[part]))
        quiet = abs(start[mode]) <= hush[mode]
        found.append(_walk(points, values, np.sign(start[mode]), quiet, ends[:, mode], signs[:, mode]))
    tau = _places(lines, np.repeat(modes, [len(zeros) for zeros, _ in found]), [z for zeros, _ in found for z in zeros])
    result, begin = [], 0
    for (zeros, reached), part, aim in zip(found, kept, rest, strict=True):
        places = tau[begin : begin + len(zeros)]
        begin += len(zeros)
        reached = int(np.argmin(np.abs(places - aim))) if reached is None else reached
        left, right = np.array([[zero.left, zero.right] for zero in zeros]).reshape(-1, 2).T
        result.append(LineZeros(places, left, right, turning[part], reached))
    return result


def _visible(height: Array, noise: Array) -> Index:
    """Turning points that remain when neighbours whose heights differ by rounding cancel, nearest first."""
    kept = np.arange(len(height))
    while len(kept) > 1:
        excess = np.abs(np.diff(height[kept])) - noise[kept[1:]] - noise[kept[:-1]]
        least = int(np.argmin(excess))
        if excess[least] > 0:
            break
        kept = np.delete(kept, [least, least + 1])
    return kept


def _walk(
    points: Array, values: Array, start: float, quiet: bool, ends: Array, signs: Array
) -> tuple[list[Zero], int | None]:
    """Zeros between and on the turning points, and the index of the one that is reached.

    That is left open (None) if a double zero comes next, and if the start is at rest up to rounding only, next to one:
    then the sign of its error does not tell on which side of it it is.
    """
    place = int(np.searchsorted(points, 0.0, side="left" if start < 0 else "right"))
    open_ = bool(start != 0 and quiet and (values[max(place - 1, 0) : place + 1] == 0).any())
    marks = [(float(x), float(value), False) for x, value in zip(points, values, strict=True)]
    if not open_:
        marks.insert(place, (0.0, start, True))
    marks = [(float(ends[0]), float(signs[0]), False), *marks, (float(ends[1]), float(signs[1]), False)]
    zeros: list[Zero] = []
    reached: int | None = None if open_ else -1
    position, side = marks[0][0], marks[0][1]
    for flat, group in groupby(marks[1:], key=lambda mark: mark[1] == 0):
        several = list(group)
        if flat:
            at_start = any(mark[2] for mark in several)
            x = 0.0 if at_start else several[0][0]
            zeros.append(Zero(x, x, side, 0.0))
            reached = len(zeros) - 1 if at_start else reached
            continue
        for x, value, is_start in several:
            if zeros and zeros[-1].right == 0:
                zeros[-1] = zeros[-1]._replace(right=value)
            elif value != side:
                zeros.append(Zero(position, x, side, value))
            if is_start:
                reached = len(zeros) if value > 0 else len(zeros) - 1
            position, side = x, value
    if reached is None or not 0 <= reached < len(zeros):
        return zeros, reached if reached is None else -1
    return zeros, None if start != 0 and zeros[reached].low == zeros[reached].high else reached


def _ends(lines: Lines, turning: list[Array]) -> tuple[Array, Array]:
    """Points below and above all zeros, and the signs of the error there: both (2, modes)."""
    weights, factors, _, _ = in_units(lines.theta, lines.c)
    p = coefficients(weights, factors)
    powers = np.arange(len(p))[:, None]
    degree = np.where(p != 0, powers, 0).max(axis=0)
    leading = np.sign(np.take_along_axis(p, degree[None], axis=0)[0])
    signs = np.array([-leading * (-1.0) ** degree, -leading])
    step = np.ldexp(1.0, _unit_of_zeros(lines))
    modes = np.arange(len(lines.sigma))
    ends = []
    for side, sign in zip((-1.0, 1.0), signs, strict=True):
        last = np.array([max(0.0, *(side * points), 0.0) for points in turning])
        distance = last + step
        pending = np.ones(len(modes), dtype=bool)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(DOUBLINGS):
                pending = pending & (np.sign(lines.error(modes, side * distance)) != sign)
                if not pending.any():
                    break
                distance = np.where(pending, 2 * distance, distance)
        if pending.any() or not np.isfinite(distance).all():
            raise InputError(f"start: {OVERFLOWS}")
        ends.append(side * distance)
    return np.array(ends), signs


def _unit_of_zeros(lines: Lines) -> Index:
    """Exponent of the clock at which the leading power of p outgrows the target and the start."""
    unit, _, _ = natural_exponents(lines.theta, lines.c, aim_exponent(lines.sigma, lines.curvature))
    return np.clip(unit, -FAR, FAR)


def _places(lines: Lines, mode: Index, zeros: list[Zero]) -> Array:
    low, high, before, _ = np.array(zeros, dtype=float).reshape(-1, 4).T
    places = low.copy()
    wide = low < high

    def error(which: Index, tau: Array) -> tuple[Array, Array]:
        own = mode[wide][which]
        weights = weights_at(lines.theta.take(own, axis=1), lines.c.take(own, axis=1), tau)
        value = lines.sigma[own] - lines.curvature[own] * strength(weights)
        return value, -lines.curvature[own] * slope(weights, lines.c.take(own, axis=1))

    places[wide] = refine(error, low[wide], high[wide], before[wide])
    return places
