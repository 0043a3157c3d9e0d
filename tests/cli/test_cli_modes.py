"""`fa-dynamics modes`: the JSON object, the text, the figure, starts per rule, tasks, and bad use."""

import itertools

import numpy as np
import pytest
import xarray

import fa_dynamics as fa

SPECTRUM = ("--spectrum", "4,2,1,0.5,0.25")
TABLE_A = [1.192, 1.893, 3.004, 4.769, 7.570]


def test_json(call):
    found = call("modes", *SPECTRUM, "--rule", "fa", "--level", "0.99", "--json")
    assert (found.code, found.err) == (0, "")
    answer = found.json
    assert set(answer) == {"level", "rules"}
    assert answer["level"] == 0.99
    assert list(answer["rules"]) == ["fa"]
    rule = answer["rules"]["fa"]
    assert {"target", "limit", "learning_time", "rank_correlation", "verdict"} <= set(rule)
    assert rule["target"] == rule["limit"] == [4, 2, 1, 0.5, 0.25]
    np.testing.assert_allclose(rule["learning_time"], TABLE_A, atol=5.001e-4)  # girotti2021.md 7, row A
    assert rule["rank_correlation"] == pytest.approx(-1)
    assert rule["verdict"] == "principal-first"
    assert rule["method"] == "exact"
    assert 0 < rule["largest_error"] < 1e-11


def test_default_rules(call):
    """Feedback alignment from zero, backpropagation balanced at a thousandth of each target: girotti2021.md 9."""
    rules = call("modes", *SPECTRUM, "--json").json["rules"]
    assert list(rules) == ["fa", "bp"]
    np.testing.assert_allclose(rules["fa"]["learning_time"], [0.469, 0.744, 1.18, 1.88, 2.98], rtol=6e-3)
    expected = np.log(999) / (2 * np.array([4, 2, 1, 0.5, 0.25]))
    np.testing.assert_allclose(rules["bp"]["learning_time"], expected, rtol=1e-6)
    assert rules["bp"]["limit"] == [4, 2, 1, 0.5, 0.25]
    assert rules["bp"]["method"] == "exact"


def test_null_for_never(call):
    found = call("modes", "--spectrum", "1,0.5", "--rule", "fa", "--feedback", "0", "--json").json["rules"]["fa"]
    assert found["learning_time"] == [None, None]
    assert found["verdict"] is None
    assert found["rank_correlation"] is None


def test_frozen_mode_stays_where_it_is(call):
    """Zero feedback above a zero weight: p is constant, and so is its limit."""
    found = call("modes", "--spectrum", "1,0.5", "--rule", "fa", "--feedback", "0", "--json").json["rules"]["fa"]
    assert found["limit"] == [0, 0]


def test_never_in_words(call):
    found = call("modes", "--spectrum", "1,0.5", "--rule", "fa", "--feedback", "0")
    assert (found.code, found.err) == (0, "")
    assert "never" in found.out
    assert "mode 1 is never learned: it goes to p = 0 instead of 1" in found.out


def test_starts_per_rule(call):
    answer = call("modes", *SPECTRUM, "--start", "bp=1e-3", "--start", "fa=0,0", "--json").json["rules"]
    t = np.linspace(0, 100, 101)
    for rule, start in (("bp", 1e-3), ("fa", 0.0)):
        curves = fa.solve_modes([4, 2, 1, 0.5, 0.25], 1.0, 2, rule, start, t=t)
        np.testing.assert_allclose(answer[rule]["learning_time"], curves.learning_times(), rtol=1e-6)


def test_start_for_all_rules(call):
    answer = call("modes", *SPECTRUM, "--rule", "fa,dfa", "--start", "-4,0", "--level", "0.99", "--json").json["rules"]
    for rule in ("fa", "dfa"):
        np.testing.assert_allclose(answer[rule]["learning_time"], [0.342, 0.312, 0.299, 0.293, 0.291], atol=5.001e-4)
        assert answer[rule]["verdict"] == "negligible-first"


