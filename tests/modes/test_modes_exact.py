"""ExactModes against 60-digit arithmetic: random chains of depth 2 to 4, and hard places one by one."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest
from reference_modes import by_quadrature, fold_reference, reference

import fa_dynamics as fa
from fa_dynamics.modes import ExactModes, integrate_chain
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.conditioning import condition, error_bound

EPS = 2.0**-52


def factors(b):
    """c_1..c_L from b_2..b_L, (L, modes)."""
    b = np.asarray(b, dtype=float)
    return np.concatenate([np.cumprod(b[::-1], axis=0)[::-1], np.ones((1, b.shape[1]))])


def solved(theta, b, sigma, curvature):
    """ExactModes of one chain."""
    column = np.asarray(b, dtype=float).reshape(-1, 1)
    start = np.array(theta, dtype=float)[:, None]
    return ExactModes(ClockMotion(start, np.array([sigma]), np.array([curvature]), factors(column)))


def judge(p, bound, kappa, exact, theta, sigma, curvature, label=""):
    """The two criteria: a few ulps beyond conditioning, and a bound that is one."""
    target = abs(sigma / curvature) if curvature else 0.0
    floor = 1e-3 * max(target, abs(float(np.prod(theta))))
    for k, value in enumerate(exact):
        true = float(abs(mp.mpf(float(p[k])) - value))
        allowed = 1e-12 * max(float(abs(value)), floor) + 10 * EPS * kappa[k]
        assert true <= allowed, f"{label} time {k}: {p[k]!r} differs from {mp.nstr(value, 20)} by {true}; > {allowed}"
        assert true <= bound[k], f"{label} time {k}: error {true} exceeds its bound {bound[k]}"


def check(theta, b, sigma, curvature, t, exact=None):
    modes, t = solved(theta, b, sigma, curvature), np.asarray(t, dtype=float)
    if exact is None:
        exact = reference(theta, b, sigma, curvature, t)
    p, bound, kappa = modes.strength(t)[:, 0], error_bound(modes, t)[:, 0], condition(modes, t)[:, 0]
    assert np.isfinite(p).all()
    assert np.isfinite(bound).all()
    judge(p, bound, kappa, exact, theta, sigma, curvature)
    np.testing.assert_allclose(modes.weights(t).prod(axis=0)[:, 0], p, rtol=0, atol=2 * bound.max())


def drawn(depth, count):
    rng = np.random.default_rng([20, depth])

    def spread(decades, *shape):
        sign = rng.choice([-1.0, 1.0], shape)
        return sign * 10.0 ** rng.uniform(-decades / 2, decades / 2, shape)

    return {
        "theta": spread(4, depth, count),
        "b": spread(3, depth - 1, count),
        "sigma": spread(6, count),
        "curvature": np.abs(spread(2, count)),
        "t": np.sort(10.0 ** rng.uniform(-6, 6, 60)),
        "chosen": np.sort(np.array([rng.choice(60, 4, replace=False) for _ in range(count)]), axis=1),
    }


@pytest.mark.parametrize(("depth", "count"), [(2, 280), (3, 170), (4, 50)])
def test_random_chains(depth, count):
    """Both signs of everything; times over twelve decades around 1 / curvature."""
    case = drawn(depth, count)
    modes = ExactModes(ClockMotion(case["theta"], case["sigma"], case["curvature"], factors(case["b"])))
    t = case["t"]
    p, bound, kappa = modes.strength(t), error_bound(modes, t), condition(modes, t)
    failures = []
    for k in range(count):
        theta, b, sigma, curvature = case["theta"][:, k], case["b"][:, k], case["sigma"][k], case["curvature"][k]
        at = case["chosen"][k]
        exact = reference(theta, b, sigma, curvature, t[at])
        label = f"chain {k}, theta {theta.tolist()}, b {b.tolist()}, sigma {sigma!r}, lambda {curvature!r}, t {t[at]}"
        try:
            judge(p[at, k], bound[at, k], kappa[at, k], exact, theta, sigma, curvature, label)
        except AssertionError as problem:
            failures.append(str(problem))
    assert not failures, f"{len(failures)} of {count}: " + "\n".join(failures[:5])


TIMES = [0.0, 1e-6, 1e-2, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4, 1e6]
FOLD = -np.sqrt(3) * 4 ** (1 / 3)  # theta_1 at which sigma = 4 = sigma_c, theta_2 = 0, b = lambda = 1

HARD = {
    "fold to the last bit": ([FOLD, 0.0], [1.0], 4.0, 1.0),
    "one ulp to the ghost": ([np.nextafter(FOLD, 0), 0.0], [1.0], 4.0, 1.0),
    "one ulp to the resting side": ([np.nextafter(FOLD, -9), 0.0], [1.0], 4.0, 1.0),
    "ghost 1e-12": ([FOLD * (1 - 1e-12), 0.0], [1.0], 4.0, 1.0),
    "ghost 1e-8": ([FOLD * (1 - 1e-8), 0.0], [1.0], 4.0, 1.0),
    "ghost 1e-4": ([FOLD * (1 - 1e-4), 0.0], [1.0], 4.0, 1.0),
    "ghost of the table": ([-2.726, 0.0], [1.0], 4.0, 1.0),
    "rest 1e-12": ([FOLD * (1 + 1e-12), 0.0], [1.0], 4.0, 1.0),
    "rest 1e-8": ([FOLD * (1 + 1e-8), 0.0], [1.0], 4.0, 1.0),
    "rest 1e-4": ([FOLD * (1 + 1e-4), 0.0], [1.0], 4.0, 1.0),
    "start at a stable rest": ([2.0, 0.5], [1.0], 1.0, 1.0),
    "start at an unstable rest": ([-1.0, -1.0], [0.3], 1.0, 1.0),
    "one ulp above an unstable rest": ([-1.0, np.nextafter(-1.0, 0)], [1.0], 1.0, 1.0),
    "one ulp below an unstable rest": ([-1.0, np.nextafter(-1.0, -2)], [1.0], 1.0, 1.0),
    "one ulp beside a stable rest": ([2.0, np.nextafter(0.5, 1)], [1.0], 1.0, 1.0),
    "zero start": ([0.0, 0.0], [1.0], 4.0, 1.0),
    "zero start, depth 3": ([0.0, 0.0, 0.0], [1.0, 0.7], 4.0, 1.0),
    "zero start, depth 4": ([0.0] * 4, [1.0, 0.7, -1.3], 4.0, 1.0),
    "no target": ([0.7, 0.4], [1.0], 0.0, 1.0),
    "no target, wrong way": ([-0.7, 0.4], [1.0], 0.0, 1.0),
    "feedback 1e-3": ([0.5, 0.1], [1e-3], 1.0, 1.0),
    "feedback 1e-8": ([0.5, 0.1], [1e-8], 1.0, 1.0),
    "feedback -1e-8": ([-0.5, 0.1], [-1e-8], -1.0, 1.0),
    "feedback 0": ([0.5, 0.1], [0.0], 1.0, 1.0),
    "feedback 0 below": ([0.5, 0.1, 0.2], [0.0, 1.0], 1.0, 1.0),
    "feedback 0 above": ([0.5, 0.1, 0.2], [1.0, 0.0], 1.0, 1.0),
    "feedback 0, dead": ([0.0, 0.1], [0.0], 1.0, 1.0),
    "feedback 1e-8, zero start": ([0.0, 0.0], [1e-8], 1.0, 1.0),
    "far from rest with cancellation": ([1000.0, 499999.5], [1.0], 1.0, 1.0),
    "lazy": ([0.0, 5.0], [1.0], 4.0, 1.0),
    "escape": ([0.0, -5.0], [1.0], 0.25, 1.0),
    "anti-regularisation": ([-4.0, 0.0], [1.0], 4.0, 1.0),
    "row H": ([-2.0, 0.0, 2.0], [1.0, 1.0], 4.0, 1.0),
    "Chebyshev": ([0.3, -0.82], [0.25], 0.4, 1.0),
    "far rest, small weights": (
        [-197.1416168307208, 0.005825962610593618, 0.0004563749380842336, 1.3725256042453622],
        [0.058981214615285535, 0.00012306348740277553, -6.627707477632848e-05],
        0.2012272746268506,
        2.8436405906289552,
    ),
    "small beside its terms": (
        [0.8523769686752455, 0.6160864248372036, -0.5452041155421772, -0.06483400044644581],
        [-0.5745947805769103, -0.7703797208089171, -0.626846469076836],
        2.54126550053524,
        1.0,
    ),
    "no curvature": ([0.3, -0.2], [0.8], 1.5, 0.0),
    "no curvature, depth 3": ([0.3, -0.2, 0.5], [0.8, 1.1], 1.5, 0.0),
    "tiny curvature": ([0.3, -0.2], [0.8], 1.5, 1e-9),
}


@pytest.mark.parametrize("case", HARD)
def test_hard_places(case):
    times = {
        "no curvature": TIMES[:8],
        "no curvature, depth 3": TIMES[:8],
        "far rest, small weights": [100.0, 939.0, 2e6],
        "small beside its terms": [1.0, 2.0, 3.0, 3.1362121450682285, 3.2, 4.0],
    }
    check(*HARD[case], times.get(case, TIMES))


def test_triple_root():
    """p = (1 + tau)^3 / 2 with target 0: the distance d to the rest obeys dd/dt = -d^3 / 2."""
    t = np.array([0.0, 1e-6, 1e-2, 1.0, 100.0, 1e4, 1e8])
    p = solved([-1.0, -0.5], [-1.0], 0.0, 1.0).strength(t)[:, 0]
    np.testing.assert_allclose(p, 0.5 * (1 + t) ** -1.5, rtol=1e-12, atol=1e-15)


def test_double_root():
    """The start (-2, 1/2) creeps towards a root that is double to the last digit: e falls like 1 / t^2."""
    t = [0.0, 1e-6, 1e-2, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4, 1e6]
    check([-2.0, 0.5], [1.0], 1.0, 1.0, t, fold_reference(t))
    late = np.array([1e9])
    modes = solved([-2.0, 0.5], [1.0], 1.0, 1.0)
    assert modes.strength(late)[0, 0] == pytest.approx(float(fold_reference(late)[0]), rel=1e-14)
    # the last digit of any input decides whether the mode is still there, or has passed a ghost
    assert error_bound(modes, late)[0, 0] == np.inf


def test_a_ghost_that_lets_go():
    """One unit in the last place moves the time of passage by thousands: p is anything between before and after."""
    theta, b = [-1.3902714030293528, -0.6783453883485137], [0.8105928849102553]
    sigma, t = 1.2538148245973213, np.array([1e3, 5133502.717016336, 1e9])
    modes = solved(theta, b, sigma, 1.0)
    p, bound = modes.strength(t)[:, 0], error_bound(modes, t)[:, 0]
    error = np.abs([float(mp.mpf(x) - y) for x, y in zip(p, reference(theta, b, sigma, 1.0, t), strict=True)])
    assert error.max() < 1e-3  # a part in 10^11 of the time: the passage is computed with twice the digits
    moved = np.array([float(y) for y in reference(theta, b, np.nextafter(sigma, 0), 1.0, t)])
    assert abs(p - moved)[1] > 0.1  # where derivatives would promise 1e-14
    assert (abs(p - moved) <= bound).all()
    assert bound[[0, 2]].max() < 1e-6


def test_start_beside_an_unstable_rest_that_rounds_to_it():
    """sigma - lambda p(0) rounds to zero, the numbers themselves leave like exp(lambda |S| t)."""
    theta, b, t = [-0.1, -10.0], [0.3], np.concatenate([[0.0, 2.0], np.linspace(8.0, 16.0, 17), [40.0]])
    sigma = theta[0] * theta[1]
    modes = solved(theta, b, sigma, 1.0)
    p, expected = modes.strength(t)[:, 0], reference(theta, b, sigma, 1.0, t)
    assert p[0] == sigma
    assert np.abs(p - 1).max() > 1  # it passes through other strengths on its way to another rest
    assert max(abs(float(mp.mpf(x) - y)) for x, y in zip(p, expected, strict=True)) < 1e-13 * np.abs(p).max()
    assert error_bound(modes, t).min() > 1  # one unit in the last place decides whether it leaves
    exact = solved([-0.5, -2.0], b, 1.0, 1.0)  # these numbers are at rest exactly
    assert error_bound(exact, t).max() < 1e-13


def test_start_on_the_double_root():
    check([-1.0, -1.0], [1.0], 1.0, 1.0, TIMES)


def test_no_feedback_to_speak_of():
    """b = 1e-200 is b = 0 for all that double precision knows."""
    check([0.5, 0.1], [1e-200], 1.0, 1.0, TIMES, reference([0.5, 0.1], [0.0], 1.0, 1.0, TIMES))


# Scales: theta_l -> a_l theta_l with the feedback that keeps the chain's form; p scales with prod a.
SCALES = {
    "start 1e-150": ([1e-150, 1e-150], [1.0], 1.0, 1.0, TIMES),
    "start -1e-150, depth 3": ([-1e-150, 1e-150, -1e-150], [1.0, 1.0], 1.0, 1.0, TIMES),
    "start 1e-150 without target": ([1e-150, 1.0], [1.0], 0.0, 1.0, TIMES),
    "sigma 1e-100": ([0.0, 0.0], [1.0], 1e-100, 1.0, [0.0, 1e50, 1e66, 3e66, 1e67, 1e68]),
    "sigma 1e-100, from afar": ([0.5, 0.3], [1.0], 1e-100, 1.0, [0.0, 0.1, 1.0, 10.0, 1e3]),
    "sigma 1e100": ([0.0, 0.0], [1.0], 1e100, 1.0, [0.0, 1e-70, 1e-67, 3e-67, 1e-66, 1.0]),
    "sigma 1e100 from an ordinary start": ([0.5, 0.3], [1.0], 1e100, 1.0, [0.0, 1e-100, 1e-70, 1e-67, 1e-66, 1.0]),
    "sigma 1e100, depth 3": ([0.1, 0.2, 0.3], [1.0, -1.0], 1e100, 1.0, [0.0, 1e-90, 1e-86, 1e-85, 1.0]),
    "curvature 1e100": ([0.5, 0.3], [1.0], 1e100, 1e100, [0.0, 1e-101, 1e-100, 1e-99, 1.0]),
    "curvature 1e-100": ([0.5, 0.3], [1.0], 1e-100, 1e-100, [0.0, 1e99, 1e100, 3e100, 1e103]),
}


@pytest.mark.parametrize("case", SCALES)
def test_scales(case):
    check(*SCALES[case])


@pytest.mark.parametrize("sigma", [-3.0, 2.0])
def test_one_layer(sigma):
    """theta = s + (theta(0) - s) exp(-lambda t)."""
    t = np.linspace(0, 40, 41)
    with mp.workdps(40):
        s, start, lam = mp.mpf(sigma) / mp.mpf(0.7), mp.mpf(0.3), mp.mpf(0.7)
        exact = [s + (start - s) * mp.exp(-lam * mp.mpf(float(x))) for x in t]
    check([0.3], [], sigma, 0.7, t, exact)


def test_uniform_clock():
    """Without curvature tau = sigma t: theta_1 = x + b tau, theta_2 = y + x tau + b tau^2 / 2."""
    x, y, b, sigma, t = 0.3, -0.2, 0.8, -1.5, np.linspace(0, 5, 11)
    tau = sigma * t
    modes = solved([x, y], [b], sigma, 0.0)
    np.testing.assert_allclose(modes.weights(t)[0, :, 0], x + b * tau, rtol=1e-14)
    p = (x + b * tau) * (y + x * tau + b * tau**2 / 2)
    np.testing.assert_allclose(modes.strength(t)[:, 0], p, rtol=1e-13, atol=1e-14)
    assert modes.motion.limit[0] == -np.inf
    assert solved([x, y], [b], 1.5, 0.0).motion.limit[0] == np.inf
    assert modes.learning_times(0.5)[0] == np.inf


@pytest.mark.parametrize("depth", [5, 6])
def test_deep_chains_against_integration(depth):
    rng = np.random.default_rng(depth)
    theta, b = rng.uniform(-0.9, 0.9, (depth, 6)), rng.choice([-1, 1], (depth - 1, 6)) * rng.uniform(0.6, 1.4, (1, 6))
    sigma, curvature, t = rng.uniform(-2, 2, 6), rng.uniform(0.5, 1.5, 6), np.linspace(0, 8, 9)
    curves = fa.solve_modes(sigma, curvature, depth, "fa", theta, b, t=t)
    chain = fa.derive(depth, "fa").chain("joint")
    integrated = integrate_chain(chain, sigma, curvature, theta, b, t, rtol=1e-12, atol=1e-14)
    # rtol 1e-12 of the integration, amplified on the way
    np.testing.assert_allclose(curves.weights, integrated, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("depth", "count"), [(5, 6), (6, 4)])
def test_deep_chains_and_their_bounds_against_quadrature(depth, count):
    rng = np.random.default_rng([30, depth])
    for _ in range(count):
        theta, b = rng.normal(size=depth), rng.choice([-1, 1], depth - 1) * rng.uniform(0.6, 1.4, depth - 1)
        sigma, t = rng.choice([-1, 1]) * rng.uniform(0.3, 2), np.array([0.02, 0.2, 1.0])
        modes = solved(theta, b, sigma, 1.0)
        clock = (modes.weights(t)[0, :, 0] - theta[0]) / np.prod(b)
        exact = [by_quadrature(theta, b, sigma, 1.0, *given) for given in zip(t, clock, strict=True)]
        check(theta, b, sigma, 1.0, t, exact)


@pytest.mark.parametrize("sigma", [1e-8, 1e-40, 1e-60, 1e-150])
def test_a_rest_that_is_close_beside_the_turning_point_behind_it(sigma):
    """Alone, modes are not walked: the bracket of the rest ends where p turns, orders of magnitude farther away."""
    theta = np.array([[0.11695526942994706], [1.518749034018734], [0.0]])
    c, ones = factors(np.array([[-0.001518439708736793], [0.9902473119680668]])), np.ones(1)
    t = np.array([0.1, 0.5, 1.0, 3.0])
    alone = ExactModes(ClockMotion(theta, sigma * ones, ones, c))
    # so close to the start p is linear: p = s (1 - exp(-(theta_1 theta_2)^2 t))
    expected = -sigma * np.expm1(-((theta[0] * theta[1]) ** 2) * t)
    np.testing.assert_allclose(alone.strength(t)[:, 0], expected, rtol=max(1e-12, 1e3 * sigma))
    crowd = ExactModes(ClockMotion(*(np.repeat(part, 40, axis=-1) for part in (theta, sigma * ones, ones, c))))
    np.testing.assert_allclose(alone.strength(t)[:, 0], crowd.strength(t)[:, 7], rtol=1e-12)


def test_strengths_in_other_units_go_where_they_are_told():
    """A mode at rest, one with a tail, one on a fold, one without curvature, one without feedback, one long at rest."""
    theta = np.array([[2.0, 0.4, FOLD, 0.3, 0.5, 1.0], [0.5, -0.3, 0.0, 0.2, 0.1, 3.0]])
    c = np.array([[1.0, 0.8, 1.0, 0.7, 0.0, 1.0], np.ones(6)])
    modes = ExactModes(ClockMotion(theta, np.array([1.0, 1.3, 4.0, 0.5, 1.0, 2.0]), np.array([1, 1, 1, 0, 1, 1.0]), c))
    t, unit = np.array([0.0, 0.1, 2.0, 300.0]), 2.0 ** np.array([0, 900, -900, 3, -4, 1])
    whole = np.full((len(t), 9), np.nan)
    found = modes.strength(t, unit, whole[:, 2:8])
    np.testing.assert_array_equal(found, modes.strength(t) * unit)
    np.testing.assert_array_equal(whole[:, 2:8], found)
    assert np.isnan(whole[:, [0, 1, 8]]).all()


@cache
def generic():
    """A handful of chains that are on their way at the times looked at."""
    return [
        ([0.4, -0.3], [0.8], 1.3, 0.9, [0.2, 1.0, 3.0]),
        ([-1.1, 0.6], [-1.2], 0.7, 1.4, [0.1, 0.5, 2.0]),
        ([0.5, -0.7, 0.9], [1.1, -0.6], -1.2, 0.8, [0.2, 0.8, 2.5]),
        ([-2.0, 0.3], [1.0], 2.0, 1.0, [0.05, 0.5, 1.0]),
        ([0.3, 0.5, -0.4, 0.6], [0.9, 1.1, 1.2], 1.5, 0.7, [0.2, 1.0, 2.0]),
    ]


@pytest.mark.parametrize("which", range(5))
def test_condition_against_differences(which):
    theta, b, sigma, curvature, t = generic()[which]
    found = condition(solved(theta, b, sigma, curvature), np.array(t))[:, 0]
    depth, inputs = len(theta), [mp.mpf(value) for value in (*theta, *b, sigma, curvature)]
    total = [mp.mpf(0)] * len(t)
    with mp.workdps(50):
        for k, value in enumerate(inputs):
            ends = []
            for step in (mp.mpf(10) ** -15, -(mp.mpf(10) ** -15)):
                moved = [*inputs[:k], value * (1 + step), *inputs[k + 1 :]]
                ends.append(reference(moved[:depth], moved[depth:-2], moved[-2], moved[-1], t))
            total = [one + abs(up - down) / (2 * mp.mpf(10) ** -15) for one, up, down in zip(total, *ends, strict=True)]
    # feedback enters through its products c_l, whose effects are added by size: never below, at most somewhat above
    ratio = found / np.array([float(value) for value in total])
    assert (ratio > 1 / 1.5).all(), ratio
    assert (ratio < 1.5).all(), ratio
