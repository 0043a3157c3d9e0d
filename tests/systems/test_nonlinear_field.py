"""Velocities of deep networks against derivatives of a loss typed by hand, the derived linear flow, and typed rules."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from typed_networks import (
    ACTIVATIONS,
    LOSSES,
    RULES,
    central_gradient,
    complex_step_gradient,
    drawn,
    moved,
    typed_loss,
    typed_task,
)

from fa_dynamics.derive import FeedbackAlignment, Rule, derive
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.systems.activations import activation_names, find_activation
from fa_dynamics.systems.losses import find_loss
from fa_dynamics.systems.network_field import evaluate


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_is_the_gradient(activation, loss, biases):
    task = typed_task(3, loss)
    model, state = drawn(task, activation, "bp", loss, biases)
    gradient = complex_step_gradient(state, task.inputs, task.targets, activation, loss)
    result = moved(model, state, task)
    for name in state:
        np.testing.assert_allclose(result[name], -gradient[name], rtol=1e-11, atol=1e-13)
    seen = evaluate(model, state, task.inputs, task.targets)
    value = model.loss.value(seen.outputs, task.targets)
    assert value == pytest.approx(typed_loss(state, task.inputs, task.targets, activation, loss), rel=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["relu", "squared-relu", "gelu"])
def test_backpropagation_by_central_differences(activation, loss, monkeypatch):
    from scipy.special import erf

    monkeypatch.setitem(ACTIVATIONS, "gelu", lambda z: z * (1 + erf(z / np.sqrt(2))) / 2)
    task = typed_task(5, loss)
    model, state = drawn(task, activation, "bp", loss, True)
    gradient = central_gradient(state, task.inputs, task.targets, activation, loss)
    result = moved(model, state, task)
    for name in state:
        np.testing.assert_allclose(result[name], -gradient[name], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("decay", [None, (0.1, 0.0, 0.3)])
@pytest.mark.parametrize("rule", RULES)
def test_linear_activation_is_the_derived_flow(rule, decay):
    task = typed_task(1)
    model, state = drawn(task, "linear", rule, "squared", decay=decay)
    flow = derive(3, rule, decay=decay is not None)
    compiled = compile_flow(flow, model.sizes)
    values = {"Sigma_xx": task.input_moment, "Sigma_yx": task.cross_moment, **model.fixed}
    values |= dict(zip((symbol.name for symbol in flow.decay_rates), decay or (), strict=True))
    out = [np.empty(shape) for shape in compiled.shapes]
    compiled.bind(values, np.empty)([state[name] for name in compiled.names], out)
    result = moved(model, state, task)
    assert tuple(result) == compiled.names
    for name, expected in zip(compiled.names, out, strict=True):
        np.testing.assert_allclose(result[name], expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feedback_alignment_with_transposed_weights_is_backpropagation(activation):
    task = typed_task(2)
    model, state = drawn(task, activation, "fa", "squared", True)
    for layer in (2, 3):
        model.fixed[f"B_{layer}"][:] = state[f"W_{layer}"].T
    truth = moved(model.with_rule("bp"), state, task)
    result = moved(model, state, task)
    for name in state:
        np.testing.assert_allclose(result[name], truth[name], rtol=1e-13, atol=1e-15)


def test_rules_typed_by_hand():
    """Direct, sign and learning feedback on tanh, from formulas that share nothing with the rule objects."""
    task = typed_task(4)
    for rule in ("fa", "dfa", "sign", "kp"):
        model, state = drawn(task, "tanh", rule, "squared")
        first, second, third = (state[f"W_{layer}"] for layer in (1, 2, 3))
        h1 = np.tanh(task.inputs @ first.T)
        h2 = np.tanh(h1 @ second.T)
        error = h2 @ third.T - task.targets
        known = {**model.fixed, **state}
        if rule == "dfa":
            back2, back1 = error @ known["D_2"].T, error @ known["D_1"].T
            d2, d1 = back2 * (1 - h2**2), back1 * (1 - h1**2)
        else:
            b3 = np.sign(third).T if rule == "sign" else known["B_3"]
            b2 = np.sign(second).T if rule == "sign" else known["B_2"]
            d2 = (error @ b3.T) * (1 - h2**2)
            d1 = (d2 @ b2.T) * (1 - h1**2)
        expected = {"W_1": -d1.T @ task.inputs / 7, "W_2": -d2.T @ h1 / 7, "W_3": -error.T @ h2 / 7}
        if rule == "kp":
            expected |= {"B_2": expected["W_2"].T, "B_3": expected["W_3"].T}
        result = moved(model, state, task)
        assert result.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(result[name], value, rtol=1e-12, atol=1e-14, err_msg=f"{rule} {name}")


class Halved(Rule):
    """Half of every weight goes back."""

    name = "halved"

    def feedback(self, network, layer):
        return sp.Rational(1, 2) * network.W(layer).T


class Skewed(FeedbackAlignment):
    """Learning feedback of one's own: dB/dt = 2 (dW/dt)^T, and errors through B + W^T."""

    name = "skewed"

    def feedback_velocity(self, network, layer, weight_velocity):
        return 2 * weight_velocity.T


