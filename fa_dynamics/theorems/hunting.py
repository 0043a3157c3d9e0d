"""Drive a statement's sampler towards its smallest margin, with a global optimiser on the unit cube."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.progress import Report as Progress
from fa_dynamics.progress import reporting
from fa_dynamics.theorems.catalogue import find
from fa_dynamics.theorems.draw import from_point
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.outcome import Case
from fa_dynamics.theorems.work import examine

CONTROLLED = 24
"""Numbers of a draw that the optimiser moves: the first ones, which samplers spend on the shape of a case."""

POPULATION = 16
"""Members of the population of the differential evolution."""


def hunt(name: str, *, checks: int = 200, seed: int = 0, progress: bool | Progress | None = None) -> Case:
    """The instance with the smallest margin that a global search finds among those that satisfy the hypotheses.

    Parameters
    ----------
    name
        Id of a statement, or a file that defines one.
    checks
        Instances that may be checked, at least `POPULATION` (16).
    seed
        Of the search.
    progress
        A function told the fraction done; True and False switch a bar on and off; None shows it on a terminal.

    Returns
    -------
    Case
        Its seed is that of the search: the instance itself is what reproduces it.

    Raises
    ------
    InputError
        Unknown statement, or fewer checks than the population has members.
    IntegrationError
        A check failed.
    """
    from scipy.optimize import differential_evolution

    statement = find(name)
    if isinstance(checks, bool) or not isinstance(checks, int) or checks < POPULATION:
        raise InputError(f"checks: {checks!r} given, expected a whole number >= {POPULATION}")
    key = zlib.crc32(statement.id.encode())
    found: list[Case] = []
    failures: list[str] = []
    tried = 0

    def margin(point: NDArray[np.float64]) -> float:
        nonlocal tried
        tried += 1
        report(min(tried / checks, 1.0))
        rest = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key, 2**16)))
        instance = statement.sample(from_point(point, rest))
        if statement.lacking(instance):
            return np.inf
        try:
            case = examine(statement, seed, instance)
        except Exception as problem:  # the optimiser would tell something else; told below
            failures.append(f"{type(problem).__name__}: {problem}")
            return np.inf
        found.append(case)
        return case.evidence.margin

    generations = max(checks // POPULATION - 1, 0)
    start = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key, 2**16 + 1)))
    with reporting(f"hunt {name}", progress) as report:
        differential_evolution(
            margin,
            [(0.0, 1.0)] * CONTROLLED,
            maxiter=generations,
            popsize=1,
            init=start.random((POPULATION, CONTROLLED)),
            rng=start,
            polish=False,
            tol=0.0,
        )
    if failures:
        raise IntegrationError(f"{name}: {len(failures)} of {tried} checks failed, the first by {failures[0]}")
    if not found:
        raise InputError(f"statement: no instance of {name!r} satisfied its hypotheses in {tried} tries")
    deciding = worst([case.evidence for case in found])
    return next(case for case in found if case.evidence is deciding)
