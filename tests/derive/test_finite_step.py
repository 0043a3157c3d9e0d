"""The exact change of a first integral in a finite step, against laws evaluated before and after it."""

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.derive.compile import compile_invariant
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.derive.finite_step import compile_drift, step_drift

SIZES = (3, 5, 4, 2)


def state(rng, rule):
    """Random matrices of a depth-3 network, with every kind of feedback, and typed velocities of a random error."""
    W = [rng.standard_normal((SIZES[j + 1], SIZES[j])) for j in range(3)]
    B = [rng.standard_normal((SIZES[j], SIZES[j + 1])) for j in (1, 2)]
    D = [rng.standard_normal((SIZES[j], SIZES[-1])) for j in (1, 2)]
    E = rng.standard_normal((SIZES[-1], SIZES[0]))
    back = {
        "fa": [B[0] @ B[1], B[1]],
        "kp": [B[0] @ B[1], B[1]],
        "dfa": D,
        "bp": [(W[2] @ W[1]).T, W[2].T],
        "sign": [np.sign(W[1]).T @ np.sign(W[2]).T, np.sign(W[2]).T],
    }[rule]
    V = [back[0] @ E, back[1] @ E @ W[0].T, E @ (W[1] @ W[0]).T]
    named = {f"W_{j + 1}": W[j] for j in range(3)}
    moving = {f"W_{j + 1}": V[j] for j in range(3)}
    if rule == "kp":
        moving |= {"B_2": V[1].T, "B_3": V[2].T}
    return named | {"B_2": B[0], "B_3": B[1], "D_1": D[0], "D_2": D[1]}, moving


@pytest.mark.parametrize("eta", [1e-3, 0.3, 5.0])
@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "kp", "sign"])
def test_a_step_changes_a_law_by_what_was_derived(rule, eta):
    flow = fa.derive(3, rule)
    named, moving = state(np.random.default_rng(3), rule)
    moved = {name: eta * matrix for name, matrix in moving.items()}
    after = named | {name: named[name] + moved[name] for name in moved}
    assert flow.invariants()
    for law in flow.invariants():
        outgoing = SIZES[min(law.layer + 1, 3)]
        value = compile_invariant(flow, law, outgoing)
        change = value(after) - value(named)
        derived = compile_drift(flow, law, outgoing)(named, moved, after)
        size = max(np.abs(value(after)).max(), np.abs(value(named)).max(), 1.0)
        np.testing.assert_allclose(change, derived + np.zeros_like(change), rtol=0, atol=1e-13 * size)


def test_what_was_derived_is_what_the_notes_say():
    rng = np.random.default_rng(0)
    for rule in ("fa", "dfa"):
        named, moving = state(rng, rule)
        for law in fa.derive(3, rule).invariants():
            V = moving[f"W_{law.layer}"]
            ours = compile_drift(fa.derive(3, rule), law, 2)(named, moving, named)
            np.testing.assert_allclose(ours, V @ V.T, rtol=1e-13)
            assert np.linalg.eigvalsh(ours).min() > -1e-12  # positive semidefinite
    named, moving = state(rng, "bp")
    law = fa.derive(3, "bp").invariants()[0]
    ours = compile_drift(fa.derive(3, "bp"), law, 2)(named, moving, named)
    np.testing.assert_allclose(ours, moving["W_1"] @ moving["W_1"].T - moving["W_2"].T @ moving["W_2"], rtol=1e-12)
    eigenvalues = np.linalg.eigvalsh(ours)
    assert eigenvalues.min() < 0 < eigenvalues.max()  # indefinite


def test_sign_flips_cost_twice_the_new_weight():
    """2 |w+| per flip, robertson2024.md 4."""
    flow = fa.derive(2, "sign")
    (law,) = flow.invariants()
    before = {"W_1": np.zeros((2, 1)), "W_2": np.array([[0.5, -0.2], [1.0, 0.3]])}
    moved = {"W_1": np.zeros((2, 1)), "W_2": np.array([[-0.7, 0.1], [0.1, -1.0]])}
    after = {name: before[name] + moved[name] for name in before}
    np.testing.assert_allclose(compile_drift(flow, law, 2)(before, moved, after), [-0.4, -1.4], atol=1e-15)


def test_text():
    flow = fa.derive(2, "kp")
    texts = [str(step_drift(flow, law)) for law in flow.invariants()]
    assert texts == ["Q_1+ - Q_1 = eta^2*(dW_1*dW_1.T - dB_2*dB_2.T)", "R_1+ - R_1 = eta^2*(0)"]


def test_refusals():
    flow = fa.derive(2, "fa")
    W = flow.network.W(1)
    with pytest.raises(fa.DerivationError, match="no first integral"):
        step_drift(flow, Invariant("X", 1, "matrix", W * W.T))
    with pytest.raises(fa.DerivationError, match="no first integral"):
        step_drift(fa.derive(2, "fa", decay=True), flow.invariants()[0])
    Q = flow.invariants()[0].expression
    with pytest.raises(fa.DerivationError, match="degree 2"):
        step_drift(flow, Invariant("Q squared", 1, "matrix", Q * Q))
    (law,) = fa.derive(2, "sign").invariants()
    with pytest.raises(fa.DerivationError, match="Bregman"):
        step_drift(fa.derive(2, "sign"), law)
