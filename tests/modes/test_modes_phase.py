"""Phase diagrams against single solutions, hand formulas for folds, and the order of one set of times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.measures.learning import order_of_learning
from fa_dynamics.modes.phase import phase_diagram
from fa_dynamics.modes.ranking import VERDICTS, rank_orders

TABLE = [4.0, 2.0, 1.0, 0.5, 0.25]


def polynomial(theta, c):
    """p(tau) from the definition, by integration of powers."""
    strength = np.polynomial.Polynomial([1.0])
    for start, factor in zip(theta, c, strict=True):
        strength = strength * ((factor * strength).integ() + start)
    return strength


CASES = {
    "two layers": (TABLE, {}),
    "start against feedback": (TABLE, {"y": "b_2", "y_range": (-2, 3), "level": 0.9}),
    "feedback on x": ([2.0, 1.0], {"x": "b_2", "y": "theta_1", "start": [0.0, 0.3]}),
    "three layers": ([3.0, 1.0, 0.3], {"depth": 3, "x": "theta_3", "y": "b_2", "start": [0.5, -0.2, 0.0]}),
    "direct feedback": ([3.0, 1.0], {"depth": 3, "rule": "dfa", "x": "c_1", "y": "theta_2", "start": 0.4}),
    "both signs, one without target": ([3.0, -2.0, 0.0, 1.0], {}),
    "unequal curvatures": ([3.0, 2.0, 1.0], {"curvature": [1.0, 2.0, 0.5]}),
    "no curvature": ([3.0, 2.0, 1.0], {"curvature": [1.0, 0.0, 0.5]}),
    "start of each mode": ([3.0, 2.0], {"depth": 3, "start": [[0, 0], [0, 0], [0.5, 1.0]]}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_point_is_one_solution(case):
    sigma, options = CASES[case]
    diagram = phase_diagram(sigma, points=5, **options)
    options = {"curvature": 1.0, "depth": 2, "rule": "fa", "start": 0.0, "feedback": 1.0, "level": 0.5} | options
    depth, modes = options["depth"], len(sigma)
    names = [f"theta_{layer + 1}" for layer in range(depth)]
    names += [f"b_{layer + 2}" if options["rule"] == "fa" else f"c_{layer + 1}" for layer in range(depth - 1)]
    for row, y in enumerate(np.linspace(*options.get("y_range", (-4, 4)), 5)):
        for column, x in enumerate(np.linspace(-4, 4, 5)):
            start, feedback = np.array(options["start"], float), np.ones((depth - 1, modes))
            start = np.broadcast_to(start[:, None] if start.ndim == 1 else start, (depth, modes))
            table = np.concatenate([start, feedback])
            table[names.index(options.get("x", "theta_1"))] = x
            table[names.index(options.get("y", "theta_2"))] = y
            curves = fa.solve_modes(
                sigma, options["curvature"], depth, options["rule"], table[:depth], table[depth:], t=[1.0]
            )
            times, order = curves.learning_times(options["level"]), curves.order(options["level"])
            np.testing.assert_allclose(diagram.learning_time[row, column], times, rtol=1e-9)
            correlation = diagram.rank_correlation[row, column]
            assert (None if np.isnan(correlation) else pytest.approx(correlation)) == order.rank_correlation
            assert VERDICTS[diagram.verdict[row, column]] == (order.verdict or "none")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"level": 0.95},
        {"y": "b_2"},
        {"depth": 3, "start": [0, 0, 2]},
        {"depth": 3, "x": "b_2", "y": "b_3", "start": [-2, 0, 2]},
        {"depth": 4, "x": "theta_1", "y": "b_3", "start": [0, 0.2, 0.1, 0.3]},
        {"x_range": (3, 30), "y_range": (3, 30)},
    ],
)
def test_predictions_come_true(options):
    diagram = phase_diagram(TABLE, points=25, **options)
    assert diagram.agreement == 1.0
    assert diagram.predicted_shares["none"] < 0.9
    assert sum(diagram.shares.values()) == pytest.approx(1)
    assert sum(diagram.predicted_shares.values()) == pytest.approx(1)


def test_predictions_are_those_of_single_sets():
    from fa_dynamics.modes.prediction import predict_order

    diagram = phase_diagram([3.0, 1.0], depth=3, start=[0, 0, 1.0], points=12, level=0.6)
    for row, y in enumerate(diagram.plane.y_values):
        for column, x in enumerate(diagram.plane.x_values):
            theta = np.outer([x, y, 1.0], [1, 1])
            single = predict_order([3.0, 1.0], 1.0, theta, np.ones((3, 2)), level=0.6)
            assert VERDICTS[diagram.predicted[row, column]] == (single.verdict if single else "none")


def test_nothing_is_predicted_where_modes_start_apart():
    diagram = phase_diagram([3.0, 1.0], depth=3, start=[[0, 0], [0, 0], [1.0, 1.1]], points=8)
    assert diagram.predicted_shares["none"] == 1
    assert diagram.agreement is None


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_ranking_is_order_of_learning(modes, seed):
    """Ties of times and targets, infinite times, zero targets, unequal curvatures."""
    rng = np.random.default_rng(seed)
    target = rng.choice([0.0, 1.0, -1.0, 2.0, 2.0 * (1 + 1e-7), 3.0], modes)
    curvature = np.ones(modes) if seed % 2 else rng.choice([1.0, 2.0], modes)
    times = rng.choice([0.0, 1.0, 1.0 + 1e-7, 1.005, 2.0, 5.0, np.inf], (50, modes))
    times[0] = rng.permutation(modes) / 10 + 1
    ranking = rank_orders(times, target, curvature)
    for row, correlation, verdict in zip(times, *ranking, strict=True):
        order = order_of_learning(row, target, curvature)
        assert (None if np.isnan(correlation) else pytest.approx(correlation)) == order.rank_correlation
        assert VERDICTS[verdict] == (order.verdict or "none")


def test_unknown_times_have_no_verdict():
    ranking = rank_orders(np.array([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]]), np.array([3.0, 2.0, 1.0]), np.ones(3))
    assert np.isnan(ranking.correlation[0])
    assert VERDICTS[ranking.verdict[0]] == "none"
    assert ranking.correlation[1] == -1


class TestFolds:
    def test_two_layers(self):
        """k = theta_1^2 - 2 b theta_2 = 3 (b s)^(2/3) on the fold; negative beyond."""
        diagram = phase_diagram([4.0, -1.0], curvature=[1.0, 2.0], feedback=0.7, points=31)
        x, y = np.meshgrid(diagram.plane.x_values, diagram.plane.y_values)
        folds = diagram.folds()
        for mode, s in enumerate((4.0, -0.5)):
            beyond = x**2 - 2 * 0.7 * y - 3 * abs(0.7 * s) ** (2 / 3)
            np.testing.assert_array_equal(np.sign(folds[:, :, mode]), -np.sign(beyond))

    def test_three_layers_count_zero_loss_states(self):
        """The sign changes where the number of real roots of sigma = lambda p changes by two."""
        diagram = phase_diagram([2.0, 0.5], depth=3, start=[0, 0, 1.5], feedback=[0.8, -1.2], points=15)
        folds = diagram.folds()
        numbers = set()
        for row, y in enumerate(diagram.plane.y_values):
            for column, x in enumerate(diagram.plane.x_values):
                p = polynomial([x, y, 1.5], [0.8 * -1.2, -1.2, 1.0])
                for mode, sigma in enumerate((2.0, 0.5)):
                    roots = (p - sigma).roots()
                    real = int((np.abs(roots.imag) < 1e-6 * np.abs(roots)).sum())
                    numbers.add(real)
                    assert folds[row, column, mode] * (-1) ** ((real - 1) // 2) > 0
        assert len(numbers) >= 3

    def test_pieces_make_up_the_product(self):
        diagram = phase_diagram([2.0, 0.5], depth=3, start=[0, 0, 1.5], points=12)
        folds = diagram.folds()
        for mode, pieces in diagram.fold_pieces(12, [0, 1]).items():
            product = np.prod([np.where(np.isnan(piece), 1.0, np.sign(piece)) for piece in pieces], axis=0)
            np.testing.assert_array_equal(product, np.sign(folds[:, :, mode]))

    def test_frozen_first_layer_and_modes_without_target(self):
        diagram = phase_diagram([2.0, 0.0, 1.0], y="b_2", points=5)
        folds = diagram.folds()
        assert np.isnan(folds[2, :, 0]).all()
        assert np.isnan(folds[:, :, 1]).all()
        assert np.isfinite(folds[[0, 1, 3, 4]][:, :, [0, 2]]).all()
        assert set(diagram.fold_pieces(5, [0, 1, 2])) == {0, 2}


def test_never_learned_and_at_once():
    """Feedback 0 from theta_1 = 0 never learns; a start within the band of all targets is learned at once."""
    diagram = phase_diagram([2.0, 1.0], y="b_2", points=3)
    assert np.isinf(diagram.learning_time[1, 1]).all()
    assert VERDICTS[diagram.verdict[1, 1]] == "none"
    assert np.isnan(diagram.rank_correlation[1, 1])
    at_rest = phase_diagram([1.1, 1.0], x_range=(1, 1.01), y_range=(1, 1.01), points=2)
    assert (at_rest.learning_time == 0).all()
    assert at_rest.shares["simultaneous"] == 1


def test_workers_and_progress():
    alone, told = phase_diagram(TABLE, points=40, progress=False), []
    mapped = phase_diagram(TABLE, points=40, workers=lambda f, xs: [f(x) for x in xs], progress=told.append)
    apart = phase_diagram(TABLE, points=40, workers=2, progress=False)
    for other in (mapped, apart):
        np.testing.assert_array_equal(alone.learning_time, other.learning_time)
        np.testing.assert_array_equal(alone.predicted, other.predicted)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_dataset(tmp_path):
    import xarray

    diagram = phase_diagram([3.0, -1.0], depth=3, x="theta_2", y="b_3", points=7, level=0.8)
    diagram.to_dataset().to_netcdf(tmp_path / "phase.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "phase.nc", engine="h5netcdf") as read:
        assert read["learning_time"].dims == ("b_3", "theta_2", "mode")
        np.testing.assert_array_equal(read["learning_time"], diagram.learning_time)
        np.testing.assert_array_equal(read["verdict"], diagram.verdict)
        assert read["verdict"].attrs["flag_meanings"].split() == list(VERDICTS)
        assert set(read.data_vars) >= {"theta_1", "theta_3", "b_2", "target", "fold"}
        assert all("units" in read[name].attrs for name in read.data_vars)
        assert read.attrs["level"] == 0.8


def test_words():
    text = repr(phase_diagram(TABLE, points=9))
    assert "5 modes under 'fa', depth 2, level 0.5" in text
    assert "theta_1 in [-4, 4], theta_2 in [-4, 4], 9 x 9 points" in text
    assert "principal-first" in text
    assert "100.0% of it is found" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "theta1"}, "x: 'theta1' given, .* did you mean 'theta_1'"),
        ({"y": "b_3"}, "y: 'b_3' given, .* did you mean 'b_2'"),
        ({"y": 3}, "y: 3 given"),
        ({"x": "theta_2"}, "y: 'theta_2' given, which is x"),
        ({"x_range": (1, 1)}, r"x_range: \(1, 1\) given"),
        ({"x_range": (2, 1)}, r"x_range: \(2, 1\) given"),
        ({"y_range": (0, np.inf)}, r"y_range: \(0, inf\) given"),
        ({"y_range": 3}, "y_range: 3 given, expected two numbers"),
        ({"y_range": (1, 2, 3)}, "y_range: .* expected two numbers"),
        ({"x_range": (0, 1e200)}, "x_range: start and feedback .* multiply"),
        ({"points": 1}, "points: 1 given"),
        ({"points": 2.5}, "points: 2.5 given"),
        ({"points": True}, "points: True given"),
        ({"level": 1.0}, "level: 1.0 given"),
        ({"level": 0}, "level: 0 given"),
        ({"rule": "bp"}, "rule: 'bp' has no clock"),
        ({"rule": "kp"}, "rule: 'kp' has no clock"),
        ({"depth": 7}, "depth: 7 given"),
        ({"depth": 1}, "y: 'theta_2' given"),
        ({"curvature": -1.0}, "curvature: -1 given"),
        ({"workers": 0}, "workers: 0 given"),
        ({"workers": "two"}, "workers: 'two' given"),
        ({"start": [1, 2, 3]}, "start: shape"),
    ],
)
def test_bad_use(options, words):
    with pytest.raises(fa.InputError, match=f"^{words}"):
        phase_diagram([2.0, 1.0], **{"points": 5} | options)


def test_one_mode_has_no_order():
    with pytest.raises(fa.InputError, match=r"^correlation: 1 modes given"):
        phase_diagram([2.0])
