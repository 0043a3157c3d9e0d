"""Statements on alignment between layers as an invariant."""

import json

import numpy as np
import pytest

from fa_dynamics.measures.invariance import network_alignment_defect, strong_invariance_defect
from fa_dynamics.theorems import find, load_instance, save_instance, verify
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned
from fa_dynamics.theorems.radhakrishnan2020 import (
    constrained_impossible,
    data_criterion,
    learning_rate,
    pointwise_flow,
    projected_gd,
)
from fa_dynamics.theorems.statement import Statement
from fa_dynamics.theorems.work import source

NAMES = [
    f"radhakrishnan2020.{name}"
    for name in (
        "definition",
        "aligned-minimum",
        "strong-invariance",
        "data-criterion",
        "weak-invariance",
        "pointwise-flow",
        "learning-rate",
        "projected-gd",
        "constrained-impossible",
        "fa-invariance",
    )
]
TESTED = {"data-criterion", "learning-rate", "constrained-impossible"}


def drawn(name, seeds):
    statement = find(f"radhakrishnan2020.{name}")
    return [statement.sample(source(statement, seed)) for seed in seeds]


@pytest.mark.parametrize("name", NAMES)
def test_holds_with_its_proof_and_its_counterexamples(name):
    outcome = verify(name, draws=5, seed=11, depth=3, progress=False).outcomes[0]
    assert outcome.holds, (outcome.verdict, outcome.worst and str(outcome.worst.evidence), outcome.failures)
    assert outcome.undecided <= 1
    assert outcome.counterexample_found
    assert (outcome.status == "proved") == (name.partition(".")[2] not in TESTED)


def decided(statement: Statement, instance):
    assert statement.lacking(instance) == []
    found = statement.check(instance)
    return [piece.decision for piece in (found if isinstance(found, list) else [found])]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [5, 6])
def test_an_instance_that_was_saved_and_read_back_decides_the_same(name, seed, tmp_path):
    statement = find(name)
    instance = statement.sample(source(statement, seed))
    again = load_instance(save_instance(tmp_path / "case.json", name, instance), name)
    json.dumps(again, allow_nan=False)
    assert decided(statement, again) == decided(statement, instance)


@pytest.mark.parametrize("name", NAMES)
def test_counterexamples_are_found_at_any_seed(name):
    statement = find(name)
    for place, promised in enumerate(statement.counterexamples, start=1):
        check = promised.check or statement.check
        for seed in range(3):
            instance = promised.sample(source(statement, 100 + seed, place))
            assert statement.lacking(instance) == [promised.drops]
            found = check(instance)
            pieces = found if isinstance(found, list) else [found]
            assert "violated" in [piece.decision for piece in pieces], (promised.drops, seed, list(map(str, pieces)))


def test_samplers_reach_every_kind():
    assert {case["kind"] for case in drawn("definition", range(20))} == {"commuting", "rank one", "balanced"}
    assert {case["kind"] for case in drawn("data-criterion", range(80))} == {
        *data_criterion.SUITABLE,
        *data_criterion.GENERIC,
    }
    assert {case["loss"] for case in drawn("weak-invariance", range(80))} == {
        "squared",
        "logistic",
        "exponential",
        "softmax",
    }
    assert {case["kind"] for case in drawn("learning-rate", range(20))} == set(learning_rate.KINDS)
    assert {case["metric"] for case in drawn("projected-gd", range(30))} == {"raw", "orthonormal"}
    assert {case["kind"] for case in drawn("constrained-impossible", range(10))} == {"count", "descent"}
    assert {case["kind"] for case in drawn("fa-invariance", range(10))} == {"shared bases", "one output"}
    assert {case["says"] for case in drawn("strong-invariance", range(20))} == {"kept", "left"}
    shapes = {tuple(case["sizes"]) for case in drawn("strong-invariance", range(150))}
    assert shapes == set(aligned.SHAPES)


def test_the_recursion_is_descent_written_out_by_hand():
    theta, curvature, correlation, eta = np.array([[0.5], [-0.7], [1.1]]), 0.8, 1.3, 0.05
    case = {"strengths": theta, "curvature": [curvature], "correlation": [correlation], "n_steps": 3, "step_size": eta}
    a, b, c = theta[:, 0]
    for _ in range(3):
        e = correlation - curvature * a * b * c
        a, b, c = a + eta * b * c * e, b + eta * a * c * e, c + eta * a * b * e
    np.testing.assert_allclose(aligned.recursion(case, aligned.products_above)[-1, :, 0], [a, b, c], rtol=1e-14)


