"""Quantiles of a sweep: one observable against an axis of the grid, or against time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.plots.style import TIME, finish, rank_colours, spread

if TYPE_CHECKING:
    import xarray

PANELS = 6
"""Points of the grid shown at most, spread over it."""

COMPLETED = 1
"""Code of a run that reached its end."""

BROAD = 20.0
"""An axis, or positive values, that span more than this factor are drawn on a logarithmic scale."""

BAND = (0.05, 0.95)


def plot_sweep(data: xarray.Dataset, observable: str, x: str | None = None, *, band: Sequence[float] = BAND) -> Figure:
    """Median over the draws as lines, a band between two quantiles, one panel per point of the rest of the grid.

    Parameters
    ----------
    data
        Of a sweep.
    observable
        Its name.
    x
        Axis of the grid, or 'time'. Default: time if the observable has it, else the longest axis of numbers.
    band
        Lower and upper quantile.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        An axis that is not there, or an observable with more dimensions than a line per mode or layer can show.
    """
    import matplotlib.pyplot as plt

    array = data[observable].where(data["status"] == COMPLETED)
    axes = [str(dim) for dim in data["status"].dims if dim != "draw"]
    inner = [str(dim) for dim in array.dims if dim not in (*axes, "draw")]
    chosen = _abscissa(data, axes, inner, x)
    if chosen != "time" and "time" in inner:
        array, inner = array.isel(time=-1), [dim for dim in inner if dim != "time"]
    lines = [dim for dim in inner if dim != chosen]
    if len(lines) > 1:
        raise InputError(f"observable: {observable!r} has dimensions {inner}, expected time and one more at most")
    others = [axis for axis in axes if axis != chosen]
    points = list(product(*(range(data.sizes[axis]) for axis in others)))
    shown = [points[number] for number in np.unique(np.linspace(0, len(points) - 1, PANELS).round().astype(int))]
    columns = 2 if len(shown) == 4 else min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(1.8 + 3.4 * columns, 0.6 + 2.9 * rows), squeeze=False, sharey=True, layout="constrained"
    )
    order = [chosen, *lines, "draw"]
    for panel, point in zip(panels.flat, shown, strict=False):
        at = dict(zip(others, point, strict=True))
        own = array.isel(at).transpose(*order).values
        _panel(panel, _places(data, chosen, at), own.reshape(own.shape[0], -1, own.shape[-1]), band)
        panel.set_title(", ".join(f"{axis} {_text(data[axis].values[i])}" for axis, i in at.items()), fontsize="small")
        finish(panel, TIME if chosen == "time" else chosen, _label(observable, array.attrs))
        _ticks(panel, data, chosen)
    for panel in panels.flat[len(shown) :]:
        figure.delaxes(panel)
    for panel in panels[:, 1:].flat:  # the first column tells it for all
        panel.set_ylabel("")
    if lines:
        names = [f"{lines[0].replace('_', ' ')} {value}" for value in data[lines[0]].values]
        handles = panels[0, 0].get_lines()
        number = [names[line - 1] for line in spread(len(names))]
        figure.legend(handles[: len(number)], number, loc="outside right center", frameon=False, fontsize="small")
    left_out = int((data["status"] != COMPLETED).sum())
    told = f"median and {100 * band[0]:g}-{100 * band[1]:g} % of {data.sizes['draw']} draws"
    told += f"; {left_out} runs that did not complete are left out" if left_out else ""
    told += f"; {len(shown)} of {len(points)} points of the grid" if len(shown) < len(points) else ""
    figure.suptitle(told, fontsize="small")
    plt.close(figure)
    return figure


def _abscissa(data: xarray.Dataset, axes: list[str], inner: list[str], x: str | None) -> str:
    known = [*axes, *(["time"] if "time" in inner else [])]
    if x is not None:
        if x not in known:
            raise InputError(f"x: {x!r} given; {nearest(str(x), known)}")
        return x
    if "time" in inner:
        return "time"
    if not axes:
        raise InputError("x: the sweep has no grid, expected an observable with time")
    numbers = [axis for axis in axes if data[axis].dtype.kind in "if"]
    return max(numbers, key=lambda axis: data.sizes[axis]) if numbers else axes[-1]


def _places(data: xarray.Dataset, x: str, at: dict[str, int]) -> NDArray[np.float64]:
    if x == "time" and "time" not in data.coords:  # points of the grid have times of their own
        own = data["times"]
        return np.asarray(own.isel({axis: i for axis, i in at.items() if axis in own.dims}).values, dtype=float)
    values = data[x].values
    return np.asarray(values if values.dtype.kind in "if" else np.arange(len(values)), dtype=float)


def _panel(ax: Axes, x: NDArray[np.float64], values: NDArray[np.float64], band: Sequence[float]) -> None:
    """Lines (x, line, draw): missing draws are nan, learning times that were not reached inf."""
    chosen = [line - 1 for line in spread(values.shape[1])]
    drawn: list[NDArray[np.float64]] = []
    for colour, line in zip(rank_colours(len(chosen)), chosen, strict=True):
        low, middle, high = (_by_rank(values[:, line], level) for level in (band[0], 0.5, band[1]))
        ax.plot(x, middle, color=colour, linewidth=1.6, marker="o" if len(x) <= PANELS * 4 else None, markersize=3)
        ax.fill_between(x, low, high, where=np.isfinite(high).tolist(), color=colour, alpha=0.25, linewidth=0)
        drawn += [low, middle, high]
    if x.min() > 0 and x.max() / x.min() > BROAD / 2 and len(x) > 2:
        ax.set_xscale("log")
    finite = np.concatenate(drawn)[np.isfinite(np.concatenate(drawn))]
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > BROAD:
        ax.set_yscale("log")


def _by_rank(values: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Quantile of every row: inf counts as late, nan not at all."""
    rows = [row[~np.isnan(row)] for row in values]
    found = [np.quantile(row, level, method="inverted_cdf") if row.size else np.nan for row in rows]
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(found), found, np.nan)


def _ticks(ax: Axes, data: xarray.Dataset, x: str) -> None:
    """Values of the grid themselves, where there are few."""
    if x == "time":
        return
    values = data[x].values
    if values.dtype.kind not in "if":
        ax.set_xticks(range(len(values)), [_text(value) for value in values])
    elif len(values) <= 2 * PANELS:
        from matplotlib.ticker import NullLocator

        ax.set_xticks(values, [_text(value) for value in values])
        ax.xaxis.set_minor_locator(NullLocator())


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float | np.number) else str(value)


def _label(observable: str, attributes: Any) -> str:
    return f"{observable.replace('_', ' ')} ({attributes.get('units', 'dimensionless')})"
