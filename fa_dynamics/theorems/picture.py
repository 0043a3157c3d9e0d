"""Pictures of the ledger's page, as SVG that can stand in the middle of a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.theorems.outcome import Case, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (5.2, 2.4)
"""Inches."""

FLOOR = 1e-17
"""Margins this small are drawn here: round-off."""


def margins_picture(outcome: Outcome) -> str | None:
    """Histogram of the margins of all draws over their decades; None without a finite margin."""
    finite = outcome.margins[np.isfinite(outcome.margins)]
    if finite.size == 0:
        return None
    figure, ax = _new()
    exponent = np.log10(np.maximum(np.abs(finite), FLOOR))
    low, high = np.floor(exponent.min()), max(np.ceil(exponent.max()), np.floor(exponent.min()) + 1)
    edges = np.linspace(low, high, 25).tolist()
    for sign, colour, label in ((1, "#2a6f97", "holds"), (-1, "#c1121f", "violated")):
        own = exponent[finite >= 0] if sign > 0 else exponent[finite < 0]
        if own.size:
            ax.hist(own, edges, color=colour, label=label)
    ax.set_xlabel("margin (dimensionless), power of ten")
    ax.set_ylabel("draws")
    if (finite < 0).any():
        ax.legend(frameon=False)
    return _svg(figure)


def case_picture(case: Case) -> str | None:
    """What was measured beside its bound, along the axis on which the check looked; None if it looked at one place."""
    trace = case.evidence.trace
    if trace is None or trace.x.size < 2:
        return None
    figure, ax = _new()
    ax.plot(trace.x, trace.measured, color="#2a6f97", label="measured")
    ax.plot(trace.x, trace.bound, color="#c1121f", linestyle="--", label="bound")
    shown = np.concatenate([trace.measured, trace.bound])
    positive = shown[np.isfinite(shown) & (shown > 0)]
    if (shown >= 0).all() and positive.size and positive.max() > 1e3 * positive.min():
        ax.set_yscale("log")
    ax.set_xlabel(trace.axis)
    ax.set_ylabel(case.evidence.what if len(case.evidence.what) < 40 else "measured quantity")
    ax.legend(frameon=False)
    return _svg(figure)


def _new() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    ax: Any = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL)
