"""Pictures of the ledger's page, as SVG that can stand in the middle of a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.theorems.evidence import Evidence, Trace
from fa_dynamics.theorems.outcome import Case, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE, FLAT = (5.2, 2.4), (5.2, 1.3)
"""Inches."""

MEASURED, BOUND = "#2a6f97", "#c1121f"

LONGEST_LABEL = 70
"""Characters of a description that fit along an axis."""

FLOOR = 1e-17
"""Margins this small are drawn here: round-off."""


def margins_picture(outcome: Outcome) -> str | None:
    """Histogram of the sizes of the margins of all draws; None without a finite margin."""
    finite = outcome.margins[np.isfinite(outcome.margins)]
    if finite.size == 0:
        return None
    from matplotlib.ticker import MaxNLocator

    figure, ax = _new()
    exponent = np.log10(np.maximum(np.abs(finite), FLOOR))
    low, high = np.floor(exponent.min()), max(np.ceil(exponent.max()), np.floor(exponent.min()) + 1)
    edges = np.linspace(low, high, 25).tolist()
    for sign, colour, label in ((1, MEASURED, "holds"), (-1, BOUND, "violated")):
        own = exponent[finite >= 0] if sign > 0 else exponent[finite < 0]
        if own.size:
            ax.hist(own, edges, color=colour, label=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("margin (dimensionless), power of ten")
    ax.set_ylabel("draws")
    if (finite < 0).any():
        ax.legend(frameon=False)
    return _svg(figure)


def case_picture(case: Case) -> str:
    """What was measured beside its bound: along the axis on which the check looked, or at the one place."""
    trace = case.evidence.trace
    return _place(case.evidence) if trace is None or trace.x.size < 2 else _course(case.evidence.what, trace)


def _course(what: str, trace: Trace) -> str:
    figure, ax = _new()
    ax.plot(trace.x, trace.measured, color=MEASURED, label="measured")
    ax.plot(trace.x, trace.bound, color=BOUND, linestyle="--", label="bound")
    shown = np.concatenate([trace.measured, trace.bound])
    positive = shown[np.isfinite(shown) & (shown > 0)]
    if (shown >= 0).all() and positive.size and positive.max() > 1e3 * positive.min():
        ax.set_yscale("log")
    ax.set_xlabel(trace.axis)
    ax.set_ylabel(_label(what))
    ax.legend(frameon=False)
    return _svg(figure)


def _place(evidence: Evidence) -> str:
    """Measured and bound as two points on a line, the measured one with its numerical error."""
    figure, ax = _new(FLAT)
    error = evidence.error if np.isfinite(evidence.error) else 0.0
    if np.isfinite(evidence.measured):
        ax.errorbar([evidence.measured], [1], xerr=[error], fmt="o", color=MEASURED, capsize=4)
    if np.isfinite(evidence.bound):
        ax.plot([evidence.bound], [0], "|", color=BOUND, markersize=18, markeredgewidth=3)
    ax.set_yticks([0, 1], ["bound", "measured"])
    ax.set_ylim(-0.6, 1.6)
    ax.margins(x=0.15)
    ax.set_xlabel(_label(evidence.what))
    return _svg(figure)


def _label(what: str) -> str:
    """A description as the label of an axis; Matplotlib reads less LaTeX than a browser does."""
    from matplotlib.mathtext import MathTextParser

    if len(what) > LONGEST_LABEL:
        return "measured quantity"
    try:
        MathTextParser("path").parse(what)
    except ValueError:
        return "measured quantity"
    return what


def _new(size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    ax: Any = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL)
