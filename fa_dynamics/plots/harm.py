"""Test error in training on noisy data, what stopping early is worth, and which modes it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from fa_dynamics.plots.style import TIME, finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

MARKERS = "osD^v"
"""One per start, so that colour alone need not tell them apart."""

DRAWN = 1.6
"""Largest test error drawn, in units of the trained network's."""


def plot_harm(data: xarray.Dataset) -> Figure:
    """Test errors in training, best over trained test error of every draw, and modes at the best moment.

    Parameters
    ----------
    data
        The dataset of the experiment ``girotti2021-harm``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(14.0, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.3, 0.9, 1.1))
    plot_test_errors(data, ax=left)
    left.set_title("every draw, with its best moment", fontsize="medium", loc="left")
    plot_ratios(data, ax=middle)
    middle.set_title("draws, mean and standard deviation", fontsize="medium", loc="left")
    plot_kept_modes(data, ax=right)
    right.set_title("modes at the best moment, all draws", fontsize="medium", loc="left")
    figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
    return figure


def plot_test_errors(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Test error over that of the trained network, one line per draw, a mark at its best moment if there is one."""
    axes = new_axes(ax)
    axes.axhline(1.0, color="grey", linewidth=0.8, zorder=0)
    trained = data["trained_test_error"].values
    for place, (name, colour, marker) in enumerate(_styles(data)):
        for draw in range(data.sizes["draw"]):
            t, error = data["t"].values[place, draw, 1:], data["test_error"].values[place, draw, 1:] / trained[draw]
            axes.plot(t, error, color=colour, linewidth=0.9, alpha=0.7)
            best = data["best_time"].values[place, draw]
            if np.isfinite(best):
                axes.plot(best, data["ratio"].values[place, draw], marker, color=colour, markersize=5, zorder=3)
        axes.plot([], [], marker=marker, color=colour, label=name)
    axes.set(xscale="log", ylim=(0.0, DRAWN))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, TIME, "test error / that of the trained network")


def plot_ratios(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Best over trained test error of every start: draws as dots, their mean and standard deviation beside them."""
    axes = new_axes(ax)
    axes.axhline(1.0, color="grey", linewidth=0.8, zorder=0)
    names = []
    for place, (name, colour, marker) in enumerate(_styles(data)):
        ratios = data["ratio"].values[place]
        axes.plot(np.full(len(ratios), place - 0.12), ratios, marker, color=colour, alpha=0.6, markersize=5)
        deviation = ratios.std(ddof=1) if len(ratios) > 1 else 0.0
        axes.errorbar(place + 0.18, ratios.mean(), deviation, fmt=marker, color=colour, capsize=4, markersize=7)
        names.append(name)
    axes.set_xticks(range(len(names)), names, fontsize="small")
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(0.0, 1.1))
    return finish(axes, "", "best test error / that of the trained network")


def plot_kept_modes(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Relative strength p_k / s_k of every mode at the best moment, against its target: what stopping leaves out."""
    axes = new_axes(ax)
    target = data["target"].values
    shown = target > 1e-9 * target.max()
    for place, (_, colour, marker) in enumerate(_styles(data)):
        kept = data["best_strength"].values[place][shown] / target[shown]
        order = np.argsort(target[shown])
        axes.plot(target[shown][order], kept[order], marker, color=colour, markersize=4, alpha=0.75)
    axes.axhline(1.0, color="grey", linewidth=0.8, zorder=0)
    axes.set(xscale="log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, "target $s_k$ (output per input)", "mode strength $p_k / s_k$ (dimensionless)")


def _styles(data: xarray.Dataset) -> list[tuple[str, Any, str]]:
    names = [str(name) for name in data["start"].values]
    return list(zip(names, rank_colours(len(names)), MARKERS, strict=True))
