"""One BLAS thread while it is asked for, by whomever and however they overlap."""

from __future__ import annotations

import threading

from fa_dynamics.flows import threads
from fa_dynamics.flows.threads import blas_threads, one_thread


def test_overlapping_contexts_give_the_threads_back():
    before = blas_threads()
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == 1
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_many_threads_that_come_and_go():
    before = blas_threads()

    def come_and_go():
        for _ in range(50):
            with one_thread():
                pass

    all_ = [threading.Thread(target=come_and_go) for _ in range(4)]
    for one in all_:
        one.start()
    for one in all_:
        one.join()
    assert blas_threads() == before


def test_libraries_that_are_no_blas_do_not_count(monkeypatch):
    class Found:
        def info(self):
            return [{"user_api": "blas", "num_threads": 3}, {"user_api": "openmp", "num_threads": 8}]

    monkeypatch.setattr(threads, "_libraries", Found)
    assert blas_threads() == 3
