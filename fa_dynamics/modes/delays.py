"""What derivatives do not see of the error of a strength: long delays, rests that may vanish, starts that may leave.

Beside a ghost one unit in the last place moves the time of passage by more than all that comes after it takes. So an
input error is followed as an uncertainty of the time at which each position is passed, and p may be anything between
the positions that are surely passed and those that are surely not reached.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.exact import ExactModes

Array = NDArray[np.float64]

PASSED = 1.2
"""Phase of the passage, which ends at pi / 2, from which on nothing is said any more."""

LINEAR = 0.05
"""Delay, relative to the time in a panel, up to which derivatives are enough."""


def delayed_variation(modes: ExactModes, t: Array, delay: Array) -> Array:
    """How far p may be from its computed value because of delays, (time, modes); 0 where derivatives are enough.

    Parameters
    ----------
    modes
        Without tails.
    t
        Increasing times.
    delay
        Uncertainty of the time at which the end of each panel is passed, (panels,).
    """
    panels, motion = modes.panels, modes.motion
    result = np.zeros((len(t), len(motion.sigma)))
    strengths = motion.strength(panels.owner, panels.nodes(np.arange(len(panels.left))))
    for mode in np.flatnonzero(np.diff(panels.first)):
        own = slice(panels.first[mode], panels.first[mode + 1])
        ends, late = panels.began[own] + panels.lasts[own], delay[own]
        passed = np.minimum.accumulate((ends + late)[::-1])[::-1]
        not_reached = np.maximum.accumulate(ends - late)
        low = np.minimum(np.searchsorted(passed, t), len(ends) - 1)
        high = np.minimum(np.searchsorted(not_reached, t, side="right"), len(ends) - 1)
        shortest = np.minimum(panels.lasts[own][low], panels.lasts[own][high])
        wide = np.flatnonzero(np.maximum(late[low], late[high]) > LINEAR * shortest)
        if len(wide):
            way = np.concatenate([motion.strength_at_start[[mode]], strengths[:, own].T.ravel(), motion.limit[[mode]]])
            variation = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(way)))])
            # from the last node before the first of these panels to the first node after the last
            count = len(strengths)
            result[wide, mode] = variation[(high[wide] + 1) * count + 1] - variation[low[wide] * count]
    return result


def vanishing_rest(modes: ExactModes, t: Array, uncertain: Array) -> Array:
    """How far p may be from a rest that input errors may take away, (time, modes); inf once it may be passed.

    Beside a fold dy/dt = f_2 y^2 + P, with P the uncertainty of the velocity: y = sqrt(P/f_2) tan(sqrt(P f_2) t).

    Parameters
    ----------
    modes
        Without tails.
    t
        Increasing times.
    uncertain
        Uncertainty of |dx/dt| at the nodes of all panels, (nodes, panels).
    """
    panels, motion = modes.panels, modes.motion
    result = np.zeros((len(t), len(motion.sigma)))
    series = motion.approach(motion.moving)
    if len(series) < 2 or not panels.left.size:
        return result
    first, second = series[0], np.abs(series[1])
    blur = uncertain[-1, panels.first[motion.moving + 1] - 1]
    speed = modes.positive_speed(panels.owner, panels.nodes(np.arange(len(panels.left))))
    near = np.asarray((speed <= uncertain).any(axis=0))
    for k in np.flatnonzero(first**2 <= 4 * second * blur):
        mode = motion.moving[k]
        own = np.arange(panels.first[mode], panels.first[mode + 1])
        begin = panels.began[own[near[own]][0]] if near[own].any() else panels.began[own[-1]]
        angle = np.sqrt(blur[k] * second[k]) * np.maximum(t - begin, 0.0)
        y = np.sqrt(blur[k] / second[k]) * np.tan(np.minimum(angle, PASSED)) if second[k] > 0 else np.inf * angle
        moved = 2 * (first[k] * y + second[k] * y * y) / motion.curvature[mode]
        result[:, mode] = np.where(t < begin, 0.0, np.where(angle < PASSED, moved, np.inf))
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
