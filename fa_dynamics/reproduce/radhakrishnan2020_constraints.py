"""radhakrishnan2020-constraints: which layer constraints let alignment survive gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.measures.invariance import row_max_chance
from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.radhakrishnan_cases import PIXELS, Case, cases, sample_case, train
from fa_dynamics.reproduce.radhakrishnan_projection import Step, steps
from fa_dynamics.reproduce.radhakrishnan_reach import (
    CHAIN,
    LAYERS,
    SIZE,
    Fit,
    isometric_chain,
    samples_that_fit,
    unaligned_fit,
)
from fa_dynamics.reproduce.radhakrishnan_records import KEPT, disagreements, mark, ranged, record, verdict
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from fa_dynamics.systems.constrained_run import ConstrainedRun

IMPOSSIBLE = "radhakrishnan2020.constrained-impossible"
PROJECTED = "radhakrishnan2020.projected-gd"

ROW_MAX = ".68"
"""Recorded row-max measure of symmetric zero-padded kernels after training one sample to itself."""

TOEPLITZ_DEFECT = ".2"
"""Recorded commutator defect of four Toeplitz layers that fit a 5x5 map exactly."""

KERNEL_NORMS = "4 6 4 6 9 6 4 6 4"
"""Recorded n_j of a zero-padded 3x3 kernel on 3x3 images."""


def run(
    report: Report,
    *,
    time: Annotated[float, Allowed("a number from 1 to 1000", lambda value: 1 <= value <= 1000)] = 20.0,
    draws: Annotated[int, Allowed("a whole number from 1 to 100", lambda value: 1 <= value <= 100)] = 8,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Train aligned starts in several layer spaces, compare steps with projections, and fit chains of Toeplitz layers.

    Parameters
    ----------
    report
        Is told the fraction done.
    time
        Steps times step size, in 1 / curvature.
    draws
        Draws of the two problems whose recorded draw is not known.
    seed
        Of data and starts.
    """
    chosen = cases(seed)
    parts = len(chosen) + 2 * draws + 1
    runs = []
    for done, case in enumerate(chosen):
        runs.append(train(case, time, lambda part, done=done: report((done + part) / parts)))  # type: ignore[misc]
    row_max, fits = [], []
    for draw in range(draws):
        row_max.append(float(train(sample_case(seed + draw), time, lambda part: None).row_max_alignment.min()))
        fits.append(unaligned_fit(seed + draw))
        report((len(chosen) + 2 * (draw + 1)) / parts)
    compared, chain = steps(seed), isometric_chain(seed)
    report(1.0)
    records = [
        *_case_records(chosen, runs),
        ranged("C1", IMPOSSIBLE, "smallest row-max alignment in training", row_max, ROW_MAX),
        *_step_records(compared),
        *_fit_records(fits, chain),
    ]
    tables = (_case_table(chosen, runs), _step_table(compared), _fit_table(fits, chain))
    seen = _seen(chosen, runs, compared, fits, chain, records)
    return Findings(records, tables, seen, _dataset(chosen, runs), _draw)


def _case_records(chosen: Sequence[Case], runs: Sequence[ConstrainedRun]) -> list[Record]:
    records = []
    for case, trained in zip(chosen, runs, strict=True):
        defect = float(trained.network_alignment_defect.max())
        records += [
            record(case.name, case.statement, "alignment", verdict(defect), case.expected),
            record(case.name, case.statement, "largest alignment defect", defect),
            record(case.name, case.statement, "largest commutator defect", float(trained.commutator_defect.max())),
            record(case.name, case.statement, "smallest row-max alignment", float(trained.row_max_alignment.min())),
            record(case.name, case.statement, "last loss", float(trained.loss[-1]), unit="output squared"),
        ]
    return records


