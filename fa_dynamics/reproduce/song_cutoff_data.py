"""What the experiment with regularization that ends is run with, and its tables and dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.reproduce.experiment import Record
from fa_dynamics.reproduce.song_laws import LateLaw, uniform_law
from fa_dynamics.reproduce.tables import Table
from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.systems.one_output_flow import OneOutputRun

if TYPE_CHECKING:
    import xarray

SAMPLES, INPUTS, CURVATURE = 50, 150, 150.0

TARGET = 7.6
"""|P_*|, the size at which the width-uniform law has its recorded values .599 and .837 (a teacher w ~ N(0, I) has about
sqrt(N) = 7.1)."""

RHO = 12.5
"""lambda = 0.5 of the authors' code."""

EARLY = 1e-3
"""Time over sqrt(n_1) of a cut that comes too early."""


def cut_table(records: Sequence[Record]) -> Table:
    """Alignment and residual of every schedule."""
    lines = tuple(
        (
            r["schedule"],
            f"{r['cosine_at_cut']:.4f}",
            f"{r['cosine_at_end']:.4f}",
            "" if r["recorded_cosine"] is None else f"{r['recorded_cosine']:.4f}",
            f"{r['residual_at_cut']:.3g}",
            f"{r['residual_at_end']:.3g}",
        )
        for r in records
    )
    title = f"Decay {RHO:g} of the second layer at width {records[0]['width']}, and the time T at which it ends"
    columns = ("decay", "cos at T", "cos at 2T", "recorded", "|r| at T", "|r| at 2T")
    return Table(title, columns, lines)


def law_table(records: Sequence[Record]) -> Table:
    """Checks of the width-uniform law."""
    lines = tuple(
        (
            r["quantity"],
            str(r["width"]),
            f"{r['time']:.3g}",
            f"{r['ours']:.3f}",
            f"{r['law']:.3f}",
            f"{r['recorded']:.3f}",
            f"{r['recorded_law']:.3f}",
            "yes" if r["agrees"] else "NO",
        )
        for r in records
    )
    columns = ("quantity", "width", "t", "ours", "law", "recorded", "its law", "agrees")
    return Table("Constant decay against the width-uniform law (recorded: another draw)", columns, lines)


def late_table(records: Sequence[Record]) -> Table:
    """Checks of the late laws."""
    lines = tuple(
        (
            r["quantity"],
            f"{r['time']:g}",
            f"{r['ours']:.4g}",
            f"{r['law']:.4g}",
            f"{r['ours_over_law']:.4f}",
            f"{r['recorded']:.4g}",
            f"{r['recorded_over_law']:.4f}",
            "yes" if r["agrees"] else "NO",
        )
        for r in records
    )
    columns = ("quantity", "t", "ours", "law", "ours / law", "recorded", "recorded / law", "agrees")
    return Table("Late laws of constant decay at width 30 (recorded: another draw)", columns, lines)


def dataset(
    problem: OneOutputProblem,
    runs: Mapping[str, OneOutputRun],
    family: Mapping[int, OneOutputRun],
    late: LateLaw,
    width: int,
    cut: float,
) -> xarray.Dataset:
    """Variables over (schedule, time), (family_width, natural_time) and (quantity, late_time)."""
    import xarray

    def named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
        return dimensions.split(), values, {"description": description, "units": units}

    none, unit, shape = "dimensionless", "1 / eigenvalue of X X^T", "family_width natural_time"
    scaled = np.linspace(0, 0.05, 101)[1:]
    members = [
        [found.cosine[int(np.argmin(np.abs(found.t - moment * np.sqrt(n))))] for moment in scaled]
        for n, found in family.items()
    ]
    law = uniform_law(problem, RHO, 1.0, scaled).cosine
    seen, predicted = list(late.seen.values()), list(late.law.values())
    return xarray.Dataset(
        {
            "cosine": named("schedule time", [each.cosine for each in runs.values()], "cos(W_2^T, B_2)", none),
            "residual": named("schedule time", [each.residual for each in runs.values()], "|P X - Y|", "output"),
            "family_cosine": named(shape, members, "cos(W_2^T, B_2) under constant decay", none),
            "law_cosine": named("natural_time", law, "width-uniform law of cos, for |B_2| = n_1^(-1/2)", none),
            "late_seen": named("quantity late_time", seen, "as seen at width 30", "mixed"),
            "late_law": named("quantity late_time", predicted, "its asymptotic law", "mixed"),
        },
        {
            "schedule": list(runs),
            "time": named("time", next(iter(runs.values())).t, "time of training", unit),
            "family_width": named("family_width", list(family), "hidden units n_1", none),
            "natural_time": named("natural_time", scaled, "t / sqrt(n_1)", unit),
            "quantity": list(late.seen),
            "late_time": named("late_time", late.t, "time of training at width 30", unit),
        },
        attrs={"width": width, "cut": cut, "early": EARLY, "rho": RHO, "curvature": CURVATURE},
    )
