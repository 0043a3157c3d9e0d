"""`fa-dynamics iterate`: the rule of a task in finite steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fa_dynamics.cli.app import app
from fa_dynamics.cli.task_options import Classes, DataFile, Inputs, Raw, Targets, TaskName, numbers, pose, whole_numbers


@app.command()
def iterate(
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
    step_size: Annotated[float, typer.Option(help="Step size, in units of 1 / curvature.")] = 0.05,
    steps: Annotated[int, typer.Option(help="Number of steps.")] = 2000,
    momentum: Annotated[float, typer.Option(help="Of heavy ball, from 0 to below 1.")] = 0.0,
    batch_size: Annotated[int | None, typer.Option(help="Samples per step (default: all).")] = None,
    decay: Annotated[str | None, typer.Option(help="Weight decay, one number or one per layer.")] = None,
    record: Annotated[int | None, typer.Option(help="States to keep (default: 201).")] = None,
    level: Annotated[float, typer.Option(help="A mode is learned within 1 - level of its target.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of start, feedback and minibatches.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for modes.png and one RULE.nc per rule.")] = Path("fa-dynamics-out"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Train a task under one or more rules in finite steps, and read it mode by mode.

    Example: [bold]fa-dynamics iterate --task iris --hidden 8 --rule fa,bp --step-size 0.05 --batch-size 30[/bold]
    """
    from fa_dynamics.cli.run_output import chosen_rules, complete
    from fa_dynamics.flows.iterate import run_steps
    from fa_dynamics.flows.iterate_plan import prepare_steps

    rules = chosen_rules(rule, level)
    widths = whole_numbers(hidden, "hidden")
    rates = None if decay is None else numbers(decay, "decay")
    posed = pose(task, data, targets, inputs, classes, raw)
    plans = [
        prepare_steps(
            posed,
            widths,
            found,
            start,
            feedback,
            step_size=step_size,
            n_steps=steps,
            momentum=momentum,
            batch_size=batch_size,
            decay=rates[0] if rates is not None and len(rates) == 1 else rates,
            record=record,
            seed=seed,
        )
        for found in rules
    ]
    settings = {"step_size": step_size, "n_steps": steps, "momentum": momentum, "batch_size": batch_size}
    complete(posed, plans, run_steps, level, settings, out, json)
