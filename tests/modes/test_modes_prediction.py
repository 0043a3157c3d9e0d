"""What the theorem on ordering by convexity predicts, against exact and independently integrated learning times."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import fa_dynamics as fa
from fa_dynamics.measures.learning import order_of_learning
from fa_dynamics.modes.convexity import convexity
from fa_dynamics.modes.prediction import predict_order

TABLE = np.array([4.0, 2.0, 1.0, 0.5, 0.25])
LEVELS = (0.02, 0.3, 0.5, 0.9, 0.99)


def factors(b):
    """c_l = b_{l+1} .. b_L."""
    return np.append(np.cumprod(np.asarray(b, dtype=float)[::-1])[::-1], 1.0)


def shared(sigma, theta, b, curvature=1.0, level=None):
    """The prediction for modes that share their start and feedback."""
    modes = np.ones(len(sigma))
    return predict_order(sigma, curvature, np.outer(theta, modes), np.outer(factors(b), modes), level=level)


def found(sigma, theta, b, level, curvature=1.0):
    return fa.solve_modes(sigma, curvature, len(theta), "fa", theta, b, t=[1.0]).order(level)


def typed_times(sigma, theta, b, level, t_end):
    """Learning times by integrating the chain as it stands on paper, and scanning its dense output."""
    times = []
    for s in sigma:

        def velocity(_, weights, s=s):
            error = s - np.prod(weights)
            return [c * np.prod(weights[:layer]) * error for layer, c in enumerate(factors(b))]

        run = solve_ivp(velocity, (0, t_end), theta, method="DOP853", rtol=1e-11, atol=1e-13, dense_output=True)
        t = np.linspace(0, t_end, 4001)

        def excess(t, s=s, solution=run.sol):
            return np.abs(solution(t).prod(axis=0) - s) - (1 - level) * abs(s)

        last = np.flatnonzero(excess(t) > 0)[-1]
        times.append(brentq(excess, t[last], t[last + 1], xtol=1e-13))
    return np.array(times)


def random_sets(depth, count, seed):
    """Modes of both signs, some with zeros in their start, some with positive feedback, some of unequal curvature."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        modes = int(rng.integers(2, 6))
        signs = rng.choice([-1, 1]) if rng.random() < 0.7 else rng.choice([-1, 1], modes)
        target = rng.uniform(0.1, 4, modes) * signs
        curvature = np.ones(modes) if rng.random() < 0.6 else rng.uniform(0.5, 2, modes)
        theta = rng.normal(size=depth) * rng.choice([0.3, 1, 3]) * (rng.random(depth) < 0.7)
        b = rng.normal(size=depth - 1)
        yield target, curvature, np.abs(theta) if rng.random() < 0.2 else theta, np.abs(b) if rng.random() < 0.4 else b


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("level", [None, 0.4])
def test_predictions_come_true(depth, level):
    """Thousands of random sets; all modes with a prediction are solved at once."""
    sets = []
    for target, curvature, theta, b in random_sets(depth, 500, seed=depth):
        prediction = shared(target * curvature, theta, b, curvature, level)
        if prediction is not None:
            sets.append((target, curvature, theta, b, prediction))
    verdicts = [entry[-1].verdict for entry in sets]
    assert verdicts.count("principal-first") > 80
    assert verdicts.count("negligible-first") >= 3
    sigma = np.concatenate([target * curvature for target, curvature, *_ in sets])
    curvatures = np.concatenate([curvature for _, curvature, *_ in sets])
    theta = np.concatenate([np.outer(theta, np.ones(len(target))) for target, _, theta, *_ in sets], axis=1)
    b = np.concatenate([np.outer(b, np.ones(len(target))) for target, _, _, b, _ in sets], axis=1)
    curves = fa.solve_modes(sigma, curvatures, depth, "fa", theta, b, t=[1.0])
    for tried in LEVELS if level is None else (level,):
        times, begin = curves.learning_times(tried), 0
        for target, curvature, *_, prediction in sets:
            own = slice(begin, begin := begin + len(target))
            order = order_of_learning(times[own], target, curvature)
            assert order.verdict in (prediction.verdict, "simultaneous"), (target, prediction, tried)


