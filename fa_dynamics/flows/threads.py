"""How many BLAS threads a piece of work deserves."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Any

SMALL_PRODUCTS = 2e7
"""Multiply-adds per evaluation below which one BLAS thread beats two: the products are too short to share."""


def threads_for(multiply_adds: float) -> Any:
    """A context in which small products run on one BLAS thread."""
    return one_thread() if multiply_adds < SMALL_PRODUCTS else nullcontext()


def one_thread() -> Any:
    """A context with one BLAS thread."""
    return _libraries().limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """Looked up once: that takes a millisecond."""
    import scipy.linalg.lapack  # noqa: F401  (brings a BLAS of its own, which is to be found too)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
