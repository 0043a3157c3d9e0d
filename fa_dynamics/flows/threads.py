"""How many BLAS threads a piece of work deserves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from threading import Lock
from typing import Any

SMALL_PRODUCTS = 3e7
"""Multiply-adds of an evaluation below which one BLAS thread is used. On two idle cores whole runs with two threads
took 1.1 to 1.5 times as long at 5e6 to 2.4e7, 0.6 to 1.1 times as long at 5e7, and 0.8 times at 4e8; beside one busy
process, with which threads that wait for each other share a core, two to three times as long up to 5e7."""


def threads_for(multiply_adds: float) -> Any:
    """A context in which small products run on one BLAS thread."""
    return one_thread() if multiply_adds < SMALL_PRODUCTS else nullcontext()


@contextmanager
def one_thread() -> Iterator[None]:
    """A context with one BLAS thread, which is a setting of the process: the last to leave gives the others back."""
    with _STATE.lock:
        if _STATE.inside == 0:
            _STATE.limit = _libraries().limit(limits=1, user_api="blas")
        _STATE.inside += 1
    try:
        yield
    finally:
        with _STATE.lock:
            _STATE.inside -= 1
            if _STATE.inside == 0:
                _STATE.limit.restore_original_limits()


def blas_threads() -> int:
    """Threads that BLAS would use now: what the machine has, or the user allows."""
    return max((each["num_threads"] for each in _libraries().info() if each["user_api"] == "blas"), default=1)


class _State:
    """Who is inside `one_thread`, for it is a setting of the process."""

    def __init__(self) -> None:
        self.lock, self.inside = Lock(), 0
        self.limit: Any = None


_STATE = _State()


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """Looked up once: that takes a millisecond."""
    import scipy.linalg.lapack  # noqa: F401  (brings a BLAS of its own, which is to be found too)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
