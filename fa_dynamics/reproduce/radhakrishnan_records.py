"""Records of the two alignment experiments: words compared as words, numbers of unknown draws as a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fa_dynamics.reproduce.experiment import Record
from fa_dynamics.reproduce.recorded import compare, last_place

NOTES = "theory notes of this project"

KEPT = 1e-10
"""A defect that stays below this is round-off: runs of some thousand steps leave 1e-15 to 1e-12."""

LOST = 1e-4
"""A defect beyond this is no round-off."""


def record(
    case: str,
    statement: str,
    quantity: str,
    ours: float | str,
    recorded: str | None = None,
    unit: str = "dimensionless",
) -> Record:
    """One number, or one word, beside the recorded one."""
    where = {"case": case, "quantity": quantity, "unit": unit}
    source = None if recorded is None else NOTES
    return where | compare(ours, recorded) | {"recorded_in": source, "statement": statement}


def ranged(case: str, statement: str, quantity: str, draws: Sequence[float], recorded: str) -> Record:
    """The median of several draws; a number recorded for an unknown draw agrees if it lies in their range."""
    values = np.asarray(draws, dtype=float)
    number, slack = float(recorded), 0.5 * last_place(recorded)
    inside = bool(values.min() - slack <= number <= values.max() + slack)
    extent = {"lowest": float(values.min()), "highest": float(values.max()), "draws": len(values)}
    plain: dict[str, Any] = record(case, statement, quantity, float(np.median(values)), recorded)
    return plain | {"agrees": inside} | extent


def verdict(defect: float) -> str:
    """'kept', 'lost', or 'unclear' in between."""
    return "kept" if defect < KEPT else "lost" if defect > LOST else "unclear"


def mark(record: Record) -> str:
    """A cell that says whether a record agrees."""
    return {None: "", True: "yes", False: "NO"}[record["agrees"]]


def disagreements(records: Sequence[Record]) -> str:
    """How many of the words and numbers that the notes have agree, and which do not."""
    compared = [entry for entry in records if entry["agrees"] is not None]
    apart = [f"{entry['quantity']} of {entry['case']}" for entry in compared if not entry["agrees"]]
    named = f" ({'; '.join(apart)})" if apart else ""
    return f"{len(compared) - len(apart)} of {len(compared)} recorded words and numbers agree{named}"
