"""Runs on the workers of a Dask scheduler."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Generator
from itertools import islice
from typing import Any

from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.flows.dataset import versions
from fa_dynamics.sweep.local import Pending
from fa_dynamics.sweep.run import Done, Work, do

AHEAD = 4
"""Runs per thread of the cluster that are submitted at a time."""

RETRIES = 5
"""Times that a run is given to another worker after its own has died."""

TIMEOUT = 20
"""Seconds to wait for the scheduler."""


def dask_runs(work: Work, pending: Pending, address: str) -> Generator[Done, None, None]:
    """Finished runs, as they come, in any order. Dask gives the runs of a worker that dies to another one.

    Raises
    ------
    InputError
        No scheduler at the address, or workers with other versions of what shapes the numbers.
    IntegrationError
        A run whose workers keep dying.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as problem:
        raise InputError("scheduler: needs Dask; install fa_dynamics with the extra 'sweep'") from problem
    try:
        client = distributed.Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as problem:
        raise InputError(f"scheduler: nothing answers at {address!r} ({type(problem).__name__})") from problem
    with client:
        _check_versions(client)
        futures: Any = None
        try:
            name, waiting = f"fa-dynamics-{uuid.uuid4().hex}", map(int, pending)

            def submitted(count: int) -> list[Any]:
                return [
                    # The work goes with every run: shared data would be lost with the workers that hold it.
                    client.submit(do, work, run, pure=False, key=f"{name}-{run}", retries=RETRIES)
                    for run in islice(waiting, count)
                ]

            threads = sum(client.nthreads().values())
            futures = distributed.as_completed(submitted(AHEAD * max(1, threads)), loop=client.loop)
            for future in futures:
                yield future.result()
                future.release()
                for following in submitted(1):
                    futures.add(following)
        except distributed.KilledWorker as problem:
            raise IntegrationError(f"the workers of one run keep dying: {problem}; finished runs are kept") from problem
        finally:
            if futures is not None:
                client.cancel(list(futures.futures), force=True)


def _check_versions(client: Any) -> None:
    here = {name: version for name, version in versions().items() if name != "python"}
    for worker, found in client.run(versions).items():
        there = {name: found.get(name) for name in here}
        if there != here:
            raise InputError(f"scheduler: the worker {worker} has {there}, here are {here}; expected the same versions")
