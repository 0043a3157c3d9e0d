"""Reduced coordinates: the notes' formulas come out, identities are proved, and what does not close is named."""

from __future__ import annotations

import pytest
import sympy as sp

from fa_dynamics.derive import derive
from fa_dynamics.derive import words as w
from fa_dynamics.derive.reduction import STEP, commute, contract, lift, one_by_one, pieces, reduce_flow
from fa_dynamics.errors import DerivationError
from fa_dynamics.systems.one_output_coordinates import DECAY, KAPPA, OneOutput, one_output

FLOW = derive(2, "fa", decay=True)
SYMBOLS = OneOutput(FLOW)
FREE = SYMBOLS.given | {DECAY: 0} | {FLOW.decay_rates[1]: 0}
BACK = FLOW.network.B(2).subs(SYMBOLS.given)
CONSTANTS = {KAPPA: BACK.T * BACK}

U, P, E, D, g = (SYMBOLS.row(name) for name in ("U", "P", "E", "D", "g"))
M, K = SYMBOLS.square("M"), SYMBOLS.square("K")
s, q, a, z = map(one_by_one, ("s", "q", "a", "z"))
KEEP = 1 - STEP * DECAY


@pytest.fixture(scope="module")
def reduced():
    return reduce_flow(FLOW, SYMBOLS.observables, CONSTANTS, SYMBOLS.given)


@pytest.fixture(scope="module")
def free():
    return reduce_flow(FLOW, SYMBOLS.observables, CONSTANTS, FREE)


def same(found, typed):
    return not commute(w.subtract(found, w.expand(typed)))


# song2021.md section 1, typed from the notes
FLOW_OF_THE_NOTES = {
    U: E,
    P: E * M + s * E - DECAY * P,
    M: KAPPA * (U.T * E + E.T * U),
    s: KAPPA * E * U.T - DECAY * s,
    q: 2 * E * P.T - 2 * DECAY * q,
}
STEP_OF_THE_NOTES = {
    U: U + STEP * E,
    P: KEEP * P + STEP * E * M + STEP * KEEP * s * E + STEP**2 * KAPPA * E * U.T * E,
    s: KEEP * s + STEP * KAPPA * E * U.T,
    q: KEEP**2 * q + 2 * STEP * KEEP * E * P.T + STEP**2 * E * M * E.T,
}


@pytest.mark.parametrize("symbol", FLOW_OF_THE_NOTES, ids=str)
def test_the_flow_is_that_of_the_notes(reduced, symbol):
    assert same(reduced.velocity[symbol], FLOW_OF_THE_NOTES[symbol])
    assert not same(reduced.velocity[symbol], FLOW_OF_THE_NOTES[symbol] + FLOW_OF_THE_NOTES[symbol])


@pytest.mark.parametrize("symbol", STEP_OF_THE_NOTES, ids=str)
def test_the_step_is_that_of_the_notes_with_all_powers(reduced, symbol):
    assert same(reduced.step[symbol], STEP_OF_THE_NOTES[symbol])


def test_the_weights_of_the_notes():
    found = one_output("fa").step
    assert same(found[D], D + STEP * E)
    assert same(found[a], KEEP * a)
    assert same(found[g], KEEP * g + STEP * E)
    assert same(found[z], KEEP * z + STEP * E * D.T)


def test_the_error_is_in_the_coordinates(reduced):
    moment = FLOW.network.input_moment
    cross = FLOW.network.cross_moment.subs(SYMBOLS.given)
    assert same(reduced.error, cross - P * moment)


def test_nothing_of_the_weights_is_left(reduced):
    known = {U, P, M, s, q, E}
    for words in [*reduced.step.values(), *reduced.velocity.values()]:
        assert {w.split_transpose(factor)[0] for word in words for factor in word} <= known


def test_M_is_a_function_of_U_with_any_decay_of_the_second_layer(reduced):
    """song2021.md 2.1, in continuous and in discrete time."""
    assert reduced.rate(M - KAPPA * U.T * U) == {}
    assert reduced.drift(M - KAPPA * U.T * U) == {}
    assert reduced.rate(M) != {}
    closed = reduced.eliminate(M, KAPPA * U.T * U, K)
    assert M not in closed.step
    assert same(closed.velocity[P], E * K + KAPPA * E * U.T * U + s * E - DECAY * P)


