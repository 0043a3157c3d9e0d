"""Experiments of the papers: their numbers beside ours.

A file of this folder that is named after a paper's author and year holds one experiment, in `EXPERIMENT`; nothing else
has to know of it. What it can be told are the keyword-only parameters of its `run`.
"""

from fa_dynamics.reproduce.catalogue import find, names, reproduce
from fa_dynamics.reproduce.experiment import Experiment, Findings, Reproduction
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.tables import Table

__all__ = ["Allowed", "Experiment", "Findings", "Reproduction", "Table", "find", "names", "reproduce"]
