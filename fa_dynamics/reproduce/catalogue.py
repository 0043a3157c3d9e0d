"""Find experiments by name, and run them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.files import writable_folder
from fa_dynamics.progress import Report, reporting
from fa_dynamics.reproduce.experiment import Experiment, Reproduction
from fa_dynamics.reproduce.options import options_of, settled

_FILE = re.compile(r"[a-z]+\d{4}_\w+")
"""Files of experiments start with author and year; all others in the folder are what experiments are made of."""


@cache
def names() -> tuple[str, ...]:
    """The experiments there are.

    >>> "girotti2021-table" in names()
    True
    """
    files = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return tuple(file.replace("_", "-") for file in files if _FILE.fullmatch(file))


def find(name: str) -> Experiment:
    """An experiment by its name.

    Raises
    ------
    InputError
        There is none of that name; the message has the nearest.
    """
    if not isinstance(name, str) or name not in names():
        raise InputError(f"name: {name!r} given, expected an experiment; {nearest(str(name), names())}")
    file = importlib.import_module(f"fa_dynamics.reproduce.{name.replace('-', '_')}")
    found: Experiment = file.EXPERIMENT
    return found


def reproduce(
    name: str, *, out: str | Path | None = None, progress: bool | Report | None = None, **options: Any
) -> Reproduction:
    """Run an experiment of a paper, and set its recorded numbers beside ours.

    Parameters
    ----------
    name
        One of `fa_dynamics.reproduce.names()`.
    out
        Folder for its figure and its NetCDF file; none are written by default.
    progress
        A function told the fraction done; True and False switch a bar on and off; None shows it on a terminal.
    **options
        The experiment's own; `fa-dynamics reproduce --list` shows them.

    Returns
    -------
    Reproduction
        `records`, `sentences`, `dataset`, `figure()`, `save(folder)`; its repr is what the command prints.

    Raises
    ------
    InputError
        Unknown name or option, a value that an option does not take, a folder that cannot be written.

    Examples
    --------
    >>> found = reproduce("girotti2021-table")
    >>> found.records[0]["row"], found.records[0]["recorded"], round(found.records[0]["ours"], 3)
    ('A', 1.192, 1.192)
    """
    experiment = find(name)
    given = settled(name, options_of(experiment.run), options)
    if out is not None:
        writable_folder(out)  # refused before any work
    with reporting(name, progress) as report:
        found = Reproduction(experiment, given, experiment.run(report, **given))
    if out is not None:
        found.save(out)
    return found
