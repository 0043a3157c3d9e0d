"""Workload D: imports, derive and compile, and the first minute: `python latency.py`, or `--quick`.

Everything runs in fresh processes, because Python remembers; times are medians over processes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from page import RESULTS, Goal, machine, save, shown, table

HERE = Path(__file__).parent
LIBRARIES = ("numpy", "sympy", "scipy.integrate", "matplotlib.pyplot", "xarray", "fa_dynamics", "fa_dynamics.cli")
DEPTHS = (2, 4, 6, 10)
WARM, COLD = 0.1, 0.6
"""Goals at depth 10, in seconds."""

SLICE = 0.1
SHOWN_SHARE = 0.2
"""What takes less of a slice is not named."""

DERIVE = """
import json, sys, time
began = time.perf_counter()
import numpy
numpy_loaded = time.perf_counter()
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.derive.flow import derive
loaded = time.perf_counter()
import sympy
sympy_loaded = time.perf_counter()
depth, warm = int(sys.argv[1]), sys.argv[2] == "warm"
def made(depth):
    started = time.perf_counter()
    flow = derive(depth, "fa")
    derived = time.perf_counter()
    compile_flow(flow, (64,) * depth + (10,))
    return derived - started, time.perf_counter() - derived
if warm:
    made(3)
first = made(depth)
print(json.dumps({"imports": sympy_loaded - numpy_loaded, "derive": first[0], "compile": first[1]}))
"""


def fresh(code: str, *arguments: str) -> str:
    """What a new interpreter prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def imports(repeats: int) -> list[tuple[str, float]]:
    """Seconds that an import takes in a process that has imported nothing."""
    code = "import sys, time; t = time.perf_counter(); __import__(sys.argv[1]); print(time.perf_counter() - t)"
    found: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for _ in range(repeats):
        for name in LIBRARIES:
            found[name].append(float(fresh(code, name)))
    return [(name, float(np.median(spent))) for name, spent in found.items()]


def derivations(repeats: int) -> list[dict[str, Any]]:
    """Derive and compile, cold and warm, at every depth."""
    asked = [(depth, state) for depth in DEPTHS for state in ("cold", "warm")]
    found: dict[Any, list[dict[str, float]]] = {key: [] for key in asked}
    for _ in range(repeats):
        for depth, state in asked:
            found[depth, state].append(json.loads(fresh(DERIVE, str(depth), state)))
    return [
        {"depth": depth, "state": state} | {key: float(np.median([one[key] for one in own])) for key in own[0]}
        for (depth, state), own in found.items()
    ]


def demo(repeats: int) -> dict[str, Any]:
    """The demo of median duration, as its samples."""
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(HERE / "sampled.py"), folder, repr(time.time())]
            began = time.time()
            told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            runs.append(json.loads(told.splitlines()[-1]) | {"wall": time.time() - began})
    ordered: list[dict[str, Any]] = sorted(runs, key=lambda run: run["wall"])
    return ordered[len(runs) // 2]


def slices(run: dict[str, Any]) -> list[list[str]]:
    """What every 100 ms were spent on; neighbours that were spent on the same become one row."""
    rows: list[list[Any]] = [[0.0, run["entered"], "start of Python"]]
    begin = run["entered"]
    while begin < run["seconds"]:
        own = Counter(label for at, label in run["samples"] if begin <= at < begin + SLICE)
        total = sum(own.values())
        named = [(label, count / total) for label, count in own.most_common(3) if count >= SHOWN_SHARE * total]
        alone = named and named[0][1] > 0.8
        text = named[0][0] if alone else ", ".join(f"{label} ({share:.0%})" for label, share in named) or "no sample"
        end = min(begin + SLICE, run["seconds"])
        if alone and rows[-1][2] == text:
            rows[-1][1] = end
        else:
            rows.append([begin, end, text])
        begin += SLICE
    rows.append([run["seconds"], run["wall"], "end of Python"])
    return [[f"{1e3 * a:.0f} to {1e3 * b:.0f}", text] for a, b, text in rows]


def shares(run: dict[str, Any]) -> list[list[str]]:
    """The whole demo by what it was spent on, longest first."""
    per_sample = (run["seconds"] - run["entered"]) / max(1, len(run["samples"]))
    counts = Counter(label for _, label in run["samples"]).most_common(20)
    return [[label, f"{1e3 * count * per_sample:.0f} ms"] for label, count in counts]


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one process each; prints only")
    parser.add_argument("--out", type=Path, help="default: results beside this file; with --quick, nothing is written")
    given = parser.parse_args()
    out = given.out or (None if given.quick else RESULTS)
    repeats = 1 if given.quick else 3
    loaded = imports(repeats)
    derived = derivations(repeats)
    run = demo(repeats)
    totals = {
        (one["depth"], one["state"]): one["derive"] + one["compile"] + (one["imports"] if one["state"] == "cold" else 0)
        for one in derived
    }
    rows = [
        [
            str(one["depth"]),
            one["state"],
            shown(one["imports"]) if one["state"] == "cold" else "-",
            shown(one["derive"]),
            shown(one["compile"]),
            shown(totals[one["depth"], one["state"]]),
        ]
        for one in derived
    ]
    parts = [
        "## Imports, each in a fresh process",
        "",
        table(["module", "time"], [[f"`{name}`", shown(seconds)] for name, seconds in loaded]),
        "## Derive and compile feedback alignment",
        "",
        "Cold: a fresh process that has NumPy; SymPy's import is the third column. Warm: after a flow of depth 3 in "
        "the same process, the first time at this depth.",
        "",
        table(["depth", "", "SymPy and the package", "derive", "compile", "total"], rows),
        "## The first minute: `fa-dynamics demo`",
        "",
        f"From the start of Python to its end {shown(run['wall'])} (the run of median duration). Looked at every 4 ms "
        "from a second thread (`sampled.py`); a label is the import under way, or else the innermost function of the "
        "package.",
        "",
        table(["on", "in all"], shares(run)),
        "By slices of 100 ms; a slice with one thing above 80 % is named by that, and equal neighbours are joined:",
        "",
        table(["ms", "spent on"], slices(run)),
    ]
    print("\n".join(parts))
    warm, cold = totals[10, "warm"], totals[10, "cold"]
    goals = [
        Goal("D, depth 10", "derive + compile, warm", f"<= {shown(WARM)}", shown(warm), warm <= WARM),
        Goal(
            "D, depth 10", "derive + compile, cold with SymPy's import", f"<= {shown(COLD)}", shown(cold), cold <= COLD
        ),
    ]
    if out:
        introduction = (
            f"Made by `python benchmarks/latency.py`; medians of {repeats} fresh processes, one after another."
        )
        packages = ("fa_dynamics", "numpy", "scipy", "sympy", "matplotlib", "xarray")
        head = ["# Latency", "", machine(packages, "As many threads as the machine has."), "", introduction, ""]
        data = {"imports": loaded, "derive": derived, "demo": {"wall": run["wall"], "shares": shares(run)}}
        save(out, "latency", [*head, *parts], data, goals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
