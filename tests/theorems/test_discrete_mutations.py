"""Break steps, nonlinear networks and mirror flows, and the statements about them turn red."""

from dataclasses import replace
from importlib import import_module

import broken
import numpy as np
import pytest
import sympy as sp

from fa_dynamics.derive.rules import FeedbackAlignment
from fa_dynamics.errors import IntegrationWarning
from fa_dynamics.flows import iterate_account, iterate_loop
from fa_dynamics.systems import activations, minimum_norm, mirror, network_field, network_laws
from fa_dynamics.systems.mirror_reduction import reduction
from fa_dynamics.systems.network_feedback import way_back
from fa_dynamics.theorems.girotti2021 import discrete_rates, discrete_zero_start
from fa_dynamics.theorems.robertson2024 import minimum_norm as minimum_norm_statement
from fa_dynamics.theorems.robertson2024 import mirror_flow as mirror_flow_statement

flow_room = import_module("fa_dynamics.derive.flow")
iterate_room = import_module("fa_dynamics.flows.iterate")
network_iterate_room = import_module("fa_dynamics.systems.network_iterate")


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """Flows, and what is compiled from them, are cached by rule: forget them before, and what was broken after."""
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget():
    flow_room._derive.cache_clear()
    way_back.cache_clear()
    reduction.cache_clear()


def assert_red(name, draws=6, **options):
    return broken.assert_red(name, draws, **options)


@pytest.mark.parametrize(
    ("name", "draws"),
    [
        ("girotti2021.discrete-identities", 6),
        ("girotti2021.discrete-zero-start", 6),
        ("robertson2024.discrete-drift", 6),
        ("robertson2024.minimum-norm", 10),
        ("robertson2024.pointwise-identity", 12),
        ("robertson2024.neuron-law", 6),
        ("robertson2024.relu-rates", 6),
    ],
)
def test_a_sign_in_the_rule(monkeypatch, name, draws):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name, draws)


def test_a_sign_in_the_rule_of_aligned_starts(monkeypatch):
    """Samplers of orbits that end well find none any more; cases drawn before turn out false."""
    from fa_dynamics.theorems.work import source

    statement = discrete_rates.STATEMENT
    cases = [discrete_rates.aligned(source(statement, seed)) for seed in range(3)]
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    flow_room._derive.cache_clear()
    for case in cases:
        assert any(evidence.decision == "violated" for evidence in statement.check(case))


@pytest.mark.parametrize(
    ("name", "draws"),
    [
        ("girotti2021.discrete-identities", 6),
        ("girotti2021.discrete-zero-start", 6),
        ("robertson2024.discrete-drift", 6),
        ("robertson2024.mirror-flow", 6),
        ("robertson2024.pointwise-identity", 12),
        ("robertson2024.neuron-law", 6),
        ("robertson2024.relu-rates", 6),
    ],
)
def test_transposed_weights_in_the_place_of_feedback(monkeypatch, name, draws):
    """A trace of B is kept, so that its matrices have a place."""
    monkeypatch.setattr(
        FeedbackAlignment,
        "feedback",
        lambda self, network, layer: network.W(layer).T + sp.Rational(1, 10**9) * network.B(layer),
    )
    assert_red(name, draws, among=("violated", "failed"))


def test_a_sign_in_the_rule_of_a_mirror_flow(monkeypatch):
    """The derivation of the potential finds out by itself."""
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red("robertson2024.mirror-flow", least=4, among=("violated", "failed"), proof_fails=True)


@pytest.mark.parametrize("name", ["girotti2021.discrete-identities", "robertson2024.discrete-drift"])
def test_drift_term_dropped(monkeypatch, name):
    monkeypatch.setattr(
        iterate_account, "compile_drift", lambda flow, law, outgoing: lambda before, moved, after: np.zeros(1)
    )
    with pytest.warns(IntegrationWarning, match="beyond what its steps add up to"):
        assert_red(name, least=3)


def test_drift_term_of_the_opposite_sign(monkeypatch):
    right = iterate_account.compile_drift

    def turned(flow, law, outgoing):
        drift = right(flow, law, outgoing)
        return lambda before, moved, after: -drift(before, moved, after)

    monkeypatch.setattr(iterate_account, "compile_drift", turned)
    with pytest.warns(IntegrationWarning, match="beyond what its steps add up to"):
        assert_red("robertson2024.discrete-drift", least=3)


@pytest.mark.parametrize("name", ["girotti2021.discrete-identities", "robertson2024.discrete-drift"])
def test_layers_updated_one_after_the_other(monkeypatch, name):
    """Layer l moves from the new weights below it."""
    right = iterate_loop._velocities

    def sequential(plan):
        velocity, unpack = right(plan)

        def gain(state):
            new = state.copy()
            for layer in range(len(plan.compiled.names)):
                moved = unpack(plan.step_size * velocity(new))[layer]
                unpack(new)[layer][...] += moved
            return (new - state) / plan.step_size

        return gain, unpack

    monkeypatch.setattr(iterate_loop, "_velocities", sequential)
    with pytest.warns(IntegrationWarning, match="beyond what its steps add up to"):
        assert_red(name, draws=10, least=2)


