"""Iteration and flow in reduced coordinates against full weights, typed here and compiled from the derived flow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.errors import DerivationError, InputError, IntegrationWarning
from fa_dynamics.systems.one_output import OneOutputProblem, gaussian_weights, reduced_start
from fa_dynamics.systems.one_output_backprop import backprop_one_output
from fa_dynamics.systems.one_output_code import compiled
from fa_dynamics.systems.one_output_flow import flow_one_output, full_weights
from fa_dynamics.systems.one_output_iterate import Plateau, iterate_one_output
from fa_dynamics.systems.one_output_units import mean_from_sum


class Case:
    """Data, weights and their reduced forms."""

    def __init__(self, seed=0, samples=7, inputs=12, width=9, noise=0.0):
        rng = np.random.default_rng([seed, 1])
        self.X = rng.standard_normal((samples, inputs))
        self.y = self.X @ rng.standard_normal(inputs) + noise * rng.standard_normal(samples)
        self.problem = OneOutputProblem.from_arrays(self.X, self.y)
        self.weights = gaussian_weights(width, inputs, np.random.default_rng([seed, 2]), np.random.default_rng(seed))
        self.start = reduced_start(self.problem, *self.weights)

    def typed_steps(self, step, rates):
        """Residual, cosine and weights after every step, sample by sample."""
        W_1, W_2, B_2 = (matrix.copy() for matrix in self.weights)
        for rho in rates:
            yield self.measure(W_1, W_2)
            left = self.y - (W_2 @ W_1 @ self.X.T)[0]
            down = B_2 @ left[None]  # hidden x samples
            W_1, W_2 = W_1 + step * down @ self.X, W_2 + step * (left @ (W_1 @ self.X.T).T - rho * W_2)
        yield self.measure(W_1, W_2)

    def measure(self, W_1, W_2):
        B_2 = self.weights[2]
        cosine = (W_2 @ B_2).item() / np.linalg.norm(W_2) / np.linalg.norm(B_2)
        return np.linalg.norm(W_2 @ W_1 @ self.X.T - self.y), cosine, W_1, W_2


@pytest.mark.parametrize("rho", [0.0, 0.7])
@pytest.mark.parametrize("width", [1, 9, 60])
def test_four_hundred_steps_are_those_of_the_full_weights(width, rho):
    case = Case(width, width=width)
    step, cut = 4e-3, 250
    rates = [rho] * cut + [0.0] * 150
    run = iterate_one_output(
        case.problem,
        case.start,
        step_size=step,
        regularization=rho,
        n_steps=400,
        cut_off=cut,
        lift=True,
        record_every=1,
    )
    typed = list(case.typed_steps(step, rates))
    scale = typed[0][0]
    np.testing.assert_allclose(run.residual[:, 0], [each[0] for each in typed], atol=1e-13 * scale)
    np.testing.assert_allclose(run.cosine[:, 0], [each[1] for each in typed], atol=1e-13)
    assert run.record_steps.tolist() == list(range(401))
    _, _, W_1, W_2 = typed[-1]
    V, B_2 = case.problem.basis, case.weights[2]
    end = {name: value[0] for name, value in run.state.items()}
    np.testing.assert_allclose(end["P"], (W_2 @ W_1 @ V)[0], atol=1e-13 * max(1, np.abs(W_2 @ W_1).max()))
    np.testing.assert_allclose(end["U"], (B_2.T @ W_1 @ V)[0] / case.start.kappa, atol=1e-12 * np.abs(end["U"]).max())
    assert end["s"] == pytest.approx((W_2 @ B_2).item(), abs=1e-13 * scale)
    assert end["q"] == pytest.approx((W_2**2).sum(), rel=1e-12)
    found = full_weights(case.problem, end, *case.weights)
    np.testing.assert_allclose(found[0], W_1, atol=1e-12)
    np.testing.assert_allclose(found[1], W_2, atol=1e-12)
    assert run.final_residual[0] == pytest.approx(typed[-1][0], abs=1e-13 * scale)
    assert run.final_cosine[0] == pytest.approx(typed[-1][1], abs=1e-13)


def test_four_hundred_steps_are_those_of_the_compiled_flow():
    """The step of the full weights from the derived velocity, in the mean convention of the house."""
    case, step, rho, samples = Case(3, noise=0.5), 4e-3, 0.7, 7
    eta, decay = mean_from_sum(step, rho, samples)
    code = compile_flow(fa.derive(2, "fa", decay=True), (12, 9, 1))
    task = fa.Task.from_arrays(case.X, case.y)
    bound = code.bind(
        {
            "B_2": case.weights[2],
            "Sigma_xx": task.input_moment,
            "Sigma_yx": task.cross_moment,
            "rho_1": 0.0,
            "rho_2": decay,
        },
        np.empty,
    )
    weights = [matrix.copy() for matrix in case.weights[:2]]
    for _ in range(400):
        out = [np.empty_like(matrix) for matrix in weights]
        bound(weights, out)
        weights = [matrix + eta * moved for matrix, moved in zip(weights, out, strict=True)]
    run = iterate_one_output(case.problem, case.start, step_size=step, regularization=rho, n_steps=400)
    ended = case.measure(*weights)
    np.testing.assert_allclose(run.state["P"][0], (weights[1] @ weights[0] @ case.problem.basis)[0], atol=1e-13)
    assert (run.final_residual[0], run.final_cosine[0]) == pytest.approx(ended[:2], abs=1e-13)


def test_first_integrals_of_the_iteration():
    """Section 2.3 in discrete time, and the vector clock, which the Euler step conserves exactly as well."""
    case, step = Case(4, width=20), 1e-2
    kappa, K = case.start.kappa, case.start.K
    errors, before = 0.0, None
    for steps in range(1, 60):
        run = iterate_one_output(case.problem, case.start, step_size=step, n_steps=steps)
        U, P, s = run.state["U"][0], run.state["P"][0], run.state["s"][0]
        M = K + kappa * np.outer(U, U)
        clock = P - U @ M - s * U + kappa * (U @ U) * U
        start = case.start
        first = start.P - start.U @ start.M - start.s * start.U + kappa * (start.U @ start.U) * start.U
        np.testing.assert_allclose(clock, first, atol=1e-11 * np.abs(first).max())
        last = case.start.P if before is None else before
        errors += np.sum((case.problem.correlations - last * case.problem.curvatures) ** 2)
        typed = start.s + kappa / 2 * (U @ U - start.U @ start.U) - step**2 * kappa / 2 * errors
        assert s == pytest.approx(typed, abs=1e-11)
        before = P


def test_members_do_not_feel_each_other():
    """Different data, ranks, widths and decays in one batch, and the same one by one."""
    cases = [Case(1), Case(2, samples=3, inputs=5, width=2), Case(3, samples=15, inputs=6, width=40, noise=1.0)]
    rates = [0.0, 0.5, 2.0]
    settings_ = {"step_size": 3e-3, "n_steps": 321, "record_every": 50, "lift": True}
    together = iterate_one_output(
        [case.problem for case in cases], [case.start for case in cases], regularization=rates, **settings_
    )
    for place, (case, rho) in enumerate(zip(cases, rates, strict=True)):
        alone = iterate_one_output(case.problem, case.start, regularization=rho, **settings_)
        np.testing.assert_allclose(together.cosine[:, place], alone.cosine[:, 0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(together.residual[:, place], alone.residual[:, 0], rtol=1e-9, atol=1e-12)
        rank = case.problem.rank
        np.testing.assert_allclose(together.state["P"][place, :rank], alone.state["P"][0], rtol=1e-10, atol=1e-13)
        assert not together.state["P"][place, rank:].any()


@pytest.mark.parametrize("latched", [True, False])
def test_the_stop_rule_is_latched(latched):
    """Typed a second time on the full weights: check every 20 steps, end at the least number or the next success."""
    cases, step, change = [Case(seed, width=30) for seed in range(4)], 2e-3, 1e-2
    rates, least = [0.0, 1.0, 3.0, 3.0], [90, 130, 33, 400]
    run = iterate_one_output(
        [case.problem for case in cases],
        [case.start for case in cases],
        step_size=step,
        regularization=rates,
        n_steps=3000,
        stop=Plateau(least, every=20, change=change, latched=latched),
    )
    for place, (case, rho) in enumerate(zip(cases, rates, strict=True)):
        last, success = np.inf, False
        for count, (residual, reached, *_) in enumerate(case.typed_steps(step, [rho] * 3000)):
            if count % 20 == 0:
                mean = residual**2 / 7
                success |= abs(mean - last) < change and (latched or count >= least[place])
                last = mean
            cosine = reached
            if success and count >= least[place]:
                break
        assert run.steps[place] == count
        assert run.final_cosine[place] == pytest.approx(cosine, abs=1e-12)
        assert np.isfinite(run.cosine[:, place]).sum() == np.count_nonzero(run.record_steps <= count)


def test_rho_may_be_any_function_of_time():
    case, step = Case(5), 3e-3
    rates = [2.0 / (1 + step * count) for count in range(200)]
    run = iterate_one_output(
        case.problem, case.start, step_size=step, regularization=lambda t: 2.0 / (1 + t), n_steps=300, cut_off=200
    )
    *_, (residual, cosine, _, _) = case.typed_steps(step, rates + [0.0] * 100)
    assert (run.final_residual[0], run.final_cosine[0]) == pytest.approx((residual, cosine), abs=1e-12)
    flow = flow_one_output(case.problem, case.start, t_end=2.0, regularization=lambda t: 2.0 / (1 + t), cut_off=1.5)
    typed = typed_flow(case, [([1.5], lambda t: 2.0 / (1 + t)), ([2.0], lambda t: 0.0)])
    np.testing.assert_allclose(flow.P[-1], typed[-1][0], atol=1e-7)
    assert flow.invariant_drift == {}
    assert "rho(t)" in repr(flow)


def test_a_fixed_step_diverges_in_the_end_and_leaves_the_batch():
    """song2021.md 6: the curvature gamma kappa |U|^2 grows for ever under decay."""
    case, calm = Case(6, width=5), Case(7, width=5)
    run = iterate_one_output(
        [case.problem, calm.problem],
        [case.start, calm.start],
        step_size=1 / case.problem.curvatures[0] / 5,
        regularization=[5.0, 0.0],
        n_steps=10_000,
        record_every=500,
    )
    assert run.diverged.tolist() == [True, False]
    assert run.steps[0] < 10_000 == run.steps[1]
    assert np.isnan(run.residual[-1, 0])
    assert run.final_residual[1] < 0.1 * run.residual[0, 1]


def typed_flow(case, legs):
    """P in the eigenbasis, cosine and residual at every time, from the full weights, by another solver of SciPy.

    Every leg has its times, the last of which ends it, and its rho(t).
    """
    W_1, W_2, B_2 = case.weights
    split, found, begin = W_1.size, [], 0.0
    state = np.concatenate([W_1.ravel(), W_2.ravel()])
    for times, rho in legs:

        def velocity(t, state, rho=rho):
            lower, upper = state[:split].reshape(W_1.shape), state[split:][None]
            left = self_error(case, lower, upper)
            return np.concatenate([(B_2 @ left).ravel(), (left @ lower.T - rho(t) * upper).ravel()])

        solved = solve_ivp(velocity, (begin, times[-1]), state, "LSODA", times, rtol=1e-11, atol=1e-13)
        state, begin = solved.y[:, -1], times[-1]
        for column in solved.y.T:
            lower, upper = column[:split].reshape(W_1.shape), column[split:][None]
            residual, cosine, *_ = case.measure(lower, upper)
            found.append(((upper @ lower @ case.problem.basis)[0], cosine, residual))
    return found


def self_error(case, lower, upper):
    return (case.y - (upper @ lower @ case.X.T)[0])[None] @ case.X


def test_the_flow_is_that_of_the_full_weights_with_a_cut():
    case = Case(8, width=6)
    times = np.array([0.2, 0.5, 0.8, 1.0])
    run = flow_one_output(case.problem, case.start, t_end=1.0, regularization=2.0, cut_off=0.5, t_eval=times, lift=True)
    typed = typed_flow(case, [(times[:2], lambda t: 2.0), (times[2:], lambda t: 0.0)])
    for place, (P, cosine, residual) in enumerate(typed):
        np.testing.assert_allclose(run.P[place], P, atol=1e-7)
        assert (run.cosine[place], run.residual[place]) == pytest.approx((cosine, residual), abs=1e-7)
    end = {name: value[-1] for name, value in run.state.items()}
    W_1, W_2 = full_weights(case.problem, end, *case.weights)
    np.testing.assert_allclose((W_2 @ W_1 @ case.problem.basis)[0], end["P"], atol=1e-7)
    assert (W_2 @ case.weights[2]).item() == pytest.approx(end["s"], abs=1e-7)


def test_the_flow_is_that_of_simulate_in_the_units_of_the_house():
    case, samples = Case(9, noise=0.3), 7
    t_mean, decay = mean_from_sum(1.0, 0.8, samples)
    W_1, W_2, B_2 = case.weights
    full = fa.simulate(
        fa.Task.from_arrays(case.X, case.y),
        9,
        "fa",
        [W_1, W_2],
        [B_2],
        t_end=t_mean,
        decay=[0.0, decay],
        t_eval=[t_mean],
    )
    run = flow_one_output(case.problem, case.start, t_end=1.0, regularization=0.8)
    assert run.cosine[-1] == pytest.approx(full.weight_alignment[-1, 0], abs=1e-8)
    assert run.residual[-1] ** 2 / samples / 2 == pytest.approx(full.loss[-1], abs=1e-8)


def test_small_steps_approach_the_flow_at_first_order():
    case = Case(10)
    flow = flow_one_output(case.problem, case.start, t_end=0.2, regularization=1.0).P[-1]
    apart = [
        np.abs(
            iterate_one_output(case.problem, case.start, step_size=0.2 / n, regularization=1.0, n_steps=n).state["P"][0]
            - flow
        ).max()
        for n in (500, 1000)
    ]
    assert apart[0] / apart[1] == pytest.approx(2, abs=0.1)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000), width=st.integers(1, 60))
def test_convergence_at_every_width_under_the_bound(seed, width):
    """song2021.global-convergence and song2021.exponential-rate, with the rate's first integrals."""
    case = Case(seed, samples=4, inputs=12, width=width)
    end = 1000.0 / case.problem.slowest
    times = np.concatenate([[0.0], np.geomspace(1e-4, 1, 60)]) * end
    run = flow_one_output(case.problem, case.start, t_end=end, t_eval=times, method="Radau")
    assert run.status == "completed"
    assert run.residual[-1] < 1e-6 * run.residual[0]
    bound = np.exp(-np.maximum(case.start.guaranteed_rate, -0.5) * case.problem.slowest * times)
    if case.start.guaranteed_rate > 0:
        assert (run.residual <= bound * run.residual[0] * (1 + 1e-6) + 1e-9).all()
    assert max(run.invariant_drift.values()) < 1e-6
    curvature = case.start.K + case.start.kappa * np.outer(run.state["U"][-1], run.state["U"][-1])
    least = np.linalg.eigvalsh(curvature + run.state["s"][-1] * np.eye(4))[0]
    assert least >= case.start.guaranteed_rate - 1e-6
    if width < 4:
        assert run.state["s"][-1] > 0  # narrow networks are forced to align


