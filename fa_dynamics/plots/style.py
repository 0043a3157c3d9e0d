"""Colours and axes shared by all figures."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

DARKEST, LIGHTEST = 0.2, 0.86
"""The part of the viridis scale that is used: black lines stay visible on the darkest colour, and the lightest one
stays visible on white and on paper copies."""

THEORY: dict[str, Any] = {"color": "black", "linewidth": 1.0, "dashes": (4, 3)}
"""Predicted curves, drawn over simulated ones."""

TIME = r"time $t$ (learning rate $\times$ steps)"

FEW = 8
"""Modes shown if nobody says which."""


def rank_colours(count: int) -> list[Any]:
    """Colours from dark (first) to light (last); their lightness rises, so that they stay apart in grey."""
    return [mpl.colormaps["viridis"](position) for position in np.linspace(DARKEST, LIGHTEST, count)]


def layer_styles(count: int) -> list[dict[str, Any]]:
    """A colour and a line style per layer, so that neither has to carry the difference alone."""
    styles = ["-", "--", "-.", ":"]
    return [{"color": colour, "linestyle": styles[i % len(styles)]} for i, colour in enumerate(rank_colours(count))]


def new_axes(ax: Axes | None) -> Axes:
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    _, made = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    return made


def finish(ax: Axes, xlabel: str, ylabel: str) -> Axes:
    """Labels, and no box on top and right."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def spread(count: int) -> list[int]:
    """All modes, or eight of them spread over the ranks, counted from 1."""
    if count <= FEW:
        return list(range(1, count + 1))
    return [int(mode) for mode in np.unique(np.geomspace(1, count, FEW).round().astype(int))]
