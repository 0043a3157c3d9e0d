"""Methods in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from peers import rest

SLOW, SLOWEST = 1.0, 5.0
"""Seconds from which two turns, and one, are enough."""


@dataclass(frozen=True)
class Method:
    """A way to solve a problem: `make` prepares what its users prepare once (compiling), and returns the timed call.

    `error` tells how far the result of a call is from the reference; `part` is the share of the problem that a call
    solves, by which times are divided. `fresh`, if given, makes the call's argument before every turn, not timed.
    """

    name: str
    make: Callable[[], Callable[..., Any]]
    error: Callable[[Any], float]
    part: float = 1.0
    fresh: Callable[[], Any] | None = None

    def given(self) -> tuple[Any, ...]:
        """Arguments of the next call."""
        return () if self.fresh is None else (self.fresh(),)


@dataclass(frozen=True)
class Measured:
    """Median seconds of a call, the seconds of preparing and the first call, the error, and the share solved."""

    name: str
    seconds: float
    first: float
    error: float
    part: float = 1.0


def in_turn(methods: Sequence[Method], repeats: int) -> list[Measured]:
    """Prepare all methods and measure their errors, then let them take turns; without turns, the first call counts.

    Everyone rests before each turn.
    """
    calls, firsts, errors, once = [], [], [], []
    for method in methods:
        given = method.given()
        rest()
        began = time.perf_counter()
        calls.append(method.make())
        made = time.perf_counter()
        result = calls[-1](*given)
        ended = time.perf_counter()
        firsts.append(ended - began)
        once.append(ended - made)
        errors.append(method.error(result))
        del result
    spent: list[list[float]] = [[] for _ in methods]
    for turn in range(repeats):
        for which, call in enumerate(calls):
            enough = 1 if once[which] > SLOWEST else 2 if once[which] > SLOW else repeats
            if turn >= enough:
                continue
            given = methods[which].given()
            rest()
            began = time.perf_counter()
            call(*given)
            spent[which].append(time.perf_counter() - began)
    return [
        Measured(method.name, float(np.median(own or [alone])) / method.part, first, error, method.part)
        for method, own, alone, first, error in zip(methods, spent, once, firsts, errors, strict=True)
    ]
