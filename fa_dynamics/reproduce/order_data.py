"""Runs, learning times and effective ranks of girotti2021-order as one labelled dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.reproduce.order_runs import Learned, chain

if TYPE_CHECKING:
    import xarray

TIME, WEIGHT, NONE = "1 / curvature", "output per input", "dimensionless"


def dataset(found: Sequence[Learned], level: float) -> xarray.Dataset:
    """Variables over (run, sample, mode); every run has sample times of its own."""
    import xarray

    task = found[0].run.task
    exact = [
        chain(each.case, task, each.run.t).strength if each.case.exact else np.full_like(each.run.mode_strength, np.nan)
        for each in found
    ]
    band = f"time after which |p - s| <= {1 - level:g} |s| for good"
    data = {
        "t": _named("run sample", [each.run.t for each in found], "time of training", TIME),
        "mode_strength": _named("run sample mode", [each.run.mode_strength for each in found], "u_k^T P v_k", WEIGHT),
        "exact_strength": _named("run sample mode", exact, "p_k of the scalar chain; nan where there is none", WEIGHT),
        "effective_rank": _named("run sample", [each.rank for each in found], "of the end-to-end map P", NONE),
        "progress": _named("run sample", [each.progress for each in found], "|P| / |P_*|", NONE),
        "half_rank": _named("run", [each.half_rank for each in found], "effective rank when |P| = |P_*| / 2", NONE),
        "learning_time": _named("run mode", [each.times for each in found], band + "; inf if not in the run", TIME),
        "exact_learning_time": _named("run mode", [each.exact_times for each in found], band + ", scalar chain", TIME),
        "verdict": _named("run", [str(each.order.verdict) for each in found], "order of learning", NONE),
        "rank_correlation": _named("run", [_float(each.order.rank_correlation) for each in found], "Kendall's", NONE),
        "target": _named("mode", task.modes.target, "s_k", WEIGHT),
    }
    coordinates = {
        "case": _named("run", [each.case.name for each in found], "start and feedback", NONE),
        "title": _named("run", [each.case.title for each in found], "in words", NONE),
        "width": _named("run", [each.width for each in found], "hidden units", NONE),
        "draw": _named("run", [each.draw for each in found], "of random feedback", NONE),
        "mode": np.arange(1, len(task.modes.target) + 1),
    }
    final = float(found[0].final_rank)
    return xarray.Dataset(data, coordinates, attrs={"level": level, "task": task.name, "final_rank": final})


def _named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
    return dimensions.split(), np.asarray(values), {"description": description, "units": units}


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
