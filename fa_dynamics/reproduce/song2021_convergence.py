"""song2021-convergence: the residual falls exponentially, at a rate that a wide start guarantees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.recorded import compare
from fa_dynamics.reproduce.song_rates import Descent, descend, descend_narrow, guaranteed, summary
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

RECORDED = {2.0: ("-.14", "-.16"), 5.0: (".24", ".21"), 10.0: (".36", ".42"), 40.0: (".68", ".70")}
"""n_1 / N -> recorded mu of one draw and of the formula, at N = 100."""

RECORDED_SAMPLES = 100

SPREAD = 3.0
"""A recorded draw agrees if it lies within so many deviations of ours, or within `ROOM`."""

ROOM = 0.05

NARROW = (1, 2, 3, 8)
"""Widths of the narrow networks."""

NARROW_SAMPLES, NARROW_INPUTS = 10, 30

Count = Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)]


def run(
    report: Report,
    *,
    widths: Annotated[tuple[int, ...], Allowed("whole numbers >= 1", lambda value: value >= 1)] = (
        200,
        500,
        1000,
        4000,
    ),
    n_samples: Annotated[int, Allowed("a whole number from 2 to 200", lambda value: 2 <= value <= 200)] = 100,
    draws: Count = 5,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Follow the flow without decay at several widths, and from anti-aligned starts of narrow networks.

    Parameters
    ----------
    report
        Is told the fraction done.
    widths
        Hidden units n_1 of the Gaussian starts.
    n_samples
        N; numbers are recorded for 100. Inputs are three times as many.
    draws
        Of every width; backpropagation runs beside the first.
    seed
        Of all draws.
    """
    widths = tuple(sorted(set(widths)))
    done, total = 0, len(widths) * draws + len(NARROW)
    wide: dict[int, list[Descent]] = {width: [] for width in widths}
    for width in widths:
        for draw in range(draws):
            wide[width].append(descend(seed, draw, width, n_samples, 3 * n_samples, backprop=draw == 0))
            done += 1
            report(done / total)
    narrow = []
    for width in NARROW:
        narrow.append(descend_narrow(seed, width, NARROW_SAMPLES, NARROW_INPUTS))
        done += 1
        report(done / total)
    rates = [_rate_record(found, n_samples) for found in wide.values()]
    ends = [_narrow_record(found) for found in narrow]
    tables = (_rates_table(rates), _narrow_table(ends))
    return Findings([*rates, *ends], tables, _seen(rates, ends), _dataset(wide, narrow, n_samples), _draw)


def _rate_record(found: Sequence[Descent], n_samples: int) -> Record:
    width = found[0].width
    ratio = width / n_samples
    mu, formula = RECORDED.get(ratio, (None, None)) if n_samples == RECORDED_SAMPLES else (None, None)
    numbers = summary(found)
    predicted = compare(guaranteed(ratio), formula)
    near = max(SPREAD * float(np.nan_to_num(numbers["mu_sd"])), ROOM)
    return {
        "kind": "gaussian start",
        "width": width,
        "width_over_samples": ratio,
        "draws": len(found),
        **numbers,
        "recorded_mu": None if mu is None else float(mu),
        "mu_agrees": None if mu is None else bool(abs(numbers["mu"] - float(mu)) <= near),
        "formula": predicted["ours"],
        "recorded_formula": predicted["recorded"],
        "formula_agrees": predicted["agrees"],
        "bound_holds": bool(numbers["worst_bound"] <= 1 + 1e-6) if np.isfinite(numbers["worst_bound"]) else None,
        "statement": "song2021.exponential-rate",
    }


def _narrow_record(found: Descent) -> Record:
    return {
        "kind": "anti-aligned start",
        "width": found.width,
        "mu": found.mu,
        "largest_residual": float(found.residual.max()),
        "final_residual": float(found.residual[-1]),
        "cosine_start": found.cosine[0],
        "cosine_end": found.cosine[1],
        "W2_B2_end": found.hidden_product,
        "converged": bool(found.residual[-1] < 1e-8),
        "statement": "song2021.global-convergence",
    }


def _cell(value: float | None, form: str = ".3f") -> str:
    return "" if value is None or not np.isfinite(value) else format(value, form)


def _rates_table(records: Sequence[Record]) -> Table:
    lines = tuple(
        (
            str(r["width"]),
            f"{r['width_over_samples']:g}",
            _cell(r["mu"]),
            _cell(r["mu_sd"]),
            _cell(r["recorded_mu"], ".2f"),
            _cell(r["formula"]),
            _cell(r["recorded_formula"], ".2f"),
            _cell(r["fitted_rate"]),
            _cell(r["worst_bound"], ".4f"),
            _cell(r["final_residual"], ".1e"),
            _cell(r["speed_of_backprop"], ".2f"),
        )
        for r in records
    )
    title = "Rates of the residual without decay, in units of gamma_-, the smallest nonzero eigenvalue of X X^T"
    columns = ("width", "n_1/N", "mu", "sd", "recorded", "formula", "recorded", "late rate")
    return Table(title, (*columns, "worst |r| / bound", "final |r| / |r_0|", "backprop faster by"), lines, 0)


