"""Finite steps against loops typed here, and against the flow."""

from itertools import pairwise

import numpy as np
import pytest
from typed_flows import conserved, draw, moving_feedback, velocity

import fa_dynamics as fa
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.flows.iterate_account import WIDEST
from fa_dynamics.randomness import stream

RULES = ("bp", "fa", "dfa", "kp", "sign")
SIZES = [(3, 2), (3, 4, 2), (2, 4, 5, 3), (3, 4, 2, 4, 3)]


def by_hand(problem, rule, eta, n_steps, momentum=0.0, rates=None, batches=None):
    """States after every step of a typed loop: lists of W_1..W_L, and of B_2..B_L that learn."""
    state = [*problem.weights, *(problem.feedback(rule) or [] if rule == "kp" else [])]
    speed = [np.zeros_like(matrix) for matrix in state]
    states, depth = [state], problem.depth
    for step in range(n_steps):
        X, Y = (problem.X, problem.Y) if batches is None else (problem.X[batches[step]], problem.Y[batches[step]])
        feedback = state[depth:] if rule == "kp" else problem.feedback(rule)
        gain = velocity(rule, state[:depth], feedback, X.T @ X / len(X), Y.T @ X / len(X), rates)
        speed = [momentum * old + new for old, new in zip(speed, gain, strict=True)]
        state = [matrix + eta * moving for matrix, moving in zip(state, speed, strict=True)]
        states.append(state)
    return states


def ours(problem, rule, **options):
    given = {"start": problem.weights, "feedback": problem.feedback(rule)} | options
    return iterate(problem.task, problem.hidden, rule, **given)


def assert_same(run, states, rule, problem):
    for index, number in enumerate(run.steps.number):
        for layer in range(problem.depth):
            np.testing.assert_allclose(run.weights[layer][index], states[number][layer], rtol=1e-10, atol=1e-12)
        if rule == "kp":
            for one, two in zip(
                moving_feedback(run, rule, problem, index) or [], states[number][problem.depth :], strict=True
            ):
                np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_plain_steps(rule, sizes):
    problem = draw(5, sizes)
    run = ours(problem, rule, step_size=0.05, n_steps=40)
    assert run.status == "completed"
    np.testing.assert_array_equal(run.steps.number, np.arange(41))
    np.testing.assert_allclose(run.t, 0.05 * np.arange(41), rtol=1e-15)
    assert_same(run, by_hand(problem, rule, 0.05, 40), rule, problem)


@pytest.mark.parametrize("rule", RULES)
def test_heavy_ball_with_decay(rule):
    problem, rates = draw(6, (3, 4, 3, 2)), (0.1, 0.2, 0.05)
    run = ours(problem, rule, step_size=0.02, n_steps=60, momentum=0.7, decay=rates)
    assert_same(run, by_hand(problem, rule, 0.02, 60, 0.7, rates), rule, problem)
    assert dict(run.explained_drift) == {}


@pytest.mark.parametrize("rule", ["fa", "kp"])
def test_minibatches(rule):
    """12 samples in batches of 5: 5, 5, 2, then a new permutation."""
    problem = draw(7, (3, 4, 2))
    size, rng, batches = len(problem.X), stream(11, "data"), []
    while len(batches) < 30:
        order = rng.permutation(size)
        batches += [order[first : first + 5] for first in range(0, size, 5)]
    assert len({len(batch) for batch in batches}) == 2
    run = ours(problem, rule, step_size=0.05, n_steps=30, batch_size=5, seed=11)
    assert_same(run, by_hand(problem, rule, 0.05, 30, batches=batches), rule, problem)


