"""girotti2021-discrete: how large a step feedback alignment stands, and what finite steps do to its first integrals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.modes.step_diagram import StepDiagram, step_diagram
from fa_dynamics.modes.step_sizes import StepSizes, step_sizes
from fa_dynamics.progress import Report
from fa_dynamics.reproduce.discrete_matrix import BATCH, Drift, matrix_drifts, scalar_drift
from fa_dynamics.reproduce.discrete_scalar import ZeroStart, converging_starts, zero_start
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.recorded import compare
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

THRESHOLDS = (("guaranteed", ".1575"), ("monotone", ".3805"), ("convergent", ".6461"), ("linear", ".840"))
"""Recorded step sizes h of the normal form from zero."""

CORRELATIONS = (4.0, 1.0, 0.25)
"""Modes at which the step sizes are found; in units of the normal form they must agree."""

SHARES = ((0.3, ".64"), (0.5, ".32"))
"""Step sizes h, and recorded shares of starts on [-3, 3]^2 that converge."""

POINTS = 240
"""Per side of the grid of starts, in the middles of cells: the share of the area. The notes do not say which grid they
used, so what is compared is the area, and not a grid picked because it agrees."""

EDGED = (41, 61, 121, 241)
"""Points per side of grids with points on the edges, whose shares stand beside that of the area."""

LEVELS = (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-8)
"""delta of the step counts. The notes do not say for which their ratio was observed; the largest of all is compared."""

RATIO = ".58"

STEPS = (0.04, 0.02, 0.01, 0.005)
"""Step sizes of matrix runs, 1 / curvature."""

MOMENTUM = 0.8

ROUND_OFF = 1e-12
"""A part of a drift below this is called round-off."""


def run(
    report: Report,
    *,
    points: Annotated[int, Allowed("a whole number from 11 to 501", lambda value: 11 <= value <= 501)] = POINTS,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Find the step sizes from zero, the starts that converge, the step counts, and the drifts of matrix runs.

    Parameters
    ----------
    report
        Is told the fraction done.
    points
        Starts per side of the grid whose share is compared.
    seed
        Of data, start, feedback and minibatches of the matrix runs.
    """
    sizes = step_sizes(CORRELATIONS)
    report(0.15)
    axis, converges = converging_starts([h for h, _ in SHARES], points)
    edged = {count: converging_starts([h for h, _ in SHARES], count, edges=True)[1] for count in EDGED}
    report(0.25)
    counts = zero_start(LEVELS)
    report(0.35)
    diagram = step_diagram(x="theta_1", step_range=(0.005, 1.0), points=200, progress=False)
    report(0.5)
    drifts: list[Drift] = []
    for found in matrix_drifts(STEPS, BATCH, seed):
        drifts.append(found)
        report(0.5 + 0.02 * len(drifts))
    heavy = list(matrix_drifts(STEPS[-2:-1], BATCH, seed, MOMENTUM))
    single = [scalar_drift(0.02, depth) for depth in (2, 3)]
    report(1.0)
    records = [
        *_threshold_records(sizes),
        *_share_records(converges, points, edged),
        *_count_records(counts),
        *_drift_records(drifts, heavy, single),
    ]
    tables = (_compared(records), _drift_table([*drifts, *single], heavy))
    data = _dataset(diagram, sizes, axis, converges, counts, drifts)
    return Findings(records, tables, _seen(records, drifts, heavy, counts), data, _draw)


def _record(statement: str, quantity: str, ours: float, recorded: str | None, unit: str = "none") -> Record:
    source = None if recorded is None else "theory notes of this project"
    about = {"quantity": quantity, "unit": unit}
    return about | compare(ours, recorded) | {"recorded_in": source, "statement": statement}


def _threshold_records(sizes: StepSizes) -> list[Record]:
    zero = "girotti2021.discrete-zero-start"
    found = [_record(zero, f"{name} step h from zero", float(sizes.normal[name][0]), text) for name, text in THRESHOLDS]
    spread = max(float(np.ptp(values)) for values in sizes.normal.values())
    return [*found, _record(zero, "largest difference of h between modes", spread, None)]


