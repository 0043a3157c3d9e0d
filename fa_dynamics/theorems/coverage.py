"""Which statements stand for which sentence of the abstracts."""

from __future__ import annotations

from dataclasses import dataclass

from fa_dynamics.theorems.abstracts import BACKGROUND, SENTENCES
from fa_dynamics.theorems.catalogue import find, names


@dataclass(frozen=True)
class Covered:
    """A sentence of an abstract, and the statements that realise it.

    Attributes
    ----------
    code, paper, sentence
        As in `SENTENCES`; the sentence is a paraphrase.
    statements
        Ids.
    """

    code: str
    paper: str
    sentence: str
    statements: tuple[str, ...]

    @property
    def claims(self) -> bool:
        """Whether the sentence claims something that a program could check."""
        return self.code not in BACKGROUND


def coverage() -> tuple[Covered, ...]:
    """Every sentence of the four abstracts with its statements, in order."""
    realised = {name: find(name).realises for name in names()}
    return tuple(
        Covered(code, paper, sentence, tuple(name for name, codes in realised.items() if code in codes))
        for code, (paper, sentence) in SENTENCES.items()
    )
