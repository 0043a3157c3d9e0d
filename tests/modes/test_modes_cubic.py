"""Time of cubic speeds by partial fractions: against quadrature, and whole ensembles against panels."""

import numpy as np
import pytest
from scipy.integrate import quad

import fa_dynamics as fa
from fa_dynamics.modes.cubic import CubicTime, least

SHAPES = {
    "straight": (0.0, 0.0),
    "quadratic": (1.5, 0.0),
    "no real zeros": (-1.0, 0.5),
    "past the quarter turn": (-1.9, 0.95),
    "real zeros": (0.5, -1.2),
    "almost unstable start": (0.0, -0.999),
    "double zero": (-1.0, 0.25),
    "fast start": (3.0, 20.0),
}


def cubic(a, b, end=3.0, rate=0.7):
    return CubicTime(np.array([rate]), np.array([a]), np.array([b]), np.array([end]), a * a < 4 * b)


def by_quadrature(a, b, u):
    found, _ = quad(lambda x: 1 / (1 + a * np.exp(-x) + b * np.exp(-2 * x)), 0, u, epsabs=0, epsrel=1e-13, limit=200)
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_the_integral_of_the_inverse_speed(shape):
    a, b = SHAPES[shape]
    for u in (1e-9, 1e-3, 0.4, 3.0):
        assert cubic(a, b).lasted(np.array([u]))[0] == pytest.approx(by_quadrature(a, b, u), rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_positions_are_those_at_which_the_time_has_passed(shape):
    a, b = SHAPES[shape]
    t = np.array([0.0, 1e-12, 1e-4, *np.geomspace(0.01, 30.0, 60)])
    mode, time, u = cubic(a, b).positions(t)
    assert not mode.any()
    on_the_way = np.count_nonzero(0.7 * t < by_quadrature(a, b, 3.0))
    np.testing.assert_array_equal(time, np.arange(on_the_way))
    passed = [by_quadrature(a, b, position) for position in u]
    np.testing.assert_allclose(0.7 * t[time], passed, rtol=1e-12)


def test_modes_of_different_lengths_together():
    """As every mode alone, whatever blocks they share."""
    rng = np.random.default_rng(0)
    a, rate, end = rng.uniform(-0.9, 2.0, 300), rng.uniform(0.01, 5.0, 300), rng.uniform(1e-3, 4.0, 300)
    both = CubicTime(rate, a, np.zeros(300), end, turns=False)
    t = np.linspace(0.0, 50.0, 400)
    mode, time, u = both.positions(t)
    expected = np.count_nonzero(t[:, None] < both.lasted(end) / rate, axis=0)
    np.testing.assert_array_equal(np.bincount(mode, minlength=300), expected)
    # of q = 1 + a s the time is log((exp(u) + a) / (1 + a))
    np.testing.assert_allclose(u, np.log1p((1 + a[mode]) * np.expm1(t[time] * rate[mode])), rtol=1e-12)


def test_none_on_the_way():
    mode, time, u = cubic(0.0, 0.0, end=1e-9).positions(np.array([1.0, 2.0]))
    assert len(mode) == len(time) == len(u) == 0


def test_least_is_the_minimum_on_the_way():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=200) * 2, rng.normal(size=200) * 2
    s = np.linspace(0.0, 1.0, 4001)[:, None]
    np.testing.assert_allclose(least(a, b), (1 + s * (a + b * s)).min(axis=0), atol=1e-6)


def test_many_modes_agree_with_panels():
    """Many modes take partial fractions, few take panels."""
    rng, count = np.random.default_rng(2), 800
    start, feedback = rng.normal(size=(2, count)), rng.uniform(0.3, 1.5, (1, count)) * rng.choice([-1, 1], count)
    sigma, curvature, t = np.exp(rng.uniform(-2.3, 1.4, count)), np.exp(rng.normal(size=count)), np.linspace(0, 20, 60)
    together = fa.solve_modes(sigma, curvature, start=start, feedback=feedback, t=t)
    parts = [slice(begin, begin + 100) for begin in range(0, count, 100)]
    few = [fa.solve_modes(sigma[k], curvature[k], start=start[:, k], feedback=feedback[:, k], t=t) for k in parts]
    alone, bound = (np.concatenate([getattr(one, name) for one in few], axis=1) for name in ("strength", "error"))
    assert (np.abs(together.strength - alone) <= 2 * bound).all()
    weights = np.concatenate([one.weights for one in few], axis=2)
    np.testing.assert_allclose(together.weights, weights, rtol=1e-8, atol=1e-9)
    times = np.concatenate([one.learning_times(0.9) for one in few])
    np.testing.assert_allclose(together.learning_times(0.9), times, rtol=1e-9)


def test_terms_of_the_approach_contain_the_speed():
    rng = np.random.default_rng(3)
    curves = fa.solve_modes(
        rng.uniform(0.1, 4.0, 50), start=rng.normal(size=(2, 50)), feedback=rng.normal(size=(1, 50)), t=[1.0]
    )
    motion = curves._exact[0].modes.motion
    sizes = np.abs(motion.velocity_at_start / motion.distance)
    assert (motion.approach_terms(motion.moving) >= sizes * (1 - 1e-12)).all()