def _share_records(converges: Any, points: int, edged: Mapping[int, Any]) -> list[Record]:
    rates = "girotti2021.discrete-rates"
    found = []
    for index, (h, text) in enumerate(SHARES):
        found.append(_record(rates, _share_name(h), float(converges[index].mean()), text))
        found += [
            _record(rates, f"  the same, {count} x {count} with edges", float(own[index].mean()), None)
            for count, own in edged.items()
        ]
    return found


def _share_name(h: float) -> str:
    return f"share of starts in [-3, 3]^2 that converge at h = {h:g}"


def _count_records(counts: ZeroStart) -> list[Record]:
    zero = "girotti2021.discrete-zero-start"
    return [
        _record(zero, "largest step count / bound", float(counts.ratio.max()), RATIO),
        *(
            _record(zero, f"  the same at delta = {delta:g}", float(ratio), None)
            for delta, ratio in zip(LEVELS, counts.ratio, strict=True)
        ),
        _record(zero, "smallest factor e+ / e (bound .55)", counts.smallest_factor, None),
        _record(zero, "largest factor e+ / e (bound 1)", counts.largest_factor, None),
        _record(zero, "largest x / r (bound 1.045)", counts.overshoot, None),
    ]


def _drift_records(drifts: Sequence[Drift], heavy: Sequence[Drift], single: Sequence[Drift]) -> list[Record]:
    law, identity = "robertson2024.discrete-drift", "girotti2021.discrete-identities"
    found = []
    for rule, own in _by_rule(drifts).items():
        found.append(_record(law, f"{rule}: drift at step {own[-1].step_size:g}", own[-1].total, None))
        found.append(_record(law, f"{rule}: drift at twice that step / drift", own[-2].total / own[-1].total, None))
        found.append(_record(law, f"{rule}: largest unexplained drift", max(d.unexplained for d in own), None))
    found += [
        _record(law, f"{d.rule}: unexplained drift with momentum {MOMENTUM:g}", d.unexplained, None) for d in heavy
    ]
    found += [_record(identity, f"{d.rule}: unexplained drift of k", d.unexplained, None) for d in single]
    return found


def _by_rule(drifts: Sequence[Drift]) -> dict[str, list[Drift]]:
    return {rule: [d for d in drifts if d.rule == rule] for rule in dict.fromkeys(d.rule for d in drifts)}


def _compared(records: Sequence[Record]) -> Table:
    lines = [
        (
            record["quantity"],
            f"{record['ours']:.4g}",
            "" if record["recorded"] is None else f"{record['recorded']:g}",
            "" if record["agrees"] is None else "yes" if record["agrees"] else "NO",
        )
        for record in records
        if record["statement"] != "robertson2024.discrete-drift"
    ]
    title = "One mode, two layers; h = eta lambda^(1/3) (b sigma)^(2/3) is dimensionless"
    return Table(title, ("quantity", "ours", "recorded", "agrees"), tuple(lines))


def _drift_table(drifts: Sequence[Drift], heavy: Sequence[Drift]) -> Table:
    lines = [
        (d.rule + words, f"{d.step_size:g}", f"{d.total:.3e}", _share(d.unexplained))
        for words, group in (("", drifts), (f", momentum {MOMENTUM:g}", heavy))
        for d in group
    ]
    title = f"Largest drift of a first integral, over max(1, |Q(0)|); matrix runs with minibatches of {BATCH} samples"
    return Table(title, ("rule", "step size (1 / curvature)", "drift", "unexplained"), tuple(lines))


