"""Runs on this computer: in this process, in joblib's processes, or through any map-like callable."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.sweep.run import Done, Work, do

Workers: TypeAlias = int | Callable[..., Iterable[Any]]

Pending: TypeAlias = NDArray[np.intp]
"""Numbers of the runs that are to be done, ascending: an array, because there can be millions."""

PATIENCE = 3
"""Times in a row that workers may die without having finished a run."""


def check_workers(workers: Workers) -> Workers:
    """Refuse what is neither a number of processes nor a callable.

    Raises
    ------
    InputError
        Naming what was given.
    """
    whole = isinstance(workers, int | np.integer) and not isinstance(workers, bool)
    if not callable(workers) and not (whole and workers >= 1):
        raise InputError(f"workers: {workers!r} given, expected a whole number >= 1, or a map-like callable")
    return workers


def local_runs(work: Work, pending: Pending, workers: Workers) -> Generator[Done, None, None]:
    """Finished runs, as they come, in any order.

    Raises
    ------
    IntegrationError
        Worker processes keep dying.
    """
    if callable(workers):
        yield from workers(partial(do, work), map(int, pending))
    elif workers == 1 or len(pending) == 1:
        yield from (do(work, int(run)) for run in pending)
    else:
        yield from _in_processes(work, pending, int(workers))


def _in_processes(work: Work, pending: Pending, count: int) -> Generator[Done, None, None]:
    from joblib import delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    from fa_dynamics.sweep.pool import answers

    left, barren = np.ones(len(pending), dtype=bool), 0
    while left.any():
        try:
            for done in answers((delayed(do)(work, int(run)) for run in pending[left]), count):
                left[np.searchsorted(pending, done.run)] = False
                barren = 0
                yield done
        except BrokenProcessPool as problem:
            barren += 1
            if barren >= PATIENCE:
                raise IntegrationError(
                    f"worker processes died {PATIENCE} times in a row without finishing a run (out of memory?); "
                    "finished runs are kept, the same command with fewer workers continues"
                ) from problem
