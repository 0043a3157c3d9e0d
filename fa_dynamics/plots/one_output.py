"""Two-layer networks with one output: alignment against width, convergence, and a regularization that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from fa_dynamics.plots.style import THEORY, finish, new_axes, rank_colours

if TYPE_CHECKING:
    import xarray

COSINE = r"weight alignment $\cos(W_2^\top, B_2)$ (dimensionless)"
SUM_TIME = r"time $t$ (1 / eigenvalue of $XX^\top$)"
RESIDUAL = r"residual $|PX - Y|$ (output)"
SHARE = r"relative residual $|r|/|r_0|$ (dimensionless)"

FLOOR = 1e-11
"""Smallest relative residual shown; rounding takes over below."""


def plot_reference_alignment(data: xarray.Dataset) -> Figure:
    """Alignment against width for every decay: draws, their mean, and what the authors recorded.

    Parameters
    ----------
    data
        The dataset of the experiment ``song2021-alignment``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(8.2, 5.0), layout="constrained")
    axes = figure.subplots()
    plot_alignment_by_width(data, ax=axes)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside lower left", ncols=2, fontsize="small")
    return figure


def plot_alignment_by_width(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draws (crosses: stopped at the least number of steps), means with standard errors, recorded means."""
    axes = new_axes(ax)
    widths, decays = data["width"].values, data["regularization"].values
    axes.set_xscale("log")
    for place, (decay, colour) in enumerate(zip(decays, rank_colours(len(decays)), strict=True)):
        part = data.sel(regularization=decay)
        values = part["cosine"].values
        count = np.isfinite(values).sum(axis=1)
        least = part["steps"].values == part["least_steps"].values[:, None]
        # Draws to the left of the width, recorded means to the right, so that neither hides the mean.
        left = np.repeat(widths[:, None] * 0.9, values.shape[1], axis=1)
        right = widths * 1.1
        first = place == 0
        axes.plot(left[~least], values[~least], "o", ms=3, alpha=0.35, color=colour, mew=0)
        axes.plot(left[least], values[least], "x", ms=4, alpha=0.45, color=colour)
        error = np.nanstd(values, axis=1, ddof=1) / np.sqrt(count) if values.shape[1] > 1 else None
        mean = np.nanmean(values, axis=1)
        axes.errorbar(widths, mean, error, color=colour, marker="o", ms=6, lw=1.8, capsize=3)
        label = "recorded by the authors: mean, standard deviation" if first else None
        known = np.isfinite(part["recorded_mean"].values)
        axes.errorbar(
            right[known],
            part["recorded_mean"].values[known],
            part["recorded_sd"].values[known],
            color=colour,
            marker="s",
            ms=7,
            mfc="none",
            ls="",
            capsize=5,
            lw=1.0,
            label=label,
        )
        axes.annotate(
            rf"decay $\lambda$ = {decay:g}",
            (widths[-1] * 1.1, mean[-1]),
            (12, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    if (decays == 0).any():
        line = np.geomspace(widths.min() / 1.15, widths.max() * 1.15, 100)
        axes.plot(line, data.attrs["n_samples"] / line, **THEORY, label=r"wide limit $N/n_1$ without decay")
    axes.plot([], [], "o", ms=3, alpha=0.6, color="grey", label="draws")
    axes.plot([], [], "x", ms=4, alpha=0.6, color="grey", label="draws that ended at the least number of steps")
    axes.errorbar(
        [], [], [], color="grey", marker="o", ms=6, lw=1.8, capsize=3, label="mean of the draws, standard error"
    )
    axes.set_xlim(widths.min() / 1.5, widths.max() * 2.4)
    axes.set_ylim(-0.05, 1.0)
    _width_ticks(axes, widths)
    return finish(axes, r"width $n_1$ (hidden units)", COSINE)


def _width_ticks(axes: Axes, widths: Any) -> None:
    axes.xaxis.set_major_locator(FixedLocator([float(width) for width in widths]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def plot_convergence(data: xarray.Dataset) -> Figure:
    """Residuals under their guaranteed bounds, the guaranteed rate, narrow networks, and backpropagation.

    Parameters
    ----------
    data
        The dataset of the experiment ``song2021-convergence``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(12.0, 8.2), layout="constrained")
    bounds, rates, narrow, speed = figure.subplots(2, 2).ravel()
    plot_residual_bounds(data, ax=bounds)
    bounds.set_title("exponential decay; dashed: guaranteed", fontsize="medium", loc="left")
    plot_guaranteed_rate(data, ax=rates)
    rates.set_title("the guaranteed rate grows with the width", fontsize="medium", loc="left")
    _residuals(narrow, data["narrow_time"].values, data["narrow_residual"].values, data["narrow_width"].values)
    narrow.set_xscale("log")
    narrow.set_title("narrow, anti-aligned start, no guarantee: still converges", fontsize="medium", loc="left")
    plot_half_speed(data, ax=speed)
    speed.set_title("backpropagation at half the time (dotted)", fontsize="medium", loc="left")
    return figure


