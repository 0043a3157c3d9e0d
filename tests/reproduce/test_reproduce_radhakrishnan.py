"""The two alignment experiments: records, files, figures, and their helpers against other ways."""

import numpy as np
import pytest
import xarray
from PIL import Image

from fa_dynamics.errors import InputError
from fa_dynamics.reproduce import find, reproduce
from fa_dynamics.reproduce.radhakrishnan_reach import isometric_chain, samples_that_fit, unaligned_fit
from fa_dynamics.reproduce.radhakrishnan_records import KEPT, LOST, ranged, record, verdict

RUNS = {
    "radhakrishnan2020-constraints": {"draws": 3},
    "radhakrishnan2020-invariance": {"draws": 3},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alignment")
    fractions = []
    done = {}
    for name, options in RUNS.items():
        fractions.clear()
        done[name] = reproduce(name, out=folder, progress=fractions.append, **options)
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
    return folder, done


def pick(reproduction, case, quantity):
    (one,) = [r for r in reproduction.records if (r["case"], r["quantity"]) == (case, quantity)]
    return one


def test_what_keeps_alignment_and_what_loses_it(found):
    run = found[1]["radhakrishnan2020-constraints"]
    for case in ("F1", "F2", "F3", "C1", "C2", "C3", "E1", "E2"):
        ours = pick(run, case, "alignment")
        assert ours["ours"] == ("kept" if case in ("F1", "F2", "E1", "E2") else "lost")
        assert ours["agrees"]
    assert pick(run, "zero-padded 3x3 kernel", "n_j")["agrees"]
    assert pick(run, "zero-padded 3x3 kernel", "raw step against projected step")["ours"] > 0.05
    assert pick(run, "circular 3x3 kernel", "raw step against projected step")["ours"] < 1e-12
    for case in ("zero-padded 3x3 kernel", "circular 3x3 kernel", "Toeplitz"):
        assert pick(run, case, "orthonormal step against projected step")["ours"] < 1e-12
        assert pick(run, case, "raw step against preconditioned projection")["ours"] < 1e-12
    assert "kept in F1, F2, E1, E2; lost in F3, C1, C2, C3" in run.findings.seen


def test_invariance_by_class(found):
    run = found[1]["radhakrishnan2020-invariance"]
    words = [r for r in run.records if r["quantity"] in ("I2", "I3", "strong invariance possible")]
    assert len(words) == 33
    assert all(r["agrees"] for r in words)
    for size in ("0.04", "0.02"):
        assert pick(run, f"step {size}", "defect over that at half the step")["ours"] == pytest.approx(2, abs=0.03)
    for kind in ("general layers", "equal layers", "overshooting start"):
        assert pick(run, kind, "bound and monotony hold")["agrees"]
        assert pick(run, kind, "largest (l_t - l_*) / bound")["ours"] <= 1 + 1e-9
    assert pick(run, "equal layers, 1.5 times the step", "draws without the guarantee")["ours"] == 3
    assert pick(run, "one output, zero start, random feedback", "rank one")["agrees"]


@pytest.mark.parametrize("name", RUNS)
def test_files(found, name):
    folder, done = found
    with Image.open(folder / f"{name}.png") as picture:
        assert picture.width > 1500
        assert np.count_nonzero(np.bincount(np.asarray(picture.convert("L")).ravel())) > 50
    with xarray.open_dataset(folder / f"{name}.nc", engine="h5netcdf") as file:
        data = file.load()
    assert all({"description", "units"} <= set(data[each].attrs) for each in data.data_vars)
    assert np.isfinite([data[v].values.max() for v in data.data_vars if data[v].dtype.kind == "f"]).all()
    figure = done[name].findings.draw(data)  # from the file alone
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert "(" in axes.get_ylabel()
        assert axes.get_title(loc="left")
    assert find(name).form.count("radhakrishnan2020.") >= 3
    assert all(
        {"case", "quantity", "unit", "ours", "recorded", "agrees", "statement"} <= set(r) for r in done[name].records
    )


def test_dataset_says_what_the_records_say(found):
    run = found[1]["radhakrishnan2020-constraints"]
    for case in run.dataset["case"].values:
        history = run.dataset["network_alignment_defect"].sel(case=case)
        assert float(history.max()) == pick(run, str(case), "largest alignment defect")["ours"]


def test_toeplitz_chains():
    fit, chain = unaligned_fit(3), isometric_chain(3)
    for found in (fit, chain):
        assert found.loss < 1e-26
        assert found.outside < 1e-13
    assert fit.defect > 0.05
    assert chain.network < 1e-12


def test_counts():
    """N <= 1 + 2 (d - 1) / m, exactly where it is a whole number."""
    assert samples_that_fit(9, 5) == 4
    assert samples_that_fit(9, 9) == 2
    assert samples_that_fit(6, 5) == 3
    assert samples_that_fit(1, 4) == 1


def test_records():
    assert verdict(KEPT / 2) == "kept"
    assert verdict(LOST * 2) == "lost"
    assert verdict((KEPT * LOST) ** 0.5) == "unclear"
    assert record("a", "s", "q", 1.0)["agrees"] is None
    between = ranged("a", "s", "q", [0.1, 0.3], ".2")
    assert between["agrees"] is True
    assert (between["ours"], between["lowest"], between["highest"], between["draws"]) == (0.2, 0.1, 0.3, 2)
    assert ranged("a", "s", "q", [0.26, 0.3], ".2")["agrees"] is False


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("options", [{"draws": 0}, {"draws": 1.5}, {"seed": -1}])
def test_bad_options(name, options):
    with pytest.raises(InputError, match=r"^(draws|seed): .* given, expected a whole number"):
        reproduce(name, **options)
    with pytest.raises(InputError, match=r"^time: "):
        reproduce("radhakrishnan2020-constraints", time=0.0)
