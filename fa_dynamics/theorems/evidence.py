"""What a check measured, what it must not exceed, and whether numerical error lets us tell.

One rule decides everything. A number `measured`, known to within `error`, must not exceed `bound`. It is

- violated, if ``measured - error > bound``;
- holding, if ``measured + error <= bound``, or if it touches the bound and `error` is negligible: at most
  `RESOLUTION` of the scale of the claim;
- undecided otherwise. Nothing passes because a tolerance was wide.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        (bound + error - measured) / scale, dimensionless; negative if and only if the claim is violated.
    decision
        'holds', 'undecided' or 'violated'.
    trace
        All places, if there were several along an axis.
    """

    what: str
    measured: float
    bound: float
    error: float
    margin: float
    decision: Decision
    trace: Trace | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.measured:.6g}, at most {self.bound:.6g} (error {self.error:.1e}): {self.decision}"


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
    """
    values, limits, errors = (
        np.atleast_1d(part)
        for part in np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (measured, bound, error)))
    )
    size = (_largest(limits) or _largest(values) or 1.0) if scale is None else float(scale)
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
    # The worst place: a violated one before an undecided one before one that holds, by the smallest margin.
    severity = np.where(violated, 2, np.where(holds, 0, 1))
    worst = np.lexsort((margins.ravel(), -severity.ravel()))[0]
    decision = DECISIONS[int(severity.ravel()[worst])]
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
    """Evidence for ``measured >= bound``: that minus the measured is at most minus the bound; options of `at_most`."""
    low, high = -np.asarray(bound, dtype=float), -np.asarray(measured, dtype=float)
    return at_most(f"minus {what}", high, low, error, **options)


def equal(
    what: str, left: ArrayLike, right: ArrayLike, error: ArrayLike, *, scale: float | None = None, **place: Any
) -> Evidence:
    """Evidence for ``left == right``: their distance is no larger than the numerical error.

    `error` must come from somewhere else than the distance itself. The scale is by default the largest of the two.
    """
    one, other = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    size = max(_largest(one), _largest(other)) or 1.0
    return at_most(
        f"difference in {what}", np.abs(one - other), 0.0, error, scale=size if scale is None else scale, **place
    )


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def is_true(what: str, fact: bool | np.bool_) -> Evidence:
    """Evidence of a fact that needs no number, such as an exact count."""
    return at_most(f"exceptions to: {what}", 0.0 if fact else 1.0, 0.0, scale=1.0)


def worst(evidence: Evidence | list[Evidence] | tuple[Evidence, ...]) -> Evidence:
    """The piece of evidence that decides: violated before undecided before the smallest margin."""
    pieces = [evidence] if isinstance(evidence, Evidence) else list(evidence)
    rank = {"violated": 0, "undecided": 1, "holds": 2}
    return min(pieces, key=lambda piece: (rank[piece.decision], piece.margin))
