"""Rank correlations and verdicts of many sets of learning times at once, as `measures.order_of_learning` gives one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures.learning import SIMULTANEOUS, TIED

Array = NDArray[np.float64]
Codes = NDArray[np.int8]

VERDICTS = ("none", "principal-first", "negligible-first", "mixed", "simultaneous")
"""Verdicts by their code; 'none' where `order_of_learning` has no verdict."""

NONE, PRINCIPAL, NEGLIGIBLE, MIXED, TOGETHER = range(5)


class Ranking(NamedTuple):
    """Rank correlation of |target| and learning time, nan where undefined, and codes of verdicts, (...) each."""

    correlation: Array
    verdict: Codes


def rank_orders(times: Array, target: Array, curvature: Array) -> Ranking:
    """Compare learning times with target sizes.

    Parameters
    ----------
    times
        Learning times, (..., modes); inf where never, nan where unknown: there is no verdict then.
    target, curvature
        s and lambda, (modes,). Modes with zero target are left out; where curvatures differ, times are compared as
        lambda * t.
    """
    active = target != 0
    own, size, paces = times[..., active], np.abs(target[active]), curvature[active]
    shape = own.shape[:-1]
    correlation, verdict = np.full(shape, np.nan), np.full(shape, NONE, dtype=np.int8)
    if len(size) < 2 or not own.size:
        return Ranking(correlation, verdict)
    if np.ptp(paces) > 1e-9 * np.max(np.abs(paces)):
        own = own * paces
    known = np.asarray(~np.isnan(own).any(axis=-1))
    learned = known & np.isfinite(own).any(axis=-1)
    weak, early = ranks(size), ranks(np.where(known[..., None], own, np.inf))
    concordant, pairs = np.zeros(shape), 0
    for first in range(len(size)):
        for second in range(first + 1, len(size)):
            sign = np.sign(weak[first] - weak[second])
            concordant += sign * np.sign(early[..., first] - early[..., second])
            pairs += abs(sign)
    defined = learned & (early.max(axis=-1) > 0) & (pairs > 0)
    correlation[defined] = concordant[defined] / max(pairs, 1)
    verdict[learned] = MIXED
    verdict[defined & (correlation <= -1 + 1e-12)] = PRINCIPAL
    verdict[defined & (correlation >= 1 - 1e-12)] = NEGLIGIBLE
    everyone = known & np.isfinite(own).all(axis=-1)
    finite = own[everyone]
    together = np.ptp(finite, axis=-1) <= SIMULTANEOUS * np.median(finite, axis=-1)
    verdict[everyone] = np.where(together, TOGETHER, verdict[everyone])
    return Ranking(correlation, verdict)


def ranks(values: Array) -> NDArray[np.int_]:
    """Ranks along the last axis, in which nearly equal values tie; infinite ones come last and tie with each other."""
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    with np.errstate(invalid="ignore"):  # inf - inf: two that are never learned, which tie
        apart = np.diff(ordered, axis=-1) > TIED * np.abs(ordered[..., :-1])
    found = np.zeros(values.shape, dtype=int)
    np.put_along_axis(found, order[..., 1:], np.cumsum(apart, axis=-1), axis=-1)
    return found
