"""What a sweep will take, from a few of its runs: before anything is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.sweep.footprint import store_bytes
from fa_dynamics.sweep.layout import lay_out
from fa_dynamics.sweep.run import do, work_of
from fa_dynamics.sweep.spec import Spec, read_spec

SAMPLES = 5
BUDGET = 10.0
"""Runs, spread over the grid, and seconds after which no further one is timed."""

SETUP = 2.0
"""Seconds for workers to start and derive, once."""


@dataclass(frozen=True)
class Estimate:
    """The plan of a sweep.

    Attributes
    ----------
    axes
        Number of values of every axis, and of draws.
    runs
        Number of runs.
    sizes
        Longest time, mode, layer, unit_l, ... of all runs.
    observables
        Shape of every observable within a run.
    megabytes
        Of the finished store on a disk at most, without compression.
    seconds_per_run
        Mean of the timed runs, without what is done once.
    seconds
        Of the whole, with these workers.
    timed
        How many runs were timed.
    failed
        Reasons of those that failed.
    """

    axes: Mapping[str, int]
    runs: int
    sizes: Mapping[str, int]
    observables: Mapping[str, tuple[int, ...]]
    megabytes: float
    seconds_per_run: float
    seconds: float
    timed: int
    failed: tuple[str, ...]


def estimate(spec: str | Path | Mapping[str, Any] | Spec, workers: int = 1) -> Estimate:
    """Check all of a sweep, time a few of its runs, and keep nothing.

    Raises
    ------
    InputError
        A bad spec.
    """
    asked = read_spec(spec)
    layout = lay_out(asked)
    work = work_of(asked)
    began, times, failed = time.perf_counter(), [], []
    for run in np.unique(np.linspace(0, asked.runs - 1, SAMPLES).round().astype(int)).tolist():
        do(work, run)  # derives and compiles, which is done once per shape
        start = time.perf_counter()
        done = do(work, run)
        times.append(time.perf_counter() - start)
        if done.status == "failed":
            failed.append(done.message)
        if time.perf_counter() - began > BUDGET:
            break
    mean = float(np.mean(times))
    return Estimate(
        axes={**{each.name: len(each.values) for each in asked.grid}, "draw": asked.draws},
        runs=asked.runs,
        sizes=layout.sizes,
        observables={name: layout.shape(name) for name in layout.variables},
        megabytes=store_bytes(asked, layout) / 1e6,
        seconds_per_run=mean,
        seconds=asked.runs * mean / workers + (SETUP if workers > 1 else 0.0),
        timed=len(times),
        failed=tuple(dict.fromkeys(failed)),
    )
