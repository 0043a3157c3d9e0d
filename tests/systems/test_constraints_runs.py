"""Gradient descent, flows and feedback alignment on constrained layers, against typed steps and differences."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.systems.constrained import iterate_constrained, simulate_constrained
from fa_dynamics.systems.layer_spaces import circulant, convolution, full, locally_connected, mask, toeplitz

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((2, 7, 9))
TASK = fa.Task.from_arrays(X, Y)
SPACES = [convolution((3, 3), (3, 3)), toeplitz(9), locally_connected((3, 3), (3, 3))]
THETA = [RNG.standard_normal(space.n_coefficients) / 3 for space in SPACES]
METRICS = ("raw", "orthonormal")


def product(matrices):
    whole = np.eye(9)
    for matrix in matrices:
        whole = matrix @ whole
    return whole


def typed_velocity(weights, back=None):
    """The typed unconstrained velocity: back_l E (W_{l-1}..W_1)^T; `back` are B_2..B_L, or backpropagation."""
    depth = len(weights)
    error = TASK.cross_moment - product(weights) @ TASK.input_moment
    moves = []
    for layer in range(depth):
        if back is None:
            c = product(weights[layer + 1 :]).T
        else:
            c = np.eye(9)
            for matrix in back[layer:]:
                c = c @ matrix
        moves.append(c @ error @ product(weights[:layer]).T)
    return moves


def loss_of(theta):
    weights = [space.matrix(each) for space, each in zip(SPACES, theta, strict=True)]
    residual = Y - X @ product(weights).T
    return 0.5 * (residual**2).sum() / len(X)


def test_raw_step_is_the_gradient_of_the_loss_in_the_coefficients():
    """<A_j, G> against central differences of the loss over samples."""
    eta, width = 1e-3, 1e-5
    run = iterate_constrained(TASK, SPACES, start=THETA, step_size=eta, n_steps=1, metric="raw")
    for layer, theta in enumerate(THETA):
        moved = (run.coefficients[layer][1] - theta) / eta
        for j in range(0, len(theta), 4):
            plus, minus = ([each.copy() for each in THETA] for _ in range(2))
            plus[layer][j] += width
            minus[layer][j] -= width
            # differences err by round-off / width and width^2
            assert moved[j] == pytest.approx(-(loss_of(plus) - loss_of(minus)) / (2 * width), abs=1e-7)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_orthonormal_steps_are_projected_steps(rule):
    """Against typed steps, each projected with an explicit orthonormal basis."""
    eta = 0.01
    feedback = [np.random.default_rng(layer).standard_normal((9, 9)) / 3 for layer in (2, 3)]
    back = None if rule == "bp" else feedback
    run = iterate_constrained(
        TASK, SPACES, rule, start=THETA, feedback=back, step_size=eta, n_steps=20, every=7, progress=False
    )
    np.testing.assert_array_equal(run.steps, [0, 7, 14, 20])
    np.testing.assert_allclose(run.t, run.steps * eta)
    weights = [space.matrix(theta) for space, theta in zip(SPACES, THETA, strict=True)]
    for _ in range(20):
        moves = typed_velocity(weights, back)
        weights = [weight + eta * move for weight, move in zip(weights, moves, strict=True)]
        for layer, space in enumerate(SPACES):
            q = np.linalg.qr(space.basis.toarray().T)[0]
            weights[layer] = (q @ (q.T @ weights[layer].ravel())).reshape(9, 9)
    for layer, weight in enumerate(weights, start=1):
        np.testing.assert_allclose(run.weights(layer)[-1], weight, atol=1e-12)
        np.testing.assert_array_equal(run.weights_at(-1)[layer - 1], run.weights(layer)[-1])


def test_raw_kernel_descent_is_the_preconditioned_projection_and_not_the_plain_one():
    eta = 0.01
    spaces = SPACES[:1] * 2
    run = iterate_constrained(TASK, spaces, start=[THETA[0]] * 2, step_size=eta, n_steps=1, metric="raw")
    start = [spaces[0].matrix(THETA[0])] * 2
    for layer, move in enumerate(typed_velocity(start)):
        basis = spaces[layer].basis.toarray().reshape(-1, 9, 9)
        weighted = sum((a * move).sum() * a for a in basis)
        plain = sum((a * move).sum() * a / (a**2).sum() for a in basis)
        displacement = run.weights(layer + 1)[1] - start[layer]
        np.testing.assert_allclose(displacement, eta * weighted, atol=1e-14)
        scale = (displacement * plain).sum() / (displacement**2).sum()
        assert np.linalg.norm(scale * displacement - plain) > 0.05 * np.linalg.norm(plain)


def test_circular_kernels_step_with_the_number_of_pixels():
    spaces = [convolution((3, 3), (3, 3), "circular")] * 2
    settings = {"start": [THETA[0]] * 2, "n_steps": 5}
    raw = iterate_constrained(TASK, spaces, step_size=0.001, metric="raw", **settings)
    projected = iterate_constrained(TASK, spaces, step_size=0.009, **settings)
    np.testing.assert_allclose(raw.coefficients[1], projected.coefficients[1], rtol=1e-11)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_flow_against_another_solver(rule, metric):
    feedback = [np.random.default_rng(layer).standard_normal((9, 9)) / 3 for layer in (2, 3)]
    back = None if rule == "bp" else feedback
    times = np.array([0.0, 0.3, 1.0])
    run = simulate_constrained(
        TASK, SPACES, rule, start=THETA, feedback=back, t_end=1.0, t_eval=times, metric=metric, progress=False
    )
    ends = np.cumsum([len(theta) for theta in THETA])[:-1]

    def move(_, y):
        parts = np.split(y, ends)
        moves = typed_velocity([s.matrix(p) for s, p in zip(SPACES, parts, strict=True)], back)
        weight = [np.ones(s.n_coefficients) if metric == "raw" else 1 / s.norms for s in SPACES]
        flat = [s.basis.toarray() @ m.ravel() for s, m in zip(SPACES, moves, strict=True)]
        return np.concatenate([a * b for a, b in zip(weight, flat, strict=True)])

    typed = solve_ivp(move, (0, 1), np.concatenate(THETA), "Radau", times, rtol=1e-8, atol=1e-10)
    for layer, part in enumerate(np.split(typed.y.T, ends, axis=1)):
        np.testing.assert_allclose(run.coefficients[layer], part, atol=2e-6)
    assert run.status == "completed"
    assert run.steps is None


def test_full_spaces_are_the_unconstrained_flow():
    shapes = [(4, 9), (9, 4)]
    spaces = [full(*shape) for shape in shapes]
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(shape) / 4 for shape in shapes]
    feedback = [rng.standard_normal((4, 9))]
    times = np.linspace(0, 2, 5)
    own = simulate_constrained(TASK, spaces, "fa", start=start, feedback=feedback, t_end=2.0, t_eval=times)
    plain = fa.simulate(TASK, 4, "fa", start=start, feedback=feedback, t_end=2.0, t_eval=times)
    np.testing.assert_allclose(own.weights(1), plain.weights[0], atol=1e-8)
    np.testing.assert_allclose(own.loss, plain.loss, atol=1e-8)
    # the flow is the limit of steps: twice as many leave half the error
    errors = []
    for n_steps in (400, 800):
        steps = iterate_constrained(
            TASK, spaces, "fa", start=start, feedback=feedback, step_size=2 / n_steps, n_steps=n_steps, every=n_steps
        )
        errors.append(np.abs(steps.weights(2)[-1] - own.weights(2)[-1]).max())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_the_projected_flow_loses_loss_at_the_rate_of_its_squared_speed():
    run = simulate_constrained(TASK, SPACES, start=THETA, t_end=0.5, t_eval=np.linspace(0, 0.5, 2001))
    speed = np.zeros(len(run.t))
    for layer in (1, 2, 3):
        speed += (np.gradient(run.weights(layer), run.t, axis=0, edge_order=2) ** 2).sum(axis=(1, 2))
    slope = np.gradient(run.loss, run.t, edge_order=2)
    np.testing.assert_allclose(slope[5:-5], -speed[5:-5], rtol=1e-3)


def test_observables():
    run = iterate_constrained(TASK, SPACES, start=THETA, step_size=0.01, n_steps=30, every=10)
    assert run.loss[0] == pytest.approx(loss_of(THETA))
    for index in range(4):
        lower, upper = run.weights(1)[index], run.weights(2)[index]
        f, g = upper.T @ upper, lower @ lower.T
        defect = np.linalg.norm(f @ g - g @ f) / np.linalg.norm(f) / np.linalg.norm(g)
        assert run.commutator_defect[index, 0] == pytest.approx(defect)
    assert run.commutator_defect.shape == run.row_max_alignment.shape == run.traceless_commutator_defect.shape == (4, 2)
    assert run.network_alignment_defect.shape == (4,)
    assert run.row_max_chance == pytest.approx([0.6289, 0.6289], abs=1e-3)
    assert "30 steps of 0.01" in repr(run)
    single = iterate_constrained(TASK, [toeplitz(9)], start=[np.zeros((9, 9))], step_size=0.01, n_steps=2)
    assert single.commutator_defect.shape == (3, 0)


def test_long_histories_are_read_in_chunks(monkeypatch):
    from fa_dynamics.systems import constrained_run

    run = iterate_constrained(TASK, SPACES, start=THETA, step_size=0.01, n_steps=30)
    at_once = run.over_time(lambda weights: weights[0][:, 0, 0])
    monkeypatch.setattr(constrained_run, "CHUNK", 3 * 8 * 243.0)
    np.testing.assert_array_equal(run.over_time(lambda weights: weights[0][:, 0, 0]), at_once)


def test_start_objects_are_projected():
    run = iterate_constrained(TASK, SPACES, start="gaussian:0.5", step_size=0.01, n_steps=1, seed=4)
    free = iterate_constrained(TASK, [full(9, 9)] * 3, start="gaussian:0.5", step_size=0.01, n_steps=1, seed=4)
    for layer, space in enumerate(SPACES, start=1):
        np.testing.assert_allclose(run.weights(layer)[0], space.project(free.weights(layer)[0]), atol=1e-14)


def test_masked_entries_stay_zero():
    allowed = np.tri(9)
    run = iterate_constrained(TASK, [mask(allowed)] * 2, start="gaussian", step_size=0.05, n_steps=50)
    assert (run.weights(2)[:, allowed == 0] == 0).all()
    assert run.loss[-1] < run.loss[0]


def test_large_images_train():
    """784 inputs, where the basis stays sparse: one typed step."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 784)) / 28
    task = fa.Task.from_arrays(images, images)
    space = convolution((28, 28), (3, 3))
    theta = rng.standard_normal(9) / 3
    run = iterate_constrained(task, [space, space], start=[theta, theta], step_size=0.1, n_steps=1)
    w = space.matrix(theta)
    error = task.cross_moment - w @ w @ task.input_moment
    np.testing.assert_allclose(run.coefficients[0][1], theta + 0.1 * space.coefficients(w.T @ error), atol=1e-12)
    np.testing.assert_allclose(run.coefficients[1][1], theta + 0.1 * space.coefficients(error @ w.T), atol=1e-12)