@pytest.mark.parametrize(
    ("name", "theta", "verdict", "statement"),
    [
        ("A", (0, 0), "principal-first", "regularisation"),
        ("B", (0, 5), "principal-first", "regularisation"),
        ("C", (0, -5), "principal-first", "regularisation"),
        ("D", (-4, 0), "negligible-first", "anti-regularisation"),
        ("E", (4, 0), "principal-first", "regularisation"),
        ("H", (-2, 0, 2), "negligible-first", "order-convexity"),
    ],
)
def test_rows_of_the_table(name, theta, verdict, statement):
    b = [1.0] * (len(theta) - 1)
    prediction = shared(TABLE, theta, b)
    assert (prediction.verdict, prediction.statement) == (verdict, f"girotti2021.{statement}")
    for level in LEVELS:
        order = found(TABLE, theta, b, level)
        # Row B is nearly simultaneous: two of its times tie within 1e-6.
        assert order.rank_correlation * (-1 if verdict == "principal-first" else 1) >= (0.9 if name == "B" else 1)
        assert order.verdict in (verdict, "simultaneous")


def test_ghost_and_fold_of_the_table():
    """Row D' where it is not decided by rounding, and row F, whose strongest mode crosses, beyond the theorem."""
    a = np.sqrt(3) * 4 ** (1 / 3)
    assert shared(TABLE, (-a * (1 + 1e-12), 0), [1.0]).statement == "girotti2021.anti-regularisation"
    assert found(TABLE, (-a * (1 + 1e-12), 0), [1.0], 0.5).verdict == "negligible-first"
    assert shared(TABLE, (-a * (1 - 1e-6), 0), [1.0]) is None
    assert shared(TABLE, (-2.726, 0), [1.0]) is None


@pytest.mark.parametrize(
    ("sigma", "theta", "b"),
    [
        ([3.0, 1.0, 0.4], (0.7, -0.5), [0.8]),
        ([-0.5, -1.5, -3.0], (-2.6, 0.0), [-1.0]),
        ([2.0, -1.2, 0.5], (0.0, 0.3, 0.6), [0.9, 1.1]),
        ([2.0, 1.0], (-2.0, 0.0, 2.0), [1.0, 1.0]),
        ([3.0, 1.5, 0.8], (0.5, 0.0, 0.3, 0.2), [1.0, 0.7, 1.2]),
    ],
)
def test_against_the_chain_on_paper(sigma, theta, b):
    prediction = shared(sigma, theta, b)
    assert prediction is not None
    for level in (0.1, 0.5, 0.95):
        times = typed_times(sigma, theta, b, level, t_end=20.0)
        ranked = times[np.argsort(-np.abs(sigma))]
        steps = np.diff(ranked) if prediction.verdict == "principal-first" else -np.diff(ranked)
        assert (steps > 0).all()


