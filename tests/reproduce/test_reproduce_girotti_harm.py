"""girotti2021-harm: early stopping on noisy data, against closed forms and a typed flow."""

from __future__ import annotations

import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from fa_dynamics.errors import InputError
from fa_dynamics.plots.harm import plot_harm
from fa_dynamics.reproduce import reproduce
from fa_dynamics.reproduce.harm_runs import best_moment, drawn, starts, stop

SETTING = {"n_inputs": 8, "n_outputs": 5, "rank": 2, "noise": 0.5, "n_samples": 30, "draws": 3, "seed": 1}


@pytest.fixture(scope="module")
def found():
    return reproduce("girotti2021-harm", **SETTING)


@pytest.fixture(scope="module")
def sets():
    return drawn(8, 5, 2, 0.5, 30, 3, 1)


def ours(found, start, quantity):
    return [r["ours"] for r in found.records if (r["start"], r["quantity"]) == (start, quantity)]


def test_modes_of_the_training_data_are_joint(sets):
    for draw in sets:
        np.testing.assert_allclose(draw.train.input_moment, np.eye(8), atol=1e-12)
        assert draw.train.modes.jointly_diagonal


def test_test_error_from_fresh_samples(sets):
    """Against a mean over many new inputs, which are whitened by the map of the training data."""
    draw = sets[0]
    P = draw.train.least_squares
    teacher = draw.population.least_squares
    rng = np.random.default_rng(5)
    x = rng.standard_normal((200_000, 8))
    gap = x @ teacher.T - (x @ draw.train.input_map.T) @ P.T
    assert draw.test_error(P) == pytest.approx(0.5 * (gap**2).sum(axis=1).mean(), rel=0.01)
    assert draw.trained == pytest.approx(float(draw.test_error(P)))
    # trained to the end is ordinary least squares on the raw inputs, whatever the whitening
    inputs = draw.train.inputs @ np.linalg.pinv(draw.train.input_map).T
    ordinary = np.linalg.lstsq(inputs, draw.train.targets, rcond=None)[0].T
    assert draw.trained == pytest.approx(0.5 * ((ordinary - teacher) ** 2).sum(), rel=1e-10)


def test_draws_share_the_teacher_and_nothing_else(sets):
    assert all(draw.population is sets[0].population for draw in sets)
    assert np.abs(sets[0].train.cross_moment - sets[1].train.cross_moment).max() > 1e-2
    again = drawn(8, 5, 2, 0.5, 30, 1, 1)
    np.testing.assert_array_equal(again[0].train.targets, sets[0].train.targets)


def test_one_layer_is_uniform_shrinking(sets, found):
    """P = (1 - exp(-t)) P_*: the best factor in closed form."""
    for draw, best, time in zip(
        sets,
        ours(found, "one layer", "best test error"),
        ours(found, "one layer", "time of the best test error"),
        strict=True,
    ):
        P, W = draw.train.least_squares @ draw.train.input_map, draw.population.least_squares
        factor = (P * W).sum() / (P * P).sum()
        assert 0 < factor < 1
        assert best == pytest.approx(0.5 * ((factor * P - W) ** 2).sum(), rel=1e-8)
        assert time == pytest.approx(-np.log(1 - factor), rel=1e-4)


def test_backpropagation_by_its_sigmoid(sets, found):
    for draw, best in zip(sets, ours(found, "BP", "best test error"), strict=True):
        modes = draw.train.modes
        s, p0 = modes.target, 1e-6 * modes.target.max()

        def error(t, modes=modes, s=s, p0=p0, draw=draw):
            p = s / (1 + (s / p0 - 1) * np.exp(-2 * s * t))
            P = (modes.output_basis * p) @ modes.input_basis.T @ draw.train.input_map
            return 0.5 * ((P - draw.population.least_squares) ** 2).sum()

        t = np.geomspace(0.1, 200, 2001)
        lowest = t[np.argmin([error(time) for time in t])]
        exact = minimize_scalar(error, bounds=(lowest * 0.99, lowest * 1.01), method="bounded").fun
        assert best == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "distance"), [("FA zero", 0.0), ("FA far", 4.0), ("FA near", np.sqrt(3) * 4.2 ** (1 / 3))]
)
def test_feedback_alignment_by_a_typed_chain(sets, found, name, distance):
    draw = sets[1]
    modes = draw.train.modes
    s = modes.target

    def velocity(_, y):
        error = s - y[:5] * y[5:]
        return np.concatenate([error, y[:5] * error])

    start = np.repeat([-distance * np.cbrt(s[0] / 4), 0.0], 5)
    done = solve_ivp(velocity, (0, 15), start, "DOP853", rtol=1e-11, atol=1e-13, dense_output=True)

    def error(t):
        y = done.sol(t)
        P = (modes.output_basis * (y[:5] * y[5:])) @ modes.input_basis.T @ draw.train.input_map
        return 0.5 * ((P - draw.population.least_squares) ** 2).sum()

    t = np.linspace(0, 15, 6001)
    errors = [error(time) for time in t]
    lowest = t[np.argmin(errors)]
    exact = minimize_scalar(
        error, bounds=(max(lowest - 0.01, 0), lowest + 0.01), method="bounded", options={"xatol": 1e-9}
    )
    best = ours(found, name, "best test error")[1]
    if ours(found, name, "time of the best test error")[1] is None:
        assert best == pytest.approx(draw.trained)
        assert exact.fun > draw.trained * (1 - 2e-6)
    else:
        assert best == pytest.approx(exact.fun, rel=1e-6)


