"""Workload C, 1000 draws of one small network beside other integrators: `python many.py`, or `--quick`.

All methods get the same draws, and the loosest tolerance that brings the WORST member to 1e-8; they take turns in one
process with two BLAS threads at their disposal, and times are medians.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import many_peers
import numpy as np
from many_peers import Array, Solve
from page import RESULTS, Goal, machine, plain, ratio, save, shown, table
from peers import available
from problem import posed
from threads import blas_threads
from turns import Measured, Method, in_turn

SIZE = (8, 8, 4, 2)
T_END, TIMES = 10.0, 100
GOAL = 1e-8
"""Largest error of the worst member."""

RTOLS = (1e-7, 3e-8, 1e-8, 3e-9, 1e-9, 3e-10, 1e-10, 3e-11, 1e-11, 3e-12, 1e-12)
LOOPED = 100
"""Members that the loop solves; the time of all is extrapolated."""

JUDGED = "ours: `fa.simulate_ensemble(...)`"
GOALS = {"loop": 8.0, "one stack": 1.4, "diffrax": 2.5}
PACKAGES = ("fa_dynamics", "numpy", "scipy", "diffrax", "jax")


Make = Callable[[float], Callable[[], Any]]


@dataclass(frozen=True, eq=False)
class Draws:
    """The members: task, times, start and feedback with the member as first axis, and the trusted weights."""

    task: Any
    times: Array
    draws: int
    starts: list[Array]
    feedback: list[Array]
    exact: list[Array]

    def error(self, weights: Any) -> float:
        """Of the worst member: largest gap over layers and times, over its largest weight."""
        count = len(weights[0])
        size = np.max([np.abs(layer[:count]).max(axis=(1, 2, 3)) for layer in self.exact], axis=0)
        gaps = [np.abs(a - b[:count]).max(axis=(1, 2, 3)) for a, b in zip(weights, self.exact, strict=True)]
        return float((np.max(gaps, axis=0) / size).max())


def ensemble(task: Any, times: Array, draws: int, keep: bool, rtol: float, method: str = "DOP853") -> Any:
    """The public call."""
    import fa_dynamics as fa

    return fa.simulate_ensemble(
        task,
        hidden=SIZE[1],
        rule="fa",
        start=fa.starts.Gaussian(0.3),
        feedback=fa.starts.Gaussian(1.0),
        draws=draws,
        t_end=T_END,
        t_eval=times,
        method=method,
        rtol=rtol,
        atol=rtol * 1e-3,
        keep_weights=keep,
        seed=0,
    )


def drawn(draws: int) -> Draws:
    """The members that `simulate_ensemble` draws, and their weights by stacks of 25 at rtol 3e-14."""
    import fa_dynamics as fa

    task, times = posed(SIZE).task, np.linspace(0.0, T_END, TIMES)
    many = ensemble(task, times[:1], draws, True, 1e-3)
    alone = partial(fa.simulate, task, **(dict(many.arguments) | {"t_eval": [0.0], "t_end": 1e-9}))
    initial = [alone(seed=int(seed)).initial for seed in many.seeds]
    starts = [np.stack([own[f"W_{level}"] for own in initial]) for level in (1, 2)]
    feedback = [np.stack([own["B_2"] for own in initial])]
    solve = many_peers.stack(task.input_moment, task.cross_moment, times, 3e-14, chunk=25)
    return Draws(task, times, draws, starts, feedback, solve(starts, feedback))


def certain(given: Draws) -> float:
    """How far the trusted weights of some members are from those of another method, one by one."""
    some = slice(0, 5)
    solve = many_peers.loop(given.task.input_moment, given.task.cross_moment, given.times, 1e-13, "RK45")
    return given.error(solve([m[some] for m in given.starts], [m[some] for m in given.feedback]))


def loosest(given: Draws, make: Make, weights: Callable[[Any], Any]) -> float:
    """The largest rtol with which the worst member reaches the goal, by halving; the smallest if none does."""
    first, last = 0, len(RTOLS) - 1
    while first < last:
        middle = (first + last) // 2
        if given.error(weights(make(RTOLS[middle])())) <= GOAL:
            last = middle
        else:
            first = middle + 1
    return RTOLS[last]


def methods_of(given: Draws) -> tuple[list[Method], dict[str, Make], dict[str, float]]:
    """All methods at their own tolerance, what makes them at any other one, and seconds of their very first call."""
    task, looped = given.task, min(LOOPED, given.draws)
    moments = (task.input_moment, task.cross_moment, given.times)

    def own(keep: bool, method: str, rtol: float) -> Callable[[], Any]:
        return partial(ensemble, task, given.times, given.draws, keep, rtol, method)

    def peer(make: Callable[..., Solve], members: int, rtol: float, **options: Any) -> Callable[[], Any]:
        solve = make(*moments, rtol=rtol, **options)
        return partial(solve, [m[:members] for m in given.starts], [m[:members] for m in given.feedback])

    makers: dict[str, Make] = {
        "ours: `simulate_ensemble` with all weights, DOP853": partial(own, True, "DOP853"),
        "ours: `simulate_ensemble` with all weights, RK45": partial(own, True, "RK45"),
    }
    for name in ("DOP853", "RK45"):
        makers[f"one stack, `solve_ivp` {name}"] = partial(peer, many_peers.stack, given.draws, method=name)
    makers["stacks of 125, `solve_ivp` DOP853"] = partial(peer, many_peers.stack, given.draws, chunk=125)
    if available("diffrax"):
        for name in ("Tsit5", "Dopri8"):
            makers[f"diffrax vmap {name}"] = partial(peer, many_peers.diffrax_vmap, given.draws, solver=name)
    for name in ("DOP853", "RK45"):
        makers[f"loop of `solve_ivp` {name}"] = partial(peer, many_peers.loop, looped, method=name)

    def weights(result: Any) -> Any:
        return getattr(result, "weights", result)

    def error(result: Any) -> float:
        return given.error(weights(result))

    found, compiled = [], {}
    for name, make in makers.items():
        began = time.perf_counter()
        make(RTOLS[0])()
        compiled[name] = time.perf_counter() - began
        rtol = loosest(given, make, weights)
        part = looped / given.draws if name.startswith("loop") else 1.0
        found.append(Method(f"{name}, rtol {rtol:.0e}", partial(make, rtol), error, part))
        if name.endswith("weights, DOP853"):
            settled = error(make(rtol)())
            found.insert(0, Method(JUDGED, partial(own, False, "DOP853", rtol), partial(_told, settled)))
    return found, makers, compiled


def _told(error: float, _: Any) -> float:
    return error


def section(found: list[Measured], draws: int, compiled: dict[str, float]) -> str:
    """All methods as a table."""
    own = found[0].seconds
    rows = []
    for one in found:
        mark, missed = "~" if one.part < 1 else "", "" if one.error <= GOAL else f" (misses {GOAL:g})"
        told = "1" if one is found[0] else ratio(one.seconds / own)
        first = [shown(seconds) for name, seconds in compiled.items() if one.name.startswith(name)] or ["-"]
        rows.append([one.name, mark + shown(one.seconds), told, f"{one.error:.1e}{missed}", *first])
    header = ["method", "time", "over ours", "error of the worst member", "very first call"]
    return f"### {draws} draws of {SIZE}\n\n" + table(header, rows)


def goals_of(found: list[Measured]) -> list[Goal]:
    """The best method of each kind over ours."""
    goals = []
    for kind, times in GOALS.items():
        fit = [one for one in found if one.name.startswith(kind) and one.error <= GOAL]
        if fit:
            best = min(fit, key=lambda one: one.seconds)
            reached = best.seconds / found[0].seconds
            told = f"{reached:.2f} x ({best.name})"
            goals.append(Goal("C", kind, f">= {times:g} x", told, reached >= times))
    return goals


def work_precision(given: Draws, makers: dict[str, Any], target: Path) -> None:
    """Time against the error of the worst member, all methods but the loops."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
    rtols = (1e-6, 1e-8, 1e-10)
    names = [name for name in makers if not name.startswith("loop")]

    def error(result: Any) -> float:
        return given.error(getattr(result, "weights", result))

    found = iter(in_turn([Method(name, partial(makers[name], rtol), error) for name in names for rtol in rtols], 1))
    for name, marker in zip(names, "**sPoDd", strict=False):
        curve = [next(found) for _ in rtols]
        size = 12 if name.startswith("ours") else 6
        milliseconds = [1e3 * one.seconds for one in curve]
        ax.loglog([one.error for one in curve], milliseconds, marker=marker, markersize=size, label=name)
    ax.axvline(GOAL, color="0.6", linestyle=":", zorder=0)
    ax.set_xlabel("largest error of the worst member, relative to its largest weight")
    ax.set_ylabel("time of all members (ms)")
    plain(ax.yaxis)
    ax.set_title(f"{given.draws} draws of {SIZE}, {TIMES} times")
    ax.legend(fontsize=7)
    figure.savefig(target, dpi=150)
    plt.close(figure)


