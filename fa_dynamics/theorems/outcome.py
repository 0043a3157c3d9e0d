"""What checking a statement, or many, brought to light."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fa_dynamics.theorems.evidence import Evidence
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.statement import Instance, Statement

Status = Literal["proved", "tested", "observed"]

MOST_UNDECIDED = 0.1
"""Share of draws that may be left undecided; a check that decides less often says too little."""


@dataclass(frozen=True, eq=False)
class Case:
    """One instance that was checked.

    Attributes
    ----------
    seed
        ``verify(id, draws=1, seed=seed)`` draws the same instance again.
    instance
        Its values.
    evidence
        The piece of evidence that decides.
    """

    seed: int
    instance: Instance
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class Dropped:
    """The search for a violation when a hypothesis is dropped.

    Attributes
    ----------
    drops, says
        The hypothesis, and what was promised to happen.
    tried
        Instances drawn.
    case
        The first that violates the claim; None if none was found.
    """

    drops: str
    says: str
    tried: int
    case: Case | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What checking one statement brought to light.

    Attributes
    ----------
    statement
        What was checked.
    proof
        What was proved symbolically, such as 'L <= 4'; None without a proof.
    unproved
        Why a promised proof did not come out; None if it did, or none was promised.
    margins
        Margin of every draw that was checked, (draws,).
    violations, undecided
        Numbers of draws.
    worst
        The draw with the smallest margin, violated before undecided before holding; None without draws.
    dropped
        One per promised counterexample that was looked for.
    failures
        Seeds of draws that could not be checked, with the reason.
    seconds
        Of work, summed over workers.
    complete
        Whether everything that was asked for was done.
    """

    statement: Statement
    proof: str | None
    unproved: str | None
    margins: Any
    violations: int
    undecided: int
    worst: Case | None
    dropped: tuple[Dropped, ...]
    failures: tuple[tuple[int, str], ...]
    seconds: float
    complete: bool

    @property
    def status(self) -> Status:
        """'observed' for what is only supported by numbers, whatever the numbers say; 'proved' with a proof."""
        if self.statement.provenance in ("observed", "recorded"):
            return "observed"
        return "proved" if self.proof else "tested"

    @property
    def counterexample_found(self) -> bool | None:
        """Whether every promised counterexample was found; None where none is promised."""
        return all(each.case is not None for each in self.dropped) if self.dropped else None

    @property
    def holds(self) -> bool:
        """No violation, nothing that failed, every proof and counterexample there, and enough draws decided."""
        nothing_wrong = not (self.violations or self.failures or self.unproved or self.counterexample_found is False)
        return nothing_wrong and (self.decided or not self.complete)

    @property
    def decided(self) -> bool:
        """Whether enough draws were decided: all but `MOST_UNDECIDED` of them, or all but one."""
        allowed = max(1.0, MOST_UNDECIDED * len(self.margins))
        return self.undecided < len(self.margins) and self.undecided <= allowed

    @property
    def verdict(self) -> str:
        """In a few words, for tables."""
        if self.violations:
            return "VIOLATED"
        if self.failures:
            return "FAILED"
        if self.unproved:
            return "UNPROVED"
        if self.counterexample_found is False:
            return "COUNTEREXAMPLE MISSING"
        if not self.complete:
            return "interrupted"
        if not self.decided:
            return "UNDECIDED"
        draws = f"{len(self.margins)} draw{'' if len(self.margins) == 1 else 's'}"
        return {
            "proved": f"proved ({self.proof})",
            "tested": f"tested ({draws})",
            "observed": f"observed ({draws})",
        }[self.status]

    @property
    def record(self) -> dict[str, Any]:
        """The entries that ``verify --json`` prints."""
        return {
            "id": self.statement.id,
            "paper": self.statement.paper,
            "provenance": self.statement.provenance,
            "status": self.status,
            "draws": len(self.margins),
            "violations": self.violations,
            "undecided": self.undecided,
            "worst_margin": _finite(self.worst.evidence.margin) if self.worst else None,
            "worst_seed": self.worst.seed if self.worst else None,
            "counterexample_found": self.counterexample_found,
            "seconds": round(self.seconds, 3),
            "holds": self.holds,
            "proved": self.proof,
            "complete": self.complete,
            "failures": [{"seed": seed, "reason": reason} for seed, reason in self.failures]
            + ([{"seed": None, "reason": self.unproved}] if self.unproved else []),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What checking several statements brought to light, in the order of the catalogue.

    Attributes
    ----------
    outcomes
        One per statement.
    seed
        Of the run.
    interrupted
        Whether it was cut short; what is known so far is here.
    """

    outcomes: tuple[Outcome, ...]
    seed: int
    interrupted: bool = False

    @property
    def holds(self) -> bool:
        """Nothing violated, failed, unproved or missing."""
        return all(outcome.holds for outcome in self.outcomes)

    @property
    def records(self) -> list[dict[str, Any]]:
        """One flat dictionary per statement, ready for strict JSON."""
        return [plain(outcome.record) for outcome in self.outcomes]

    def __getitem__(self, statement: str) -> Outcome:
        for outcome in self.outcomes:
            if outcome.statement.id == statement:
                return outcome
        raise KeyError(statement)

    def to_json(self) -> str:
        """The records as strict JSON."""
        return json.dumps(self.records, indent=2, allow_nan=False)

    def to_html(self) -> str:
        """A page that stands on its own; see `fa_dynamics.theorems.page`."""
        from fa_dynamics.theorems.page import page

        return page(self)

    def __repr__(self) -> str:
        width = max((len(outcome.statement.id) for outcome in self.outcomes), default=0)
        lines = [f"{outcome.statement.id.ljust(width)}  {_line(outcome)}" for outcome in self.outcomes]
        return "\n".join([*lines, *summary(self.outcomes)])


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """One line per paper."""
    lines = []
    for paper in dict.fromkeys(outcome.statement.paper for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.statement.paper == paper]
        counts = {
            status: sum(outcome.status == status for outcome in own) for status in ("proved", "tested", "observed")
        }
        found = [each for outcome in own for each in outcome.dropped]
        parts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        wrong = [outcome.statement.id for outcome in own if not outcome.holds]
        lines.append(
            f"{paper}: {len(own)} statement{'' if len(own) == 1 else 's'}, {parts}; "
            f"{sum(len(outcome.margins) for outcome in own)} draws, "
            f"{sum(outcome.violations for outcome in own)} violations, "
            f"{sum(outcome.undecided for outcome in own)} undecided; "
            f"{sum(each.case is not None for each in found)} of {len(found)} counterexamples found"
            + (f"; NOT IN ORDER: {', '.join(wrong)}" if wrong else "")
        )
    return lines


def _line(outcome: Outcome) -> str:
    margin = f"smallest margin {outcome.worst.evidence.margin:.1e}" if outcome.worst else "no draw"
    return f"{outcome.verdict}; {margin}; {outcome.seconds:.1f} s"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