class TestHypothesesMatter:
    def test_start_of_the_same_sign_as_the_target(self):
        """Residuals are ordered, p'' = 3 theta_1 > 0, but the weakest mode starts inside its band."""
        theta, sigma = (1.0, 0.5), [4.0, 2.0, 1.0]
        assert shared(sigma, theta, [1.0]) is None
        assert found(sigma, theta, [1.0], 0.3).verdict == "negligible-first"
        t = np.linspace(0, 3, 50)
        strength = fa.solve_modes(sigma, 1.0, 2, "fa", theta, 1.0, t=t).strength
        residual = (np.array(sigma) - strength) / (np.array(sigma) - 0.5)
        assert (np.diff(residual[1:], axis=1) > 0).all()

    def test_start_of_the_other_sign_under_anti_regularisation(self):
        """p'' <= 0 on the way, but modes have to pass zero first, which the strong ones do sooner."""
        theta = (-4.0, 0.1)
        c = np.ones((2, 1))
        assert convexity(np.array([[-4.0], [0.1]]), c, np.zeros(1), np.array([0.5])).concave[0]
        assert shared(TABLE, theta, [1.0]) is None
        assert shared(TABLE, theta, [1.0], level=0.5) is None
        assert found(TABLE, theta, [1.0], 0.5).rank_correlation < 0
        assert found(TABLE, (-4.0, 0.0), [1.0], 0.5).rank_correlation == 1

    def test_critical_target_inside_the_spectrum(self):
        """sigma_c = (2 / sqrt 3)^3 = 1.54: the two strongest modes cross."""
        theta = (-2.0, 0.0)
        assert shared(TABLE, theta, [1.0]) is None
        assert found(TABLE, theta, [1.0], 0.99).verdict == "mixed"
        assert shared(TABLE[2:], theta, [1.0]).verdict == "negligible-first"
        assert found(TABLE[2:], theta, [1.0], 0.99).verdict == "negligible-first"

    def test_sign_of_the_feedback(self):
        """b sigma >= 0 and b theta_1(0) >= 0 do not suffice: the mirror image of row D has both."""
        prediction = shared(-TABLE, (-4.0, 0.0), [-1.0])
        assert prediction.verdict == "negligible-first"
        assert found(-TABLE, (-4.0, 0.0), [-1.0], 0.5).verdict == "negligible-first"

    def test_targets_of_both_signs(self):
        """Residuals are ordered by s, not by |s|, unless theta_1(0) = 0."""
        sigma = [2.0, -1.9, 1.0]
        assert shared(sigma, (1.0, 0.0), [1.0]) is None
        assert found(sigma, (1.0, 0.0), [1.0], 0.5).verdict == "mixed"
        assert shared(sigma, (0.0, 0.4), [1.0]).verdict == "principal-first"
        assert found(sigma, (0.0, 0.4), [1.0], 0.5).verdict == "principal-first"

    def test_shared_start(self):
        theta = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
        assert predict_order([4, 2, 1], 1.0, theta, np.ones((2, 3))) is None
        assert fa.solve_modes([4, 2, 1], start=theta, t=[1.0]).order(0.9).verdict == "mixed"


class TestLevel:
    @pytest.mark.parametrize("level", [0.5, 0.9])
    def test_concave_with_small_strength_at_the_start(self, level):
        """p(0) = 0.04 > 0 and s >= 0.25: outside the band at level 0.5, inside at level 0.1."""
        theta = (-4.0, -0.01)
        assert shared(TABLE, theta, [1.0]) is None
        assert shared(TABLE, theta, [1.0], level=level).verdict == "negligible-first"
        assert found(TABLE, theta, [1.0], level).verdict == "negligible-first"
        assert shared(TABLE, theta, [1.0], level=0.05) is None
        assert found(TABLE, theta, [1.0], 0.05).verdict == "mixed"

    def test_far_beyond_the_targets(self):
        """p(0) = 9 is more than twice each target."""
        assert shared(TABLE, (3.0, 3.0), [1.0]).verdict == "principal-first"
        for level in LEVELS:
            assert found(TABLE, (3.0, 3.0), [1.0], level).verdict == "principal-first"

    def test_strongest_mode_at_rest(self):
        """s = p(0) = 4 is learned from the start, the others later."""
        assert shared([4, 3, 1], (2.0, 2.0), [1.0]) is None
        assert found([4, 3, 1], (2.0, 2.0), [1.0], 0.5).verdict == "mixed"
        assert shared([4, 3, 1], (2.0, 2.0), [1.0], level=0.9).verdict == "principal-first"
        assert found([4, 3, 1], (2.0, 2.0), [1.0], 0.9).verdict == "principal-first"

    @pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
    def test_bad_level(self, level):
        with pytest.raises(fa.InputError, match="level"):
            shared([2, 1], (0, 0), [1.0], level=level)


