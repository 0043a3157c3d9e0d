"""What the benchmark of accuracy asks of a chain: its times, its reference, its tolerance; and who misses."""

from __future__ import annotations

import hashlib
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ensembles
import numpy as np
import reference
from ensembles import PLACES, Array, Chain, draw

import fa_dynamics as fa
from fa_dynamics.modes.exact import MANY

HERE = Path(__file__).parent
STRATA = ((-6, -1), (-1, 0), (0, 1), (1, 2), (2, 6))
BESIDE = (-9, -0.3)
EPS = 2.0**-52


@dataclass(frozen=True)
class Job:
    """Chains `numbers` of one place; those of other depths and places have nothing to do with them."""

    place: str
    depth: int
    seed: int
    numbers: tuple[int, ...]
    store: str | None


@dataclass(frozen=True, eq=False)
class Judged:
    """Error, error / tolerance, error / bound and bound / error of one job, (chains, times)."""

    job: Job
    times: Array
    error: Array
    ratio: Array
    over_bound: Array
    pessimism: Array
    seconds: float
    notes: dict[int, str]


def times_of(job: Job, number: int, own: float) -> Array:
    """The times at which a chain is looked at."""
    rng = np.random.default_rng([job.seed, job.depth, list(PLACES).index(job.place), number, 1])
    parts = [10.0 ** rng.uniform(*ends) for ends in STRATA]
    parts.append(1 + rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(*BESIDE))
    return np.asarray(float(np.clip(own, 1e-290, 1e290)) * np.array(parts))


def references(job: Job, chains: list[Chain]) -> tuple[Array, Array]:
    """Times (chains, 6), and p, what p loses as a float, and the condition, (chains, 6, 3); stored if asked for."""
    file = None
    if job.store:
        digest = hashlib.sha256(repr((job.numbers, STRATA, BESIDE)).encode())
        for module in (ensembles, reference):
            digest.update(Path(str(module.__file__)).read_bytes())
        name = f"{job.place}-{job.depth}-{job.seed}-{digest.hexdigest()[:16]}.npz".replace(" ", "_")
        file = Path(job.store) / name
        if file.exists():
            with np.load(file) as kept:
                return kept["times"], kept["found"]
    times, found = [], []
    for number, chain in zip(job.numbers, chains, strict=True):
        way = reference.way_of(chain)
        times.append(times_of(job, number, reference.own_time(way, chain)))
        found.append(reference.evaluate(way, chain, [float(value) for value in times[-1]]))
    both = np.array(times), np.array(found)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file.with_suffix(".part.npz"), times=both[0], found=both[1])
        file.with_suffix(".part.npz").rename(file)
    return both


COMPANY: Array = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
"""sigma, lambda and all b of modes beside all chains: what is absent in one must not count in others."""

CROWD = 4 * MANY
"""Modes among which two-layer chains are solved once more: many modes are solved in another way."""


def solved(chains: list[Chain], times: Array) -> tuple[Array, Array]:
    """Strength, (ways, chains, times of each), and its bound, (chains, times of each)."""
    union, where = np.unique(times, return_inverse=True)
    theta, feedback = (np.stack([getattr(chain, name) for chain in chains], axis=1) for name in ("theta", "feedback"))
    sigma, curvature = (np.array([getattr(chain, name) for chain in chains]) for name in ("sigma", "curvature"))
    theta = np.concatenate([theta, np.full((len(theta), len(COMPANY)), 0.3)], axis=1)
    feedback = np.concatenate([feedback, np.tile(COMPANY[:, 2], (len(feedback), 1))], axis=1)
    sigma, curvature = np.append(sigma, COMPANY[:, 0]), np.append(curvature, COMPANY[:, 1])
    curves = fa.solve_modes(sigma, curvature, len(theta), "fa", theta, feedback, t=union)
    ways = [curves.strength]
    if len(theta) == 2:
        crowd = np.arange(CROWD) % len(sigma)
        copies = (sigma[crowd], curvature[crowd], 2, "fa", theta[:, crowd], feedback[:, crowd])
        ways.append(fa.solve_modes(*copies, t=union).strength)
    column = np.arange(len(chains))[:, None]
    where = where.reshape(times.shape)
    found = [strength[where, column] for strength in ways]
    found.append(np.array([alone(chain, own) for chain, own in zip(chains, times, strict=True)]))
    return np.array(found), curves.error[where, column]


def alone(chain: Chain, times: Array) -> Array:
    """Strength of a chain by itself: rests of few modes, and panels, are looked for in another way."""
    t, where = np.unique(times, return_inverse=True)
    theta, feedback = chain.theta[:, None], chain.feedback[:, None]
    curves = fa.solve_modes([chain.sigma], chain.curvature, len(theta), "fa", theta, feedback, t=t)
    return curves.strength[where, 0]


