"""song2021-alignment: the recorded mean alignments of linear networks, with and without weight decay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.song_draws import (
    RECORDED,
    RECORDED_DRAWS,
    RECORDED_INPUTS,
    RECORDED_SAMPLES,
    STEP,
    gaussian_problem,
    least_steps,
    start,
)
from fa_dynamics.reproduce.tables import Table
from fa_dynamics.systems.one_output_iterate import OneOutputIteration, Plateau, iterate_one_output
from fa_dynamics.systems.one_output_units import sum_from_code

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

BATCH = 50
"""Draws that are iterated together; their matrices then fit the cache."""

Count = Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)]


def run(
    report: Report,
    *,
    widths: Annotated[tuple[int, ...], Allowed("whole numbers >= 1", lambda value: value >= 1)] = (200, 1600),
    regularization: Annotated[tuple[float, ...], Allowed("numbers >= 0", lambda value: value >= 0)] = (0.0, 0.2, 0.5),
    draws: Count = 10,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
    n_samples: Count = RECORDED_SAMPLES,
    n_inputs: Count = RECORDED_INPUTS,
) -> Findings:
    """Train draws of every width with every decay until the authors' stop rule ends them.

    Parameters
    ----------
    report
        Is told the fraction done.
    widths
        Hidden units n_1; numbers are recorded for 200, 1600, 6400 and 12800.
    regularization
        Decay of the second layer in the units of the authors' code, recorded for 0, 0.2 and 0.5; rho = N/2 times it.
    draws
        Of data, teacher, weights and feedback, for each width; the first of more are those of fewer.
    seed
        Of all draws.
    n_samples, n_inputs
        N and n_0; numbers are recorded for 50 and 150.
    """
    widths, decays = tuple(dict.fromkeys(widths)), tuple(dict.fromkeys(regularization))
    work = np.cumsum([0.0, *(np.sqrt(width) for width in widths)])
    cosine = np.full((len(widths), len(decays), draws), np.nan)
    steps = np.zeros_like(cosine, dtype=np.int64)
    residual = np.full_like(cosine, np.nan)
    for place, width in enumerate(widths):
        for first in range(0, draws, BATCH):
            chosen = range(first, min(first + BATCH, draws))

            def told(part: float, place: int = place, chosen: range = chosen) -> None:
                share = (chosen.start + part * len(chosen)) / draws
                report(float((work[place] + share * (work[place + 1] - work[place])) / work[-1]))

            ended = _train(width, decays, chosen, seed, n_samples, n_inputs, told)
            where = (place, slice(None), slice(chosen.start, chosen.stop))
            shape = (len(chosen), len(decays))
            cosine[where] = np.where(ended.diverged, np.nan, ended.final_cosine).reshape(shape).T
            steps[where] = ended.steps.reshape(shape).T
            residual[where] = ended.final_residual.reshape(shape).T
    data = _dataset(widths, decays, cosine, steps, residual, (n_samples, n_inputs))
    records = list(_records(data))
    return Findings(records, (_table(records),), _seen(records), data, _draw)


def _train(
    width: int,
    decays: Sequence[float],
    draws: range,
    seed: int,
    n_samples: int,
    n_inputs: int,
    report: Report,
) -> OneOutputIteration:
    """Every draw with every decay; members are ordered by draw, then decay."""
    problems = [gaussian_problem(seed, draw, n_samples, n_inputs) for draw in draws]
    starts = [start(problem, seed, draw, width) for draw, problem in zip(draws, problems, strict=True)]
    step_size, _ = sum_from_code(STEP, 0.0, n_samples)
    rho = [sum_from_code(STEP, decay, n_samples).regularization for decay in decays]
    return iterate_one_output(
        [problem for problem in problems for _ in decays],
        [each for each in starts for _ in decays],
        step_size=step_size,
        regularization=np.tile(rho, len(problems)),
        stop=Plateau(least_steps(width)),
        report=report,
    )


def _dataset(
    widths: Sequence[int],
    decays: Sequence[float],
    cosine: Array,
    steps: NDArray[np.int64],
    residual: Array,
    size: tuple[int, int],
) -> xarray.Dataset:
    import xarray

    def named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
        return dimensions.split(), values, {"description": description, "units": units}

    known = size == (RECORDED_SAMPLES, RECORDED_INPUTS)
    empty = (np.nan, np.nan)
    recorded = np.array(
        [[RECORDED.get((width, decay), empty) if known else empty for decay in decays] for width in widths]
    )
    every, none = "width regularization draw", "dimensionless"
    return xarray.Dataset(
        {
            "cosine": named(every, cosine, "cos(W_2^T, B_2) at the end; nan if the iteration diverged", none),
            "steps": named(every, steps, "steps until the stop rule ended the draw", "steps"),
            "residual": named(every, residual, "|P X - Y| at the end", "output"),
            "least_steps": named("width", [least_steps(width) for width in widths], "least number of steps", "steps"),
            "recorded_mean": named("width regularization", recorded[..., 0], "authors' mean; nan if none", none),
            "recorded_sd": named("width regularization", recorded[..., 1], "authors' deviation over draws", none),
        },
        {
            "width": named("width", list(widths), "hidden units n_1", none),
            "regularization": named("regularization", list(decays), "lambda of the authors' code; rho = N/2 it", none),
            "draw": np.arange(cosine.shape[-1]),
        },
        attrs={"n_samples": size[0], "n_inputs": size[1], "recorded_draws": RECORDED_DRAWS},
    )


def _records(data: xarray.Dataset) -> Iterator[Record]:
    for width in data["width"].values:
        for decay in data["regularization"].values:
            cell = data.sel(width=width, regularization=decay)
            values = cell["cosine"].values
            values = values[np.isfinite(values)]
            mean = float(values.mean()) if len(values) else None
            sd = float(values.std(ddof=1)) if len(values) > 1 else None
            recorded, spread = (float(cell[name]) for name in ("recorded_mean", "recorded_sd"))
            known = np.isfinite(recorded)
            apart = None
            if known and mean is not None and sd is not None:
                error = np.hypot(sd / np.sqrt(len(values)), spread / np.sqrt(RECORDED_DRAWS))
                apart = float((mean - recorded) / error)
            yield {
                "width": int(width),
                "regularization": float(decay),
                "mean": mean,
                "sd": sd,
                "draws": len(values),
                "recorded_mean": recorded if known else None,
                "recorded_sd": spread if known else None,
                "standard_errors_apart": apart,
                "agrees": None if apart is None else abs(apart) <= 3,
                "wide_limit": data.attrs["n_samples"] / int(width) if decay == 0 else None,
                "mean_steps": float(cell["steps"].mean()),
                "stopped_at_least": int((cell["steps"] == cell["least_steps"]).sum()),
                "statement": "song2021.reference-table",
            }


def _table(records: Sequence[Record]) -> Table:
    def cell(value: float | None, form: str = ".3f") -> str:
        return "" if value is None else format(value, form)

    lines = tuple(
        (
            str(r["width"]),
            f"{r['regularization']:g}",
            cell(r["mean"]),
            cell(r["sd"]),
            str(r["draws"]),
            cell(r["recorded_mean"]),
            cell(r["recorded_sd"]),
            cell(r["standard_errors_apart"], "+.1f"),
            cell(r["wide_limit"]),
            f"{r['mean_steps']:.0f}",
            str(r["stopped_at_least"]),
        )
        for r in records
    )
    title = "cos(W_2^T, B_2) over draws; decay in units of the authors' code; N/n_1 is the wide limit without decay"
    columns = ("width", "decay", "mean", "sd", "draws", "recorded", "sd", "std errors apart", "N/n_1", "mean steps")
    return Table(title, (*columns, "stopped at the least"), lines, 0)


def _seen(records: Sequence[Record]) -> str:
    means = "; ".join(
        f"decay {decay:g}: "
        + ", ".join(
            f"{r['mean']:.3f} (width {r['width']})" if r["mean"] is not None else f"diverged (width {r['width']})"
            for r in records
            if r["regularization"] == decay
        )
        for decay in dict.fromkeys(r["regularization"] for r in records)
    )
    known = [r for r in records if r["standard_errors_apart"] is not None]
    if not known:
        return f"mean alignment is {means}; no recorded mean to compare with at these settings."
    worst = max(abs(r["standard_errors_apart"]) for r in known)
    return (
        f"mean alignment is {means}. Of {len(known)} recorded means {sum(r['agrees'] for r in known)} lie within 3 "
        f"combined standard errors; the farthest is {worst:.1f} away."
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.one_output import plot_reference_alignment

    return plot_reference_alignment(data)


EXPERIMENT = Experiment(
    name="song2021-alignment",
    paper="Song, Xu, Lafferty 2021",
    claim=(
        "the abstract announces that regularisation is necessary for the weights to align with the backward weights, "
        "and that simulations agree with this."
    ),
    form=(
        "our own setting of the authors' public code: two linear layers, one output, decay of the second layer only, "
        "step 1e-3 in their units and their latched stop rule, computed in exact reduced coordinates whose cost is "
        "free of the width (song2021.exact-reduction, song2021.reference-table, song2021.no-alignment); what is called "
        "recorded are means and deviations over 50 draws of their published data."
    ),
    run=run,
)
