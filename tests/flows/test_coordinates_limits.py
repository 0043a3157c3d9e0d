"""Where a run may not be turned it is not, and what is rebuilt later is what the run was."""

import pickle

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.derive.moving_rows import moving_rows
from fa_dynamics.flows import coordinates as room
from fa_dynamics.flows.coordinates import is_diagonal


class FeedbackStays(fa.Rule):
    """D_1 goes to the first layer, and stands in what goes to the second too."""

    name = "feedback stays"

    def backward(self, network, layer):
        if layer == network.depth:
            return _one(network)
        return network.D(1) if layer == 1 else network.D(2) + network.W(2) * network.D(1)


def _one(network):
    import sympy as sp

    return sp.Identity(network.n(network.depth))


class Learned(fa.Rule):
    """Feedback that learns, used twice on its way."""

    name = "learned twice"

    def feedback(self, network, layer):
        return network.B(layer)

    def backward(self, network, layer):
        if layer == 1:
            return network.D(1)
        return _one(network) if layer == network.depth else network.B(2).T * network.B(2) * network.B(3)

    def feedback_velocity(self, network, layer, weight_velocity):
        return weight_velocity.T if layer == 2 else None


class Hidden(fa.Rule):
    """A matrix of a turned layer inside a function."""

    name = "hidden"

    def feedback(self, network, layer):
        return network.B(layer)

    def backward(self, network, layer):
        import sympy as sp

        if layer == network.depth:
            return _one(network)
        bent = network.W(1).applyfunc(sp.tanh)
        return bent * bent.T * super().backward(network, layer) if layer == 1 else super().backward(network, layer)


class Moment(fa.Rule):
    """Reads the second moment of the inputs on the way back."""

    name = "moment"

    def feedback(self, network, layer):
        return network.B(layer)

    def backward(self, network, layer):
        if layer == network.depth:
            return _one(network)
        P = network.end_to_end
        return super().backward(network, layer) * P * network.input_moment * P.T


def task_of(n_inputs=12, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((60, n_inputs))
    return fa.Task.from_arrays(inputs, inputs @ rng.standard_normal((n_inputs, n_outputs)) / 3)


@pytest.mark.parametrize("rule", [FeedbackStays(), Learned(), Hidden(), Moment()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("task", [task_of(), fa.Task.from_spectrum([1.5, 0.7], n_inputs=12)], ids=["data", "spectrum"])
def test_rules_that_know_a_basis_give_the_same_with_and_without_coordinates(rule, task, monkeypatch):
    given = {"start": fa.starts.Gaussian(0.4), "feedback": fa.starts.Gaussian(0.7), "t_end": 1.0, "t_eval": [0.5, 1.0]}
    hidden = (8, 8) if rule.name in ("feedback stays", "learned twice") else (8,)
    runs = []
    for worth in (1, 10**9):
        monkeypatch.setattr(room, "WORTH_IT", worth)
        runs.append(fa.simulate(task, hidden, rule, **given))
    for one, two in zip(runs[0].weights, runs[1].weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-8)


def test_feedback_that_stays_in_a_velocity_keeps_all_rows():
    assert not moving_rows(fa.derive(3, FeedbackStays())).constants
    assert moving_rows(fa.derive(2, Moment())) is None
    assert moving_rows(fa.derive(2, Hidden())) is None


def test_a_rebuilt_curve_that_is_interrupted_is_no_curve(monkeypatch):
    import sys

    module = sys.modules["fa_dynamics.flows.simulate"]
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, 2, "fa", fa.starts.Zero(), [np.eye(2)], t_end=5.0)
    plain, calls = module.mode_strength_of_weights, []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(module, "mode_strength_of_weights", stopped)
    with pytest.raises(KeyboardInterrupt):
        run.learning_times()
    np.testing.assert_allclose(run.learning_times().round(3), [0.744, 1.181])


def test_what_is_done_to_the_start_of_a_run_does_not_reach_its_curve():
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, 2, "fa", fa.starts.Zero(), [np.eye(2)], t_end=5.0)
    run.initial["W_1"][:] = 5.0
    run.feedback["B_2"][:] = 0.0
    np.testing.assert_allclose(run.learning_times().round(3), [0.744, 1.181])


def test_runs_and_ensembles_can_be_pickled():
    task = task_of()
    run = fa.simulate(task, 40, "fa", t_end=2.0)
    again = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(again.learning_times(), run.learning_times())
    np.testing.assert_array_equal(again.weights[0], run.weights[0])
    many = fa.simulate_ensemble(task, 5, draws=3, t_end=2.0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(many)).learning_times(), many.learning_times())


@pytest.mark.parametrize("keep_weights", [False, True])
def test_members_that_reach_no_output_time(keep_weights):
    many = fa.simulate_ensemble(
        task_of(3, 2), 3, draws=2, start="gaussian:1e160", t_end=10.0, t_eval=[5.0, 10.0], keep_weights=keep_weights
    )
    assert many.status == ("non-finite",) * 2
    assert np.isnan(many.loss).all()


def test_wide_layers_are_not_turned():
    from fa_dynamics.flows.prepare import prepare

    found = room.coordinates_of(prepare(task_of(3, 2), 2000, "fa", t_end=1.0))
    assert found.bases[1] is None  # a basis of four million numbers for a state of ten thousand


def test_correlations_of_small_inputs_are_correlations():
    assert is_diagonal(np.diag([1.0, 1e-15, 1e-15]))
    assert not is_diagonal(np.array([[1, 0, 0], [0, 1e-15, 0.9e-15], [0, 0.9e-15, 1e-15]]))
