"""First integrals of the matrix flow: which are offered, that they are constant, and that wrong ones are refused."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.derive import DirectFeedbackAlignment, FeedbackAlignment, SignSymmetry, derive
from fa_dynamics.derive.compile import compile_invariant
from fa_dynamics.derive.rules import Law
from fa_dynamics.errors import DerivationError

from .by_hand import RULES, complex_step, draw, velocity

quietly = settings(deadline=None, max_examples=50)
seeds = st.integers(0, 2**32 - 1)


def named(rule, case, state):
    """Matrices by name, as laws want them."""
    names = [f"W_{layer}" for layer in range(1, case.depth + 1)]
    names += [f"B_{layer}" for layer in range(2, case.depth + 1)] if rule == "kp" else []
    return case.parameters() | dict(zip(names, state, strict=True))


def typed_law(name, rule, case, matrices):
    """The same laws, typed by hand (robertson2024.md, section 2)."""
    kind, layer = name[0], int(name[2:])
    weight, above = matrices[f"W_{layer}"], matrices[f"W_{layer + 1}"]
    if kind == "q":
        return (weight**2).sum(axis=1) / 2 - np.abs(above).sum(axis=0)
    if kind == "R":
        return matrices[f"B_{layer + 1}"] - above.T
    if rule == "bp":
        return weight @ weight.T - above.T @ above
    if rule == "kp":
        return weight @ weight.T - matrices[f"B_{layer + 1}"] @ matrices[f"B_{layer + 1}"].T
    if rule == "fa":
        back = matrices[f"B_{layer + 1}"]
    else:
        direct = {**case.direct, case.depth: np.eye(case.sizes[-1])}
        back = direct[layer] @ np.linalg.pinv(direct[layer + 1])
    return weight @ weight.T - back @ above - above.T @ back.T


def relative_rate(law, rule, case, decay=False):
    """Rate of change of a law along the typed velocity, and the rate at which a product of its size could change."""
    state, moves = case.state(rule), velocity(rule, case, decay)
    rate = complex_step(lambda moved: law(named(rule, case, moved)), state, moves)
    scale = sum(np.linalg.norm(matrix) for matrix in state) * max(np.linalg.norm(move) for move in moves)
    return rate, scale


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("rule", RULES)
def test_names(rule, depth):
    hidden = range(1, depth)
    expected = {
        "kp": [f"{letter}_{layer}" for layer in hidden for letter in "QR"],
        "sign": [f"q_{layer}" for layer in hidden],
    }.get(rule, [f"Q_{layer}" for layer in hidden])
    laws = derive(depth, rule).invariants()
    assert [law.name for law in laws] == expected
    assert [law.layer for law in laws] == [int(name[2:]) for name in expected]
    assert {law.kind for law in laws} <= {"neuron" if rule == "sign" else "matrix"}


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("rule", RULES)
def test_decay_leaves_none(rule, depth):
    assert derive(depth, rule, decay=True).invariants() == ()


@pytest.mark.parametrize("rule", RULES)
def test_only_direct_feedback_needs_a_condition(rule):
    """D_{l+1} of full column rank, which takes n_{l+1} >= n_L; the last hidden layer is as in feedback alignment."""
    laws = derive(4, rule).invariants()
    assert [law.needs for law in laws] == (["D_2", "D_3", None] if rule == "dfa" else [None] * len(laws))
    assert all(law.condition == (f"{law.needs} has full column rank" if law.needs else "") for law in laws)


@pytest.mark.parametrize("rule", ["bp", "fa", "kp"])
@quietly
@given(sizes=st.lists(st.integers(1, 7), min_size=3, max_size=5), seed=seeds)
def test_matrix_laws_hold_at_every_width(rule, sizes, seed):
    case = draw(seed, sizes)
    flow = derive(case.depth, rule)
    for invariant in flow.invariants():
        law = compile_invariant(flow, invariant, case.sizes[invariant.layer + 1])
        rate, scale = relative_rate(law, rule, case)
        assert np.abs(rate).max() <= 1e-12 * scale


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_compiled_laws_have_the_value_of_the_typed_ones(rule, seed):
    case = draw(seed, (3, 4, 5, 3, 2))
    flow = derive(4, rule)
    matrices = named(rule, case, case.state(rule))
    for invariant in flow.invariants():
        value = compile_invariant(flow, invariant, case.sizes[invariant.layer + 1])(matrices)
        expected = typed_law(invariant.name, rule, case, matrices)
        assert np.shape(value) == expected.shape
        # 1e-9: the package solves normal equations, whose condition number is the square of D's.
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9 if rule == "dfa" else 1e-12)


@pytest.mark.parametrize("sizes", [(3, 5, 4, 2), (2, 2, 5, 3), (4, 6, 6, 5, 3), (3, 1, 4, 4, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_laws_of_direct_feedback_where_nothing_is_narrower_than_the_output(sizes, seed):
    case = draw(seed, sizes)
    flow = derive(case.depth, "dfa")
    for invariant in flow.invariants():
        assert sizes[invariant.layer + 1] >= sizes[-1]
        rate, scale = relative_rate(compile_invariant(flow, invariant, sizes[invariant.layer + 1]), "dfa", case)
        assert np.abs(rate).max() <= 1e-9 * scale  # normal equations, as above


@pytest.mark.parametrize("seed", range(3))
def test_law_of_direct_feedback_fails_above_a_bottleneck(seed):
    """n_2 = 2 < n_3 = 4: with the pseudo-inverse in its place, Q_1 drifts; Q_2, without a condition, does not."""
    case = draw(seed, (3, 5, 2, 4))
    for name, drifts in (("Q_1", True), ("Q_2", False)):
        rate, scale = relative_rate(lambda m, name=name: typed_law(name, "dfa", case, m), "dfa", case)
        assert (np.abs(rate).max() > 1e-3 * scale) == drifts
        assert drifts or np.abs(rate).max() <= 1e-12 * scale


@pytest.mark.parametrize("scale", [1.0, 0.25])
@quietly
@given(sizes=st.lists(st.integers(1, 6), min_size=3, max_size=5), seed=seeds)
def test_neuron_law_of_sign_feedback(scale, sizes, seed):
    case = draw(seed, sizes)
    rule = SignSymmetry(scale=scale)
    flow = derive(case.depth, rule)
    # The typed velocity has feedback of size one; a scale s multiplies what layer l receives by s^(L-l).
    moves = [scale ** (case.depth - layer) * move for layer, move in enumerate(velocity("sign", case), 1)]
    # Central differences: exact for squares and, where no weight changes its sign, for absolute values.
    smallest = min(np.abs(weight).min() for weight in case.weights)
    step = min(0.5 * smallest / max(np.abs(move).max() for move in moves), 1e-2)
    ahead, behind = (
        named("sign", case, [w + sign * step * move for w, move in zip(case.weights, moves, strict=True)])
        for sign in (1, -1)
    )
    for invariant in flow.invariants():
        law = compile_invariant(flow, invariant, case.sizes[invariant.layer + 1])
        change = law(ahead) - law(behind)
        assert change.shape == (case.sizes[invariant.layer],)
        # The difference itself, whose round-off is that of the two values; the law's parts change by ~ step.
        value = max(np.abs(law(ahead)).max(), *(np.linalg.norm(weight) ** 2 for weight in case.weights))
        assert np.abs(change).max() <= 1e-13 * value


def test_parts_of_the_neuron_law_do_move():
    """Without its potential, the neuron law drifts: the test above can fail."""
    case = draw(0, (3, 4, 2))
    rate, scale = relative_rate(lambda m: (m["W_1"] ** 2).sum(axis=1) / 2, "sign", case)
    assert np.abs(rate).max() > 1e-2 * scale


@quietly
@given(sizes=st.lists(st.integers(1, 6), min_size=3, max_size=3), seed=seeds, rate=st.floats(0.01, 2.0))
def test_decay_of_double_rate_above_makes_the_law_decay(sizes, seed, rate):
    """rho_2 = 2 rho_1: dQ/dt = - 2 rho_1 Q (robertson2024.md, section 5)."""
    case = draw(seed, sizes)
    case.rates[:] = [rate, 2 * rate]
    flow = derive(2, "fa")
    (invariant,) = flow.invariants()
    law = compile_invariant(flow, invariant, sizes[2])
    drift, scale = relative_rate(law, "fa", case, decay=True)
    value = law(named("fa", case, case.weights))
    assert np.abs(drift + 2 * rate * value).max() <= 1e-12 * (scale + rate * np.abs(value).max())


class WrongSign(FeedbackAlignment):
    """Feedback alignment whose candidate law has a sign too many, next to a right one."""

    name = "wrong sign"

    def matrix_laws(self, network):
        weight, above, back = network.W(1), network.W(2), network.B(2)
        yield Law("wrong", 1, weight * weight.T + back * above + above.T * back.T)
        yield Law("right", 1, weight * weight.T - back * above - above.T * back.T)
        yield Law("half", 1, weight * weight.T - 2 * back * above)


def test_wrong_candidates_are_not_shown():
    """The third fails by its antisymmetric part alone, which vanishes with one hidden unit, but not at every size."""
    for depth in (2, 3):
        assert [law.name for law in derive(depth, WrongSign()).invariants()] == ["right"]


class WrongPotential(SignSymmetry):
    """The l2 energy in the place of the l1 norm."""

    name = "wrong potential"

    def potential(self, column):
        return sum(entry**2 for entry in column) / 2


class AlmostRightPotential(SignSymmetry):
    """Right for one and two outgoing units only."""

    name = "almost right"

    def potential(self, column):
        return super().potential(column) + (sp.prod(column) if len(column) > 2 else 0)


class DirectWithPotential(DirectFeedbackAlignment):
    """Sends the error past the layers, so that no layer gets the feedback of the next."""

    name = "direct with potential"

    def feedback(self, network, layer):
        return network.W(layer).T

    def potential(self, column):
        return sum(entry**2 for entry in column) / 2


@pytest.mark.parametrize("rule", [WrongPotential, AlmostRightPotential])
def test_a_potential_must_have_the_feedback_as_its_gradient(rule):
    with pytest.raises(DerivationError, match="the gradient of its potential is not column 1 of what goes back"):
        derive(2, rule()).invariants()


def test_a_potential_needs_feedback_layer_by_layer():
    with pytest.raises(DerivationError, match="layer 1 does not receive the feedback of layer 2 times its signal"):
        derive(3, DirectWithPotential()).invariants()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("fa", "Q_1 = W_1*W_1.T - B_2*W_2 - W_2.T*B_2.T"),
        ("bp", "Q_1 = W_1*W_1.T - W_2.T*W_2"),
        ("dfa", "Q_1 = W_1*W_1.T - D_1*W_2 - W_2.T*D_1.T"),
        (
            "sign",
            "q_1 = 1/2 |row_i W_1|^2 - Psi(column i of W_2), Psi(w) = Abs(w_1) + Abs(w_2) for two outgoing weights",
        ),
    ],
)
def test_text(rule, expected):
    (law,) = derive(2, rule).invariants()
    assert str(law) == expected


def test_text_shows_the_condition():
    first, _ = derive(3, "dfa").invariants()
    assert str(first).endswith(f"   if {first.condition}")
