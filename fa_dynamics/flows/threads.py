"""How many BLAS threads a piece of work deserves."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Any

SMALL_PRODUCTS = 5e6
"""Multiply-adds below which one BLAS thread does as well as two: products are too short to share. On a busy machine two
threads that wait for each other can be ten times slower than one."""


def threads_for(multiply_adds: float) -> Any:
    """A context in which small products run on one BLAS thread."""
    return one_thread() if multiply_adds < SMALL_PRODUCTS else nullcontext()


def one_thread() -> Any:
    """A context with one BLAS thread."""
    return _libraries().limit(limits=1, user_api="blas")


def blas_threads() -> int:
    """Threads that BLAS would use now: what the machine has, or the user allows."""
    return max((library["num_threads"] for library in _libraries().info()), default=1)


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """Looked up once: that takes a millisecond."""
    import scipy.linalg.lapack  # noqa: F401  (brings a BLAS of its own, which is to be found too)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
