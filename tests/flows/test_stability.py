"""The largest rate of a flow: followed where the velocity is smooth, and not mistaken for a jump."""

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.flows.stability import LargestRate


def test_largest_rate_is_that_of_the_worst_member():
    rates = np.array([1.0, 5.0, 2.0])

    def velocity(_, y):
        return (-rates[:, None] * y.reshape(3, 2)).ravel()

    y = np.ones(6)
    follow = LargestRate(velocity, 6, members=3)
    assert follow.longest_step(0.0, y, velocity(0.0, y)) == pytest.approx(3.0 / 5.0, rel=1e-6)


def test_a_rate_that_grows_suddenly_is_followed():
    follow = LargestRate(lambda t, y: -(10.0**t) * y, 2)
    y = np.array([1.0, -0.5])
    for t in range(5):
        assert follow.longest_step(t, y, -(10.0**t) * y) == pytest.approx(3.0 * 10.0**-t, rel=1e-6)


def test_a_jump_is_no_rate():
    """Of three members one sits where its velocity jumps: the others' rates are those that count."""
    rates = np.array([1.0, 5.0, 2.0])

    def velocity(_, y):
        table = y.reshape(3, 2)
        moving = -rates[:, None] * table
        moving[1] -= np.sign(table[1])
        return moving.ravel()

    y = np.ones((3, 2))
    y[1] = 0.0
    follow = LargestRate(velocity, 6, members=3)
    for _ in range(3):
        assert follow.longest_step(0.0, y.ravel(), velocity(0.0, y)) == pytest.approx(3.0 / 2.0, rel=1e-6)
    y[1] = 1.0  # it has left the jump
    assert follow.longest_step(0.0, y.ravel(), velocity(0.0, y)) == pytest.approx(3.0 / 5.0, rel=1e-6)
    y[1] = 0.0  # and is there again
    assert follow.longest_step(0.0, y.ravel(), velocity(0.0, y)) == pytest.approx(3.0 / 2.0, rel=1e-6)


def test_what_does_not_jump_beside_what_does_is_followed():
    """A member whose first component sits at a jump for good; the rate is that of the second."""

    def velocity(_, y):
        return np.array([-np.sign(y[0]), -7.0 * y[1]])

    y = np.array([0.0, 1.0])
    follow = LargestRate(velocity, 2)
    follow.longest_step(0.0, y, velocity(0.0, y))  # what jumps is taken out of the direction
    for _ in range(3):
        assert follow.longest_step(0.0, y, velocity(0.0, y)) == pytest.approx(3.0 / 7.0, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-140, 1e-12, 1.0, 1e12])
def test_rates_in_any_units(scale):
    """y = scale z: a probe of fixed width would see another part of the cubic."""

    def velocity(_, y):
        z = y / scale
        return scale * (1 - z - z**3)

    follow = LargestRate(velocity, 1)
    for z in (0.0, 1e-9, 0.1, 0.6):
        y = np.array([scale * z])
        step = follow.longest_step(0.0, y, velocity(0.0, y), 0.1)
        assert step == pytest.approx(3.0 / (1 + 3 * z**2), rel=1e-6)


@pytest.mark.parametrize("depth", [2, 3])
def test_zeros_under_sign_feedback(depth):
    """An aligned start has zeros off the diagonal, where signs jump; the modes stay apart, and follow their chains."""
    task, t = fa.Task.from_spectrum([2.0, 1.0, 0.5]), np.linspace(0, 4, 9)
    start = [np.diag([0.4, 0.3, 0.2])] * depth
    run = fa.simulate(task, [3] * (depth - 1), "sign", start, t_end=4.0, t_eval=t)
    assert run.status == "completed"
    assert run.solver["steps"] < 200
    curves = fa.solve_modes([2.0, 1.0, 0.5], 1.0, depth, "sign", [[0.4, 0.3, 0.2]] * depth, t=t)
    np.testing.assert_allclose(run.mode_strength, curves.strength, rtol=0, atol=1e-8)


def test_nothing_moves_from_zero_under_sign_feedback():
    """The last layer learns from the activations below it, which are zero: signs of zero are zero."""
    run = fa.simulate(fa.Task.from_spectrum([2.0, 1.0]), 3, "sign", fa.starts.Zero(), t_end=5.0)
    assert run.status == "completed"
    np.testing.assert_array_equal(run.mode_strength, 0)
