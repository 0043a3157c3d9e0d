"""Wide nonlinear networks beside their kernel bound, and which quantities which activation and rule conserve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fa_dynamics.plots.style import finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

STEPS = "step (dimensionless)"
DRIFT_RANGE = (1e-14, 1.0)
"""Colours of drifts; round-off and order one."""


def plot_wide_networks(data: xarray.Dataset) -> Figure:
    """Residuals with their bounds for every activation, and final weight alignment against width.

    Parameters
    ----------
    data
        The dataset of the experiment ``song2021-nonlinear``, or its NetCDF file read back.
    """
    names = [str(name) for name in data["activation"].values]
    figure = Figure(figsize=(4.4 * (len(names) + 1), 4.3), layout="constrained")
    panels = figure.subplots(1, len(names) + 1)
    for axes, name in zip(panels, names, strict=False):
        plot_residuals(data.sel(activation=name), ax=axes)
        axes.set_title(name, fontsize="medium", loc="left")
    plot_alignment_by_width(data, ax=panels[-1])
    widths = data["width"].values
    handles = [
        Line2D([], [], color=colour, label=f"$n_1$ = {width}")
        for colour, width in zip(rank_colours(len(widths)), widths, strict=True)
    ]
    handles.append(Line2D([], [], color="grey", linestyle="--", label="bound"))
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=len(handles))
    return figure


def plot_residuals(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Residual over its start, every draw, with the kernel bound of the first draw in dashes."""
    axes = new_axes(ax)
    for index, colour in enumerate(rank_colours(data.sizes["width"])):
        here = data.isel(width=index)
        residual, bound = here["residual"].values, here["bound"].values
        axes.semilogy((residual / residual[:, :1]).T, color=colour, linewidth=1.2)
        axes.semilogy(bound[0] / bound[0, 0], color=colour, linestyle="--", linewidth=1.2)
    axes.set_ylim(1e-8, 3)
    return finish(axes, STEPS, "residual over its start (dimensionless)")


def plot_alignment_by_width(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Final cos(W_2^T, B_2): draws as dots, means as lines, recorded values as crosses."""
    axes = new_axes(ax)
    names, widths = [str(name) for name in data["activation"].values], data["width"].values
    for name, marker, colour in zip(names, "os^v", rank_colours(max(len(names), 2)), strict=False):
        here = data.sel(activation=name)
        final = here["weight_alignment"].values[..., -1]
        axes.plot(widths, final, marker, color=colour, markersize=4, alpha=0.6)
        axes.plot(widths, final.mean(axis=1), "-", color=colour, label=name)
        axes.plot(widths, here["recorded_alignment"], "x", color=colour, markersize=10, markeredgewidth=2)
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.set_xscale("log")
    axes.legend(frameon=False, fontsize="small")
    axes.set_title("crosses: recorded", fontsize="medium", loc="left")
    return finish(axes, "width $n_1$ (neurons)", "final weight alignment: cosine (dimensionless)")


def plot_laws(data: xarray.Dataset) -> Figure:
    """Drift of neuron quantities and of off-diagonal matrix entries, by activation and rule, as two tables of colour.

    Parameters
    ----------
    data
        The dataset of the experiment ``robertson2024-laws``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(13.0, 4.6), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = {
        "neuron_drift": "flow: neuron quantities (N)",
        "matrix_drift": "flow: matrix, off the diagonal (M)",
        "step_unexplained": "finite steps: (N) less its account",
    }
    for column, (axes, (name, title)) in enumerate(zip(panels, titles.items(), strict=True)):
        plot_drift_table(data, name, ax=axes)
        axes.set_title(title, fontsize="medium", loc="left")
        if column:
            axes.tick_params(labelleft=False)
            axes.set_ylabel("")
    image = panels[0].images[0]
    figure.colorbar(image, ax=list(panels), label="largest drift (weight squared)", shrink=0.9, extend="both")
    return figure


def plot_drift_table(data: xarray.Dataset, name: str, *, ax: Axes | None = None) -> Axes:
    """The largest drift for every activation (rows) and rule (columns), written out; a dash where there is none.

    Parameters
    ----------
    data
        As for `plot_laws`.
    name
        Variable with dims (activation, rule, biases); the larger of the values with and without biases is shown.
    ax
        Axes to draw on.
    """
    axes = new_axes(ax)
    values = data[name].max("biases", skipna=True).transpose("activation", "rule").values
    axes.imshow(np.clip(values, *DRIFT_RANGE), cmap="viridis", norm=LogNorm(*DRIFT_RANGE), aspect="auto")
    axes.set_facecolor("0.9")
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            text = "–" if np.isnan(value) else f"{value:.0e}".replace("e-0", "e-").replace("e+00", "e0")
            dark = np.isnan(value) or value > 1e-6
            axes.text(column, row, text, ha="center", va="center", color="black" if dark else "white", fontsize="small")
    axes.set_xticks(range(data.sizes["rule"]), [str(rule) for rule in data["rule"].values])
    axes.set_yticks(range(data.sizes["activation"]), [str(each) for each in data["activation"].values])
    return finish(axes, "rule", "activation")
