"""Exact modes against a reference of 100 digits and more, over random chains and hard places: `python accuracy.py`.

Every strength p(t) of `fa.solve_modes` must satisfy

    |p - p_ref| <= 1e-12 m + 10 K 2^-52,   m = max(|p_ref|, 1e-3 |s|, 1e-3 |p(0)|),   K = sum_a |a dp/da|,

a = theta_l, b_l, sigma, lambda (K / m is the relative condition number of p(t), taken on the scale m), and its `error`
must bound |p - p_ref|. Every chain is looked at at six times: log-uniform in [1e-6, 0.1], [0.1, 1], [1, 10], [10, 100]
and [100, 1e6] of its own time, in which the distance of its clock to rest falls by e, and a relative 1e-9 to 0.5 beside
that, where ghosts let go. Chains are solved together and alone, those of two layers also among many.
Exit code 1 if one misses.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from ensembles import PLACES, draw
from judging import Job, Judged, cross_checked, judge, misses, moved_by_ulps
from threadpoolctl import threadpool_limits

DEPTHS = (2, 3, 4)
TOGETHER = 40
"""Chains of one place that are solved in one call, at the union of their times."""

SHARES = {"wide": 8.0, "generic": 2.0, "multiple root": 0.2}
"""How often a place is drawn; 1 for the others. The reference takes long where roots are multiple."""


def jobs_of(count: int, seed: int, depths: list[int], places: list[str], store: str | None) -> list[Job]:
    """About `count` chains, shared out over depths and places."""
    total = sum(SHARES.get(place, 1.0) for place in places) * len(depths)
    jobs = []
    for depth in depths:
        for place in places:
            number = max(1, round(count * SHARES.get(place, 1.0) / total))
            firsts = range(0, number, TOGETHER)
            numbers = [tuple(range(first, min(first + TOGETHER, number))) for first in firsts]
            jobs += [Job(place, depth, seed, own, store) for own in numbers]
    return jobs


def table(results: list[Judged]) -> str:
    """Per depth and place: chains, worst error / tolerance, misses, worst error / bound, median bound / error."""
    heads = "L, place, chains, worst error / tolerance, misses, worst error / bound, beyond bound, median bound / error"
    lines = ["| " + heads.replace(", ", " | ") + " |", "|---" * 8 + "|"]
    for key in sorted({(one.job.depth, list(PLACES).index(one.job.place)) for one in results}):
        own = [one for one in results if (one.job.depth, list(PLACES).index(one.job.place)) == key]
        ratio, over, pessimism = (
            np.concatenate([getattr(one, name) for one in own]) for name in ("ratio", "over_bound", "pessimism")
        )
        cells = [key[0], own[0].job.place, len(ratio), f"{ratio.max():.2g}", int((ratio.max(axis=1) > 1).sum())]
        finite = pessimism[np.isfinite(pessimism)]
        median = f"{np.median(finite):.0f}" if len(finite) else "-"
        cells += [f"{over.max():.2g}", int((over.max(axis=1) > 1).sum()), median]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _prepared() -> None:
    """One thread, and an interruption is for the parent to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)


def run(jobs: list[Job], workers: int) -> list[Judged]:
    """All jobs on so many processes, with progress; what is done so far if interrupted."""
    results: list[Judged] = []
    total, began = sum(len(job.numbers) for job in jobs), time.monotonic()
    pool = ProcessPoolExecutor(workers, initializer=_prepared)
    shuffled = [jobs[k] for k in np.random.default_rng(0).permutation(len(jobs))]  # so that the time left is honest
    try:
        for future in as_completed([pool.submit(judge, job) for job in shuffled]):
            results.append(future.result())
            done, spent = sum(len(one.job.numbers) for one in results), time.monotonic() - began
            bad = sum(len(misses(one)) for one in results)
            left = spent * (total - done) / done
            end = "\r" if sys.stderr.isatty() else "\n"
            if sys.stderr.isatty() or len(results) % max(1, len(jobs) // 20) == 0:
                line = f"{done}/{total} chains, {done / spent:.0f} per second, {left:.0f} s left, {bad} misses"
                print(line.ljust(78), end=end, file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\ninterrupted: what is known so far", file=sys.stderr)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=20_000, help="about so many in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--depth", type=int, action="append", choices=DEPTHS, help="only this one; may be repeated")
    parser.add_argument("--place", action="append", choices=list(PLACES), help="only this one; may be repeated")
    parser.add_argument("--number", type=int, action="append", help="only this chain of a depth and place")
    parser.add_argument("--references", metavar="FOLDER", help="keep the reference values there, for another run")
    parser.add_argument("--misses", metavar="FILE", help="write the misses there, as JSON")
    parser.add_argument("--again", metavar="FILE", help="only the misses of such a file")
    parser.add_argument("--show", type=int, default=10, help="misses to print")
    given = parser.parse_args()
    if given.number and not (given.depth and given.place and len(given.depth) == len(given.place) == 1):
        parser.error("--number needs one --depth and one --place")
    return given


def main() -> int:
    """Run and report."""
    given = options()
    if given.again:
        old = json.loads(Path(given.again).read_text())
        jobs = [Job(one["place"], one["depth"], one["seed"], (one["number"],), given.references) for one in old]
    elif given.number:
        jobs = [Job(given.place[0], given.depth[0], given.seed, tuple(given.number), given.references)]
    else:
        depths, places = given.depth or list(DEPTHS), given.place or list(PLACES)
        jobs = jobs_of(given.chains, given.seed, depths, places, given.references)
        gap = max(cross_checked(depth, given.seed) for depth in depths)
        print(f"the reference differs from that of the tests by a relative {gap:.0e} at most, on 18 chains per depth")
        if gap > 1e-25:
            return 1
    began = time.monotonic()
    results = run(jobs, given.workers)
    if not results:
        return 1
    print(table(results))
    bad = sorted((one for judged in results for one in misses(judged)), key=lambda one: -one["error over tolerance"])
    chains, solving = sum(len(one.job.numbers) for one in results), sum(one.seconds for one in results)
    strengths = sum(one.ratio.size for one in results)
    print(f"\n{chains} chains, {strengths} strengths, seed {given.seed}: {len(bad)} chains miss.", end=" ")
    print(f"{time.monotonic() - began:.0f} s, of which the package took {solving:.0f} s of the processes.")
    for note in sorted({one.notes[-1] for one in results if -1 in one.notes}):
        print("a warning was shown:", note)
    for one in bad[: given.show]:
        place, depth, number, seed = one["place"], one["depth"], one["number"], one["seed"]
        print(f"\npython benchmarks/accuracy.py --depth {depth} --place '{place}' --number {number} --seed {seed}")
        sizes = f"{one['error over tolerance']:.3g} tolerances, {one['error over bound']:.3g} bounds"
        chain = draw(place, depth, seed, number)
        moved = f"one ulp of every input moves p by {moved_by_ulps(chain, one['t']):.1e}"
        print(f"  at t={one['t']!r}: error {one['error']:.1e}, {sizes}; {moved}. {one['said']}")
        print("  " + ", ".join(f"{name}={one[name]!r}" for name in ("theta", "feedback", "sigma", "curvature")))
    if given.misses:
        Path(given.misses).write_text(json.dumps(bad, indent=1))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
