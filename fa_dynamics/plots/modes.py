"""Mode-learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.plots.style import THEORY, TIME, finish, new_axes, rank_colours, spread

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory


def plot_modes(
    run: Trajectory,
    *,
    modes: Sequence[int] | None = None,
    theory: tuple[ArrayLike, ArrayLike] | None = None,
    relative: bool = False,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Mode strengths p_k(t) = u_k^T P v_k, with their targets s_k as thin lines.

    Parameters
    ----------
    run
        A trajectory; its curve between the solver's steps is drawn.
    modes
        Modes to show, counted from 1. Default: all, or eight spread over the ranks.
    theory
        Times and predicted strengths of all modes, (time,) and (time, mode): drawn as thin dashed lines.
    relative
        Draw p_k / s_k.
    legend
        Name the modes.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        A mode that the task does not have.
    """
    target = run.task.modes.target
    chosen = _chosen(modes, len(target))
    axes = new_axes(ax)
    t, strength = run.curve.sample() if len(run.curve.values) else (run.t, run.mode_strength)
    scale = np.where(target != 0, target, 1.0) if relative else np.ones_like(target)
    for colour, mode in zip(rank_colours(len(chosen)), chosen, strict=True):
        size = scale[mode]
        axes.axhline(target[mode] / size, color=colour, linewidth=0.6, alpha=0.7)
        axes.plot(
            t,
            strength[:, mode] / size,
            color=colour,
            linewidth=2.8 if theory is not None else 1.8,
            label=f"mode {mode + 1}",
        )
        if theory is not None:
            times, predicted = np.asarray(theory[0]), np.asarray(theory[1])
            axes.plot(times, predicted[:, mode] / size, **THEORY)
    if legend:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    label = r"mode strength $p_k / s_k$ (dimensionless)" if relative else r"mode strength $p_k$ (output per input)"
    return finish(axes, TIME, label)


def _chosen(modes: Sequence[int] | None, count: int) -> list[int]:
    if modes is None:
        return [mode - 1 for mode in spread(count)]
    if not isinstance(modes, Sequence | np.ndarray) or isinstance(modes, str):
        raise InputError(f"modes: {modes!r} given, expected whole numbers from 1 to {count}")
    for mode in modes:
        if isinstance(mode, bool) or not isinstance(mode, int | np.integer) or not 1 <= mode <= count:
            raise InputError(f"modes: {mode!r} given, expected whole numbers from 1 to {count}")
    return [int(mode) - 1 for mode in modes]


def plot_learning_times(times: NDArray[np.float64], target: NDArray[np.float64], *, ax: Axes | None = None) -> Axes:
    """Learning time against target size, on logarithmic axes; modes that are never learned are left out."""
    axes = new_axes(ax)
    shown = np.isfinite(times) & (times > 0) & (target != 0)
    axes.loglog(np.abs(target[shown]), times[shown], "o", color=rank_colours(1)[0], markersize=4)
    for axis in (axes.xaxis, axes.yaxis):  # labels of minor ticks would run into each other
        axis.set_minor_formatter(NullFormatter())
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return finish(axes, r"target $|s_k|$ (output per input)", r"learning time (learning rate $\times$ steps)")