def test_rules_of_ones_own_need_no_code():
    task = typed_task(6)
    model, state = drawn(task, "tanh", Halved(), "squared")
    truth = moved(model.with_rule("bp"), state, task)
    result = moved(model, state, task)
    for layer, factor in ((3, 1), (2, 1 / 2), (1, 1 / 4)):
        np.testing.assert_allclose(result[f"W_{layer}"], factor * truth[f"W_{layer}"], rtol=1e-12, atol=1e-15)
    model, state = drawn(task, "relu", Skewed(), "squared")
    result = moved(model, state, task)
    for layer in (2, 3):
        np.testing.assert_allclose(result[f"B_{layer}"], 2 * result[f"W_{layer}"].T, rtol=1e-13)


def test_scaled_output_is_the_parametrisation_of_wide_networks():
    """f = n^(-1/2) W_2 tanh(W_1 x) with feedback b in the place of W_2: the formulas of song2021.md section 7."""
    task = typed_task(7, n_outputs=1)
    width = 9
    loss = find_loss("squared").of_scaled_output(width**-0.5)
    model, state = drawn(task, "tanh", "fa", loss, hidden=width)
    h = np.tanh(task.inputs @ state["W_1"].T)
    residual = h @ state["W_2"].T / np.sqrt(width) - task.targets
    b = model.fixed["B_2"][:, 0]
    result = moved(model, state, task)
    outer = -(residual.T @ h) / np.sqrt(width) / 7
    inner = -((residual * b) * (1 - h**2)).T @ task.inputs / np.sqrt(width) / 7
    np.testing.assert_allclose(result["W_2"], outer, rtol=1e-12)
    np.testing.assert_allclose(result["W_1"], inner, rtol=1e-12)
    seen = evaluate(model, state, task.inputs, task.targets)
    assert loss.value(seen.outputs, task.targets) == pytest.approx(float((residual**2).mean() / 2))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*activation_names(), "leaky-relu:-0.3"]), st.floats(-6, 6), st.floats(0.1, 10))
def test_slopes_and_degrees(name, z, c):
    phi = find_activation(name)
    at, step = np.array([z]), 1e-6
    if abs(z) > 2 * step:
        difference = (phi.value(at + step) - phi.value(at - step)) / (2 * step)
        np.testing.assert_allclose(phi.slope(at), difference, rtol=1e-6, atol=1e-8)
    defect = at * phi.slope(at) - phi.order * phi.value(at)
    np.testing.assert_allclose(phi.defect(at), defect, atol=1e-12)
    if phi.degree is not None:
        np.testing.assert_allclose(phi.value(c * at), c**phi.degree * phi.value(at), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "exponential"])  # that one overflows by design
def test_losses_survive_large_outputs(loss):
    found, task = find_loss(loss), typed_task(0, loss)
    outputs = 1e4 * np.sign(np.arange(task.targets.size) % 3 - 1.0).reshape(task.targets.shape)
    assert np.isfinite(found.value(outputs, task.targets))
    assert np.isfinite(found.error(outputs, task.targets)).all()
