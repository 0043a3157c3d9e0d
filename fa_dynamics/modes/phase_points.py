"""The points of a phase diagram: chains, their learning times, and the order that a theorem predicts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import DerivationError, InputError, IntegrationError
from fa_dynamics.modes.clock import Clock, clock_of
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.exact import ExactModes
from fa_dynamics.modes.lines import EXACT_DEPTH, chain_of
from fa_dynamics.modes.plane import Plane
from fa_dynamics.modes.prediction import predicted_codes
from fa_dynamics.modes.ranking import NONE, Codes

Array = NDArray[np.float64]


class Piece(NamedTuple):
    """Points to solve: theta and c are (L, n, modes)."""

    theta: Array
    c: Array
    sigma: Array
    curvature: Array
    level: float


def solve_piece(piece: Piece) -> tuple[Array, Codes]:
    """Learning times (n, modes) and predicted verdicts (n,)."""
    depth, count, modes = piece.theta.shape
    sigma, curvature = np.tile(piece.sigma, count), np.tile(piece.curvature, count)
    motion = ClockMotion(piece.theta.reshape(depth, -1), sigma, curvature, piece.c.reshape(depth, -1))
    rest = np.where(motion.direction == 0, 0.0, motion.direction * motion.distance).reshape(count, modes)
    times = np.where(curvature > 0, _learning_times(motion, piece.level), np.inf).reshape(count, modes)
    active = (piece.sigma != 0) & (piece.curvature > 0)
    predicted = np.full(count, NONE, dtype=np.int8)
    theta, c = piece.theta[:, :, active], piece.c[:, :, active]
    if active.any() and (theta == theta[:, :, :1]).all() and (c == c[:, :, :1]).all():
        target = piece.sigma[active] / piece.curvature[active]
        predicted = predicted_codes(theta[:, :, 0], c[:, :, 0], rest[:, active], target, piece.level)
    return times, predicted


def chains_at(plane: Plane, point: NDArray[np.int_], clock: Clock) -> tuple[Array, Array]:
    """Starts and clock factors, (L, n, modes) each."""
    theta, given = plane.at(point)
    return theta, clock.numeric_factors(given.reshape(len(given), -1)).reshape(theta.shape)


def _learning_times(motion: ClockMotion, level: float) -> Array:
    """nan for chains whose scales lie too far apart for time to be resolved."""
    try:
        return ExactModes(motion).learning_times(level)
    except IntegrationError:
        if len(motion.sigma) == 1:
            return np.array([np.nan])
    halves = np.array_split(np.arange(len(motion.sigma)), 2)
    parts = (ClockMotion(motion.theta[:, h], motion.sigma[h], motion.curvature[h], motion.c[:, h]) for h in halves)
    return np.concatenate([_learning_times(part, level) for part in parts])


def clock_for(rule: Rule, depth: int) -> Clock:
    """The clock of a rule.

    Raises
    ------
    InputError
        It has none, or chains of this depth are not solved exactly.
    """
    if isinstance(depth, int | np.integer) and depth > EXACT_DEPTH:
        raise InputError(f"depth: {depth} given, expected at most {EXACT_DEPTH}, up to which chains are solved exactly")
    chain = chain_of(depth, rule)
    try:
        return clock_of(chain)
    except DerivationError as problem:
        raise InputError(
            f"rule: {rule.name!r} has no clock, expected a rule with fixed feedback such as 'fa' or 'dfa'"
        ) from problem