def test_depth_feedback_and_curvatures(call):
    found = call(
        "modes", "--spectrum", "2,-1", "--curvature", "1,0.5", "--depth", "3", "--rule", "fa",
        "--start", "0.3,-0.2,0.5", "--feedback", "0.8,-1.2", "--json",
    ).json["rules"]["fa"]  # fmt: skip
    curves = fa.solve_modes([2, -1], [1, 0.5], 3, start=[0.3, -0.2, 0.5], feedback=[0.8, -1.2], t=[1.0])
    assert found["target"] == [2, -2]
    np.testing.assert_allclose(found["learning_time"], curves.learning_times(), rtol=1e-12)
    assert found["clock"] == "lambda*t"


def test_text(call):
    found = call("modes", *SPECTRUM, "--rule", "fa,bp")
    assert (found.code, found.err) == (0, "")
    assert "Learning times" in found.out
    assert "principal-first" in found.out
    assert "0.4689" in found.out


def test_named_task(call):
    pytest.importorskip("sklearn")
    found = call("modes", "--task", "digits", "--rule", "fa")
    assert (found.code, found.err) == (0, "")
    sentence = fa.tasks.named("digits").modes.defect_sentence()
    assert sentence
    assert found.out.startswith(sentence)
    answer = call("modes", "--task", "digits", "--rule", "fa", "--json").json
    assert len(answer["rules"]["fa"]["target"]) == len(fa.tasks.named("digits").modes.correlation)


def test_data_file(call, files):
    answer = call("modes", "--data", files / "ok.csv", "--targets", "y,z", "--json").json["rules"]["fa"]
    task = fa.tasks.load(files / "ok.csv", targets="y,z", centre=True, whiten=True, unit_variance=True)
    np.testing.assert_allclose(answer["target"], task.modes.correlation / task.modes.curvature, rtol=1e-12)


def test_figure(call, tmp_path):
    folder = tmp_path / "made" / "when needed"
    found = call("modes", *SPECTRUM, "--out", folder)
    assert (found.code, found.err) == (0, "")
    assert (folder / "modes.png").read_bytes().startswith(b"\x89PNG")
    assert "modes.png" in found.out
    assert call("modes", *SPECTRUM, "--out", tmp_path / "two", "--json").json
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["modes.png"]


