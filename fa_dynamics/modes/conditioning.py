"""How much the strength of a mode moves when its inputs move by their last digit, and the error bound built on it.

For an input a, dp/da = p_a + S x_a, where p_a is taken at a fixed position x, S = dp/dx and, with the velocity F(x),
x_a(t) = F int_0^x F_a / F^2 dx. The two terms cancel at rest, where p = sigma / lambda whatever the start was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.courses import Course, blocks, courses, infinite
from fa_dynamics.modes.delays import delayed_variation, leaving, rests_exactly, vanishing_rest
from fa_dynamics.modes.exact import FOLDS, ExactModes
from fa_dynamics.modes.motion import EPS, Index, Motion

Array = NDArray[np.float64]

INPUTS = 16.0
"""Units in the last place by which the algorithm may be taken to perturb each input. Measured: at most 3."""

LOCAL = 16.0
"""Units in the last place of the terms that are added up for p, per layer."""

POSITION = 16.0
"""Units of `EPS` in u: near the start x is the difference of two positions on the first panel."""

TIME = 1e-13
"""Relative error of time as a function of u: what `panels.CONVERGED` leaves of a series."""


def condition(modes: ExactModes, t: Array) -> Array:
    """sum over the inputs a of |a dp/da|, (time, modes); inputs are theta_l, the feedback, sigma and lambda.

    Times `EPS` it is the change of p when every input moves by one unit in the last place.
    """
    total = np.empty((len(t), len(modes.motion.sigma)))
    for course in courses(_without_tails(modes), t):
        total[:, course.mode] = _condition_on(course)
    with np.errstate(over="ignore", invalid="ignore"):  # without end, and out of the range of numbers
        for mode in blocks(_without_rest(modes.motion), t):
            total[:, mode] = infinite(_condition_without_rest(modes.motion, mode, t))
    return total


def error_bound(modes: ExactModes, t: Array) -> Array:
    """A bound on the absolute error of `ExactModes.strength`, (time, modes), conditioning included."""
    bound = np.empty((len(t), len(modes.motion.sigma)))
    for course in courses(_without_tails(modes), t):
        bound[:, course.mode] = _bound_on(course)
    with np.errstate(over="ignore", invalid="ignore"):  # as above
        for mode in blocks(_without_rest(modes.motion), t):
            bound[:, mode] = infinite(_bound_without_rest(modes.motion, mode, t))
    return bound


def _without_tails(modes: ExactModes) -> ExactModes:
    """Sensitivities are integrals up to the rest."""
    return replace(modes, tailed=False) if modes.tailed else modes


def _without_rest(motion: Motion) -> Index:
    """Modes that move for ever, or not at all."""
    return np.flatnonzero(~motion.moving_mask)


def _condition_on(course: Course) -> Array:
    total = np.zeros_like(course.u)
    for tangent, delay in zip(course.tangents(), course.delays_at_points(), strict=True):
        with np.errstate(invalid="ignore"):  # nothing left of a speed, for an infinite time
            moved = infinite(course.velocity * delay)
        total += np.abs(tangent.size * tangent.strength[0] + course.slope * moved)
    # At rest p = sigma / lambda, or 0 in a saddle.
    return course.table(total, 2 * np.abs(course.modes.motion.limit[course.mode]))


def _bound_on(course: Course) -> Array:
    uncertain = (INPUTS * EPS * np.abs(course.pushes)).sum(axis=0)
    delay = course.doubts + (INPUTS * EPS * np.abs(course.delays)).sum(axis=0)
    bound = INPUTS * EPS * _condition_on(course) + course.table(_local_on_the_way(course), _local_at_rest(course))
    bound += delayed_variation(course, delay + TIME * course.ends)
    return bound + vanishing_rest(course, uncertain)


def _local_on_the_way(course: Course) -> Array:
    """What the algorithm adds to the errors of the inputs, (points,)."""
    motion, mode = course.modes.motion, course.at
    terms = motion.strength_terms(mode, course.u[None])[0]
    slope = np.abs(course.slope)
    late = TIME * course.t[course.time] + course.doubts[course.panel]
    position = slope * (POSITION * EPS * motion.distance[mode])
    return np.asarray(_rounding(motion) * terms + slope * (np.abs(course.velocity) * late) + position)


def _local_at_rest(course: Course) -> Array:
    """The same at rest, and what is left of the way there, (n,)."""
    motion, mode = course.modes.motion, course.mode
    terms = motion.strength_terms(mode, np.full((1, len(mode)), np.inf))[0]
    largest = np.maximum(np.abs(motion.target), np.abs(motion.strength_at_start))[mode]
    return np.asarray(_rounding(motion) * terms + np.exp(5.0 - FOLDS) * largest)


def _rounding(motion: Motion) -> float:
    """Error of p relative to the terms that are added up for it."""
    return LOCAL * len(motion.theta) * EPS


def _condition_without_rest(motion: Motion, mode: Index, t: Array) -> Array:
    x = _walked_without_rest(motion, mode, t)
    at_start = motion.tangents(mode, np.zeros((1, len(mode))))
    # Uniform motion has x = F t, so that x_a = F_a t. What rounding hides of a start at rest is `_left_start`.
    slope = np.where(motion.direction[mode] == 0, 0.0, motion.slope(mode, x))
    total = np.zeros_like(x)
    for tangent, fixed in zip(motion.tangents(mode, x), at_start, strict=True):
        total += np.abs(tangent.size * tangent.strength + slope * (tangent.size * fixed.velocity * t[:, None]))
    return total


def _bound_without_rest(motion: Motion, mode: Index, t: Array) -> Array:
    x = _walked_without_rest(motion, mode, t)
    terms = np.abs(motion.weights_from_start(mode, x)).prod(axis=0)
    late = np.abs(motion.slope(mode, x) * (TIME * x))
    bound = INPUTS * EPS * _condition_without_rest(motion, mode, t) + _rounding(motion) * terms + late
    still = np.flatnonzero(motion.direction[mode] == 0)
    bound[:, still] += _left_start(motion, mode[still], t)
    return np.asarray(bound)


def _walked_without_rest(motion: Motion, mode: Index, t: Array) -> Array:
    """x at all times, (time, n)."""
    return np.asarray(motion.velocity_at_start[mode] * t[:, None])


def _left_start(motion: Motion, still: Index, t: Array) -> Array:
    """Error of p for starts at rest: rounding may hide that they are beside it, and leave, (time, n)."""
    origin = np.zeros((1, len(still)))
    uncertain = sum(tangent.size * np.abs(tangent.velocity[0]) for tangent in motion.tangents(still, origin))
    slope = motion.slope(still, origin)[0]
    inexact = np.array(
        [not rests_exactly(motion.theta[:, k], motion.sigma[k], motion.curvature[k]) for k in still], dtype=bool
    )
    moved = leaving(-motion.curvature[still] * slope, INPUTS * EPS * np.asarray(uncertain), t, inexact)
    with np.errstate(invalid="ignore"):  # infinitely far along a flat direction
        return np.where(moved > 0, np.abs(slope) * moved, 0.0)
