"""`fa-dynamics demo` in this process, looked at every few milliseconds: `python sampled.py FOLDER`, prints JSON.

Each sample is the time since the program was started and what it was doing: importing something, or which function of
the package was the innermost one, or which library if there was none.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EVERY = 0.004
"""Seconds between two looks."""


def frames(frame: FrameType | None) -> Iterator[FrameType]:
    """From the innermost frame outwards."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def imported(stack: list[FrameType]) -> str | None:
    """The library that is being imported: the outermost one that is not the package itself."""
    names = [
        str(frame.f_locals.get("name", "")).split(".")[0]
        for frame in reversed(stack)
        if frame.f_code.co_name == "_find_and_load" and "importlib" in frame.f_code.co_filename
    ]
    if not names:
        return None
    return next((name for name in names if name != "fa_dynamics"), "fa_dynamics")


def doing(frame: FrameType) -> str:
    """One label for a stack."""
    stack = list(frames(frame))
    library = imported(stack)
    if library is not None:
        return f"import {library}"
    for one in stack:
        path = Path(one.f_code.co_filename)
        if "fa_dynamics" in path.parts:
            return f"{path.parent.name}/{path.stem}.{one.f_code.co_name}"
    module = stack[-1].f_globals.get("__name__", "?") if stack else "?"
    return str(module)


def watch(thread: int, began: float, samples: list[tuple[float, str]], done: threading.Event) -> None:
    """Look at a thread until it is done."""
    while not done.wait(EVERY):
        frame = sys._current_frames().get(thread)
        if frame is not None:
            samples.append((time.time() - began, doing(frame)))


def main() -> int:
    """Run the demo under watch; `FOLDER START`, START being the clock when the program was started."""
    folder, began = sys.argv[1], float(sys.argv[2])
    samples: list[tuple[float, str]] = []
    done, entered = threading.Event(), time.time() - began
    watcher = threading.Thread(
        target=watch, args=(threading.get_ident(), began, samples, done), name="watcher", daemon=True
    )
    watcher.start()
    sys.argv = ["fa-dynamics", "demo", "--out", folder]
    from fa_dynamics.cli import main as command

    try:
        command()
    except SystemExit as ended:
        if ended.code:
            raise
    done.set()
    watcher.join()
    print("\n" + json.dumps({"entered": entered, "seconds": time.time() - began, "samples": samples}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
