"""The phase diagram of implicit regularization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from fa_dynamics.modes.ranking import NEGLIGIBLE, PRINCIPAL, TOGETHER
from fa_dynamics.plots.style import finish, rank_colours, spread

if TYPE_CHECKING:
    from fa_dynamics.modes.phase import PhaseDiagram

Array = NDArray[np.float64]

DIVERGING = ListedColormap(mpl.colormaps["RdBu_r"](np.linspace(0.13, 0.87, 256)), "phase")
"""Blue for principal first, red for negligible first; without the darkest ends, on which lines would not show."""

SIMULTANEOUS, UNDEFINED = "#e9d66b", "#a6a6a6"

HATCHES = {PRINCIPAL: "////", NEGLIGIBLE: "\\\\\\\\"}
"""Of the regions where a theorem predicts the order."""

SMOOTH = 600
"""Points per side on which folds are drawn: two of them may run side by side."""

SIZE = (7.2, 6.2)
"""Of a figure with this diagram alone, in inches."""

WORDS = {"theta": r"start $\theta_{%s}(0)$ (dimensionless)", "b": r"feedback $b_{%s}$ (dimensionless)"}


def plot_phase_diagram(diagram: PhaseDiagram, *, ax: Axes | None = None) -> Axes:
    """Rank correlation of target size and learning time as colour, with folds as lines and theorems as hatching.

    On a fold two zero-loss states of a mode meet; whether its curve feels it depends on the side it comes from.

    Parameters
    ----------
    diagram
        From `phase_diagram`.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
    """
    axes = ax if ax is not None else _new_axes()
    x, y = diagram.plane.x_values, diagram.plane.y_values
    shown = axes.pcolormesh(x, y, diagram.rank_correlation, cmap=DIVERGING, vmin=-1, vmax=1, rasterized=True)
    handles: list[Any] = []
    together = diagram.verdict == TOGETHER
    undefined = np.isnan(diagram.rank_correlation) & ~together
    for mask, colour, words in (
        (undefined, UNDEFINED, "undefined: times tie, or none is learned"),
        (together, SIMULTANEOUS, "simultaneous, within 1 %"),
    ):
        if mask.any():
            own = np.ma.masked_where(~mask, np.ones(mask.shape))
            axes.pcolormesh(x, y, own, cmap=ListedColormap([colour]), rasterized=True)
            handles.append(Patch(facecolor=colour, label=words))
    for code, words in ((PRINCIPAL, "principal first"), (NEGLIGIBLE, "negligible first")):
        if (diagram.predicted == code).any():
            _hatch(axes, diagram, code)
            fill = DIVERGING(0.0 if code == PRINCIPAL else 1.0)
            handles.append(Patch(facecolor=fill, edgecolor="white", hatch=HATCHES[code], label=f"{words} by theorem"))
    handles += _draw_folds(axes, diagram)
    bar = axes.figure.colorbar(shown, ax=axes, pad=0.02, aspect=28, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.ax.set_yticklabels(["principal\nfirst  −1", "−0.5", "0", "0.5", "negligible\nfirst  +1"])
    bar.set_label("rank correlation of |target| and learning time (dimensionless)", fontsize="small")
    bar.outline.set_visible(False)
    if handles:
        axes.legend(
            handles=handles,
            frameon=False,
            fontsize="small",
            loc="upper center",
            bbox_to_anchor=(0.5, -0.13),
            ncols=min(3, len(handles)),
            columnspacing=1.4,
            handlelength=1.6,
        )
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    what = (
        f"{len(diagram.target)} modes, {diagram.rule.name}, depth {diagram.depth}, learned at level {diagram.level:g}"
    )
    axes.set_title(what, fontsize="medium", loc="left")
    return finish(axes, _label(diagram.plane.x), _label(diagram.plane.y))


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    _, made = plt.subplots(figsize=SIZE, layout="constrained")
    return made


def _hatch(axes: Axes, diagram: PhaseDiagram, code: int) -> None:
    """Hatching and outline of the points where an order is predicted."""
    x, y = diagram.plane.x_values, diagram.plane.y_values
    mask = (diagram.predicted == code).astype(float)
    filled = axes.contourf(x, y, mask, levels=[0.5, 1.5], colors="none", hatches=[HATCHES[code]])
    filled.set_edgecolor((1.0, 1.0, 1.0, 0.55))
    filled.set_linewidth(0.0)
    if (diagram.predicted != code).any():
        axes.contour(x, y, mask, levels=[0.5], colors="white", linewidths=1.0)


def _draw_folds(axes: Axes, diagram: PhaseDiagram) -> list[Line2D]:
    """Fold lines of the modes, and their handles in the legend."""
    points = SMOOTH if diagram.depth <= 3 else len(diagram.plane.x_values)
    x, y = (np.linspace(ends[0], ends[-1], points) for ends in (diagram.plane.x_values, diagram.plane.y_values))
    chosen = [mode - 1 for mode in spread(len(diagram.target))]
    pieces = diagram.fold_pieces(points, chosen)
    handles = []
    for colour, mode in zip(rank_colours(len(chosen)), chosen, strict=True):
        drawn = False
        for piece in pieces.get(mode, []):
            values = np.ma.masked_invalid(piece)
            if values.count() and values.min() < 0 < values.max():
                lines = axes.contour(x, y, values, levels=[0.0], colors=[colour], linewidths=1.1)
                lines.set_path_effects([withStroke(linewidth=2.2, foreground="white", alpha=0.8)])
                drawn = True
        if drawn:
            handles.append(Line2D([], [], color=colour, linewidth=1.4, label=f"fold, s = {diagram.target[mode]:.3g}"))
    return handles


def _label(name: str) -> str:
    letters, _, layer = name.partition("_")
    return WORDS.get(letters, f"feedback ${letters}_{{%s}}$ (dimensionless)") % layer
