"""Where a call spends its time, by function."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page import shown, table

SHOWN = 7


def where(call: Callable[[], Any]) -> str:
    """The functions with the largest own time, as a table."""
    profile = cProfile.Profile()
    profile.runcall(call)
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in stats.values())
    ordered = sorted(stats.items(), key=lambda item: -item[1][2])[:SHOWN]
    rows = [[_name(*place), str(e[1]), shown(e[2]), f"{100 * e[2] / total:.0f} %"] for place, e in ordered]
    return table(["function", "calls", "own time", "share"], rows)


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return f"`{function.strip('<>')}`"
    place = Path(file)
    return f"`{place.parent.name}/{place.name}:{function}`"
