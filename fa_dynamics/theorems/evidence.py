"""What a check measured, what it must not exceed, and whether numerical error lets us tell.

One rule decides everything. A number `measured`, known to within `error`, must not exceed `bound`. It is

- violated, if ``measured - error > bound``;
- holding, if ``measured + error <= bound``, or if it touches the bound and `error` is negligible: at most
  `RESOLUTION` of the scale of the claim;
- undecided otherwise. Nothing passes because a tolerance was wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Decision = Literal["holds", "undecided", "violated"]
DECISIONS: tuple[Decision, ...] = ("holds", "undecided", "violated")

RESOLUTION = 1e-6
"""Numerical error above this fraction of a claim's scale could hide a violation worth the name."""

ROUND_OFF = 64 * float(np.finfo(float).eps)
"""Of a short sum of products, relative to its largest term."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Measured values and bounds along an axis, for pictures.

    Attributes
    ----------
    axis
        What runs along x, with its unit.
    x, measured, bound
        All of one length.
    """

    axis: str
    x: Array
    measured: Array
    bound: Array


@dataclass(frozen=True, eq=False)
class Evidence:
    """One measurement beside its bound, at the place where the margin is smallest.

    Attributes
    ----------
    what
        What was measured, in words or LaTeX between dollars.
    measured, bound, error
        At the worst place, in the units of the measured quantity.
    margin
        Dimensionless; negative if and only if the claim is violated. (bound + error - measured) / scale, or, where two
        numbers have to be equal, 1 - distance / error: how much of the error the distance has used.
    decision
        'holds', 'undecided' or 'violated'.
    trace
        All places, if there were several along an axis.
    relation
        How the measured number has to stand to the bound.
    """

    what: str
    measured: float
    bound: float
    error: float
    margin: float
    decision: Decision
    trace: Trace | None = None
    relation: Literal["at most", "at least", "equal"] = "at most"

    def __str__(self) -> str:
        if self.relation == "equal":
            return f"{self.what}: {self.measured:.3g} (error {self.error:.1e}): {self.decision}"
        stands = f"{self.measured:.6g}, {self.relation} {self.bound:.6g} (error {self.error:.1e})"
        return f"{self.what}: {stands}: {self.decision}"


def at_most(
    what: str,
    measured: ArrayLike,
    bound: ArrayLike,
    error: ArrayLike = 0.0,
    *,
    scale: float | None = None,
    over: ArrayLike | None = None,
    axis: str = "time (1 / curvature)",
) -> Evidence:
    """Evidence for ``measured <= bound`` at every place.

    Parameters
    ----------
    what
        What is measured.
    measured, bound
        Numbers or arrays that broadcast.
    error
        Numerical error of ``measured - bound``, from a second tolerance, an exact solution or a count of round-off.
    scale
        Size of the claim; by default the largest bound or, where that is zero, the largest measured value.
    over
        Where the values stand, along the first axis, for pictures.
    axis
        What `over` is, with its unit.

    Raises
    ------
    ValueError
        There is nothing to compare.
    """
    values, limits, errors = (
        np.atleast_1d(part)
        for part in np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (measured, bound, error)))
    )
    if not values.size:
        raise ValueError(f"{what}: nothing to compare")
    size = float(scale or _largest(limits) or _largest(values) or 1.0)
    with np.errstate(invalid="ignore"):  # inf - inf is no number, and not known
        gap = limits - values
        slack = gap + errors
    known = np.isfinite(gap) & np.isfinite(errors)
    violated = np.where(known, slack < 0, np.isnan(values) | (values == np.inf))
    unbounded = (limits == np.inf) & ~violated
    holds = unbounded | (known & ~violated & ((gap >= errors) | (errors <= RESOLUTION * size)))
    margins = np.where(violated, -np.inf, np.inf)
    with np.errstate(over="ignore"):  # beyond all measure
        margins[known] = slack[known] / size
    # The worst place: a violated one, else an undecided one, else, by the smallest margin, one that holds beyond its
    # error; places that touch the bound, as the start of an estimate does, come last: they tell nothing.
    severity = np.where(violated, 3, np.where(~holds, 2, np.where(gap > errors, 1, 0)))
    worst = np.lexsort((margins.ravel(), -severity.ravel()))[0]
    decision = DECISIONS[max(int(severity.ravel()[worst]) - 1, 0)]
    trace = None
    if over is not None and values.ndim <= 2:
        column = worst % values.shape[1] if values.ndim == 2 else 0
        first, second = (part if part.ndim == 1 else part[:, column] for part in (values, limits))
        trace = Trace(axis, np.asarray(over, dtype=float), first, second)
    measured_there, bound_there, error_there, margin = (
        float(part.ravel()[worst]) for part in (values, limits, errors, margins)
    )
    return Evidence(what, measured_there, bound_there, error_there, margin, decision, trace)


def at_least(what: str, measured: ArrayLike, bound: ArrayLike, error: ArrayLike = 0.0, **options: Any) -> Evidence:
    """Evidence for ``measured >= bound`` at every place; options of `at_most`."""
    values, limits = -np.asarray(measured, dtype=float), -np.asarray(bound, dtype=float)
    found = at_most(what, values, limits, error, **options)
    trace = found.trace and Trace(found.trace.axis, found.trace.x, -found.trace.measured, -found.trace.bound)
    return replace(found, measured=-found.measured, bound=-found.bound, trace=trace, relation="at least")


def equal(
    what: str, left: ArrayLike, right: ArrayLike, error: ArrayLike, *, scale: float | None = None, **place: Any
) -> Evidence:
    """Evidence for ``left == right``: their distance is no larger than the numerical error.

    `error` must come from somewhere else than the distance itself. The scale is by default the largest of the two.
    """
    one, other = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    size = scale or max(_largest(one), _largest(other)) or 1.0
    with np.errstate(invalid="ignore"):  # inf - inf is no number, and violates
        distance = np.abs(one - other)
    found = at_most(f"difference in {what}", distance, 0.0, error, scale=size, **place)
    if found.decision != "violated":  # the place where the distance uses most of the error
        distances, errors = np.broadcast_arrays(np.atleast_1d(distance), np.asarray(error, dtype=float))
        used = np.divide(distances, errors, out=np.zeros(distances.shape), where=errors > 0)
        where = int(np.argmax(used))
        found = replace(found, measured=float(distances.flat[where]), error=float(errors.flat[where]))
    share = found.measured / found.error if found.error > 0 else np.inf if found.measured else 0.0
    return replace(found, margin=1.0 - share if np.isfinite(found.measured) else -np.inf, relation="equal")


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def is_true(what: str, fact: bool | np.bool_) -> Evidence:
    """Evidence of a fact that needs no number, such as an exact count."""
    return Evidence(f"exceptions to: {what}", float(not fact), 0.0, 0.0, 1.0 if fact else -1.0, _DECIDED[bool(fact)])


_DECIDED: dict[bool, Decision] = {True: "holds", False: "violated"}


def worst(evidence: Evidence | list[Evidence] | tuple[Evidence, ...]) -> Evidence:
    """The piece of evidence that decides: violated before undecided before the smallest margin."""
    pieces = [evidence] if isinstance(evidence, Evidence) else list(evidence)
    rank = {"violated": 0, "undecided": 1, "holds": 2}
    return min(pieces, key=lambda piece: (rank[piece.decision], piece.margin))
