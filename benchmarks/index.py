"""The index of all results: goals and what was reached, from the JSON beside each page: `python index.py`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from page import RESULTS, Goal, goal_table

PAGES = {
    "flows": "one full matrix flow (A)",
    "modes": "mode-learning curves (B)",
    "many": "many draws of a small network (C)",
    "latency": "imports, derive and compile, the first minute (D)",
    "velocity": "the generated velocity beside a hand-written one",
    "memory": "peak memory of one large flow",
    "growth": "exponents of width, depth, modes and draws",
    "sweeps": "sweeps of many runs: efficiency, overhead, memory, interruption",
}


def goals_in(folder: Path) -> list[Goal]:
    """The goals of all pages that have been made."""
    files = [folder / f"{name}.json" for name in PAGES]
    kept = [json.loads(file.read_text()) for file in files if file.exists()]
    return [Goal(**goal) for page in kept for goal in page.get("goals", [])]


def main() -> int:
    """Write README.md among the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder of the results")
    out = parser.parse_args().out
    goals = goals_in(out)
    text = ["# Results of the benchmarks", "", f"{sum(goal.met for goal in goals)} of {len(goals)} goals are met.", ""]
    text += [
        goal_table(goals),
        "Ratios are of times in one process, ours and the others' in turn; each page says how.",
        "",
    ]
    for name, told in PAGES.items():
        made = (out / f"{name}.md").exists()
        text.append(f"- [{name}]({name}.md): {told}" if made else f"- {name}: {told}; not made yet")
    (out / "README.md").write_text("\n".join(text) + "\n")
    print(f"written: {out / 'README.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
