"""Learning times come from between the steps, whatever the output times are."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import fa_dynamics as fa

SIGMA, LAM = np.array([4.0, 2.0, 1.0, 0.5]), np.array([1.0, 0.6, 2.0, 0.3])
THREE = [0.0, 17.0, 40.0]


def rotated(sigma, lam, seed, sizes):
    rng = np.random.default_rng(seed)
    bases = [np.linalg.qr(rng.standard_normal((size, len(sigma))))[0] for size in sizes]
    inputs, outputs = bases[0], bases[-1]
    rest = np.eye(len(inputs)) - inputs @ inputs.T
    moment, best = (inputs * lam) @ inputs.T + rest, (outputs * (sigma / lam)) @ inputs.T
    return fa.Task("rotated", moment, best @ moment, best @ moment @ best.T), bases


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_sigmoids_of_backpropagation(level):
    task, (v, h, u) = rotated(SIGMA, LAM, 1, (5, 6, 4))
    p0, s = 0.01, SIGMA / LAM
    start = [0.1 * h @ v.T, 0.1 * u @ h.T]
    run = fa.simulate(task, 6, "bp", start, t_end=40.0, t_eval=THREE)
    p = level * s
    exact = np.log(p * (s - p0) / (p0 * (s - p))) / (2 * SIGMA)
    np.testing.assert_allclose(run.learning_times(level), exact, rtol=1e-7)  # default rtol 1e-9, dense output 1e-8
    assert len(run.t) == 3


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_cubic_of_feedback_alignment(level):
    task, (_, h, u) = rotated(SIGMA, LAM, 2, (4, 5, 6))
    b = np.array([1.0, 0.7, 1.5, 2.0])
    run = fa.simulate(task, 5, "fa", "zero", [(h * b) @ u.T], t_end=40.0, t_eval=THREE)
    r, xi = np.cbrt(2 * b * SIGMA / LAM), np.cbrt(level)
    # t = 2 / (lambda r^2) * integral of d xi / (1 - xi^3), typed by partial fractions
    integral = np.log((1 + xi + xi**2) / (1 - xi) ** 2) / 6 + (
        np.arctan((2 * xi + 1) / np.sqrt(3)) - np.pi / 6
    ) / np.sqrt(3)
    np.testing.assert_allclose(run.learning_times(level), 2 / (LAM * r**2) * integral, rtol=1e-7)  # as above


def test_one_layer():
    task, _ = rotated(SIGMA, LAM, 3, (4, 4))
    run = fa.simulate(task, (), "fa", "zero", t_end=40.0, t_eval=THREE)
    np.testing.assert_allclose(run.learning_times(0.75), np.log(4) / LAM, rtol=1e-7)  # as above
    assert run.order(0.75).clock == "lambda*t"
    assert run.order(0.75).verdict == "simultaneous"


def test_output_times_do_not_matter():
    task, _ = rotated(SIGMA, LAM, 2, (4, 5, 6))
    few, many = (fa.simulate(task, 5, "fa", seed=4, t_end=20.0, t_eval=times) for times in (np.array([20.0]), None))
    np.testing.assert_array_equal(few.learning_times(), many.learning_times())


@pytest.mark.parametrize("method", ["DOP853", "RK45", "RK23"])
def test_a_mode_that_leaves_and_returns_is_learned_when_it_returns(method):
    """Row F of girotti2021.md 7: theta(0) = (-2.726, 0), sigma = 4, just above the fold.

    The strength lingers at the ghost, at 3.9, within 5 % of its target; falls below zero; and comes back from there.
    """
    task = fa.Task.from_spectrum([4.0])
    run = fa.simulate(
        task, 1, "fa", [[[-2.726]], [[0.0]]], [[[1.0]]], t_end=10.0, t_eval=[0.0, 10.0], method=method, rtol=1e-9
    )
    k = 2.726**2  # x' = 4 + (k x - x^3) / 2 with x = theta_1, p = x (x^2 - k) / 2

    def exact(level):
        """The last crossing, by quadrature in x."""
        last = brentq(lambda x: x * (x**2 - k) / 2 - level * 4, 2.8, 3.5, xtol=1e-15)
        return quad(lambda x: 2 / (8 + k * x - x**3), -2.726, last, epsabs=1e-12, limit=200, points=[-1.574])[0]

    assert exact(0.99) == pytest.approx(6.726, abs=5e-4)  # the printed figure
    for level in (0.95, 0.99):
        # An error made on the way into the ghost is amplified there, where the speed is .1 instead of 4.
        assert run.learning_times(level)[0] == pytest.approx(exact(level), rel=1e-7)
    time = run.learning_times(0.95)[0]
    t, p = run.curve.sample(32)
    inside = np.abs(p[:, 0] - 4.0) <= 0.2
    visit = t[inside & (t < time - 1e-9)]
    assert visit.max() - visit.min() > 3.0
    assert not inside[(t > visit.max()) & (t < time)].any()
    assert inside[t > time + 1e-9].all()


def test_a_mode_that_never_learns():
    """Backpropagation from zero stays at its saddle; so does a mode without hidden units."""
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, 2, "bp", "zero", t_end=10.0)
    np.testing.assert_array_equal(run.learning_times(), np.inf)
    order = run.order()
    assert (order.verdict, order.rank_correlation) == (None, None)
    narrow = fa.simulate(task, 1, "bp", "balanced:0.001", t_end=30.0)
    first, second = narrow.learning_times()
    assert np.isfinite(first)
    assert second == np.inf
    assert narrow.order().verdict == "principal-first"


def test_order_of_a_task_with_an_idle_input():
    """A direction that no input ever takes: curvature 0, correlation 0. Its mode is never learned, nor in any order."""
    task = fa.Task.from_spectrum([2.0, 1.0, 0.0], [1.0, 0.5, 0.0])
    run = fa.simulate(task, 3, "fa", t_end=60.0, seed=1)
    assert run.learning_times()[2] == np.inf
    order = run.order()
    assert order.clock == "lambda*t"
    assert order.verdict is not None


def test_equal_targets_have_no_order():
    task = fa.Task.from_spectrum([1.0, 1.0, 1.0])
    run = fa.simulate(task, 3, "fa", "zero", [np.eye(3)], t_end=10.0)
    assert run.order() == fa.measures.Order(None, "simultaneous", "t")


def test_level_outside_its_range():
    run = fa.simulate(fa.Task.from_spectrum([1.0]), 1, "fa", t_end=1.0)
    for level in (0, 1, -0.5, 2, np.nan):
        with pytest.raises(fa.InputError, match="level"):
            run.learning_times(level)