def test_momentum_ignored(monkeypatch):
    right = iterate_room.take_steps
    monkeypatch.setattr(
        iterate_room, "take_steps", lambda plan, accounts, report: right(replace(plan, momentum=0.0), accounts, report)
    )
    assert_red("robertson2024.discrete-drift", draws=10, least=2)


def test_momentum_ignored_by_the_account_only(monkeypatch):
    right = iterate_loop.advanced
    monkeypatch.setattr(iterate_loop, "advanced", lambda account, momentum, *parts: right(account, 0.0, *parts))
    with pytest.warns(IntegrationWarning, match="beyond what its steps add up to"):
        assert_red("robertson2024.discrete-drift", draws=10, least=2)


def test_a_guaranteed_step_twice_as_long(monkeypatch):
    right = discrete_zero_start.guaranteed_steps
    monkeypatch.setattr(discrete_zero_start, "guaranteed_steps", lambda orbits: (2 * right(orbits)[0], ()))
    assert_red("girotti2021.discrete-zero-start", least=3)


def test_a_guaranteed_step_much_too_long(monkeypatch):
    right = discrete_rates.guaranteed_steps
    monkeypatch.setattr(discrete_rates, "guaranteed_steps", lambda orbits: (20 * right(orbits)[0], ()))
    assert_red("girotti2021.discrete-rates", draws=8)


def test_a_rate_of_the_flow_that_is_a_little_off(monkeypatch):
    """Two percent: samplers do not notice, the limit of short steps does."""
    right = discrete_rates.linear_steps
    monkeypatch.setattr(discrete_rates, "linear_steps", lambda orbits: right(orbits) / 1.02)
    assert_red("girotti2021.discrete-rates", draws=8)


def test_chi_halved(monkeypatch):
    right = mirror.reduction

    def halved(depth):
        found = right(depth)
        return replace(found, chi=found.chi / 2)

    monkeypatch.setattr(mirror, "reduction", halved)
    monkeypatch.setattr(mirror_flow_statement, "reduction", halved)
    assert_red("robertson2024.mirror-flow", least=3, proof_fails=True)


def test_the_second_term_of_the_interpolator_forgotten(monkeypatch):
    monkeypatch.setattr(
        minimum_norm_statement,
        "interpolation_limit",
        lambda task, weights, start: minimum_norm.interpolation_limit(task, weights, 0 * np.asarray(start)),
    )
    assert_red("robertson2024.minimum-norm", least=2)


def test_a_first_layer_that_leaves_the_span_of_the_inputs(monkeypatch):
    """White noise in the moments that the flow is driven by."""
    from fa_dynamics.flows.prepare import Setting

    whole = Setting.parameters.fget

    def ridged(self):
        values = dict(whole(self))
        values["Sigma_xx"] = values["Sigma_xx"] + 1e-3 * np.eye(len(values["Sigma_xx"]))
        return values

    monkeypatch.setattr(Setting, "parameters", property(ridged))
    assert_red("robertson2024.minimum-norm", least=2)


@pytest.mark.parametrize("degree", [1, 3])
def test_wrong_degree_of_squared_rectifiers(monkeypatch, degree):
    wrong = replace(activations._KNOWN["squared-relu"], degree=degree)
    monkeypatch.setitem(activations._KNOWN, "squared-relu", wrong)
    assert_red("robertson2024.neuron-law", draws=14)


def test_tanh_that_passes_for_homogeneous(monkeypatch):
    """Its law would hold if its slope were 1; the wrong slope shows in the defect."""
    wrong = replace(activations._KNOWN["tanh"], slope=np.ones_like)
    monkeypatch.setitem(activations._KNOWN, "tanh", wrong)
    assert_red("robertson2024.pointwise-identity", draws=14, least=2)


@pytest.mark.parametrize("name", ["robertson2024.pointwise-identity", "robertson2024.neuron-law"])
def test_slope_of_the_wrong_layer(monkeypatch, name):
    """delta_l without phi'."""
    right = network_field.evaluate

    def without(model, state, inputs, targets):
        bare = replace(model, activation=replace(model.activation, slope=np.ones_like))
        return right(bare, state, inputs, targets)

    for room in (network_field, network_iterate_room, import_module("fa_dynamics.systems.network")):
        monkeypatch.setattr(room, "evaluate", without)
    monkeypatch.setattr(import_module("fa_dynamics.theorems.robertson2024.pointwise_identity"), "evaluate", without)
    assert_red(name, draws=14)


def test_biases_forgotten_in_the_quantity(monkeypatch):
    right = network_laws.neuron_quantity
    monkeypatch.setattr(
        import_module("fa_dynamics.systems.network_run"),
        "neuron_quantity",
        lambda model, law, state: right(replace(model, biases=False), law, state),
    )
    assert_red("robertson2024.neuron-law", draws=14)


def test_networks_that_climb(monkeypatch):
    """The loss of rectifiers must fall."""
    right = network_iterate_room.velocity
    monkeypatch.setattr(
        network_iterate_room,
        "velocity",
        lambda model, state, seen: {name: -value for name, value in right(model, state, seen).items()},
    )
    assert_red("robertson2024.relu-rates")