@pytest.mark.parametrize(
    ("sigma", "theta", "b"),
    [
        ([1.0], (0, 0), [1.0]),
        ([2.0, 2.0, -2.0], (0, 0), [1.0]),
        ([2.0, 0.0], (0, 0), [1.0]),
        ([2.0, 1.0], (0, 0), [0.0]),
        ([2.0, 1.0], (1.0, 0), [0.0]),
        ([2.0, 1.0], (0.0,), []),
        ([2.0, 1.0], (1e200, 1e200, 1.0), [1.0, 1.0]),
    ],
)
def test_nothing_is_predicted(sigma, theta, b):
    """One mode, tied targets, one target, a chain that never moves, uniform decay, one layer, overflow."""
    assert shared(sigma, theta, b) is None


def test_modes_without_target_are_left_out():
    theta, c = np.zeros((2, 4)), np.ones((2, 4))
    theta[:, 2:] = 7.0
    prediction = predict_order([2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 0.0], theta, c)
    assert prediction.verdict == "principal-first"
    curves = fa.solve_modes([2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 0.0], start=theta, t=[1.0])
    assert curves.order(0.5).verdict == "principal-first"


def test_positive_deep_start():
    prediction = shared(TABLE, (0.3, 0.0, 0.2, 0.5), [0.5, 1.0, 2.0])
    assert prediction.statement == "girotti2021.regularisation"
    assert "theta(0) >= 0" in str(prediction)


def test_shapes_that_do_not_match():
    with pytest.raises(fa.InputError, match=r"^theta: shape"):
        predict_order([2.0, 1.0], 1.0, np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(fa.InputError, match=r"^c: shape"):
        predict_order([2.0, 1.0], 1.0, np.zeros((2, 2)), np.ones((3, 2)))
    with pytest.raises(fa.InputError, match=r"^curvature: shape"):
        predict_order([2.0, 1.0], [1.0, 1.0, 1.0], np.zeros((2, 2)), np.ones((2, 2)))


NUMBER = st.floats(-3, 3).map(lambda value: round(value, 3))


@settings(max_examples=60, deadline=None)
@given(
    theta=st.lists(NUMBER, min_size=2, max_size=4),
    b=st.lists(NUMBER, min_size=3, max_size=3),
    layers=st.tuples(st.booleans(), st.booleans()),
)
def test_mirror_images_have_the_same_order(theta, b, layers):
    """(theta_1, sigma) -> -(theta_1, sigma) where nothing else moves, and (theta_L, b_L, sigma) -> -(..)."""
    sigma = np.array([3.0, 1.5, 0.7])
    given_b = np.array(b[: len(theta) - 1])
    original = shared(sigma, theta, given_b)
    mirrored, turned, sign = np.array(theta), given_b.copy(), 1.0
    if layers[0]:  # theta_1 and the feedback above it: c_1 stays, c_l of the layers above turn with their error
        mirrored[0], sign = -mirrored[0], -sign
    if layers[1]:
        mirrored[-1], turned[-1], sign = -mirrored[-1], -turned[-1], -sign
    image = shared(sign * sigma, mirrored, turned)
    assert (original is None) == (image is None)
    if original is not None:
        assert original.verdict == image.verdict


@settings(max_examples=150, deadline=None)
@given(theta=st.lists(NUMBER, min_size=1, max_size=4), b=st.lists(NUMBER, min_size=3, max_size=3), end=NUMBER)
def test_convexity_against_samples(theta, b, end):
    """p'' from polynomials that NumPy integrates; where a mask is set, no sample contradicts it."""
    c = factors(b[: len(theta) - 1])
    low, high = min(end, 0.0), max(end, 0.0)
    masks = convexity(np.array(theta)[:, None], c[:, None], np.array([low]), np.array([high]))
    strength = np.polynomial.Polynomial([1.0])
    for start, factor in zip(theta, c, strict=True):
        strength = strength * ((factor * strength).integ() + start)
    second = strength.deriv(2)
    values = second(np.linspace(low, high, 200))
    noise = 1e-9 * (1 + np.abs(second.coef).max() * max(1.0, abs(end)) ** len(second.coef))
    assert not masks.convex[0] or values.min() >= -noise
    assert not masks.concave[0] or values.max() <= noise
    # and a sign that samples show clearly is found
    assume(len(theta) > 1)
    assert values.min() < noise or masks.convex[0]
    assert values.max() > -noise or masks.concave[0]
