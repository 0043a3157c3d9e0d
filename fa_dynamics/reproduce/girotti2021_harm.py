"""girotti2021-harm: what the order of learning does to early stopping, on noisy data of a low-rank teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.harm_runs import NO_BETTER, Stopped, drawn, starts, stop
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

STATEMENT = "girotti2021.harm"

DIFFERENCE = 1e-8
"""Largest difference from the exact chains, relative to the largest target: what a plateau leaves of the tolerances."""

AGAINST = ("FA far", "FA near")
"""Starts that learn negligible modes first."""

Array = NDArray[np.float64]

Runs = dict[str, list[Stopped]]
"""By start, one per draw."""


def run(
    report: Report,
    *,
    noise: Annotated[float, Allowed("a number > 0", lambda value: value > 0)] = 0.5,
    rank: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 2,
    n_samples: Annotated[int, Allowed("a whole number >= 2", lambda value: value >= 2)] = 60,
    n_inputs: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 20,
    n_outputs: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 10,
    draws: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 8,
    bp_start: Annotated[float, Allowed("a number from 1e-6 to 0.1", lambda value: 1e-6 <= value <= 0.1)] = 1e-3,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Train on several noisy samples of one teacher from every start, and stop each run at its best moment.

    Parameters
    ----------
    report
        Is told the fraction done.
    noise
        Standard deviation of the noise of each output.
    rank, n_inputs, n_outputs
        Of the teacher.
    n_samples, draws
        Of a training set, and how many of them.
    bp_start
        Weights of backpropagation's start, relative to the square root of the largest target.
    seed
        Of teacher, inputs and noise.
    """
    if rank > min(n_inputs, n_outputs):
        raise InputError(f"rank: {rank} given, expected at most {min(n_inputs, n_outputs)}, inputs and outputs")
    sets = drawn(n_inputs, n_outputs, rank, noise, n_samples, draws, seed)
    asked = starts(bp_start)
    runs: Runs = {start.name: [] for start in asked}
    for count, one in enumerate(sets, start=1):
        for start in asked:
            runs[start.name].append(stop(one, start))
        report(count / len(sets))
    records = [record for name in runs for record in _records(name, runs)]
    return Findings(records, (_table(runs),), _seen(runs), _dataset(runs), _draw)


def _record(start: str, quantity: str, ours: float, unit: str, draw: int | None, agrees: bool | None = None) -> Record:
    where = {"start": start, "draw": draw, "quantity": quantity, "unit": unit, "ours": float(ours)}
    return where | {"agrees": agrees, "statement": STATEMENT}


def _records(name: str, runs: Runs) -> list[Record]:
    own, ratios = runs[name], _ratios(runs, name)
    found = []
    for draw, each in enumerate(own):
        found += [
            _record(name, "best test error", each.best_error, "output squared", draw),
            _record(name, "time of the best test error", each.best_time, "1 / curvature", draw),
            _record(name, "trained test error", each.trained, "output squared", draw),
            _record(name, "best over trained", each.ratio, "dimensionless", draw),
        ]
    difference = max(each.difference for each in own)
    found += [
        _record(name, "mean of best over trained", ratios.mean(), "dimensionless", None),
        _record(name, "standard deviation of best over trained", _spread(ratios), "dimensionless", None),
        _record(name, "difference from the chains", difference, "dimensionless", None, difference <= DIFFERENCE),
    ]
    if name != "FA zero":
        # The statement is about starts that learn negligible modes first; of the others it says nothing here.
        harm, against = _harm(runs, name), name in AGAINST and len(own[0].target) > 1
        found += [
            _record(
                name,
                "best error over that of FA zero",
                value,
                "dimensionless",
                draw,
                bool(value > 1 + NO_BETTER) if against else None,
            )
            for draw, value in enumerate(harm)
        ]
    return found


def _ratios(runs: Runs, name: str) -> Array:
    return np.array([each.ratio for each in runs[name]])


def _harm(runs: Runs, name: str) -> list[float]:
    return [each.best_error / zero.best_error for each, zero in zip(runs[name], runs["FA zero"], strict=True)]


def _spread(values: Array) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _mean(values: Array) -> str:
    return f"{values.mean():.2f}" + (f" +- {_spread(values):.2f}" if len(values) > 1 else "")