def test_backpropagation_is_that_of_the_full_weights():
    case, width = Case(11, width=6), 6
    times = np.linspace(0, 1.0, 5)
    W_1, W_2, _ = case.weights

    def velocity(t, state):
        lower, upper = state[: W_1.size].reshape(W_1.shape), state[W_1.size :][None]
        left = self_error(case, lower, upper)
        return np.concatenate([(upper.T @ left).ravel() / width, (left @ lower.T).ravel()])

    first = np.concatenate([W_1.ravel(), W_2.ravel()])
    typed = solve_ivp(velocity, (0, 1.0), first, "LSODA", times, rtol=1e-11, atol=1e-13).y
    maps = backprop_one_output(case.problem, case.start, times)
    for place, column in enumerate(typed.T):
        P = column[W_1.size :] @ column[: W_1.size].reshape(W_1.shape) @ case.problem.basis
        np.testing.assert_allclose(maps[place], P, atol=1e-7)


def test_a_start_without_second_layer_has_no_cosine():
    case = Case(12)
    start = reduced_start(case.problem, case.weights[0], 0 * case.weights[1], case.weights[2])
    assert np.isnan(start.cosine)
    run = iterate_one_output(case.problem, start, step_size=1e-3, n_steps=5, record_every=1)
    assert np.isnan(run.cosine[0, 0])
    assert np.isfinite(run.cosine[1:]).all()


