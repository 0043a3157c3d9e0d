"""`fa-dynamics modes`: mode-learning curves of a spectrum, exact where the rule has an exact solution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app
from fa_dynamics.cli.phase_options import print_diagram, solve_phase
from fa_dynamics.cli.task_options import Classes, DataFile, Inputs, Raw, Targets, TaskName, numbers, pose

if TYPE_CHECKING:
    from fa_dynamics.derive.rules import Rule
    from fa_dynamics.modes import ModeCurves

BALANCED = 1e-3
"""Default start of backpropagation, which never leaves zero: balanced, with p(0) this fraction of |s|."""

DOUBLINGS = 12
"""Of the last time, until every mode that will be learned is learned."""


@app.command()
def modes(
    spectrum: Annotated[str | None, typer.Option(help="Correlations sigma of the modes, comma-separated.")] = None,
    curvature: Annotated[
        str | None, typer.Option(help="Curvatures lambda of --spectrum: one number, or one per mode (default: 1).")
    ] = None,
    task: TaskName = None,
    data: DataFile = None,
    targets: Targets = None,
    inputs: Inputs = None,
    classes: Classes = False,
    raw: Raw = False,
    depth: Annotated[int, typer.Option(help="Number of layers.")] = 2,
    rule: Annotated[str, typer.Option(help="Comma-separated: bp, fa, dfa, sign, kp, file.py:ClassName.")] = "fa,bp",
    start: Annotated[
        list[str] | None,
        typer.Option(help="theta: one number for all or one per layer; for one rule as RULE=... May be repeated."),
    ] = None,
    feedback: Annotated[str, typer.Option(help="b: one number for all, or b_2..b_L.")] = "1",
    level: Annotated[float, typer.Option(help="A mode is learned within 1 - level of its target.")] = 0.5,
    t_end: Annotated[float | None, typer.Option(help="Last time (default: when the modes are learned).")] = None,
    bifurcation: Annotated[
        bool, typer.Option("--bifurcation", help="With --out: equilibria of fa against the conserved constant.")
    ] = False,
    landscape: Annotated[
        bool, typer.Option("--landscape", help="With --out: the potential of fa with the trajectory on it.")
    ] = False,
    phase_diagram: Annotated[
        bool, typer.Option("--phase-diagram", help="The order of learning over a plane of starts or feedback, for fa.")
    ] = False,
    x: Annotated[str | None, typer.Option(help="Horizontal axis of the phase diagram: theta_1=-4:4, b_2=-2:2.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis (default: theta_2=-4:4).")] = None,
    points: Annotated[int, typer.Option(help="Grid points per axis of the phase diagram.")] = 200,
    workers: Annotated[int, typer.Option(help="Processes for the phase diagram; worth it for large grids.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for figures (default: none are written).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Solve the scalar equation of every mode, for one or more rules.

    Example: [bold]fa-dynamics modes --spectrum 4,2,1,0.5,0.25 --rule fa,bp --start fa=0 --level 0.99[/bold]
    """
    from fa_dynamics.cli.mode_output import print_curves, record, write_figures
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.derive.lookup import find_rule
    from fa_dynamics.errors import InputError
    from fa_dynamics.files import writable_folder

    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    rules = [find_rule(name) for name in rule.split(",")]
    if len({found.name for found in rules}) < len(rules):
        raise InputError(f"rule: {rule!r} names a rule twice")
    starts = _starts(start or [], rules)
    sentence: str | None = None
    if (spectrum is not None) + (task is not None) + (data is not None) != 1:
        raise InputError("spectrum: give exactly one of --spectrum NUMBERS, --task NAME and --data FILE")
    if t_end is not None and not 0 < t_end < float("inf"):
        raise InputError(f"t_end: {t_end!r} given, expected a finite number > 0")
    if spectrum is not None:
        for name, given_option in (("targets", targets), ("inputs", inputs), ("classes", classes), ("raw", raw)):
            if given_option:
                raise InputError(f"{name}: belongs to --data, and --spectrum was given")
        sigma: Sequence[float] = numbers(spectrum, "spectrum")
        curvatures: Sequence[float] = numbers(curvature or "1", "curvature")
        curvatures = [*curvatures] * len(sigma) if len(curvatures) == 1 else curvatures
    elif curvature is not None:
        raise InputError("curvature: belongs to --spectrum; a task has its own")
    else:
        posed = pose(task, data, targets, inputs, classes, raw)
        sigma, curvatures = posed.modes.correlation.tolist(), posed.modes.curvature.tolist()
        sentence = posed.modes.defect_sentence()
    given = numbers(feedback, "feedback")
    if phase_diagram:
        chosen = next((found for found in rules if found.name == "fa"), rules[0])
        theta = starts.get(chosen.name)
        diagram = solve_phase(
            chosen, sigma, curvatures, depth, theta, given, level, x=x, y=y, points=points, workers=workers
        )
        print_diagram(diagram, None if out is None else writable_folder(out), json)
        return
    if x is not None or y is not None:
        raise InputError("x: belongs to --phase-diagram")
    if (bifurcation or landscape) and out is None:
        raise InputError("out: --bifurcation and --landscape are figures, and need a folder")
    solved = [_solve(found, sigma, curvatures, depth, starts.get(found.name), given, level, t_end) for found in rules]
    written: list[str] = []
    if out is not None:
        theta = starts.get("fa", (0.0,))
        written = write_figures(
            solved,
            out,
            theta[0] if len(theta) == 1 else theta,
            given[0] if len(given) == 1 else given,
            bifurcation=bifurcation,
            landscape=landscape,
        )
    if json:
        print_json({"level": level, "rules": {curves.rule.name: record(curves, level) for curves in solved}})
        return
    if sentence:
        print(sentence)
    print_curves(solved, level)
    if out is not None:
        print(f"wrote {', '.join(written)} to {Path(out).resolve()}")


