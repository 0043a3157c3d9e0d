"""Map a function over pieces of work: here, in worker processes, or by a map of the caller's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fa_dynamics.errors import InputError

Workers = int | Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""A number of processes (-1: one per processor), or a map-like callable, as in SciPy."""


@contextmanager
def mapper(workers: Workers, pieces: int) -> Iterator[Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]]:
    """A map-like function. Results come in the order of the pieces, as soon as they are there.

    Parameters
    ----------
    workers
        1 works in this process. More start processes afresh: a script then needs `if __name__ == "__main__":`.
    pieces
        Number of pieces: there is no use for more processes.

    Raises
    ------
    InputError
        Neither a whole number >= 1, nor -1, nor callable.
    """
    if callable(workers):
        yield workers
        return
    if isinstance(workers, bool) or not isinstance(workers, int) or (workers < 1 and workers != -1):
        raise InputError(
            f"workers: {workers!r} given, expected a whole number >= 1, -1 for all, or a map-like callable"
        )
    count = min((os.cpu_count() or 1) if workers == -1 else workers, pieces)
    if count <= 1:
        yield map
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Forking a process with threads (those of BLAS) may lock it up.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)
    try:
        yield pool.map
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