def test_descent_is_that_of_matrices_written_out_by_hand_and_its_error_covers_a_run_in_other_precision():
    case = drawn("strong-invariance", [3])[0]
    task, start = aligned.task_of(case), aligned.network_of(case).weights
    weights, error = aligned.descend(case, start)
    exact = [np.array(matrix, dtype=np.longdouble) for matrix in start]

    def product(matrices, size):
        total = np.eye(size, dtype=np.longdouble)
        for matrix in matrices:
            total = matrix @ total
        return total

    for _ in range(case["n_steps"]):
        e = task.cross_moment - product(exact, task.n_inputs) @ task.input_moment
        exact = [
            matrix
            + case["step_size"]
            * product(exact[index + 1 :], len(matrix)).T
            @ e
            @ product(exact[:index], task.n_inputs).T
            for index, matrix in enumerate(exact)
        ]
    for history, matrix in zip(weights, exact, strict=True):
        assert np.linalg.norm((history[-1] - matrix).astype(float)) <= error[-1]
    assert error[-1] < 1e-9


def test_balanced_layers_are_balanced_and_aligned_in_both_directions():
    draw_source = source(find(NAMES[0]), 2)
    weights = aligned.balanced(draw_source, [3, 2, 2, 4], [0.3, 0.0])
    for lower, upper, zeta in zip(weights[:-1], weights[1:], (0.3, 0.0), strict=True):
        np.testing.assert_allclose(upper.T @ upper - lower @ lower.T, zeta * np.eye(2), atol=1e-13)
    assert network_alignment_defect(aligned.reversed_network(weights)) < 1e-13


def test_norms_of_zero_padding_are_the_recorded_ones():
    case = dict(projected_gd.SQUARE[0])
    np.testing.assert_array_equal(projected_gd.norms_of(case), [4, 6, 4, 6, 9, 6, 4, 6, 4])
    for case in projected_gd.SQUARE:
        space = projected_gd.space_of(case)
        np.testing.assert_allclose(projected_gd.norms_of(case), (space.basis.todense() ** 2).sum(axis=1))


def test_explicit_bound_on_commutators_is_of_the_order_of_the_step():
    case = drawn("pointwise-flow", [4])[0]
    coarse, fine = (pointwise_flow.descent(case, steps)[0][1][-1] for steps in (200, 400))
    np.testing.assert_allclose(coarse / fine, 2.0, rtol=0.1)


def test_two_outputs_keep_the_inner_vectors_of_one_mode_but_not_the_outer_ones():
    """The catalogue had one output only."""
    rng = np.random.default_rng(1)
    case = {"inputs": rng.normal(size=(9, 3)), "targets": rng.normal(size=(9, 2)), "step_size": 0.05, "n_steps": 100}
    bases = [np.linalg.qr(rng.normal(size=(size, size)))[0] for size in (3, 4, 2)]
    start = [0.5 * np.outer(bases[1][:, 0], bases[0][:, 0]), 0.5 * np.outer(bases[2][:, 0], bases[1][:, 0])]
    weights, error = aligned.descend(case, start)
    inner = [np.outer(bases[1][:, 0], bases[1][:, 0])]
    assert np.linalg.norm(weights[0][-1] - inner[0] @ weights[0][-1]) <= error[-1]
    assert np.linalg.norm(weights[1][-1] - weights[1][-1] @ inner[0]) <= error[-1]
    assert strong_invariance_defect([each[-1] for each in weights], bases).max() > 0.05


def test_tangents_are_those_of_a_known_map():
    tangents, error = constrained_impossible._tangents(lambda v: np.array([np.sin(v[0] * v[1]), v[0] ** 3]), [0.4, 1.2])
    expected = np.array([[1.2 * np.cos(0.48), 3 * 0.16], [0.4 * np.cos(0.48), 0.0]])
    assert np.linalg.norm(tangents - expected) <= error < 1e-9


def test_isometric_chains_are_aligned_toeplitz_networks():
    statement = find("radhakrishnan2020.constrained-impossible")
    case = constrained_impossible.isometric(source(statement, 1))
    space = constrained_impossible.space_of(case)
    build, at = constrained_impossible._chain(case, space)
    layers = build(at)
    assert max(float(space.distance(layer)) for layer in layers) < 1e-12
    assert network_alignment_defect(layers) < 1e-12


def test_the_explicit_step_is_unstable_between_modes():
    """lambda = 1, 1/6 and s = 1, 6: eta = 1/2, and (lambda_1) (s_1 + s_2) = 7 > 2/eta."""
    case = learning_rate.disturbed(source(find("radhakrishnan2020.learning-rate"), 1))
    curvature, target = np.asarray(case["curvature"]), np.asarray(case["target"])
    step_size, _ = learning_rate.claimed(case)
    np.testing.assert_allclose(step_size, 0.5)
    np.testing.assert_allclose(learning_rate.transversal(case), curvature[0] * target.sum())
    assert step_size * learning_rate.transversal(case) > 2