def plot_residual_bounds(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Relative residuals of the first draw of every width, with exp(-mu gamma_- t) where mu > 0."""
    axes = new_axes(ax)
    t = data["time"].values
    colours = _residuals(axes, t, data["residual"].values, data["width"].values)
    for mu, colour in zip(data["mu"].values[:, 0], colours, strict=True):
        if mu > 0:
            axes.plot(t, np.exp(-mu * t), color=colour, linestyle="--", linewidth=1.0)
    axes.set_xlim(0, t[-1])
    return axes


def plot_guaranteed_rate(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """mu of every draw against n_1 / N, its wide limit, and the rate that was seen."""
    axes = new_axes(ax)
    ratio = data["width"].values / data.attrs["n_samples"]
    dark, light = rank_colours(2)
    every = np.repeat(ratio[:, None], data.sizes["draw"], axis=1)
    axes.plot(every, data["late_rate"].values, "^", color=light, ms=5, alpha=0.6)
    axes.plot([], [], "^", color=light, ms=5, label="late rate of the residual")
    axes.plot(every, data["mu"].values, "o", color=dark, ms=4, alpha=0.5)
    axes.plot([], [], "o", color=dark, ms=4, label=r"guaranteed $\mu$, draws")
    known = np.isfinite(data["recorded_mu"].values)
    if known.any():
        axes.plot(ratio[known], data["recorded_mu"].values[known], "s", color=dark, ms=9, mfc="none", label="recorded")
    line = np.geomspace(min(1.8, ratio.min()), ratio.max() * 1.1, 200)
    x = line**-0.5
    axes.plot(line, (1 - x) ** 2 - x**2 / 2, **THEORY, label=r"$(1-x)^2-x^2/2,\ x=\sqrt{N/n_1}$")
    axes.axhline(0, color="grey", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    _width_ticks(axes, ratio)
    axes.legend(frameon=False, fontsize="small")
    return finish(axes, r"width over samples $n_1/N$ (dimensionless)", r"rate (smallest eigenvalue of $XX^\top$)")


def plot_half_speed(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Residuals of the narrowest and the widest network, and of backpropagation against twice its time."""
    axes = new_axes(ax)
    chosen = [0, -1] if data.sizes["width"] > 1 else [0]
    part = data.isel(width=chosen)
    t = part["time"].values
    colours = _residuals(axes, t, part["residual"].values, part["width"].values)
    for values, colour in zip(part["backprop_residual"].values, colours, strict=True):
        axes.plot(2 * t, np.where(values > FLOOR, values, np.nan), color="black", linewidth=2.6, linestyle=":")
        axes.plot(2 * t, np.where(values > FLOOR, values, np.nan), color=colour, linewidth=1.4, linestyle=":")
    axes.set_xlim(0, t[-1])
    return finish(axes, r"time, of backpropagation twice the time $(1/\gamma_-)$", SHARE)


def _residuals(axes: Axes, t: Any, residuals: Any, widths: Any) -> list[Any]:
    """One curve per width, down to where rounding takes over."""
    colours = rank_colours(len(widths))
    for width, values, colour in zip(widths, residuals, colours, strict=True):
        shown = np.where(values > FLOOR, values, np.nan)
        axes.plot(t, shown, color=colour, linewidth=1.8, label=rf"$n_1$ = {width}")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 4.0)
    axes.legend(frameon=False, fontsize="small")
    finish(axes, r"time $(1/\gamma_-)$", SHARE)
    return colours


