"""Python that gives the page's numbers and pictures again."""

from __future__ import annotations

from html import escape

from fa_dynamics.explore.solved import Landscape, Learned, Solved
from fa_dynamics.explore.state import State

HEAD = """\
import numpy as np

import fa_dynamics as fa
from fa_dynamics.plots import plot_curve_panels, plot_landscape
"""


def snippet(solved: Solved) -> str:
    """A script that solves the state again, prints learning times and orders, and writes figures."""
    state = solved.state
    lines = [
        HEAD,
        f"spectrum = {list(state.spectrum)!r}",
        _theta(state),
        f"feedback = np.array({list(state.feedback)!r})[:, None]",
        f"chosen = {_call(solved.chosen, 'start')}",
        f"backpropagation = {_call(solved.backpropagation, _start(solved))}",
        "for curves in (chosen, backpropagation):",
        f"    print(curves.rule.name, curves.learning_times({state.level!r}), curves.order({state.level!r}))",
        'panels = plot_curve_panels([chosen, backpropagation], [chosen.rule.name, "bp"])',
        'panels.savefig("modes.png")',
    ]
    if isinstance(solved.landscape, Landscape):
        lines += [
            f"axes = plot_landscape(spectrum, 1.0, {state.depth}, start, feedback, rule={state.rule!r})",
            'axes.figure.savefig("landscape.png", bbox_inches="tight")',
        ]
    return "\n".join(lines) + "\n"


def link(solved: Solved) -> str:
    """The address of a state and its script, as HTML."""
    return (
        f'<p class="link"><b>This picture</b> has <a href="?{escape(solved.state.query())}">an address of its own</a>, '
        f'and this is it in Python (one click selects it):</p><pre class="code">{escape(snippet(solved))}</pre>'
    )


def _theta(state: State) -> str:
    if state.distance is None:
        return f"start = np.array({list(state.start)!r})[:, None]  # theta_1..theta_L, shared by all modes"
    return f"start = np.array({state.table.tolist()!r})  # theta_l of every mode"


def _start(solved: Solved) -> str:
    return "start" if solved.state.same else f"np.array({solved.backpropagation.curves.start.tolist()!r})"


def _call(learned: Learned, start: str) -> str:
    curves = learned.curves
    t = f"np.linspace(0, {float(curves.t[-1])!r}, 401)"
    return f"fa.solve_modes(spectrum, 1.0, {curves.depth}, {curves.rule.name!r}, {start}, feedback, t={t})"
