"""Loss, alignments and singular values of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from fa_dynamics.errors import InputError
from fa_dynamics.plots.style import TIME, finish, layer_styles, new_axes

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory


def plot_loss(run: Trajectory, *, excess: bool = True, ax: Axes | None = None) -> Axes:
    """The loss 1/2 E|y - P x|^2 over time on a logarithmic scale, less the best attainable loss unless told not to."""
    axes = new_axes(ax)
    shown = run.loss - run.task.best_loss if excess else run.loss
    axes.semilogy(run.t, np.where(shown > 0, shown, np.nan), color=layer_styles(1)[0]["color"])
    label = "loss above the best (output squared)" if excess else "loss (output squared)"
    return finish(axes, TIME, label)


def plot_alignment(run: Trajectory, *, ax: Axes | None = None) -> Axes:
    """Update alignment of every layer (thick) and weight alignment of layers 2..L (thin), both cosines.

    Update alignment compares the step of a layer with the true gradient step; weight alignment compares W_l^T with what
    stands in its place. The two are different things.
    """
    axes = new_axes(ax)
    styles = layer_styles(run.depth)
    for layer in range(1, run.depth + 1):
        style = styles[layer - 1]
        axes.plot(run.t, run.update_alignment[:, layer - 1], linewidth=2, label=f"update, layer {layer}", **style)
        if layer > 1 and not np.isnan(run.weight_alignment[:, layer - 2]).all():
            axes.plot(
                run.t, run.weight_alignment[:, layer - 2], linewidth=0.9, label=f"weights, layer {layer}", **style
            )
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.set_ylim(-1.05, 1.05)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return finish(axes, TIME, "alignment: cosine (dimensionless)")


def plot_singular_values(run: Trajectory, *, count: int = 8, ax: Axes | None = None) -> Axes:
    """The largest singular values of every layer over time, one colour and line style per layer."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"count: {count!r} given, expected a whole number >= 1")
    axes = new_axes(ax)
    for layer, style in enumerate(layer_styles(run.depth), start=1):
        values = run.singular_values(layer)[:, :count]
        lines = axes.plot(run.t, values, linewidth=1.2, **style)
        lines[0].set_label(f"layer {layer}")
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return finish(axes, TIME, "singular values of $W_l$ (dimensionless)")