def test_divergence_is_named():
    with pytest.warns(IntegrationWarning, match="diverged: at step"):
        run = iterate_constrained(TASK, SPACES, start=THETA, step_size=50.0, n_steps=100)
    assert run.status == "diverged"
    assert all(np.isfinite(theta).all() for theta in run.coefficients)
    assert len(run.t) == len(run.coefficients[0]) == len(run.steps)


GOOD = {"task": TASK, "spaces": SPACES, "start": THETA, "step_size": 0.1, "n_steps": 3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": X}, "task: ndarray given"),
        ({"spaces": []}, "spaces: "),
        ({"spaces": [np.eye(9)]}, "spaces: "),
        ({"spaces": [toeplitz(9), toeplitz(8)]}, "spaces: layer 2 takes 8 inputs, expected 9"),
        ({"spaces": [toeplitz(8)] * 2}, "spaces: they map 8 inputs"),
        ({"metric": "orthonormall"}, "metric: .* did you mean 'orthonormal'"),
        ({"rule": "kp"}, "rule: the feedback of 'kp' learns"),
        ({"rule": "backprop"}, "rule: no rule"),
        ({"start": THETA[:2]}, "start: expected .* 3 matrices"),
        ({"start": [np.ones((9, 9)), np.ones(17), RNG.standard_normal((9, 9))]}, "start: W_1 lies outside its space"),
        ({"start": [np.ones(8), *THETA[1:]]}, "start: 8 coefficients given for layer 1, expected 9"),
        ({"start": [np.ones((3, 3)), *THETA[1:]]}, "start: W_1 has shape"),
        ({"start": ["a", *THETA[1:]]}, "start: W_1 is neither"),
        ({"start": [THETA[0] * np.nan, *THETA[1:]]}, "start: W_1 has entries that are not finite"),
        ({"start": 3}, "start: expected"),
        ({"step_size": 0}, "step_size: 0 given"),
        ({"step_size": np.nan}, "step_size: nan given"),
        ({"step_size": "1"}, "step_size: '1' given"),
        ({"n_steps": 0}, "n_steps: 0 given"),
        ({"n_steps": 2.0}, "n_steps: 2.0 given"),
        ({"every": -1}, "every: -1 given"),
        ({"n_steps": 10**8}, "every: 100000001 records"),
        ({"seed": -1}, "seed: -1 given"),
    ],
)
def test_bad_use_is_one_sentence(change, words):
    with pytest.raises(InputError, match=words) as caught:
        iterate_constrained(**(GOOD | change))
    assert "\n" not in str(caught.value)


def test_bad_use_of_the_flow_and_the_result():
    with pytest.raises(InputError, match="t_end: "):
        simulate_constrained(TASK, SPACES, start=THETA, t_end=-1.0)
    run = iterate_constrained(TASK, [circulant(9)], start=[np.zeros(9)], step_size=0.1, n_steps=1)
    for layer in (0, 2, 1.0, True):
        with pytest.raises(InputError, match="layer: "):
            run.weights(layer)
