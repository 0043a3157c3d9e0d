"""Where runs end among the maps that fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import fa_dynamics as fa
from fa_dynamics.errors import InputError
from fa_dynamics.systems.minimum_norm import (
    input_projector,
    interpolation_limit,
    limit_of_run,
    minimum_norm_map,
    moves_within_inputs,
)


def wide(n_outputs, seed, n_inputs=7, n_samples=3):
    rng = np.random.default_rng(seed)
    return fa.Task.from_arrays(rng.standard_normal((n_samples, n_inputs)), rng.standard_normal((n_samples, n_outputs)))


def test_minimum_norm_map_three_ways():
    task = wide(2, 0)
    X, Y = task.inputs, task.targets
    found = minimum_norm_map(task)
    np.testing.assert_allclose(found, (X.T @ np.linalg.solve(X @ X.T, Y)).T, atol=1e-13)
    np.testing.assert_allclose(found, task.least_squares, atol=1e-12)
    constrained = minimize(
        lambda p: p @ p,
        np.zeros(7),
        jac=lambda p: 2 * p,
        constraints={"type": "eq", "fun": lambda p: X @ p - Y[:, 0], "jac": lambda p: X},
        method="SLSQP",
        options={"ftol": 1e-15},
    )
    np.testing.assert_allclose(found[0], constrained.x, atol=1e-6)


def test_map_of_moments_alone():
    task = fa.Task.from_spectrum([2.0, 1.0], [1.0, 0.5], n_inputs=3)
    np.testing.assert_allclose(minimum_norm_map(task), [[2, 0, 0], [0, 2, 0]], atol=1e-14)


def test_projector():
    task = wide(1, 4)
    projector = input_projector(task)
    np.testing.assert_allclose(projector @ projector, projector, atol=1e-13)
    np.testing.assert_allclose(task.inputs @ projector, task.inputs, atol=1e-12)
    assert np.trace(projector) == pytest.approx(3)


@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "sign", "kp"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_first_layer_moves_within_the_inputs(rule, depth):
    assert moves_within_inputs(rule, depth)
    assert not moves_within_inputs(rule, depth, decay=True)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 10**6), st.sampled_from(["fa", "bp", "dfa"]))
def test_start_outside_the_inputs_is_what_remains(depth, n_outputs, seed, rule):
    """P(t) (I - Pi) = W_L..W_2(t) W_1(0) (I - Pi) at every time, whether or not the run has fitted anything."""
    task = wide(n_outputs, seed)
    run = fa.simulate(task, [4] * (depth - 1), rule, fa.starts.Gaussian(0.8), t_end=3.0, seed=seed % 1000)
    q, _ = np.linalg.qr(task.inputs.T)
    outside = np.eye(7) - q @ q.T
    for index in (50, 200):
        above = np.eye(run.sizes[1])
        for weight in run.weights[1:]:
            above = weight[index] @ above
        expected = above @ run.initial["W_1"] @ outside
        np.testing.assert_allclose(run.end_to_end[index] @ outside, expected, atol=1e-11)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4), (5, 6, 4)])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_ends(hidden, n_outputs):
    task = wide(n_outputs, 1)
    for start in (fa.starts.Zero(), fa.starts.Gaussian(0.7)):
        run = fa.simulate(task, hidden, "fa", start, t_end=400.0, seed=3)
        assert run.loss[-1] < 1e-10
        last = run.end_to_end[-1]
        np.testing.assert_allclose(last, limit_of_run(run), atol=1e-6)
        away = np.linalg.norm(last - minimum_norm_map(task))
        assert away < 1e-6 if isinstance(start, fa.starts.Zero) else away > 0.05
    assert np.linalg.norm(last) > np.linalg.norm(minimum_norm_map(task))


def test_decay_of_the_first_layer_forgets_the_start():
    """The counterexample of the formula: with decay the extra term shrinks as exp(-rho t)."""
    task = wide(1, 2)
    run = fa.simulate(task, 4, "fa", fa.starts.Gaussian(0.7), t_end=60.0, decay=[0.5, 0.0], seed=0)
    outside = np.eye(7) - input_projector(task)
    left = np.linalg.norm(run.weights[0] @ outside, axis=(1, 2))
    np.testing.assert_allclose(left, left[0] * np.exp(-0.5 * run.t), atol=1e-9)
    assert np.linalg.norm(run.end_to_end[-1] - limit_of_run(run)) > 1e-2


def test_bad_shapes():
    task = wide(2, 0)
    with pytest.raises(InputError, match=r"^first_start: shape \(4, 6\) given, expected \(n_1, n_0 = 7\)"):
        interpolation_limit(task, [np.ones((2, 4))], np.ones((4, 6)))
    with pytest.raises(InputError, match=r"^first_start: shape \(7,\)"):
        interpolation_limit(task, [], np.ones(7))
    with pytest.raises(InputError, match=r"^weights: W_2 has shape \(2, 3\), expected \(n_2, 4\)"):
        interpolation_limit(task, [np.ones((2, 3))], np.ones((4, 7)))
    with pytest.raises(InputError, match=r"^weights: they end in 4 units, expected n_L = 2"):
        interpolation_limit(task, [], np.ones((4, 7)))
