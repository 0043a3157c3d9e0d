"""How much the strength of a mode moves when its inputs move by their last digit, and the error bound built on it.

For an input a, dp/da = p_a + S tau_a, where p_a is taken at fixed clock and, with q = sigma - lambda p(tau),
tau_a(t) = q int_0^tau q_a / q^2 dtau. The two terms cancel at rest, where p = sigma / lambda whatever the start was.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fa_dynamics.modes import polynomials as poly
from fa_dynamics.modes.exact import EPS, FOLDS, ExactModes
from fa_dynamics.modes.panels import FIT, NODES

Array = NDArray[np.float64]

INPUTS = 16.0
"""Units in the last place by which the algorithm may be taken to perturb each input. Measured: at most 3."""

LOCAL = 16.0
"""Units in the last place of the terms that are added up for p, per layer."""

POSITION = 16.0
"""Units of `EPS` in u: near the start tau is the difference of two positions on the first panel."""

TIME = 1e-13
"""Relative error of time as a function of u: series are truncated at 1e-14, and slowly converging ones lose another
digit near the ends of their panel."""


def condition(modes: ExactModes, t: Array) -> Array:
    """sum over the inputs a of |a dp/da|, (time, modes); inputs are theta_l, the feedback behind c_l, sigma and lambda.

    Times `EPS` it is the change of p when every input moves by one unit in the last place.
    """
    u, tau = modes.clock(t)
    theta, c = modes.theta[:, :, None], modes.c[:, :, None]
    weights = poly.weights_at(theta, c, tau)
    pace = poly.slope(weights, c) * _error(modes, u, t)
    # Feedback b_j enters c_l for all l < j, so that c_l carries the digits of L - l inputs.
    depth = len(modes.theta)
    sizes = [modes.sigma, modes.curvature, *modes.theta]
    sizes += [modes.c[layer] * (depth - 1 - layer) for layer in range(depth)]
    nothing = np.zeros_like(tau)
    partial = [nothing, nothing, *poly.tangents(theta, c, tau)]
    integrals = _clock_sensitivities(modes, u, t)
    total = nothing
    for size, fixed, integral in zip(sizes, partial, integrals, strict=True):
        total = total + np.abs(size[:, None] * (fixed + pace * integral))
    return np.where(_settled(modes, u), 2 * np.abs(modes.target)[:, None], total).T


def error_bound(modes: ExactModes, t: Array) -> Array:
    """A bound on the absolute error of `ExactModes.strength`, (time, modes), conditioning included."""
    u, tau = modes.clock(t)
    theta, c = modes.theta[:, :, None], modes.c[:, :, None]
    target = np.abs(modes.target)[:, None]
    still = ~modes.moving_mask[:, None]
    terms = poly.strength(poly.weights_at(np.abs(theta), np.abs(c), np.abs(np.where(still, tau, 0.0))))
    terms[modes.moving] = modes.strength_and_terms(modes.moving, u[modes.moving])[1]
    slope = np.abs(poly.slope(poly.weights_at(theta, c, tau), c))
    settled = _settled(modes, u)
    speed = np.where(settled, 0.0, slope * np.abs(_error(modes, u, t)))
    reach = np.where(np.isfinite(modes.distance), modes.distance, 0.0)[:, None]
    position = np.where(settled, 0.0, slope * reach * POSITION * EPS)
    left_over = np.where(settled, np.exp(5.0 - FOLDS) * np.maximum(target, np.abs(poly.strength(theta))), 0.0)
    local = LOCAL * len(modes.theta) * EPS * terms + speed * (TIME * t + _doubt(modes, u)) + position + left_over
    return INPUTS * EPS * condition(modes, t) + local.T


def _error(modes: ExactModes, u: Array, t: Array) -> Array:
    """sigma - lambda p with its relative digits, (modes, time)."""
    error = modes.sigma[:, None] - modes.curvature[:, None] * modes.strength(t).T
    error[modes.moving] = modes.direction[modes.moving, None] * modes.error_at(modes.moving, u[modes.moving])[0]
    return error


def _doubt(modes: ExactModes, u: Array) -> Array:
    """Error of time at positions u by the rounding of dt/du, (modes, time): what all panels up to there add up to."""
    panels = modes.panels
    doubt = np.zeros_like(u)
    for mode in np.flatnonzero(np.diff(panels.first)):
        own = slice(panels.first[mode], panels.first[mode + 1])
        which = np.clip(np.searchsorted(panels.left[own], u[mode], side="right") - 1, 0, None)
        doubt[mode] = np.cumsum(panels.lasts[own] * panels.rounding[own])[which]
    return doubt


def _settled(modes: ExactModes, u: Array) -> NDArray[np.bool_]:
    """Modes that were moving and have come to rest."""
    return np.isinf(u) & modes.moving_mask[:, None]


def _clock_sensitivities(modes: ExactModes, u: Array, t: Array) -> list[Array]:
    """int_0^tau q_a / q^2 dtau at positions u, (modes, time), for sigma, lambda, theta_1..theta_L, c_1..c_L."""
    panels = modes.panels
    owner = np.repeat(np.arange(len(modes.sigma)), np.diff(panels.first))
    position = panels.left[:, None] + panels.width[:, None] * (NODES + 1) / 2
    theta, c = modes.theta[:, owner, None], modes.c[:, owner, None]
    curvature = modes.curvature[owner, None]
    direction, distance = modes.direction[owner, None], modes.distance[owner, None]
    tau = -direction * distance * np.expm1(-position)
    rate = legendre.legval(NODES, panels.series.T)  # dt/du = delta / speed
    weight = direction * rate * rate / (distance * np.exp(-position))
    strength = poly.strength(poly.weights_at(theta, c, tau))
    changes = [np.ones_like(tau), -strength, *(-curvature * partial for partial in poly.tangents(theta, c, tau))]
    # On a uniform clock tau = q t, so that tau_a = q_a t = q (q_a t / q).
    uniform = np.isinf(modes.distance)
    start = modes.theta
    fixed = [np.ones_like(modes.sigma), -poly.strength(start)]
    fixed += [-modes.curvature * partial for partial in poly.tangents(start, modes.c, np.zeros_like(modes.sigma))]
    found = []
    for change, at_start in zip(changes, fixed, strict=True):
        integral = _integral_at(modes, change * weight, u)
        integral[uniform] = (at_start / np.where(modes.direction == 0, 1.0, modes.error_at_start))[uniform, None] * t
        found.append(integral)
    return found


def _integral_at(modes: ExactModes, values: Array, u: Array) -> Array:
    """int_0^u of node values over panels, at positions u (modes, time); 0 for modes without panels or at rest."""
    panels = modes.panels
    series = values @ FIT.T
    inside = np.asarray(legendre.legint(series, lbnd=-1, axis=1), dtype=float)
    result = np.zeros_like(u)
    for mode in np.flatnonzero(np.diff(panels.first)):
        own = slice(panels.first[mode], panels.first[mode + 1])
        whole = panels.width[own] * series[own, 0]
        before = np.cumsum(whole) - whole
        finite = np.isfinite(u[mode])
        which = np.searchsorted(panels.left[own], u[mode][finite], side="right") - 1
        half = panels.width[own][which] / 2
        z = (u[mode][finite] - panels.left[own][which]) / half - 1
        result[mode, finite] = before[which] + half * legendre.legval(z, inside[own][which].T, tensor=False)
    return result
