"""Matrices that do not move, and how weight decay moves them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import DenseOutput, OdeSolver
from typed_flows import MATRIX_RULES, conserved, draw, moving_feedback, simulate, velocity

import fa_dynamics as fa
from fa_dynamics.flows import drift

sizes_of_depth_2_to_4 = st.lists(st.integers(1, 6), min_size=3, max_size=5)
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("rule", MATRIX_RULES)
@settings(deadline=None, max_examples=25)
@given(sizes=sizes_of_depth_2_to_4, seed=seeds)
def test_conserved_matrices_stay(rule, sizes, seed):
    """At default tolerances within 1e-8 of their size, which is what those are chosen for."""
    problem = draw(seed, sizes)
    run = simulate(problem, rule, 3.0, t_eval=np.linspace(0, 3.0, 7))
    history = [
        conserved(rule, run_weights, moving_feedback(run, rule, problem, index))
        for index, run_weights in enumerate(zip(*run.weights, strict=True))
    ]
    for number, begin in enumerate(history[0]):
        worst = max(np.linalg.norm(laws[number] - begin) for laws in history)
        assert worst <= 1e-8 * max(1.0, np.linalg.norm(begin))


@settings(deadline=None, max_examples=10)
@given(sizes=sizes_of_depth_2_to_4, seed=seeds, rule=st.sampled_from(MATRIX_RULES))
def test_reported_drift_is_the_drift_of_the_typed_matrices(sizes, seed, rule):
    problem = draw(seed, sizes)
    run = simulate(problem, rule, 1.0, rtol=1e-4, t_eval=np.linspace(0, 1.0, 4))  # a drift that can be seen
    typed = []
    begin = conserved(rule, problem.weights, moving_feedback(run, rule, problem, 0))
    for index, weights in enumerate(zip(*run.weights, strict=True)):
        now = conserved(rule, weights, moving_feedback(run, rule, problem, index))
        typed.append([np.linalg.norm(a - b) / max(1.0, np.linalg.norm(b)) for a, b in zip(now, begin, strict=True)])
    reported = np.array(list(run.invariant_drift.values())).T
    np.testing.assert_allclose(np.sort(reported, axis=1), np.sort(typed, axis=1), rtol=1e-6, atol=1e-12)


def test_names_of_the_laws():
    problem = draw(0, (3, 4, 5, 2))
    names = {rule: list(simulate(problem, rule, 0.1).invariant_drift) for rule in (*MATRIX_RULES, "sign")}
    assert names["bp"] == names["fa"] == names["dfa"] == ["Q_1", "Q_2"]
    assert names["kp"] == ["Q_1", "R_1", "Q_2", "R_2"]
    assert names["sign"] == ["q_1", "q_2"]
    assert list(simulate(problem, "fa", 0.1, decay=0.1).invariant_drift) == []


def test_dfa_law_needs_full_column_rank():
    """n_2 = 1 < n_3 = 2: D_2 has no left inverse, and only the law of the last hidden layer is left."""
    narrow = draw(5, (3, 4, 1, 2))
    assert list(simulate(narrow, "dfa", 0.1).invariant_drift) == ["Q_2"]
    wide = draw(5, (3, 4, 3, 2))
    assert list(simulate(wide, "dfa", 0.1).invariant_drift) == ["Q_1", "Q_2"]
    wide.direct[1][:] = 0.0
    assert list(simulate(wide, "dfa", 0.1).invariant_drift) == ["Q_2"]


@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_decay_with_doubled_rates_shrinks_the_law(rule):
    """rho_{l+1} = 2 rho_l: dQ_l/dt = -2 rho_l Q_l."""
    problem = draw(7, (4, 5, 6, 3))
    rates = (0.15, 0.3, 0.6)
    run = simulate(problem, rule, 4.0, decay=rates, t_eval=np.linspace(0, 4, 9), rtol=1e-11)
    begin = conserved(rule, problem.weights, problem.feedback(rule))
    for index, time in enumerate(run.t):
        now = conserved(rule, [weight[index] for weight in run.weights], problem.feedback(rule))
        for law, start, rate in zip(now, begin, rates[:-1], strict=True):
            np.testing.assert_allclose(law, np.exp(-2 * rate * time) * start, rtol=0, atol=1e-9)


def test_decay_keeps_backpropagation_balancing():
    """Equal rates: the imbalance of backpropagation dies as exp(-2 rho t)."""
    problem = draw(8, (4, 5, 3))
    run = simulate(problem, "bp", 5.0, decay=0.4, rtol=1e-11)
    np.testing.assert_allclose(run.balancedness[:, 0], run.balancedness[0, 0] * np.exp(-0.8 * run.t), atol=1e-9)


def test_decay_turns_kolen_pollack_into_backpropagation():
    """B_l - W_l^T dies as exp(-rho_l t)."""
    problem = draw(9, (4, 5, 3))
    run = simulate(problem, "kp", 5.0, decay=[0.1, 0.5], rtol=1e-11)
    difference = run.feedback["B_2"] - run.weights[1].transpose(0, 2, 1)
    expected = difference[0] * np.exp(-0.5 * run.t)[:, None, None]
    np.testing.assert_allclose(difference, expected, rtol=0, atol=1e-9)


def test_neuron_law_of_sign_symmetry():
    """1/2 |row_i W_l|^2 - |column i of W_{l+1}|_1, while no weight changes its sign."""
    problem = draw(10, (3, 4, 2))
    start = [np.abs(weight) + 0.5 for weight in problem.weights]
    run = simulate(problem, "sign", 0.2, start=start)
    below, above = run.weights
    assert (above > 0).all()
    law = (below**2).sum(axis=2) / 2 - np.abs(above).sum(axis=1)
    np.testing.assert_allclose(law, np.broadcast_to(law[0], law.shape), rtol=0, atol=1e-8)  # default rtol 1e-9


def test_a_drift_that_the_tolerances_do_not_explain_warns(monkeypatch):
    problem = draw(12, (4, 5, 3))
    monkeypatch.setattr(drift, "SUSPICIOUS", 1e-4)
    with pytest.warns(fa.IntegrationWarning, match="first integral Q_1 drifted"):
        run = simulate(problem, "fa", 2.0, rtol=1e-5, method="RK23")
    assert run.status == "completed"


class Euler(OdeSolver):
    """Forward Euler with steps of 1/64: a method of the user's own that ignores rtol."""

    step_length = 1 / 64

    def __init__(self, fun, t0, y0, t_bound, vectorized=False, **extraneous):
        super().__init__(fun, t0, y0, t_bound, vectorized, support_complex=False)

    def _step_impl(self):
        self.y_old, h = self.y, min(self.step_length, self.t_bound - self.t)
        self.y = self.y + h * self.fun(self.t, self.y)
        self.t += h
        return True, None

    def _dense_output_impl(self):
        return Line(self.t_old, self.t, self.y_old, self.y)


