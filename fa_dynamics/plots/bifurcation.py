"""Equilibria against a conserved constant: where they are born in pairs, and which of them attract."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.modes.equilibria import Equilibria, equilibria
from fa_dynamics.modes.integrate import layer_table
from fa_dynamics.plots.branches import Family, Fold
from fa_dynamics.plots.style import finish, new_axes, rank_colours, spread

Array = NDArray[np.float64]

STABLE: dict[str, Any] = {"linestyle": "-", "linewidth": 1.9}
UNSTABLE: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.3}


def plot_bifurcation(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    layer: int = 1,
    k: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Equilibria of feedback alignment, as theta_1, against the conserved k_l = theta_l^2 - 2 b_{l+1} theta_{l+1}.

    Stable branches are solid, unstable ones dashed; they meet in folds, which are marked with their k. The thin
    vertical line is the start's own k, with the start on it and, as a large dot, the equilibrium it reaches. The other
    conserved constants are those of the start.

    Parameters
    ----------
    correlation, curvature, depth, start, feedback
        As for `fa_dynamics.modes.equilibria.equilibria`, with L >= 2 and nonzero feedback. Of more than eight modes,
        eight are shown.
    layer
        l, from 1 to L - 1.
    k
        Lowest and highest value. Default: a range around the start's own and the scale rho_l^2 of the folds.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `equilibria`; depth 1, feedback of zero, a layer that has no constant, a range that is none.

    Notes
    -----
    For L = 2 the curve is k = theta_1^2 - 2 b sigma / (lambda theta_1), with its fold at k = 3 rho^2, rho^3 =
    b sigma / lambda. Two folds of one pair of critical values of p that are closer together than 1/4000 of the
    range may be missed. Sources: girotti2021.fixed-points, `girotti2021.md` 5.
    """
    found = equilibria(correlation, curvature, depth, start, feedback)
    b = _feedback(found, feedback)
    if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not 1 <= layer < found.depth:
        raise InputError(f"layer: {layer!r} given, expected a whole number from 1 to {found.depth - 1}")
    own = found.start[:-1] ** 2 - 2 * b * found.start[1:]
    shown = [mode - 1 for mode in spread(len(found.correlation))]
    low, high = _range(k, own[layer - 1, shown], _scale(found, b, layer)[shown])
    axes = new_axes(ax)
    folds: list[tuple[Fold, Any, int]] = []
    for colour, mode in zip(rank_colours(len(shown)), shown, strict=True):
        branches, own_folds = Family(found, mode, layer - 1, own[:, mode], b[:, mode]).branches(low, high)
        for branch in branches:
            axes.plot(branch.k, branch.first_weight, color=colour, **(STABLE if branch.stable else UNSTABLE))
        folds += [(fold, colour, mode) for fold in own_folds]
        here = float(own[layer - 1, mode])
        if low <= here <= high:
            axes.axvline(here, color="grey", linewidth=0.7, zorder=0)
            reached = found.weights[0, found.reached[mode], mode]
            axes.plot(here, reached, "o", color=colour, markersize=8, zorder=3)
            axes.plot(here, found.start[0, mode], "s", color="black", markerfacecolor="white", markersize=6, zorder=4)
    axes.set_xlim(low, high)
    for fold, colour, _ in folds:
        x, y = fold.k, fold.first_weight
        axes.plot(x, y, "o", color=colour, markerfacecolor="white", markersize=6, zorder=3)
        if len(shown) > 1:  # labels of several modes would lie over each other: the legend has them
            continue
        text = f"$k = {x:.4g}$"
        side = "right" if fold.opens > 0 else "left"
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": side,
            "va": "center",
            "fontsize": "small",
            "color": colour,
        }
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.annotate(text, (x, y), (-7 * fold.opens, 0), **style)
    _legend(axes, shown, {mode: [fold.k for fold, _, own in folds if own == mode] for mode in shown})
    k_label = rf"conserved constant $k_{layer} = \theta_{layer}^2 - 2 b_{layer + 1} \theta_{layer + 1}$ (dimensionless)"
    return finish(axes, k_label, r"equilibrium $\theta_1$ (dimensionless)")


def _feedback(found: Equilibria, feedback: ArrayLike) -> Array:
    """b_2..b_L, (L-1, modes), nonzero."""
    if found.depth == 1:
        raise InputError("depth: 1 given, expected at least 2 layers, since one layer has no conserved constant")
    b = layer_table(feedback, found.depth - 1, len(found.correlation), "feedback")
    if (b == 0).any():
        raise InputError("feedback: 0 given, expected nonzero numbers")
    return b


def _scale(found: Equilibria, b: Array, layer: int) -> Array:
    """rho_l^2 of the depth normal form, (modes,): the scale of k_l at which equilibria appear."""
    powers = 2.0 ** np.arange(found.depth - 1, 0, -1)[:, None] - 1
    size = np.abs(found.target) * (np.abs(b) ** powers).prod(axis=0)
    rho = size ** (1 / (2.0**found.depth - 1))
    for factor in b[: layer - 1]:
        rho = rho**2 / np.abs(factor)
    return np.asarray(rho**2)


def _range(k: Any, own: Array, scale: Array) -> tuple[float, float]:
    if k is None:
        size = max(float(scale.max()), 0.25 * float(np.abs(own).max())) or 1.0
        return float(min(own.min(), 0.0)) - 2 * size, float(max(own.max(), 3 * scale.max())) + 2 * size
    try:
        low, high = (float(end) for end in k)
    except (TypeError, ValueError) as problem:
        raise InputError(f"k: {k!r} given, expected a lowest and a highest value") from problem
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"k: {k!r} given, expected a lowest and a highest value")
    return low, high


def _legend(axes: Axes, shown: list[int], folds: dict[int, list[float]]) -> None:
    colours = rank_colours(len(shown))
    handles = [
        Line2D([], [], color=colour, label=", ".join([f"mode {mode + 1}", *_places(folds[mode])]), **STABLE)
        for colour, mode in zip(colours, shown, strict=True)
        if len(shown) > 1
    ]
    handles += [
        Line2D([], [], color="grey", label="stable", **STABLE),
        Line2D([], [], color="grey", label="unstable", **UNSTABLE),
        Line2D([], [], color="black", marker="s", markerfacecolor="white", linestyle="", label="start"),
        Line2D([], [], color="grey", marker="o", markersize=8, linestyle="", label="comes to rest"),
    ]
    if any(folds.values()):
        handles.append(Line2D([], [], color="grey", marker="o", markerfacecolor="white", linestyle="", label="fold"))
    axes.legend(handles=handles, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def _places(folds: list[float]) -> list[str]:
    return ["fold at $k = $" + ", ".join(f"{k:.4g}" for k in folds)] if folds else []