def test_first_integrals_without_decay(free, reduced):
    """song2021.md 2.3 and 2.4; the vector clock holds in discrete time as well, s drifts by -eta^2 kappa |E|^2 / 2."""
    law = s - KAPPA / 2 * U * U.T
    assert free.rate(law) == {}
    assert same(free.drift(law), -(STEP**2) * KAPPA / 2 * E * E.T)
    clock = P - U * M - s * U + KAPPA * (U * U.T) * U
    assert free.rate(clock) == {}
    assert free.drift(clock) == {}
    assert same(reduced.rate(law), -DECAY * s)
    assert reduced.rate(clock) != {}


def test_backpropagation_closes_without_feedback():
    found = one_output("bp")
    assert {symbol.name for symbol in found.step} == {"P", "M", "q"}
    assert same(found.velocity[P], E * M + q * E - DECAY * P)
    assert same(found.velocity[M], E.T * P + P.T * E)
    assert same(found.velocity[q], 2 * E * P.T - 2 * DECAY * q)


def test_what_does_not_close_is_named():
    fewer = {symbol: definition for symbol, definition in SYMBOLS.observables.items() if symbol != M}
    with pytest.raises(DerivationError, match=r"do not close: E\*W_1\.T\*W_1 keeps E\*W_1\.T\*W_1, for which"):
        reduce_flow(FLOW, fewer, CONSTANTS, SYMBOLS.given)
    with pytest.raises(DerivationError, match=r"B_2\.T\*B_2\*E keeps"):
        reduce_flow(FLOW, SYMBOLS.observables, {}, SYMBOLS.given)
    with pytest.raises(DerivationError, match="no coordinate is called 'X'; known: U, P"):
        one_output("fa").coordinate("X")


def test_decay_of_the_first_layer_breaks_the_identity_and_leaves_the_span():
    decaying = {FLOW.network.n(2): 1}
    open_form = reduce_flow(FLOW, SYMBOLS.observables, CONSTANTS, decaying)
    with pytest.raises(DerivationError, match=r"M - \(kappa\*U\.T\*U\) is not constant: it changes by .*rho_1"):
        open_form.eliminate(M, KAPPA * U.T * U, K)
    with pytest.raises(DerivationError, match=r"W_1 leaves the span of its start: .*rho_1.*A is left"):
        lift(FLOW, SYMBOLS.weights, {D, a, g, z}, decaying)


def test_two_outputs_do_not_close():
    """M' needs B_2^T B_2, which is no number any more."""
    network = FLOW.network
    first, second, back = network.W(1), network.W(2), network.B(2)
    many = {
        sp.MatrixSymbol("P", network.n(2), network.n(0)): second * first,
        w.SymmetricSymbol("M", network.n(0), network.n(0)): first.T * first,
    }
    with pytest.raises(DerivationError, match="do not close"):
        reduce_flow(FLOW, many, {}, {})
    assert back.shape == (network.n(1), network.n(2))


def test_scalars_commute_and_equal_their_transposes():
    row = SYMBOLS.row
    x, y, v = row("x"), row("y"), row("v")
    assert not commute(w.subtract(w.expand(x * y.T * v), w.expand(y * x.T * v)))
    assert not commute(w.subtract(w.expand(v.T * x * K * y.T * v), w.expand(v.T * y * K * x.T * v)))
    assert commute(w.subtract(w.expand(x * y.T * v), w.expand(v * y.T * x)))
    assert pieces((v.T, x, y.T, v)) == ((v.T,), [(x, y.T)], (v,))
    assert pieces((K, M)) == ((K, M), [], ())


def test_contraction_keeps_coefficients():
    hidden = {FLOW.network.n(1)}
    first, second = (matrix.subs(SYMBOLS.given) for matrix in FLOW.network.weights)
    rules = {(second, first): (sp.Integer(3), (P,))}
    assert contract({(second, first): sp.Integer(2)}, rules, hidden) == {(P,): 6}
    with pytest.raises(DerivationError, match=r"W_1\*W_1\.T keeps"):
        contract({(first, first.T): sp.S.One}, rules, hidden)
