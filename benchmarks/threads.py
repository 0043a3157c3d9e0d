"""The number of BLAS threads, switched so fast that a peer of five milliseconds does not feel it."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    import scipy.linalg  # noqa: F401  SciPy brings a BLAS of its own, which has to be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def blas_threads(count: int) -> Any:
    """A context with so many BLAS threads in NumPy and SciPy."""
    return _libraries().limit(limits=count)
