"""From a state to what the page shows: mode-learning curves of two rules, their orders, and the potential."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.lookup import find_rule
from fa_dynamics.errors import InputError
from fa_dynamics.explore.integrated import IntegratedCurves, integrate
from fa_dynamics.explore.state import State
from fa_dynamics.measures.learning import Order, order_of_learning
from fa_dynamics.modes import Equilibria, ModeCurves, Prediction, equilibria, solve_modes

Array = NDArray[np.float64]

UNIFORM, EARLY = 141, 60
"""Output times that are spaced evenly, and by equal factors from a thousandth of the last time on."""

MARGIN = 1.15
"""Last time shown, over the last learning time."""

BALANCED = 1e-3
"""Backpropagation starts balanced with p(0) this fraction of s, for it never leaves zero."""

UNLEARNED = 10.0
"""Last time shown where nothing is learned, over that of the strongest mode, 1 / |sigma|."""

LATE = 0.99
"""Level at which the last of the modes ends the time shown, unless the state asks for a higher one."""

LANDSCAPE = 161
"""Points of a potential."""


@dataclass(frozen=True, eq=False)
class Learned:
    """One rule's curves with what is read off them.

    Attributes
    ----------
    curves
        Of all modes.
    times
        Learning times at the state's level, (modes,); inf if never (or, for integrated curves, not by the last time).
    order, prediction
        What was found, and what a theorem predicts, if one applies.
    """

    curves: ModeCurves | IntegratedCurves
    times: Array
    order: Order
    prediction: Prediction | None


@dataclass(frozen=True, eq=False)
class Landscape:
    """The potential V of every mode along its leaf, over the first weight that moves.

    Attributes
    ----------
    layer
        Number of that weight, from 1.
    x, height
        theta_layer, (points,), and V, (points, modes), zero at the start.
    path, path_height
        theta_layer and V along the trajectories, (time, modes).
    rest, rest_height, stability
        The equilibria, (n, modes), padded with nan.
    """

    layer: int
    x: Array
    height: Array
    path: Array
    path_height: Array
    rest: Array
    rest_height: Array
    stability: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Solved:
    """All that the page shows of a state.

    Attributes
    ----------
    state
        What was solved.
    chosen, backpropagation
        The state's rule, and backpropagation beside it.
    landscape
        The potential, or a sentence that says why there is none.
    """

    state: State
    chosen: Learned
    backpropagation: Learned
    landscape: Landscape | str


@lru_cache(maxsize=1)  # another moment of the same state is only drawn
def solve(state: State) -> Solved:
    """Solve the chains of a state.

    Raises
    ------
    InputError, IntegrationError
        Numbers that leave the range of floating point, or a chain that cannot be integrated.
    """
    chosen = _learn(state.rule, state.table, state)
    # Moving theta or b leaves a balanced backpropagation as it is.
    shared = State("bp", state.spectrum, (0.0,) * state.depth, (1.0,) * (state.depth - 1), state.level)
    other = _learn("bp", state.table, state) if state.same else _balanced(shared)
    return Solved(state, chosen, other, landscape(state, chosen.curves))


@lru_cache(maxsize=64)
def _balanced(state: State) -> Learned:
    return _learn("bp", backpropagation_start(state), state)


def backpropagation_start(state: State) -> Array:
    """theta_l(0) of backpropagation, (L, modes): the state's, or theta_l = (1e-3 |s|)^(1/L) with the sign of s.

    Here s = sigma, since curvatures are 1.
    """
    if state.same:
        return state.table
    sigma = np.asarray(state.spectrum)
    theta = np.repeat(((BALANCED * np.abs(sigma)) ** (1 / state.depth))[None], state.depth, axis=0)
    theta[-1] *= np.where(sigma < 0, -1.0, 1.0)
    return theta


def _learn(rule: str, theta: Array, state: State) -> Learned:
    feedback = np.array(state.feedback)[:, None]
    posed: Any = partial(solve_modes, state.spectrum, 1.0, state.depth, start=theta, feedback=feedback)
    # Rules that are integrated are slow: how long to look at them is taken from the exact curves of their relative.
    exact = rule in ("fa", "dfa", "bp") or state.depth == 1
    known = posed(rule if exact else "fa", t=[0.0])
    times = known.learning_times(max(state.level, LATE))
    last = float(np.max(times, where=np.isfinite(times), initial=0.0)) * MARGIN
    t = output_times(last or UNLEARNED / (max(map(abs, state.spectrum)) or 1.0))
    curves = replace(known, t=t) if exact else integrate(find_rule(rule), theta, state, t)
    if not exact or state.level < LATE:
        times = curves.learning_times(state.level)
    order = order_of_learning(times, curves.target, curves.curvature)
    return Learned(curves, times, order, curves.predicted(state.level))


def output_times(last: float) -> Array:
    """Times from 0 to the last one: even spacing for the eye, and finer early, where fast modes move."""
    return np.unique(np.concatenate([np.linspace(0.0, last, UNIFORM), np.geomspace(1e-3 * last, last, EARLY)]))


def landscape(state: State, curves: ModeCurves | IntegratedCurves) -> Landscape | str:
    """The potential in which the modes of a rule with fixed feedback roll downhill; a sentence where there is none.

    dtau/dt = -dV/dtau with V = lambda int p dtau - sigma tau; theta_l = theta_l(0) + rate tau for the first layer that
    moves. Source: girotti2021.clock, girotti2021.global-convergence.
    """
    if curves.correlation.any():
        try:
            found = equilibria(state.spectrum, 1.0, state.depth, curves.start, curves.feedback, rule=state.rule)
        except InputError:
            return f"rule {state.rule!r} moves a mode along no line of its own"
        if (found.kind == "points").all():
            return _landscape(found, curves)
    return "the strength of a mode never moves from this start"


def _landscape(found: Equilibria, curves: ModeCurves | IntegratedCurves) -> Landscape | str:
    layers = np.argmax(found.factors != 0, axis=0)
    layer = int(layers[0])
    rate = found.factors[layer] * found.start[:layer].prod(axis=0)
    begin, path, rest = found.start[layer], curves.weights[layer], found.weights[layer]
    places = np.concatenate([begin[None], path, rest])
    low, high = float(np.nanmin(places)), float(np.nanmax(places))
    room = 0.15 * (high - low) or 1.0
    x = np.linspace(low - room, high + room, LANDSCAPE)

    def height(theta: Array) -> Array:
        return found.potential((theta - begin) / rate)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        heights = height(x[:, None]), height(path), height(rest)
    if not (np.isfinite(heights[0]).all() and np.isfinite(heights[1]).all()):
        return f"theta_{layer + 1} hardly moves"
    return Landscape(layer + 1, x, heights[0], path, heights[1], rest, heights[2], found.stability)
