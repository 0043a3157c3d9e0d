"""The normal form of the approach to a rest: against closed forms, against panels up to the rest, in other units."""

from dataclasses import replace

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.modes import ExactModes
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.conditioning import error_bound
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.polynomials import strength, weights_at
from fa_dynamics.modes.tail import ORDER, evaluate, tail


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_straight_speed_is_one_exponential():
    """dy/dt = -3 y: the tail begins at once, y = exp(-3 t)."""
    found = tail(column(3.0), np.ones(1), np.full(1, np.inf))
    t = np.linspace(0, 4, 9)
    y = evaluate(found.distances, found.at(np.array(t[:, None])))[:, 0]
    np.testing.assert_allclose(y, np.exp(-3 * t), rtol=1e-14)


@pytest.mark.parametrize("bend", [0.5, -0.5])
def test_quadratic_speed_is_one_power(bend):
    """dy/dt = -y - g y^2: y = z / (1 - g z) with z = C exp(-t), which is the first power of v."""
    found = tail(column(1.0, bend), np.full(1, 10.0), np.full(1, np.inf))
    assert np.abs(found.distances[1:]).max() < 1e-15 * abs(found.distances[0, 0])
    t = np.linspace(0, 5, 6)
    begin = float(found.distance[0])
    z = begin / (1 + bend * begin) * np.exp(-t)
    y = evaluate(found.distances, found.at(np.array(t[:, None])))[:, 0]
    np.testing.assert_allclose(y, z / (1 - bend * z), rtol=1e-14)
    speed = evaluate(found.speeds, found.at(np.array(t[:, None])))[:, 0]
    np.testing.assert_allclose(speed, y + bend * y**2, rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_speed_is_that_of_the_distance(seed):
    """f(y(v)), evaluated as a polynomial, against the series of the speed."""
    rng = np.random.default_rng(seed)
    f = np.concatenate([rng.uniform(0.5, 2, (1, 40)), rng.normal(size=(6, 40))])
    found = tail(f, np.full(40, 10.0), np.full(40, np.inf))
    for part in (0.2, 0.7, 1.0):
        v = part * found.begin
        y = evaluate(found.distances, v)
        np.testing.assert_allclose(evaluate(found.speeds, v), evaluate(f, y), rtol=3e-14)
    assert found.distances.shape == (ORDER, 40)


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_tails_against_panels(depth):
    rng = np.random.default_rng(depth)
    theta, b = (
        rng.normal(size=(depth, 200)),
        rng.choice([-1, 1], (depth - 1, 200)) * rng.uniform(0.3, 1.5, (depth - 1, 200)),
    )
    c = np.concatenate([np.cumprod(b[::-1], axis=0)[::-1], np.ones((1, 200))])
    modes = ExactModes(ClockMotion(theta, rng.uniform(-3, 3, 200), rng.uniform(0.5, 2, 200), c))
    assert len(modes.tails[0]) > 190
    t = np.linspace(0, 25, 60)
    slow = replace(modes, tailed=False)
    size = np.maximum(np.abs(modes.motion.target), np.abs(modes.motion.strength_at_start))
    difference = np.abs(modes.strength(t) - slow.strength(t))
    assert np.median((difference / size).max(axis=0)) < 1e-14
    assert (difference <= 0.2 * error_bound(modes, t)).all()
    for level in (0.3, 0.99, 0.999999):
        # a few chains of high degree pass close by a ghost
        np.testing.assert_allclose(modes.learning_times(level), slow.learning_times(level), rtol=1e-7)


def test_other_units():
    """Weights, feedback and time in units over decades: the same curves, exactly if units are powers of two."""
    theta, b, sigma, lam, t = np.array([0.4, -0.7, 0.9]), np.array([0.8, -1.1]), 1.3, 0.6, np.array([0.1, 1.0, 7.0])
    plain = fa.solve_modes([sigma], lam, 3, "fa", theta, b, t=t)
    for base in (2.0, 10.0):
        power = 50 if base == 2.0 else 15
        unit, pace = base ** np.array([power, -power // 2, power // 3]), base**-power
        below = np.concatenate([[1.0], np.cumprod(unit)[:-1]])
        # theta_l -> u_l theta_l, t -> t / pace: c_l e below_l / u_l keeps its form if c_l -> c_l u_l / below_l * ratio
        ratio = unit / below
        factors = np.array([b[0] * b[1], b[1], 1.0]) * ratio / ratio[-1]
        given = np.array([factors[0] / factors[1], factors[1]])
        strength_unit = unit.prod()
        scaled_sigma = sigma * pace * ratio[-1]
        scaled_lam = scaled_sigma / sigma * lam / strength_unit
        found = fa.solve_modes([scaled_sigma], scaled_lam, 3, "fa", unit * theta, given, t=t / pace)
        tolerance = 0 if base == 2.0 else 1e-13
        np.testing.assert_allclose(found.strength / strength_unit, plain.strength, rtol=tolerance)
        np.testing.assert_allclose(found.weights / unit[:, None, None], plain.weights, rtol=tolerance or 1e-15)


@pytest.mark.parametrize("depth", [2, 3, 4, 5, 6])
def test_nothing_lies_between_the_start_and_its_rest(depth):
    rng = np.random.default_rng(depth)
    theta, c = rng.normal(size=(depth, 60)), rng.uniform(0.3, 1.2, (depth, 60)) * rng.choice([-1, 1], (depth, 60))
    c[-1], sigma, lam = 1.0, rng.uniform(-2, 2, 60), np.ones(60)
    distance = rest_ahead(theta, c, sigma, lam)
    direction = np.sign(sigma - theta.prod(axis=0))
    way = np.linspace(0, 1, 4001)[1:-1, None] * distance * direction
    error = direction * (sigma - strength(weights_at(theta, c, way)))
    assert (error > 0).all()
    last = direction * (sigma - strength(weights_at(theta, c, direction * distance * (1 + 1e-7))))
    assert (last < 0).mean() > 0.9  # it changes its sign there, but at folds
