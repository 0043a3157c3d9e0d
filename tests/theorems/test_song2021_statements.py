"""Statements on two-layer networks with one output, and on what feedback alignment shares with other rules."""

import json

import numpy as np
import pytest

from fa_dynamics.systems.one_output_flow import flow_one_output
from fa_dynamics.theorems import find, load_instance, save_instance, verify
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.song2021 import _one_output as one
from fa_dynamics.theorems.song2021 import exponential_rate, global_convergence, reference_table, width_uniform_law
from fa_dynamics.theorems.statement import Statement
from fa_dynamics.theorems.work import source

DRAWS = {
    "exact-reduction": 5,
    "global-convergence": 3,
    "exponential-rate": 5,
    "no-alignment": 4,
    "regularisation-aligns": 3,
    "width-uniform-law": 3,
    "cut-off": 3,
    "nonlinear-kernel-regime": 1,
    "bp-comparable": 3,
    "not-hebbian": 5,
    "locality": 5,
}
PROVED = {"exact-reduction", "locality"}
OBSERVED = {"regularisation-aligns", "width-uniform-law", "nonlinear-kernel-regime", "reference-table"}


@pytest.mark.parametrize("name", [*DRAWS, "reference-table"])
def test_holds_with_its_proof_and_its_counterexamples(name):
    outcome = verify(f"song2021.{name}", draws=DRAWS.get(name), seed=11, depth=3, progress=False).outcomes[0]
    assert outcome.holds, (outcome.verdict, outcome.worst and str(outcome.worst.evidence), outcome.failures)
    assert outcome.undecided == 0
    assert outcome.counterexample_found is (None if name == "not-hebbian" else True)
    assert outcome.status == ("proved" if name in PROVED else "observed" if name in OBSERVED else "tested")


def decided(statement: Statement, instance) -> list[str]:
    assert statement.lacking(instance) == []
    found = statement.check(instance)
    pieces = found if isinstance(found, list) else [found]
    return [piece.decision for piece in [*pieces, worst(pieces)]]


@pytest.mark.parametrize("name", DRAWS)
def test_an_instance_that_was_saved_and_read_back_decides_the_same(name, tmp_path):
    statement = find(f"song2021.{name}")
    instance = statement.sample(source(statement, 5))
    path = save_instance(tmp_path / "case.json", statement.id, instance)
    again = load_instance(path, statement.id)
    json.dumps(again, allow_nan=False)
    assert decided(statement, again) == decided(statement, instance)


@pytest.mark.parametrize("name", [*DRAWS, "reference-table"])
def test_counterexamples_lack_what_they_say_and_survive_json(name):
    statement = find(f"song2021.{name}")
    for place, promised in enumerate(statement.counterexamples):
        for seed in range(3):
            instance = promised.sample(source(statement, seed, 1 + place))
            assert statement.lacking(json.loads(json.dumps(plain(instance)))) == [promised.drops]


def test_samplers_reach_narrow_wide_and_opposed_networks():
    convergence = find("song2021.global-convergence")
    cases = [convergence.sample(source(convergence, seed)) for seed in range(60)]
    assert {len(case["W_1"]) for case in cases} == {1, 2, 3, 8, 40}
    starts = [(one.problem_of(case), case) for case in cases]
    cosines = [one.start_of(case, problem).cosine for problem, case in starts]
    assert min(cosines) < -0.999
    assert max(cosines) > 0.5
    assert any(problem.unexplained > 0 for problem, _ in starts)
    rate = find("song2021.exponential-rate")
    kinds = [rate.sample(source(rate, seed))["kind"] for seed in range(30)]
    assert set(kinds) == {"gaussian", "given"}


def test_the_worst_targets_let_the_clock_end_at_zero():
    rng = np.random.default_rng(4)
    inputs = rng.standard_normal((3, 5))
    case = {
        "inputs": inputs, "targets": inputs @ rng.standard_normal(5), "W_1": rng.standard_normal((60, 5)) / 8,
        "W_2": rng.standard_normal((1, 60)), "B_2": rng.standard_normal((60, 1)) / 8,
    }  # fmt: skip
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    problem = one.problem_of({**case, "targets": exponential_rate.to_rest_at_zero(case, problem, start)})
    run = flow_one_output(problem, start, t_end=200 / problem.slowest, t_eval=[200 / problem.slowest])
    np.testing.assert_allclose(run.state["U"][-1], 0.0, atol=1e-6)
    curvature = start.K + run.state["s"][-1] * np.eye(3)
    assert np.linalg.eigvalsh(curvature)[0] == pytest.approx(exponential_rate.mu(case, problem), abs=1e-6)


def test_the_potential_falls_by_the_squared_misfit():
    """dPhi/dt = -(P - P_*) Sigma_xx (P - P_*)^T, from differences of Phi along a run."""
    statement = find("song2021.global-convergence")
    for seed in range(4):
        case = statement.sample(source(statement, seed))
        problem = one.problem_of(case)
        start = one.start_of(case, problem)
        t = np.linspace(0.0, 2 / one.speed(problem, start), 81)
        run = flow_one_output(problem, start, t_end=t[-1], t_eval=t)
        phi = global_convergence.fall(start, start.P - problem.target, run)
        slope = (phi[2:] - phi[:-2]) / (t[2] - t[0])
        np.testing.assert_allclose(slope, -(one.misfit(problem, run.P[1:-1]) ** 2), rtol=3e-3)


def test_the_clock_never_passes_its_bound_which_is_no_fantasy():
    shares = []
    statement = find("song2021.global-convergence")
    for seed in range(10):
        case = statement.sample(source(statement, seed))
        problem = one.problem_of(case)
        start = one.start_of(case, problem)
        run = flow_one_output(problem, start, t_end=100 / one.speed(problem, start))
        far = np.linalg.norm(run.state["U"] - start.U, axis=1).max()
        shares.append(far / one.farthest(problem, start))
    assert max(shares) <= 1
    assert max(shares) > 0.2


@pytest.mark.parametrize("growth", [1e-3, 0.3, 5.0, 1e4])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 20.0])
def test_law_of_growth_and_its_root(growth, ratio):
    R = width_uniform_law.solved(growth, ratio)
    assert one.law_of_growth(R, ratio) == pytest.approx(growth, rel=1e-9)


def test_weights_drawn_on_the_range_of_the_data_are_those_drawn_on_all_inputs():
    """Means over 200 draws of what the dynamics needs: reference_table draws Gaussian weights on the range only."""
    case = {"seed": 3, "step": 1e-3, "latched": True, "draws": 2, "latch_draws": 2}
    pairs = reference_table.drawn(case, 200, 200)
    trace = np.mean([np.trace(start.M) / problem.rank for problem, start in pairs])
    assert trace == pytest.approx(1, abs=6 * np.sqrt(2 / (200 * 200 * 50)))
    assert np.mean([start.q / start.width for _, start in pairs]) == pytest.approx(1, abs=6 * np.sqrt(2 / 40000))
    assert np.mean([start.kappa * start.width for _, start in pairs]) == pytest.approx(1, abs=6 * np.sqrt(2 / 40000))
    assert np.mean([problem.target @ problem.target for problem, _ in pairs]) == pytest.approx(50, rel=0.1)
    assert [reference_table.least_steps(width) for width in (200, 1600, 6400, 12800)] == [5050, 14285, 28571, 40406]
