"""The figure of the demo: panels of mode-learning curves side by side, with the modes' images as legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.plots.modes import plot_modes
from fa_dynamics.plots.style import THEORY, rank_colours, spread

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory
    from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


def plot_panels(
    runs: Sequence[Trajectory],
    titles: Sequence[str],
    *,
    theory: Sequence[tuple[Array, Array] | None] | None = None,
    modes: Sequence[int] | None = None,
    notes: Sequence[str] | None = None,
    relative: bool = False,
    log_time: bool = False,
) -> Figure:
    """Mode-learning curves of several runs of one task side by side.

    Parameters
    ----------
    runs
        Trajectories of the same task.
    titles
        One per run.
    theory
        Times and predicted mode strengths per run, drawn as thin dashed lines; None for none.
    modes
        Modes to show, counted from 1. Default: all, or eight spread over the ranks.
    notes
        A short line under the title of every panel.
    relative
        Draw p_k / s_k.
    log_time
        A logarithmic time axis, the same for all runs, for runs whose times differ much.

    Returns
    -------
    Figure
        With a strip of the modes' images below where the task has images, else a legend.
    """
    if not runs or len(titles) != len(runs):
        raise InputError(f"titles: {len(titles)} given for {len(runs)} runs, expected one for each of at least one run")
    task = runs[0].task
    modes = spread(task.modes.target.size) if modes is None else modes
    theory = [None] * len(runs) if theory is None else theory
    images = task.image_shape is not None and task.n_outputs == np.prod(task.image_shape)
    figure = Figure(figsize=(4.0 * max(len(runs), 2), 5.0), layout="constrained")
    heights = [4.0, 1.0] if images else [1.0]
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    row = grid[0].subgridspec(1, len(runs))
    first: Any = None
    for column, (run, title, predicted) in enumerate(zip(runs, titles, theory, strict=True)):
        axes = figure.add_subplot(row[column], sharey=first)
        first = first or axes
        legend = not images and column == len(runs) - 1
        plot_modes(run, modes=modes, theory=predicted, relative=relative, legend=legend, ax=axes)
        axes.axhline(0, color="grey", linewidth=0.5, zorder=0)
        axes.set_title(title if notes is None else f"{title}\n{notes[column]}", fontsize="medium", loc="left")
        _limit_time(axes, runs if log_time else [run], run, log_time)
        if column:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
    if any(predicted is not None for predicted in theory):
        lines = [Line2D([], [], color="grey", linewidth=2.8), Line2D([], [], **THEORY)]
        names = ["full matrix flow", "derived mode equations"]
        figure.legend(lines, names, frameon=False, loc="outside lower center", ncols=2)
    if images:
        _image_strip(figure, grid[1], task, modes)
    return figure


def _limit_time(axes: Any, compared: Sequence[Trajectory], run: Trajectory, log_time: bool) -> None:
    """Show the run to its last step; on a logarithmic axis, from before any mode of any run has moved much."""
    last = run.t_last
    if last <= 0:
        return
    if not log_time:
        axes.set_xlim(0, last)
        return
    axes.set_xscale("log")
    axes.set_xlim(min(*(_first_move(other) for other in compared), last / 10), last)


def _first_move(run: Trajectory) -> float:
    """When the first mode has covered 1 % of its way."""
    if len(run.curve.values) == 0:
        return np.inf
    t, strength = run.curve.sample()
    way = np.abs(run.task.modes.target - strength[0])
    moved = (np.abs(strength - strength[0]) > 0.01 * way).any(axis=1) & (t > 0)
    return float(t[np.argmax(moved)]) if moved.any() else np.inf


def _image_strip(figure: Figure, place: Any, task: Task, modes: Sequence[int]) -> None:
    strip = place.subgridspec(1, len(modes))
    for column, (mode, colour) in enumerate(zip(modes, rank_colours(len(modes)), strict=True)):
        axes = figure.add_subplot(strip[column])
        image = task.modes.output_basis[:, mode - 1].reshape(task.image_shape)
        size = np.abs(image).max()
        axes.imshow(image, cmap="RdBu_r", vmin=-size, vmax=size)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=colour, linewidth=3)
        axes.set_xlabel(f"mode {mode}\n$s$ = {task.modes.target[mode - 1]:.3f}", fontsize="small")