def _starts(given: list[str], rules: Sequence[Rule]) -> dict[str, tuple[float, ...]]:
    from fa_dynamics.errors import InputError, nearest

    names = [rule.name for rule in rules]
    starts: dict[str, tuple[float, ...]] = {}
    for text in given:
        name, separator, values = text.rpartition("=")
        if separator and name not in names:
            raise InputError(f"start: {text!r} names a rule that is not solved; {nearest(name, names)}")
        for rule in [name] if separator else names:
            starts[rule] = numbers(values, "start")
    return starts


def _solve(
    rule: Rule,
    sigma: Sequence[float],
    curvature: Sequence[float],
    depth: int,
    start: tuple[float, ...] | None,
    feedback: tuple[float, ...],
    level: float,
    t_end: float | None,
) -> ModeCurves:
    import numpy as np

    from fa_dynamics.modes import solve_modes

    theta: Any = 0.0 if start is None else start[0] if len(start) == 1 else start
    if start is None and rule.name != "fa" and rule.name != "dfa":
        theta = _balanced(sigma, curvature, depth)
    given: Any = feedback[0] if len(feedback) == 1 else feedback
    strongest = max((abs(value) for value in sigma), default=1.0) or 1.0
    last = t_end if t_end is not None else 1.0 / strongest
    for _ in range(DOUBLINGS if t_end is None else 1):
        last = last * 2 if t_end is None else last
        curves = solve_modes(sigma, curvature, depth, rule, theta, given, t=np.linspace(0.0, last, 401))
        times = curves.learning_times(0.99 if level < 0.99 else level)
        if curves.method == "exact":
            known = times[np.isfinite(times)]
            if t_end is None and known.size and known.max() > 0:
                last = 1.2 * float(known.max())
                curves = solve_modes(sigma, curvature, depth, rule, theta, given, t=np.linspace(0.0, last, 401))
            break
        if np.isfinite(times).all():
            break
    return curves


def _balanced(sigma: Sequence[float], curvature: Sequence[float], depth: int) -> Any:
    """theta_l = (1e-3 |s|)^(1/L), theta_L with the sign of s, (L, modes)."""
    import numpy as np

    correlation = np.asarray(sigma, dtype=float)
    lam = np.broadcast_to(np.asarray(curvature, dtype=float), correlation.shape)
    target = np.divide(correlation, lam, out=np.zeros_like(correlation), where=lam > 0)
    theta = np.repeat(((BALANCED * np.abs(target)) ** (1 / depth))[None], depth, axis=0)
    theta[-1] *= np.where(target < 0, -1.0, 1.0)
    return theta
