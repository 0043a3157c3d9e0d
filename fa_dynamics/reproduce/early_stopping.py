"""Test error of modes whose weak correlations are noise, and the best moment to stop training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.modes import solve_modes

Array = NDArray[np.float64]

T_END = 100.0
"""Four times as long as backpropagation from 1e-3 needs for the weakest of the modes asked about here, 1/4."""

POINTS = 4000

NO_BETTER = 1e-9
"""A stop whose error is lower than that of the trained network by less than this, relatively, counts as no better."""


@dataclass(frozen=True, eq=False)
class Stopping:
    """How the test error changes during training.

    Attributes
    ----------
    t
        Times from 0 on, (time,).
    error
        E(t) = 1/2 sum_k (p_k(t) - s_k^true)^2, (time,).
    best_time, best_error
        Where E is smallest; inf and the trained network's error if no stop is better than that.
    trained
        E for t to infinity, where p_k = sigma_k / lambda.
    """

    t: Array
    error: Array
    best_time: float
    best_error: float
    trained: float


def stopping(observed: ArrayLike, true: ArrayLike, rule: RuleLike, start: ArrayLike) -> Stopping:
    """Train on the observed correlations, lambda = b = 1 and two layers, and test on the true targets.

    Parameters
    ----------
    observed
        sigma of every mode, (modes,): what training sees.
    true
        s of every mode, (modes,): what it ought to have seen.
    rule, start
        As of `solve_modes`.

    Returns
    -------
    Stopping

    Notes
    -----
    Source: girotti2021.harm.
    """

    def error(t: Array) -> Array:
        strength = solve_modes(observed, 1.0, 2, rule, start, 1.0, t=t).strength
        return np.asarray(0.5 * ((strength - np.asarray(true)) ** 2).sum(axis=1))

    t = np.concatenate([[0.0], np.geomspace(1e-3, T_END, POINTS)])
    sampled = error(t)
    trained = float(0.5 * ((np.asarray(observed) - np.asarray(true)) ** 2).sum())
    best_time, best_error = _minimum(error, t, sampled, trained)
    return Stopping(t, sampled, best_time, best_error, trained)


def _minimum(error: Callable[[Array], Array], t: Array, sampled: Array, trained: float) -> tuple[float, float]:
    from scipy.optimize import minimize_scalar

    best_time, best_error = np.inf, trained
    enough = trained * (1 - NO_BETTER)
    padded = np.concatenate([[np.inf], sampled, [np.inf]])
    dips = np.flatnonzero((sampled <= padded[:-2]) & (sampled <= padded[2:]))
    # Neighbouring samples differ by far less than 1 % near a dip, so that a shallower one cannot turn out the deepest.
    for dip in dips[sampled[dips] <= 1.01 * sampled[dips].min()]:
        if sampled[dip] >= enough:
            continue
        bounds = (t[max(dip - 1, 0)], t[min(dip + 1, len(t) - 1)])
        refined = minimize_scalar(
            lambda time: float(error(np.array([time]))[0]), bounds=bounds, method="bounded", options={"xatol": 1e-9}
        )
        for time, value in ((t[dip], sampled[dip]), (refined.x, refined.fun)):
            if value < min(best_error, enough):
                best_time, best_error = float(time), float(value)
    return best_time, best_error
