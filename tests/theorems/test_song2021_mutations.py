"""What the statements would say if the physics were broken."""

from importlib import import_module

import broken
import pytest

from fa_dynamics.derive.rules import Backpropagation, FeedbackAlignment
from fa_dynamics.systems.one_output import OneOutputStart
from fa_dynamics.systems.one_output_coordinates import OneOutput
from fa_dynamics.systems.one_output_units import Rates
from fa_dynamics.theorems import verify
from fa_dynamics.theorems.song2021 import _one_output, bp_comparable, exact_reduction, reference_table

# Rooms by name: the package shows functions under the names of some of them.
flow_room, coordinates, code, iteration = (
    import_module(f"fa_dynamics.{name}")
    for name in (
        "derive.flow",
        "systems.one_output_coordinates",
        "systems.one_output_code",
        "systems.one_output_iterate",
    )
)


@pytest.fixture(autouse=True)
def fresh():
    """Flows, the reduced system and its code are cached by the rule's name, which a mutation does not change."""
    caches = (flow_room._derive, coordinates.one_output, code.compiled)

    def clear():
        for cache in caches:
            cache.cache_clear()

    clear()
    yield
    clear()


def proof_of_reduction():
    only = broken.some_units("prove")
    return verify("song2021.exact-reduction", depth=3, workers=only, progress=False).outcomes[0]


def assert_red(name, draws=4, **options):
    return broken.assert_red(f"song2021.{name}", draws, **options)


def test_transposed_weights_in_the_place_of_feedback(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.W(layer).T)
    assert_red("locality", 8, proof_fails=True)
    reduction = proof_of_reduction()
    assert reduction.unproved
    assert not reduction.holds


@pytest.mark.parametrize("name", ["exponential-rate", "no-alignment", "cut-off"])
def test_a_sign_in_the_rule(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name, 3)


def test_a_sign_in_the_rule_leaves_no_proof(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert "is left" in proof_of_reduction().unproved


def test_halved_feedback_halves_the_clock(monkeypatch):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.B(layer) / 2)
    assert_red("exponential-rate", 12)
    assert_red("width-uniform-law", 2)


@pytest.mark.parametrize("name", ["exact-reduction", "regularisation-aligns", "width-uniform-law"])
def test_no_decay_of_the_second_layer(monkeypatch, name):
    right = OneOutput.given.fget
    without = property(lambda self: right(self) | {self.flow.decay_rates[1]: 0} if self.flow.decay else right(self))
    monkeypatch.setattr(OneOutput, "given", without)
    assert_red(name, 6 if name == "exact-reduction" else 1)


def test_a_cut_off_that_is_ignored(monkeypatch):
    right = _one_output.flow_one_output
    monkeypatch.setattr(_one_output, "flow_one_output", lambda *a, cut_off=None, **rest: right(*a, **rest))
    assert_red("cut-off", 1)
    steps = exact_reduction.iterate_one_output
    monkeypatch.setattr(exact_reduction, "iterate_one_output", lambda *a, cut_off=None, **rest: steps(*a, **rest))
    assert_red("exact-reduction", 10)


def test_a_halved_rate_constant(monkeypatch):
    right = OneOutputStart.guaranteed_rate.fget
    monkeypatch.setattr(OneOutputStart, "guaranteed_rate", property(lambda self: right(self) / 2))
    assert_red("exponential-rate", 4)


def test_a_rate_constant_without_the_loss_of_the_clock(monkeypatch):
    """mu without - |Pi W_1^T b|^2 / 2: a bound that looks as good on easy targets."""
    right = OneOutputStart.guaranteed_rate.fget
    more = property(lambda self: right(self) + self.kappa * float(self.U @ self.U) / 2)
    monkeypatch.setattr(OneOutputStart, "guaranteed_rate", more)
    assert_red("exponential-rate", 4)


def test_backpropagation_as_fast_as_feedback_alignment(monkeypatch):
    right = bp_comparable.backprop_one_output
    monkeypatch.setattr(
        bp_comparable, "backprop_one_output", lambda problem, start, t, **rest: right(problem, start, t / 2, **rest)
    )
    assert_red("bp-comparable", 2)


def test_backpropagation_that_sends_too_much(monkeypatch):
    monkeypatch.setattr(Backpropagation, "feedback", lambda self, network, layer: 2 * network.W(layer).T)
    assert_red("bp-comparable", 2)


def test_weights_of_another_variance(monkeypatch):
    """W_2 twice as large: the alignment that training adds has another mean."""
    right = _one_output.gaussian_start

    def larger(*arguments):
        start = right(*arguments)
        return OneOutputStart(start.width, start.kappa, start.U, 2 * start.P, start.M, 2 * start.s, 4 * start.q)

    monkeypatch.setattr(_one_output, "gaussian_start", larger)
    assert_red("no-alignment", 2)


def case():
    return {"seed": 7, "step": reference_table.STEP, "latched": True, "draws": 8, "latch_draws": 30}


def decisions(cells):
    recorded = {cell: reference_table.RECORDED[cell] for cell in cells}
    return [piece.decision for piece in reference_table.means(case(), recorded)]


def test_a_dropped_factor_of_two_in_the_units(monkeypatch):
    assert decisions([(200, 0.2)]) == ["holds"]
    dropped = lambda step, decay, samples: Rates(step / samples, decay * samples)  # noqa: E731
    monkeypatch.setattr(reference_table, "sum_from_code", dropped)
    assert decisions([(200, 0.2)]) == ["violated"]


def test_a_dropped_latch(monkeypatch):
    """It is noticed with 100 draws; some 4 % of draws stop as early without it, too many for 30 to tell."""
    right = iteration.Plateau.__init__

    def unlatched(self, *arguments, **rest):
        right(self, *arguments, **rest | {"latched": False})

    monkeypatch.setattr(iteration.Plateau, "__init__", unlatched)
    assert reference_table.latch(case() | {"latch_draws": 100}).decision == "violated"


def test_dropped_conversion_between_means_and_sums(monkeypatch):
    monkeypatch.setattr(exact_reduction, "mean_from_sum", lambda step, decay, samples: (step, decay))
    assert_red("exact-reduction", 6)
