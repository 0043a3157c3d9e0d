"""What the statements would say if the physics were broken."""

from importlib import import_module

import broken
import pytest

from fa_dynamics.derive.rules import FeedbackAlignment
from fa_dynamics.modes.clock import Clock
from fa_dynamics.modes.equilibria import Equilibria
from fa_dynamics.theorems import verify

# Rooms by name: the package shows functions under the names of some of them.
flow_room, clocked, equilibria_room = (
    import_module(f"fa_dynamics.{name}") for name in ("derive.flow", "modes.clocked", "modes.equilibria")
)


@pytest.fixture(autouse=True)
def fresh():
    """Flows are cached by their rule, which a mutation changes behind their back; all else is cached by the flow."""
    flow_room._derive.cache_clear()
    yield
    flow_room._derive.cache_clear()


def outcome_of(name, draws=8):
    return verify(f"girotti2021.{name}", draws=draws, seed=3, depth=3, progress=False).outcomes[0]


def assert_red(name, draws=8, **options):
    return broken.assert_red(f"girotti2021.{name}", draws, **options)


@pytest.mark.parametrize("name", ["first-integrals", "clock"])
def test_a_sign_in_the_rule_breaks_laws_and_their_proofs(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name, proof_fails=True)


@pytest.mark.parametrize("name", ["explicit-rate", "implicit-time"])
def test_a_sign_in_the_rule_breaks_rates_and_times(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name)


@pytest.mark.parametrize("name", ["first-integrals", "explicit-rate", "no-spurious-equilibria"])
def test_transposed_weights_in_the_place_of_feedback(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.W(layer).T)
    assert_red(name)


def test_halved_feedback_halves_rates(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.B(layer) / 2)
    assert_red("explicit-rate")


@pytest.mark.parametrize(("name", "factor"), [("mode-decoupling", -1.0), ("zero-decoupling", 2.0)])
def test_a_factor_in_the_chain_alone(monkeypatch, name, factor):
    """One factor of the clock is wrong: matrix flows no longer split into what is called their chains."""
    right = Clock.numeric_factors

    def wrong(self, feedback):
        factors = right(self, feedback)
        factors[0] *= factor
        return factors

    monkeypatch.setattr(Clock, "numeric_factors", wrong)
    assert_red(name, 4)


def test_the_wrong_equilibrium_is_said_to_be_reached(monkeypatch):
    right = equilibria_room.find_zeros

    def wrong(lines):
        return [
            type(zeros)(zeros.tau, zeros.left, zeros.right, zeros.turning, len(zeros.tau) - 1 - zeros.reached)
            for zeros in right(lines)
        ]

    monkeypatch.setattr(equilibria_room, "find_zeros", wrong)
    assert_red("local-rate", 25)


def test_a_rest_before_the_next_equilibrium(monkeypatch):
    """Every way ends before its rest: the closed forms say when and where it does."""
    right = clocked.rest_ahead
    monkeypatch.setattr(clocked, "rest_ahead", lambda *arguments: 0.9 * right(*arguments))
    assert not outcome_of("fixed-points").holds
    assert not outcome_of("implicit-time").holds


def test_halved_rates_of_equilibria(monkeypatch):
    right = Equilibria.rate.fget
    monkeypatch.setattr(Equilibria, "rate", property(lambda self: right(self) / 2))
    assert_red("fixed-points")


def test_a_dropped_decay_leaves_no_counterexample(monkeypatch):
    right = flow_room._derive
    monkeypatch.setattr(flow_room, "_derive", lambda network, rule, decay: right(network, rule, False))
    monkeypatch.setattr(flow_room._derive, "cache_clear", right.cache_clear, raising=False)
    outcome = outcome_of("first-integrals", 3)
    assert outcome.counterexample_found is False
    assert not outcome.holds
