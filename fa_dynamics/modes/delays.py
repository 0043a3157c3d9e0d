"""What derivatives do not see of the error of a strength: long delays, rests that may vanish, starts that may leave.

Beside a ghost one unit in the last place moves the time of passage by more than all that comes after it takes. So an
input error is followed as an uncertainty of the time at which each position is passed, and p may be anything between
the positions that are surely passed and those that are surely not reached.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.courses import Course
from fa_dynamics.modes.motion import Index

Array = NDArray[np.float64]

PASSED = 1.2
"""Phase of the passage, which ends at pi / 2, from which on nothing is said any more."""

LINEAR = 0.05
"""Delay, relative to the time in a panel, up to which derivatives are enough."""


def delayed_variation(course: Course, delay: Array) -> Array:
    """How far p may be from its computed value because of delays, (time, n); 0 where derivatives are enough.

    Parameters
    ----------
    course
        The modes.
    delay
        Uncertainty of the time at which the end of each panel is passed, (panels,).
    """
    passed, not_reached = _surely(course, delay)
    low = _counted(course, np.searchsorted(course.t, passed, side="right"))
    high = _counted(course, np.searchsorted(course.t, not_reached))
    lasts = course.modes.panels.lasts[course.span]
    wide = np.nonzero(np.maximum(delay[low], delay[high]) > LINEAR * np.minimum(lasts[low], lasts[high]))
    before, after = _variation(course)
    result = np.zeros(low.shape)
    result[wide] = before[low[wide]] - after[high[wide]]
    return result


def _surely(course: Course, delay: Array) -> tuple[Array, Array]:
    """Times from which on a panel is surely passed, and up to which its end is surely not reached, (panels,) each."""
    passed, not_reached = course.ends + delay, course.ends - delay
    for begin, end in pairwise(course.first):
        passed[begin:end] = np.minimum.accumulate(passed[begin:end][::-1])[::-1]
        not_reached[begin:end] = np.maximum.accumulate(not_reached[begin:end])
    return passed, not_reached


def _counted(course: Course, begin: Index) -> Index:
    """The first panel of which something is not true yet, or the last, (time, n); true from `begin` (panels,) on."""
    count = np.zeros((len(course.t) + 1, len(course.mode)), dtype=int)
    np.add.at(count, (begin, course.column), 1)
    return np.asarray(np.minimum(course.first[:-1] + count[:-1].cumsum(axis=0), course.first[1:] - 1))


def _variation(course: Course) -> tuple[Array, Array]:
    """Variation of p from the last node before each panel, and from the first node after it, to the rest, (panels,)."""
    motion, first, last = course.modes.motion, course.first[:-1], course.first[1:] - 1
    strength = motion.strength(course.owner, course.nodes)
    came_from, goes_to = np.roll(strength[-1], 1), np.roll(strength[0], -1)
    came_from[first], goes_to[last] = motion.strength_at_start[course.mode], motion.limit[course.mode]
    total = np.abs(np.diff(strength, axis=0)).sum(axis=0) + np.abs(goes_to - strength[-1])
    for begin, end in pairwise(course.first):  # from the rest on, so that what is little there keeps its digits
        total[begin:end] = np.cumsum(total[begin:end][::-1])[::-1]
    after = np.roll(total, -1)
    after[last] = 0.0
    return total + np.abs(strength[0] - came_from), after


def vanishing_rest(course: Course, uncertain: Array) -> Array:
    """How far p may be from a rest that input errors may take away, (time, n); inf once it may be passed.

    Beside a fold dy/dt = f_2 y^2 + P, with P the uncertainty of the velocity: y = sqrt(P/f_2) tan(sqrt(P f_2) t).

    Parameters
    ----------
    course
        The modes.
    uncertain
        Uncertainty of |dx/dt| at the nodes of all panels, (nodes, panels).
    """
    motion, t = course.modes.motion, course.t
    result = np.zeros((len(t), len(course.mode)))
    series = motion.approach(course.mode)
    if len(series) < 2:
        return result
    # Roots of factors, since products of two rates may leave the range of numbers.
    first, bend = series[0], np.sqrt(np.abs(series[1]))
    blur = np.sqrt(uncertain[-1, course.first[1:] - 1])
    for k in np.flatnonzero(np.abs(first) <= 2 * bend * blur):
        own = slice(*course.first[k : k + 2])
        speed = course.modes.rates.positive_speed(course.owner[own], course.nodes[:, own])
        near = np.asarray((speed <= uncertain[:, own]).any(axis=0))
        near[-1] = True
        begin = course.modes.panels.began[course.span][own][near][0]
        with np.errstate(over="ignore"):  # long after the passage
            angle = blur[k] * bend[k] * np.maximum(t - begin, 0.0)
        pushed = np.tan(np.minimum(angle, PASSED)) * blur[k]  # f_2 y = bend pushed
        # A rest of higher order, bend = 0, is not passed like this one: nothing is said.
        moved = 2 * (first[k] / bend[k] + pushed) * pushed / motion.curvature[course.mode[k]] if bend[k] else np.inf
        result[:, k] = np.where(t < begin, 0.0, np.where(angle < PASSED, moved, np.inf))
    return result


def leaving(rate: Array, uncertain: Array, t: Array, inexact: NDArray[np.bool_]) -> Array:
    """How far x may be from a start at rest, (time, modes): an uncertainty of dx/dt that grows at a rate."""
    with np.errstate(over="ignore", invalid="ignore"):  # infinitely far, and flat rates
        grown = np.where(rate == 0, t[:, None], np.expm1(rate * t[:, None]) / np.where(rate == 0, 1.0, rate))
        return np.where(inexact, uncertain * grown, 0.0)


def rests_exactly(theta: Array, sigma: float, curvature: float) -> bool:
    """Whether sigma = lambda p(0) holds for the numbers as they are, not only after rounding."""
    strength = Fraction(curvature)
    for weight in theta:
        strength *= Fraction(float(weight))
    return strength == Fraction(sigma)
