"""Calls in joblib's processes. They outlive a round of calls: whoever starts them early finds them ready later."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fa_dynamics.sweep.parent import begin
from fa_dynamics.sweep.run import Work, warm


def answers(calls: Iterable[Any], count: int) -> Generator[Any, None, None]:
    """What delayed calls return, as they end, in any order, from so many processes with one BLAS thread each.

    Whatever ends this early kills the processes at once: there is nothing in them that is not done again.
    """
    finished = _dispatched(calls, count)
    try:
        for answer in finished:  # noqa: UP028 - `yield from` would close the pool before this function hears of it
            yield answer
    except BaseException:
        _abandon(finished)
        raise


@contextmanager
def starting(work: Work, count: int) -> Iterator[None]:
    """Processes start, load and derive while this process does something else; at the end they are ready."""
    from joblib import delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    finished = _dispatched((delayed(warm)(work) for _ in range(count)), count)
    try:
        yield
    except BaseException:
        _abandon(finished)
        raise
    try:
        for _ in finished:
            pass
    except BrokenProcessPool:
        # Processes that die of what they load die of it again when they get runs, and are counted there.
        _abandon(finished)


def _dispatched(calls: Iterable[Any], count: int) -> Generator[Any, None, None]:
    from joblib import Parallel, parallel_config

    options = {"initializer": begin, "initargs": (os.getpid(),)}
    with parallel_config("loky", n_jobs=count, inner_max_num_threads=1, **options):
        # One call per batch: an answer comes back when it is there, not when others are there too.
        pool = Parallel(return_as="generator_unordered", pre_dispatch=2 * count, batch_size=1)
    finished: Generator[Any, None, None] = pool(calls)
    return finished


def _abandon(finished: Generator[Any, None, None]) -> None:
    with warnings.catch_warnings():  # joblib would tell how many answers were not fetched: they will be asked for again
        warnings.simplefilter("ignore", UserWarning)
        finished.close()
