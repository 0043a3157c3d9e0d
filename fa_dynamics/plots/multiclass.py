"""Accuracy and alignment of classifiers that start between their weights and their feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fa_dynamics.plots.style import finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

STEPS_TIME = r"step size $\times$ steps (1 / curvature)"
ACCURACY = "test accuracy (dimensionless)"
COSINE = "alignment: cosine (dimensionless)"


def plot_multiclass(data: xarray.Dataset) -> Figure:
    """Test accuracy in training, alignments in training, and final accuracy against initial alignment.

    Parameters
    ----------
    data
        The dataset of the experiment ``robertson2024-multiclass``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(13.0, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_accuracy(data, ax=left)
    plot_alignments(data, ax=middle)
    plot_accuracy_by_alignment(data, ax=right)
    names = [str(name) for name in data["start"].values]
    handles = [Line2D([], [], label=name, **style) for name, style in zip(names, _styles(data), strict=True)]
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=len(handles))
    return figure


def plot_accuracy(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Mean test accuracy of every start, with the range of its draws as a band."""
    axes = new_axes(ax)
    t = data["time"].values
    for index, style in enumerate(_styles(data)):
        draws = data["test_accuracy"].values[index]
        axes.fill_between(t, draws.min(axis=0), draws.max(axis=0), color=style["color"], alpha=0.12, linewidth=0)
        axes.plot(t, draws.mean(axis=0), **style)
    axes.set_ylim(0, 1)
    axes.set_title("in training: means, ranges of draws", fontsize="medium", loc="left")
    return finish(axes, STEPS_TIME, ACCURACY)


def plot_alignments(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Weight alignment, mean of layers 2 and 3 (thick), and update alignment of layer 1 (thin), means of draws."""
    axes = new_axes(ax)
    t = data["time"].values
    fed_back = [index for index, name in enumerate(data["start"].values) if not str(name).startswith("BP")]
    styles = _styles(data)
    for index in fed_back:
        weights = data["weight_alignment"].values[index].mean(axis=(0, 2))
        axes.plot(t, weights, **(styles[index] | {"linewidth": 2.4}))
        axes.plot(
            t, data["update_alignment"].values[index][:, :, 0].mean(axis=0), **(styles[index] | {"linewidth": 0.9})
        )
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.set_ylim(-0.1, 1.05)
    axes.set_title("thick: weights, thin: update of layer 1", fontsize="medium", loc="left")
    return finish(axes, STEPS_TIME, COSINE)


def plot_accuracy_by_alignment(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Final test accuracy of every draw of feedback alignment against its weight alignment at the start."""
    axes = new_axes(ax)
    recorded, names = data["recorded_accuracy"].values, data["start"].values
    for index, style in enumerate(_styles(data)):
        if str(names[index]).startswith("BP"):
            continue
        initial = data["weight_alignment"].values[index][:, 0].mean(axis=1)
        final = data["test_accuracy"].values[index][:, -1]
        axes.plot(initial, final, "o", color=style["color"], markersize=5, alpha=0.8)
        if np.isfinite(recorded[index]):
            axes.plot(initial.mean(), recorded[index], "x", color="black", markersize=9, zorder=3)
    axes.set_title("after training; crosses: recorded, one draw", fontsize="medium", loc="left")
    return finish(axes, "initial weight alignment: cosine (dimensionless)", ACCURACY)


def _styles(data: xarray.Dataset) -> list[dict[str, Any]]:
    """A colour per start of feedback alignment; backpropagation in black, dashed and dotted."""
    names = [str(name) for name in data["start"].values]
    truth = [name for name in names if name.startswith("BP")]
    colours = iter(rank_colours(len(names) - len(truth)))
    return [
        {"color": "black", "linestyle": ("--", ":")[truth.index(name) % 2], "linewidth": 1.4}
        if name in truth
        else {"color": next(colours), "linestyle": "-", "linewidth": 1.8}
        for name in names
    ]
