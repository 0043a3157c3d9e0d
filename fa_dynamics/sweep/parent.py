"""What a worker process does first: leave Ctrl-C to its parent, and end when the parent has ended.

Nothing else is imported here, so that a worker watches from its first moments on, before it loads what runs need.
"""

from __future__ import annotations

import os
import signal
import threading
import time

HEARTBEAT = 0.25
"""Seconds between two looks at whether the parent lives."""


def begin(parent: int) -> None:
    """In a new worker of the process `parent`."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(HEARTBEAT)
    os._exit(1)
