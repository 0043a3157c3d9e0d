"""Runs as labelled datasets and as files."""

import shutil
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray
from typed_flows import draw, simulate

import fa_dynamics as fa

RULES = ("bp", "fa", "dfa", "sign", "kp")
EXAMPLE = Path(__file__).parents[2] / "examples" / "normalised_feedback.py"

SCALED = textwrap.dedent(
    '''
    """Feedback alignment with a factor: a rule of one's own with a parameter."""

    from dataclasses import dataclass

    from fa_dynamics import Rule


    @dataclass(frozen=True)
    class Scaled(Rule):
        """B_l times a factor."""

        factor: int = 1

        name = "scaled"

        def feedback(self, network, layer):
            """The scaled matrix."""
            return self.factor * network.B(layer)
    '''
)


def assert_equal_runs(one, two):
    for name in ("t", "loss", "mode_strength", "update_alignment", "weight_alignment", "effective_rank"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(one.feedback) == list(two.feedback)
    for name, matrix in one.feedback.items():
        np.testing.assert_array_equal(matrix, two.feedback[name])
    for name, drift in one.invariant_drift.items():
        np.testing.assert_array_equal(drift, two.invariant_drift[name])
    for layer in range(1, one.depth + 1):
        np.testing.assert_array_equal(one.alignment_matrix(layer), two.alignment_matrix(layer))
    for level in (0.3, 0.5, 0.99):
        np.testing.assert_array_equal(one.learning_times(level), two.learning_times(level))
        assert one.order(level) == two.order(level)
    np.testing.assert_array_equal(one.curve.edges, two.curve.edges)
    np.testing.assert_array_equal(one.curve.values, two.curve.values)
    for name in ("status", "message", "solver", "seed", "start", "feedback_start", "sizes", "decay"):
        assert getattr(one, name) == getattr(two, name), name
    assert one.flow == two.flow
    for name in ("input_moment", "cross_moment", "output_moment"):
        np.testing.assert_array_equal(getattr(one.task, name), getattr(two.task, name))
    assert (one.task.name, one.task.n_samples, one.task.description) == (
        two.task.name,
        two.task.n_samples,
        two.task.description,
    )
    assert repr(one) == repr(two)


@pytest.mark.parametrize("decay", [None, 0.1])
@pytest.mark.parametrize("sizes", [(3, 4, 2), (3, 2), (2, 4, 5, 3)], ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_round_trip(rule, sizes, decay, tmp_path):
    run = simulate(draw(31, sizes), rule, 0.5, t_eval=np.linspace(0, 0.5, 6), decay=decay)
    path = run.save(tmp_path / "run.nc")
    assert path == tmp_path / "run.nc"
    assert_equal_runs(run, fa.load(path))
    assert_equal_runs(run, fa.load(str(path)))
    assert [file.name for file in tmp_path.iterdir()] == ["run.nc"]


def test_round_trip_of_learned_modes(tmp_path):
    run = fa.simulate(fa.Task.from_spectrum([3.0, 1.0], [1.0, 2.0]), 3, "fa", t_end=20.0, seed=4)
    assert np.isfinite(run.learning_times(0.99)).all()
    assert_equal_runs(run, fa.load(run.save(tmp_path / "run.nc")))


def test_round_trip_of_a_partial_run(tmp_path):
    def progress(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.warns(fa.IntegrationWarning, match="interrupted"):
        run = simulate(draw(31, (3, 4, 2)), "fa", 5.0, progress=progress)
    back = fa.load(run.save(tmp_path / "run.nc"))
    assert back.status == "interrupted"
    assert_equal_runs(run, back)


def test_round_trip_of_the_example_rule(tmp_path):
    own = f"{EXAMPLE}:NormalisedFeedback"
    run = simulate(draw(32, (3, 4, 2)), own, 1.0, feedback=None)
    back = fa.load(run.save(tmp_path / "run.nc"))
    assert type(back.flow.rule).__name__ == "NormalisedFeedback"
    for name in ("loss", "update_alignment", "weight_alignment"):
        np.testing.assert_array_equal(getattr(run, name), getattr(back, name))
    np.testing.assert_array_equal(run.learning_times(), back.learning_times())
    for name, history in run.invariant_drift.items():
        np.testing.assert_array_equal(history, back.invariant_drift[name])


def test_rule_file_that_has_gone(tmp_path):
    copy = tmp_path / "mine.py"
    shutil.copy(EXAMPLE, copy)
    run = simulate(draw(32, (3, 4, 2)), f"{copy}:NormalisedFeedback", 0.5, feedback=None)
    path = run.save(tmp_path / "run.nc")
    copy.unlink()
    with pytest.raises(fa.InputError, match=r"rule: .*NormalisedFeedback.*pass rule="):
        fa.load(path)
    back = fa.load(path, rule=f"{EXAMPLE}:NormalisedFeedback")
    np.testing.assert_array_equal(run.update_alignment, back.update_alignment)


def test_parameters_of_a_rule_of_ones_own_survive(tmp_path):
    file = tmp_path / "scaled_rule.py"
    file.write_text(SCALED, encoding="utf-8")
    from fa_dynamics.derive.lookup import find_rule

    rule = type(find_rule(f"{file}:Scaled"))(factor=3)
    problem = draw(33, (3, 4, 2))
    run = simulate(problem, rule, 0.5, feedback=problem.layered)
    back = fa.load(run.save(tmp_path / "run.nc"))
    assert back.flow.rule.factor == 3
    np.testing.assert_array_equal(run.feedback_in_place_of(2), back.feedback_in_place_of(2))


def test_parameters_of_a_built_in_rule_survive(tmp_path):
    problem = draw(33, (3, 4, 2))
    run = simulate(problem, fa.SignSymmetry(scale=0.5), 0.2)
    back = fa.load(run.save(tmp_path / "run.nc"))
    assert back.flow.rule == fa.SignSymmetry(scale=0.5)
    assert_equal_runs(run, back)


def test_seeds_of_any_size_survive(tmp_path):
    """NumPy recommends seeds of 128 bits; `simulate` takes them."""
    seed = 0x9E3779B97F4A7C15F39CC0605CEDC834
    run = fa.simulate(fa.Task.from_spectrum([1.0]), 1, "fa", t_end=0.1, seed=seed)
    assert fa.load(run.save(tmp_path / "run.nc")).seed == seed


def test_a_loaded_seed_repeats_the_run(tmp_path):
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, 3, "fa", t_end=1.0, seed=12)
    back = fa.load(run.save(tmp_path / "run.nc"))
    again = fa.simulate(back.task, back.sizes[1:-1], back.flow.rule, t_end=1.0, seed=back.seed)
    np.testing.assert_array_equal(again.weights[1], run.weights[1])


@pytest.mark.parametrize("rule", RULES)
def test_labels(rule):
    problem = draw(34, (2, 4, 5, 3))
    run = simulate(problem, rule, 0.5, t_eval=[0.0, 0.25, 0.5])
    data = run.to_xarray()
    dims = {name: variable.dims for name, variable in data.data_vars.items()}
    assert dims["W_1"] == ("time", "unit_1", "unit_0")
    assert dims["W_2"] == ("time", "unit_2", "unit_1")
    assert dims["W_3"] == ("time", "unit_3", "unit_2")
    assert dims["loss"] == dims["effective_rank"] == ("time",)
    assert dims["mode_strength"] == ("time", "mode")
    assert dims["update_alignment"] == ("time", "layer")
    assert dims["weight_alignment"] == ("time", "upper_layer")
    assert dims["balancedness"] == dims["interlayer_alignment"] == ("time", "hidden_layer")
    assert dims["curve"] == ("step", "node", "mode")
    assert dims["input_basis"] == ("unit_0", "mode")
    assert dims["output_basis"] == ("unit_3", "mode")
    expected = {
        "fa": {"B_2": ("unit_1", "unit_2"), "B_3": ("unit_2", "unit_3")},
        "dfa": {"D_1": ("unit_1", "unit_3"), "D_2": ("unit_2", "unit_3")},
        "kp": {"B_2": ("time", "unit_1", "unit_2"), "B_3": ("time", "unit_2", "unit_3")},
    }.get(rule, {})
    assert {name: dims[name] for name in dims if name[:2] in ("B_", "D_")} == expected
    np.testing.assert_array_equal(data["time"], [0.0, 0.25, 0.5])
    np.testing.assert_array_equal(data["mode"], [1, 2])
    np.testing.assert_array_equal(data["layer"], [1, 2, 3])
    np.testing.assert_array_equal(data["upper_layer"], [2, 3])
    np.testing.assert_array_equal(data["hidden_layer"], [1, 2])
    np.testing.assert_array_equal(data["loss"], run.loss)
    np.testing.assert_array_equal(data["W_2"].sel(time=0.25), run.weights[1][1])
    np.testing.assert_array_equal(data["target"], run.task.modes.target)
    for name, drift in run.invariant_drift.items():
        np.testing.assert_array_equal(data[f"drift_{name}"], drift)
    assert data.attrs["status"] == "completed"
    assert "W" in data.attrs["equations"]


@pytest.mark.parametrize("rule", RULES)
def test_plain_xarray_opens_the_file(rule, tmp_path):
    run = simulate(draw(34, (3, 4, 2)), rule, 0.5, t_eval=[0.0, 0.25, 0.5])
    with xarray.open_dataset(run.save(tmp_path / "run.nc")) as data:
        xarray.testing.assert_identical(data.load(), run.to_xarray())


def test_writing_over_an_older_file(tmp_path):
    path = tmp_path / "run.nc"
    path.write_text("something older", encoding="utf-8")
    run = simulate(draw(35, (3, 4, 2)), "fa", 0.5)
    assert_equal_runs(run, fa.load(run.save(path)))


@pytest.mark.parametrize("problem", [OSError("no space left"), RuntimeError("boom"), KeyboardInterrupt()], ids=repr)
def test_a_failed_write_leaves_nothing_behind(problem, tmp_path, monkeypatch):
    """Neither half a file, nor half of an older one."""
    path = tmp_path / "run.nc"
    path.write_text("something older", encoding="utf-8")
    run = simulate(draw(35, (3, 4, 2)), "fa", 0.5)

    def half(self, target, **options):
        Path(target).write_bytes(b"\x89HDF\r\n half")
        raise problem

    monkeypatch.setattr(xarray.Dataset, "to_netcdf", half)
    with pytest.raises(fa.InputError if isinstance(problem, OSError) else type(problem)):
        run.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["run.nc"]
    assert path.read_text(encoding="utf-8") == "something older"


def test_paths_that_will_not_do(tmp_path):
    run = simulate(draw(35, (3, 4, 2)), "fa", 0.5)
    with pytest.raises(fa.InputError, match=r"path: .*\.nc"):
        run.save(tmp_path / "run.txt")
    with pytest.raises(fa.InputError, match=r"path: .*nowhere"):
        run.save(tmp_path / "nowhere" / "run.nc")
    with pytest.raises(fa.InputError, match="path: there is no file"):
        fa.load(tmp_path / "none.nc")
    with pytest.raises(fa.InputError, match=r"path: .* is no store of a sweep"):
        fa.load(tmp_path)
    text = tmp_path / "text.nc"
    text.write_text("no NetCDF", encoding="utf-8")
    with pytest.raises(fa.InputError, match=r"path: .* is no NetCDF file"):
        fa.load(text)
    other = tmp_path / "other.nc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xarray.Dataset({"a": ("x", [1.0])}).to_netcdf(other, engine="h5netcdf")
    with pytest.raises(fa.InputError, match=r"path: .* was not written by Trajectory\.save"):
        fa.load(other)