class Line(DenseOutput):
    def __init__(self, t_old, t, y_old, y):
        super().__init__(t_old, t)
        self.ends = (y_old, y)

    def _call_impl(self, t):
        share = (np.asarray(t) - self.t_old) / (self.t - self.t_old)
        return (
            self.ends[0][:, None] * (1 - share) + self.ends[1][:, None] * share
            if share.ndim
            else (self.ends[0] * (1 - share) + self.ends[1] * share)
        )


def test_a_solver_that_ignores_its_tolerance_is_found_out():
    """And each Euler step adds eta^2 G_l G_l^T to Q_l, exactly (robertson2024.md 4)."""
    problem = draw(13, (4, 5, 3, 2))
    with pytest.warns(fa.IntegrationWarning, match=r"first integral Q_. drifted .* more than rtol = 1e-09 explains"):
        run = simulate(problem, "fa", 1.0, method=Euler, t_eval=np.linspace(0, 1, 65))
    assert run.status == "completed"
    assert run.solver["method"] == "Euler"
    assert run.solver["steps"] == 64
    for index in (0, 20, 63):
        weights = [weight[index] for weight in run.weights]
        laws = [conserved("fa", [w[i] for w in run.weights], problem.layered) for i in (index, index + 1)]
        moves = velocity("fa", weights, problem.layered, problem.input_moment, problem.cross_moment)
        for before, after, move in zip(*laws, moves[:-1], strict=True):
            np.testing.assert_allclose(after - before, move @ move.T / 64**2, rtol=0, atol=1e-12)


def test_drift_is_measured_from_the_start_of_the_run():
    """|Q(t) - Q(0)|, also when the output times begin later."""
    problem = draw(14, (4, 5, 3))
    whole = simulate(problem, "fa", 3.0, rtol=1e-4, t_eval=[0.0, 1.0, 3.0])
    late = simulate(problem, "fa", 3.0, rtol=1e-4, t_eval=[1.0, 3.0])
    np.testing.assert_allclose(late.invariant_drift["Q_1"], whole.invariant_drift["Q_1"][1:], rtol=1e-9)


@pytest.mark.parametrize("rule", MATRIX_RULES)
def test_no_warning_at_loose_but_honest_tolerances(rule):
    """Warnings are errors here: rtol 1e-3 with RK23 drifts, but no more than it announces."""
    run = simulate(draw(15, (4, 5, 3)), rule, 20.0, method="RK23", rtol=1e-3, atol=1e-6)
    assert 1e-7 < max(history.max() for history in run.invariant_drift.values()) < 1
