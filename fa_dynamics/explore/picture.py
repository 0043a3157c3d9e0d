"""The three panels of the page: curves of the chosen rule, curves of backpropagation, the potential."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.explore.solved import Landscape, Learned, Solved
from fa_dynamics.explore.svg import Panel, colours

Array = NDArray[np.float64]

NAMES = {
    "bp": "Backpropagation",
    "fa": "Feedback alignment",
    "dfa": "Direct feedback alignment",
    "sign": "Sign-symmetric feedback",
    "kp": "Kolen-Pollack feedback",
}
"""Titles of rules."""

TIME = "time t (learning rate \N{MULTIPLICATION SIGN} steps)"
STRENGTH = "mode strength p\N{LATIN SUBSCRIPT SMALL LETTER K} (output per input)"
"""Labels of axes; curvatures are 1."""


def picture(solved: Solved, moment: float = 0.0) -> str:
    """Panels as HTML, with dots where every mode is at a moment.

    Parameters
    ----------
    solved
        What to draw.
    moment
        Part of the time shown of the chosen rule, 0 to 1; dots of backpropagation stand at the same time t.
    """
    t = moment * float(solved.chosen.curves.t[-1])
    panels = [curve_panel(solved.chosen, t, "chosen"), curve_panel(solved.backpropagation, t, "backpropagation")]
    if isinstance(solved.landscape, Landscape):
        panels.append(landscape_panel(solved.landscape, solved.chosen.curves.t, t))
    else:
        panels.append(f'<p class="panel sentence">No potential: {solved.landscape}.</p>')
    shown = escape(f"{solved.state.query()}&moment={moment:g}")
    return f'<div class="panels" data-shown="{shown}">{"".join(panels)}</div>'


def curve_panel(learned: Learned, t: float, name: str) -> str:
    """Mode strengths over time, targets as dashed lines, learning times as ticks on them."""
    curves = learned.curves
    inside = t <= curves.t[-1]
    heights = np.concatenate([curves.strength.ravel(), curves.correlation, [0.0]])
    panel = Panel(name, (0.0, float(curves.t[-1])), _room(heights, 0.06))
    marks = [panel.level(float(target), colour) for target, colour in _each(curves.correlation)]
    marks += panel.lines(curves.t, curves.strength, colours(len(curves.correlation)))
    if inside:
        marks.append(panel.line(np.array([t, t]), np.array(panel.y), "currentColor", 1.0, 'opacity="0.4"'))
    for (p, colour), time in zip(_each(curves.strength.T), learned.times, strict=True):
        marks.append(panel.dot(time, float(np.interp(time, curves.t, p)), colour, 3.0, "white"))
        if inside:
            marks.append(panel.dot(t, float(np.interp(t, curves.t, p)), colour))
    return panel.draw(marks, NAMES[curves.rule.name], TIME, STRENGTH)


def landscape_panel(landscape: Landscape, times: Array, t: float) -> str:
    """The potential of every mode over the first weight that moves, with the way of the start on it."""
    heights = np.concatenate([landscape.path_height, landscape.rest_height])
    places = (float(landscape.x[0]), float(landscape.x[-1]))
    panel = Panel("landscape", places, _room(heights[np.isfinite(heights)], 0.22))
    shades = colours(landscape.path.shape[1])
    marks = panel.lines(landscape.x, landscape.height, shades, 1.2)
    marks += panel.lines(landscape.path, landscape.path_height, shades, 4.0, 'opacity="0.4" stroke-linecap="round"')
    for k, colour in enumerate(shades):
        for x, y, kind in zip(
            landscape.rest[:, k], landscape.rest_height[:, k], landscape.stability[:, k], strict=True
        ):
            marks.append(panel.dot(x, y, colour, 3.0, colour if kind == "stable" else "white"))
        way, height = landscape.path[:, k], landscape.path_height[:, k]
        marks.append(panel.dot(float(np.interp(t, times, way)), float(np.interp(t, times, height)), colour))
    subscript = "\u2080\u2081\u2082\u2083\u2084"[landscape.layer]
    return panel.draw(
        marks, "Potential of the modes", f"weight \u03b8{subscript} (dimensionless)", "potential V (dimensionless)"
    )


def _each(rows: Array) -> zip[tuple[Array, str]]:
    return zip(rows, colours(len(rows)), strict=True)


def _room(values: Array, part: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = part * (high - low) or 1.0
    return low - room, high + room
