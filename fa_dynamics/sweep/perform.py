"""sweep(spec, store=...) -> Sweep: run what is not finished, keep it, and open the result."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.sweep.cluster import dask_runs
from fa_dynamics.sweep.journal import Journal
from fa_dynamics.sweep.layout import lay_out
from fa_dynamics.sweep.local import Pending, Workers, check_workers, local_runs
from fa_dynamics.sweep.lock import locked
from fa_dynamics.sweep.result import Sweep, open_sweep
from fa_dynamics.sweep.run import STATUS, Done, Work, work_of
from fa_dynamics.sweep.shown import Watch, watching
from fa_dynamics.sweep.spec import Spec, read_spec
from fa_dynamics.sweep.store import Store, open_store, read_attributes, settle_writes

FAILED = STATUS.index("failed")


def sweep(
    spec: str | Path | Mapping[str, Any] | Spec,
    workers: Workers = 1,
    store: str | Path | None = None,
    *,
    scheduler: str | None = None,
    retry_failed: bool = False,
    progress: bool | Watch | None = None,
) -> Sweep:
    """Run a grid of simulations with random draws; a sweep that was ended at any moment is continued.

    Every finished run is kept at once. The numbers in the store do not depend on the number of workers, the order of
    the runs, or interruptions.

    Parameters
    ----------
    spec
        A TOML file, or a dictionary with the same keys: see `read_spec`.
    workers
        Processes with one BLAS thread each, or a map-like callable such as ``pool.imap_unordered``.
    store
        Folder of the Zarr store. None: nothing is kept on disk.
    scheduler
        Address of a Dask scheduler whose workers do the runs, such as 'tcp://host:8786'.
    retry_failed
        Do runs again that raised an error.
    progress
        A function told the numbers of finished runs and of all runs; True and False switch a bar on and off; None shows
        it on a terminal.

    Returns
    -------
    Sweep
        ``data`` is a labelled dataset, read when used.

    Raises
    ------
    InputError
        A bad spec (which key, which line), a store of another sweep or one that another process works on, no scheduler.
    IntegrationError
        Workers keep dying. Finished runs are kept.
    OSError
        The store cannot be written, for instance on a full disk. Finished runs are kept.
    KeyboardInterrupt
        After Ctrl-C, within two seconds. Finished runs are kept.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> spec = {"solver": "solve_modes", "fixed": {"correlation": [2, 1], "t": [0, 1]}, "grid": {"feedback": [0.5, 1]}}
    >>> fa.sweep(spec).data["learning_times"].isel(draw=0).round(3).values
    array([[1.181, 1.875],
           [0.744, 1.181]])
    """
    _needs_zarr()
    asked = read_spec(spec)
    check_workers(workers)
    if store is None:
        with tempfile.TemporaryDirectory() as folder:
            result = _performed(asked, workers, Path(folder) / "sweep.zarr", scheduler, retry_failed, progress)
            return Sweep(None, result.data.load())
    return _performed(asked, workers, Path(store), scheduler, retry_failed, progress)


def journal_of(path: Path) -> Journal:
    """The journal of a store: a folder beside it while it is not complete."""
    return Journal(path.with_name(f"{path.name}.journal"))


def _performed(
    spec: Spec, workers: Workers, path: Path, scheduler: str | None, retry_failed: bool, progress: bool | Watch | None
) -> Sweep:
    work, layout = work_of(spec), None
    if read_attributes(path) is None:
        with _starting(work, workers if scheduler is None else 1):
            layout = lay_out(spec)  # before there is a folder: a bad sweep must not leave one
    _make_folder(path)
    journal = journal_of(path)
    with locked(path), settled():
        kept = open_store(spec, path, journal, layout)
        pending, full = _what_is_left(kept, journal, retry_failed)
        for block in full:
            kept.compact(block, journal)
        if pending.size:
            runs = dask_runs(work, pending, scheduler) if scheduler else local_runs(work, pending, workers)
            with watching(kept.runs - len(pending), kept.runs, progress) as watch, closing(runs):
                _keep(kept, journal, pending, runs, watch)
        journal.close()
    return open_sweep(path)


def _starting(work: Work, workers: Workers) -> AbstractContextManager[None]:
    """Worker processes get ready while this one checks the grid: each takes a second or two for it."""
    if callable(workers) or min(int(workers), work.spec.runs) == 1:
        return nullcontext()
    from fa_dynamics.sweep.pool import starting

    return starting(work, int(workers))


@contextmanager
def settled() -> Iterator[None]:
    """Whatever ends the work, nothing is being written afterwards."""
    try:
        yield
    except BaseException:
        settle_writes()
        raise


def _what_is_left(kept: Store, journal: Journal, retry_failed: bool) -> tuple[Pending, list[range]]:
    """Runs to do, and blocks of which all runs are done but not all are in the store."""
    status = kept.status()
    finished = status != 0
    waiting = np.zeros(kept.runs, dtype=bool)
    waiting[list(journal.runs())] = True
    if retry_failed:
        for run in np.flatnonzero(waiting):
            if journal.read(int(run)).status == "failed":
                journal.remove(int(run))
                waiting[run] = False
        finished &= status != FAILED
    finished |= waiting
    blocks = {kept.block_of(int(run)) for run in np.flatnonzero(waiting)}
    return np.flatnonzero(~finished), [block for block in blocks if finished[block.start : block.stop].all()]


def _keep(kept: Store, journal: Journal, pending: Pending, runs: Iterator[Done], watch: Watch) -> None:
    missing = np.zeros(kept.runs, dtype=bool)
    missing[pending] = True
    count = kept.runs - len(pending)
    for done in runs:
        journal.write(done)
        missing[done.run] = False
        count += 1
        watch(count, kept.runs)
        block = kept.block_of(done.run)
        if not missing[block.start : block.stop].any():
            kept.compact(block, journal)


def _make_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"store: {str(path)!r} is a file, expected the name of a folder such as 'results.zarr'")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"store: {str(path)!r} cannot be made ({problem.strerror or problem})") from problem


def _needs_zarr() -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as problem:
        raise InputError("store: needs Zarr; install fa_dynamics with the extra 'sweep'") from problem
