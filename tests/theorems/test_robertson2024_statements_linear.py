"""Statements of robertson2024 that speak of linear networks: they hold, break where promised, and are proved."""

import json

import numpy as np
import pytest

from fa_dynamics.theorems import find, verify
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024 import completeness, dominance_two_layer
from fa_dynamics.theorems.work import source

PROVED = ("matrix-law", "dfa-law", "weight-decay", "dissipation", "feedback-family")
TESTED = ("dominance-two-layer", "dominance-deep-scalar", "alignment-floor", "completeness")


@pytest.mark.parametrize("name", [*PROVED, *TESTED, "better-alignment"])
def test_holds_with_its_proof_and_counterexamples(name):
    outcome = verify(f"robertson2024.{name}", draws=4, seed=17, depth=3, progress=False).outcomes[0]
    assert outcome.holds, (outcome.verdict, outcome.failures, str(outcome.worst and outcome.worst.evidence))
    assert outcome.undecided == 0
    assert outcome.counterexample_found
    assert (outcome.proof is not None) == (name in PROVED)
    if name in PROVED:
        assert outcome.proof.startswith("L <= 3")


@pytest.mark.parametrize("name", [*PROVED, *TESTED])
def test_a_case_survives_its_file(name):
    statement = find(f"robertson2024.{name}")
    instance = statement.sample(source(statement, 23))
    again = json.loads(json.dumps(plain(instance)))
    assert not statement.lacking(again)
    own, other = (worst(statement.check(each)) for each in (instance, again))
    assert (own.decision, own.measured, own.margin) == (other.decision, other.measured, other.margin)


def test_velocities_are_those_of_a_typed_network():
    """The one way by which these statements ask the package for a velocity, against a typed one."""
    rng = np.random.default_rng(1)
    case = {"sizes": [3, 4, 2], "inputs": rng.standard_normal((6, 3)), "targets": rng.standard_normal((6, 2))}
    lower, upper, back = rng.standard_normal((4, 3)), rng.standard_normal((2, 4)), rng.standard_normal((4, 2))
    residual = (case["targets"].T - upper @ lower @ case["inputs"].T) / 6
    first, second = linear.velocities("fa", case, [lower, upper], [back], [0.5, 0.2])
    np.testing.assert_allclose(first, back @ residual @ case["inputs"] - 0.5 * lower, atol=1e-13)
    np.testing.assert_allclose(second, residual @ case["inputs"] @ lower.T - 0.2 * upper, atol=1e-13)


def test_words_under_a_trace_may_be_turned():
    from fa_dynamics.derive import words as w
    from fa_dynamics.derive.network import Network

    network = Network(2)
    word = (network.W(1), network.input_moment, network.B(2).T, network.W(2).T)
    turned = (*word[2:], *word[:2])
    assert linear.trace({word: 1, w.transpose_word(turned): -1}) == {}
    assert linear.trace({word: 1, turned[::-1]: -1}) != {}


@pytest.mark.parametrize("aim", [-1.0, 0.0, 0.3])
def test_any_dominance_can_be_aimed_at(aim):
    statement = find("robertson2024.dominance-two-layer")
    case = dominance_two_layer.dominant(source(statement, 5), dominance_two_layer.SHAPES, aim)
    assert dominance_two_layer.dominance(case) == pytest.approx(aim, abs=1e-10)


@pytest.mark.parametrize(
    ("sizes", "count"), [((2, 2, 2), 3), ((1, 2, 3), 3), ((2, 3, 1), 2 * 2 + 3), ((3, 2, 1), 3 + 2)]
)
def test_number_of_laws_of_two_layers(sizes, count):
    """n_1 (n_1 + 1) / 2, or (n_1 - n_2) n_0 + n_1 n_2 - n_2 (n_2 - 1) / 2, worked out by hand."""
    assert completeness.expected(list(sizes)) == count


def test_brackets_of_fields_typed_by_hand():
    """[x d/dy, y d/dx] = x d/dx - y d/dy, which the two fields do not span."""
    from sympy.polys.domains import QQ
    from sympy.polys.rings import ring

    polynomials, x, y = ring("x,y", QQ)
    one, other = [polynomials.zero, x], [y, polynomials.zero]
    assert completeness.bracket(one, other, polynomials) == [x, -y]
    zero = polynomials.zero
    assert completeness.directions([[polynomials.one, zero], [zero, x]], polynomials, [QQ(0), QQ(0)], 2, 0) == 2