def judge(job: Job) -> Judged:
    """Solve the chains of a job and compare."""
    chains = [draw(job.place, job.depth, job.seed, number) for number in job.numbers]
    times, found = references(job, chains)
    notes: dict[int, str] = {}
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            strength, bound = solved(chains, times)
        except Exception:  # find the one that is to blame
            strength = np.full((3 if job.depth == 2 else 2, *times.shape), np.nan)
            bound = np.full(times.shape, np.nan)
            for k, chain in enumerate(chains):
                try:
                    one = solved([chain], times[k : k + 1])
                except Exception as problem:
                    notes[k] = f"{type(problem).__name__}: {problem}"
                else:
                    strength[:, k], bound[k] = one[0][:, 0], one[1][0]
    seconds = time.perf_counter() - began
    if told:
        notes.setdefault(-1, f"{told[0].category.__name__}: {told[0].message} ({told[0].filename}:{told[0].lineno})")
    high, low, condition = np.moveaxis(found, 2, 0)
    error = np.abs((strength - high) - low).max(axis=0)
    before = np.array([float(np.prod(chain.theta)) for chain in chains])
    target = np.array([chain.sigma / chain.curvature if chain.curvature else 0.0 for chain in chains])
    floor = 1e-3 * np.maximum(np.abs(before), np.abs(target))[:, None]
    allowed = np.maximum(1e-12 * np.maximum(np.abs(high), floor) + 10 * EPS * condition, np.finfo(float).tiny)
    ratio = np.where(np.isfinite(error), error / allowed, np.inf)
    for k, at in np.argwhere((ratio > 1) & np.isfinite(error)):
        # where a ghost lets go p is not linear in its inputs over one unit in the last place
        moved = 10 * moved_by_ulps(chains[k], times[k, at])
        ratio[k, at] = min(ratio[k, at], error[k, at] / (allowed[k, at] + moved))
    least = np.finfo(float).tiny
    # an infinite bound says that rounding may lift the fold on which a mode rests
    over = np.where(np.isfinite(error) & ~np.isnan(bound), error / np.maximum(bound, least), np.inf)
    pessimism = bound / np.maximum(np.maximum(error, 0.5 * EPS * np.abs(high)), least)
    return Judged(job, times, error, ratio, over, pessimism, seconds, notes)


def cross_checked(depth: int, seed: int, count: int = 3) -> float:
    """Largest relative difference to the reference of the tests, on a few chains."""
    sys.path.insert(0, str(HERE.parent / "tests" / "modes"))
    import mpmath
    from reference_modes import reference as slow

    worst = 0.0
    with mpmath.workdps(60):
        for place in ("wide", "generic", "ghost", "fold", "unstable", "no target"):
            job = Job(place, depth, seed, tuple(range(count)), None)
            chains = [draw(place, depth, seed, number) for number in job.numbers]
            times, found = references(job, chains)
            for chain, at, values in zip(chains, times, found, strict=True):
                exact = slow(chain.theta, chain.feedback, chain.sigma, chain.curvature, at)
                for (high, low, _), value in zip(values, exact, strict=True):
                    gap = abs((mpmath.mpf(high) + mpmath.mpf(low) - value) / value)
                    worst = max(worst, float(gap))
    return worst


def moved_by_ulps(chain: Chain, t: float) -> float:
    """sum over the inputs of the change of p(t) by one unit in the last place: K without its derivatives."""

    def strength(other: Chain) -> float:
        return reference.strengths(reference.way_of(other), other, [t])[0]

    here, total = strength(chain), 0.0
    for name in ("sigma", "curvature"):
        value = getattr(chain, name)
        ends = (np.nextafter(value, np.inf), np.nextafter(value, -np.inf))
        total += (
            max(abs(strength(replace(chain, **{name: float(end)})) - here) for end in ends if value != 0)
            if value
            else 0
        )
    for name in ("theta", "feedback"):
        values = getattr(chain, name)
        for k, value in enumerate(values):
            ends = (np.nextafter(value, np.inf), np.nextafter(value, -np.inf)) if value else ()
            others = ([*values[:k], float(end), *values[k + 1 :]] for end in ends)
            total += max((abs(strength(replace(chain, **{name: np.array(o)})) - here) for o in others), default=0.0)
    return total


def misses(judged: Judged) -> list[dict[str, Any]]:
    """Chains that miss, with all that it takes to look at them again."""
    found = []
    for k, number in enumerate(judged.job.numbers):
        if judged.ratio[k].max() <= 1 and judged.over_bound[k].max() <= 1 and k not in judged.notes:
            continue
        chain = draw(judged.job.place, judged.job.depth, judged.job.seed, number)
        at = int(np.argmax(np.maximum(judged.ratio[k], judged.over_bound[k])))
        found.append(
            {
                "place": judged.job.place,
                "depth": judged.job.depth,
                "seed": judged.job.seed,
                "number": number,
                "t": float(judged.times[k, at]),
                "error": float(judged.error[k, at]),
                "error over tolerance": float(judged.ratio[k].max()),
                "error over bound": float(judged.over_bound[k].max()),
                "said": judged.notes.get(k, ""),
                "theta": chain.theta.tolist(),
                "feedback": chain.feedback.tolist(),
                "sigma": chain.sigma,
                "curvature": chain.curvature,
            }
        )
    return found
