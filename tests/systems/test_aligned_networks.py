"""Aligned networks, the criteria for their invariance, and the explicit step size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.errors import InputError
from fa_dynamics.measures.invariance import network_alignment_defect, strong_invariance_defect
from fa_dynamics.systems.aligned import AlignedNetwork, aligned_network, completed
from fa_dynamics.systems.aligned_criteria import basis_criterion, data_criterion, strong_invariance_possible
from fa_dynamics.systems.aligned_step import explicit_step
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.layer_spaces import full

SEEDS = st.integers(0, 2**31)


def descend(task, network, rule="bp", **options):
    spaces = [full(*weight.shape) for weight in network.weights]
    settings = {"step_size": 0.05, "n_steps": 60, "every": 10, "progress": False}
    return iterate_constrained(task, spaces, rule, start=network.weights, **(settings | options))


def drift(run, network):
    return run.over_time(lambda weights: strong_invariance_defect(weights, network.bases)).max()


def joint_task(rng, curvature, correlation):
    """Data diagonal in random bases."""
    n, m = len(curvature), len(correlation)
    v, u = (np.linalg.qr(rng.standard_normal((size, size)))[0] for size in (n, m))
    sigma = np.zeros((m, n))
    count = min(m, n)
    sigma[range(count), range(count)] = correlation[:count]
    cross = u @ sigma @ v.T
    inverse = v @ np.diag(1 / np.asarray(curvature)) @ v.T
    return fa.Task("joint", v @ np.diag(curvature) @ v.T, cross, cross @ inverse @ cross.T + 0.1 * np.eye(m)), v, u


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, widths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_aligned_networks_are_aligned(seed, widths):
    task = fa.Task.from_spectrum([3.0, 2.0, 1.0], n_inputs=5)
    modes = min(3, *widths)
    theta = np.random.default_rng(seed).uniform(-1, 1, (len(widths) + 1, modes))
    network = aligned_network(task, widths, theta, seed=seed)
    assert network_alignment_defect(network.weights) < 1e-13
    for layer, weight in enumerate(network.weights):
        inside = network.bases[layer + 1].T @ weight @ network.bases[layer]
        np.testing.assert_allclose(np.diag(inside)[:modes], theta[layer], atol=1e-13)
        assert np.linalg.norm(inside) == pytest.approx(np.linalg.norm(theta[layer]))
    np.testing.assert_array_equal(network.bases[0][:, :3], task.modes.input_basis)
    for layer, matrix in enumerate(network.shared_feedback(2.0), start=2):
        assert matrix.shape == network.weights[layer - 1].T.shape
        assert np.linalg.norm(matrix) == pytest.approx(2 * np.sqrt(modes))


def test_steps_follow_the_scalar_recursion():
    """radhakrishnan2020.strong-invariance, against theta_l + eta prod_{j != l} theta_j (sigma - lambda p)."""
    rng = np.random.default_rng(0)
    lam, sigma = np.array([1.0, 0.7, 0.5, 0.3]), np.array([0.9, 0.5, 0.3, 0.2])
    task, v, u = joint_task(rng, lam, sigma)
    theta = rng.uniform(0.4, 1.0, (3, 4))
    network = aligned_network(task, (4, 5), theta, input_basis=v, output_basis=u)
    run = descend(task, network)
    assert drift(run, network) < 1e-13
    for _ in range(60):
        p = theta.prod(axis=0)
        theta = theta + 0.05 * p / theta * (sigma - lam * p)
    for layer, weight in enumerate(run.weights_at(-1)):
        inside = network.bases[layer + 1].T @ weight @ network.bases[layer]
        np.testing.assert_allclose(np.diag(inside), theta[layer], atol=1e-12)


def test_criterion_against_brute_force():
    """Commuting moments built by hand, then one off-diagonal entry: the criterion, and the first step."""
    rng = np.random.default_rng(1)
    task, v, u = joint_task(rng, [1.0, 0.6, 0.4], [0.8, 0.5, 0.2])
    assert data_criterion(task) < 1e-14
    assert strong_invariance_possible(task)
    bump = v[:, :1] @ v[:, 1:2].T
    disturbed = fa.Task(
        "off", task.input_moment + 0.05 * (bump + bump.T), task.cross_moment, task.output_moment + np.eye(3)
    )
    a, b = disturbed.input_moment, disturbed.cross_moment.T @ disturbed.cross_moment
    expected = np.linalg.norm(a @ b - b @ a) / (np.linalg.norm(a) * np.linalg.norm(b))
    assert data_criterion(disturbed) == pytest.approx(expected)
    assert not strong_invariance_possible(disturbed)
    network = aligned_network(task, (3,), 0.6)
    assert drift(descend(task, network), network) < 1e-13
    # the entry enters the gradient of layer 1 as eta * theta * (theta^2 * entry)
    first = drift(descend(disturbed, network, n_steps=1, every=1), network)
    assert first == pytest.approx(0.05 * 0.6 * 0.36 * 0.05)
    assert basis_criterion(disturbed, v, u, 3).defect.max() > 0.01


def test_bottleneck_needs_no_full_diagonality():
    """radhakrishnan2020.strong-invariance, part 2: the block behind the bottleneck is arbitrary."""
    rng = np.random.default_rng(2)
    v, u = (np.linalg.qr(rng.standard_normal((5, 5)))[0] for _ in range(2))
    root, sigma = 0.3 * rng.standard_normal((3, 3)), 0.1 * rng.standard_normal((3, 3))
    inputs, cross = np.zeros((2, 5, 5))
    inputs[:2, :2], inputs[2:, 2:] = np.diag([1.0, 0.6]), root @ root.T + 0.1 * np.eye(3)
    cross[:2, :2], cross[2:, 2:] = np.diag([0.9, 0.5]), sigma
    task = fa.Task("block", v @ inputs @ v.T, u @ cross @ v.T, 5 * np.eye(5))
    assert data_criterion(task) > 1e-4
    criterion = basis_criterion(task, v, u, 2)
    assert criterion.holds()
    np.testing.assert_allclose(criterion.curvature, [1.0, 0.6])
    np.testing.assert_allclose(criterion.correlation, [0.9, 0.5])
    assert not basis_criterion(task, v, u, 3).holds()
    narrow = aligned_network(task, (2, 4), 0.6, input_basis=v, output_basis=u)
    wide = aligned_network(task, (5, 5), 0.6, input_basis=v, output_basis=u)
    assert drift(descend(task, narrow), narrow) < 1e-12
    assert drift(descend(task, wide), wide) > 1e-3


def test_feedback_in_shared_bases():
    """radhakrishnan2020.fa-invariance: any values and signs; not random feedback, not generic data."""
    rng = np.random.default_rng(3)
    task, v, u = joint_task(rng, [1.0, 0.6, 0.4], [0.8, 0.5, 0.2])
    network = aligned_network(task, (4, 3), rng.uniform(-1, 1, (3, 3)), input_basis=v, output_basis=u)
    values = rng.uniform(-2, 2, (2, 3))
    run = descend(task, network, "fa", feedback=network.shared_feedback(values))
    assert drift(run, network) < 1e-12
    theta, b = network.strengths, values
    for _ in range(60):  # the scalar chain of feedback alignment
        c = np.array([b[0] * b[1], b[1], np.ones(3)])
        below = np.array([np.ones(3), theta[0], theta[0] * theta[1]])
        theta = theta + 0.05 * c * below * ([0.8, 0.5, 0.2] - np.array([1.0, 0.6, 0.4]) * theta.prod(axis=0))
    inside = network.bases[2].T @ run.weights_at(-1)[1] @ network.bases[1]
    np.testing.assert_allclose(np.diag(inside), theta[1], atol=1e-12)
    assert drift(descend(task, network, "fa", feedback=fa.starts.Gaussian(1.0)), network) > 1e-3
    x, y = rng.standard_normal((2, 9, 3))
    assert (
        drift(descend(fa.Task.from_arrays(x, y), network, "fa", feedback=network.shared_feedback(1.0)), network) > 1e-3
    )


KINDS = ("general", "equal", "above")


def scalar_run(lam, s, theta, eta, n_steps):
    """p_k of the scalar recursion, (steps + 1, modes)."""
    history = [theta.prod(axis=0)]
    for _ in range(n_steps):
        theta = theta + eta * history[-1] / theta * lam * (s - history[-1])
        history.append(theta.prod(axis=0))
    return np.array(history)


def drawn_start(kind, rng, depth, s):
    if kind == "general":
        theta = rng.uniform(0.1, 2.0, (depth, len(s)))
        return theta * (rng.uniform(1e-3, 1, len(s)) * s / theta.prod(axis=0)) ** (1 / depth)
    share = rng.uniform(1e-3, 1.0, len(s)) if kind == "equal" else rng.uniform(1.0, 20.0, len(s))
    return np.tile((share * s) ** (1 / depth), (depth, 1))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, depth=st.integers(1, 6))
def test_explicit_step(kind, seed, depth):
    """radhakrishnan2020.learning-rate on the scalar recursion: monotone, no overshoot, the bound."""
    rng = np.random.default_rng(seed)
    lam, s = np.exp(rng.uniform(-2, 2, (2, 4)))
    theta = drawn_start(kind, rng, depth, s)
    step = explicit_step(lam, s, theta)
    p = scalar_run(lam, s, theta, step.step_size, 80)
    side = -1.0 if kind == "above" else 1.0
    gap = side * (s - p)
    assert (gap >= -1e-12 * s).all()
    assert (np.diff(gap, axis=0) <= 1e-12 * s).all()
    assert (gap[1:] <= (1 - step.contraction) * gap[:-1] + 1e-12 * s).all()
    loss = 0.5 * (lam * gap**2).sum(axis=1)
    assert (loss <= step.excess_bound(loss[0], np.arange(81)) * (1 + 1e-9) + 1e-22).all()
    assert 0 < step.rate <= 1
    assert step.step_size == step.bounds.min()


def test_explicit_step_formulas():
    lam, s = np.array([2.0, 0.5]), np.array([1.5, 3.0])
    theta = np.array([[0.5, 1.0], [0.7, 1.2], [1.0, 0.9]])
    general = 1 / (lam * s**2 * (1 / theta**2).sum(axis=0))
    step = explicit_step(lam, s, theta)
    np.testing.assert_allclose(step.bounds, general)
    assert step.rate == pytest.approx((general.min() * 3 * lam * theta.prod(axis=0) ** (4 / 3)).min())
    equal = explicit_step(lam, s, np.full((3, 2), 0.5))
    np.testing.assert_allclose(equal.bounds, 1 / (3 * lam * s ** (4 / 3)))
    above = explicit_step(lam, s, np.full((3, 2), 2.0))
    np.testing.assert_allclose(above.bounds, 1 / (6 * lam * 8 ** (4 / 3)))
    assert above.rate == pytest.approx((0.75 * above.step_size * 3 * lam * s ** (4 / 3)).min())


def test_a_longer_step_overshoots():
    """Equal layers: the step is one over the top curvature at the minimum, so that 1.5 times it passes the target."""
    lam, s, theta = np.array([1.0]), np.array([2.0]), np.full((3, 1), 1.0)
    step = explicit_step(lam, s, theta)
    assert (scalar_run(lam, s, theta, step.step_size, 200) <= 2 + 1e-12).all()
    assert (scalar_run(lam, s, theta, 1.5 * step.step_size, 200) > 2 + 1e-3).any()


def test_explicit_step_on_matrices():
    rng = np.random.default_rng(5)
    lam, s = np.array([1.0, 0.5, 0.25]), np.array([2.0, 1.0, 0.7])
    task, v, u = joint_task(rng, lam, lam * s)
    theta = rng.uniform(0.3, 0.8, (3, 3))
    network = aligned_network(task, (3, 3), theta, input_basis=v, output_basis=u)
    step = explicit_step(lam, s, theta)
    run = descend(task, network, step_size=step.step_size, n_steps=200, every=1)
    excess = run.loss - task.best_loss
    assert (excess <= step.excess_bound(excess[0], run.steps) * (1 + 1e-9) + 1e-14).all()
    assert excess[-1] < 0.1 * excess[0]


def test_completed():
    columns = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 2)))[0]
    whole = completed(columns, 5)
    np.testing.assert_array_equal(whole[:, :2], columns)
    np.testing.assert_allclose(whole.T @ whole, np.eye(5), atol=1e-14)


def test_inner_bases_come_from_the_seed():
    task = fa.Task.from_spectrum([2.0, 1.0])
    one, same, other = (aligned_network(task, (3,), 0.5, seed=seed).weights for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0], same[0])
    assert np.abs(one[0] - other[0]).max() > 0.01


TASK = fa.Task.from_spectrum([2.0, 1.0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: aligned_network(TASK, (0,), 0.5), "hidden: "),
        (lambda: aligned_network(TASK, (2,), [0.5] * 3), r"strengths: shape \(3,\) given"),
        (lambda: aligned_network(TASK, (2,), "a"), "strengths: "),
        (lambda: aligned_network(TASK, (2,), np.nan), "strengths: expected finite"),
        (lambda: aligned_network(TASK, (1,), np.ones((2, 2))), "strengths: .* at most 1 modes"),
        (lambda: aligned_network(TASK, (2,), 0.5, input_basis=np.ones((2, 2))), "input_basis has columns"),
        (lambda: aligned_network(TASK, (2,), 0.5, output_basis=np.eye(3)), "output_basis: shape"),
        (lambda: AlignedNetwork((np.eye(2), 2 * np.eye(2)), np.ones((1, 2))), "bases: U_1 has columns"),
        (lambda: aligned_network(TASK, (2,), 0.5).shared_feedback(np.ones((2, 2))), "values: shape"),
        (lambda: basis_criterion(TASK, np.eye(2), np.eye(2), 3), "modes: 3 given"),
        (lambda: basis_criterion(TASK, np.eye(2), np.ones((2, 1)), 1), "output_basis has"),
        (lambda: explicit_step(1.0, 1.0, [0.5, 0.5]), "strengths: shape"),
        (lambda: explicit_step(1.0, 1.0, [[0.5], [0.0]]), "strengths: expected finite numbers > 0"),
        (lambda: explicit_step([1.0, 1.0], 1.0, [[0.5], [0.5]]), "curvature: shape"),
        (lambda: explicit_step(1.0, "a", [[0.5], [0.5]]), "target: 'a' given"),
        (lambda: explicit_step(1.0, -1.0, [[0.5], [0.5]]), "target: expected finite"),
        (lambda: explicit_step(1.0, 0.1, [[0.5], [0.6]]), "strengths: mode 1 starts at p = 0.3 above its target 0.1"),
    ],
)
def test_bad_use_is_one_sentence(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
