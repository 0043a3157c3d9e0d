"""What all pages of results share: the machine, durations, ratios, tables, and files written side by side."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers import available

RESULTS = Path(__file__).parent / "results"
LEVEL = 1.2
"""Ratios below are no difference."""


@dataclass(frozen=True)
class Goal:
    """One goal of the suite and what was reached, as text; `met` decides the mark beside it."""

    workload: str
    against: str
    to_reach: str
    reached: str
    met: bool


def shown(seconds: float) -> str:
    """A duration in ms or s."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def ratio(value: float) -> str:
    """A ratio of two times; 'level' if it is no difference."""
    return f"level ({value:.2f})" if 1 / LEVEL < value < LEVEL else f"{value:.2g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def goal_table(goals: Sequence[Goal]) -> str:
    """Goals and what was reached."""
    rows = [[g.workload, g.against, g.to_reach, g.reached, "yes" if g.met else "**no**"] for g in goals]
    return table(["workload", "against", "goal", "reached", "met"], rows)


def machine(packages: Sequence[str], threads: str) -> str:
    """What it ran on: the processor, the versions, what is missing, the threads."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor() or platform.machine()
    installed = ", ".join(f"{name} {version(name)}" for name in packages if available(name))
    missing = [name for name in packages if not available(name)]
    absent = f" Not installed, hence not measured: {', '.join(missing)}." if missing else ""
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {installed}."
        f"{absent} {threads} float64 everywhere."
    )


def plain(axis: Any) -> None:
    """Plain numbers at ticks 1, 2, 5, 10, .. of a logarithmic axis, which may span less than a power of ten."""
    from matplotlib.ticker import LogLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def save(out: Path, name: str, sections: Sequence[str], data: Mapping[str, Any], goals: Sequence[Goal]) -> None:
    """Write `name`.md, and `name`.json with the goals, from which the index is made."""
    out.mkdir(parents=True, exist_ok=True)
    closing = ["## Goals", "", goal_table(goals)] if goals else []
    (out / f"{name}.md").write_text("\n".join([*sections, *closing]).rstrip() + "\n")
    kept = {"goals": [asdict(goal) for goal in goals], **data}
    (out / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(f"written: {out / name}.md")
