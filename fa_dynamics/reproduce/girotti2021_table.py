"""girotti2021-table: when feedback alignment learns its modes from nine starts, and what stopping early is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.early_stopping import Stopping, stopping
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.initialisation_data import dataset
from fa_dynamics.reproduce.initialisations import (
    EPSILON,
    LEVEL,
    SPECTRUM,
    Learned,
    learn,
    rows,
    slopes,
    zero_start_shape,
)
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.recorded import compare
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

TRUE = (4.0, 2.0, 0.0, 0.0, 0.0)
"""True targets of the early-stopping comparison: the three weak correlations are noise."""

SLOPES = (".4553", ".3538", ".3381", ".3345")
"""Recorded dT / d ln(1 / epsilon) of row G."""

SHAPES = ((0.5, ".938"), (0.9, "1.596"), (0.99, "2.384"))
"""Recorded H_3 of the zero start's law T = 2 H_3 (2 sigma)^(-2/3), by level."""

FINE = 0.9999
"""Level at which the mode on the fold was recorded a second time."""

TRAINED = ".656"
"""Recorded test error of the trained network."""

STOPPED: tuple[tuple[str, str, Any, str | None], ...] = (
    ("A", "fa", rows()["A"].table, ".163"),
    ("C", "fa", rows()["C"].table, ".576"),
    ("B", "fa", rows()["B"].table, ".601"),
    ("E", "fa", rows()["E"].table, ".599"),
    ("D", "fa", rows()["D"].table, ".635"),
    ("F", "fa", rows()["F"].table, ".656"),
    # A balanced start "of 1e-3" can mean the weights or their product; the recorded number belongs to the weights.
    ("BP theta=1e-3", "bp", 1e-3, "2.3e-4"),
    ("BP p(0)=1e-3", "bp", float(np.sqrt(1e-3)), None),
)
"""Starts that are stopped early: name, rule, theta(0), recorded best test error."""


def run(
    report: Report,
    *,
    level: Annotated[float, Allowed("a number between 0 and 1", lambda value: 0 < value < 1)] = LEVEL,
    epsilon: Annotated[float, Allowed("a number from 1e-12 to 1e-3", lambda value: 1e-12 <= value <= 1e-3)] = EPSILON,
) -> Findings:
    """Solve the starts of the table, and stop some of them early.

    Parameters
    ----------
    report
        Is told the fraction done.
    level
        A mode is learned within 1 - level of its target; numbers are recorded for 0.99.
    epsilon
        Distance from the repelling state at which row G starts; its learning times are recorded for 1e-9.
    """
    recorded_at = {name: level == LEVEL and (name != "G" or epsilon == EPSILON) for name in rows()}
    learned = [learn(row, level, recorded_at[name]) for name, row in rows(epsilon).items()]
    stopped: dict[str, Stopping] = {}
    for count, (name, rule, start, _) in enumerate(STOPPED, start=1):
        stopped[name] = stopping(SPECTRUM, TRUE, rule, start)
        report(count / len(STOPPED))
    by_row = [_row_records(each) for each in learned]
    laws = _law_records(epsilon)
    stops = [_stop_records(stopped[name], name, text) for name, _, _, text in STOPPED]
    end = stopped[STOPPED[0][0]].trained
    trained = _record(
        "all", "girotti2021.harm", "test error of the trained network", end, TRAINED, unit="output squared"
    )
    records = [record for group in (*by_row, laws, *stops, [trained]) for record in group]
    tables = (_times_table(learned, by_row), _laws_table(laws), _stops_table(stops, trained))
    data = dataset(learned, stopped, [text for *_, text in STOPPED], TRUE)
    return Findings(records, tables, _seen(learned, records, stopped), data, _draw)


def _record(
    row: str,
    statement: str,
    quantity: str,
    ours: float | str,
    recorded: str | None,
    *,
    level: float | None = None,
    sigma: float | None = None,
    unit: str = "1 / curvature",
) -> Record:
    where = {"row": row, "quantity": quantity, "level": level, "sigma": sigma, "unit": unit}
    source = None if recorded is None else "theory notes of this project"
    return where | compare(ours, recorded) | {"recorded_in": source, "statement": statement}


def _row_records(found: Learned) -> list[Record]:
    row, level = found.row, found.level
    texts = row.times if found.recorded else (None,) * len(row.sigma)
    times = [
        _record(row.name, row.statement, "learning time", time, text, level=level, sigma=sigma)
        for sigma, time, text in zip(row.sigma, found.times, texts, strict=True)
    ]
    verdict, known = str(found.order.verdict), row.verdict if found.recorded else None
    return [*times, _record(row.name, row.statement, "order of learning", verdict, known, level=level, unit="none")]


