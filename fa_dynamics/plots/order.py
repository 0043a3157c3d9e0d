"""Mode curves and effective ranks of matrix flows, and what is left of the order when feedback is not aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from fa_dynamics.plots.style import THEORY, TIME, finish, layer_styles, new_axes, rank_colours, spread

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

SHOWN = 0.02
"""Effective ranks are drawn from this share of the final norm on; of smaller maps they say nothing that can be seen."""


SPAN = 3.0
"""Ratio of the latest to the earliest learning time below which time is drawn linearly."""

LEFT = (1e-3, 3.0)
"""Shares of a target between which what is left to learn is drawn."""


def plot_order(data: xarray.Dataset) -> Figure:
    """Mode curves over effective ranks, one column per aligned start; ranks against progress; orders without alignment.

    Parameters
    ----------
    data
        The dataset of the experiment ``girotti2021-order``, or its NetCDF file read back.
    """
    names = [str(name) for name in dict.fromkeys(data["case"].values)]
    aligned = [name for name in names if " " not in name]
    figure = Figure(figsize=(2.6 * max(len(aligned), 4) + 0.6, 9.6), layout="constrained")
    rows = figure.add_gridspec(2, 1, height_ratios=[2.0, 1.0])
    grid, summary = rows[0].subgridspec(2, len(aligned)), rows[1].subgridspec(1, 2)
    bottom: Any = None
    for column, name in enumerate(aligned):
        upper = figure.add_subplot(grid[0, column])
        lower = figure.add_subplot(grid[1, column], sharey=bottom, sharex=upper)
        bottom = bottom or lower
        run = _runs(data, name)[0]
        plot_case_modes(run, ax=upper)
        upper.set_title(f"{name}: {_short(run)}", fontsize="medium", loc="left")
        upper.set_xlabel("")
        upper.tick_params(labelbottom=False)
        plot_case_ranks(data, name, ax=lower)
        if column:
            upper.set_ylabel("")
            lower.set_ylabel("")
            lower.tick_params(labelleft=False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    handles.append(Line2D([], [], **THEORY))
    labels = [f"target {label}" for label in labels] + ["exact scalar chain"]
    figure.legend(handles, labels, frameon=False, fontsize="small", loc="outside upper left", ncols=len(labels))
    plot_rank_progress(data, ax=figure.add_subplot(summary[0]))
    plot_order_survival(data, ax=figure.add_subplot(summary[1]))
    return figure


def plot_case_modes(run: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """What is left to learn of every mode, |1 - p_k / s_k|, of one run; the exact chains as dashed lines.

    Learned modes differ by what is left of them, not by what there is: near its target a linear axis shows one curve.
    """
    axes = new_axes(ax)
    t, target = run["t"].values[1:], run["target"].values
    active = np.flatnonzero(target > 1e-9 * target.max())
    shown = active[[mode - 1 for mode in spread(len(active))]]
    for colour, mode in zip(rank_colours(len(shown)), shown, strict=True):
        left, exact = (
            np.abs(1 - run[name].values[1:, mode] / target[mode]) for name in ("mode_strength", "exact_strength")
        )
        axes.plot(t, left, color=colour, linewidth=2.4, label=f"{target[mode]:.2g}")
        axes.plot(t, exact, **THEORY)
    axes.set(yscale="log", ylim=LEFT)
    return finish(_timed(axes, run), TIME, r"left to learn $|1 - p_k / s_k|$ (dimensionless)")


def plot_case_ranks(data: xarray.Dataset, name: str, *, ax: Axes | None = None) -> Axes:
    """Effective rank over time of a start, and of the same start with feedback that is not aligned with the modes.

    Parameters
    ----------
    data
        As of `plot_order`.
    name
        A start with aligned feedback; those whose name begins with it and a space are its relatives.
    ax
        Axes to draw on; new ones by default.
    """
    axes = new_axes(ax)
    relatives = [str(other) for other in dict.fromkeys(data["case"].values) if str(other).startswith(f"{name} ")]
    axes.axhline(data.attrs["final_rank"], color="grey", linewidth=0.8, zorder=0)
    for other, style in zip([name, *relatives], layer_styles(1 + len(relatives)), strict=True):
        runs = _runs(data, other)
        # Of random feedback the widest, all draws under one name.
        runs = [run for run in runs if int(run["width"]) == max(int(each["width"]) for each in runs)]
        words = "aligned $B$" if other == name else f"{other.removeprefix(name + ' ')}, {int(runs[0]['width'])} wide"
        for draw, run in enumerate(runs):
            t, rank = _grown(run)
            axes.plot(t, rank, linewidth=1.9 if other == name else 1.3, label=None if draw else words, **style)
    if relatives:
        axes.legend(frameon=False, fontsize="x-small", loc="lower right")
    return finish(_timed(axes, _runs(data, name)[0]), TIME, "effective rank of $P$ (dimensionless)")


def plot_rank_progress(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Effective rank against |P| / |P_*| of all starts with aligned feedback: a clock that they share."""
    axes = new_axes(ax)
    aligned = [str(name) for name in dict.fromkeys(data["case"].values) if " " not in str(name)]
    axes.axhline(data.attrs["final_rank"], color="grey", linewidth=0.8, zorder=0)
    for name, style in zip(aligned, layer_styles(len(aligned)), strict=True):
        (run,) = _runs(data, name)
        chosen = run["progress"].values > SHOWN
        x, rank = run["progress"].values[chosen], run["effective_rank"].values[chosen]
        axes.plot(x, rank, linewidth=1.7, label=name, **style)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title("on a clock that all share", fontsize="medium", loc="left")
    return finish(axes, r"progress $|P| / |P_*|$ (dimensionless)", "effective rank of $P$ (dimensionless)")


