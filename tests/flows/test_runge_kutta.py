"""The lean Runge-Kutta methods take SciPy's steps."""

import numpy as np
import pytest
from scipy import integrate

import fa_dynamics as fa
from fa_dynamics.flows.runge_kutta import EXPLICIT, InPlace, runge_kutta

RNG = np.random.default_rng(3)
MATRIX = RNG.standard_normal((6, 6)) - 3 * np.eye(6)
START = RNG.standard_normal(6)


def velocity(t, y):
    return MATRIX @ np.tanh(y) + np.sin(t)


@pytest.mark.parametrize("method", EXPLICIT)
def test_solve_ivp_takes_the_same_steps_with_both(method):
    options = {"t_eval": np.linspace(0, 7, 40), "rtol": 1e-7, "atol": 1e-9}
    theirs = integrate.solve_ivp(velocity, (0, 7), START, method=method, **options)
    ours = integrate.solve_ivp(velocity, (0, 7), START, method=runge_kutta(method), **options)
    assert ours.nfev == theirs.nfev
    # round-off in an error estimate moves the next step by 1e-8 of itself, and its error with it: rtol 1e-7
    np.testing.assert_allclose(ours.y, theirs.y, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", EXPLICIT)
def test_one_step_of_a_given_length_is_that_of_scipy(method):
    options = {"rtol": 1e-3, "atol": 1e-3, "first_step": 0.05, "max_step": 0.05}
    theirs = getattr(integrate, method)(velocity, 0.0, START, 1.0, **options)
    ours = runge_kutta(method)(velocity, 0.0, START, 1.0, **options)
    while theirs.status == "running":
        theirs.step()
        ours.step()
        times = np.linspace(theirs.t_old, theirs.t, 9)
        np.testing.assert_allclose(ours.y, theirs.y, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ours.f, theirs.f, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ours.between(times).T, theirs.dense_output()(times), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ours.dense_output()(times), theirs.dense_output()(times), rtol=1e-13, atol=1e-15)
    assert ours.status == "finished"


@pytest.mark.parametrize("method", EXPLICIT)
def test_velocity_in_place_gives_the_same(method):
    def into(t, y, out):
        out[:] = velocity(t, y)

    options = {"method": runge_kutta(method), "rtol": 1e-8, "atol": 1e-10, "dense_output": True}
    one = integrate.solve_ivp(velocity, (0, 3), START, **options)
    two = integrate.solve_ivp(InPlace(into), (0, 3), START, **options)
    np.testing.assert_array_equal(one.y, two.y)
    np.testing.assert_array_equal(one.sol(one.t), two.sol(one.t))
    np.testing.assert_array_equal(one.y[:, 0], START)  # earlier states were not written over


@pytest.mark.parametrize("method", EXPLICIT)
def test_the_worst_member_decides(method):
    """One fast member among a hundred that rest: its error is what it is alone, and not a tenth of it."""

    def fast(t, y):
        return np.where(np.arange(y.size) < 2, 5 * np.cos(5 * t) * (1 + 0 * y), 0.0)

    options = {"t_eval": [2.0], "rtol": 1e-6, "atol": 1e-6}
    start = np.zeros(200)
    together = integrate.solve_ivp(fast, (0, 2), start, method=runge_kutta(method, 100), **options)
    alone = integrate.solve_ivp(fast, (0, 2), start[:2], method=runge_kutta(method), **options)
    diluted = integrate.solve_ivp(fast, (0, 2), start, method=method, **options)
    exact = np.sin(10.0)
    assert abs(together.y[0, 0] - exact) <= 2 * abs(alone.y[0, 0] - exact) + 1e-12
    assert together.nfev > diluted.nfev


def test_a_velocity_without_bound_ends_in_a_step_that_is_too_small():
    solver = runge_kutta("RK45")(lambda t, y: y**2, 0.0, np.ones(2), 5.0, rtol=1e-6, atol=1e-9)
    with np.errstate(over="ignore", invalid="ignore"):
        while solver.status == "running":
            solver.step()
    assert solver.status == "failed"
    assert solver.t == pytest.approx(1.0, abs=1e-6)  # y = 1 / (1 - t)


def test_only_forward_in_time():
    with pytest.raises(fa.InputError, match=r"t_bound: -1.0 given, expected at least t0"):
        runge_kutta("RK45")(velocity, 0.0, START, -1.0)