def _narrow_table(records: Sequence[Record]) -> Table:
    lines = tuple(
        (
            str(r["width"]),
            _cell(r["mu"], ".2f"),
            _cell(r["cosine_start"], ".2f"),
            _cell(r["cosine_end"]),
            _cell(r["W2_B2_end"]),
            _cell(r["largest_residual"]),
            _cell(r["final_residual"], ".1e"),
        )
        for r in records
    )
    title = f"Narrow networks from anti-aligned starts: {NARROW_SAMPLES} samples, {NARROW_INPUTS} inputs"
    columns = ("width", "mu", "cos at the start", "cos at the end", "W_2 B_2 at the end", "largest |r| / |r_0|")
    return Table(title, (*columns, "final |r| / |r_0|"), lines, 0)


def _seen(rates: Sequence[Record], narrow: Sequence[Record]) -> str:
    bounded = [r["bound_holds"] for r in rates if r["bound_holds"] is not None]
    last = rates[-1]
    positive = [r["width_over_samples"] for r in rates if r["mu"] > 0]
    first = f"from n_1 = {min(positive):g} N on" if positive else "at none of these widths"
    return (
        f"|r| <= exp(-mu gamma_- t) |r_0| holds at every time at {sum(bounded)} of the {len(bounded)} widths where "
        f"mu > 0 promises it; the mean mu is positive {first} "
        f"and {last['mu']:.2f} at n_1 = {last['width_over_samples']:g} N, where backpropagation is "
        f"{last['speed_of_backprop']:.2f} times as fast. {sum(r['converged'] for r in narrow)} of {len(narrow)} narrow "
        f"networks converge from anti-aligned starts with mu < 0, with |r| up to "
        f"{max(r['largest_residual'] for r in narrow):.2f} |r_0| on the way and W_2 B_2 > 0 at the end."
    )


def _dataset(wide: dict[int, list[Descent]], narrow: Sequence[Descent], n_samples: int) -> xarray.Dataset:
    import xarray

    def named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
        return dimensions.split(), values, {"description": description, "units": units}

    firsts, none, rate = [found[0] for found in wide.values()], "dimensionless", "gamma_-"
    known = n_samples == RECORDED_SAMPLES
    recorded = [float(RECORDED[w / n_samples][0]) if known and w / n_samples in RECORDED else np.nan for w in wide]
    share = "|P X - Y| over its first value"
    return xarray.Dataset(
        {
            "residual": named("width time", [each.residual for each in firsts], f"{share}, first draw", none),
            "backprop_residual": named(
                "width time", [each.backprop for each in firsts], f"{share}, backpropagation from the same start", none
            ),
            "mu": named(
                "width draw", [[each.mu for each in found] for found in wide.values()], "guaranteed rate mu", rate
            ),
            "late_rate": named(
                "width draw", [[each.fitted for each in found] for found in wide.values()], "fitted late rate", rate
            ),
            "recorded_mu": named("width", recorded, "mu of one recorded draw; nan if none", rate),
            "narrow_residual": named(
                "narrow_width narrow_time", [each.residual for each in narrow], f"{share}, anti-aligned starts", none
            ),
        },
        {
            "width": named("width", list(wide), "hidden units n_1", none),
            "time": named("time", firsts[0].t, "time of training", "1 / gamma_-"),
            "draw": np.arange(len(next(iter(wide.values())))),
            "narrow_width": named("narrow_width", [each.width for each in narrow], "hidden units n_1", none),
            "narrow_time": named("narrow_time", narrow[0].t, "time of training", "1 / gamma_-"),
        },
        attrs={"n_samples": n_samples},
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.one_output import plot_convergence

    return plot_convergence(data)


EXPERIMENT = Experiment(
    name="song2021-convergence",
    paper="Song, Xu, Lafferty 2021",
    claim=(
        "the abstract announces that in over-parameterised two-layer networks with squared loss the error of feedback "
        "alignment goes to zero exponentially fast."
    ),
    form=(
        "our own linear form, derived for this project and not the paper's: the flow without decay keeps "
        "|r| <= exp(-mu gamma_- t) |r_0| with a mu read off the start, positive for Gaussian starts wider than about "
        "2.914 N (song2021.exponential-rate), reaches least squares at every width (song2021.global-convergence), and "
        "runs at half the speed of backpropagation when wide (song2021.bp-comparable); what is called recorded are "
        "this project's theory notes."
    ),
    run=run,
)