def test_nothing_is_written_unasked(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("modes", *SPECTRUM).code == 0
    assert list(tmp_path.iterdir()) == []


def test_last_time(call, tmp_path):
    """An integrated mode that is not learned by the last time is reported as such."""
    options = ["modes", "--spectrum", "4,0.01", "--rule", "kp", "--t-end", "3"]
    found = call(*options, "--json").json["rules"]["kp"]
    assert 0 < found["learning_time"][0] < 3
    assert found["learning_time"][1] is None
    assert "not before t = 3" in call(*options).out


BAD = {
    "no spectrum": ([], ["spectrum"]),
    "spectrum and task": ([*SPECTRUM, "--task", "digits"], ["spectrum", "task"]),
    "spectrum and data": ([*SPECTRUM, "--data", "absent.csv"], ["spectrum", "data"]),
    "spectrum in words": (["--spectrum", "strong"], ["spectrum", "strong"]),
    "empty spectrum": (["--spectrum", ""], ["spectrum"]),
    "spectrum with a hole": (["--spectrum", "1,,2"], ["spectrum", "1,,2"]),
    "spectrum not finite": (["--spectrum", "1,nan"], ["correlation"]),
    "level 2": ([*SPECTRUM, "--level", "2"], ["level", "2.0"]),
    "level 0": ([*SPECTRUM, "--level", "0"], ["level"]),
    "level nan": ([*SPECTRUM, "--level", "nan"], ["level"]),
    "start for a rule not solved": ([*SPECTRUM, "--rule", "fa", "--start", "bp=1e-3"], ["start", "bp=1e-3"]),
    "start in words": ([*SPECTRUM, "--start", "fa=small"], ["start", "small"]),
    "wrong number of starts": ([*SPECTRUM, "--start", "1,2,3"], ["start", "(3,)"]),
    "wrong number of feedback": ([*SPECTRUM, "--feedback", "1,2"], ["feedback", "(2,)"]),
    "wrong number of curvatures": ([*SPECTRUM, "--curvature", "1,2"], ["curvature"]),
    "negative curvature": ([*SPECTRUM, "--curvature", "-1"], ["curvature", "-1"]),
    "rule twice": ([*SPECTRUM, "--rule", "fa,fa"], ["rule", "twice"]),
    "unknown rule": ([*SPECTRUM, "--rule", "backprop"], ["rule", "backprop"]),
    "depth 0": ([*SPECTRUM, "--depth", "0"], ["0"]),
    "last time negative": ([*SPECTRUM, "--t-end", "-1"], ["t"]),
    "last time zero": ([*SPECTRUM, "--t-end", "0"], ["t"]),
    "last time not finite": ([*SPECTRUM, "--t-end", "inf"], ["t"]),
    "unknown task": (["--task", "absent"], ["absent"]),
    "option of data without it": (["--task", "digits", "--targets", "y"], ["targets"]),
    "option of data with a spectrum": ([*SPECTRUM, "--targets", "y"], ["targets"]),
    "curvature with a task": (["--task", "iris", "--curvature", "2"], ["curvature"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_use(call, case):
    arguments, words = BAD[case]
    complaint = call("modes", *arguments).complaint
    for word in words:
        assert word in complaint


def test_bad_use_leaves_no_folder(call, tmp_path):
    assert call("modes", *SPECTRUM, "--feedback", "1,2", "--out", tmp_path / "new").complaint
    assert not (tmp_path / "new").exists()


def test_predicting_theorem(call):
    found = call("modes", *SPECTRUM, "--rule", "fa,bp", "--start", "fa=-4,0", "--level", "0.99", "--json").json["rules"]
    assert found["fa"]["verdict"] == found["fa"]["predicted_verdict"] == "negligible-first"
    assert found["fa"]["predicted_by"] == "girotti2021.anti-regularisation"
    assert found["bp"]["predicted_by"] is None
    text = call("modes", *SPECTRUM, "--rule", "fa", "--start", "-4,0").out
    assert "predicted: negligible-first by girotti2021.anti-regularisation" in text


def test_figures_of_feedback_alignment(call, tmp_path):
    out = tmp_path / "figures"
    options = ["--rule", "fa,bp", "--start", "fa=-2.2,0", "--bifurcation", "--landscape", "--out", str(out)]
    result = call("modes", *SPECTRUM, *options)
    assert "wrote modes.png, bifurcation.png, landscape.png" in " ".join(result.out.split())
    for name in ("modes", "bifurcation", "landscape"):
        assert (out / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_phase_diagram(call, tmp_path):
    """Shares of a coarse plane, against the orders of its points solved one by one."""
    out = tmp_path / "diagram"
    options = ["modes", "--spectrum", "4,2,1", "--phase-diagram", "--x", "theta_1=-4:4", "--y", "theta_2=-2:2"]
    options += ["--points", "9", "--level", "0.9", "--out", str(out)]
    found = call(*options, "--json").json
    assert found["x"] == {"name": "theta_1", "from": -4.0, "to": 4.0, "points": 9}
    plane = itertools.product(np.linspace(-4, 4, 9), np.linspace(-2, 2, 9))
    verdicts = [fa.solve_modes([4, 2, 1], start=list(start), t=[1.0]).order(0.9).verdict for start in plane]
    for name in ("principal-first", "negligible-first", "mixed", "simultaneous"):
        assert found["share"][name] == pytest.approx(verdicts.count(name) / 81, abs=1e-12)
    assert found["agreement"] == 1.0
    assert (out / "phase.png").exists()
    with xarray.open_dataset(out / "phase.nc") as saved:
        assert saved.sizes["theta_1"] == saved.sizes["theta_2"] == 9
    assert "share of" in call(*options).out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--x", "theta_1=-4:4"], "x"),
        (["--bifurcation"], "out"),
        (["--rule", "bp", "--landscape", "--out", "unused"], "rule"),
        (["--phase-diagram", "--rule", "bp"], "rule"),
        (["--phase-diagram", "--x", "theta_9=-4:4"], "x"),
        (["--phase-diagram", "--points", "1"], "points"),
    ],
)
def test_bad_diagrams(call, options, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("modes", *SPECTRUM, *options).complaint.startswith(f"{named}:")
    assert not list(tmp_path.iterdir())
