"""Memory of one large flow of which only mode strengths are wanted: `python memory.py`, or `--quick`.

Each figure is the peak resident memory of a process of its own beyond what it had after its imports, a small run and
the posed problem.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from flows import Size, ours, size_of
from page import RESULTS, Goal, machine, save, table
from problem import Problem, posed

SIZE = (784, 256, 10, 3)
TIMES = 1000
T_END = 2.5
GOAL = 1 / 20
ALONE = "`fa.simulate_ensemble(..., draws=1)`: mode strengths and losses, no weights"
WANTED = {
    ALONE: "ensemble",
    "`.mode_strength`": "mode_strength",
    "`.mode_strength` and `.loss`": "mode_strength,loss",
    "`.weights`: all of them at all times": "weights",
}


def peak_bytes() -> float:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)


def resident_bytes() -> float:
    """The resident memory of this process now; the largest so far where the system does not tell."""
    told = Path("/proc/self/statm")
    return float(int(told.read_text().split()[1]) * resource.getpagesize()) if told.exists() else peak_bytes()


def inside(wanted: str, size: Size, times: int) -> dict[str, float]:
    """One run in this process: bytes before and at the peak, and the seconds of the run."""
    run_of(posed((16, 8, 4, size[3]), outputs=3), wanted)
    problem = posed(size, outputs=times, t_end=T_END)
    problem.task.modes  # noqa: B018  worked out once per task, whatever is kept
    before, began = resident_bytes(), time.perf_counter()
    run_of(problem, wanted)
    return {"before": before, "peak": peak_bytes(), "seconds": time.perf_counter() - began}


def run_of(problem: Problem, wanted: str) -> None:
    """One run, and what is wanted of it."""
    import fa_dynamics as fa

    if wanted != "ensemble":
        ours(problem, lambda run: [getattr(run, name) for name in wanted.split(",")])()
        return
    fa.simulate_ensemble(
        problem.task,
        hidden=problem.sizes[1:-1],
        rule=problem.rule,
        start=problem.start,
        feedback=problem.feedback,
        draws=1,
        t_end=problem.t_end,
        t_eval=problem.times,
        method="RK45",
        rtol=1e-6,
        atol=1e-9,
    )


def measured(wanted: str, size: Size, times: int) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--inside", wanted, "-".join(map(str, size)), str(times)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    return found


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="(256, 64, 10, 3) and 200 times; prints only")
    parser.add_argument("--out", type=Path, help="default: results beside this file; with --quick, nothing is written")
    parser.add_argument("--inside", nargs=3, metavar=("WANTED", "SIZE", "TIMES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        wanted, text, outputs = given.inside
        print(json.dumps(inside(wanted, size_of(text), int(outputs))))
        return 0
    out = given.out or (None if given.quick else RESULTS)
    size, times = ((256, 64, 10, 3), 200) if given.quick else (SIZE, TIMES)
    sizes = (size[0], *[size[1]] * (size[3] - 1), size[2])
    weights = 8.0 * times * float(np.dot(sizes[1:], sizes[:-1]))
    found = {name: measured(wanted, size, times) for name, wanted in WANTED.items()}
    rows = []
    for name, one in found.items():
        more = one["peak"] - one["before"]
        rows.append([name, f"{one['peak'] / 1e6:.0f} MB", f"{more / 1e6:.1f} MB", f"{more / weights:.3f}"])
    text = table(["wanted", "peak resident memory", "beyond what was there before", "over all weights"], rows)
    print(text)
    first = found[ALONE]
    beyond = first["peak"] - first["before"]
    reached = beyond / weights
    stored = found["`.weights`: all of them at all times"]
    told = (
        f"1/{1 / reached:.1f} of their bytes, 1/{(stored['peak'] - stored['before']) / beyond:.1f} of the run with them"
    )
    name = f"memory, A {size}, {times} output times, mode strengths only"
    goal = Goal(name, "storing full weights", "<= 1/20", told, reached <= GOAL)
    if out:
        introduction = (
            f"Made by `python benchmarks/memory.py`: `fa.simulate(..., method='RK45', rtol=1e-6)` of {size} at {times} "
            f"output times, then what is wanted. All weights at all times are {weights / 1e9:.2f} GB in float64. Peak "
            "resident memory (`ru_maxrss`) of a process per row; what was there before are imports, a small run, and "
            "the task with its modes. A run keeps the rows that move at all times, so that weights can be rebuilt; an "
            "ensemble, here of one member, keeps only what it reads of them, and is what the goal is judged by."
        )
        head = ["# Memory of one large flow", "", machine(("fa_dynamics", "numpy", "scipy"), "Two threads."), ""]
        save(out, "memory", [*head, introduction, "", text], {"weights": weights, "runs": found}, [goal])
    return 0


if __name__ == "__main__":
    sys.exit(main())
