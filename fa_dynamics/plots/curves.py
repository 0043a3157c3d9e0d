"""Mode-learning curves of solved chains, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from fa_dynamics.plots.style import TIME, finish, rank_colours, spread

if TYPE_CHECKING:
    from fa_dynamics.modes import ModeCurves


def plot_curve_panels(solved: Sequence[ModeCurves], titles: Sequence[str]) -> Figure:
    """Mode strengths p_k(t) of several rules, with their targets as thin lines, one panel per rule."""
    figure = Figure(figsize=(4.0 * max(len(solved), 2), 4.0), layout="constrained")
    first: Any = None
    for column, (curves, title) in enumerate(zip(solved, titles, strict=True)):
        axes = figure.add_subplot(1, len(solved), column + 1, sharey=first)
        first = first or axes
        shown = spread(len(curves.target))
        for colour, mode in zip(rank_colours(len(shown)), shown, strict=True):
            axes.axhline(curves.target[mode - 1], color=colour, linewidth=0.6, alpha=0.7)
            axes.plot(curves.t, curves.strength[:, mode - 1], color=colour, linewidth=1.8, label=f"mode {mode}")
        axes.axhline(0, color="grey", linewidth=0.5, zorder=0)
        axes.set_title(title, fontsize="medium", loc="left")
        axes.set_xlim(0, curves.t[-1])
        finish(axes, TIME, r"mode strength $p_k$ (output per input)" if not column else "")
        if column:
            axes.tick_params(labelleft=False)
        if column == len(solved) - 1:
            axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
