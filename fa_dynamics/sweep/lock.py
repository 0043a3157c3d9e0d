"""One process at a time keeps a store; the operating system releases the lock however that process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fa_dynamics.errors import InputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises
    ------
    InputError
        Another process holds it.
    """
    import fcntl

    handle = os.open(folder, os.O_RDONLY)  # a folder can be locked itself: no file is left behind
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise InputError(
                f"store: another process is working on {str(folder)!r}; wait until it ends, or name another store"
            ) from problem
        yield
    finally:
        os.close(handle)
