"""Where feedback alignment goes among the maps that fit: paths in the plane, and the bound on the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from fa_dynamics.plots.style import THEORY, TIME, finish, layer_styles, new_axes

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

LEVELS = (0.003, 0.03, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Level sets of the loss, as fractions of its value at P = 0."""

MARGIN = 0.12
"""Around the paths, as a fraction of their extent."""


def plot_minimum_norm(data: xarray.Dataset) -> Figure:
    """Paths to a line of fitting maps, paths of several depths to one map, and the loss beside its bound.

    Parameters
    ----------
    data
        The dataset of the experiment ``robertson2024-minimum-norm``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(13.0, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_plane_paths(data, "line", ax=left)
    left.set_title("one sample: ends on the line of fits", fontsize="medium", loc="left")
    plot_plane_paths(data, "curved", ax=middle)
    middle.set_title("unequal curvatures: path by depth", fontsize="medium", loc="left")
    plot_loss_bound(data, ax=right)
    right.set_title("one output from zero: loss beside its bound", fontsize="medium", loc="left")
    return figure


def plot_plane_paths(data: xarray.Dataset, which: str, *, ax: Axes | None = None) -> Axes:
    """Paths of a map (P_1, P_2) over level sets of the loss, predicted ends as rings, the least-norm map as a cross.

    Parameters
    ----------
    data
        As of `plot_minimum_norm`.
    which
        'line' or 'curved'.
    ax
        Axes to draw on; new ones by default.
    """
    axes = new_axes(ax)
    paths, ends = data[f"{which}_path"].values, data[f"{which}_end"].values
    low, high = paths.min(axis=(0, 1)), paths.max(axis=(0, 1))
    middle, half = (low + high) / 2, (0.5 + MARGIN) * (high - low).max()
    low, high = middle - half, middle + half
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_aspect("equal")
    moment, cross = data[f"{which}_input_moment"].values, data[f"{which}_cross_moment"].values
    least = np.linalg.pinv(moment) @ cross
    _level_sets(axes, moment, least, (low, high))
    styles = layer_styles(len(paths))
    for path, end, style, name in zip(paths, ends, styles, data[f"{which}_run"].values, strict=True):
        axes.plot(*path.T, linewidth=1.9, label=str(name), **style)
        axes.plot(*path[0], "o", color=style["color"], markersize=5)
        axes.plot(*end, "o", color=style["color"], markersize=10, markerfacecolor="none")
    axes.plot(*least, "x", color="black", markersize=8, markeredgewidth=2, label="least norm")
    axes.legend(frameon=False, fontsize="small", loc="upper right" if which == "line" else "upper left")
    return finish(axes, "$P_1$ (output per input)", "$P_2$ (output per input)")


def _level_sets(axes: Axes, moment: Array, least: Array, box: tuple[Array, Array]) -> None:
    first, second = (np.linspace(box[0][i], box[1][i], 161) for i in range(2))
    gap = np.stack(np.meshgrid(first, second), axis=-1) - least
    loss = np.einsum("...i,ij,...j->...", gap, moment, gap)
    axes.contour(first, second, loss / (least @ moment @ least), levels=LEVELS, colors="0.8", linewidths=0.8, zorder=0)


def plot_loss_bound(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """t (loss - best loss) / psi(P_*) over time, one curve per depth, below the line at 1; empty without one output."""
    axes = new_axes(ax)
    axes.axhline(1.0, **THEORY)
    axes.text(0.02, 1.0, "bound", transform=axes.get_yaxis_transform(), va="bottom")
    if "bound_share" in data:
        t, depths = data["time"].values, data["mirror_depth"].values
        styles = dict(zip(np.unique(depths), layer_styles(len(np.unique(depths))), strict=True))
        named = set()
        for depth, share in zip(depths, data["bound_share"].values, strict=True):
            label = None if depth in named else f"L = {depth}"
            named.add(depth)
            axes.plot(t[1:], share[1:], linewidth=1.9, label=label, **styles[depth])
        axes.legend(frameon=False, fontsize="small", loc="upper right", bbox_to_anchor=(1.0, 0.9))
    axes.set(xscale="log", ylim=(0, 1.12))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, TIME, r"$t\,(\ell - \ell_*)\,/\,\psi(P_*)$ (dimensionless)")
