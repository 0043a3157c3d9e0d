"""song2021-nonlinear: wide tanh and ReLU networks learn at the rate of a kernel, and do not align."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.nonlinear_kernel import INPUTS, SAMPLES, STEP, WideRun, learn_wide
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

ACTIVATIONS = ("tanh", "relu")

RECORDED: dict[tuple[str, int], tuple[float, float]] = {
    ("tanh", 400): (0.13, 0.19),
    ("tanh", 3200): (0.03, 0.04),
    ("relu", 400): (0.18, 0.18),
    ("relu", 3200): (0.035, 0.035),
}
"""Final cosines of this project's notes: smallest and largest of the draws written down."""

Key = tuple[str, int]


def run(
    report: Report,
    *,
    widths: Annotated[
        tuple[int, ...], Allowed("whole numbers from 20 to 20000", lambda width: 20 <= width <= 20000)
    ] = (40, 400, 1200, 3200),
    draws: Annotated[int, Allowed("a whole number >= 2", lambda value: value >= 2)] = 4,
    steps: Annotated[int, Allowed("a whole number >= 10", lambda value: value >= 10)] = 600,
) -> Findings:
    """Train every activation at every width with every draw of data, weights and feedback.

    Parameters
    ----------
    report
        Is told the fraction done.
    widths
        n_1; below 20 the kernel of 20 samples is singular. The first default one is narrow on purpose.
    draws
        Draws of data, weights and feedback.
    steps
        Steps of eta = 0.2 in the sum loss.
    """
    chosen = sorted(dict.fromkeys(widths))
    jobs = [(activation, width) for activation in ACTIVATIONS for width in chosen]
    cost = np.cumsum([width for _, width in jobs for _ in range(draws)])
    found: dict[Key, list[WideRun]] = {job: [] for job in jobs}
    for index, (job, seed) in enumerate((job, seed) for job in jobs for seed in range(draws)):
        found[job].append(learn_wide(*job, seed, steps))
        report(float(cost[index] / cost[-1]))
    records = [_record(job, runs) for job, runs in found.items()]
    return Findings(records, (_table(records),), _seen(records), _dataset(found, chosen), _draw)


def _record(job: Key, runs: list[WideRun]) -> Record:
    activation, width = job
    final = np.array([each.cosine[-1] for each in runs])
    rise = final - np.array([each.cosine[0] for each in runs])
    low, high = RECORDED.get(job, (None, None))
    near = None
    if low is not None and high is not None:
        near = bool(final.min() <= high and final.max() >= low)
    return {
        "activation": activation,
        "width": width,
        "quantity": "final weight alignment",
        "unit": "dimensionless",
        "ours": float(final.mean()),
        "spread": float(final.std(ddof=1)),
        "smallest": float(final.min()),
        "largest": float(final.max()),
        "rise": float(rise.mean()),
        "recorded_smallest": low,
        "recorded_largest": high,
        "ranges_overlap": near,
        "recorded_in": None if low is None else "theory notes of this project",
        "smallest_eigenvalue": float(np.mean([each.smallest for each in runs])),
        "largest_residual_over_bound": float(max((each.residual / each.bound)[1:].max() for each in runs)),
        "draws_within_bound": sum(bool((each.residual <= each.bound * (1 + 1e-12)).all()) for each in runs),
        "draws": len(runs),
        "final_residual": float(np.mean([each.residual[-1] / each.residual[0] for each in runs])),
        "statement": "song2021.nonlinear-kernel-regime",
    }


def _table(records: list[Record]) -> Table:
    columns = ("psi", "n_1", "final cos", "recorded", "rise", "lambda_min(G)", "worst r/bound", "within", "r end/start")
    rows = []
    for record in records:
        low, high = record["recorded_smallest"], record["recorded_largest"]
        known = "" if low is None else f"{low:g}" if low == high else f"{low:g} to {high:g}"
        rows.append(
            (
                record["activation"],
                str(record["width"]),
                f"{record['ours']:.3f} ({record['spread']:.3f})",
                known,
                f"{record['rise']:.3f}",
                f"{record['smallest_eigenvalue']:.3f}",
                f"{record['largest_residual_over_bound']:.2g}",
                f"{record['draws_within_bound']} of {record['draws']}",
                f"{record['final_residual']:.0e}",
            )
        )
    title = "Wide networks: cos(W_2^T, B_2), mean (sd) of draws, and residuals beside their bound (dimensionless)"
    return Table(title, columns, tuple(rows))


