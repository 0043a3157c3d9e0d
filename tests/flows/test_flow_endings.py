"""How a run can end, and that everything up to there is kept."""

import re

import numpy as np
import pytest
from typed_flows import draw, simulate

import fa_dynamics as fa
from fa_dynamics.flows.solve import solve, solver_class

EXPLICIT = ("DOP853", "RK45", "RK23")
ALL = (*EXPLICIT, "Radau", "BDF", "LSODA")


class Ascent(fa.Rule):
    """Gradient ascent: the negative of what backpropagation sends back, for every layer."""

    name = "ascent"

    def feedback(self, network, layer):
        return network.W(layer).T

    def backward(self, network, layer):
        return -1 * super().backward(network, layer)


class Runaway(fa.Rule):
    """Negative feedback alignment in all layers: theta_2 explodes as 1 / (T - t)."""

    name = "runaway"

    def feedback(self, network, layer):
        return network.B(layer)

    def backward(self, network, layer):
        return -1 * super().backward(network, layer)


def assert_partial(run, times):
    """Output times before the end, observables and curve of matching length, finite."""
    reached = len(run.t)
    assert 0 < reached < len(times)
    np.testing.assert_array_equal(run.t, times[:reached])
    assert all(len(weight) == reached and np.isfinite(weight).all() for weight in run.weights)
    assert run.loss.shape == (reached,)
    assert run.mode_strength.shape[0] == reached
    assert len(run.curve.edges) == len(run.curve.values) + 1
    assert run.curve.edges[-1] >= run.t[-1]
    assert len(repr(run).splitlines()) == 5
    assert run.status in repr(run)


