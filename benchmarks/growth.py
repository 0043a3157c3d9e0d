"""How times grow with width, depth, modes and draws: `python growth.py`, or `--quick`; two BLAS threads.

Each exponent is the slope of a straight line through the logarithms of the upper half of the sizes, where overheads
matter least; beside it the same slope of the count of multiply-adds, or of the amount of work.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import many
import numpy as np
import reduced
from ensembles import workload
from flows import ours
from page import RESULTS, machine, save, shown, table
from peers import ours as exact_modes
from problem import posed
from threads import blas_threads

TURNS = 3
LABELS = {"n": "n (units per layer)", "L": "L (layers)", "K": "K (modes)", "N": "N (draws)"}
OUTPUTS = 10


@dataclass(frozen=True)
class Growth:
    """Times along one axis, and the count of work there."""

    axis: str
    what: str
    sizes: list[int]
    seconds: list[float]
    work: list[float]

    def exponent(self, values: Sequence[float]) -> float:
        """Slope in logarithms over the upper half of the sizes."""
        half = min(len(self.sizes) // 2, len(self.sizes) - 2)
        return float(np.polyfit(np.log(self.sizes[half:]), np.log(values[half:]), 1)[0])


def quickest(work: Callable[[], Any]) -> float:
    """Least seconds of some turns, after one that does not count."""
    work()
    spent = []
    for _ in range(TURNS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def flow_time(size: tuple[int, int, int, int]) -> tuple[float, float]:
    """Seconds of a run to t = 2 over its evaluations, and the multiply-adds of one in the reduced form."""
    problem = posed(size, outputs=10, t_end=2.0)
    call = ours(problem, lambda run: run.mode_strength)
    evaluations = int(call().solver["evaluations"])
    return quickest(call) / evaluations, float(reduced.multiply_adds(problem.sizes, problem.rule))


def along_width(widths: Sequence[int]) -> Growth:
    """n: every layer but the outputs has n units, L = 3."""
    found = [flow_time((width, width, OUTPUTS, 3)) for width in widths]
    what = f"one evaluation of a flow of (n, n, {OUTPUTS}, 3), set-up shared out"
    return Growth("n", what, list(widths), [one[0] for one in found], [one[1] for one in found])


def along_depth(depths: Sequence[int], width: int = 128) -> Growth:
    """L: layers of `width` units."""
    found = [flow_time((width, width, OUTPUTS, depth)) for depth in depths]
    what = f"one evaluation of a flow of ({width}, {width}, {OUTPUTS}, L), set-up shared out"
    return Growth("L", what, list(depths), [one[0] for one in found], [one[1] for one in found])


def along_modes(counts: Sequence[int]) -> Growth:
    """K: modes of `solve_modes`, one thread."""
    solve, t = exact_modes(), np.linspace(0, 20, 200)
    seconds = []
    for count in counts:
        with blas_threads(1):
            seconds.append(quickest(partial(solve, *workload(2, count), t)))
    return Growth("K", "`fa.solve_modes` of K modes, L = 2, 200 times", list(counts), seconds, [*map(float, counts)])


def along_draws(counts: Sequence[int]) -> Growth:
    """N: members of `simulate_ensemble`."""
    task, times = posed(many.SIZE).task, np.linspace(0.0, many.T_END, many.TIMES)
    seconds = [quickest(partial(many.ensemble, task, times, count, False, 1e-8)) for count in counts]
    what = f"`fa.simulate_ensemble` of N draws of {many.SIZE}, rtol 1e-8"
    return Growth("N", what, list(counts), seconds, [*map(float, counts)])


def draw(found: Sequence[Growth], target: Path) -> None:
    """Times on logarithmic axes, with the fitted line and one of the count's slope."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for ax, growth in zip(axes.flat, found, strict=True):
        ax.loglog(growth.sizes, growth.seconds, "o", label="measured")
        half = min(len(growth.sizes) // 2, len(growth.sizes) - 2)
        x, last = np.array(growth.sizes[half:], float), growth.seconds[-1]
        slope, count = growth.exponent(growth.seconds), growth.exponent(growth.work)
        middle = np.exp(np.mean(np.log(growth.seconds[half:])) - slope * np.mean(np.log(x)))
        ax.loglog(x, middle * x**slope, "-", label=f"fitted exponent {slope:.2f}")
        ax.loglog(growth.sizes, last * np.array(growth.work) / growth.work[-1], ":", label=f"the count: {count:.2f}")
        ax.set_xlabel(LABELS[growth.axis])
        ax.set_xticks(growth.sizes, labels=[str(size) for size in growth.sizes])
        ax.set_xticks([], minor=True)
        ax.set_ylabel("time (s)")
        ax.set_title(growth.what, fontsize=8)
        ax.legend(fontsize=8)
    figure.savefig(target, dpi=150)
    plt.close(figure)


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few small sizes; prints only")
    parser.add_argument("--out", type=Path, help="default: results beside this file; with --quick, nothing is written")
    given = parser.parse_args()
    out = given.out or (None if given.quick else RESULTS)
    with blas_threads(2):
        found = [
            along_width((16, 32, 64, 128) if given.quick else (16, 32, 64, 128, 256, 512)),
            along_depth((2, 3, 4, 6) if given.quick else (2, 3, 4, 6, 8, 10)),
            along_modes((100, 1000) if given.quick else (100, 300, 1000, 3000, 10_000)),
            along_draws((10, 100) if given.quick else (10, 30, 100, 300, 1000)),
        ]
    rows = []
    for one in found:
        points = ", ".join(f"{size}: {shown(seconds)}" for size, seconds in zip(one.sizes, one.seconds, strict=True))
        slopes = [f"{one.exponent(values):.2f}" for values in (one.seconds, one.work)]
        rows.append([one.axis, one.what, points, *slopes])
    text = table(["axis", "what", "times", "fitted exponent", "exponent of the count"], rows)
    print(text)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        draw(found, out / "growth.png")
        introduction = (
            "Made by `python benchmarks/growth.py`. Least of three turns. Exponents are fitted over the upper half of "
            "the sizes. The count of a flow are the multiply-adds of the products that one evaluation of the reduced "
            "form needs (`reduced.products`); of modes and draws their number."
        )
        head = ["# Growth", "", machine(("fa_dynamics", "numpy", "scipy"), "Two threads; one for K."), ""]
        data: dict[str, Any] = {"growth": [asdict(one) for one in found]}
        save(out, "growth", [*head, introduction, "", text, "![times on logarithmic axes](growth.png)"], data, [])
    return 0


if __name__ == "__main__":
    sys.exit(main())