def _share(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "not accounted for"


def _seen(records: Sequence[Record], drifts: Sequence[Drift], heavy: Sequence[Drift], counts: ZeroStart) -> str:
    ours = {record["quantity"]: record["ours"] for record in records}
    h = ", ".join(f"{name} {ours[f'{name} step h from zero']:.4f}" for name, _ in THRESHOLDS)
    shares = " and ".join(f"{ours[_share_name(step)]:.1%} at h = {step:g}" for step, _ in SHARES)
    on_edges = [record["ours"] for record in records if "with edges" in record["quantity"]]
    halves = np.array(on_edges).reshape(len(SHARES), len(EDGED))
    edges = " and ".join(f"{own.min():.1%} to {own.max():.1%}" for own in halves)
    rests = [d.unexplained for d in (*drifts, *heavy) if np.isfinite(d.unexplained)]
    verdict = "round-off" if max(rests) < ROUND_OFF else "MORE THAN ROUND-OFF"
    ratios = [own[-2].total / own[-1].total for own in _by_rule(drifts).values()]
    compared = [record for record in records if record["agrees"] is not None]
    apart = [record for record in compared if not record["agrees"]]
    named = "; ".join(f"{r['quantity']}: {r['ours']:.4g}, not {r['recorded']:g}" for r in apart)
    return (
        f"from zero the steps are {h}; of the square of starts {shares} converge (the recorded shares do not name "
        f"their grid; grids with points on the edges give {edges}); step counts reach {counts.ratio.max():.3f} of the "
        f"bound, more the smaller delta is. Halving the step divides the drift of matrix runs by {min(ratios):.2f} to "
        f"{max(ratios):.2f}, and at most {max(rests):.1e} of it is not what their steps add up to: {verdict}. Of "
        f"{len(compared)} recorded entries {len(compared) - len(apart)} agree to all their figures"
        f"{f' ({named})' if apart else ''}."
    )


def _dataset(
    diagram: StepDiagram, sizes: StepSizes, axis: Any, converges: Any, counts: ZeroStart, drifts: Sequence[Drift]
) -> xarray.Dataset:
    none, time = {"units": "1"}, {"units": "1 / curvature"}
    rules = _by_rule(drifts)
    table = np.array([[(d.total, d.unexplained) for d in own] for own in rules.values()])
    data = {
        "converges": (
            ["step_fraction", "w", "u"],
            converges.astype(np.int8),
            none | {"long_name": "whether steps h of the normal form converge from (u, w)"},
        ),
        "h": (
            ["threshold", "mode"],
            np.array([sizes.normal[name] for name, _ in THRESHOLDS]),
            none | {"long_name": "step sizes from zero in units of the normal form"},
        ),
        "recorded_h": (["threshold"], [float(text) for _, text in THRESHOLDS], none),
        "correlation": (["mode"], sizes.correlation, {"units": "output x input"}),
        "count_ratio": (["delta"], counts.ratio, none | {"long_name": "largest step count over its bound"}),
        "drift": (
            ["rule", "matrix_step"],
            table[..., 0],
            none | {"long_name": "largest |Q(T) - Q(0)| / max(1, |Q(0)|) of a matrix run with minibatches"},
        ),
        "unexplained_drift": (
            ["rule", "matrix_step"],
            table[..., 1],
            none | {"long_name": "the same, less what the steps add up to"},
        ),
    }
    coordinates = {
        "step_fraction": (["step_fraction"], [h for h, _ in SHARES], none | {"long_name": "step h"}),
        "u": (["u"], axis, none | {"long_name": "theta_1(0) / rho"}),
        "w": (["w"], axis, none | {"long_name": "b theta_2(0) / rho^2"}),
        "threshold": [name for name, _ in THRESHOLDS],
        "delta": (["delta"], list(LEVELS), none | {"long_name": "error over correlation"}),
        "rule": list(rules),
        "matrix_step": (["matrix_step"], list(STEPS), time | {"long_name": "step size of matrix runs"}),
    }
    return diagram.to_dataset().assign_coords(coordinates).assign(data)


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.step_sizes import plot_discrete

    return plot_discrete(data)


EXPERIMENT = Experiment(
    name="girotti2021-discrete",
    paper="Girotti, Mitliagkas, Gidel 2021",
    claim=(
        "the abstract announces convergence of feedback alignment with rates for deep linear networks, in continuous "
        "and in discrete time."
    ),
    form=(
        "our own form, derived for this project and not the paper's: Euler steps of one scalar mode with two layers, "
        "in units of the normal form (girotti2021.discrete-zero-start, girotti2021.discrete-rates), the exact change "
        "of the conserved k_l and Q_l in a step (girotti2021.discrete-identities, robertson2024.discrete-drift), and "
        "matrix runs with minibatches and momentum; what is called recorded are this project's theory notes, not "
        "numbers of the paper."
    ),
    run=run,
)
