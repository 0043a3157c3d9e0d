"""What the statements about linear networks would say if the physics were broken."""

from importlib import import_module

import broken
import pytest
import sympy as sp

from fa_dynamics import measures
from fa_dynamics.derive.rules import DirectFeedbackAlignment, FeedbackAlignment, KolenPollack
from fa_dynamics.flows.prepare import Setting
from fa_dynamics.theorems import verify
from fa_dynamics.theorems.robertson2024 import better_alignment

flow_room = import_module("fa_dynamics.derive.flow")


@pytest.fixture(autouse=True)
def fresh():
    """Flows are cached by their rule, which a mutation changes behind their back; all else is cached by the flow."""
    flow_room._derive.cache_clear()
    yield
    flow_room._derive.cache_clear()


def assert_red(name, draws=6, **options):
    return broken.assert_red(f"robertson2024.{name}", draws, **options)


@pytest.mark.parametrize(
    "name",
    ["matrix-law", "dissipation", "alignment-floor", "dominance-two-layer", "dominance-deep-scalar", "weight-decay"],
)
def test_a_sign_in_the_rule(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name, proof_fails=name in ("matrix-law", "dissipation", "weight-decay"))


@pytest.mark.parametrize("name", ["matrix-law", "feedback-family", "completeness"])
def test_transposed_weights_in_the_place_of_feedback(monkeypatch, name):
    """A trace of B is kept, so that its matrices have a place."""
    monkeypatch.setattr(
        FeedbackAlignment,
        "feedback",
        lambda self, network, layer: network.W(layer).T + sp.Rational(1, 10**9) * network.B(layer),
    )
    assert_red(name, draws=14)


def test_halved_feedback(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.B(layer) / 2)
    assert_red("matrix-law", proof_fails=True)


def test_weight_decay_dropped(monkeypatch):
    """The rates get lost on the way from the arguments to the compiled flow."""
    whole = Setting.parameters.fget

    def without(self):
        return {name: 0.0 if name.startswith("rho") else value for name, value in whole(self).items()}

    monkeypatch.setattr(Setting, "parameters", property(without))
    assert_red("weight-decay", draws=3)


def test_direct_feedback_of_the_lowest_layer_doubled(monkeypatch):
    whole = DirectFeedbackAlignment.backward

    def doubled(self, network, layer):
        factor = 2 if layer == 1 and network.depth > 2 else 1
        return factor * whole(self, network, layer)

    monkeypatch.setattr(DirectFeedbackAlignment, "backward", doubled)
    assert_red("dfa-law", proof_fails=True)


def test_direct_feedback_from_the_layer_above(monkeypatch):
    """Every layer gets its effective feedback times what the one above should get: transposed, and so wrong."""
    whole = DirectFeedbackAlignment.backward

    def turned(self, network, layer):
        back = whole(self, network, layer)
        return (
            back * network.D(network.depth - 1).T * network.D(network.depth - 1) if layer < network.depth - 1 else back
        )

    monkeypatch.setattr(DirectFeedbackAlignment, "backward", turned)
    assert_red("dfa-law", proof_fails=True)


@pytest.mark.parametrize("factor", [0, sp.Rational(1, 2)])
def test_kolen_pollack_feedback_frozen_or_slow(monkeypatch, factor):
    monkeypatch.setattr(
        KolenPollack, "feedback_velocity", lambda self, network, layer, weight_velocity: factor * weight_velocity.T
    )
    assert_red("feedback-family", draws=14, proof_fails=True)


def test_alignment_matrix_doubled(monkeypatch):
    whole = measures.alignment_matrix
    monkeypatch.setattr(measures, "alignment_matrix", lambda above, backward: 2 * whole(above, backward))
    assert_red("dissipation")


def test_a_network_that_does_not_learn(monkeypatch):
    """No learning time at all must not pass for equal ones."""
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    monkeypatch.setattr(better_alignment, "HORIZON", 1.0)
    outcome = verify("robertson2024.better-alignment", seed=3, progress=False).outcomes[0]
    assert outcome.violations == 1, (outcome.verdict, outcome.failures)
