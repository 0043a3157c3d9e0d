"""Runs on this computer: in this process, in joblib's processes, or through any map-like callable."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.sweep.parent import begin
from fa_dynamics.sweep.run import Done, Work, do

Workers: TypeAlias = int | Callable[..., Iterable[Any]]

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


def local_runs(work: Work, pending: Sequence[int], workers: Workers) -> Generator[Done, None, None]:
    """Finished runs, as they come, in any order.

    Raises
    ------
    IntegrationError
        Worker processes keep dying.
    """
    if callable(workers):
        yield from workers(partial(do, work), pending)
    elif workers == 1 or len(pending) == 1:
        yield from (do(work, run) for run in pending)
    else:
        yield from _processes(work, pending, int(workers))


def _processes(work: Work, pending: Sequence[int], count: int) -> Generator[Done, None, None]:
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left, barren = dict.fromkeys(pending), 0
    while left:
        try:
            for done in _one_pool(work, list(left), count):
                left.pop(done.run)
                barren = 0
                yield done
        except BrokenProcessPool as problem:
            barren += 1
            if barren >= PATIENCE:
                raise IntegrationError(
                    f"worker processes died {PATIENCE} times in a row without finishing a run (out of memory?); "
                    "finished runs are kept, the same command with fewer workers continues"
                ) from problem


def _one_pool(work: Work, pending: Sequence[int], count: int) -> Generator[Done, None, None]:
    from joblib import Parallel, delayed, parallel_config

    options = {"initializer": begin, "initargs": (os.getpid(),)}
    with parallel_config("loky", n_jobs=count, inner_max_num_threads=1, **options):
        # One run per batch: a run comes back when it ends, not when others have ended too.
        pool = Parallel(return_as="generator_unordered", pre_dispatch=2 * count, batch_size=1)
        finished = pool(delayed(do)(work, run) for run in pending)
        try:
            for done in finished:  # noqa: UP028 - `yield from` would close the pool before this function hears of it
                yield done
        except BaseException:
            with warnings.catch_warnings():  # joblib would tell how many runs were not fetched: they will be run again
                warnings.simplefilter("ignore", UserWarning)
                finished.close()
            raise
