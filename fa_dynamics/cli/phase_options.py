"""`fa-dynamics modes --phase-diagram`: its options, its table, its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fa_dynamics.cli.task_options import numbers
from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.derive.rules import Rule
    from fa_dynamics.modes.phase import PhaseDiagram

X, Y = "theta_1=-4:4", "theta_2=-4:4"
"""The plane shown if nobody says which."""


def parse_axis(text: str, argument: str) -> tuple[str, tuple[float, float]]:
    """A name and a range from text such as 'theta_1=-4:4'.

    Raises
    ------
    InputError
        Anything else.
    """
    name, equals, values = text.partition("=")
    ends = values.split(":")
    if not (name.strip() and equals and len(ends) == 2):
        raise InputError(f"{argument}: {text!r} given, expected a name and a range such as theta_1=-4:4")
    try:
        low, high = (numbers(end, argument) for end in ends)
    except InputError as problem:
        raise InputError(f"{argument}: {text!r} given, expected numbers in a range such as theta_1=-4:4") from problem
    if len(low) != 1 or len(high) != 1:
        raise InputError(f"{argument}: {text!r} given, expected two numbers in a range such as theta_1=-4:4")
    return name.strip(), (low[0], high[0])


def solve_phase(
    rule: Rule,
    sigma: Sequence[float],
    curvature: Sequence[float],
    depth: int,
    start: tuple[float, ...] | None,
    feedback: tuple[float, ...],
    level: float,
    *,
    x: str | None = None,
    y: str | None = None,
    points: int = 200,
    workers: int = 1,
) -> PhaseDiagram:
    """The diagram that the options of `fa-dynamics modes` describe.

    Parameters
    ----------
    rule, sigma, curvature, depth, start, feedback, level
        As the command has parsed them: one number for all layers, or one per layer; no start is a start from zero.
    x, y
        Text of --x and --y; None for the default.
    points, workers
        As for `phase_diagram`.

    Raises
    ------
    InputError
        As `parse_axis` and `phase_diagram`.
    """
    from fa_dynamics.modes.phase import phase_diagram

    x_name, x_range = parse_axis(x or X, "x")
    y_name, y_range = parse_axis(y or Y, "y")
    theta = (0.0,) if start is None else start
    return phase_diagram(
        sigma,
        curvature,
        depth,
        rule=rule,
        start=theta[0] if len(theta) == 1 else theta,
        feedback=feedback[0] if len(feedback) == 1 else feedback,
        x=x_name,
        y=y_name,
        x_range=x_range,
        y_range=y_range,
        points=points,
        level=level,
        workers=workers,
    )


def print_diagram(diagram: PhaseDiagram, folder: Path | None, json: bool) -> None:
    """Write the files if there is a folder, and print numbers as JSON or a table."""
    from fa_dynamics.cli.output import print_json

    written = [] if folder is None else write_phase(diagram, folder)
    if json:
        print_json(phase_record(diagram))
        return
    print_phase(diagram)
    if folder is not None:
        print(f"wrote {', '.join(path.name for path in written)} to {folder.resolve()}")


def phase_record(diagram: PhaseDiagram) -> dict[str, Any]:
    """The diagram in numbers, for JSON."""
    plane = diagram.plane
    return {
        "rule": diagram.rule.name,
        "depth": diagram.depth,
        "level": diagram.level,
        "x": _axis_record(plane.x, plane.x_values),
        "y": _axis_record(plane.y, plane.y_values),
        "share": diagram.shares,
        "predicted_share": diagram.predicted_shares,
        "agreement": diagram.agreement,
    }


def print_phase(diagram: PhaseDiagram) -> None:
    """Shares of the plane per verdict, found and predicted, and whether they agree."""
    from fa_dynamics.cli.output import print_table

    plane, predicted = diagram.plane, diagram.predicted_shares
    names = [name for name in diagram.shares if name != "none"] + ["none"]
    rows = [
        [name, f"{diagram.shares[name]:.1%}", f"{predicted[name]:.1%}" if name in predicted else "-"] for name in names
    ]
    print_table(
        f"Order of learning over {plane.x} and {plane.y}, {diagram.rule.name}, depth {diagram.depth}, "
        f"level {diagram.level:g}",
        ["verdict", "share of\nthe plane", "predicted by\ntheorems"],
        rows,
    )
    if diagram.agreement is None:
        print("no theorem predicts an order anywhere on this plane")
    else:
        print(f"where an order is predicted, it is found at {diagram.agreement:.2%} of the points")


def write_phase(diagram: PhaseDiagram, folder: Path) -> list[Path]:
    """phase.png and phase.nc.

    Raises
    ------
    InputError
        They cannot be written.
    """
    from matplotlib.figure import Figure

    from fa_dynamics.files import write_figure, write_netcdf
    from fa_dynamics.plots.phase import SIZE, plot_phase_diagram

    figure = Figure(figsize=SIZE, layout="constrained")
    plot_phase_diagram(diagram, ax=figure.add_subplot())
    return [
        write_figure(figure, folder / "phase.png"),
        write_netcdf(diagram.to_dataset(), folder / "phase.nc"),
    ]


def _axis_record(name: str, values: Any) -> dict[str, Any]:
    return {"name": name, "from": float(values[0]), "to": float(values[-1]), "points": len(values)}
