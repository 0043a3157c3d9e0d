"""girotti2021-order: in which order matrix flows learn well separated modes, and how the rank of the map grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.initialisations import rows
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.order_data import dataset
from fa_dynamics.reproduce.order_runs import SPECTRUM, TASKS, Learned, all_learned, posed
from fa_dynamics.reproduce.recorded import compare
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

LEVEL, BP_START = 0.99, 1e-3

DIFFERENCE = 1e-8
"""Largest relative difference allowed between learning times of a matrix flow and of its exact scalar chains."""

HALF = {"BP": ("1.90", "3.63", "6.91", "13.1", "24.9"), "A": (".469", ".744", "1.18", "1.88", "2.98")}
"""Recorded learning times at level 0.5, from weights of 1e-3 and from zero."""

EXPECTED = {
    "BP": ("principal-first", "girotti2021.gd-comparison"),
    "A": ("principal-first", "girotti2021.regularisation"),
    "D": ("negligible-first", "girotti2021.anti-regularisation"),
    "F": ("negligible-first", "girotti2021.slow-passage"),
    "H": ("negligible-first", "girotti2021.order-convexity"),
}
"""Order of the notes' table and its statement, by the first letter or two of the case."""


def run(
    report: Report,
    *,
    task: Annotated[str, Allowed(f"one of {', '.join(TASKS)}", lambda value: value in TASKS)] = "spectrum",
    spectrum: Annotated[tuple[float, ...], Allowed("numbers > 0", lambda value: value > 0)] = SPECTRUM,
    level: Annotated[float, Allowed("a number between 0 and 1", lambda value: 0 < value < 1)] = LEVEL,
    bp_start: Annotated[float, Allowed("a number from 1e-6 to 0.1", lambda value: 1e-6 <= value <= 0.1)] = BP_START,
    widths: Annotated[tuple[int, ...], Allowed("whole numbers from 1 to 4096", lambda value: 1 <= value <= 4096)] = (
        64,
        1024,
    ),
    draws: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 3,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Integrate the matrix flows, and set learning times, their order and effective ranks beside the scalar chains.

    Parameters
    ----------
    report
        Is told the fraction done.
    task, spectrum
        What is learned: the given correlations at curvature 1, or a data set with joint modes of equal curvature.
    level
        A mode is learned within 1 - level of its target.
    bp_start
        Both weights of every mode at the start of backpropagation.
    widths, draws
        Hidden widths (at least those of data and outputs) and draws of random feedback.
    seed
        Of feedback and starts.
    """
    posed_task = posed(task, spectrum)
    found = all_learned(posed_task, level, widths, draws, seed, bp_start, report)
    standard = task == "spectrum" and tuple(spectrum) == SPECTRUM
    records = [
        record for each in found for record in _records(each, level, standard, standard and bp_start == BP_START)
    ]
    tables = (_times_table(found, records), _generic_table(found))
    return Findings(records, tables, _seen(found, records), dataset(found, level), _draw)


def _records(found: Learned, level: float, standard: bool, bp_standard: bool) -> list[Record]:
    case, targets = found.case, found.run.task.modes.target
    verdict, statement = EXPECTED[case.name.split()[0]]
    # Whether a start that is not aligned exactly keeps the order is what is asked, not what is known.
    known = verdict if case.exact and level == LEVEL and (standard or case.name in ("BP", "A")) else None
    if not case.exact:
        statement = "girotti2021.zero-decoupling"
    texts = rows()[case.name].times if case.name in rows() and standard and level == LEVEL else None
    half = HALF.get(case.name) if (bp_standard if case.name == "BP" else standard) else None
    lines = [_line(found, statement, "learning time", level, targets, found.times, texts)]
    if half is not None:
        lines.append(_line(found, statement, "learning time", 0.5, targets, found.run.learning_times(0.5), half))
    scalar = [_record(found, statement, "order of learning", str(found.order.verdict), known, "none", level=level)]
    correlation = found.order.rank_correlation
    if correlation is not None:
        scalar.append(_record(found, statement, "rank correlation", correlation, None, "none", level=level))
    if case.exact:
        scalar.append(
            _record(found, "girotti2021.mode-decoupling", "difference from the chains", found.difference, None, "none")
            | {"agrees": found.difference <= DIFFERENCE}
        )
    scalar.append(_record(found, statement, "effective rank at half the norm", found.half_rank, None, "none"))
    scalar.append(_record(found, statement, "effective rank at the end", found.final_rank, None, "none"))
    scalar.append(_record(found, statement, "share outside the modes", found.outside, None, "none"))
    return [*(record for line in lines for record in line), *scalar]


def _line(
    found: Learned, statement: str, quantity: str, level: float, targets: Any, times: Any, texts: Sequence[str] | None
) -> list[Record]:
    recorded: Sequence[str | None] = texts or [None] * len(targets)
    return [
        _record(found, statement, quantity, float(time), text, "1 / curvature", level=level, target=float(target))
        for target, time, text in zip(targets, times, recorded, strict=True)
    ]


def _record(
    found: Learned,
    statement: str,
    quantity: str,
    ours: float | str,
    recorded: str | None,
    unit: str,
    *,
    level: float | None = None,
    target: float | None = None,
) -> Record:
    where = {"case": found.case.name, "width": found.width, "draw": found.draw, "quantity": quantity}
    source = None if recorded is None else "theory notes of this project"
    about = {"level": level, "target": target, "unit": unit}
    return where | about | compare(ours, recorded) | {"recorded_in": source, "statement": statement}


def _times_table(found: Sequence[Learned], records: Sequence[Record]) -> Table:
    shown = _shown(found[0].run.task.modes.target)
    lines = []
    for each in found:
        if not each.case.exact:
            continue
        own = [r for r in records if r["case"] == each.case.name and r["agrees"] is not None]
        times = (f"{each.times[mode]:#.4g}" for mode in shown)
        ranks = (f"{each.half_rank:.2f}", f"{each.difference:.0e}", "" if all(r["agrees"] for r in own) else "NO")
        lines.append((each.case.name, each.case.title, *times, str(each.order.verdict), *ranks))
    targets = (f"{found[0].run.task.modes.target[mode]:.3g}" for mode in shown)
    columns = ("start", "", *targets, "order", "rank", "from chains", "")
    title = (
        "Learning times (1 / curvature) of matrix flows by target, effective rank of the map at half its final norm "
        f"(final: {found[0].final_rank:.2f}), and relative difference from the exact chains"
    )
    return Table(title, columns, tuple(lines), 2)


def _generic_table(found: Sequence[Learned]) -> Table:
    lines = []
    for name, width, group in _groups(found):
        correlations = [_correlation(each) for each in group]
        verdicts = [str(each.order.verdict) for each in group]
        counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
        spread = f"{min(correlations):+.2f} .. {max(correlations):+.2f}"
        outside = max(each.outside for each in group)
        half = float(np.mean([each.half_rank for each in group]))
        mean = f"{np.mean(correlations):+.2f}"
        lines.append((name, group[0].case.title, str(width), counted, mean, spread, f"{half:.2f}", f"{outside:.1e}"))
    columns = ("start", "", "width", "order", "correlation", "range", "rank", "outside modes")
    return Table("Feedback that is not aligned with the modes, over its draws", columns, tuple(lines), 2)


def _correlation(found: Learned) -> float:
    correlation = found.order.rank_correlation
    return float("nan") if correlation is None else correlation


def _groups(found: Sequence[Learned]) -> list[tuple[str, int, list[Learned]]]:
    keys = dict.fromkeys((each.case.name, each.width) for each in found if each.case.feedback != "aligned")
    return [(name, width, [e for e in found if (e.case.name, e.width) == (name, width)]) for name, width in keys]


def _shown(targets: Any) -> list[int]:
    from fa_dynamics.plots.style import spread

    return [mode - 1 for mode in spread(len(targets))]


def _seen(found: Sequence[Learned], records: Sequence[Record]) -> str:
    exact = [each for each in found if each.case.exact]
    orders = "; ".join(f"{each.order.verdict} for {each.case.name}" for each in exact)
    ranks = ", ".join(f"{each.half_rank:.2f} ({each.case.name})" for each in exact)
    generic = ", ".join(
        f"{np.mean([_correlation(each) for each in group]):+.2f} ({name}, width {width})"
        for name, width, group in _groups(found)
        if not group[0].case.exact
    )
    difference = max(each.difference for each in exact)
    compared = [record for record in records if record["recorded"] is not None]
    agree = sum(bool(record["agrees"]) for record in compared)
    return (
        f"the order is {orders}; at half its final norm the map has effective rank {ranks}, and "
        f"{exact[0].final_rank:.2f} at the end; learning times differ from the exact chains by at most "
        f"{difference:.0e}. Mean rank correlations without alignment are {generic}. Of {len(compared)} recorded "
        f"entries {agree} agree to all their figures."
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.order import plot_order

    return plot_order(data)


EXPERIMENT = Experiment(
    name="girotti2021-order",
    paper="Girotti, Mitliagkas, Gidel 2021",
    claim=(
        "the abstract announces that in shallow linear networks some initialisations let feedback alignment learn "
        "negligible components before principal ones, and that others learn components in roughly decreasing "
        "importance."
    ),
    form=(
        "our own form, derived for this project and not the paper's: matrix flows on joint modes of equal curvature "
        "follow scalar chains from aligned starts (girotti2021.mode-decoupling) and, from zero, with orthogonal "
        "feedback (girotti2021.zero-decoupling); the chains are learned principal first from zero "
        "(girotti2021.regularisation) and under backpropagation (girotti2021.gd-comparison), negligible first from "
        "theta_1(0) = -a against the feedback (girotti2021.anti-regularisation, girotti2021.slow-passage, "
        "girotti2021.order-convexity). The effective rank of the map climbs to its final value from below, or comes "
        "to it from above. Nothing is claimed for feedback that is not aligned: what it does is looked at. What is "
        "called recorded are this project's theory notes."
    ),
    run=run,
)
