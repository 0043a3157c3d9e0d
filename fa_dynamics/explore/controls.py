"""The controls of the page, set to a state, and the state that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import marimo as mo
import numpy as np

from fa_dynamics.explore.picture import NAMES
from fa_dynamics.explore.state import DEEPEST, MODES, State, numbers

SUBSCRIPTS = "\u2080\u2081\u2082\u2083\u2084"

WIDEST = 5.0
"""Sliders of weights reach this far, or as far as the state they are set to."""

STEP = 0.05
"""Of sliders of weights and feedback; a state they are set to may lie between."""


def rule_menu(base: State) -> Any:
    """Rules by their names."""
    options = {title: name for name, title in NAMES.items()}
    title = next(title for title, name in options.items() if name == base.rule)
    return mo.ui.dropdown(options, value=title, label="rule")


def geometric(spectrum: tuple[float, ...]) -> tuple[float, float, int] | None:
    """Strongest correlation, ratio and number of modes of a geometric spectrum within reach of its sliders."""
    first, modes = spectrum[0], len(spectrum)
    ratio = 0.5 if modes == 1 else spectrum[1] / first if first else 0.0
    within = 0.1 <= first <= 8 and 0.1 <= ratio <= 1
    return (first, ratio, modes) if within and tuple(first * ratio**k for k in range(modes)) == spectrum else None


def spectrum_sliders(base: State) -> Any:
    """Strongest correlation, ratio of neighbours, number of modes."""
    first, ratio, modes = geometric(base.spectrum) or (4.0, 0.5, len(base.spectrum))
    return mo.ui.dictionary(
        {
            "first": _slider(0.1, 8.0, 0.1, first, "strongest \u03c3\u2081"),
            "ratio": _slider(0.1, 1.0, 0.01, ratio, "ratio \u03c3\u2082/\u03c3\u2081"),
            "modes": _slider(1, MODES, 1, modes, "modes"),
        }
    )


def spectrum_text(base: State) -> Any:
    """Correlations of one's own, in the place of the sliders."""
    given = "" if geometric(base.spectrum) else ", ".join(map(repr, base.spectrum))
    return mo.ui.text(given, placeholder="3, 1, -1", label="or any \u03c3")


def layer_sliders(base: State) -> Any:
    """theta_1..theta_4 and b_2..b_4, and the distance to a repelling state if there is one.

    Layers that the state does not have start at 0, with feedback 1. The style sheet shows those that the depth has:
    making sliders anew at every depth takes the browser longer than the picture.
    """
    theta = [*base.start, *[0.0] * DEEPEST][:DEEPEST]
    feedback = [*base.feedback, *[1.0] * DEEPEST][: DEEPEST - 1]
    near = {} if base.distance is None else {"distance": _distance(base.distance)}
    weights = {
        f"theta_{layer}": _slider(-WIDEST, WIDEST, STEP, value, f"\u03b8{SUBSCRIPTS[layer]}(0)")
        for layer, value in enumerate(theta, 1)
    }
    signals = {
        f"b_{layer}": _slider(-2.0, 2.0, STEP, value, f"b{SUBSCRIPTS[layer]}")
        for layer, value in enumerate(feedback, 2)
    }
    return mo.ui.dictionary(near | weights | signals)


def state_of(
    base: State,
    rule: str,
    depth: int,
    spectrum: Mapping[str, float],
    own: str,
    layers: Mapping[str, float],
    level: float,
    same: bool,
) -> State:
    """What the controls say.

    Raises
    ------
    InputError
        A spectrum that is no list of numbers, or what is outside the limits of `State`.
    """
    values = numbers(own, "spectrum") or tuple(
        float(spectrum["first"]) * float(spectrum["ratio"]) ** k for k in range(int(spectrum["modes"]))
    )
    if "distance" in layers and depth == base.depth:
        exact = float(np.log10(base.distance or 1.0)) == layers["distance"]
        distance = base.distance if exact else 10.0 ** layers["distance"]
        return State(rule, values, base.start, base.feedback, float(level), same, distance)
    start = tuple(float(layers[f"theta_{layer}"]) for layer in range(1, depth + 1))
    feedback = tuple(float(layers[f"b_{layer}"]) for layer in range(2, depth + 1))
    return State(rule, values, start, feedback, float(level), same)


def layer_panel(layers: Any, moment: Any) -> str:
    """Sliders of the start, those of the feedback, and the moment, as HTML whose classes name what is shown when."""
    named = {"weights": "", "signals": ""}
    for name, slider in layers.elements.items():
        group = "signals" if name.startswith("b_") else "weights"
        named[group] += f'<div class="control {name}">{slider}</div>'
    boxes = "".join(f'<div class="group {group}">{box}</div>' for group, box in named.items())
    near = " near" if "distance" in layers.elements else ""
    return f'<div class="controls{near}">{boxes}<div class="group"><div class="control">{moment}</div></div></div>'


def panel(*groups: Sequence[Any]) -> str:
    """Controls in groups, as HTML that flows into the width at hand."""
    boxes = ["".join(f'<div class="control">{control}</div>' for control in group) for group in groups]
    return f'<div class="controls">{"".join(f"<div class=group>{box}</div>" for box in boxes)}</div>'


def _distance(distance: float) -> Any:
    return _slider(-12.0, -0.5, 0.1, float(np.log10(distance)), "log\u2081\u2080 \u03b5")


def _slider(low: float, high: float, step: float, value: float, label: str) -> Any:
    return mo.ui.slider(min(low, value), max(high, value), step, value=value, label=label, show_value=True)