def _seen(records: list[Record]) -> str:
    parts = []
    for activation in ACTIVATIONS:
        mine = [record for record in records if record["activation"] == activation and record["width"] >= 100]
        if len(mine) > 1 and min(record["rise"] for record in mine) > 0:
            slope = np.polyfit(np.log([r["width"] for r in mine]), np.log([r["rise"] for r in mine]), 1)[0]
            ends = f"{mine[0]['ours']:.3f} at n_1 = {mine[0]['width']} to {mine[-1]['ours']:.3f} at {mine[-1]['width']}"
            parts.append(f"{activation}: mean final cosine from {ends}, its rise like n_1^{slope:.2f}")
    wide = [record for record in records if record["width"] >= 100]
    narrow = [record for record in records if record["width"] < 100]
    if wide:
        held, total = sum(r["draws_within_bound"] for r in wide), sum(r["draws"] for r in wide)
        parts.append(f"the bound held at every step in {held} of {total} wide runs")
    if narrow:
        held, total = sum(r["draws_within_bound"] for r in narrow), sum(r["draws"] for r in narrow)
        parts.append(f"and in {held} of {total} with fewer than 100 neurons")
    return "; ".join(parts) + "."


def _dataset(found: Mapping[Key, list[WideRun]], widths: list[int]) -> xarray.Dataset:
    import xarray

    def table(read: Any) -> Any:
        return np.array([[[read(each) for each in found[name, width]] for width in widths] for name in ACTIVATIONS])

    any_run = next(iter(found.values()))[0]
    dims, one = ["activation", "width", "draw"], "dimensionless"
    data = {
        "residual": ([*dims, "step"], table(lambda each: each.residual), "|f - y| over all samples", "output"),
        "bound": ([*dims, "step"], table(lambda each: each.bound), "(1 - eta lambda_min(G_0)/4)^t |r_0|", "output"),
        "weight_alignment": ([*dims, "look"], table(lambda each: each.cosine), "cos(W_2^T, B_2)", one),
        "smallest_eigenvalue": (dims, table(lambda each: each.smallest), "lambda_min of G at the start", one),
        "smallest_with_first": (
            dims,
            table(lambda each: each.smallest_with_first),
            "lambda_min of G + H, both layers, at the start",
            one,
        ),
    }
    known = [[np.mean(RECORDED.get((name, width), np.nan)) for width in widths] for name in ACTIVATIONS]
    data["recorded_alignment"] = (["activation", "width"], known, "middle of the recorded cosines", one)
    coordinates = {
        "activation": list(ACTIVATIONS),
        "width": widths,
        "step": np.arange(len(any_run.residual)),
        "look": ("look", any_run.looks, {"description": "step of a look at the weights", "units": "steps"}),
    }
    return xarray.Dataset(
        {name: (at, values, {"description": text, "units": units}) for name, (at, values, text, units) in data.items()},
        coordinates,
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.nonlinear import plot_wide_networks

    return plot_wide_networks(data)


EXPERIMENT = Experiment(
    name="song2021-nonlinear",
    paper="Song, Xu, Lafferty 2021",
    claim=(
        "in over-parameterised two-layer networks with squared loss the error of feedback alignment goes to zero "
        "exponentially fast, and without regularisation the weights need not align with the feedback."
    ),
    form=(
        "song2021.nonlinear-kernel-regime, observed and not proved: f(x) = n_1^(-1/2) W_2 psi(W_1 x), all entries "
        f"standard normal, N = {SAMPLES} samples with |x| = 1, n_0 = {INPUTS}, eta = {STEP:g} in the sum loss: "
        "(1 - eta lambda_min(G_0)/4)^t bounds the residual at every step, with G_0 the kernel of the second layer, and "
        "cos(W_2^T, B_2) falls with width. Recorded cosines are from the theory notes; their targets were not written "
        "down, here they are standard normal."
    ),
    run=run,
)