def test_what_the_experiment_says(found):
    means = {
        name: np.mean(ours(found, name, "best over trained"))
        for name in ("BP", "one layer", "FA zero", "FA far", "FA near")
    }
    assert max(means["BP"], means["FA zero"]) < 0.6 < means["one layer"] < means["FA far"] <= means["FA near"] <= 1
    asked = [record for record in found.records if record["agrees"] is not None]
    assert len(asked) == 5 + 2 * 3
    assert all(record["agrees"] for record in asked)
    for name, mean in means.items():
        assert ours(found, name, "mean of best over trained") == [pytest.approx(mean)]
    assert "6 of 6 runs" in found.sentences[2]
    assert "on data it is observed" in found.sentences[1]


def test_far_and_near_are_above_the_fold():
    """sigma_c = (a / sqrt(3))^3 exceeds the largest target by 3.08 and by 1.05, whatever that is."""
    _, _, zero, far, near = starts(1e-3)
    for target in (0.3, 4.0, 20.0):
        assert (abs(far.theta(target)[0]) / np.sqrt(3)) ** 3 / target == pytest.approx(16 / 3**1.5)
        assert (abs(near.theta(target)[0]) / np.sqrt(3)) ** 3 / target == pytest.approx(1.05)
        assert zero.theta(target) == (0.0, 0.0)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_stops_are_never_worse_than_the_end(seed, noise):
    (draw,) = drawn(5, 4, 1, noise, 20, 1, seed)
    for start in starts(1e-3)[1:]:
        found = stop(draw, start)
        assert 0 <= found.best_error <= found.trained
        assert found.best_error <= found.error.min() * (1 + 1e-9) or not np.isfinite(found.best_time)
        assert found.difference < 1e-7


def test_without_noise_there_is_nothing_to_stop_for():
    """The counterexample: every start ends at the teacher."""
    (draw,) = drawn(6, 4, 2, 1e-9, 20, 1, 3)
    assert draw.trained < 1e-16
    for start in starts(1e-3)[1:]:
        assert stop(draw, start).error[-1] < 1e-8


def test_best_moment():
    t = np.linspace(0, 10, 101)
    assert best_moment(lambda time: 1 + (time - 3.33) ** 2, t, 1 + (t - 3.33) ** 2, 5.0) == pytest.approx((3.33, 1.0))
    assert best_moment(lambda time: 1 + np.exp(-time), t, 1 + np.exp(-t), 1.0) == (np.inf, 1.0)
    assert best_moment(lambda time: 1 + time, t, 1 + t, 11.0)[0] < 1e-3


def test_fewer_samples_than_inputs():
    """Directions that no sample has stay at zero, where the test error is that of the teacher there."""
    (draw,) = drawn(8, 4, 2, 0.3, 5, 1, 0)
    assert draw.train.n_inputs == 5
    assert draw.test_error(np.zeros((4, 5))) == pytest.approx(0.5 * (draw.population.least_squares**2).sum())


def test_files_and_figure(found, tmp_path):
    written = found.save(tmp_path)
    with xarray.open_dataset(written[1], engine="h5netcdf") as file:
        data = file.load()
    assert all({"description", "units"} <= set(data[name].attrs) for name in data.data_vars)
    assert float(data["best_test_error"].sel(start="BP", draw=0)) == ours(found, "BP", "best test error")[0]
    figure = plot_harm(data)
    assert len(figure.axes) == 3
    assert "learning rate" in figure.axes[0].get_xlabel()
    assert len(figure.legends[0].get_texts()) == 5


def test_one_draw_has_no_spread():
    single = reproduce("girotti2021-harm", draws=1, n_inputs=4, n_outputs=3, n_samples=15)
    assert "nan" not in repr(single)
    assert "+-" not in single.sentences[2]
    assert ours(single, "BP", "standard deviation of best over trained") == [None]
    plot_harm(single.dataset)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 11}, r"^rank: 11 given, expected at most 10"),
        ({"noise": 0.0}, r"^noise: 0.0 given, expected a number > 0"),
        ({"n_samples": 1}, r"^n_samples: "),
        ({"draws": 0}, r"^draws: "),
        ({"bp_start": 1.0}, r"^bp_start: "),
        ({"seed": -1}, r"^seed: "),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(InputError, match=words):
        reproduce("girotti2021-harm", **options)
