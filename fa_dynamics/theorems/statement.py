"""A statement: a claim of a paper in a precise form, with everything needed to check it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from fa_dynamics.errors import InputError
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import Evidence

Instance: TypeAlias = Mapping[str, Any]
"""One case: names with numbers, words, or (nested lists or arrays of) numbers."""

Provenance = Literal["abstract", "ours", "observed", "classical", "recorded"]
"""abstract: realises a claim of the paper's abstract, in a precise form of this project (AC). ours: derived here (D).
observed: derived formally or seen in numbers, not proved (D-num). classical: known from elsewhere. recorded: numbers
from a public repository (REP)."""

SOURCES: dict[Provenance, str] = {
    "abstract": "realises a claim of the paper's abstract; this precise form is this project's own",
    "ours": "derived for this project",
    "observed": "derived formally or observed in numbers; not proved",
    "classical": "classical",
    "recorded": "numbers recorded in a public repository",
}

_ID = re.compile(r"[a-z]+\d*\.[a-z0-9]+(-[a-z0-9]+)*")


class Unproved(Exception):
    """A symbolic proof that did not come out; the message says what was left over."""


@dataclass(frozen=True)
class Hypothesis:
    """What an instance must satisfy.

    Attributes
    ----------
    name
        Short, such as 'aligned start'.
    says
        The condition, with LaTeX between dollars.
    test
        Whether an instance satisfies it.
    """

    name: str
    says: str
    test: Callable[[Instance], bool]


@dataclass(frozen=True)
class Counterexample:
    """Instances that lack one hypothesis; the check must find a violation among them.

    Attributes
    ----------
    drops
        Name of the hypothesis that they lack.
    says
        What happens then.
    sample
        Draws such an instance.
    check
        Another check than the statement's, if the statement's makes no sense without the hypothesis.
    tries
        Most instances that are drawn until one violates the claim.
    """

    drops: str
    says: str
    sample: Callable[[Draw], Instance]
    check: Callable[[Instance], Evidence | Sequence[Evidence]] | None = None
    tries: int = 20


@dataclass(frozen=True)
class Draws:
    """How many instances are drawn.

    Attributes
    ----------
    default
        Unless asked otherwise; the whole statement then takes a few seconds at most.
    smallest, largest
        Kept whatever is asked: for statistical checks, whose false-alarm rate belongs to a number of draws.
    """

    default: int = 60
    smallest: int = 1
    largest: int | None = None

    def settled(self, asked: int | None) -> int:
        """The number of draws for a wish."""
        wanted = max(self.default if asked is None else asked, self.smallest)
        return wanted if self.largest is None else min(wanted, self.largest)


@dataclass(frozen=True)
class Statement:
    """A claim with its hypotheses, a sampler, a check, and what breaks when a hypothesis is dropped.

    Attributes
    ----------
    id
        ``paper.name``; the file of a statement of this package is ``theorems/paper/name.py``, hyphens as underscores.
    claim
        One sentence, LaTeX between dollars.
    provenance
        Where the claim comes from; see `Provenance`.
    realises
        Codes of the sentences of the abstracts that it stands for; see `theorems/abstracts.py`.
    hypotheses
        Named predicates; the sampler must satisfy all of them.
    sample
        Draws an instance from all of the region where the statement speaks.
    check
        Measures it.
    counterexamples
        For each hypothesis that matters.
    prove
        ``prove(depth)`` proves the claim symbolically up to that depth and returns for what, such as 'L <= 4'; it
        raises `Unproved` if the proof does not come out.
    draws
        How many instances.
    false_alarm
        Of a statistical check: probability that it calls a true claim violated, in the whole run; else 0.
    note
        Anything a reader should know: where the form differs from the notes, limits.
    """

    id: str
    claim: str
    provenance: Provenance
    realises: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    sample: Callable[[Draw], Instance]
    check: Callable[[Instance], Evidence | Sequence[Evidence]]
    counterexamples: tuple[Counterexample, ...] = ()
    prove: Callable[[int], str] | None = None
    draws: Draws = field(default_factory=Draws)
    false_alarm: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InputError(f"id: {self.id!r} given, expected 'paper.name' in small letters, digits and hyphens")
        known = [hypothesis.name for hypothesis in self.hypotheses]
        for counterexample in self.counterexamples:
            if counterexample.drops not in known:
                raise InputError(f"counterexamples: {counterexample.drops!r} is no hypothesis of {self.id}, of {known}")
        if self.false_alarm > LARGEST_FALSE_ALARM:
            raise InputError(f"false_alarm: {self.false_alarm:g} given, expected at most {LARGEST_FALSE_ALARM:g}")

    @property
    def paper(self) -> str:
        """Author and year, or 'classical'."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """The id without the paper."""
        return self.id.partition(".")[2]

    def lacking(self, instance: Instance) -> list[str]:
        """Names of the hypotheses that an instance does not satisfy."""
        return [hypothesis.name for hypothesis in self.hypotheses if not hypothesis.test(instance)]


LARGEST_FALSE_ALARM = 1e-4