def plot_order_survival(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Rank correlation of target and learning time, one row per start and width, one dot per draw."""
    axes = new_axes(ax)
    keys = list(dict.fromkeys((str(run["case"].values), int(run["width"])) for run in _runs(data, None)))
    for place, (name, width) in enumerate(keys):
        values = [float(run["rank_correlation"]) for run in _runs(data, name) if int(run["width"]) == width]
        colour = rank_colours(2)[0 if " " not in name else 1]
        axes.plot(values, [place] * len(values), "o", color=colour, markersize=6, alpha=0.8)
    axes.axvline(0.0, color="grey", linewidth=0.5, zorder=0)
    labels = [name if " " not in name else f"{name}, {width}" for name, width in keys]
    axes.set_yticks(range(len(keys)), labels, fontsize="small")
    axes.invert_yaxis()
    axes.set(xlim=(-1.1, 1.1), xticks=(-1, -0.5, 0, 0.5, 1))
    axes.set_title("principal first at -1, negligible first at +1", fontsize="medium", loc="left")
    return finish(axes, "rank correlation of target and time (dimensionless)", "")


def _runs(data: xarray.Dataset, name: str | None) -> list[xarray.Dataset]:
    return [data.isel(run=i) for i in range(data.sizes["run"]) if name is None or data["case"].values[i] == name]


def _grown(run: xarray.Dataset) -> tuple[Array, Array]:
    chosen = run["progress"].values > SHOWN
    return run["t"].values[chosen], run["effective_rank"].values[chosen]


def _short(run: xarray.Dataset) -> str:
    """The order in words: 'principal first (-1)'."""
    return f"{str(run['verdict'].values).replace('-', ' ')} ({float(run['rank_correlation']):+.2g})"


def _timed(axes: Axes, run: xarray.Dataset) -> Axes:
    """A logarithmic time axis, unless all modes are learned within a short span: only a linear one takes that apart."""
    times = run["learning_time"].values
    times = times[np.isfinite(times)]
    if times.size and times.max() < SPAN * times.min():
        axes.set_xlim(0.0, 2.0 * float(times.max()))
        return axes
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return axes
