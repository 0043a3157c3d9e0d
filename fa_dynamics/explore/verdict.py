"""Verdicts on the order of learning, and the table of learning times, as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from fa_dynamics.explore.picture import NAMES
from fa_dynamics.explore.presets import recorded
from fa_dynamics.explore.solved import Learned, Solved
from fa_dynamics.explore.svg import colours

WORDS = {
    "principal-first": "principal modes first",
    "negligible-first": "negligible modes first",
    "mixed": "mixed order",
    "simultaneous": "simultaneous",
    None: "no verdict",
}
"""Verdicts as headings."""


def verdicts(solved: Solved) -> str:
    """A card per rule: its order of learning, and what a theorem predicts of it."""
    start = " from the same start" if solved.state.same else " from a small balanced start"
    cards = _card(solved.chosen, "chosen", ""), _card(solved.backpropagation, "backpropagation", start)
    return f'<div class="verdicts">{"".join(cards)}</div>'


def _card(learned: Learned, place: str, start: str) -> str:
    order, prediction = learned.order, learned.prediction
    correlation = "undefined" if order.rank_correlation is None else f"{order.rank_correlation:+.2f}"
    predicted = f"<br/>Predicted: {escape(str(prediction))}." if prediction else ""
    return (
        f'<div class="verdict {order.verdict or "none"}" data-place="{place}">'
        f"{NAMES[learned.curves.rule.name]}{start}: <b>{WORDS[order.verdict]}</b>"
        f"<br/><small>Rank correlation of target and learning time {correlation}.{predicted}</small></div>"
    )


def times_table(solved: Solved) -> str:
    """Learning times of both rules mode by mode, beside the recorded ones where the state is a row of the table."""
    sigma, level = solved.state.spectrum, solved.state.level
    swatches = [
        f'<th><span class="swatch" style="background:{colour}"></span>{value:.4g}</th>'
        for value, colour in zip(sigma, colours(len(sigma)), strict=True)
    ]
    rows = [_row("correlation \u03c3", swatches)]
    for learned in (solved.chosen, solved.backpropagation):
        never = "never" if learned.curves.method == "exact" else f"&gt; {learned.curves.t[-1]:.3g}"
        cells = (f"{time:.4g}" if np.isfinite(time) else never for time in learned.times)
        rows.append(_row(f"T, {NAMES[learned.curves.rule.name]}", (f"<td>{cell}</td>" for cell in cells)))
    row = recorded(solved.state)
    if row is not None:
        rows.append(_row("T, as recorded in the notes", (f"<td>{float(time):g}</td>" for time in row.times)))
    caption = f"Learning times T at level {level:g} (learning rate \N{MULTIPLICATION SIGN} steps)"
    return f'<div class="times"><table><caption>{caption}</caption>{"".join(rows)}</table></div>'


def _row(head: str, cells: Iterable[str]) -> str:
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'
