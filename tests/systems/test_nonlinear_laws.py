"""Pointwise identity, neuron law, and the account of finite steps: on typed averages, in flows, and step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import simpson
from typed_networks import ACTIVATIONS, LOSSES, RULES, drawn, typed_task

from fa_dynamics.starts import Gaussian
from fa_dynamics.systems.network import simulate_network
from fa_dynamics.systems.network_field import evaluate
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.systems.network_laws import hidden_laws, identity_defect
from fa_dynamics.tasks import Task

DEGREE = {"linear": 1, "relu": 1, "leaky-relu:0.2": 1, "squared-relu": 2, "tanh": 1, "sigmoid": 1}


def off_diagonal(matrices):
    return np.abs(matrices * (1 - np.eye(matrices.shape[-1]))).max()


@settings(deadline=None, max_examples=40)
@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    rule=st.sampled_from(RULES),
    loss=st.sampled_from(sorted(LOSSES)),
    biases=st.booleans(),
    seed=st.integers(0, 50),
)
def test_pointwise_identity(activation, rule, loss, biases, seed):
    """robertson2024.pointwise-identity: diag(G_l W_l^T) + bias - nu diag(B G_{l+1}) from the gradients themselves."""
    task = typed_task(seed, loss)
    model, state = drawn(task, activation, rule, loss, biases, seed)
    seen = evaluate(model, state, task.inputs, task.targets)
    matrices = {**model.fixed, **state}
    for layer in (1, 2):
        stand_in = model.way_back.stand_in(layer + 1, matrices)
        left = np.diag(seen.gradient(layer) @ state[f"W_{layer}"].T)
        if biases:
            left = left + seen.bias_gradient(layer) * state[f"beta_{layer}"]
        right = DEGREE[activation] * np.diag(stand_in @ seen.gradient(layer + 1))
        defect = identity_defect(model, layer, seen, stand_in)
        scale = max(1.0, np.abs(left).max(), np.abs(right).max())
        np.testing.assert_allclose(left - right, defect, atol=1e-12 * scale)
        if activation not in ("tanh", "sigmoid") and (rule != "dfa" or layer == 2):
            assert not defect.any() or np.abs(defect).max() < 1e-13 * scale


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["linear", "squared-relu", "tanh"])
def test_neuron_law_of_the_flow(activation, rule, biases):
    """Conserved at integrator level where a law is claimed; elsewhere it moves by the integral of the defect."""
    task = typed_task(8, n_samples=12)
    # feedback of signs jumps within an interval, and no rule of integration is better there than the interval is short
    times, atol = (np.linspace(0, 1, 2001), 2e-4) if rule == "sign" else (np.linspace(0, 1, 401), 1e-6)
    run = simulate_network(task, (4, 3), activation, rule, start=Gaussian(0.6), t_end=1.0, biases=biases, t_eval=times)
    assert run.status == "completed"
    assert abs(run.loss[-1] - run.loss[0]) > 1e-3  # feedback alignment may begin uphill
    for law, drift, defect in zip(run.laws, run.neuron_drift, run.identity_defect, strict=True):
        assert law.holds == (
            activation == "linear" or (activation == "squared-relu" and (rule, law.layer) != ("dfa", 1))
        )
        if law.holds:
            assert np.abs(drift).max() < 1e-7
        else:
            assert np.abs(drift).max() > 1e-3
        integral = simpson(defect, x=run.t, axis=0)
        np.testing.assert_allclose(drift[-1], -integral, atol=atol * max(1, np.abs(defect).max()))
    if rule in ("fa", "bp", "kp"):
        conserved = max(np.abs(matrices).max() for matrices in run.matrix_drift)
        assert conserved < 1e-7 if activation == "linear" else conserved > 1e-3


@pytest.mark.parametrize("activation", ["relu", "leaky-relu:0.2"])
def test_rectifiers_conserve_diagonals_only(activation):
    """At the tolerance of kinks; a wrong degree, or leaving the biases out, would show at order one."""
    task = typed_task(9, n_samples=30)
    run = simulate_network(task, (4, 3), activation, "fa", t_end=1.0, biases=True, seed=3)
    assert run.status == "completed"
    assert run.solver["rtol"] == 1e-4
    drift = max(np.abs(drift).max() for drift in run.neuron_drift)
    assert drift < 2e-3
    assert max(off_diagonal(matrices) for matrices in run.matrix_drift) > 10 * drift
    biases = [np.abs(bias[-1] ** 2 - bias[0] ** 2).max() / 2 for bias in run.biases[:2]]
    assert max(biases) > 2 * drift


def test_rectifier_without_sliding_is_accurate():
    """Short enough that fields only cross zero: strict tolerances work, and the law holds far below them."""
    task = typed_task(10, n_samples=12)
    options = {"t_end": 0.02, "seed": 1, "t_eval": [0.02]}
    fine = simulate_network(task, 4, "relu", "fa", rtol=1e-11, **options)
    strict = simulate_network(task, 4, "relu", "fa", rtol=1e-9, **options)
    steps = iterate_network(task, 4, "relu", "fa", step_size=1e-5, n_steps=2000, records=2, seed=1)
    for layer in (0, 1):
        np.testing.assert_allclose(strict.weights[layer], fine.weights[layer], atol=1e-7)
        np.testing.assert_allclose(steps.weights[layer][-1], fine.weights[layer][-1], atol=1e-4)
    assert np.abs(strict.neuron_drift[0]).max() < 1e-9


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["relu", "leaky-relu:0.2", "linear"])
def test_drift_of_gradient_steps_is_the_squared_gradient(activation, biases):
    """robertson2024.discrete-drift: 1/2 eta^2 sum |g_i|^2 from weights alone, minibatches included."""
    task = typed_task(11, n_samples=10)
    run = iterate_network(
        task, (4, 3), activation, "fa", step_size=0.05, n_steps=40, batch_size=3, biases=biases, records=41
    )
    for layer in (1, 2):
        squares = (np.diff(run.weights[layer - 1], axis=0) ** 2).sum(axis=(0, 2))
        if biases:
            squares = squares + (np.diff(run.biases[layer - 1], axis=0) ** 2).sum(axis=0)
        drift = run.neuron_drift[layer - 1]
        np.testing.assert_allclose(drift[-1], squares / 2, rtol=1e-10, atol=1e-14)
        assert (np.diff(drift, axis=0) > -1e-14).all()
        np.testing.assert_allclose(drift, run.explained_drift[layer - 1], atol=1e-13)


@settings(deadline=None, max_examples=25)
@given(
    activation=st.sampled_from(["relu", "tanh", "gelu", "leaky-relu", "linear"]),
    rule=st.sampled_from(RULES),
    momentum=st.sampled_from([0.0, 0.3, 0.9]),
    decay=st.sampled_from([None, 0.2, (0.1, 0.0, 0.4)]),
    biases=st.booleans(),
    batch=st.sampled_from([None, 2, 5]),
    seed=st.integers(0, 20),
)
def test_account_of_steps_is_exact(activation, rule, momentum, decay, biases, batch, seed):
    """Momentum, decay, feedback that moves, defects and finite steps together, to round-off."""
    task = typed_task(seed, n_samples=8)
    run = iterate_network(
        task,
        (4, 3),
        activation,
        rule,
        start=Gaussian(0.7),
        step_size=0.02,
        n_steps=25,
        momentum=momentum,
        decay=decay,
        biases=biases,
        batch_size=batch,
        seed=seed,
        records=6,
    )
    assert run.status == "completed"
    for drift, explained in zip(run.neuron_drift, run.explained_drift, strict=True):
        np.testing.assert_allclose(drift, explained, atol=1e-12 * max(1.0, np.abs(drift).max()))


def test_momentum_drifts_upwards_from_rest():
    """robertson2024.discrete-drift with heavy ball: one-signed for feedback alignment, and larger than without."""
    task = typed_task(12, n_samples=10)
    runs = [iterate_network(task, 5, "relu", "fa", step_size=0.02, n_steps=50, momentum=mu) for mu in (0.0, 0.8)]
    assert all((np.diff(run.neuron_drift[0], axis=0) > -1e-13).all() for run in runs)
    assert runs[1].neuron_drift[0][-1].sum() > 2 * runs[0].neuron_drift[0][-1].sum()


def test_laws_say_why_they_fail():
    task = typed_task(0)
    cases = {
        ("tanh", "fa", None): ("tanh is not homogeneous", "tanh is not homogeneous"),
        ("relu", "dfa", None): ("direct feedback carries a law below the last hidden layer only in linear", ""),
        ("relu", "fa", 0.1): ("weight decay moves it", "weight decay moves it"),
        ("relu", "sign", None): ("", ""),
        ("linear", "dfa", None): ("", ""),
    }
    for (activation, rule, decay), expected in cases.items():
        model, _ = drawn(task, activation, rule, "squared", decay=None if decay is None else (decay,) * 3)
        for law, words in zip(hidden_laws(model), expected, strict=True):
            assert law.why_not.startswith(words)
            assert law.holds == (words == "")


def test_direct_feedback_through_a_bottleneck_has_no_law():
    """robertson2024.dfa-law: n_2 < n_L, where D_2 has no left inverse."""
    task = typed_task(13, n_samples=12)
    narrow = simulate_network(task, (4, 2), "linear", "dfa", t_end=1.0)
    wide = simulate_network(task, (4, 4), "linear", "dfa", t_end=1.0)
    assert [law.holds for law in narrow.laws] == [False, True]
    assert np.abs(narrow.neuron_drift[0]).max() > 0.05
    assert np.abs(wide.neuron_drift[0]).max() < 1e-7
    assert all(law.holds for law in wide.laws)


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_rate_of_leaky_rectifiers(loss):
    """robertson2024.relu-rates, theorem E: l <= l_0 / (1 + kappa l_0 t), and the loss never rises."""
    rng = np.random.default_rng(3)
    leak, margin, width, samples = 0.3, 0.5, 5, 12
    direction = np.array([1.0, 0.0, 0.0])
    labels = np.where(np.arange(samples) % 2, 1.0, -1.0)
    inputs = rng.standard_normal((samples, 3))
    inputs[:, 0] = labels * (margin + np.abs(inputs[:, 0]))
    assert (labels * (inputs @ direction)).min() >= margin
    first, b, epsilon = rng.standard_normal((width, 3)), rng.standard_normal((width, 1)), 0.2
    outer = ((first**2).sum(axis=1) / 2 + epsilon) / b[:, 0]
    task = Task.from_arrays(inputs, labels)
    run = simulate_network(task, width, f"leaky-relu:{leak}", "fa", loss, [first, outer[None]], [b], t_end=3.0)
    kappa = leak**2 * margin**2 * width * epsilon
    if loss == "logistic":
        kappa *= ((1 - np.exp(-samples * run.loss[0])) / (samples * run.loss[0])) ** 2
    assert run.status == "completed"
    assert (run.loss <= run.loss[0] / (1 + kappa * run.loss[0] * run.t) * (1 + 1e-9)).all()
    assert (np.diff(run.loss) < 1e-8).all()
    assert (np.sign(run.weights[1][:, 0]) == np.sign(outer)).all()


def test_alignment_floor_of_rectifiers():
    """robertson2024.alignment-floor: a_i(t) >= a_i(0) - 1/2 |w_i(0)|^2, and permanent once it exceeds 1/2 |w_i|^2."""
    task = typed_task(14, n_samples=30)
    for seed in range(3):
        run = simulate_network(task, (4, 3), "relu", "fa", t_end=1.0, seed=seed)
        for layer in (1, 2):
            a = np.einsum("ij,tji->ti", run.feedback[f"B_{layer + 1}"], run.weights[layer])
            energy = (run.weights[layer - 1] ** 2).sum(axis=2) / 2
            # 3e-3: the drift of the law at the tolerance of kinks
            assert (a >= a[0] - energy[0] - 3e-3).all()
            assert np.abs(a - a[0]).max() > 3e-3
