"""Pieces of work in a few threads, as NumPy leaves Python's lock while it works; Ctrl-C ends all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Event

LOOK = 0.1
"""Seconds between two looks at threads that still work."""


def share_out(
    work: Callable[[int, Callable[[float], None]], bool],
    shares: Sequence[float],
    threads: int,
    report: Callable[[float], None],
) -> None:
    """Do pieces of work, each in whichever thread is free; this one is the first of them.

    Parameters
    ----------
    work
        ``work(piece, tell)`` does a piece, tells the fraction done of it now and then, and returns whether the others
        are to go on. What it tells may raise KeyboardInterrupt.
    shares
        How much of the whole each piece is.
    threads
        How many, at least 1.
    report
        Is told the fraction done of the whole, in this thread only.

    Raises
    ------
    BaseException
        What any piece raised, after the other threads have ended.
    """
    done = [0.0] * len(shares)
    waiting = iter(range(len(shares)))  # each thread takes the next: one step of an iterator is not interrupted
    stop = Event()

    def take(first: bool) -> None:
        try:
            while not stop.is_set() and (piece := next(waiting, None)) is not None:

                def tell(fraction: float, piece: int = piece) -> None:
                    done[piece] = max(done[piece], fraction * shares[piece])  # work may begin again
                    if first:
                        report(sum(done))
                    if stop.is_set():
                        raise KeyboardInterrupt

                if not work(piece, tell):
                    stop.set()
        except BaseException:
            stop.set()
            raise

    def others_work() -> bool:
        try:
            if not wait(others, LOOK).not_done:
                return False
            report(sum(done))
        except KeyboardInterrupt:  # the others end as their work does when it is interrupted: some of it keeps results
            stop.set()
        return True

    others: list[Future[None]] = []
    with ThreadPoolExecutor(max(1, threads - 1)) as pool:
        try:
            count = min(threads, len(shares)) - 1
            others.extend(pool.submit(copy_context().run, take, False) for _ in range(count))
            take(True)
            while others_work():
                pass
        except BaseException:
            stop.set()
            raise
        for other in others:
            other.result()
