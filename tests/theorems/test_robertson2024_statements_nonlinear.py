"""Statements of robertson2024 on networks with activations, mirror flows and minimum norms; with typed witnesses."""

import json

import numpy as np
import pytest

from fa_dynamics.systems.activations import find_activation
from fa_dynamics.systems.network_field import evaluate
from fa_dynamics.theorems import find, verify
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.robertson2024 import _networks as networks
from fa_dynamics.theorems.robertson2024 import minimum_norm, mirror_flow, neuron_law, pointwise_identity, relu_rates
from fa_dynamics.theorems.work import source

PROVED = ("minimum-norm", "mirror-flow", "pointwise-identity")
TESTED = ("neuron-law", "relu-rates")


@pytest.mark.parametrize("name", [*PROVED, *TESTED])
def test_holds_with_its_proof_and_counterexamples(name):
    outcome = verify(f"robertson2024.{name}", draws=5, seed=17, depth=3, progress=False).outcomes[0]
    assert outcome.holds, (outcome.verdict, outcome.failures, str(outcome.worst and outcome.worst.evidence))
    assert outcome.undecided == 0
    assert outcome.counterexample_found
    assert (outcome.proof is not None) == (name in PROVED)
    if name in PROVED:
        assert outcome.proof.startswith("L <= 3")


@pytest.mark.parametrize("name", [*PROVED, *TESTED])
@pytest.mark.parametrize("seed", [23, 26])
def test_a_case_survives_its_file(name, seed):
    statement = find(f"robertson2024.{name}")
    instance = statement.sample(source(statement, seed))
    again = json.loads(json.dumps(plain(instance)))
    assert not statement.lacking(again)
    own, other = (worst(statement.check(each)) for each in (instance, again))
    assert (own.decision, own.measured, own.margin) == (other.decision, other.measured, other.margin)


@pytest.mark.parametrize("name", networks.DEGREES)
def test_degrees_are_those_of_the_functions(name):
    """phi(c z) = c^nu phi(z) for c > 0, beside what the package calls the degree."""
    phi, degree, z = find_activation(name), networks.DEGREES[name], np.linspace(-2, 2, 41)
    for factor in (0.3, 1.7):
        np.testing.assert_allclose(phi.value(factor * z), factor**degree * phi.value(z), atol=1e-14)
    assert phi.degree == degree


def test_chi_of_two_and_three_layers():
    """beta_1 / 2 and beta_1^2 beta_2 / 16, worked out by hand."""
    rng = np.random.default_rng(0)
    upper, lower = rng.standard_normal((4, 1)), rng.standard_normal((3, 4))
    beta_2, beta_1 = (upper**2).sum(), ((lower @ upper) ** 2).sum()
    assert mirror_flow.chi_of([upper]) == (pytest.approx(beta_2 / 2), 3)
    assert mirror_flow.chi_of([lower, upper]) == (pytest.approx(beta_1**2 * beta_2 / 16), 7)


def test_an_output_error_that_is_no_gradient():
    """The targets themselves go back."""
    case = {**networks.network(source(find("robertson2024.pointwise-identity"), 4)), "loss": "signal", "rule": "fa"}
    model = networks.model_of(case, "relu")
    seen = evaluate(model, networks.state_of(case), case["inputs"], case["targets"])
    np.testing.assert_array_equal(seen.signals[-1], case["targets"])


@pytest.mark.parametrize("name", networks.SMOOTH)
def test_slopes_by_complex_steps(name):
    z = np.linspace(-4, 4, 33)
    phi, step = find_activation(name), 1e-5
    difference = (phi.value(z + step) - phi.value(z - step)) / (2 * step)
    np.testing.assert_allclose(pointwise_identity.slope_of(name, z), difference, atol=1e-9)


def test_formula_of_the_limit_by_hand():
    """One sample (2, 0), target 6: P = (3, 0) and what W_2 W_1(0) does to the second input."""
    case = {"inputs": [[2.0, 0.0]], "targets": [[6.0]]}
    least, outside, smallest = minimum_norm.fit(case)
    np.testing.assert_allclose(least, [[3.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(outside, [[0.0, 0.0], [0.0, 1.0]], atol=1e-15)
    assert smallest == pytest.approx(2.0)


LEAKY = {
    "kind": "leaky",
    "leak": 0.5,
    "normal": [1.0, 0.0],
    "inputs": [[1.0, 3.0], [-2.0, 1.0]],
    "labels": [1.0, -1.0],
    "first": [[0.2, 0.0]],
    "feedback": [2.0],
    "excess": [0.08],
    "loss": "exponential",
}


def test_rate_of_leaky_rectifiers_by_hand():
    """kappa = alpha^2 m^2 sum epsilon; the logistic one times (1 - e^(-N l_0))^2 / (N l_0)^2."""
    assert relu_rates.second(LEAKY) == pytest.approx([(0.02 + 0.08) / 2])
    fields = np.array([0.2, -0.4])
    outputs = np.where(fields > 0, fields, fields / 2) * 0.05
    assert relu_rates.loss_at_start(LEAKY) == pytest.approx(np.exp(-np.array([1, -1]) * outputs).mean())
    assert relu_rates.rate(LEAKY) == pytest.approx(0.25 * 1.0 * 0.08)
    logistic = LEAKY | {"loss": "logistic"}
    first = np.log1p(np.exp(-np.array([1, -1]) * outputs)).mean()
    share = (1 - np.exp(-2 * first)) / (2 * first)
    assert relu_rates.rate(logistic) == pytest.approx(0.02 * share**2)


def test_rate_of_rectifiers_by_hand():
    case = LEAKY | {"kind": "rectified", "leak": 0.0, "inputs": [[1.0, 3.0], [-2.0, -1.0]]}
    case |= {"first": [[0.2, 0.0], [-0.2, 0.0], [0.1, 0.1]], "feedback": [2.0, -1.0, 1.0], "excess": [0.08, 0.05, 0.1]}
    np.testing.assert_array_equal(relu_rates.watched(case), [[True, False, True], [False, True, False]])
    assert relu_rates.rate(case) == pytest.approx(1 * 0.05 * 5.0 / 2)


def test_slopes_of_the_loss_are_differences_of_losses():
    """The halved steps at the start of a run, short ones, against the slope that is evaluated."""
    case = dict(relu_rates.leaky(source(find("robertson2024.relu-rates"), 2)))
    _, sizes = relu_rates.follow(case)
    run, _ = relu_rates.follow(case, [1e-6 * size for size in sizes])
    assert (run.loss[1] - run.loss[0]) / (run.t[1] - run.t[0]) == pytest.approx(run.slope[0], rel=1e-4)


def test_flows_of_rectifiers_end_before_a_kink():
    """A field that would pass zero within the horizon shortens it."""
    case = {
        "sizes": [1, 1, 1],
        "inputs": [[1.0]],
        "targets": [[-50.0]],
        "start": [[[0.1]], [[1.0]]],
        "feedback": [[[1.0]]],
        "activation": "relu",
        "biases": False,
        "nu": 1.0,
        "counted": True,
    }
    assert neuron_law.smooth_until(case | {"t_end": 1.0}) < 0.1
    assert neuron_law.smooth_until(case | {"t_end": 1.0, "activation": "linear"}) == 1.0