def _step_records(compared: Sequence[Step]) -> list[Record]:
    records = []
    for step in compared:
        norms = " ".join(f"{n:g}" for n in step.norms)
        zero = step.name.startswith("zero")
        records += [
            record(step.name, PROJECTED, "n_j", norms, KERNEL_NORMS if zero else None),
            record(step.name, PROJECTED, "orthonormal step against projected step", step.orthonormal),
            record(step.name, PROJECTED, "raw step against projected step", step.raw),
            record(step.name, PROJECTED, "raw step against preconditioned projection", step.preconditioned),
            record(
                step.name,
                PROJECTED,
                "raw step is a projected step",
                "yes" if step.raw < KEPT else "no",
                "no" if zero else None if step.name == "Toeplitz" else "yes",
            ),
        ]
    return records


def _fit_records(fits: Sequence[Fit], chain: Fit) -> list[Record]:
    four, many = f"{LAYERS} Toeplitz layers", f"{CHAIN} Toeplitz layers"
    return [
        record(four, IMPOSSIBLE, "largest loss of exact fits", max(fit.loss for fit in fits), unit="output squared"),
        ranged(four, IMPOSSIBLE, "commutator defect of an exact fit", [fit.defect for fit in fits], TOEPLITZ_DEFECT),
        record(many, IMPOSSIBLE, "loss", chain.loss, unit="output squared"),
        record(many, IMPOSSIBLE, "alignment", verdict(chain.network), "kept"),
        record(many, IMPOSSIBLE, "alignment defect of the network", chain.network),
        record(many, IMPOSSIBLE, "distance from the Toeplitz matrices", chain.outside),
        record("5x5 Toeplitz", IMPOSSIBLE, "largest N of an aligned fit", samples_that_fit(2 * SIZE - 1, SIZE)),
        record("3x3 kernel, 3x3 image", IMPOSSIBLE, "largest N of an aligned fit", samples_that_fit(9, PIXELS)),
    ]


def _case_table(chosen: Sequence[Case], runs: Sequence[ConstrainedRun]) -> Table:
    lines = []
    for case, trained in zip(chosen, runs, strict=True):
        defect = float(trained.network_alignment_defect.max())
        lines.append(
            (
                case.name,
                case.title,
                verdict(defect),
                case.expected,
                f"{defect:.1e}",
                f"{trained.commutator_defect.max():.1e}",
                f"{trained.row_max_alignment.min():.2f}",
                f"{trained.row_max_chance[0]:.2f}",
                f"{trained.loss[-1]:.2g}",
            )
        )
    columns = ("case", "layers and data", "alignment", "expected", "defect", "commutator", "row-max", "chance", "loss")
    return Table("Aligned starts in training: worst defects (dimensionless), last loss", columns, tuple(lines), 4)


def _step_table(compared: Sequence[Step]) -> Table:
    lines = tuple(
        (
            step.name,
            f"{step.norms.min():g} to {step.norms.max():g}",
            f"{step.orthonormal:.1e}",
            f"{step.raw:.1e}",
            f"{step.preconditioned:.1e}",
        )
        for step in compared
    )
    title = "One step against Proj(W + eta V), relative to the displacement"
    return Table(title, ("layers", "n_j", "orthonormal", "raw, rescaled", "raw, weights n_j"), lines, 1)


def _fit_table(fits: Sequence[Fit], chain: Fit) -> Table:
    losses, defects = [fit.loss for fit in fits], [fit.defect for fit in fits]
    found = ranged("", IMPOSSIBLE, "", defects, TOEPLITZ_DEFECT)
    four = (
        f"{LAYERS} layers, {len(fits)} draws",
        f"{max(losses):.0e}",
        f"{min(defects):.2f} to {max(defects):.2f}",
        TOEPLITZ_DEFECT,
        mark(found),
    )
    many = (f"{CHAIN} layers, all but one isometric", f"{chain.loss:.0e}", f"{chain.defect:.0e}", "0", "yes")
    columns = ("Toeplitz 5x5", "loss", "commutator defect", "recorded", "agrees")
    return Table("Exact fits of a generic 5x5 map (output squared)", columns, (four, many))


