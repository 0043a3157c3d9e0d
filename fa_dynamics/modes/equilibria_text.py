"""Equilibria as a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fa_dynamics.modes.equilibria import Equilibria

SHOWN = 4
"""Modes up to which all are printed; of more, only a summary."""


def text_of(found: Equilibria) -> str:
    """A table per mode, or a summary of many modes."""
    modes = len(found.correlation)
    title = f"Equilibria of {modes} mode{'s' * (modes != 1)} under {found.rule.name!r}, depth {found.depth}"
    if modes > SHOWN:
        some, several = int(found.count.min()), int(found.count.max())
        range_ = f"{some}" if some == several else f"{some} to {several}"
        kinds = [str(found.stability[i, mode]) if i >= 0 else "none" for mode, i in enumerate(found.reached)]
        ends = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        return f"{title}\n  {range_} equilibria per mode; reached by the starts: {ends}"
    return "\n".join([title, *(line for mode in range(modes) for line in _table(found, mode))])


def _table(found: Equilibria, mode: int) -> list[str]:
    title = f"mode {mode + 1}: sigma = {found.correlation[mode]:g}, lambda = {found.curvature[mode]:g}"
    if found.kind[mode] == "none":
        return [f"{title}; p is constant along the leaf and not s: no equilibrium"]
    if found.kind[mode] == "everywhere":
        return [f"{title}; p is constant along the leaf and equal to s: every point is an equilibrium"]
    rows = [["tau", *(f"theta_{layer + 1}" for layer in range(found.depth)), "rate", "stability", "basin in tau", ""]]
    for i in range(int(found.count[mode])):
        numbers = [found.tau[i, mode], *found.weights[:, i, mode], found.rate[i, mode]]
        low, high = found.basin[:, i, mode]
        kind = str(found.stability[i, mode])
        interval = "itself" if kind == "unstable" else f"{low:.4g} .. {high:.4g}"
        mark = "<- reached" if i == found.reached[mode] else ""
        if kind == "semi-stable" and low <= 0 <= high and not mark:
            mark = "crossed from the start, by rounding"
        rows.append([*(f"{value:.5g}" for value in numbers), kind, interval, mark])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  " + "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    folds = [f"{value:.5g}" for value in found.fold_correlation[np.isfinite(found.fold_tau[:, mode]), mode]]
    return [title, *table, f"  folds at sigma = {', '.join(folds)}" if folds else "  no folds"]