SCHEDULE_STYLES: dict[str, Any] = {"constant": "-", "cut off": "-", "cut too early": "--", "none": ":"}


def plot_cut_off(data: xarray.Dataset) -> Figure:
    """Alignment and residual under four schedules of decay, and the laws of decay that stays.

    Parameters
    ----------
    data
        The dataset of the experiment ``song2021-cutoff``, or its NetCDF file read back.
    """
    figure = Figure(figsize=(12.0, 8.2), layout="constrained")
    cosine, residual, family, late = figure.subplots(2, 2).ravel()
    _schedules(data, "cosine", cosine)
    cosine.set_ylim(-0.05, 1.0)
    cosine.set_title("when the decay ends, the alignment stays", fontsize="medium", loc="left")
    cosine.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(0.0, 0.98))
    finish(cosine, SUM_TIME, COSINE)
    _schedules(data, "residual", residual)
    residual.set_yscale("log")
    residual.set_ylim(1e-12, 1e3)
    residual.set_title("and the residual vanishes; constant decay leaves one", fontsize="medium", loc="left")
    finish(residual, SUM_TIME, RESIDUAL)
    plot_uniform_law(data, ax=family)
    family.set_title("constant decay: wide networks share one curve", fontsize="medium", loc="left")
    plot_late_laws(data, ax=late)
    late.set_title("constant decay, width 30: late laws (dashed)", fontsize="medium", loc="left")
    return figure


def plot_uniform_law(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Alignment of several widths against t / sqrt(n_1), with the law."""
    axes = new_axes(ax)
    t, widths = data["natural_time"].values, data["family_width"].values
    for width, values, colour in zip(widths, data["family_cosine"].values, rank_colours(len(widths)), strict=True):
        axes.plot(t, values, color=colour, linewidth=1.8, label=rf"$n_1$ = {width}")
    axes.plot(t, data["law_cosine"].values, **THEORY, label="law")
    axes.set(xlim=(0, t[-1]), ylim=(0, 1))
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    return finish(axes, r"$t / \sqrt{n_1}$ (1 / eigenvalue of $XX^\top$)", COSINE)


def plot_late_laws(data: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """|U|, 1 - cos, |E| and W_2 B_2 against time on logarithmic axes, with their laws."""
    axes = new_axes(ax)
    t, names = data["late_time"].values, data["quantity"].values
    units = {"|U|": "$|U|$", "1 - cos": r"$1-\cos$", "|E|": "$|E|$", "W_2 B_2": "$W_2B_2$"}
    for place, colour in enumerate(rank_colours(len(names))):
        values = data["late_seen"].values[place]
        axes.plot(t, values, color=colour, linewidth=1.8)
        axes.plot(t, data["late_law"].values[place], **THEORY)
        # 1 - cos and |E| end close to each other.
        shift = {"1 - cos": -7, "|E|": 7}.get(str(names[place]), 0)
        label = units.get(str(names[place]), str(names[place]))
        axes.annotate(label, (t[-1], values[-1]), (6, shift), textcoords="offset points", color=colour, va="center")
    axes.set(xscale="log", yscale="log", xlim=(t[0], t[-1] * 5))
    return finish(axes, SUM_TIME, "value (each in its own unit, sum loss)")


def _schedules(data: xarray.Dataset, name: str, axes: Axes) -> None:
    t, schedules = data["time"].values, data["schedule"].values
    for schedule, values, colour in zip(schedules, data[name].values, rank_colours(len(schedules)), strict=True):
        label = f"decay {schedule}" if schedule != "none" else "no decay"
        if name == "residual":  # rounding takes over below
            fallen = np.flatnonzero(values < 1e-11)
            values = np.where(np.arange(len(t)) > fallen[0], np.nan, values) if len(fallen) else values
        axes.plot(
            t, values, color=colour, linewidth=2.0, linestyle=SCHEDULE_STYLES.get(str(schedule), "-"), label=label
        )
    when = data.attrs["cut"] * np.sqrt(data.attrs["width"])
    axes.axvline(when, color="grey", linewidth=0.8, zorder=0)
    axes.text(when, 0.02, " decay ends", color="grey", transform=axes.get_xaxis_transform(), fontsize="small")
    axes.set_xlim(0, t[-1])
