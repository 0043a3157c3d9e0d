"""Alignment as an invariant: of gradient descent, of finite steps, of feedback alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fa_dynamics.plots.style import THEORY, TIME, finish, layer_styles, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

FLOOR = 1e-17
"""Defects below this are drawn here: exact zeros have no place on a logarithmic axis."""

EXCESS_FLOOR = 1e-13
"""Losses below this are rounding."""

STRONG = r"largest off-diagonal of $U_l(0)^\top W_l U_{l-1}(0)$ (weight)"
POINTWISE = "alignment defect (dimensionless)"
EXCESS = r"excess loss $\ell_t - \ell_*$ (output squared)"


def plot_invariance(data: xarray.Dataset) -> Figure:
    """Problem classes, halved steps, the guaranteed step, and feedback alignment.

    Parameters
    ----------
    data
        The dataset of the experiment ``radhakrishnan2020-invariance``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(12.5, 9.0), layout="constrained")
    panels = figure.subplots(2, 2)
    plot_classes(data, ax=panels[0, 0])
    plot_halving(data, ax=panels[0, 1])
    plot_guarantee(data, ax=panels[1, 0])
    plot_feedback(data, ax=panels[1, 1])
    return figure


def plot_classes(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """I3 defect of every problem class: solid where it is lost, dashed where all bases stay."""
    axes = new_axes(ax)
    axes.set_yscale("log")
    lost = data["strong_verdict"].values != "kept"
    for members, style in ((lost, "-"), (~lost, "--")):
        rows = np.flatnonzero(members)
        for row, colour in zip(rows, rank_colours(len(rows)), strict=True):
            inner = " (inner bases stay)" if lost[row] and data["interior_verdict"].values[row] == "kept" else ""
            name = f"{data['class'].values[row]}  {data['title'].values[row]}{inner}"
            values = np.maximum(data["strong_defect"].values[row], FLOOR)
            axes.plot(data["time"].values, values, color=colour, linestyle=style, linewidth=1.6, label=name)
    axes.set_ylim(FLOOR / 3, 10.0)
    axes.legend(frameon=False, fontsize="x-small", loc="center right", ncols=2)
    axes.set_title("gradient descent: all bases constant (I3)?", fontsize="medium", loc="left")
    return finish(axes, TIME, STRONG)


def plot_halving(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """I1 defect of a balanced start on generic data: under the flow, and under ever smaller steps."""
    axes = new_axes(ax)
    axes.set_yscale("log")
    t = data["balanced_time"].values
    sizes = data["step_size"].values
    for size, values, colour in zip(sizes, data["step_defect"].values, rank_colours(len(sizes)), strict=True):
        axes.plot(t, np.maximum(values, FLOOR), color=colour, linewidth=1.8, label=rf"steps $\eta$ = {size:g}")
    axes.plot(t, np.maximum(data["flow_defect"].values, FLOOR), color="grey", linewidth=1.4, label="flow")
    axes.set_ylim(FLOOR / 3, 1.0)
    axes.legend(frameon=False, loc="center right")
    axes.set_title("balanced start, generic data: aligned (I1)?", fontsize="medium", loc="left")
    return finish(axes, TIME, POINTWISE)


def plot_guarantee(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Excess loss of one draw of each kind with the explicit step size, and its bound."""
    axes = new_axes(ax)
    axes.set_yscale("log")
    steps = data["step"].values
    kinds = [str(kind) for kind in data["kind"].values]
    for row, (kind, style) in enumerate(zip(kinds, layer_styles(len(kinds)), strict=True)):
        excess, bound = data["excess_loss"].values[row, 0], data["bound"].values[row, 0]
        size = float(data["guaranteed_step"].values[row, 0])
        shown = np.where(excess > EXCESS_FLOOR, excess, np.nan)
        axes.plot(steps, shown, linewidth=1.8, label=rf"{kind}, $\eta$ = {size:.2g}", **style)
        axes.plot(steps, bound, **(THEORY | {"color": style["color"], "linewidth": 0.9, "dashes": (1, 1.5)}))
    handles, labels = axes.get_legend_handles_labels()
    handles.append(Line2D([], [], color="grey", linewidth=0.9, dashes=(1, 1.5)))
    axes.legend(handles, [*labels, "bound of the same colour"], frameon=False, fontsize="small", loc="lower left")
    axes.set_ylim(EXCESS_FLOOR * 1e-8, None)
    axes.set_title("the explicit step size and its bound", fontsize="medium", loc="left")
    return finish(axes, "step", EXCESS)


def plot_feedback(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """I3 defect under feedback alignment: shared bases, random feedback, and data without joint modes."""
    axes = new_axes(ax)
    axes.set_yscale("log")
    names = [str(name) for name in data["feedback"].values]
    for row, (name, style) in enumerate(zip(names, layer_styles(len(names)), strict=True)):
        values = np.maximum(data["feedback_strong_defect"].values[row], FLOOR)
        axes.plot(data["time"].values, values, linewidth=1.8, label=name, **style)
    axes.set_ylim(FLOOR / 3, 10.0)
    axes.legend(frameon=False, loc="center right")
    axes.set_title("feedback alignment: all bases constant (I3)?", fontsize="medium", loc="left")
    return finish(axes, TIME, STRONG)
