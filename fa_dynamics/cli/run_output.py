"""What the commands that train whole networks share: their rules, their runs, and what they print and write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from fa_dynamics.derive.rules import Rule
    from fa_dynamics.flows.trajectory import Trajectory
    from fa_dynamics.tasks import Task

Plan = TypeVar("Plan")


def chosen_rules(rule: str, level: float) -> list[Rule]:
    """The rules that an option names, after a look at the level.

    Raises
    ------
    InputError
        An unknown rule, one that is named twice, or a level outside (0, 1).
    """
    from fa_dynamics.derive.lookup import find_rule
    from fa_dynamics.errors import InputError

    rules = [find_rule(name) for name in rule.split(",")]
    if len({found.name for found in rules}) < len(rules):
        raise InputError(f"rule: {rule!r} names a rule twice")
    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    return rules


def complete(
    task: Task,
    plans: Sequence[Plan],
    run_plan: Callable[[Plan], Trajectory],
    level: float,
    settings: Mapping[str, Any],
    out: Path,
    json: bool,
) -> None:
    """Run prepared plans, write their files and the figure, and print a table or JSON.

    Raises
    ------
    typer.Exit
        With 130 if interrupted, 1 if a run ended early.
    """
    import sys

    from fa_dynamics.cli.output import print_json
    from fa_dynamics.files import writable_folder, write_figure
    from fa_dynamics.flows.drift import suspicious_drift
    from fa_dynamics.plots import plot_panels

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
        print_json(_summary(task, runs, level, settings))
    else:
        _print_summary(task, runs, level)
        print(f"wrote modes.png and {', '.join(f'{run.flow.rule.name}.nc' for run in runs)} to {folder.resolve()}")
    if runs[-1].status == "interrupted":
        raise typer.Exit(130)
    if any(run.status != "completed" for run in runs):
        raise typer.Exit(1)


def _summary(task: Task, runs: list[Trajectory], level: float, settings: Mapping[str, Any]) -> dict[str, Any]:
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
        } | _steps_record(run)
    return {
        "task": task.name,
        "joint_modes": modes.defect_sentence(),
        "level": level,
        **settings,
        "rules": rules,
    }


def _steps_record(run: Trajectory) -> dict[str, Any]:
    """What finite steps add: how many were taken, and their account of the drifts at its worst."""
    from fa_dynamics.cli.output import finite_or_none

    if run.steps is None:
        return {}
    drifts = {"explained_drift": run.explained_drift, "unexplained_drift": run.unexplained_drift}
    worst = {
        kind: {name: finite_or_none([history.max(initial=0.0)])[0] for name, history in own.items()}
        for kind, own in drifts.items()
    }
    return {"steps": run.solver["steps"], **worst, "not_accounted_for": run.steps.left_out}


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
        if run.steps is not None and run.steps.left_out:
            print(f"  {run.steps.left_out}")
        print(f"  order at level {level}: {run.order(level)}")
        print(f"  largest share of P outside the modes: {_largest(run.share_outside_modes):.1%}")


def _time(time: float, run: Trajectory) -> str:
    from fa_dynamics.cli.output import number

    return number(time) if time < float("inf") else f"> {run.t_last:.4g}"


def _largest(shares: Any) -> float:
    """The largest share once a tenth of the run is over: a start close to zero lies anywhere."""
    import numpy as np

    late = shares[len(shares) // 10 :]
    return float(np.max(late[np.isfinite(late)], initial=0.0))
