"""robertson2024-minimum-norm: where runs end, their mirror flows, the files."""

from __future__ import annotations

import numpy as np
import pytest
import xarray
from scipy.integrate import solve_ivp

from fa_dynamics.errors import InputError
from fa_dynamics.plots.mirror import plot_loss_bound, plot_minimum_norm
from fa_dynamics.reproduce import reproduce
from fa_dynamics.reproduce.minimum_norm_runs import LINE_STARTS, curved_paths, paths_to_a_line, problem


@pytest.fixture(scope="module")
def found():
    return reproduce("robertson2024-minimum-norm", depths=(1, 2, 3), outputs=(1, 2), n_inputs=8, n_samples=4, width=5)


def select(found, **where):
    chosen = [record for record in found.records if all(record[key] == value for key, value in where.items())]
    assert chosen
    return chosen


def test_every_number_that_has_a_limit_keeps_it(found):
    asked = [record for record in found.records if record["agrees"] is not None]
    assert len(asked) > 40
    assert all(record["agrees"] for record in asked)
    assert {record["statement"] for record in asked} == {"robertson2024.minimum-norm", "robertson2024.mirror-flow"}


def test_zero_starts_end_at_the_least_norm_and_others_do_not(found):
    least, formula = "|P - Y X^+| / |Y X^+|", "|P - formula| / |Y X^+|"
    assert max(record["ours"] for record in select(found, quantity=least, start="zero")) < 1e-9
    others = select(found, quantity=least, start="nonzero")
    assert min(record["ours"] for record in others) > 0.01
    assert all(record["agrees"] is None for record in others)
    assert {record["rule"] for record in others} == {"fa", "bp"}
    assert max(record["ours"] for record in select(found, quantity=formula)) < 1e-9


def test_chi_from_the_feedback(found):
    """beta_1 / 2 and beta_1^2 beta_2 / 16, of feedback drawn here from the stream's definition."""
    for depth, hidden in ((2, (5,)), (3, (5, 7))):
        rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(2,)))
        shapes = zip(hidden, (*hidden[1:], 1), strict=True)
        matrices = [rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes]
        if depth == 2:
            expected = (matrices[0] ** 2).sum() / 2
        else:
            expected = ((matrices[0] @ matrices[1]) ** 2).sum() ** 2 * (matrices[1] ** 2).sum() / 16
        (record,) = select(found, quantity="chi", depth=depth)
        assert record["ours"] == pytest.approx(expected, rel=1e-12)


def test_counterexamples(found):
    broken = [record for record in found.records if record["at_least"] == 1e-3]
    assert {(record["outputs"], record["start"]) for record in broken} == {(1, "nonzero"), (2, "zero")}
    assert min(record["ours"] for record in broken) > 1e-3
    spans = {
        record["rule"]: record["ours"]
        for record in select(found, quantity="rows of dW_1/dt stay in the span of the inputs")
    }
    assert spans == dict.fromkeys(("fa", "bp", "dfa", "sign", "kp"), True) | {"fa with decay": False}


def test_paths_to_a_line_by_a_typed_flow():
    plane = paths_to_a_line()
    x, y = np.array([1.2, 0.6]), 1.2

    def velocity(_, w):
        error = (y - w[2] * (w[:2] @ x)) * x
        return [*error, error @ w[:2]]

    for start, path, end in zip(LINE_STARTS, plane.paths, plane.ends, strict=True):
        done = solve_ivp(velocity, (0, 30), [*start, float(any(start))], "DOP853", rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(path[-1], done.y[2, -1] * done.y[:2, -1], atol=1e-8)
        np.testing.assert_allclose(path[-1], end, atol=1e-8)
        assert end @ x == pytest.approx(y)
    np.testing.assert_allclose(plane.ends[0], x * y / (x @ x), atol=1e-14)
    assert np.linalg.norm(plane.ends[0]) < np.linalg.norm(plane.ends[1:], axis=1).min()


def test_curved_paths_differ_by_depth_and_end_together():
    plane = curved_paths((1, 2, 3))
    np.testing.assert_allclose(plane.paths[:, -1], np.full((3, 2), (0.6, 1.2)), atol=1e-8)
    t = np.linspace(0.0, 120.0, 4801)
    one = np.array([0.6, 1.2]) * -np.expm1(-np.outer(t, [3.0, 0.3]))
    np.testing.assert_allclose(plane.paths[0], one, atol=1e-9)
    # where the first coordinate is half done, the second is further behind the deeper the network is
    second = [
        np.interp(0.3, path[: np.argmax(path[:, 0]), 0], path[: np.argmax(path[:, 0]), 1]) for path in plane.paths
    ]
    assert second[0] > second[1] > second[2]


def test_files_and_figure(found, tmp_path):
    written = found.save(tmp_path)
    assert [path.suffix for path in written] == [".png", ".nc"]
    with xarray.open_dataset(written[1], engine="h5netcdf") as file:
        data = file.load()
    assert all({"description", "units"} <= set(data[name].attrs) for name in data.data_vars)
    assert float(data["bound_share"].max()) <= 1
    figure = plot_minimum_norm(data)
    assert [axes.get_xlabel().split("(")[1] for axes in figure.axes] == [
        "output per input)",
        "output per input)",
        r"learning rate $\times$ steps)",
    ]
    assert all("(" in axes.get_ylabel() for axes in figure.axes)
    assert len(plot_loss_bound(data.drop_vars("bound_share")).lines) == 1  # the bound alone


def test_sentences(found):
    claim, form, seen = found.sentences
    assert "abstract" in claim
    assert "not the paper's" in form
    assert "observed here, not proved" in form
    assert f"{len(select(found, quantity='|P - Y X^+| / |Y X^+|'))} of" in seen


def test_several_outputs_alone_have_no_mirror():
    alone = reproduce("robertson2024-minimum-norm", depths=(2, 2), outputs=(2,), n_inputs=5, n_samples=2, width=4)
    assert "bound_share" not in alone.dataset
    assert not any(record["quantity"] == "chi" for record in alone.records)
    assert "|" in repr(alone)


def test_data():
    task = problem(6, 3, 2, 7)
    assert (task.input_rank, task.n_outputs, task.best_loss < 1e-12) == (3, 2, True)
    np.testing.assert_array_equal(task.inputs, problem(6, 3, 2, 7).inputs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_samples": 12}, r"^n_samples: 12 given, expected fewer than n_inputs = 12"),
        ({"depths": (0, 2)}, r"^depths: .* expected whole numbers from 1 to 5"),
        ({"outputs": 0}, r"^outputs: "),
        ({"draws": 0}, r"^draws: "),
        ({"width": 2.5}, r"^width: "),
        ({"seed": -1}, r"^seed: "),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(InputError, match=words):
        reproduce("robertson2024-minimum-norm", **options)
