"""Backpropagation solved along the line that its first integrals leave, against closed forms and integration."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.modes import ExactModes
from fa_dynamics.modes.backprop import BackpropMotion, follows_gradient
from fa_dynamics.modes.closed_forms import balanced_time, two_layer_backpropagation, zero_start_time
from fa_dynamics.modes.conditioning import condition

EPS = 2.0**-52


def typed(theta, sigma, curvature, t):
    """The chain, typed in and integrated."""
    depth = len(theta)

    def velocity(_, y):
        error = sigma - curvature * np.prod(y)
        return [np.prod(np.delete(y, layer)) * error for layer in range(depth)]

    return solve_ivp(velocity, (0, t[-1]), theta, "Radau", t, rtol=1e-12, atol=1e-14).y


def riccati(theta, sigma, curvature, t):
    """p of two layers in 60 digits, from the closed form in the variable x of classical.md 4 (|zeta| > 0)."""
    with mp.workdps(60):
        first, second = mp.mpf(float(theta[0])), mp.mpf(float(theta[1]))
        zeta, p = abs(second**2 - first**2), first * second
        s = mp.mpf(float(sigma)) / mp.mpf(float(curvature))
        size = mp.sqrt(zeta**2 + 4 * s**2)
        begin = mp.tanh(mp.asinh(2 * p / zeta) / 2)
        upper, lower = ((-zeta + size) / (2 * s), (-zeta - size) / (2 * s)) if s else (mp.mpf(0), None)
        values = []
        for time in t:
            decay = mp.exp(-size * mp.mpf(float(curvature)) * mp.mpf(float(time)))
            if lower is None:
                x = begin * decay
            else:
                ratio = (begin - upper) / (begin - lower) * decay
                x = (upper - lower * ratio) / (1 - ratio)
            values.append(zeta * x / (1 - x**2))
        return values


def spread(rng, decades, *shape):
    return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(-decades / 2, decades / 2, shape)


def test_two_layers_against_sixty_digits():
    """Both signs of everything, and the criterion of the exact solution of feedback alignment."""
    rng = np.random.default_rng(7)
    count = 150
    theta, sigma, curvature = spread(rng, 4, 2, count), spread(rng, 4, count), np.abs(spread(rng, 2, count))
    assert_two_layers(theta, sigma, curvature, np.sort(10.0 ** rng.uniform(-5, 4, 12)))


@pytest.mark.parametrize("power", [-97, 70, 97])
def test_bound_of_the_way_into_the_saddle_in_any_units(power):
    g = 2.0**power
    plain, scaled = (
        fa.solve_modes([-1.74], [1.3324 / unit**2], 2, "bp", [[1.1948 * unit]] * 2, t=[0.5, 21.14]).error / unit**2
        for unit in (1.0, g)
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-9)


def test_starts_beside_the_line_into_the_saddle():
    """|theta_1| and |theta_2| differ in the fifth to the fifteenth digit: the saddle is passed after a long rest."""
    rng = np.random.default_rng(8)
    count = 120
    first, sigma, curvature = spread(rng, 2, count), spread(rng, 2, count), np.abs(spread(rng, 2, count))
    second = -np.sign(sigma * first) * np.abs(first) * (1 + spread(rng, 0, count) * 10.0 ** rng.uniform(-15, -4, count))
    assert_two_layers(np.array([first, second]), sigma, curvature, np.sort(10.0 ** rng.uniform(-2, 3, 12)))


def assert_two_layers(theta, sigma, curvature, t):
    count = len(sigma)
    curves = fa.solve_modes(sigma, curvature, 2, "bp", theta, t=t)
    assert curves.method == "exact"
    kappa = condition(curves._exact[0].modes, t)
    closed = two_layer_backpropagation(sigma, curvature, theta, t)
    for mode in range(count):
        exact = riccati(theta[:, mode], sigma[mode], curvature[mode], t)
        floor = 1e-3 * max(abs(sigma[mode] / curvature[mode]), abs(theta[:, mode].prod()))
        for k, value in enumerate(exact):
            true = float(abs(mp.mpf(float(curves.strength[k, mode])) - value))
            allowed = 1e-12 * max(float(abs(value)), floor) + 10 * EPS * kappa[k, mode]
            assert true <= allowed, (mode, k, true, allowed)
            assert true <= curves.error[k, mode], (mode, k)
            # the formula ends with a difference of terms of the size of zeta
            ends = 4 * EPS * abs(theta[1, mode] ** 2 - theta[0, mode] ** 2)
            assert abs(mp.mpf(float(closed[k, mode])) - value) <= allowed + ends, (mode, k)


@pytest.mark.parametrize("depth", [3, 4, 6, 9])
def test_general_starts_against_integration(depth):
    rng = np.random.default_rng(depth)
    t = np.linspace(0.0, 6.0, 13)[1:]
    for _ in range(6):
        theta = rng.choice([-1, 1], depth) * rng.uniform(0.3, 1.4, depth)
        sigma, curvature = rng.uniform(-2, 2), rng.uniform(0.4, 1.5)
        curves = fa.solve_modes(sigma, curvature, depth, "bp", theta, t=t)
        assert curves.method == "exact"
        reference = typed(theta, sigma, curvature, t)
        np.testing.assert_allclose(curves.weights[:, :, 0], reference, rtol=0, atol=2e-9)  # Radau's accuracy
        np.testing.assert_allclose(curves.strength[:, 0], curves.weights[:, :, 0].prod(axis=0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_first_integrals_and_velocity(depth):
    """theta_j^2 - theta_i^2 stays, and differences in time are the velocities: with the start they define the flow."""
    rng = np.random.default_rng(depth)
    theta, sigma, curvature = rng.normal(size=(depth, 20)), rng.normal(size=20), rng.uniform(0.5, 2, 20)
    at, step = np.array([0.1, 0.7, 2.0]), 1e-4
    t = np.sort(np.concatenate([at - step, at, at + step]))
    weights = fa.solve_modes(sigma, curvature, depth, "bp", theta, t=t).weights
    scale = (weights**2).max(axis=0)
    for layer in range(1, depth):
        drift = weights[layer] ** 2 - weights[0] ** 2 - (theta[layer] ** 2 - theta[0] ** 2)
        assert np.abs(drift / scale).max() < 1e-14
    middle = weights[:, 1::3]
    error = sigma - curvature * middle.prod(axis=0)
    moved = (weights[:, 2::3] - weights[:, 0::3]) / (2 * step)
    for layer in range(depth):
        velocity = np.delete(middle, layer, axis=0).prod(axis=0) * error
        np.testing.assert_allclose(moved[layer], velocity, rtol=1e-5, atol=1e-6)  # central differences at 1e-4


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
def test_balanced_starts(depth):
    """classical.md 1 and 3, from a plateau of 1e-6."""
    s, lam, p0 = 2.5, 0.8, 1e-6
    levels = np.array([1e-5, 1e-2, 0.5, 0.9, 0.999]) * s
    t = balanced_time(levels, p0, s * lam, lam, depth)
    curves = fa.solve_modes(s * lam, lam, depth, "bp", p0 ** (1 / depth), t=t)
    np.testing.assert_allclose(curves.strength[:, 0], levels, rtol=1e-10)
    assert (np.abs(curves.strength[:, 0] - levels) <= curves.error[:, 0] + 1e-11 * levels).all()
    half = balanced_time(0.5 * s, p0, s * lam, lam, depth)
    assert curves.learning_times(0.5)[0] == pytest.approx(float(half), rel=1e-12)
    assert curves.limit[0] == s


def test_primitive_against_quadrature():
    for depth in (2, 3, 4, 7):
        p0, p, sigma, lam = 0.01, 1.3, 1.5, 0.9
        integral = mp.quad(lambda x, n=depth: 1 / (n * x ** (2 - mp.mpf(2) / n) * (1.5 - 0.9 * x)), [0.01, 0.1, 1.3])
        assert float(balanced_time(p, p0, sigma, lam, depth)) == pytest.approx(float(integral), rel=1e-12)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_balanced_weights_of_the_wrong_sign_fall_into_the_saddle(depth):
    theta = np.full(depth, 0.6)
    theta[0] = -0.6
    curves = fa.solve_modes([1.0], 1.0, depth, "bp", theta, t=[1.0, 10.0, 1e3])
    assert curves.limit[0] == 0
    assert np.isinf(curves.learning_times()[0])
    sizes = -curves.strength[:, 0]
    assert (np.diff(sizes) < 0).all()
    if depth == 2:  # p' = 2 |p| (s - p)
        expected = 0.36 * np.exp(-2 * curves.t) / (1 + 0.36 * -np.expm1(-2 * curves.t))
        np.testing.assert_allclose(sizes, expected, rtol=1e-12)
    else:  # p' = L |p|^(2 - 2/L) (s - p), algebraic
        assert sizes[-1] == pytest.approx(((depth - 2) * 1e3) ** (-depth / (depth - 2)), rel=0.02)


def test_zero_is_never_left():
    curves = fa.solve_modes([2.0, -1.0], 1.0, 3, "bp", 0.0, t=[0.0, 5.0])
    np.testing.assert_array_equal(curves.strength, 0)
    np.testing.assert_array_equal(curves.limit, 0)
    assert np.isinf(curves.learning_times()).all()


def test_one_zero_weight_is_no_saddle():
    curves = fa.solve_modes([2.0], 1.0, 3, "bp", [0.0, 0.4, -0.5], t=[0.5, 50.0])
    assert curves.strength[-1, 0] == pytest.approx(2.0, rel=1e-14)
    np.testing.assert_allclose(
        curves.weights[:, 0, 0], typed([0.0, 0.4, -0.5], 2.0, 1.0, np.array([0.5]))[:, 0], atol=1e-9
    )


def test_start_at_rest():
    curves = fa.solve_modes([1.0], 1.0, 2, "bp", [2.0, 0.5], t=[0.0, 7.0])
    np.testing.assert_array_equal(curves.strength, 1.0)
    assert curves.learning_times()[0] == 0


def test_without_curvature_the_chain_is_integrated():
    curves = fa.solve_modes([0.5], 0.0, 2, "bp", [0.3, 0.4], t=[0.0, 2.0])
    assert curves.method == "integrated"
    grown = 0.35 * np.exp(1.0) + -0.05 * np.exp(-1.0)  # (theta_1 + theta_2) / 2 grows, the difference decays
    assert curves.weights[0, -1, 0] == pytest.approx(grown, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000))
def test_layers_may_be_permuted_and_signs_paired(depth, seed):
    rng = np.random.default_rng(seed)
    theta, sigma, t = rng.normal(size=(depth, 1)), [rng.normal()], np.array([0.3, 2.0, 9.0])
    plain = fa.solve_modes(sigma, 1.0, depth, "bp", theta, t=t)
    order = rng.permutation(depth)
    shuffled = fa.solve_modes(sigma, 1.0, depth, "bp", theta[order], t=t)
    allowed = 1e-13 + plain.error + shuffled.error
    assert (np.abs(plain.strength - shuffled.strength) <= allowed).all()
    theta[:2] *= -1
    assert (np.abs(fa.solve_modes(sigma, 1.0, depth, "bp", theta, t=t).strength - plain.strength) <= allowed).all()


def test_scaling():
    """Weights by a, sigma by a^(2 - L) .. : p by a^L, time by a^2 at fixed e-fold; here L = 2: sigma a, t / a."""
    t = np.array([0.5, 3.0])
    plain = fa.solve_modes([1.2], 1.0, 2, "bp", [0.3, -0.2], t=t)
    scaled = fa.solve_modes([1.2e8], 1.0, 2, "bp", [0.3e4, -0.2e4], t=t / 1e8)
    np.testing.assert_allclose(scaled.strength / 1e8, plain.strength, rtol=1e-12)


@pytest.mark.parametrize("depth", [2, 4])
def test_condition_against_differences(depth):
    rng = np.random.default_rng(depth)
    theta, sigma, lam, t = rng.uniform(0.2, 0.9, (depth, 1)), 1.3, 0.7, np.array([0.1, 0.8, 3.0])

    def strength(values):
        motion = BackpropMotion(values[2:, None], values[:1], values[1:2])
        return ExactModes(motion).strength(t)[:, 0]

    inputs = np.array([sigma, lam, *theta[:, 0]])
    total = np.zeros(3)
    for k in range(len(inputs)):
        step = np.zeros_like(inputs)
        step[k] = 1e-5 * inputs[k]
        total += np.abs(strength(inputs + step) - strength(inputs - step)) / 2e-5
    found = condition(ExactModes(BackpropMotion(theta, np.array([sigma]), np.array([lam]))), t)[:, 0]
    np.testing.assert_allclose(found, total, rtol=1e-5)


def test_which_chains_are_gradients():
    assert follows_gradient(fa.derive(3, "bp").chain())
    assert not follows_gradient(fa.derive(3, "fa").chain())
    assert not follows_gradient(fa.derive(3, "kp").chain())


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_zero_start_of_feedback_alignment(depth):
    rng = np.random.default_rng(depth)
    sigma, lam = np.array([3.0, -0.4, 1.0]), np.array([1.0, 0.5, 2.0])
    b = rng.choice([-1.0, 1.0], (depth - 1, 3)) * rng.uniform(0.4, 2, (depth - 1, 3))
    curves = fa.solve_modes(sigma, lam, depth, "fa", 0.0, b, t=[1.0])
    for level in (0.1, 0.5, 0.99):
        np.testing.assert_allclose(
            curves.learning_times(level), zero_start_time(level, sigma, lam, depth, b), rtol=1e-12
        )


BAD = {
    "curvature 0": (lambda: two_layer_backpropagation(1.0, 0.0, 0.1, 1.0), "curvature"),
    "three weights": (lambda: two_layer_backpropagation(1.0, 1.0, [0.1, 0.2, 0.3], 1.0), "start"),
    "beyond the target": (lambda: balanced_time(3.0, 0.1, 1.0, 1.0, 3), "strength"),
    "begin 0": (lambda: balanced_time(0.5, 0.0, 1.0, 1.0, 3), "begin"),
    "one layer": (lambda: balanced_time(0.5, 0.1, 1.0, 1.0, 1), "depth"),
    "fraction 1": (lambda: zero_start_time(1.0, 1.0), "fraction"),
    "no feedback": (lambda: zero_start_time(0.5, 1.0, feedback=0.0), "feedback"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, argument = BAD[case]
    with pytest.raises(fa.InputError, match=argument):
        call()


def test_rest_of_a_size_that_has_no_square():
    """Gap and target leave a weight at 1e-175, whose square underflows: p = theta_1 theta_2 = s all the same."""
    curves = fa.solve_modes([-1e-175, 1e-170], 1.0, 2, "bp", start=[[-0.09, 0.4], [-0.06, 0.3]], t=[0.0, 1e3, 1e5])
    np.testing.assert_allclose(curves.limit, [-1e-175, 1e-170], rtol=1e-12)
    np.testing.assert_allclose(curves.strength[-1], [-1e-175, 1e-170], rtol=1e-12)
