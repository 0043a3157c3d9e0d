"""How much the strength of a mode moves when its inputs move by their last digit, and the error bound built on it.

For an input a, dp/da = p_a + S x_a, where p_a is taken at a fixed position x, S = dp/dx and, with the velocity F(x),
x_a(t) = F int_0^x F_a / F^2 dx. The two terms cancel at rest, where p = sigma / lambda whatever the start was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.modes.delays import delayed_variation, leaving, rests_exactly, vanishing_rest
from fa_dynamics.modes.exact import FOLDS, ExactModes
from fa_dynamics.modes.motion import EPS, Motion, Tangent
from fa_dynamics.modes.panels import FIT, NODES, SUSPECT

Array = NDArray[np.float64]

INPUTS = 16.0
"""Units in the last place by which the algorithm may be taken to perturb each input. Measured: at most 3."""

LOCAL = 16.0
"""Units in the last place of the terms that are added up for p, per layer."""

POSITION = 16.0
"""Units of `EPS` in u: near the start x is the difference of two positions on the first panel."""

TIME = 1e-13
"""Relative error of time as a function of u: what `panels.CONVERGED` and `CONVERGED_DEEP` leave of a series."""


def condition(modes: ExactModes, t: Array) -> Array:
    """sum over the inputs a of |a dp/da|, (time, modes); inputs are theta_l, the feedback, sigma and lambda.

    Times `EPS` it is the change of p when every input moves by one unit in the last place.
    """
    if modes.tailed:  # the sensitivities are integrals up to the rest
        modes = replace(modes, tailed=False)
    motion = modes.motion
    everyone = np.arange(len(motion.sigma))
    u = modes.positions(t)
    x = modes.walked(u, t)
    pace = motion.slope(everyone, x) * _velocity(modes, u)
    total = np.zeros(x.shape)
    for tangent, integral in zip(motion.tangents(everyone, x), _sensitivities(modes, u, t), strict=True):
        total = total + np.abs(tangent.size * (tangent.strength + pace * integral))
    settled = 2 * np.abs(motion.limit)
    return np.asarray(np.where(_settled(modes, u), np.where(np.isfinite(settled), settled, 0.0), total))


def error_bound(modes: ExactModes, t: Array) -> Array:
    """A bound on the absolute error of `ExactModes.strength`, (time, modes), conditioning included."""
    complete = replace(modes, tailed=False)
    motion, moving = modes.motion, modes.motion.moving
    u = complete.positions(t)
    x = complete.walked(u, t)
    everyone = np.arange(len(motion.sigma))
    terms = np.abs(motion.weights_from_start(everyone, x)).prod(axis=0)
    terms[:, moving] = motion.strength_terms(moving, u[:, moving])
    slope = np.abs(motion.slope(everyone, x))
    settled = _settled(complete, u)
    speed = np.where(settled, 0.0, slope * np.abs(_velocity(complete, u)))
    reach = np.where(np.isfinite(motion.distance), motion.distance, 0.0)
    position = np.where(settled, 0.0, slope * reach * POSITION * EPS)
    largest = np.maximum(np.abs(motion.target), np.abs(motion.strength_at_start))
    doubts = _running(complete, _doubts(complete))
    left_over = np.where(settled, np.exp(5.0 - FOLDS) * largest, 0.0)
    local = (
        LOCAL * len(motion.theta) * EPS * terms
        + speed * (TIME * t[:, None] + _doubt(complete, doubts, u))
        + position
        + left_over
    )
    bound = INPUTS * EPS * condition(complete, t) + local
    bound += delayed_variation(complete, t, doubts + _delays(complete))
    uncertain = INPUTS * EPS * _velocity_digits(complete)
    return np.asarray(bound + vanishing_rest(complete, t, uncertain) + _left_start(motion, t))


def _delays(modes: ExactModes) -> Array:
    """Uncertainty of the time at which the end of each panel is passed, but for rounding, (panels,)."""
    panels = modes.panels
    total = np.zeros(len(panels.left))
    for integral in _panel_integrals(modes):
        total += INPUTS * EPS * np.abs(_running(modes, integral))
    ends = panels.began + panels.lasts
    return np.asarray(total + TIME * ends)


def _velocity_digits(modes: ExactModes) -> Array:
    """sum over the inputs of |a dF/da| at the nodes of all panels, (nodes, panels)."""
    return np.asarray(sum(tangent.size * np.abs(tangent.velocity) for tangent in _along(modes)))


def _left_start(motion: Motion, t: Array) -> Array:
    """Error of p for starts at rest: rounding may hide that they are beside it, and leave, (time, modes)."""
    still = np.flatnonzero(motion.direction == 0)
    result = np.zeros((len(t), len(motion.sigma)))
    origin = np.zeros((1, len(still)))
    uncertain = sum(tangent.size * np.abs(tangent.velocity[0]) for tangent in motion.tangents(still, origin))
    slope = motion.slope(still, origin)[0]
    inexact = np.array(
        [not rests_exactly(motion.theta[:, k], motion.sigma[k], motion.curvature[k]) for k in still], dtype=bool
    )
    moved = leaving(-motion.curvature[still] * slope, INPUTS * EPS * np.asarray(uncertain), t, inexact)
    with np.errstate(invalid="ignore"):  # infinitely far along a flat direction
        result[:, still] = np.where(moved > 0, np.abs(slope) * moved, 0.0)
    return result


def _velocity(modes: ExactModes, u: Array) -> Array:
    """dx/dt with its relative digits, (time, modes)."""
    motion = modes.motion
    velocity = np.repeat(motion.velocity_at_start[None], len(u), axis=0)
    moving = motion.moving
    velocity[:, moving] = motion.direction[moving] * motion.speed(moving, u[:, moving])
    return velocity


def _settled(modes: ExactModes, u: Array) -> NDArray[np.bool_]:
    """Modes that were moving and have come to rest."""
    return np.asarray(np.isinf(u) & modes.motion.moving_mask)


def _doubts(modes: ExactModes) -> Array:
    """Error of the time spent in each panel by the rounding of dt/du, (panels,)."""
    panels = modes.panels
    position = panels.nodes(np.arange(len(panels.left)))
    return np.asarray(panels.lasts * modes.rounding(panels.owner, position, panels.width < SUSPECT).mean(axis=0))


def _doubt(modes: ExactModes, total: Array, u: Array) -> Array:
    """Error of time at positions u by the rounding of dt/du, (time, modes), from its sum up to each panel."""
    panels = modes.panels
    doubt = np.zeros_like(u)
    for mode in np.flatnonzero(np.diff(panels.first)):
        own = slice(panels.first[mode], panels.first[mode + 1])
        which = np.clip(np.searchsorted(panels.left[own], u[:, mode], side="right") - 1, 0, None)
        doubt[:, mode] = total[own][which]
    return doubt


def _running(modes: ExactModes, values: Array) -> Array:
    """Sums of values (panels,) from the first panel of each mode on."""
    first = modes.panels.first
    total = np.empty_like(values)
    for mode in np.flatnonzero(np.diff(first)):
        own = slice(first[mode], first[mode + 1])
        total[own] = np.cumsum(values[own])
    return total


def _panel_integrals(modes: ExactModes) -> list[Array]:
    """a int F_a / F^2 dx over each panel, (panels,), for the inputs of `Motion.tangents`."""
    weight = _weight(modes) * modes.panels.width
    return [tangent.size * (FIT[0] @ (tangent.velocity * weight)) for tangent in _along(modes)]


def _along(modes: ExactModes) -> list[Tangent]:
    """Derivatives at the nodes of all panels."""
    owner = modes.panels.owner
    nodes = modes.panels.nodes(np.arange(len(owner)))
    return modes.motion.tangents(owner, modes.motion.walked(owner, nodes))


def _weight(modes: ExactModes) -> Array:
    """dx / F^2 over du at the nodes of all panels, (nodes, panels)."""
    panels, motion = modes.panels, modes.motion
    position = panels.nodes(np.arange(len(panels.left)))
    left = motion.direction[panels.owner] * motion.distance[panels.owner] * np.exp(-position)
    rate = legendre.legval(NODES, panels.series).T  # dt/du = |left| / |F|
    return np.asarray(rate * rate / left)


def _sensitivities(modes: ExactModes, u: Array, t: Array) -> list[Array]:
    """int_0^x F_a / F^2 dx at positions u, (time, modes), for the inputs of `Motion.tangents`."""
    motion, weight = modes.motion, _weight(modes)
    # Uniform motion has x = F t, so that x_a = F_a t = F (F_a t / F).
    uniform = np.isinf(motion.distance)
    everyone = np.arange(len(motion.sigma))
    at_start = motion.tangents(everyone, np.zeros((1, len(everyone))))
    velocity = np.where(motion.direction == 0, 1.0, motion.velocity_at_start)
    found = []
    for along, fixed in zip(_along(modes), at_start, strict=True):
        integral = _integral_at(modes, along.velocity * weight, u)
        integral[:, uniform] = (fixed.velocity / velocity * t[:, None])[:, uniform]
        found.append(integral)
    return found


def _integral_at(modes: ExactModes, values: Array, u: Array) -> Array:
    """int_0^u of node values over panels, at positions u (time, modes); 0 for modes without panels or at rest."""
    panels = modes.panels
    series = FIT @ values
    inside = np.asarray(legendre.legint(series, lbnd=-1), dtype=float)
    result = np.zeros_like(u)
    for mode in np.flatnonzero(np.diff(panels.first)):
        own = slice(panels.first[mode], panels.first[mode + 1])
        whole = panels.width[own] * series[0, own]
        before = np.cumsum(whole) - whole
        finite = np.isfinite(u[:, mode])
        at = u[finite, mode]
        which = np.searchsorted(panels.left[own], at, side="right") - 1
        half = panels.width[own][which] / 2
        z = (at - panels.left[own][which]) / half - 1
        result[finite, mode] = before[which] + half * legendre.legval(z, inside[:, own][:, which], tensor=False)
    return result
