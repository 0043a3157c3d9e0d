"""Progress on standard error, for work that takes more than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fa_dynamics.errors import InputError

PATIENCE = 2.0
"""Seconds of silence before anything is shown."""

Report = Callable[[float], None]
"""Is told the fraction done, from 0 to 1."""


def ignore(fraction: float) -> None:
    """Report nothing."""


@contextmanager
def reporting(description: str, progress: bool | Report | None) -> Iterator[Report]:
    """A function to be told the fraction done.

    Parameters
    ----------
    description
        What is being done.
    progress
        A function of one's own; True and False switch the bar on and off; None shows it on a terminal.
    """
    if callable(progress):
        yield progress
        return
    if progress is not None and not isinstance(progress, bool):
        raise InputError(f"progress: {progress!r} given, expected True, False, None or a function of the fraction done")
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield ignore
        return
    bar = _Bar(description)
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """A rich progress bar that appears when patience ends."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.started = time.monotonic()
        self.shown: Any = None
        self.task: Any = None

    def __call__(self, fraction: float) -> None:
        if self.shown is None:
            if time.monotonic() - self.started < PATIENCE:
                return
            from rich.console import Console
            from rich.progress import Progress

            self.shown = Progress(console=Console(stderr=True), transient=True)
            self.task = self.shown.add_task(self.description, total=1.0)
            self.shown.start()
        self.shown.update(self.task, completed=fraction)

    def close(self) -> None:
        if self.shown is not None:
            self.shown.stop()
