"""`fa-dynamics sweep`: a grid of runs with random draws, kept in a store that can be continued."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app

if TYPE_CHECKING:
    from fa_dynamics.sweep import Estimate, Sweep


@app.command()
def sweep(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="What to run: see examples/sweep.toml.")],
    out: Annotated[Path, typer.Option(help="Folder of the Zarr store.")] = Path("results.zarr"),
    workers: Annotated[int, typer.Option(help="Processes with one BLAS thread each.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler instead, such as tcp://host:8786.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, time a few runs, keep nothing.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do runs again that raised an error.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw quantiles of the first observable.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Run a grid of simulations with random draws. Ended at any moment, the same command continues.

    Exit code 1 if runs raised an error; their reasons are in the store.

    Example: [bold]fa-dynamics sweep examples/sweep.toml --out results.zarr --workers 2[/bold]
    """
    from fa_dynamics.sweep import estimate, read_spec
    from fa_dynamics.sweep import sweep as run
    from fa_dynamics.sweep.local import check_workers

    check_workers(workers)
    asked = read_spec(spec)
    if dry_run:
        _print_plan(estimate(asked, workers), workers, json)
        return
    if figure is not None:
        from fa_dynamics.files import write_whole

        write_whole(figure, lambda partial: partial.write_bytes(b""), "figure")  # refused before any work
    try:
        with _ends_soon():
            result = run(
                asked,
                workers=workers,
                store=out,
                scheduler=scheduler,
                retry_failed=retry_failed,
                progress=not json,
            )
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        raise typer.Exit(130) from None
    if figure is not None:
        from fa_dynamics.files import write_figure

        write_figure(result.plot(), figure)
    _print_result(result, figure, json)
    if "failed" in result.counts:
        raise typer.Exit(1)


INTERRUPTED = "interrupted: finished runs are kept, the same command continues"

GRACE = 1.0
"""Seconds after Ctrl-C in which everything is to end by itself."""


@contextmanager
def _ends_soon() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt as ever, and ends the process if that has not done it after `GRACE` seconds.

    The store is one that any end leaves whole, and workers end when their parent is gone: nothing has to be waited for.
    """

    def end() -> None:
        print(INTERRUPTED, file=sys.stderr, flush=True)
        os._exit(130)

    def interrupt(number: int, frame: Any) -> None:
        timer = threading.Timer(GRACE, end)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_plan(plan: Estimate, workers: int, json: bool) -> None:
    from dataclasses import asdict

    from fa_dynamics.cli.output import print_json, print_table
    from fa_dynamics.sweep.shown import duration

    if json:
        print_json(asdict(plan) | {"workers": workers})
        return
    print(f"{plan.runs} runs: " + " x ".join(f"{size} {name}" for name, size in plan.axes.items()))
    rows = [(name, " x ".join(map(str, shape)) or "1") for name, shape in plan.observables.items()]
    print_table("kept of every run", ("observable", "numbers"), rows)
    print(
        f"about {duration(plan.seconds)} with workers={workers} ({1e3 * plan.seconds_per_run:.3g} ms per run, mean of "
    )
    print(f"{plan.timed} timed runs); at most {plan.megabytes:.3g} MB on disk in the end")
    for reason in plan.failed:
        print(f"a timed run failed: {reason}")


def _print_result(result: Sweep, figure: Path | None, json: bool) -> None:
    from fa_dynamics.cli.output import print_json

    failures = result.failures()
    if json:
        record: dict[str, Any] = {
            "store": str(result.path),
            "runs": int(result.data["status"].size),
            "counts": result.counts,
            "shape": {str(name): int(size) for name, size in result.data["status"].sizes.items()},
            "observables": list(result.observables),
            "not_completed": failures,
            "figure": None if figure is None else str(figure),
        }
        print_json(record)
        return
    print(result)
    for row in failures[:SHOWN]:
        print("  " + ", ".join(f"{name} {value}" for name, value in row.items()))
    if len(failures) > SHOWN:
        print(f"  ... and {len(failures) - SHOWN} more, in the store's 'status' and 'message'")
    print(f"open it with fa_dynamics.load({str(result.path)!r})")


SHOWN = 10
"""Runs that did not complete are listed up to this number."""
