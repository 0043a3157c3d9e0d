"""Rules that nobody built in: the compiler and the printed source must take any matrix expression."""

import numpy as np
import pytest
import sympy as sp

from fa_dynamics.derive import FeedbackAlignment, Rule, derive
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.errors import DerivationError

from .by_hand import assert_close, draw


class OnlyTheLastLayer(Rule):
    """Nothing goes back: a random-feature network."""

    name = "frozen"

    def feedback(self, network, layer):
        return sp.ZeroMatrix(*network.W(layer).T.shape)


class Everyone(Rule):
    """The summed error goes to every unit."""

    name = "everyone"

    def feedback(self, network, layer):
        return sp.OneMatrix(*network.W(layer).T.shape)


class HalfAndHalf(Rule):
    """Half of the weights, and a fixed matrix."""

    name = "half"

    def feedback(self, network, layer):
        return network.W(layer).T / 2 + network.B(layer)


class SoftSign(Rule):
    """A saturating function of the weights."""

    name = "soft"

    def feedback(self, network, layer):
        z = sp.Symbol("z", real=True)
        return network.W(layer).T.applyfunc(sp.Lambda(z, sp.tanh(3 * z)))


SENT_BACK = {
    OnlyTheLastLayer: lambda weight, fixed: np.zeros(fixed.shape),
    Everyone: lambda weight, fixed: np.ones(fixed.shape),
    HalfAndHalf: lambda weight, fixed: weight.T / 2 + fixed,
    SoftSign: lambda weight, fixed: np.tanh(3 * weight.T),
}


def typed_velocity(rule, case, decay):
    feedback = {layer: SENT_BACK[rule](case.weights[layer - 1], fixed) for layer, fixed in case.layered.items()}
    signal = case.targets - np.linalg.multi_dot([*reversed(case.weights), case.inputs])
    signal, moves = signal / case.inputs.shape[1], []
    for layer in range(case.depth, 0, -1):
        below = case.inputs
        for weight in case.weights[: layer - 1]:
            below = weight @ below
        moves.insert(0, signal @ below.T - decay * case.rates[layer - 1] * case.weights[layer - 1])
        if layer > 1:
            signal = feedback[layer] @ signal
    return moves


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("rule", SENT_BACK)
def test_compiled(rule, depth, decay):
    case = draw(5, (4, 3, 5, 2)[: depth + 1])
    into = compile_flow(derive(depth, rule, decay=decay), case.sizes).bind(case.parameters(), np.empty)
    out = [np.full(weight.shape, np.nan) for weight in case.weights]
    into(case.weights, out)
    expected = typed_velocity(rule, case, decay)
    assert_close(out, expected, max(np.abs(move).max() for move in expected))


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("rule", SENT_BACK)
def test_printed_source(rule, depth, decay):
    case = draw(5, (6, 6, 6, 3)[-depth - 1 :])  # the sizes of the printed example
    names = {}
    exec(derive(depth, rule, decay=decay).python(), names)
    function = names["velocity"]
    matrices = {f"W_{layer}": weight for layer, weight in enumerate(case.weights, 1)} | case.parameters()
    wanted = function.__code__.co_varnames[: function.__code__.co_argcount]
    expected = typed_velocity(rule, case, decay)
    scale = max(np.abs(move).max() for move in expected)
    assert_close(function(*(matrices[name] for name in wanted)), expected, scale)


class Misshapen(Rule):
    """Weights in the place of their transpose."""

    name = "misshapen"

    def feedback(self, network, layer):
        return network.W(layer)


class Empty(Rule):
    """Neither feedback nor backward."""

    name = "empty"


def test_what_comes_back_must_fit():
    with pytest.raises((DerivationError, sp.ShapeError)):
        derive(3, Misshapen())
    with pytest.raises(DerivationError, match=r"^rule 'misshapen': what comes back to layer 1 has shape"):
        derive(2, Misshapen())


def test_a_rule_must_send_something_back():
    with pytest.raises(DerivationError, match=r"^the rule 'empty' puts nothing in the place of a single W_l\^T$"):
        derive(2, Empty())


class Untransposed(FeedbackAlignment):
    """Feedback that learns, but with the update of W_l in the place of its transpose."""

    name = "untransposed"

    def feedback_velocity(self, network, layer, weight_velocity):
        return weight_velocity


def test_velocity_of_feedback_must_fit():
    with pytest.raises(DerivationError, match=r"^rule 'untransposed': .*B_2.* shape"):
        derive(2, Untransposed())
