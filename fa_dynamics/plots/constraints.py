"""Alignment in training under layer constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_dynamics.plots.style import TIME, finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

FLOOR = 1e-17
"""Defects below this are drawn here: exact zeros have no place on a logarithmic axis."""

STYLES = {"lost": "-", "kept": "--"}
DEFECT = "alignment defect of the network (dimensionless)"
ROW_MAX = "row-max alignment, worst node (dimensionless)"


def plot_constraints(data: xarray.Dataset) -> Figure:
    """Alignment defect and row-max measure in training, one curve per case.

    Parameters
    ----------
    data
        The dataset of the experiment ``radhakrishnan2020-constraints``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(11.5, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_defects(data, ax=left)
    plot_row_max(data, ax=right)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=3)
    return figure


def plot_defects(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Alignment defect of the whole network against time, logarithmic; solid where alignment is lost."""
    axes = new_axes(ax)
    axes.set_yscale("log")
    for values, t, style in _curves(data, data["network_alignment_defect"].values):
        axes.plot(t, np.maximum(values, FLOOR), **style)
    axes.set_ylim(FLOOR / 3, 3.0)
    axes.set_title("zero iff aligned", fontsize="medium", loc="left")
    return finish(axes, TIME, DEFECT)


def plot_row_max(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Row-max measure of the worst hidden node against time, with its chance level."""
    axes = new_axes(ax)
    for values, t, style in _curves(data, data["row_max_alignment"].min("node").values):
        axes.plot(t, values, **style)
        if style["linestyle"] == STYLES["lost"]:
            name = str(style["label"]).split()[0]
            axes.annotate(
                name, (t[-1], values[-1]), (4, 0), textcoords="offset points", va="center", color=style["color"]
            )
    chance = float(data.attrs["row_max_chance"])
    axes.axhline(chance, color="grey", linewidth=0.9, linestyle=":")
    axes.set_ylim(min(0.95 * chance, float(data["row_max_alignment"].min()) - 0.03) - 0.02, 1.03)
    axes.text(0.01, chance - 0.018, "chance", color="grey", transform=axes.get_yaxis_transform())
    axes.set_title("1 is perfect", fontsize="medium", loc="left")
    return finish(axes, TIME, ROW_MAX)


def _curves(data: xarray.Dataset, table: Any) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Values, times and style of every case; colours start again for those that keep alignment."""
    verdicts = [str(word) for word in data["verdict"].values]
    colours = {word: iter(rank_colours(verdicts.count(word))) for word in set(verdicts)}
    curves = []
    for row, word in enumerate(verdicts):
        style = {
            "color": next(colours[word]),
            "linestyle": STYLES.get(word, ":"),
            "linewidth": 1.8,
            "label": f"{data['case'].values[row]}  {data['title'].values[row]}",
        }
        curves.append((table[row], data["time"].values, style))
    return curves