def test_an_early_end_warns():
    case = Case(13)
    with pytest.warns(IntegrationWarning, match="the velocity is not finite"):
        run = flow_one_output(
            case.problem, case.start, t_end=1.0, regularization=lambda t: 1.0 if t < 0.5 else 1e308, cut_off=0.9
        )
    assert run.status != "completed"
    assert run.t[-1] <= 0.6


CASE = Case(14)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"step_size": 0.0}, r"^step_size: 0.0 given, expected a number > 0"),
        ({"step_size": np.nan}, r"^step_size: nan given"),
        ({"regularization": -1.0}, r"^regularization: -1.0 given, expected a number >= 0"),
        ({"regularization": [1.0, 2.0]}, r"^regularization: \[1.0, 2.0\] given, expected .* one for each of 1 members"),
        ({"regularization": lambda t: -t}, r"^regularization: "),
        ({"n_steps": None}, r"^n_steps: None given"),
        ({"n_steps": 0}, r"^n_steps: 0 given, expected a whole number >= 1"),
        ({"n_steps": 2.5}, r"^n_steps: 2.5 given"),
        ({"cut_off": 11}, r"^cut_off: 11 given, expected a step from 0 to the last one, 10"),
        ({"cut_off": -1}, r"^cut_off: -1 given"),
        ({"record_every": 0}, r"^record_every: 0 given"),
        ({"stop": Plateau(-3)}, r"^stop.least: -3 given"),
        ({"stop": Plateau(3, every=0)}, r"^stop.every: 0 given"),
        ({"starts": []}, r"^starts: 0 given"),
        (
            {"starts": [CASE.start] * 3, "problems": [CASE.problem] * 2},
            r"^starts: 3 given, expected as many as problems, 2",
        ),
        ({"starts": Case(1, samples=3).start}, r"^starts: rank 3 given, expected that of the problem, 7"),
    ],
)
def test_bad_iterations_are_one_line(changed, words):
    given_ = {"problems": CASE.problem, "starts": CASE.start, "step_size": 1e-3, "n_steps": 10} | changed
    with pytest.raises(InputError, match=words) as caught:
        iterate_one_output(**given_)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"t_end": 0.0}, r"^t_end: 0.0 given, expected a time > 0"),
        ({"t_end": np.inf}, r"^t_end: inf given"),
        ({"regularization": -2.0}, r"^regularization: -2.0 given"),
        ({"cut_off": 1.5}, r"^cut_off: 1.5 given, expected a time from 0 to the end, 1"),
        ({"t_eval": [0.5, 0.2]}, r"^t_eval: \[0.5, 0.2\] given, expected increasing times in \[0, 1\]"),
        ({"t_eval": [0.5, 1.2]}, r"^t_eval: "),
        ({"t_eval": []}, r"^t_eval: "),
        ({"method": "DOP"}, r"^method: "),
    ],
)
def test_bad_flows_are_one_line(changed, words):
    given_ = {"problem": CASE.problem, "start": CASE.start, "t_end": 1.0} | changed
    with pytest.raises(InputError, match=words) as caught:
        flow_one_output(**given_)
    assert "\n" not in str(caught.value)


def test_weights_need_a_lifted_run_and_coordinates_must_close():
    run = flow_one_output(CASE.problem, CASE.start, t_end=0.1)
    assert "width 9, rho = 0" in repr(run)
    with pytest.raises(InputError, match=r"^state: D, a, g, z missing, expected those of a run with lift=True"):
        full_weights(CASE.problem, {name: value[-1] for name, value in run.state.items()}, *CASE.weights)
    with pytest.raises(DerivationError, match=r"the coordinates P, q need U, s too"):
        compiled(("P", "q"), True)


def test_progress_is_told():
    fractions = []
    iterate_one_output(CASE.problem, CASE.start, step_size=1e-3, n_steps=450, report=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    told = []
    flow_one_output(CASE.problem, CASE.start, t_end=1.0, regularization=1.0, cut_off=0.4, report=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
