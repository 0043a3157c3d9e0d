"""The ledger: claims of the papers in a precise form, executable, with hypotheses, samplers and counterexamples.

A statement is one file that defines ``STATEMENT``: in a folder here that is named after its paper, or anywhere, for
``verify("my_statement.py")``. Nothing else has to know of it.
"""

from fa_dynamics.theorems.catalogue import find, names, select
from fa_dynamics.theorems.checking import verify
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import ROUND_OFF, Evidence, at_least, at_most, equal, is_true
from fa_dynamics.theorems.hunting import hunt
from fa_dynamics.theorems.instance import load_instance, save_instance
from fa_dynamics.theorems.outcome import Case, Outcome, Report
from fa_dynamics.theorems.statement import Counterexample, Draws, Hypothesis, Instance, Statement, Unproved

__all__ = [
    "ROUND_OFF",
    "Case",
    "Counterexample",
    "Draw",
    "Draws",
    "Evidence",
    "Hypothesis",
    "Instance",
    "Outcome",
    "Report",
    "Statement",
    "Unproved",
    "at_least",
    "at_most",
    "equal",
    "find",
    "hunt",
    "is_true",
    "load_instance",
    "names",
    "save_instance",
    "select",
    "verify",
]