def _table(runs: Runs) -> Table:
    lines = []
    for name, own in runs.items():
        ratios = _ratios(runs, name)
        stops = [each.best_time for each in own if np.isfinite(each.best_time)]
        lines.append(
            (
                name,
                own[0].start.title,
                f"{ratios.mean():.3f}",
                f"{_spread(ratios):.3f}" if len(own) > 1 else "",
                f"{ratios.min():.3f} .. {ratios.max():.3f}",
                f"{np.mean([each.best_error for each in own]):.3f}",
                f"{np.mean(stops):.3g}" if stops else "the end",
                f"{len(own) - len(stops)} of {len(own)}",
                f"{np.mean(_harm(runs, name)):.2f}",
            )
        )
    columns = ("start", "", "mean", "sd", "range", "best error", "at t", "never", "harm")
    trained = np.mean([each.trained for each in runs["BP"]])
    title = (
        f"Best test error over that of the trained network ({trained:.3f} output squared on average), over draws of "
        "the training set;\nnever: no moment is better than the end; harm: best error over that of FA from zero"
    )
    return Table(title, columns, tuple(lines), 2)


def _seen(runs: Runs) -> str:
    ratios = ", ".join(f"{_mean(_ratios(runs, name))} ({name})" for name in runs)
    worse = sum(value > 1 + NO_BETTER for name in AGAINST for value in _harm(runs, name))
    draws = len(runs["BP"])
    never = ", ".join(
        f"{sum(not np.isfinite(each.best_time) for each in own)} ({name})"
        for name, own in runs.items()
        if any(not np.isfinite(each.best_time) for each in own)
    )
    difference = max(each.difference for own in runs.values() for each in own)
    return (
        f"over {draws} draw{'s' if draws > 1 else ''} the best early-stopped test error is {ratios} of the trained "
        f"network's; the "
        f"anti-regularizing starts are worse than the zero start in {worse} of {2 * draws} runs"
        + (f", and no moment is better than the end in {never}" if never else "")
        + f"; the matrix flows follow the exact chains to {difference:.0e} of the largest target."
    )


def _dataset(runs: Runs) -> xarray.Dataset:
    import xarray

    error, time, none = "output squared", "1 / curvature", "dimensionless"
    table = list(runs.values())

    def each(attribute: str) -> Any:
        return np.array([[getattr(found, attribute) for found in own] for own in table])

    about = "test error of the network trained to the end"
    data = {
        "t": _named("start draw sample", each("t"), "time of training", time),
        "test_error": _named("start draw sample", each("error"), "1/2 E|W x - P T x|^2 over new inputs", error),
        "best_time": _named("start draw", each("best_time"), "its best moment; inf if that is the end", time),
        "best_test_error": _named("start draw", each("best_error"), "test error then", error),
        "best_strength": _named("start draw mode", each("best_strength"), "p_k then", "output per input"),
        "target": _named("draw mode", each("target")[0], "s_k of the whitened training data", "output per input"),
        "trained_test_error": _named("draw", each("trained")[0], about, error),
        "ratio": _named("start draw", each("ratio"), "best over trained test error", none),
    }
    coordinates = {
        "start": list(runs),
        "title": _named("start", [own[0].start.title for own in table], "start in words", none),
        "draw": np.arange(len(table[0])),
        "mode": np.arange(1, len(table[0][0].target) + 1),
    }
    return xarray.Dataset(data, coordinates)


def _named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
    return dimensions.split(), np.asarray(values), {"description": description, "units": units}


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.harm import plot_harm

    return plot_harm(data)


EXPERIMENT = Experiment(
    name="girotti2021-harm",
    paper="Girotti, Mitliagkas, Gidel 2021",
    claim=(
        "the abstract announces that some initialisations let feedback alignment learn negligible components before "
        "principal ones (anti-regularisation), which may be harmful."
    ),
    form=(
        "our own form, derived for this project and not the paper's: with noise in the weak modes early stopping "
        "helps starts that learn principal modes first, and hardly those that learn them last (girotti2021.harm). "
        "Here the data are noisy samples of a low-rank linear teacher, whitened by their own second moment, so that "
        "the modes of the training data are joint, and starts and feedback are aligned with them; the test error is "
        "that of the teacher's population, without the noise of new targets. One layer, which learns all modes at "
        "once, shows what shrinking alone is worth. That the order decides is a statement on prescribed modes; on "
        "data it is observed."
    ),
    run=run,
)
