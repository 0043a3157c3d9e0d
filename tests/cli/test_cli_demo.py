"""The demo: files, JSON, and the physics that it shows."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import xarray
from PIL import Image

PANELS = ["bp", "fa-zero", "fa-opposed"]


def timeless(found):
    plain = copy.deepcopy(found)
    for panel in plain["panels"].values():
        assert panel["solver"].pop("seconds") > 0
    return plain


@pytest.fixture(scope="session")
def found(demo_run):
    outcome, _ = demo_run
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.json


@pytest.fixture(scope="session")
def curves(found, demo_run):
    with xarray.open_dataset(demo_run[1] / "modes.nc", engine="h5netcdf") as data:
        return data.load()


def test_files_are_written_and_agree_with_standard_output(found, demo_run):
    _, folder = demo_run
    assert sorted(path.name for path in folder.iterdir()) == ["modes.nc", "modes.png", "summary.json"]
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == found
    with Image.open(folder / "modes.png") as figure:
        assert figure.width > 1000
        assert np.count_nonzero(np.bincount(np.asarray(figure.convert("L")).ravel())) > 50


def test_three_panels_completed_with_their_provenance(found):
    assert list(found["panels"]) == PANELS
    for panel in found["panels"].values():
        assert panel["status"] == "completed"
        assert {"start", "feedback", "seed", "solver", "rule"} <= set(panel)
    assert {"numpy", "scipy", "sympy", "fa_dynamics", "python"} <= set(found["versions"])


def test_verdicts(found):
    verdicts = [found["panels"][name]["order"]["0.99"]["verdict"] for name in PANELS]
    assert verdicts == ["principal-first", "principal-first", "negligible-first"]
    assert [found["panels"][name]["order"]["0.99"]["rank_correlation"] for name in PANELS] == [-1.0, -1.0, 1.0]


@pytest.mark.parametrize("name", PANELS)
def test_conserved_matrix_and_theory(found, name):
    panel = found["panels"][name]
    assert panel["invariant_drift"], "every panel has a first integral"
    assert max(panel["invariant_drift"].values()) < 1e-8
    assert panel["distance_to_theory"] < 1e-5


def test_learning_times_of_feedback_alignment_from_zero_scale_as_sigma_to_minus_two_thirds(found):
    for level in ("0.5", "0.99"):
        times = np.array(found["panels"]["fa-zero"]["learning_time"][level])
        slope, _ = np.polyfit(np.log(found["target"]), np.log(times), 1)
        assert slope == pytest.approx(-2 / 3, abs=1e-3)


def test_slow_passage_of_the_opposed_start(found, curves):
    strength = curves["mode_strength"].sel(panel="fa-opposed")
    assert float(strength.sel(mode=1).min()) < -0.3
    assert float(strength.sel(mode=2).min()) > -1e-3
    ordered = curves["learning_time"].sel(panel="fa-opposed", level=0.99).values[: found["ordered_modes"]]
    assert np.isfinite(ordered).all()
    assert ordered.argmax() == 0


def test_data_file_holds_what_the_summary_says(found, curves):
    assert list(curves["panel"].values) == PANELS
    modes = found["modes"]
    np.testing.assert_array_equal(curves["target"].sel(mode=modes), found["target"])
    distance = abs(curves["mode_strength"] - curves["predicted_strength"]).max(["sample", "mode"])
    for name in PANELS:
        assert float(distance.sel(panel=name)) == found["panels"][name]["distance_to_theory"]
        for level, times in found["panels"][name]["learning_time"].items():
            kept = curves["learning_time"].sel(panel=name, level=float(level), mode=modes)
            np.testing.assert_array_equal(kept, times)
    assert not any(np.isnan(variable).any() for variable in curves.data_vars.values())
    for name in PANELS:
        assert "dW_1/dt" in curves.attrs[f"equations_{name}"]


def test_another_run_prints_a_table_and_gives_the_same_numbers(call, found, tmp_path):
    outcome = call("demo", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("principal-first", "negligible-first", "drift of the conserved matrix", str(tmp_path)):
        assert word in outcome.out
    again = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert timeless(again) == timeless(found)
