"""What the statements on alignment between layers would say if the physics were broken."""

from dataclasses import replace
from importlib import import_module
from itertools import pairwise

import broken
import numpy as np
import pytest

from fa_dynamics.derive.rules import Backpropagation, FeedbackAlignment
from fa_dynamics.measures import commutator_defect
from fa_dynamics.systems.aligned import AlignedNetwork
from fa_dynamics.systems.layer_spaces import LayerSpace
from fa_dynamics.tasks import Task
from fa_dynamics.theorems import verify

# Rooms by name: the package shows functions under the names of some of them.
flow_room, modes_room, constraints_room, definition, learning_rate, constrained_impossible = (
    import_module(f"fa_dynamics.{name}")
    for name in (
        "derive.flow",
        "tasks.modes",
        "systems.constraints",
        "theorems.radhakrishnan2020.definition",
        "theorems.radhakrishnan2020.learning_rate",
        "theorems.radhakrishnan2020.constrained_impossible",
    )
)


@pytest.fixture(autouse=True)
def fresh():
    """Flows are cached by their rule, which a mutation changes behind their back; all else is cached by the flow."""
    flow_room._derive.cache_clear()
    yield
    flow_room._derive.cache_clear()


def outcome_of(name, draws=8):
    return verify(f"radhakrishnan2020.{name}", draws=draws, seed=3, depth=3, progress=False).outcomes[0]


def assert_red(name, draws=8, **options):
    return broken.assert_red(f"radhakrishnan2020.{name}", draws, **options)


def test_nothing_is_red_without_a_mutation():
    for name in ("fa-invariance", "learning-rate", "projected-gd", "data-criterion", "strong-invariance"):
        assert outcome_of(name).holds


def test_a_sign_in_the_rule_of_feedback_alignment(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red("fa-invariance", proof_fails=True)


def test_halved_feedback(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.B(layer) / 2)
    assert_red("fa-invariance", proof_fails=True)


def test_random_feedback_in_the_place_of_shared_bases(monkeypatch):
    def unaligned(self, values):
        rng = np.random.default_rng(0)
        return [rng.normal(size=(len(a), len(b))) for a, b in zip(self.bases[1:-1], self.bases[2:], strict=True)]

    monkeypatch.setattr(AlignedNetwork, "shared_feedback", unaligned)
    assert_red("fa-invariance")


@pytest.mark.parametrize("name", ["strong-invariance", "pointwise-flow"])
def test_doubled_backward_weights_break_recursion_and_balance(monkeypatch, name):
    monkeypatch.setattr(Backpropagation, "feedback", lambda self, network, layer: 2 * network.W(layer).T)
    assert_red(name, proof_fails=True)


def test_a_doubled_explicit_step(monkeypatch):
    right = learning_rate.explicit_step

    def doubled(*arguments):
        step = right(*arguments)
        return replace(step, step_size=2 * step.step_size)

    monkeypatch.setattr(learning_rate, "explicit_step", doubled)
    outcome = assert_red("learning-rate")
    assert "step size" in outcome.worst.evidence.what or "growth" in outcome.worst.evidence.what


def test_a_halved_factor_of_the_rate(monkeypatch):
    right = learning_rate.explicit_step

    def halved(*arguments):
        step = right(*arguments)
        return replace(step, contraction=step.contraction / 2)

    monkeypatch.setattr(learning_rate, "explicit_step", halved)
    assert_red("learning-rate")


def test_a_doubled_step_overshoots_even_if_the_claim_had_it(monkeypatch):
    """The run itself is red, not only the comparison of formulas."""
    right = learning_rate.converging
    monkeypatch.setattr(learning_rate, "converging", lambda case, step, found: right(case, 2 * step, found))
    outcome = assert_red("learning-rate", 20)
    assert "growth" in outcome.worst.evidence.what or "strength" in outcome.worst.evidence.what


def test_a_projection_without_the_norms(monkeypatch):
    right = constraints_room._velocity
    monkeypatch.setattr(constraints_room, "_velocity", lambda plan, spaces, metric: right(plan, spaces, "raw"))
    assert_red("projected-gd")


def test_coefficients_without_the_norms_are_refused(monkeypatch):
    monkeypatch.setattr(LayerSpace, "coefficients", LayerSpace.inner)
    outcome = outcome_of("projected-gd")
    assert "outside its space" in outcome.failures[0][1]
    assert not outcome.holds


def test_the_commutator_of_the_outputs_in_the_criterion(monkeypatch):
    right = modes_room._commutator

    def of_outputs(input_moment, cross_moment):
        square = cross_moment.shape[0] == cross_moment.shape[1]
        return right(input_moment, cross_moment.T if square else cross_moment)

    monkeypatch.setattr(modes_room, "_commutator", of_outputs)
    assert_red("data-criterion", 20)


def test_a_criterion_that_is_always_met(monkeypatch):
    monkeypatch.setattr(modes_room, "_commutator", lambda *moments: 0.0)
    assert_red("data-criterion", 20)


def test_commutators_of_neighbours_in_the_place_of_the_exact_criterion(monkeypatch):
    def of_neighbours(weights):
        return max(commutator_defect(lower, upper) for lower, upper in pairwise(weights))

    monkeypatch.setattr(definition, "network_alignment_defect", of_neighbours)
    outcome = outcome_of("definition")
    assert outcome.counterexample_found is False
    assert not outcome.holds


def test_a_best_map_without_the_inverse_moment(monkeypatch):
    monkeypatch.setattr(Task, "least_squares", property(lambda self: self.cross_moment))
    assert_red("aligned-minimum")


def test_a_measure_that_never_sees_alignment_lost(monkeypatch):
    run_room = import_module("fa_dynamics.systems.constrained_run")
    monkeypatch.setattr(run_room.invariance, "network_alignment_defect", lambda weights: np.zeros(len(weights[0])))
    assert_red("constrained-impossible")
