"""The potential in which the clock of a mode rolls downhill, with the way of the start on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError
from fa_dynamics.plots.style import finish, new_axes, rank_colours, spread

if TYPE_CHECKING:
    from fa_dynamics.modes.equilibria import Equilibria

Array = NDArray[np.float64]

STEPS = 40
"""Equal time steps marked on the way, by default."""

POINTS = 1001
"""Points of every curve."""

MARKERS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "linestyle": ""},
    "unstable": {"marker": "x", "linestyle": "", "markeredgewidth": 2},
    "semi-stable": {"marker": "D", "linestyle": "", "markerfacecolor": "white"},
}

MARGIN, HEADROOM = 0.15, 0.3
"""Parts of the range of marked points that is shown beyond them, to the sides and above."""


def plot_landscape(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    t: ArrayLike | None = None,
    rule: RuleLike = "fa",
    ax: Axes | None = None,
) -> Axes:
    """Potential V = lambda int p dtau - sigma tau of every mode over theta_1, and the trajectory that descends in it.

    dtau/dt = -dV/dtau, hence dtheta_1/dt = -c_1^2 dV/dtheta_1. With c_L = 1, V = lambda theta_L^2 / 2 - sigma tau up
    to a constant, which makes V zero at the start; its degree is even, 2^L at most. Dots on the way stand at equal
    time steps, so that they crowd where the mode is slow. If theta_1 is frozen, the first weight that moves takes its
    place.

    Parameters
    ----------
    correlation, curvature, depth, start, feedback, rule
        As for `fa_dynamics.modes.equilibria.equilibria`. Of more than eight modes, eight are shown.
    t
        Increasing times of the dots. Default: 40 steps until the last of the modes is learned within 1 %.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `equilibria`; a mode whose strength never moves, or modes of which different layers move first.

    Notes
    -----
    Source: girotti2021.global-convergence.
    """
    from fa_dynamics.modes.equilibria import equilibria
    from fa_dynamics.modes.solve import solve_modes

    found = equilibria(correlation, curvature, depth, start, feedback, rule=rule)
    layer, rate = _first_moving(found)
    given: Any = (correlation, curvature, depth, rule, start, feedback)
    times = np.linspace(0.0, _duration(found, solve_modes(*given, t=[0.0])), STEPS + 1) if t is None else t
    path = solve_modes(*given, t=times).weights[layer]
    shown = [mode - 1 for mode in spread(len(found.correlation))]
    places = np.vstack([found.start[layer][None], found.weights[layer], path])[:, shown]
    low, high = float(np.nanmin(places)), float(np.nanmax(places))
    space = MARGIN * (high - low) or 1.0
    axes = new_axes(ax)
    marked = [0.0]
    for colour, mode in zip(rank_colours(len(shown)), shown, strict=True):
        own = _Landscape(found, mode, layer, float(rate[mode]))
        x = np.linspace(low - space, high + space, POINTS)
        axes.plot(x, own.height(x), color=colour, linewidth=1.2, label=f"mode {mode + 1}")
        marked += _draw_way(axes, own, path[:, mode], colour)
    axes.set_xlim(low - space, high + space)
    bottom, top = min(marked), max(marked)
    room = (top - bottom) or 1.0
    axes.set_ylim(bottom - 0.5 * HEADROOM * room, top + HEADROOM * room)
    _legend(axes, len(shown), set(found.stability[:, shown].ravel().tolist()))
    return finish(axes, rf"weight $\theta_{layer + 1}$ (dimensionless)", r"potential $V$ (dimensionless)")


@dataclass(frozen=True, eq=False)
class _Landscape:
    """V of one mode as a function of the first weight that moves, linear in tau with slope `rate`."""

    found: Equilibria
    mode: int
    layer: int
    rate: float

    def height(self, x: Array) -> Array:
        tau = (x - self.found.start[self.layer, self.mode]) / self.rate
        columns = np.zeros((len(tau), len(self.found.correlation)))
        columns[:, self.mode] = tau
        return self.found.potential(columns)[:, self.mode]


def _draw_way(axes: Axes, own: _Landscape, path: Array, colour: Any) -> list[float]:
    """Trajectory, equilibria and start of one mode; the heights that have to be visible."""
    found, mode = own.found, own.mode
    at = found.weights[own.layer, :, mode]
    reached = found.reached[mode]
    way = np.linspace(path[0], at[reached], POINTS)
    axes.plot(way, own.height(way), color=colour, linewidth=3.0, alpha=0.45, solid_capstyle="round")
    axes.plot(path, own.height(path), "o", color=colour, markersize=3.5)
    for i in range(int(found.count[mode])):
        kind = found.stability[i, mode]
        size = 9 if i == reached else 6
        axes.plot(at[i], own.height(at[[i]]), color=colour, markersize=size, zorder=3, **MARKERS[kind])
    axes.plot(path[0], 0.0, "s", color="black", markerfacecolor="white", markersize=7, zorder=4)
    return [float(value) for value in own.height(np.concatenate([at[: found.count[mode]], path]))]


def _first_moving(found: Equilibria) -> tuple[int, Array]:
    """The first layer that moves, the same for all modes, and its velocity along the clock, (modes,)."""
    still = np.flatnonzero(found.kind != "points")
    if len(still):
        raise InputError(
            f"start: the strength of mode {still[0] + 1} never moves along its leaf, expected a start and feedback "
            "that let it move"
        )
    layers = np.argmax(found.factors != 0, axis=0)
    if (layers != layers[0]).any():
        raise InputError("feedback: the first weight that moves differs between modes, expected the same for all")
    first = int(layers[0])
    return first, np.asarray(found.factors[first] * found.start[:first].prod(axis=0))


def _duration(found: Equilibria, curves: Any) -> float:
    """Time until all modes are learned within 1 %; for targets of zero, until they should be close."""
    modes = np.arange(len(found.correlation))
    learned = curves.learning_times(0.99)
    rest = np.abs(found.tau[found.reached, modes])
    velocity = np.abs(found.correlation - found.curvature * found.start.prod(axis=0))
    rate = found.rate[found.reached, modes]
    with np.errstate(divide="ignore", invalid="ignore"):
        unhurried = np.where(velocity > 0, 5 * rest / velocity, 0.0)
        relaxed = np.where(rate > 0, np.maximum(unhurried, 5 / rate), unhurried)
    times = np.where(np.isfinite(learned), learned, np.where(velocity > 0, relaxed, 0.0))
    return float(times.max()) or 1.0


def _legend(axes: Axes, modes: int, kinds: set[str]) -> None:
    handles: list[Any] = list(axes.get_legend_handles_labels()[0]) if modes > 1 else []
    handles += [
        Line2D([], [], marker="s", markersize=7, markerfacecolor="white", color="black", linestyle="", label="start"),
        Line2D([], [], marker="o", markersize=3.5, color="grey", linestyle="", label="equal time steps"),
        Line2D([], [], marker="o", markersize=9, color="grey", linestyle="", label="comes to rest"),
    ]
    handles += [Line2D([], [], color="grey", label=kind, **MARKERS[kind]) for kind in MARKERS if kind in kinds]
    axes.legend(handles=handles, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
