"""`fa-dynamics simulate`: the full matrix flow of a task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fa_dynamics.cli.app import app
from fa_dynamics.cli.task_options import Classes, DataFile, Inputs, Raw, Targets, TaskName, numbers, pose, whole_numbers

if TYPE_CHECKING:
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
    from fa_dynamics.cli.run_output import chosen_rules, complete
    from fa_dynamics.flows.prepare import prepare
    from fa_dynamics.flows.simulate import run_plan

    rules = chosen_rules(rule, level)
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
    complete(posed, plans, partial(run_plan, watch=True), level, {"t_end": end}, out, json)


def default_end(task: Task) -> float:
    """15 / sigma of the weakest mode of at least 5 % of the top correlation.

    From the default start, backpropagation with one hidden layer learns that mode in about half of this time.
    """
    correlation = task.modes.correlation
    strong = correlation[correlation > WEAKEST * correlation.max(initial=0.0)]
    return 15.0 / float(strong.min()) if strong.size else 15.0
