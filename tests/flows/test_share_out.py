"""Pieces of work in threads: all are done once, and whatever ends one ends all."""

from __future__ import annotations

import threading
import time

import pytest

from fa_dynamics.flows.share_out import share_out
from fa_dynamics.progress import ignore


def for_long(tell):
    """Work that only an interruption ends soon."""
    for _ in range(20_000):
        tell(0.1)
        time.sleep(0.001)


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_every_piece_is_done_once(threads):
    done, told, here = [], [], threading.current_thread()
    count = min(threads, 8)
    together = threading.Barrier(count)

    def work(piece, tell):
        tell(0.5)
        if piece < count:
            together.wait(10)  # so many threads have a piece at the same time
        done.append((piece, threading.current_thread()))
        tell(1.0)
        return True

    def report(fraction):
        assert threading.current_thread() is here
        told.append(fraction)

    share_out(work, [0.125] * 8, threads, report)
    assert sorted(piece for piece, _ in done) == list(range(8))
    assert len({thread for _, thread in done}) == count
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 1


@pytest.mark.parametrize("breaks", [0, 1])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_in_either_thread_ends_the_other(breaks, error):
    both, ended = threading.Barrier(2), []

    def work(piece, tell):
        both.wait(10)
        if piece == breaks:
            raise error
        try:
            for_long(tell)
        except KeyboardInterrupt:
            ended.append(piece)
            return False
        return True

    with pytest.raises(error):
        share_out(work, [0.25] * 4, 2, ignore)
    assert ended == [1 - breaks]


def test_a_piece_that_is_the_last_lets_no_other_begin():
    begun = []

    def work(piece, tell):
        begun.append(piece)
        return piece < 2

    share_out(work, [0.1] * 10, 1, ignore)
    assert begun == [0, 1, 2]


def test_a_report_that_interrupts_ends_all():
    def work(piece, tell):
        for_long(tell)
        return True

    def report(fraction):
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        share_out(work, [0.5, 0.5], 2, report)


@pytest.mark.parametrize("keeps", [True, False])
def test_an_interruption_while_only_the_other_thread_works(keeps):
    """Work that returns when it is interrupted has kept what it has; other work says that it was interrupted."""
    here, both, ended = threading.current_thread(), threading.Barrier(2), []

    def work(piece, tell):
        both.wait(10)
        if threading.current_thread() is here:
            return True
        try:
            for_long(tell)
        except KeyboardInterrupt:
            ended.append(piece)
            if not keeps:
                raise
        return False

    def report(fraction):
        raise KeyboardInterrupt

    if keeps:
        share_out(work, [0.5, 0.5], 2, report)
    else:
        with pytest.raises(KeyboardInterrupt):
            share_out(work, [0.5, 0.5], 2, report)
    assert len(ended) == 1


def test_an_interruption_while_threads_start(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    submit, done = ThreadPoolExecutor.submit, []

    def interrupted(self, *arguments):
        submit(self, *arguments)
        raise KeyboardInterrupt

    def work(piece, tell):
        time.sleep(0.05)
        tell(1.0)
        done.append(piece)
        return True

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        share_out(work, [0.1] * 10, 2, ignore)
    assert len(done) < 3


def test_work_that_begins_again_does_not_take_progress_back():
    told = []

    def work(piece, tell):
        for fraction in (0.2, 0.9, 0.1, 1.0):
            tell(fraction)
        return True

    share_out(work, [0.5, 0.5], 1, told.append)
    assert told == [0.1, 0.45, 0.45, 0.5, 0.6, 0.95, 0.95, 1.0]