def test_interrupted_by_hand():
    problem, times, told = draw(1, (3, 4, 2)), np.linspace(0, 10, 101), []

    def progress(fraction):
        told.append(fraction)
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.warns(fa.IntegrationWarning, match="interrupted: stopped by hand at t = "):
        run = simulate(problem, "fa", 10.0, t_eval=times, progress=progress)
    assert run.status == "interrupted"
    assert_partial(run, times)
    assert run.curve.edges[-1] == pytest.approx(10 * told[-1], rel=1e-15)
    assert run.t[-1] == times[np.searchsorted(times, run.curve.edges[-1], side="right") - 1]
    assert (np.diff(told) > 0).all()
    whole = simulate(problem, "fa", 10.0, t_eval=times)
    for part, full in zip(run.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(part, full[: len(part)])


def test_interrupted_before_anything_happened():
    def progress(fraction):
        raise KeyboardInterrupt

    with pytest.warns(fa.IntegrationWarning, match="interrupted"):
        run = simulate(draw(1, (3, 4, 2)), "fa", 10.0, t_eval=[9.0, 10.0], progress=progress)
    assert len(run.t) == 0
    assert [weight.shape for weight in run.weights] == [(0, 4, 3), (0, 2, 4)]
    assert len(repr(run).splitlines()) == 5


@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp", "sign"])
def test_observables_of_a_run_without_output_times(rule):
    """It ended before the first of them: empty observables, and still something to save."""

    def progress(fraction):
        raise KeyboardInterrupt

    with pytest.warns(fa.IntegrationWarning, match="interrupted"):
        run = simulate(draw(1, (3, 4, 4, 2)), rule, 10.0, t_eval=[9.0, 10.0], progress=progress)
    assert run.update_alignment.shape == (0, 3)
    assert run.weight_alignment.shape == (0, 2)
    assert run.balancedness.shape == run.interlayer_alignment.shape == (0, 2)
    assert run.effective_rank.shape == run.loss.shape == (0,)
    assert run.alignment_matrix(1).shape == (0, 2, 2)
    assert run.to_xarray().sizes["time"] == 0


def test_progress_is_told_every_step_up_to_one():
    told = []
    run = simulate(draw(1, (3, 4, 2)), "fa", 3.0, progress=told.append)
    assert len(told) == run.solver["steps"] > 5
    assert told[-1] == 1.0


@pytest.mark.parametrize("method", EXPLICIT)
def test_gradient_ascent_of_one_layer_diverges(method):
    problem, times = draw(2, (3, 2)), np.linspace(0, 200, 401)
    with pytest.warns(fa.IntegrationWarning, match="diverged: at t = .* exceeded"):
        run = simulate(problem, Ascent(), 200.0, t_eval=times, method=method, rtol=1e-6)
    assert run.status == "diverged"
    assert_partial(run, times)
    assert run.loss[-1] > 1e6 * run.loss[0]
    np.testing.assert_array_equal(run.learning_times(), np.inf)


@pytest.mark.parametrize("rule", [Runaway(), Ascent()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("sizes", [(3, 4, 2), (3, 3, 3, 3)], ids=str)
def test_explosion_in_finite_time_diverges(rule, sizes):
    """Entries leave every bound before some time T: that is a divergence, whichever limit notices it first."""
    problem, times = draw(2, sizes), np.linspace(0, 50, 5001)
    options = {"feedback": problem.layered} if rule.name == "runaway" else {"feedback": None}
    with pytest.warns(fa.IntegrationWarning):
        run = simulate(problem, rule, 50.0, t_eval=times, **options)
    assert_partial(run, times)
    assert run.loss[-1] > run.loss[0]
    assert run.status == "diverged"


def decaying(t, y):
    return -y


def observe(_, y):
    return y[:1]


@pytest.mark.parametrize("method", ALL)
def test_completed(method):
    times = np.array([0.0, 0.1, 0.7, 2.0])
    done = solve(decaying, np.array([1.0, 3.0]), times, 2.0, observe, method=method, rtol=1e-8, atol=1e-10)
    assert (done.status, done.message) == ("completed", "reached the last time.")
    np.testing.assert_array_equal(done.t, times)
    # rtol 1e-8; LSODA and BDF, of variable order, are known to err by some hundred times their rtol
    np.testing.assert_allclose(done.y, np.exp(-times)[:, None] * [1, 3], rtol=1e-5)
    assert done.curve.values.shape == (done.n_steps, 8, 1)
    assert done.curve.edges[0] == 0
    assert done.curve.edges[-1] == 2.0
    np.testing.assert_allclose(done.curve(times)[:, 0], np.exp(-times), rtol=1e-5)
    assert done.n_evaluations > 0


@pytest.mark.parametrize("method", EXPLICIT)
def test_stalled_for_lack_of_steps(method):
    times = np.linspace(0, 10, 101)
    done = solve(decaying, np.ones(2), times, 10.0, observe, method=method, max_steps=5, max_step=0.25)
    assert done.status == "stalled"
    assert done.message.startswith("5 steps reached only t = ")
    assert done.n_steps == len(done.curve.values) == 5
    assert done.curve.edges[-1] <= 1.25
    np.testing.assert_array_equal(done.t, times[times <= done.curve.edges[-1]])
    np.testing.assert_allclose(done.y, np.exp(-done.t)[:, None] * [1, 1], rtol=1e-6)  # rtol 1e-9 on RK23 and so on


@pytest.mark.parametrize("method", ALL)
def test_velocity_that_becomes_nan(method):
    """Not a number after t = 1: the status says so, whatever the method does about it."""

    def velocity(t, y):
        return -y if t <= 1 else np.full_like(y, np.nan)

    times = np.linspace(0, 3, 31)
    done = solve(velocity, np.ones(2), times, 3.0, observe, method=method, rtol=1e-6, max_steps=2000)
    assert done.status == "non-finite"
    # The last accepted time; a multistep method may have stepped over t = 1 from further away.
    assert re.search(r"not finite near t = (0\.9|1)", done.message)
    assert 0 < len(done.t) < len(times)
    assert np.isfinite(done.y).all()
    np.testing.assert_allclose(done.y[:, 0], np.exp(-done.t), rtol=1e-3)  # rtol 1e-6


@pytest.mark.parametrize("method", ALL)
def test_velocity_that_is_nan_at_once(method):
    def velocity(t, y):
        return np.full_like(y, np.nan)

    done = solve(velocity, np.ones(2), np.array([0.0, 1.0]), 3.0, observe, method=method)
    assert done.status == "non-finite"
    assert "near t = 0" in done.message
    np.testing.assert_array_equal(done.t, [0.0])
    np.testing.assert_array_equal(done.y, [[1.0, 1.0]])
    assert done.n_steps == 0
    assert done.curve.values.shape == (0, 8, 1)


def test_run_whose_velocity_is_nan_at_once():
    """Column-normalised feedback of zero columns has no direction."""

    class Undefined(fa.Rule):
        name = "undefined"

        def feedback(self, network, layer):
            return network.W(layer).T.applyfunc(lambda entry: 1 / entry)

    problem = draw(2, (3, 4, 2))
    with np.errstate(all="ignore"), pytest.warns(fa.IntegrationWarning, match="non-finite"):
        run = simulate(problem, Undefined(), 1.0, start=[np.zeros((4, 3)), np.zeros((2, 4))], feedback=None)
    assert run.status == "non-finite"
    np.testing.assert_array_equal(run.t, [0.0])
    np.testing.assert_array_equal(run.learning_times(), np.inf)


def test_implicit_methods_refuse_what_does_not_fit():
    from scipy import integrate

    assert solver_class("Radau", 5000) is integrate.Radau
    for method in ("Radau", "BDF", "LSODA", integrate.BDF):
        with pytest.raises(fa.InputError, match=r"method: .* dense Jacobian"):
            solver_class(method, 5001)
    assert issubclass(solver_class("RK45", 10**7), integrate.RK45)
    with pytest.raises(fa.InputError, match=r"method: no method is called 'DOP835'; did you mean 'DOP853'\?"):
        solver_class("DOP835", 10)
