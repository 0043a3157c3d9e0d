"""Classical statements: they hold, break where promised, and turn red with the physics."""

import json
from importlib import import_module

import numpy as np
import pytest
from broken import assert_red
from scipy.integrate import solve_ivp

from fa_dynamics.derive.rules import Backpropagation, DirectFeedbackAlignment, FeedbackAlignment
from fa_dynamics.theorems import find, verify
from fa_dynamics.theorems.classical import bp_modes, riccati
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.work import source

NAMES = ("bp-modes", "riccati", "dfa-factors")
flow_room = import_module("fa_dynamics.derive.flow")


@pytest.fixture
def broken(monkeypatch):
    """Flows are cached by their rule, which a mutation changes behind their back; all else is cached by the flow."""
    flow_room._derive.cache_clear()
    yield monkeypatch
    flow_room._derive.cache_clear()


def outcome_of(name, draws):
    return verify(f"classical.{name}", draws=draws, seed=17, depth=3, progress=False).outcomes[0]


@pytest.mark.parametrize("name", NAMES)
def test_holds_with_its_counterexamples(name):
    outcome = outcome_of(name, 12 if name == "bp-modes" else 5)
    assert outcome.holds, (outcome.verdict, outcome.failures, str(outcome.worst and outcome.worst.evidence))
    assert outcome.undecided == 0
    assert outcome.counterexample_found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [23, 24])
def test_a_case_survives_its_file(name, seed):
    statement = find(f"classical.{name}")
    instance = statement.sample(source(statement, seed))
    again = json.loads(json.dumps(plain(instance)))
    assert not statement.lacking(again)
    own, other = (worst(statement.check(each)) for each in (instance, again))
    assert (own.decision, own.measured, own.margin) == (other.decision, other.measured, other.margin)


def red(name, draws=12):
    assert_red(f"classical.{name}", draws, seed=17)


@pytest.mark.parametrize("name", ["bp-modes", "riccati"])
def test_doubled_weights_on_the_way_back(broken, name):
    broken.setattr(Backpropagation, "feedback", lambda self, network, layer: 2 * network.W(layer).T)
    red(name)


def test_direct_feedback_with_a_sign_in_layer_one(broken):
    whole = DirectFeedbackAlignment.backward
    broken.setattr(
        DirectFeedbackAlignment,
        "backward",
        lambda self, net, layer: (-1 if layer == 1 else 1) * whole(self, net, layer),
    )
    red("dfa-factors")


def test_transposed_weights_in_the_place_of_feedback(broken):
    """A trace of B is kept, so that its matrices have a place."""
    broken.setattr(FeedbackAlignment, "feedback", lambda self, net, layer: net.W(layer).T + net.B(layer) / 10**9)
    red("dfa-factors")


def test_modes_that_learn_at_half_the_rate(broken):
    whole = bp_modes.solve_modes
    broken.setattr(bp_modes, "solve_modes", lambda *modes, t, **rest: whole(*modes, t=np.asarray(t) / 2, **rest))
    red("bp-modes")


@pytest.mark.parametrize(("depth", "part"), [(3, 0.05), (4, 0.4), (3, 2.5), (5, 1.5)])
def test_time_of_the_deep_mode_against_an_integration(depth, part):
    """dp/dt = L p^(2 - 2/L) (s - p) for a start below and above the target."""
    first, target = part * 1.3, 1.3
    p = np.array([first + share * (target - first) for share in (0.0, 0.5, 0.9)])
    t = bp_modes.deep_time(p, first, target, depth) / depth
    done = solve_ivp(
        lambda _, y: depth * y ** (2 - 2 / depth) * (target - y), (0, t[-1]), [first], t_eval=t, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(done.y[0], p, rtol=1e-7)


@pytest.mark.parametrize("zeta", [0.3, -2.0])
def test_unbalanced_mode_against_an_integration(zeta):
    t = np.linspace(0, 1.5, 4)
    done = solve_ivp(
        lambda _, p: np.sqrt(zeta**2 + 4 * p**2) * (1.7 - p), (0, 1.5), [0.2], t_eval=t, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(bp_modes.unbalanced(t, 0.2, 1.7, zeta), done.y[0], rtol=1e-7)


def test_the_stepper_solves_the_matrix_riccati_equation():
    """d(QQ^T)/dt = F QQ^T + QQ^T F - (QQ^T)^2 by central differences; F singular, as for equal balance."""
    rng = np.random.default_rng(2)
    target, state, step = rng.standard_normal((2, 4)), 0.5 * rng.standard_normal((6, 3)), 1e-4
    f = np.block([[np.zeros((4, 4)), target.T], [target, np.zeros((2, 2))]])
    before, now, after = (riccati.gram(riccati.closed_factor(f, state, 0.7 + k * step)) for k in (-1, 0, 1))
    np.testing.assert_allclose((after - before) / (2 * step), f @ now + now @ f - now @ now, atol=1e-6)
