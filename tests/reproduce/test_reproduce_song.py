"""song2021-*: recorded numbers, typed a second time, and second opinions on what is compared with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray
from PIL import Image
from scipy.optimize import brentq

from fa_dynamics.errors import InputError
from fa_dynamics.reproduce import reproduce
from fa_dynamics.reproduce.song2021_convergence import NARROW
from fa_dynamics.reproduce.song_draws import gaussian_problem, isometric_problem, least_steps, start
from fa_dynamics.reproduce.song_laws import uniform_law
from fa_dynamics.reproduce.song_rates import guaranteed
from fa_dynamics.systems.one_output_flow import flow_one_output

# song2021.md section 8, typed a second time: mean (sd) over 50 draws
RECORDED = {
    (200, 0.0): (0.206, 0.068),
    (1600, 0.0): (0.031, 0.025),
    (200, 0.2): (0.790, 0.027),
    (1600, 0.2): (0.738, 0.032),
    (200, 0.5): (0.920, 0.014),
    (1600, 0.5): (0.904, 0.011),
}


@pytest.fixture(scope="module")
def alignment(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("alignment"), []
    return reproduce("song2021-alignment", out=folder, progress=told.append), folder, told


@pytest.fixture(scope="module")
def convergence(tmp_path_factory):
    folder = tmp_path_factory.mktemp("convergence")
    return reproduce("song2021-convergence", draws=2, out=folder, progress=False), folder


@pytest.fixture(scope="module")
def cutoff(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutoff")
    return reproduce("song2021-cutoff", out=folder, progress=False), folder


def test_recorded_means_are_met(alignment):
    found, _, told = alignment
    records = json.loads(found.to_json())
    assert {(r["width"], r["regularization"]) for r in records} == set(RECORDED)
    for r in records:
        mean, sd = RECORDED[r["width"], r["regularization"]]
        error = np.hypot(r["sd"] / np.sqrt(10), sd / np.sqrt(50))
        assert r["draws"] == 10
        assert abs(r["mean"] - mean) < 3 * error
        assert (r["recorded_mean"], r["recorded_sd"]) == (mean, sd)
        assert r["standard_errors_apart"] == pytest.approx((r["mean"] - mean) / error)
        assert r["agrees"] is True
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_more_draws_extend_fewer(alignment):
    data = alignment[0].dataset
    fewer = reproduce("song2021-alignment", draws=2, widths=(200,), regularization=(0.5, 0.0), progress=False)
    for decay in (0.0, 0.5):
        place = {"width": 200, "regularization": decay}
        np.testing.assert_allclose(fewer.dataset["cosine"].sel(place), data["cosine"].sel(place)[:2], rtol=1e-9)
    other = reproduce("song2021-alignment", draws=1, widths=(200,), regularization=(0.0,), seed=1, progress=False)
    assert abs(other.records[0]["mean"] - float(fewer.dataset["cosine"].sel(width=200, regularization=0.0)[0])) > 1e-6


def test_the_least_number_of_steps():
    assert [least_steps(width) for width in (200, 1600, 6400, 12800)] == [5050, 14285, 28571, 40406]


def test_one_draw_has_no_deviation_and_other_sizes_no_record():
    found = reproduce(
        "song2021-alignment", widths=(9,), regularization=0.1, draws=1, n_samples=4, n_inputs=6, progress=False
    )
    (record,) = json.loads(found.to_json())
    assert {"width": 9, "regularization": 0.1, "sd": None, "draws": 1}.items() <= record.items()
    assert record["recorded_mean"] is None
    assert record["standard_errors_apart"] is None
    assert "no recorded mean" in found.sentences[2]
    assert found.figure().axes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widths": (0,)}, r"^widths: .* expected whole numbers >= 1"),
        ({"widths": (2.5,)}, r"^widths: "),
        ({"regularization": (-0.1,)}, r"^regularization: .* expected numbers >= 0"),
        ({"draws": 0}, r"^draws: 0 given, expected a whole number >= 1"),
        ({"seed": -1}, r"^seed: -1 given, expected a whole number >= 0"),
        ({"n_samples": 0}, r"^n_samples: "),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        reproduce("song2021-alignment", **options)


def test_the_limit_without_decay_is_the_prediction(alignment):
    """cos = cos_0 + r_0 (X^T X)^-1 r_0^T / (2 n_1) draw by draw, song2021.md section 5."""
    data = alignment[0].dataset.sel(width=1600, regularization=0.0)
    for draw in range(4):
        problem = gaussian_problem(0, draw, 50, 150)
        first = start(problem, 0, draw, 1600)
        typed = first.cosine + np.sum((first.P - problem.target) ** 2) / (2 * 1600)
        assert float(data["cosine"][draw]) == pytest.approx(typed, abs=0.02)


def test_the_guaranteed_rate(convergence):
    found = [r for r in convergence[0].records if r["kind"] == "gaussian start"]
    assert [r["width"] for r in found] == [200, 500, 1000, 4000]
    # song2021.md section 4, typed a second time
    for r, formula, mu in zip(found, (-0.16, 0.21, 0.42, 0.70), (-0.14, 0.24, 0.36, 0.68), strict=True):
        assert r["formula"] == pytest.approx(formula, abs=0.005)
        assert r["recorded_mu"] == mu
        assert r["mu"] == pytest.approx(mu, abs=0.15)
        assert r["bound_holds"] is (True if r["width"] > 200 else None)
        assert r["fitted_rate"] > r["mu"]
        assert r["final_residual"] < 1e-10
    assert found[-1]["speed_of_backprop"] == pytest.approx(2, abs=0.1)
    assert guaranteed((2 - np.sqrt(2)) ** -2) == pytest.approx(0, abs=1e-12)


def test_narrow_networks_converge_and_are_forced_to_align(convergence):
    found = [r for r in convergence[0].records if r["kind"] == "anti-aligned start"]
    assert [r["width"] for r in found] == list(NARROW)
    assert all(r["converged"] and r["mu"] < 0 and r["W2_B2_end"] > 0 for r in found)
    assert all(r["cosine_start"] == pytest.approx(-1) for r in found)
    assert max(r["largest_residual"] for r in found) > 1.01
    assert abs(found[0]["cosine_end"]) == pytest.approx(1)


def test_the_cut_keeps_the_alignment_and_ends_the_residual(cutoff):
    by_name = {r["schedule"]: r for r in cutoff[0].records if r["kind"] == "schedule"}
    cut = by_name["cut off"]
    assert cut["cosine_at_cut"] == pytest.approx(0.8332, abs=0.02)
    assert cut["cosine_at_end"] == pytest.approx(cut["cosine_at_cut"], abs=0.002)
    assert cut["residual_at_end"] < 1e-12
    assert by_name["constant"]["residual_at_end"] > 1
    assert by_name["constant"]["cosine_at_end"] > cut["cosine_at_end"]
    assert abs(by_name["cut too early"]["cosine_at_end"]) < 0.06
    assert by_name["cut too early"]["residual_at_end"] < 1e-11
    assert abs(by_name["none"]["cosine_at_end"]) < 4 / np.sqrt(12800)


def test_recorded_laws(cutoff):
    laws = [r for r in cutoff[0].records if r["kind"] == "width-uniform law"]
    assert len(laws) == 6
    for r in laws:
        assert r["agrees"] is True
        assert r["law"] == pytest.approx(r["recorded_law"], rel=0.01)
        assert r["ours"] == pytest.approx(r["law"], rel=0.05)
    late = [r for r in cutoff[0].records if r["kind"] == "late law"]
    assert all(r["agrees"] for r in late)
    apart = {r["time"]: abs(r["ours_over_law"] - 1) for r in late if r["quantity"] == "|U|"}
    assert apart[1e5] < apart[1e4] < apart[1e3] < 0.03


def test_the_law_is_the_root_of_its_cubic():
    problem = isometric_problem(0, 5, 8, 2.0, 3.0)
    assert np.linalg.norm(problem.target) == pytest.approx(3.0)
    assert np.ptp(problem.curvatures) < 1e-12
    for t in (0.0, 1e-6, 0.1, 3.0, 1e4):
        found = uniform_law(problem, 0.7, 0.2, t)
        typed = brentq(lambda R, t=t: (1 + 0.7 / 2) * R + R**3 / 3 - 0.7 * 3 * 0.2 * t, 0, 100, xtol=1e-15)
        assert pytest.approx(typed, rel=1e-10, abs=1e-14) == found.R
        assert found.cosine == pytest.approx(np.cos(np.arctan2(1, typed)), rel=1e-9, abs=1e-14)


def test_the_residual_of_constant_decay_begins_at_the_ridge_value():
    """rho |Y (X^T X + rho)^-1| once the start is forgotten, while U has hardly moved: a wide network."""
    problem, rho, width = gaussian_problem(0, 0, 10, 30), 5.0, 400_000
    run = flow_one_output(problem, start(problem, 0, 0, width), t_end=2.0, regularization=rho)
    ridge = rho * np.linalg.norm(problem.target * np.sqrt(problem.curvatures) / (problem.curvatures + rho))
    assert run.residual[-1] == pytest.approx(ridge, rel=0.02)


@pytest.mark.parametrize("name", ["alignment", "convergence", "cutoff"])
def test_files(name, request):
    found, folder, *_ = request.getfixturevalue(name)
    with Image.open(folder / f"song2021-{name}.png") as picture:
        assert picture.width > 1000
        assert np.count_nonzero(np.bincount(np.asarray(picture.convert("L")).ravel())) > 50
    with xarray.open_dataset(folder / f"song2021-{name}.nc", engine="h5netcdf") as file:
        data = file.load()
    assert all({"description", "units"} <= set(data[variable].attrs) for variable in data.data_vars)
    for axes in found.findings.draw(data).axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    text = repr(found)
    assert "Seen: " in text
    assert "not the paper" in text or "our own setting" in text
