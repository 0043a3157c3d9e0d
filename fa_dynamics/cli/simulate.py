"""`fa-dynamics simulate`: the full matrix flow of a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app
from fa_dynamics.cli.task_options import Classes, DataFile, Inputs, Raw, Targets, TaskName, numbers, pose, whole_numbers

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory
    from fa_dynamics.tasks import Task

WEAKEST = 0.05
"""The default end of a run waits for modes of at least this fraction of the largest correlation."""


@app.command()
def simulate(
    task: TaskName = None,
    data: DataFile = None,
    targets: Targets = None,
    inputs: Inputs = None,
    classes: Classes = False,
    raw: Raw = False,
    hidden: Annotated[str, typer.Option(help="Widths of the hidden layers.")] = "32",
    rule: Annotated[str, typer.Option(help="Comma-separated: bp, fa, dfa, sign, kp, file.py:ClassName.")] = "fa,bp",
    start: Annotated[
        str,
        typer.Option(help="zero, gaussian:SCALE, orthogonal:SCALE, balanced:P, balanced-random:P, spectral:T1,T2.."),
    ] = "gaussian:0.01",
    feedback: Annotated[str, typer.Option(help="The same families, for the feedback.")] = "gaussian:1",
    t_end: Annotated[float | None, typer.Option(help="Last time (default: from the correlations of the task).")] = None,
    decay: Annotated[str | None, typer.Option(help="Weight decay, one number or one per layer.")] = None,
    method: Annotated[str, typer.Option(help="A method of scipy.integrate.solve_ivp.")] = "DOP853",
    rtol: Annotated[float, typer.Option(help="Relative tolerance.")] = 1e-9,
    atol: Annotated[float, typer.Option(help="Absolute tolerance.")] = 1e-12,
    level: Annotated[float, typer.Option(help="A mode is learned within 1 - level of its target.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of start and feedback.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for modes.png and one RULE.nc per rule.")] = Path("fa-dynamics-out"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Integrate the full matrix flow of a task under one or more rules, and read it mode by mode.

    Example: [bold]fa-dynamics simulate --data examples/measurements.csv
    --targets growth_mm_per_day,water_use_l_per_day --rule fa,bp[/bold]
    """
    import sys

    from fa_dynamics.cli.output import print_json
    from fa_dynamics.derive.lookup import find_rule
    from fa_dynamics.errors import InputError
    from fa_dynamics.files import writable_folder, write_figure
    from fa_dynamics.flows.drift import suspicious_drift
    from fa_dynamics.flows.prepare import prepare
    from fa_dynamics.flows.simulate import run_plan
    from fa_dynamics.plots import plot_panels

    rules = [find_rule(name) for name in rule.split(",")]
    if len({found.name for found in rules}) < len(rules):
        raise InputError(f"rule: {rule!r} names a rule twice")
    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    widths = whole_numbers(hidden, "hidden")
    rates = None if decay is None else numbers(decay, "decay")
    posed = pose(task, data, targets, inputs, classes, raw)
    end = default_end(posed) if t_end is None else t_end
    plans = [
        prepare(
            posed,
            widths,
            found,
            start,
            feedback,
            t_end=end,
            decay=rates[0] if rates is not None and len(rates) == 1 else rates,
            method=method,
            rtol=rtol,
            atol=atol,
            seed=seed,
        )
        for found in rules
    ]
    folder = writable_folder(out)
    runs = []
    for plan in plans:
        run = run_plan(plan)
        runs.append(run)
        complaint = f"{run.status}: {run.message}" if run.status != "completed" else suspicious_drift(run)
        if complaint:
            print(f"fa-dynamics: warning: {run.flow.rule.name}: {complaint}", file=sys.stderr)
        run.save(folder / f"{run.flow.rule.name}.nc")
        if run.status == "interrupted":
            break
    titles = [run.flow.rule.name for run in runs]
    write_figure(plot_panels(runs, titles, relative=True, log_time=True), folder / "modes.png")
    if json:
        print_json(_summary(posed, runs, level, end))
    else:
        _print_summary(posed, runs, level)
        print(f"wrote modes.png and {', '.join(f'{run.flow.rule.name}.nc' for run in runs)} to {folder.resolve()}")
    if runs[-1].status == "interrupted":
        raise typer.Exit(130)
    if any(run.status != "completed" for run in runs):
        raise typer.Exit(1)


def default_end(task: Task) -> float:
    """15 / sigma of the weakest mode of at least 5 % of the top correlation.

    From the default start, backpropagation with one hidden layer learns that mode in about half of this time.
    """
    correlation = task.modes.correlation
    strong = correlation[correlation > WEAKEST * correlation.max(initial=0.0)]
    return 15.0 / float(strong.min()) if strong.size else 15.0


def _summary(task: Task, runs: list[Trajectory], level: float, t_end: float) -> dict[str, Any]:
    from fa_dynamics.cli.output import finite_or_none

    modes = task.modes
    rules = {}
    for run in runs:
        order = run.order(level)
        rules[run.flow.rule.name] = {
            "target": modes.target.tolist(),
            "learned": finite_or_none(run.mode_strength[-1]) if len(run.t) else [None] * len(modes.target),
            "learning_time": finite_or_none(run.learning_times(level)),
            "rank_correlation": order.rank_correlation,
            "verdict": order.verdict,
            "clock": order.clock,
            "status": run.status,
            "message": run.message,
            "invariant_drift": {
                name: finite_or_none([drift.max(initial=0.0)])[0] for name, drift in run.invariant_drift.items()
            },
        }
    return {
        "task": task.name,
        "joint_modes": modes.defect_sentence(),
        "level": level,
        "t_end": t_end,
        "rules": rules,
    }


def _print_summary(task: Task, runs: list[Trajectory], level: float) -> None:
    from fa_dynamics.cli.output import number, print_table
    from fa_dynamics.plots.style import spread

    modes = task.modes
    print(task.description)
    print(modes.defect_sentence())
    print()
    chosen = spread(len(modes.target))
    columns = ["mode", "target"] + [f"{run.flow.rule.name}\nT {level}" for run in runs]
    times = [run.learning_times(level) for run in runs]
    rows = [
        [
            str(mode),
            number(modes.target[mode - 1]),
            *(
                _time(column[mode - 1], run) if modes.target[mode - 1] else "-"
                for run, column in zip(runs, times, strict=True)
            ),
        ]
        for mode in chosen
    ]
    print_table("Learning times (flow time)", columns, rows)
    for run in runs:
        print(run)
        print(f"  order at level {level}: {run.order(level)}")
        print(f"  largest share of P outside the modes: {_largest(run.share_outside_modes):.1%}")


def _time(time: float, run: Trajectory) -> str:
    from fa_dynamics.cli.output import number

    return number(time) if time < float("inf") else f"> {run.curve.edges[-1]:.4g}"


def _largest(shares: Any) -> float:
    """The largest share once a tenth of the run is over: a start close to zero lies anywhere."""
    import numpy as np

    late = shares[len(shares) // 10 :]
    return float(np.max(late[np.isfinite(late)], initial=0.0))
