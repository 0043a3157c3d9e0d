"""Pairs of numbers against fractions: sums and products keep twice the digits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.pairs import Pair
from fa_dynamics.modes.polynomials import error_of

numbers = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)
UNIT = Fraction(1, 2**102)


def exact(pair):
    return Fraction(float(pair.high)) + Fraction(float(pair.low))


@given(a=numbers, b=numbers, c=numbers, d=numbers)
def test_sums_and_products(a, b, c, d):
    one, other = Pair.of(np.float64(a)) + np.float64(b), Pair.of(np.float64(c)) * np.float64(d)
    first, second = Fraction(a) + Fraction(b), Fraction(c) * Fraction(d)
    assert exact(one) == first
    assert exact(other) == second
    assert abs(exact(one + other) - first - second) <= UNIT * (abs(first) + abs(second))
    assert abs(exact(one * other) - first * second) <= 4 * UNIT * abs(first * second)
    assert float(other.rounded()) == float(second)
    assert exact(-other) == -second
    assert abs(exact(one - other) - first + second) <= UNIT * (abs(first) + abs(second))
    assert exact(np.float64(a) - Pair.of(np.float64(b))) == Fraction(a) - Fraction(b)
    assert abs(exact(other**3) - second**3) <= 16 * UNIT * abs(second**3)


def test_arrays_leave_it_to_the_pair():
    numbers, pair = np.array([1.0, 2.0]), Pair.of(np.array([3.0, 4.0]))
    for found, expected in ((numbers + pair, [4, 6]), (numbers * pair, [3, 8]), (2.0 * pair, [6, 8])):
        assert isinstance(found, Pair)
        np.testing.assert_array_equal(found.rounded(), expected)


@pytest.mark.parametrize("seed", range(5))
def test_an_error_that_nearly_cancels_keeps_its_digits(seed):
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((3, 4))
    curvature = rng.uniform(0.5, 2, 4)
    sigma = curvature * theta.prod(axis=0)
    found = error_of(theta, sigma, curvature)
    for k in range(4):
        a, b, c = (Fraction(x) for x in theta[:, k])
        true = Fraction(sigma[k]) - Fraction(curvature[k]) * a * b * c
        assert found[k] == pytest.approx(float(true), rel=1e-12, abs=0)
    at_rest = error_of(np.array([[-0.5], [-2.0]]), np.array([1.0]), np.array([1.0]))
    assert at_rest == 0


def test_speed_at_the_bottom_of_a_ghost():
    theta, b, sigma = [-1.3902714030293528, -0.6783453883485137], 0.8105928849102553, 1.2538148245973213
    c = np.array([[b], [1.0]])
    motion = ClockMotion(np.array(theta)[:, None], np.array([sigma]), np.ones(1), c)
    chain, u = np.zeros(1, dtype=int), np.linspace(0.01, 2.0, 401)[:, None]
    for _ in range(3):
        lowest = np.argmin(motion.careful_speed(chain, u))
        u = np.linspace(u[lowest - 1], u[lowest + 1], 401)
    x, careful, plain = (call(chain, u)[:, 0] for call in (motion.walked, motion.careful_speed, motion.speed))
    first, second = Fraction(theta[0]), Fraction(theta[1])
    weights = [(first + Fraction(b) * p, second + p * first + Fraction(b) * p * p / 2) for p in map(Fraction, x)]
    true = np.array([float(abs(Fraction(sigma) - a * d)) for a, d in weights])
    np.testing.assert_allclose(careful, true, rtol=1e-15)
    lowest = np.argmin(true)
    assert abs(plain[lowest] / true[lowest] - 1) > 1e-5  # what careful arithmetic is for


def test_factors_that_are_too_large_for_pairs():
    """What rounding takes from them cannot be told, and does not matter."""
    start, feedback = [[1e-100], [1e101], [1e-99]], [[1e-301], [1e301]]
    curves = fa.solve_modes([1.0], 1e98, 3, start=start, feedback=feedback, t=[0.0, 1e-100, 1e-99, 1e-98])
    assert np.isfinite(curves.strength).all()
    assert curves.strength[0, 0] == pytest.approx(1e-98)
