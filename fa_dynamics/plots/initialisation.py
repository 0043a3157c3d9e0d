"""Learning times of several starts, and what stopping early is worth to each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from fa_dynamics.plots.style import TIME, finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

CORRELATION = r"correlation $\sigma$ (output $\times$ input)"
LEARNING_TIME = r"learning time (learning rate $\times$ steps)"
TEST_ERROR = "test error (output squared)"

TOP = 1.1
"""Largest test error shown; all start at ten, and what matters happens at one and below."""

CLOSE = 1.25
"""A curve without a best moment is named where it has come this close to the trained network's error."""

APART = 0.055
"""Smallest distance of two labels, as a fraction of the axis."""


def plot_initialisations(data: xarray.Dataset) -> Figure:
    """Learning times of starts, those that learn principal modes first and the others, and test errors in training.

    Parameters
    ----------
    data
        The dataset of the experiment ``girotti2021-table``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(13.0, 4.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.35))
    principal = data["verdict"].values == "principal-first"
    times = data["learning_time"].values
    shown = times[np.isfinite(times) & (times > 0)]
    for axes, chosen, title in (
        (left, principal, "principal first"),
        (middle, ~principal, "negligible first, or neither"),
    ):
        axes.set_ylim(shown.min() / 1.3, shown.max() * 1.3)
        plot_start_times(data.isel(row=chosen), ax=axes)
        axes.set_title(title, fontsize="medium", loc="left")
    middle.set_ylabel("")
    middle.tick_params(labelleft=False)
    plot_early_stopping(data, ax=right)
    noise = ", ".join(f"{sigma:g}" for sigma in data["correlation"].values[data["true_target"].values == 0])
    right.set_title(f"modes {noise} are noise: best moment to stop", fontsize="medium", loc="left")
    handles = [
        Line2D([], [], color="grey", marker="o", markersize=4, linewidth=1.8),
        Line2D([], [], color="grey", marker="o", markersize=9, linestyle="", markerfacecolor="none"),
    ]
    figure.legend(handles, ["computed", "recorded"], frameon=False, loc="outside lower left", ncols=2)
    return figure


def plot_start_times(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Learning time against correlation for every row, recorded values as hollow markers, on logarithmic axes."""
    axes = new_axes(ax)
    sigma = data["correlation"].values
    times, recorded = data["learning_time"].values, data["recorded_learning_time"].values
    times = np.where(np.isfinite(times) & (times > 0), times, np.nan)
    axes.set(xscale="log", yscale="log")
    ends = []
    for row, colour in enumerate(rank_colours(len(times))):
        known = np.flatnonzero(~np.isnan(times[row]))
        if not len(known):
            continue
        axes.plot(sigma[known], times[row][known], color=colour, marker="o", markersize=4, linewidth=1.8)
        axes.plot(sigma, recorded[row], "o", color=colour, markersize=9, markerfacecolor="none")
        strongest = known[np.argmax(sigma[known])]
        name = f"{data['row'].values[row]}  {data['title'].values[row]}"
        ends.append((sigma[strongest], times[row][strongest], name, colour))
    _label_ends(axes, ends)
    axes.xaxis.set_major_locator(FixedLocator(sorted(sigma)))
    axes.yaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, CORRELATION, LEARNING_TIME)


def plot_early_stopping(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Test error in training, with its best moment as a dot where that comes before the end."""
    axes = new_axes(ax)
    t, errors = data["time"].values, data["test_error"].values
    best_time, best_error = data["best_time"].values, data["best_test_error"].values
    trained = float(data["trained_test_error"].values[0])
    axes.set_xscale("log")
    axes.axhline(trained, color="grey", linewidth=0.8, zorder=0)
    axes.text(1.0, trained, " trained", color="grey", va="center", transform=axes.get_yaxis_transform())
    order = np.argsort(best_error)
    for colour, row in zip(rank_colours(len(order)), order, strict=True):
        name = str(data["stopped_row"].values[row])
        axes.plot(t[1:], errors[row, 1:], color=colour, linewidth=1.8)
        if np.isfinite(best_time[row]):
            axes.plot(best_time[row], best_error[row], "o", color=colour)
            # To the left below, where the dot of another curve follows closely on the right.
            later = (best_time > best_time[row]) & (best_time < 2 * best_time[row])
            crowded = (later & (np.abs(best_error - best_error[row]) < 0.1 * TOP)).any()
            where, offset = (best_time[row], best_error[row]), (-4 if crowded else 2, -13)
        else:
            first = int(np.argmax(errors[row] < CLOSE * trained))
            crowded, where, offset = False, (t[first], errors[row, first]), (5, 3)
        side = "right" if crowded else "left"
        axes.annotate(name, where, offset, textcoords="offset points", color=colour, ha=side)
    axes.set(xlim=(0.05, 40), ylim=(-0.1, TOP))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, TIME, TEST_ERROR)


def _label_ends(axes: Axes, ends: list[tuple[float, float, str, Any]]) -> None:
    """Names to the right of the curves' last points, moved apart where they would touch."""
    low, high = np.log(axes.get_ylim())
    placed = -np.inf
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        height = max((np.log(y) - low) / (high - low), placed + APART)
        placed = height
        axes.annotate(
            name,
            (x, y),
            (1.02, height),
            textcoords="axes fraction",
            va="center",
            fontsize="small",
            color=colour,
        )
