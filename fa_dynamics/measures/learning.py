"""When each mode is learned, in which order, and the verdict on implicit regularization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.measures.curve import Curve

Array = NDArray[np.float64]
Verdict = Literal["principal-first", "negligible-first", "mixed", "simultaneous"]

TIED = 1e-6
"""Relative difference below which two targets, or two learning times, count as equal. Times of equal modes differ by
the integration error, which must not decide an order."""

SIMULTANEOUS = 0.01
"""Learning times are called simultaneous if (max - min) / median is below this."""


@dataclass(frozen=True)
class Order:
    """The order in which modes are learned.

    Attributes
    ----------
    rank_correlation
        Kendall's rank correlation of |target| against learning time, over pairs of modes with different nonzero
        targets (Somers' D): -1 if the stronger mode is always learned earlier. Modes of equal target, such as the
        branches of a tree, have no order to be in; equal times count as neither. None if undefined (fewer than
        two modes, or all tied).
    verdict
        'simultaneous' if the times differ by less than 1 % of their median, else 'principal-first' at -1,
        'negligible-first' at +1, 'mixed' between and where the correlation is undefined. None if there
        are fewer than two modes, or none is learned.
    clock
        't', or 'lambda*t' where curvatures differ and times were compared in each mode's own clock.
    """

    rank_correlation: float | None
    verdict: Verdict | None
    clock: Literal["t", "lambda*t"] = "t"

    def __str__(self) -> str:
        tau = "undefined" if self.rank_correlation is None else f"{self.rank_correlation:+.2f}"
        return f"{self.verdict or 'no verdict'} (rank correlation {tau}, times in {self.clock})"


def learning_times(curve: Curve, target: Array, level: float = 0.5) -> Array:
    """The earliest time after which |p(t) - s| <= (1 - level) |s| for good, per mode.

    Parameters
    ----------
    curve
        Mode strengths p.
    target
        s, (modes,).
    level
        In (0, 1).

    Returns
    -------
    ndarray
        (modes,), in the units of the curve's time; inf where the mode is not there at the end.

    Raises
    ------
    InputError
        Level outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    if len(curve.values) == 0:
        return np.full(len(target), np.inf)
    t, p = curve.sample()
    band = (1 - level) * np.abs(target)
    excess = np.abs(p - target) - band
    outside = excess > 0
    last = len(t) - 1 - np.argmax(outside[::-1], axis=0)
    times = np.where(outside.any(axis=0), np.inf, 0.0)
    crossing = np.flatnonzero(outside.any(axis=0) & (last < len(t) - 1))
    if len(crossing):
        first, then = t[last[crossing]], t[last[crossing] + 1]
        times[crossing] = _crossings(curve, first, then, crossing, target[crossing], band[crossing])
    return times


def _crossings(curve: Curve, before: Array, after: Array, mode: NDArray[np.intp], target: Array, band: Array) -> Array:
    """Where modes enter their bands for good, between two times each; all arrays have one entry per mode."""
    from scipy.optimize.elementwise import find_root

    def excess(time: Array, mode: NDArray[np.intp], target: Array, band: Array) -> Array:
        return np.abs(curve.of_modes(time, mode) - target) - band

    # A mode that rests on the edge of the band is outside or inside by round-off alone.
    late, early = excess(after, mode, target, band) >= 0, excess(before, mode, target, band) <= 0
    times = np.where(late, after, before)
    inside = ~(late | early)
    if inside.any():
        own = (mode[inside], target[inside], band[inside])
        precise = {"xatol": 1e-15, "xrtol": 1e-13, "fatol": 0.0, "frtol": 0.0}
        times[inside] = find_root(excess, (before[inside], after[inside]), args=own, tolerances=precise).x
    return np.asarray(times)


def order_of_learning(times: Array, target: Array, curvature: Array | None = None) -> Order:
    """Compare learning times with target sizes.

    Parameters
    ----------
    times
        Learning times, (modes,); inf where never.
    target
        s, (modes,). Modes with zero target are left out.
    curvature
        lambda, (modes,). Where curvatures differ, times are compared as lambda * t: a mode (lambda, sigma) at time t
        is the mode (1, s) at time lambda t.
    """
    active = target != 0
    own, size = np.asarray(times, dtype=float)[active], np.abs(target[active])
    clock: Literal["t", "lambda*t"] = "t"
    if curvature is not None and active.any():
        paces = np.asarray(curvature)[active]
        if np.ptp(paces) > 1e-9 * np.max(np.abs(paces)):
            own, clock = own * paces, "lambda*t"
    if len(own) < 2 or not np.isfinite(own).any():
        return Order(None, None, clock)
    early, weak = _ranks(own), _ranks(size)
    correlation: float | None = None
    if np.ptp(early) > 0 and np.ptp(weak) > 0:
        stronger = np.sign(np.subtract.outer(weak, weak))
        correlation = float((stronger * np.sign(np.subtract.outer(early, early))).sum() / np.abs(stronger).sum())
    if np.isfinite(own).all() and np.ptp(own) <= SIMULTANEOUS * np.median(own):
        return Order(correlation, "simultaneous", clock)
    verdict: Verdict = "mixed"
    if correlation is not None and correlation <= -1 + 1e-12:
        verdict = "principal-first"
    elif correlation is not None and correlation >= 1 - 1e-12:
        verdict = "negligible-first"
    return Order(correlation, verdict, clock)


def _ranks(values: Array) -> NDArray[np.int_]:
    """Ranks in which nearly equal values tie; infinite ones come last and tie with each other."""
    finite = np.where(np.isfinite(values), values, np.inf)
    order = np.argsort(finite)
    ordered = finite[order]
    with np.errstate(invalid="ignore"):  # inf - inf: two modes that are never learned, which tie
        gap = np.diff(ordered)
        apart = np.where(np.isnan(gap), False, gap > TIED * np.abs(ordered[:-1]))
    ranks = np.empty(len(values), dtype=int)
    ranks[order] = np.concatenate([[0], np.cumsum(apart)])
    return ranks
