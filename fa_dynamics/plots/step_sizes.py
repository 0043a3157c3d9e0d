"""What finite steps do: over step size and one scalar, over starts, and to first integrals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from fa_dynamics.modes.step_map import OUTCOMES
from fa_dynamics.plots.style import finish, layer_styles, new_axes

if TYPE_CHECKING:
    import xarray

COLOURS = ("#3b528b", "#5ec0a8", "#f2d544", "#b58bc9", "#d1603d", "#dcdcdc")
"""Of the outcomes, in their order; their lightness differs, so that they stay apart in grey."""

WORDS = (
    "monotone",
    "converges, grows on the way",
    "converges, overshoots",
    "still converging",
    "bounded, does not converge",
    "diverges",
)
"""Of the outcomes, in the legend."""

LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "guaranteed": ("guaranteed by a theorem", {"linestyle": ":", "linewidth": 2.2}),
    "monotone": ("largest monotone", {"linestyle": "-", "linewidth": 1.0}),
    "convergent": ("largest convergent", {"linestyle": "-", "linewidth": 2.0}),
    "linear": ("linear theory at the limit of the flow", {"linestyle": "--", "linewidth": 1.4}),
}

SIZE = (7.4, 4.8)
"""Of a figure with one diagram, in inches."""


def plot_step_diagram(data: xarray.Dataset, *, legend: bool = True, ax: Axes | None = None) -> Axes:
    """What the error of a mode does, over step size and one scalar, with the thresholds as lines.

    Parameters
    ----------
    data
        From `StepDiagram.to_dataset`, or its NetCDF file read back.
    legend
        Name outcomes and lines, to the right.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
    """
    axes = _own_axes() if ax is None else ax
    name = str(data.attrs["x"])
    x, steps = data[name].values, data["step_size"].values
    _fill(axes, x, steps, data["outcome"].values)
    handles: list[Any] = [
        Patch(facecolor=COLOURS[code], label=WORDS[code]) for code in np.unique(data["outcome"].values)
    ]
    for line, (words, style) in LINES.items():
        values = data[line].values
        if np.isfinite(values).any():
            stroke = [withStroke(linewidth=style["linewidth"] + 1.6, foreground="white", alpha=0.85)]
            axes.plot(x, values, color="black", path_effects=stroke, **style)
            handles.append(Line2D([], [], color="black", label=f"step: {words}", **style))
    axes.set(xlim=(x[0], x[-1]), ylim=(steps[0], steps[-1]))
    if legend:
        axes.legend(handles=handles, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return finish(axes, _label(name), r"step size $\eta$ (1 / curvature)")


def plot_converging_starts(data: xarray.Dataset, *, legend: bool = True, ax: Axes | None = None) -> Axes:
    """Largest of some step sizes from which every start of the normal form still converges, as nested regions.

    Parameters
    ----------
    data
        The dataset of the experiment ``girotti2021-discrete``: `converges` (step_fraction, w, u).
    legend
        Name the regions.
    ax
        Axes to draw on; new ones by default.
    """
    axes = new_axes(ax)
    u, w, h = data["u"].values, data["w"].values, data["step_fraction"].values
    order = np.argsort(h)
    largest = np.zeros(data["converges"].shape[1:], dtype=int)
    for rank, index in enumerate(order, start=1):
        largest = np.where(data["converges"].values[index].astype(bool), rank, largest)
    colours = ["#dcdcdc", *(style["color"] for style in reversed(layer_styles(len(h))))]
    norm = BoundaryNorm(np.arange(len(h) + 2) - 0.5, len(h) + 1)
    axes.pcolormesh(u, w, largest, cmap=ListedColormap(colours), norm=norm, rasterized=True)
    shares = data["converges"].values.mean(axis=(1, 2))
    handles = [
        Patch(facecolor=colours[rank], label=f"at $h$ = {h[index]:g}: {shares[index]:.1%}")
        for rank, index in enumerate(order, start=1)
    ]
    if legend:
        axes.legend(
            handles=[*handles, Patch(facecolor=colours[0], label="none of them")],
            title="converges",
            fontsize="small",
            title_fontsize="small",
            frameon=False,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=3,
        )
    axes.set_aspect("equal")
    return finish(axes, r"start $u = \theta_1(0) / \varrho$ (dimensionless)", r"start $w = b\,\theta_2(0) / \varrho^2$")


def plot_drifts(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Drift of first integrals over a fixed time against step size, and what the steps leave unexplained.

    Parameters
    ----------
    data
        The dataset of the experiment ``girotti2021-discrete``: `drift` and `unexplained_drift` (rule, matrix_step).
    ax
        Axes to draw on; new ones by default.
    """
    axes = new_axes(ax)
    eta = data["matrix_step"].values
    rules = [str(name) for name in data["rule"].values]
    for row, (name, style) in enumerate(zip(rules, layer_styles(len(rules)), strict=True)):
        axes.loglog(eta, data["drift"].values[row], marker="o", markersize=4, label=name, **style)
        rest = np.maximum(data["unexplained_drift"].values[row], np.finfo(float).eps / 10)
        axes.loglog(eta, rest, marker="x", markersize=5, **(style | {"linewidth": 0.8}))
    middle = len(eta) // 2
    top, bottom = data["drift"].values[:, middle].max(), data["unexplained_drift"].values[:, middle].max()
    axes.text(eta[middle], 4 * top, "drift", ha="center", va="bottom", fontsize="small")
    axes.text(eta[middle], 4 * bottom, "left unexplained by the steps", ha="center", va="bottom", fontsize="small")
    axes.set_ylim(1e-17, 100 * top)
    axes.xaxis.set_major_locator(FixedLocator(list(eta)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.legend(frameon=False, fontsize="small", title="rule", title_fontsize="small", loc="center right")
    return finish(axes, r"step size $\eta$ (1 / curvature)", r"$|Q(T) - Q(0)|\,/\,\max(1, |Q(0)|)$ (dimensionless)")


def plot_discrete(data: xarray.Dataset) -> Figure:
    """The figure of the experiment ``girotti2021-discrete``: a step diagram, converging starts, and drifts.

    Parameters
    ----------
    data
        Its dataset, or its NetCDF file read back.
    """
    figure = Figure(figsize=(15.0, 5.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.25, 1.0, 1.1))
    plot_step_diagram(data, legend=False, ax=left)
    left.set_title("one mode, two layers, all scales 1, $\\theta_2(0) = 0$", fontsize="medium", loc="left")
    shown = [Patch(facecolor=COLOURS[code], label=WORDS[code]) for code in np.unique(data["outcome"].values)]
    lines = [
        Line2D([], [], color="black", label=f"step: {words}", **style)
        for name, (words, style) in LINES.items()
        if np.isfinite(data[name].values).any()
    ]
    left.legend(
        handles=[*shown, *lines],
        frameon=False,
        fontsize="small",
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=2,
    )
    plot_converging_starts(data, ax=middle)
    middle.set_title("starts that converge, by step size", fontsize="medium", loc="left")
    plot_drifts(data, ax=right)
    right.set_title("matrix runs with minibatches", fontsize="medium", loc="left")
    return figure


def _fill(axes: Axes, x: Any, steps: Any, outcome: Any) -> None:
    norm = BoundaryNorm(np.arange(len(OUTCOMES) + 1) - 0.5, len(OUTCOMES))
    axes.pcolormesh(x, steps, outcome, cmap=ListedColormap(list(COLOURS)), norm=norm, rasterized=True)


def _own_axes() -> Axes:
    import matplotlib.pyplot as plt

    _, made = plt.subplots(figsize=SIZE, layout="constrained")
    return made


def _label(name: str) -> str:
    if name == "correlation":
        return r"correlation $\sigma$ (output $\times$ input)"
    letters, _, layer = name.partition("_")
    if letters == "theta":
        return rf"start $\theta_{{{layer}}}(0)$ (dimensionless)"
    return rf"feedback ${letters}_{{{layer}}}$ (dimensionless)"