TRIED = """## Where the time goes, and what was tried

- In one thread, four tenths are the velocity: three batched products of 4 x 8 by 8 x 8 and the like, 40 ns each, which
  is what `numpy.matmul` takes for them, and sums. A tenth is random generators, two per member, so that `simulate` with
  the member's seed draws the same; a tenth is reading strengths and losses; the rest is stages, error norms and output.
- Two groups of 500 members are integrated by two threads: 1.4 times as fast as by one. With 250 members the threads
  meet at Python's lock more often (1.2 times), with 125 it does not pay.
- A product with a transposed second factor takes 100 ns instead of 40, and its memory is behind a lock of OpenBLAS, at
  which threads wait for each other; the transpose is copied first, which takes 35 ns.
- A diagonal of the inputs' moment is spread over a whole matrix: 10 ns instead of 30 for a product by columns.
- Tried and left out: all matrices column by column, which makes every product fast, but then rows that move are not
  contiguous, and putting them under those that stand still takes what the products gain.
- Rows that stand still are left out (64 of 96 numbers move).
- Every member has an error norm of its own, which the stacks do without: they need an rtol thirty times smaller for the
  same worst member. Steps of DOP853 reach 4.5 over the largest rate of any member; 3 took 6 % more evaluations.
- Not tried: a step size for every member, compiled code.
"""


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 draws, few repetitions, no figure; prints only")
    parser.add_argument("--out", type=Path, help="default: results beside this file; with --quick, nothing is written")
    given = parser.parse_args()
    out = given.out or (None if given.quick else RESULTS)
    draws = 100 if given.quick else 1000
    with blas_threads(2):
        posed_draws = drawn(draws)
        doubt = certain(posed_draws)
        methods, makers, compiled = methods_of(posed_draws)
        found = in_turn(methods, 2 if given.quick else 5)
        text = section(found, draws, compiled)
        print(text)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            work_precision(posed_draws, makers, out / "many.png")
    if out:
        introduction = (
            f"Made by `python benchmarks/many.py`. Workload: {draws} draws of sizes (n_0, h, n_L, L) = {SIZE}, random "
            f"moments of `problem.posed`, start of standard deviation 0.3/sqrt(fan-in), feedback of variance 1/n_l, "
            f"T = {T_END:g}, {TIMES} times. The rtol of each method is the loosest of two a decade that brings the "
            f"worst member to {GOAL:g}; atol is a thousandth of it. Error: largest gap over layers and times, over the "
            "member's largest weight, against stacks of 25 with DOP853 at rtol 3e-14, which differ from RK45 at 1e-13, "
            f"one member at a time, by {doubt:.1e}. Ours delivers mode strengths and losses of all members, and the "
            f"weights where it says so; the others deliver weights. ~: extrapolated from {LOOPED} members. diffrax "
            "compiles in its very first call, at rtol 1e-7. Ratios below 1.2 are level. Two BLAS threads at everyone's "
            "disposal."
        )
        sections = ["# Many draws beside peers", "", machine(PACKAGES, "One process, two threads at most."), ""]
        sections += [introduction, "", text, "![time against achieved error](many.png)", ""]
        sections.append(TRIED)
        save(out, "many", sections, {"methods": [asdict(one) for one in found]}, goals_of(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
