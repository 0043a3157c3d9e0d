"""Progress of many runs on standard error: how many, how fast, how long still."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from fa_dynamics.errors import InputError

Watch: TypeAlias = Callable[[int, int], None]
"""Is told the numbers of finished runs and of all runs."""

REFRESH = 0.2
"""Seconds between two refreshes, on a terminal."""

LINE = 10.0
"""Seconds between two lines, where there is no terminal."""


@contextmanager
def watching(before: int, total: int, progress: bool | Watch | None) -> Iterator[Watch]:
    """A function to be told the number of finished runs, of which `before` were finished earlier."""
    if callable(progress):
        yield progress
        return
    if progress is not None and not isinstance(progress, bool):
        raise InputError(f"progress: {progress!r} given, expected True, False, None or a function of two numbers")
    terminal = sys.stderr.isatty()
    if progress is False or (progress is None and not terminal):
        yield lambda done, of: None
        return
    began, shown = time.monotonic(), [0.0]
    wait = REFRESH if terminal else LINE

    def watch(done: int, of: int) -> None:
        now = time.monotonic()
        if now - shown[0] < wait and done < of:
            return
        shown[0] = now
        text = sentence(done, of, done - before, now - began)
        print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)

    try:
        yield watch
    finally:
        if terminal and shown[0]:
            print(file=sys.stderr, flush=True)


def sentence(done: int, of: int, new: int, seconds: float) -> str:
    """Such as 'sweep: 120 of 400 runs (30 %), 12.1 runs/s, 23 s left'."""
    told = f"sweep: {done} of {of} runs ({100 * done // of} %)"
    if new < 1 or seconds <= 0:
        return told
    rate = new / seconds
    speed = f"{rate:.3g} runs/s" if rate >= 1 else f"{1 / rate:.3g} s per run"
    return f"{told}, {speed}, {duration((of - done) / rate)} left"


def duration(seconds: float) -> str:
    """Such as '5 s', '12 min' or '3.5 h'."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