def test_seeds_of_minibatches():
    problem = draw(7, (3, 4, 2))
    first, again, other = (
        ours(problem, "fa", step_size=0.05, n_steps=20, batch_size=3, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.weights[0], again.weights[0])
    np.testing.assert_array_equal(first.weights[0][0], other.weights[0][0])
    assert np.abs(first.weights[0][-1] - other.weights[0][-1]).max() > 1e-4


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_batch_of_all_samples_is_the_full_batch(momentum):
    problem = draw(8, (3, 5, 2))
    options = {"step_size": 0.05, "n_steps": 50, "momentum": momentum}
    whole = ours(problem, "fa", **options)
    batch = ours(problem, "fa", batch_size=len(problem.X), **options)
    for one, two in zip(whole.weights, batch.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_small_steps_approach_the_flow_to_first_order(rule):
    problem = draw(10, (3, 4, 2))
    below, above = problem.weights
    # The signs of W_2 stay, since the flow of sign-symmetric feedback has a kink where one of them changes.
    weights = [below, above + 2 * np.sign(above)]
    options = {"start": weights, "feedback": problem.feedback(rule)}
    flow = fa.simulate(problem.task, problem.hidden, rule, t_end=1.0, t_eval=[1.0], **options)
    gaps = []
    for n_steps in (200, 400, 800):
        run = ours(problem, rule, step_size=1 / n_steps, n_steps=n_steps, record=1, start=weights)
        assert (np.sign(run.weights[1][-1]) == np.sign(weights[1])).all()
        gaps.append(max(np.abs(a[-1] - b[-1]).max() for a, b in zip(run.weights, flow.weights, strict=True)))
    np.testing.assert_allclose([gaps[0] / gaps[1], gaps[1] / gaps[2]], 2, rtol=0.03)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("rule", RULES)
def test_drifts_are_explained(rule, batch_size, momentum):
    problem = draw(12, (3, 5, 4, 2))
    step = 0.04 * (1 - momentum)
    run = ours(problem, rule, step_size=step, n_steps=200, batch_size=batch_size, momentum=momentum)
    if rule == "sign" and momentum:
        assert dict(run.explained_drift) == {}
        assert "q_1, q_2" in run.steps.left_out
        return
    assert run.steps.left_out == ""
    assert set(run.explained_drift) == set(run.unexplained_drift) == set(run.invariant_drift)
    for name, drift in run.invariant_drift.items():
        size = max(1.0, *(float((weight**2).sum(axis=(1, 2)).max()) for weight in run.weights))
        assert run.unexplained_drift[name].max() < 1e-13 * size
        np.testing.assert_allclose(run.explained_drift[name], drift, rtol=1e-9, atol=1e-13 * size)
        if not name.startswith("R"):
            assert drift[-1] > 1e-4  # there is something to explain


def test_explained_drift_is_the_typed_sum():
    """eta^2 sum of G G^T, from weights at every step, against laws typed in the tests of flows."""
    problem = draw(13, (3, 4, 2))
    run = ours(problem, "fa", step_size=0.1, n_steps=50)
    states = by_hand(problem, "fa", 0.1, 50)
    total = sum((b[0] - a[0]) @ (b[0] - a[0]).T for a, b in pairwise(states))
    start, end = (conserved("fa", states[place][:2], problem.layered)[0] for place in (0, -1))
    np.testing.assert_allclose(end - start, total, rtol=0, atol=1e-13)
    scale = max(1.0, np.linalg.norm(start))
    np.testing.assert_allclose(run.explained_drift["Q_1"][-1], np.linalg.norm(total) / scale, rtol=1e-10)


def test_total_drift_is_of_first_order():
    problem = draw(14, (3, 4, 2))
    drifts = [ours(problem, "fa", step_size=2 / n, n_steps=n).explained_drift["Q_1"][-1] for n in (200, 400, 800)]
    np.testing.assert_allclose([drifts[0] / drifts[1], drifts[1] / drifts[2]], 2, rtol=0.05)


def test_wide_layers_are_left_out_and_that_is_said():
    task = fa.Task.from_spectrum([1.0])
    run = iterate(task, [WIDEST + 1, 3], "fa", step_size=0.1, n_steps=3)
    assert set(run.explained_drift) == {"Q_2"}
    assert "Q_1: layers of more than" in run.steps.left_out


def test_learning_times_are_exact_in_steps():
    task = fa.Task.from_spectrum([2.0, 1.0, -0.5])
    start, feedback = fa.starts.Spectral(0.0), fa.starts.Spectral(1.0)
    run = iterate(task, 3, "fa", start, feedback, step_size=0.1, n_steps=300, record=3)
    assert len(run.t) == 3
    for mode, sigma in enumerate(run.task.modes.target):
        x, y, strengths = 0.0, 0.0, []
        for _ in range(301):
            strengths.append(x * y)
            error = sigma - x * y
            x, y = x + 0.1 * error, y + 0.1 * x * error
        np.testing.assert_allclose(run.curve.values[:, mode], strengths, rtol=1e-9, atol=1e-12)
        for level in (0.5, 0.99):
            first = 1 + max(k for k, p in enumerate(strengths) if abs(p - sigma) > (1 - level) * abs(sigma))
            assert run.learning_times(level)[mode] == pytest.approx(0.1 * first, rel=1e-14)
    assert run.order().verdict == "principal-first"


def test_a_mode_that_leaves_its_band_at_the_end_is_not_learned():
    task = fa.Task.from_spectrum([1.0])
    run = iterate(task, (), "bp", [[[0.0]]], step_size=2.0, n_steps=5)  # 0, 2, 0, 2, ..
    assert np.isinf(run.learning_times(0.5)).all()
    with pytest.raises(fa.InputError, match=r"^level: "):
        run.learning_times(1.5)