def _seen(
    chosen: Sequence[Case],
    runs: Sequence[ConstrainedRun],
    compared: Sequence[Step],
    fits: Sequence[Fit],
    chain: Fit,
    records: Sequence[Record],
) -> str:
    groups: dict[str, list[str]] = {}
    for case, trained in zip(chosen, runs, strict=True):
        groups.setdefault(verdict(float(trained.network_alignment_defect.max())), []).append(case.name)
    outcome = "; ".join(f"{word} in {', '.join(names)}" for word, names in sorted(groups.items()))
    zero = next(step for step in compared if step.name.startswith("zero"))
    largest = max(step.orthonormal for step in compared)
    return (
        f"alignment is {outcome}. Steps in the orthonormal metric are projected steps to {largest:.0e}; gradient "
        f"descent on raw zero-padded kernels is off by {100 * zero.raw:.0f} % of the displacement at the best common "
        f"step size. {LAYERS} Toeplitz layers fit a generic map to a loss of {max(fit.loss for fit in fits):.0e}, "
        f"unaligned (commutator defect {min(fit.defect for fit in fits):.2f} or more), and {CHAIN}, all but one "
        f"isometric, fit it aligned (alignment defect {chain.network:.0e}). {disagreements(records)}."
    )


def _dataset(chosen: Sequence[Case], runs: Sequence[ConstrainedRun]) -> xarray.Dataset:
    import xarray

    def named(dimensions: str, values: Any, description: str, units: str = "dimensionless") -> tuple[Any, ...]:
        return dimensions.split(), np.asarray(values), {"description": description, "units": units}

    node_defects = [trained.commutator_defect for trained in runs]
    row_max = [trained.row_max_alignment for trained in runs]
    data = {
        "loss": named("case time", [r.loss for r in runs], "1/2 E|y - P x|^2", "output squared"),
        "network_alignment_defect": named(
            "case time", [r.network_alignment_defect for r in runs], "zero iff the whole network is aligned"
        ),
        "commutator_defect": named("case time node", node_defects, "of W_l and W_{l+1}, zero if they are aligned"),
        "row_max_alignment": named("case time node", row_max, "mean over v_j of W_{l+1} of max_k |v_j^T u_k|"),
        "verdict": named("case", [verdict(r.network_alignment_defect.max()) for r in runs], "what became of alignment"),
        "step_size": named("case", [r.solver["step_size"] for r in runs], "of projected descent", "1 / curvature"),
    }
    coordinates = {
        "case": [case.name for case in chosen],
        "title": named("case", [case.title for case in chosen], "layers and data"),
        "expected": named("case", [case.expected for case in chosen], "expected verdict"),
        "node": np.arange(1, runs[0].depth),
        "time": named("time", runs[0].t, "number of steps times step size", "1 / curvature"),
    }
    return xarray.Dataset(data, coordinates, attrs={"row_max_chance": row_max_chance(PIXELS)})


def _draw(data: xarray.Dataset) -> Figure:
    from fa_dynamics.plots.constraints import plot_constraints

    return plot_constraints(data)


EXPERIMENT = Experiment(
    name="radhakrishnan2020-constraints",
    paper="Radhakrishnan, Nichani, Bernstein, Uhler 2020",
    claim=(
        "the abstract announces that with layers under linear constraints, such as convolutions, gradient descent is "
        "projected gradient descent, and that alignment is then impossible for large data sets."
    ),
    form=(
        "our own form, derived for this project and not the paper's: descent on coefficients is the projected step in "
        "an orthonormal basis and a preconditioned one otherwise (radhakrishnan2020.projected-gd); aligned starts "
        "lose alignment on generic data unless the layers are circulant, isometric, or the data are X = Y = I, and "
        "N > 1 + 2 (d - 1) / m excludes aligned fits whose first and last layers have distinct singular values "
        "(radhakrishnan2020.constrained-impossible, radhakrishnan2020.data-criterion). What is called recorded are "
        "this project's theory notes; where their draw is unknown, agreement means lying in the range of our draws."
    ),
    run=run,
)
