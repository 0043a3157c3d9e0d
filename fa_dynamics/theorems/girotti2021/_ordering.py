"""Shared by the statements on the order of learning: cases, residuals and learning times with their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.modes import ModeCurves, solve_modes
from fa_dynamics.modes.convexity import convexity
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.theorems import ROUND_OFF, Draw, Evidence, Instance, at_most

Array = NDArray[np.float64]

BRACKETS = (1e-12, 1e-10, 1e-8, 1e-6)
"""Relative distances before and after a learning time at which the strength is looked at."""

TRIES = 2000
"""Candidates of a sampler that draws until one satisfies the hypotheses; far more than any of them needs."""


def drawn(candidate: Callable[[Draw], Instance], wanted: Callable[[Instance], bool], draw: Draw) -> Instance:
    """The first candidate that is wanted."""
    for _ in range(TRIES):
        case = candidate(draw)
        if wanted(case):
            return case
    raise RuntimeError(f"none of {TRIES} candidates satisfied the hypotheses")


def table(case: Instance, name: str) -> Array:
    """A start or a feedback per layer, (layers, modes)."""
    values = np.asarray(case[name], dtype=float)
    columns = values if values.ndim == 2 else values[:, None]
    return np.array(np.broadcast_to(columns, (len(values), len(case["correlation"]))))


def curvatures(case: Instance) -> Array:
    """lambda, (modes,)."""
    return np.broadcast_to(np.asarray(case["curvature"], dtype=float), (len(case["correlation"]),))


def targets(case: Instance) -> Array:
    """s = sigma / lambda, (modes,)."""
    return np.asarray(case["correlation"], dtype=float) / curvatures(case)


def factors(case: Instance) -> Array:
    """c_l = b_{l+1} .. b_L, (L, modes)."""
    feedback = table(case, "feedback")
    ones = np.ones((1, len(case["correlation"])))
    return np.concatenate([np.cumprod(feedback[::-1], axis=0)[::-1], ones])


def signs_of_curvature(case: Instance) -> tuple[bool, bool]:
    """Whether p'' >= 0, and whether p'' <= 0, on the interval that the clocks of all modes visit together."""
    theta, c, target = table(case, "start"), factors(case), targets(case)
    ones = np.ones_like(target)
    ends = np.sign(target - theta.prod(axis=0)) * rest_ahead(theta, c, target, ones)
    low, high = min(ends.min(), 0.0), max(ends.max(), 0.0)
    if not np.isfinite([low, high]).all():
        return False, False
    found = convexity(theta, c, low * ones, high * ones)
    return bool(found.convex.all()), bool(found.concave.all())


def solve(case: Instance, t: ArrayLike, rule: str = "fa") -> ModeCurves:
    """The package's curves."""
    theta, feedback = table(case, "start"), table(case, "feedback")
    return solve_modes(case["correlation"], curvatures(case), len(theta), rule, theta, feedback, t=t)


def mode_of(case: Instance, mode: int) -> Instance:
    """One mode alone."""
    own = slice(mode, mode + 1)
    return {
        **case,
        "correlation": case["correlation"][own],
        "curvature": curvatures(case)[own],
        "start": table(case, "start")[:, own],
        "feedback": table(case, "feedback")[:, own],
    }


def residuals(case: Instance, t: Array) -> tuple[Array, Array]:
    """v = e / e(0) at increasing times t > 0, and a bound on its error, (time, modes) each."""
    curves = solve(case, np.concatenate([[0.0], t]))
    lam, sigma = curvatures(case), np.asarray(case["correlation"], dtype=float)
    e = sigma - lam * curves.strength
    error = lam * curves.error + ROUND_OFF * (np.abs(sigma) + lam * np.abs(curves.strength))
    v = e[1:] / e[0]
    return v, (error[1:] + np.abs(v) * error[0]) / np.abs(e[0])


def learned(case: Instance, levels: Sequence[float], rule: str = "fa") -> tuple[Array, Array]:
    """Learning times and their errors, (levels, modes) each.

    The error is that of the smallest bracket around a time at whose ends the strength is outside, and inside, the band
    by more than its own error; infinite if none is.

    Raises
    ------
    RuntimeError
        The strength is known to be inside before a time, or outside after it.
    """
    first = solve(case, [0.0], rule)
    times = np.array([first.learning_times(level) for level in levels])
    crossed = np.isfinite(times) & (times > 0)
    errors = np.where(times == 0, 0.0, np.inf)
    if not crossed.any():
        return times, errors
    t = np.unique(np.concatenate([times[crossed] * (1 + side * part) for part in BRACKETS for side in (-1, 1)]))
    curves = solve(case, t, rule)
    band = (1 - np.asarray(levels))[:, None] * np.abs(first.target)
    modes = np.arange(times.shape[1])
    for part in BRACKETS[::-1]:
        excess, doubt = [], []
        for side in (-1, 1):
            at = np.searchsorted(t, np.where(crossed, times, t[0]) * (1 + side * part)).clip(max=len(t) - 1)
            excess.append(np.abs(curves.strength[at, modes] - first.target) - band)
            doubt.append(curves.error[at, modes] + ROUND_OFF * np.abs(first.target))
        if (crossed & ((excess[0] < -doubt[0]) | (excess[1] > doubt[1]))).any():
            raise RuntimeError(
                f"learning times {times.tolist()} contradict the strengths at {1 - part:g} and {1 + part:g} of them"
            )
        certain = crossed & (excess[0] > doubt[0]) & (excess[1] < -doubt[1])
        errors = np.where(certain, part * times, errors)
    return times, errors


def in_order(what: str, values: Array, errors: Array, **options: Any) -> Evidence:
    """Evidence that values do not fall from one mode to the next, along the last axis."""
    return at_most(what, values[..., :-1], values[..., 1:], errors[..., :-1] + errors[..., 1:], **options)


def learning_span(case: Instance, points: int = 40) -> Array:
    """Times from long before the first mode has got anywhere until all have learned 99.9 %, (points,)."""
    curves = solve(case, [0.0])
    early, late = curves.learning_times(0.05), curves.learning_times(0.999)
    first = np.min(early, where=early > 0, initial=late.max())
    return np.geomspace(0.03 * first, 1.2 * late.max(), points)
