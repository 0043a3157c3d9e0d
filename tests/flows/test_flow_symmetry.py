"""Changes of basis map runs to runs, and rules that coincide give the same run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from typed_flows import MATRIX_RULES, draw, flat, gradient, simulate, velocity

import fa_dynamics as fa
from fa_dynamics.derive.compile import compile_flow

sizes_of_depth_1_to_4 = st.lists(st.integers(1, 5), min_size=2, max_size=5)
seeds = st.integers(0, 2**32 - 1)


def orthogonal(rng, size):
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


def signed_permutation(rng, size):
    return np.eye(size)[rng.permutation(size)] * rng.choice([-1.0, 1.0], size)


def changed(problem, rule, bases):
    """Arguments of the same problem in other bases of all layers."""
    moment, cross, task = problem.input_moment, problem.cross_moment, problem.task
    first, last = bases[0], bases[-1]
    rotated = fa.Task("rotated", first @ moment @ first.T, last @ cross @ first.T, last @ task.output_moment @ last.T)
    weights = [bases[j + 1] @ weight @ bases[j].T for j, weight in enumerate(problem.weights)]
    given_feedback = problem.feedback(rule)
    if rule == "dfa" and given_feedback is not None:
        given_feedback = [bases[j + 1] @ matrix @ last.T for j, matrix in enumerate(given_feedback)]
    elif given_feedback is not None:
        given_feedback = [bases[j + 1] @ matrix @ bases[j + 2].T for j, matrix in enumerate(given_feedback)]
    return rotated, weights, given_feedback


def compare(rule, sizes, seed, draw_basis, tolerance, t_end):
    problem = draw(seed, sizes)
    rng = np.random.default_rng([seed, 1])
    bases = [draw_basis(rng, size) for size in sizes]
    times = np.linspace(0, t_end, 5)
    here = simulate(problem, rule, t_end, t_eval=times)
    task, weights, given_feedback = changed(problem, rule, bases)
    there = fa.simulate(task, problem.hidden, rule, weights, given_feedback, t_end=t_end, t_eval=times)
    for j in range(problem.depth):
        expected = bases[j + 1] @ here.weights[j] @ bases[j].T
        scale = max(1.0, np.abs(expected).max())
        assert np.abs(there.weights[j] - expected).max() <= tolerance * scale
    scale = max(1.0, here.loss.max())
    assert np.abs(there.loss - here.loss).max() <= 10 * tolerance * scale
    if rule == "kp":
        for j in range(1, problem.depth):
            expected = bases[j] @ here.feedback[f"B_{j + 1}"] @ bases[j + 1].T
            assert np.abs(there.feedback[f"B_{j + 1}"] - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("rule", MATRIX_RULES)
@settings(deadline=None, max_examples=25)
@given(sizes=sizes_of_depth_1_to_4, seed=seeds)
def test_orthogonal_changes_of_every_basis(rule, sizes, seed):
    # SciPy weighs errors entry by entry, so the two runs step differently: each errs by rtol = 1e-9 a step, and these
    # flows amplify what happened in their first unit of time by 10 or so.
    compare(rule, sizes, seed, orthogonal, 1e-6, 1.0)


# The same examples every time: on a start whose weights chatter about zero a run needs very many steps.
@settings(deadline=None, max_examples=12, derandomize=True)
@given(sizes=sizes_of_depth_1_to_4, seed=seeds)
def test_signed_permutations_for_sign_symmetry(sizes, seed):
    # The same steps up to round-off; where a weight changes its sign the velocity jumps, and the order of the sums
    # decides in which of two neighbouring steps.
    compare("sign", sizes, seed, signed_permutation, 1e-6, 0.25)


def test_sign_symmetry_has_no_more_than_that():
    problem = draw(3, (3, 4, 2))
    rotation = [np.eye(3), orthogonal(np.random.default_rng(0), 4), np.eye(2)]
    here = simulate(problem, "sign", 0.25)
    task, weights, _ = changed(problem, "sign", rotation)
    there = fa.simulate(task, 4, "sign", weights, t_end=0.25)
    assert np.abs(there.loss - here.loss).max() > 1e-3


@settings(deadline=None, max_examples=25)
@given(sizes=sizes_of_depth_1_to_4, seed=seeds)
def test_feedback_alignment_with_transposed_weights_is_the_gradient(sizes, seed):
    problem = draw(seed, sizes)
    values = {f"B_{layer}": problem.weights[layer - 1].T.copy() for layer in range(2, problem.depth + 1)}
    values |= {"Sigma_xx": problem.input_moment, "Sigma_yx": problem.cross_moment}
    move = compile_flow(fa.derive(problem.depth, "fa"), problem.sizes).bind(values, np.empty)
    given_moves = [np.empty_like(weight) for weight in problem.weights]
    move(problem.weights, given_moves)
    expected = -flat(gradient(problem.weights, problem.X, problem.Y))
    np.testing.assert_allclose(flat(given_moves), expected, atol=1e-13 * max(1, np.abs(expected).max()))


@settings(deadline=None, max_examples=15)
@given(sizes=st.lists(st.integers(1, 5), min_size=3, max_size=5), seed=seeds)
def test_kolen_pollack_from_transposed_weights_is_backpropagation(sizes, seed):
    problem = draw(seed, sizes)
    times = np.linspace(0, 2.0, 6)
    true = simulate(problem, "bp", 2.0, t_eval=times)
    twin = simulate(problem, "kp", 2.0, t_eval=times, feedback=[weight.T for weight in problem.weights[1:]])
    for a, b in zip(true.weights, twin.weights, strict=True):
        # The longer state has another error norm, hence other steps at rtol 1e-9.
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 * max(1.0, np.abs(a).max()))
    for layer in range(2, problem.depth + 1):
        mirrored = twin.weights[layer - 1].transpose(0, 2, 1)
        np.testing.assert_allclose(twin.feedback[f"B_{layer}"], mirrored, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "sign", "kp"])
@settings(deadline=None, max_examples=10)
@given(sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=seeds)
def test_one_layer_is_linear_regression_for_every_rule(rule, sizes, seed):
    problem = draw(seed, sizes)
    moment = problem.input_moment
    best = problem.cross_moment @ np.linalg.inv(moment)  # three times more samples than inputs
    (begin,) = problem.weights
    run = simulate(problem, rule, 3.0, t_eval=[0.0, 0.3, 1.0, 3.0])
    for index, time in enumerate(run.t):
        exact = best + (begin - best) @ expm(-moment * time)
        # rtol 1e-9 over 10 to 20 steps of a contracting flow
        np.testing.assert_allclose(run.weights[0][index], exact, rtol=0, atol=1e-7 * max(1.0, np.abs(best).max()))


def test_typed_velocity_of_backpropagation_is_the_gradient():
    """The second opinion is itself checked against the loss."""
    problem = draw(11, (4, 3, 5, 2))
    typed = velocity("bp", problem.weights, None, problem.input_moment, problem.cross_moment)
    np.testing.assert_allclose(flat(typed), -flat(gradient(problem.weights, problem.X, problem.Y)), atol=1e-14)
