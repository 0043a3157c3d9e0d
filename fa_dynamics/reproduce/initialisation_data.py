"""The starts, their learning times and their test errors as one labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.reproduce.early_stopping import Stopping
from fa_dynamics.reproduce.initialisations import SPECTRUM, Learned

if TYPE_CHECKING:
    import xarray

TIME, ERROR, NONE = "1 / curvature", "output squared", "dimensionless"


def dataset(
    learned: Sequence[Learned],
    stopped: Mapping[str, Stopping],
    recorded_errors: Sequence[str | None],
    true: Sequence[float],
) -> xarray.Dataset:
    """Variables over (row, layer, mode) and (stopped_row, time); nan where a row lacks a layer, a mode or a record."""
    import xarray

    level = learned[0].level
    recorded = [each.over_spectrum(each.row.times if each.recorded else [None] * len(each.times)) for each in learned]
    stops = list(stopped.values())
    band = f"time after which |p - s| <= {1 - level:g} |s| for good; nan where the row has no such mode"
    data = {
        "learning_time": _named("row mode", _floats([each.over_spectrum(each.times) for each in learned]), band, TIME),
        "recorded_learning_time": _named("row mode", _floats(recorded), "as recorded; nan if not recorded", TIME),
        "start": _named("row layer mode", _starts(learned), "theta_l(0); nan where the row has no such", NONE),
        "depth": _named("row", [len(each.row.start) for each in learned], "number of layers", NONE),
        "verdict": _named("row", [str(each.order.verdict) for each in learned], "order of learning", NONE),
        "rank_correlation": _named(
            "row", _floats([each.order.rank_correlation for each in learned]), "Kendall's, target and time", NONE
        ),
        "recorded_verdict": _named(
            "row", [each.row.verdict if each.recorded else "" for each in learned], "as recorded; empty if not", NONE
        ),
        "true_target": _named("mode", list(true), "s_k, of which the correlation is a noisy copy", "output per input"),
        "test_error": _named(
            "stopped_row time", [each.error for each in stops], "1/2 sum_k (p_k - s_k^true)^2 in training", ERROR
        ),
        "best_test_error": _named("stopped_row", [each.best_error for each in stops], "smallest test error", ERROR),
        "best_time": _named("stopped_row", [each.best_time for each in stops], "its time; inf if at the end", TIME),
        "trained_test_error": _named("stopped_row", [each.trained for each in stops], "test error at the end", ERROR),
        "recorded_best_test_error": _named(
            "stopped_row", _floats(list(recorded_errors)), "as recorded; nan if not recorded", ERROR
        ),
    }
    coordinates = {
        "row": [each.row.name for each in learned],
        "title": _named("row", [each.row.title for each in learned], "start (theta_1, ..., theta_L)", NONE),
        "mode": np.arange(1, len(SPECTRUM) + 1),
        "correlation": _named("mode", list(SPECTRUM), "sigma_k; curvature and feedback are 1", "output times input"),
        "layer": np.arange(1, max(len(each.row.start) for each in learned) + 1),
        "stopped_row": list(stopped),
        "time": _named("time", stops[0].t, "time of training", TIME),
    }
    return xarray.Dataset(data, coordinates, attrs={"level": level})


def _named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
    return dimensions.split(), values, {"description": description, "units": units}


def _floats(values: Any) -> NDArray[np.float64]:
    """Numbers, and text of numbers, as an array; None as nan."""
    return np.array(values, dtype=object).astype(float)


def _starts(learned: Sequence[Learned]) -> NDArray[np.float64]:
    starts = np.full((len(learned), max(len(each.row.start) for each in learned), len(SPECTRUM)), np.nan)
    for place, each in enumerate(learned):
        starts[place, : len(each.row.start)] = _floats([each.over_spectrum(theta) for theta in each.row.table])
    return starts
