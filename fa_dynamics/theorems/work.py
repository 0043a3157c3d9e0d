"""The pieces of work that a run is made of; each can be done in any process, in any order, with the same result."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fa_dynamics.theorems.catalogue import find
from fa_dynamics.theorems.draw import Draw, from_generator
from fa_dynamics.theorems.evidence import Evidence, worst
from fa_dynamics.theorems.outcome import Case, Dropped
from fa_dynamics.theorems.statement import Instance, Statement, Unproved

CHUNKS = 8
"""Pieces into which the draws of a statement are cut: enough to keep two workers busy, few enough to cost nothing."""


@dataclass(frozen=True)
class Unit:
    """One piece of work.

    Attributes
    ----------
    name
        Id or file of the statement.
    kind
        Check draws, look for a counterexample, or prove.
    place
        Number of the chunk, or of the counterexample; the depth of a proof.
    seeds
        Of the draws.
    """

    name: str
    kind: Literal["draws", "drop", "prove"]
    place: int
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Piece:
    """What a unit found: margins and the worst case of its draws, a dropped hypothesis, or a proof."""

    unit: Unit
    seconds: float
    margins: tuple[float, ...] = ()
    decisions: tuple[str, ...] = ()
    case: Case | None = None
    dropped: Dropped | None = None
    proof: str | None = None
    unproved: str | None = None
    failures: tuple[tuple[int, str], ...] = ()


def units_of(name: str, statement: Statement, draws: int | None, seed: int, depth: int) -> list[Unit]:
    """The work that a statement needs."""
    seeds = draw_seeds(seed, statement.draws.settled(draws))
    length = -(-len(seeds) // CHUNKS)
    chunks = [tuple(seeds[first : first + length]) for first in range(0, len(seeds), length)]
    units = [Unit(name, "draws", place, chunk) for place, chunk in enumerate(chunks)]
    for place, counterexample in enumerate(statement.counterexamples):
        units.append(Unit(name, "drop", place, tuple(draw_seeds(seed, counterexample.tries))))
    if statement.prove is not None:
        units.append(Unit(name, "prove", depth))
    return units


def draw_seeds(seed: int, count: int) -> list[int]:
    """Seeds of the draws of a run: the first is the run's own, so that any draw can be the first of another run."""
    mixed = (int(np.random.SeedSequence((seed, place)).generate_state(1)[0]) for place in range(1, count))
    return [seed, *mixed][:count]


def source(statement: Statement, seed: int, stream: int = 0) -> Draw:
    """The random numbers of one draw; counterexamples have streams of their own."""
    key = (zlib.crc32(statement.id.encode()), stream)
    return from_generator(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)))


def do(unit: Unit) -> Piece:
    """Do one piece of work, with one BLAS thread, so that every process rounds alike."""
    from threadpoolctl import threadpool_limits

    statement = find(unit.name)
    began = time.perf_counter()
    with threadpool_limits(1, user_api="blas"):
        if unit.kind == "prove":
            found = _prove(statement, unit)
        elif unit.kind == "drop":
            found = _drop(statement, unit)
        else:
            found = _check(statement, unit)
    return Piece(unit, time.perf_counter() - began, **found)


def examine(statement: Statement, seed: int, instance: Instance) -> Case:
    """Check one instance.

    Raises
    ------
    ValueError
        The instance does not satisfy the hypotheses.
    """
    lacking = statement.lacking(instance)
    if lacking:
        raise ValueError(f"the instance lacks {', '.join(lacking)}")
    return Case(seed, instance, worst(_as_list(statement.check(instance))))


def _as_list(evidence: Any) -> list[Evidence]:
    return list(evidence) if isinstance(evidence, Sequence) else [evidence]


def _check(statement: Statement, unit: Unit) -> dict[str, Any]:
    cases, failures = [], []
    for seed in unit.seeds:
        try:
            cases.append(examine(statement, seed, statement.sample(source(statement, seed))))
        except Exception as problem:  # a draw that cannot be checked is a finding, and the run fails by it
            failures.append((seed, f"{type(problem).__name__}: {problem}"))
    deciding = worst([case.evidence for case in cases]) if cases else None
    return {
        "margins": tuple(case.evidence.margin for case in cases),
        "decisions": tuple(case.evidence.decision for case in cases),
        "case": next((case for case in cases if case.evidence is deciding), None),
        "failures": tuple(failures),
    }


def _drop(statement: Statement, unit: Unit) -> dict[str, Any]:
    promised = statement.counterexamples[unit.place]
    check = promised.check or statement.check
    failures = []
    for tried, seed in enumerate(unit.seeds, start=1):
        try:
            instance = promised.sample(source(statement, seed, 1 + unit.place))
            lacking = statement.lacking(instance)
            if lacking != [promised.drops]:
                raise ValueError(f"lacks {lacking}, expected it to lack {promised.drops!r} and nothing else")
            evidence = worst(_as_list(check(instance)))
        except Exception as problem:  # as above
            failures.append((seed, f"without {promised.drops!r}: {type(problem).__name__}: {problem}"))
            continue
        if evidence.decision == "violated":
            found = Dropped(promised.drops, promised.says, tried, Case(seed, instance, evidence))
            return {"dropped": found, "failures": tuple(failures)}
    missing = Dropped(promised.drops, promised.says, len(unit.seeds), None)
    return {"dropped": missing, "failures": tuple(failures)}


def _prove(statement: Statement, unit: Unit) -> dict[str, Any]:
    assert statement.prove is not None
    try:
        return {"proof": statement.prove(unit.place)}
    except Unproved as problem:
        return {"unproved": f"not proved: {problem}"}
    except Exception as problem:  # as above
        return {"unproved": f"not proved: {type(problem).__name__}: {problem}"}