def _law_records(epsilon: float) -> list[Record]:
    late = learn(rows()["D'"], FINE).times
    slow = "girotti2021.slow-passage"
    return [
        *(
            _record(
                "A",
                "girotti2021.zero-start-law",
                "H_3",
                zero_start_shape(height).mean(),
                text,
                level=height,
                unit="none",
            )
            for height, text in SHAPES
        ),
        _record("D'", slow, "learning time", late[0], "31.7", level=FINE, sigma=SPECTRUM[0]),
        _record("D'", slow, "latest learning time of the others", late[1:].max(), "1.73", level=FINE),
        *(
            _record("G", slow, "dT / d ln(1 / epsilon)", slope, text, level=LEVEL, sigma=sigma)
            for sigma, slope, text in zip(rows()["G"].sigma, slopes(epsilon), SLOPES, strict=True)
        ),
    ]


def _stop_records(stop: Stopping, name: str, recorded: str | None) -> list[Record]:
    return [
        _record(name, "girotti2021.harm", "best test error", stop.best_error, recorded, unit="output squared"),
        _record(name, "girotti2021.harm", "time of the best test error", stop.best_time, None),
    ]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:#.4g}" if np.isfinite(value) else "never"


def _order(found: Learned) -> str:
    correlation = found.order.rank_correlation
    return f"{found.order.verdict} ({'undefined' if correlation is None else f'{correlation:+.2f}'})"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _mark(records: Sequence[Record]) -> str:
    """Whether all that was recorded agrees."""
    asked = [record["agrees"] for record in records if record["agrees"] is not None]
    return "" if not asked else "yes" if all(asked) else "NO"


def _times_table(learned: Sequence[Learned], records: Sequence[Sequence[Record]]) -> Table:
    lines: list[tuple[str, ...]] = []
    for found, own in zip(learned, records, strict=True):
        row, ours = found.row, map(_cell, found.over_spectrum(found.times))
        lines.append((row.name, row.title, *ours, _order(found), ""))
        if found.recorded:
            texts = (text or "" for text in found.over_spectrum(row.times))
            lines.append(("", "  recorded", *texts, row.verdict, _mark(own)))
    columns = ("row", "start", *(f"{sigma:g}" for sigma in SPECTRUM), "order (rank correlation)", "agrees")
    title = f"Learning times (1 / curvature) at level {learned[0].level:g}, by correlation; feedback and curvature 1"
    return Table(title, columns, tuple(lines), 2)


def _laws_table(laws: Sequence[Record]) -> Table:
    lines = tuple(
        (
            r["row"],
            r["quantity"],
            *map(_short, (r["level"], r["sigma"])),
            _cell(r["ours"]),
            _short(r["recorded"]),
            _mark([r]),
        )
        for r in laws
    )
    columns = ("row", "quantity", "level", "correlation", "ours", "recorded", "agrees")
    return Table("Laws and late times", columns, lines, 2)


def _stops_table(stops: Sequence[Sequence[Record]], trained: Record) -> Table:
    lines = tuple(
        (best["row"], _cell(best["ours"]), _short(best["recorded"]), _mark([best]), _moment(time["ours"]))
        for best, time in stops
    )
    title = f"Best test error (output squared) with noise in the modes 1, 0.5, 0.25; trained: {_cell(trained['ours'])}"
    return Table(title, ("start", "ours", "recorded", "agrees", "at t (1 / curvature)"), lines)


def _moment(time: float) -> str:
    return _cell(time) if np.isfinite(time) else "the end"


def _seen(learned: Sequence[Learned], records: Sequence[Record], stopped: Mapping[str, Stopping]) -> str:
    members: dict[str, list[str]] = {}
    for found in learned:
        members.setdefault(str(found.order.verdict), []).append(found.row.name)
    orders = "; ".join(f"{verdict} for {', '.join(names)}" for verdict, names in sorted(members.items()))
    gains = ", ".join(f"{100 * (1 - stop.best_error / stop.trained):.3g} % ({name})" for name, stop in stopped.items())
    compared = [record for record in records if record["agrees"] is not None]
    apart = [record for record in compared if not record["agrees"]]
    named = "; ".join(f"{r['quantity']} of {r['row']}: {r['ours']:.5g}, not {r['recorded']:g}" for r in apart)
    return (
        f"at level {learned[0].level:g} the order is {orders}; stopping at the best moment lowers the test error of "
        f"the trained network by {gains}. Of {len(compared)} recorded entries {len(compared) - len(apart)} agree to "
        f"all their figures{f' ({named})' if apart else ''}."
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.initialisation import plot_initialisations

    return plot_initialisations(data)


EXPERIMENT = Experiment(
    name="girotti2021-table",
    paper="Girotti, Mitliagkas, Gidel 2021",
    claim=(
        "the abstract announces that in shallow linear networks some initialisations let feedback alignment learn "
        "negligible components before principal ones (anti-regularisation, possibly harmful), and that others learn "
        "components in roughly decreasing importance."
    ),
    form=(
        "our own form, derived for this project and not the paper's: scalar modes of curvature and feedback 1, two "
        "layers (three in row H), compared by the time after which |p - s| <= (1 - level) |s| for good and, with "
        "noise in the weak modes, by the best early-stopped test error (girotti2021.regularisation, "
        "girotti2021.anti-regularisation, girotti2021.slow-passage, girotti2021.order-convexity, girotti2021.harm); "
        "what is called recorded are this project's theory notes, not numbers of the paper."
    ),
    run=run,
)
