"""examples/normalised_feedback.py: a rule of one's own, from its file to its conservation law."""

from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.derive import derive
from fa_dynamics.derive.compile import compile_flow, compile_invariant
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.errors import DerivationError

from .by_hand import assert_close, complex_step, draw

SPEC = "examples/normalised_feedback.py:NormalisedFeedback"
SIZES = [(4, 3, 2), (2, 5, 1), (3, 4, 5, 2), (2, 1, 3, 4)]


@pytest.fixture(autouse=True)
def _in_the_root_of_the_project(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])


def typed_velocity(case):
    signal = case.inputs
    activities = [signal := weight @ signal for weight in case.weights]
    signal = (case.targets - activities[-1]) / case.inputs.shape[1]
    moves = []
    for layer in reversed(range(case.depth)):
        below = activities[layer - 1] if layer else case.inputs
        moves.insert(0, signal @ below.T)
        weight = case.weights[layer]
        signal = (weight / np.sqrt((weight**2).sum(axis=0))).T @ signal
    return moves


def typed_law(layer, weights):
    """Half the squared length of incoming weights, minus the length of outgoing ones (layer counts from 1)."""
    below, above = weights[layer - 1], weights[layer]
    return (below**2).sum(axis=1) / 2 - np.sqrt((above**2).sum(axis=0))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", SIZES)
def test_velocity(sizes, seed):
    case = draw(seed, sizes)
    into = compile_flow(derive(case.depth, SPEC), sizes).bind(case.parameters(), np.empty)
    out = [np.full(weight.shape, np.nan) for weight in case.weights]
    into(case.weights, out)
    expected = typed_velocity(case)
    assert_close(out, expected, max(np.abs(move).max() for move in expected))


@pytest.mark.parametrize("sizes", SIZES)
def test_printed_source(sizes):
    case, names = draw(3, sizes), {}
    exec(derive(case.depth, SPEC).python(), names)
    moments = [case.parameters()[name] for name in ("Sigma_xx", "Sigma_yx")]
    expected = typed_velocity(case)
    given = names["velocity"](*case.weights, *moments)
    assert_close(given, expected, max(np.abs(move).max() for move in expected))


@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.integers(1, 6), min_size=3, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_law_holds_along_the_flow(sizes, seed):
    case = draw(seed, sizes)
    moves = typed_velocity(case)
    scale = sum(np.linalg.norm(weight) + 1 for weight in case.weights) * max(np.linalg.norm(move) for move in moves)
    for layer in range(1, case.depth):
        rate = complex_step(lambda weights, layer=layer: typed_law(layer, weights), case.weights, moves)
        assert np.abs(rate).max() <= 1e-12 * scale


@pytest.mark.parametrize("depth", [2, 3])
def test_law_is_verified(depth):
    laws = derive(depth, SPEC).invariants()
    assert [(law.name, law.layer, law.kind) for law in laws] == [
        (f"q_{layer}", layer, "neuron") for layer in range(1, depth)
    ]
    w_1, w_2 = sp.symbols("w_1 w_2", real=True)
    assert all(law.expression == sp.sqrt(w_1**2 + w_2**2) for law in laws)


@pytest.mark.parametrize("sizes", SIZES)
def test_compiled_law(sizes):
    """Made by hand, so that it does not wait for the verification."""
    case = draw(4, sizes)
    flow = derive(case.depth, SPEC)
    matrices = {f"W_{layer}": weight for layer, weight in enumerate(case.weights, 1)}
    for layer in range(1, case.depth):
        invariant = Invariant(f"q_{layer}", layer, "neuron", None)
        value = compile_invariant(flow, invariant, sizes[layer + 1])(matrices)
        np.testing.assert_allclose(value, typed_law(layer, case.weights), rtol=0, atol=1e-12)


def test_no_chain_in_a_general_basis():
    with pytest.raises(DerivationError, match="signed permutations"):
        derive(2, SPEC).chain()


def test_one_mode_is_sign_feedback():
    """At width one the direction of a weight is its sign."""
    sigma, curvature = sp.symbols("sigma lambda", real=True)
    theta_1, theta_2 = (sp.Symbol(f"theta_{layer}", real=True) for layer in (1, 2))
    moving = derive(2, SPEC).chain("coordinates").velocity
    error = sigma - curvature * theta_1 * theta_2
    for value in (-1.5, 0.5):
        point = {theta_1: 0.3, theta_2: value, sigma: 2.0, curvature: 0.7}
        assert moving[theta_1].subs(point) == pytest.approx(float((np.sign(value) * error).subs(point)), abs=1e-12)


def test_decay_leaves_no_law():
    assert derive(2, SPEC, decay=True).invariants() == ()
