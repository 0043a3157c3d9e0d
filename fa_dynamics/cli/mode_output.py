"""What `fa-dynamics modes` prints and writes about solved modes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_dynamics.modes import ModeCurves


def record(curves: ModeCurves, level: float) -> dict[str, Any]:
    """One rule, for JSON."""
    from fa_dynamics.cli.output import finite_or_none

    order, prediction = curves.order(level), curves.predicted(level)
    return {
        "target": finite_or_none(curves.target),
        "limit": finite_or_none(curves.limit),
        "learning_time": finite_or_none(curves.learning_times(level)),
        "rank_correlation": order.rank_correlation,
        "verdict": order.verdict,
        "predicted_verdict": prediction.verdict if prediction else None,
        "predicted_by": prediction.statement if prediction else None,
        "clock": order.clock,
        "method": curves.method,
        "largest_error": finite_or_none([curves.error.max()])[0],
    }


def print_curves(solved: Sequence[ModeCurves], level: float) -> None:
    """Learning times of all rules side by side, then each rule's order, and why modes are never learned."""
    from fa_dynamics.cli.output import number, print_table
    from fa_dynamics.plots.style import spread

    columns = ["mode", "target"] + [f"{curves.rule.name}\nT {level}" for curves in solved]
    times = [curves.learning_times(level) for curves in solved]
    target = solved[0].target
    rows = [
        [str(mode), number(target[mode - 1]), *(number(column[mode - 1]) for column in times)]
        for mode in spread(len(target))
    ]
    print_table("Learning times (learning rate x steps)", columns, rows)
    for curves in solved:
        print("\n".join(str(curves).splitlines()[:2]))
        print(f"  order at level {level}: {curves.order(level)}")
        prediction = curves.predicted(level)
        if prediction:
            print(f"  predicted: {prediction}")
        for mode, (time, limit, aim) in enumerate(
            zip(curves.learning_times(level), curves.limit, curves.target, strict=True), start=1
        ):
            if time == float("inf"):
                print(f"  mode {mode} is never learned: {_reason(curves, limit, aim)}")


def write_figures(
    solved: Sequence[ModeCurves], out: Path, start: Any, feedback: Any, *, bifurcation: bool, landscape: bool
) -> list[str]:
    """modes.png, and for feedback alignment bifurcation.png and landscape.png if asked for: the names written."""
    from matplotlib.figure import Figure

    from fa_dynamics.errors import InputError
    from fa_dynamics.files import writable_folder, write_figure
    from fa_dynamics.plots.bifurcation import plot_bifurcation
    from fa_dynamics.plots.curves import plot_curve_panels
    from fa_dynamics.plots.landscape import plot_landscape

    aligned = [curves for curves in solved if curves.rule.name == "fa"]
    if (bifurcation or landscape) and not aligned:
        raise InputError("rule: --bifurcation and --landscape show feedback alignment; add fa to --rule")
    folder = writable_folder(out)
    written = [write_figure(plot_curve_panels(solved, [curves.rule.name for curves in solved]), folder / "modes.png")]
    for wanted, name, plot in (
        (bifurcation, "bifurcation.png", plot_bifurcation),
        (landscape, "landscape.png", plot_landscape),
    ):
        if wanted:
            figure = Figure(figsize=(7.0, 4.6), layout="constrained")
            curves = aligned[0]
            plot(
                curves.correlation,
                curves.curvature,
                curves.depth,
                start=start,
                feedback=feedback,
                ax=figure.add_subplot(),
            )
            written.append(write_figure(figure, folder / name))
    return [path.name for path in written]


def _reason(curves: ModeCurves, limit: float, aim: float) -> str:
    if curves.method == "integrated":
        return f"not before t = {curves.t[-1]:.4g}, where the integration ended"
    if aim != aim:
        return f"it has no curvature, hence no target, and goes to p = {limit:.4g}"
    return f"it goes to p = {limit:.4g} instead of {aim:.4g}" if limit != aim else "it approaches its target of zero"
