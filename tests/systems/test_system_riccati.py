"""The matrix Riccati solution of two layers with white input, every shape, and its exact stepper. classical.md 6."""

import numpy as np
import pytest
from reference_systems import System, all_methods, assert_reproduces, orthonormal, population, product
from scipy.linalg import expm, fractional_matrix_power

SHAPES = [
    # n_0, n_1, n_2, zeta
    (3, 4, 2, 0.0),
    (5, 2, 4, 0.0),  # bottleneck
    (3, 3, 5, 0.7),
    (5, 4, 2, -0.6),
    (4, 2, 5, 0.9),  # bottleneck
    (4, 2, 4, -1.3),  # bottleneck
]


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def begin(rng, n0, n1, n2, zeta):
    """W_2^T W_2 - W_1 W_1^T = zeta I in random bases; zeta > 0 needs n_1 <= n_2, zeta < 0 needs n_1 <= n_0."""
    if zeta > 0:
        lower = 0.5 * rng.standard_normal((n1, n0))
        return lower, orthonormal(rng, n2, n1) @ root(zeta * np.eye(n1) + lower @ lower.T)
    if zeta < 0:
        upper = 0.5 * rng.standard_normal((n2, n1))
        return root(-zeta * np.eye(n1) + upper.T @ upper) @ orthonormal(rng, n0, n1).T, upper
    rank = min(n0, n1, n2)
    inner, values = orthonormal(rng, n1, rank), rng.uniform(0.2, 0.8, rank)
    return (inner * values) @ orthonormal(rng, n0, rank).T, (orthonormal(rng, n2, rank) * values) @ inner.T


def generator(target, zeta):
    outputs, inputs = target.shape
    return np.block([[-zeta / 2 * np.eye(inputs), target.T], [target, zeta / 2 * np.eye(outputs)]])


def forward(f, t):
    """e^(F t), and J_t = 2 int_0^t e^(2 F s) ds, eigenwise."""
    values, vectors = np.linalg.eigh(f)
    nonzero = np.abs(values) > 1e-12
    safe = np.where(nonzero, values, 1.0)
    grown = np.where(nonzero, np.expm1(2 * values * t) / safe, 2 * t)
    return expm(f * t), (vectors * grown) @ vectors.T


def closed(f, q, t):
    growth, integral = forward(f, t)
    return growth @ q @ np.linalg.solve(np.eye(q.shape[1]) + q.T @ integral @ q / 2, q.T) @ growth


def stepped(f, q, h):
    growth, integral = forward(f, h)
    return growth @ q @ np.real(fractional_matrix_power(np.eye(q.shape[1]) + q.T @ integral @ q / 2, -0.5))


def blocks(run):
    """Q Q^T of a run: W_1^T W_1, P and W_2 W_2^T in one symmetric matrix."""
    lower, upper = run.weights
    stacked = np.concatenate([lower.transpose(0, 2, 1), upper], axis=1)
    return stacked @ stacked.transpose(0, 2, 1)


def system(n0, n1, n2, zeta):
    rng = np.random.default_rng([n0, n1, n2])
    target = rng.standard_normal((n2, n0))
    lower, upper = begin(rng, n0, n1, n2, zeta)
    np.testing.assert_allclose(upper.T @ upper - lower @ lower.T, zeta * np.eye(n1), atol=1e-13)
    q, f = np.concatenate([lower.T, upper]), generator(target, zeta)
    t = np.linspace(0, 3, 13)
    return System(
        f"Riccati {n0}-{n1}-{n2}, zeta = {zeta:+g}",
        population(np.eye(n0), target),
        n1,
        "bp",
        [lower, upper],
        t,
        blocks,
        np.array([closed(f, q, time) for time in t]),
    )


@all_methods
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matrix_flow(shape, method, record_property):
    reference = system(*shape)
    run = assert_reproduces(reference, method, record_property)
    n0 = shape[0]
    np.testing.assert_allclose(product(run), blocks(run)[:, n0:, :n0], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_generator_has_the_spectrum_of_the_notes(shape):
    n0, n1, n2, zeta = shape
    target = np.random.default_rng([n0, n1, n2]).standard_normal((n2, n0))
    pair = np.sqrt(np.linalg.svd(target, compute_uv=False) ** 2 + zeta**2 / 4)
    single = np.full(abs(n0 - n2), -zeta / 2 if n0 > n2 else zeta / 2)
    expected = np.sort(np.concatenate([pair, -pair, single]))
    np.testing.assert_allclose(np.linalg.eigvalsh(generator(target, zeta)), expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_stepper_composes_and_meets_the_run(shape, record_property):
    """Four exact steps, one exact step and the simulated flow: three ways to one matrix."""
    reference = system(*shape)
    lower, upper = reference.start
    q, target, zeta = np.concatenate([lower.T, upper]), reference.task.cross_moment, shape[3]
    f, step = generator(target, zeta), 0.75
    four = [q]
    for _ in range(4):
        four.append(stepped(f, four[-1], step))
    once = stepped(f, q, 4 * step)
    np.testing.assert_allclose(four[-1] @ four[-1].T, once @ once.T, atol=1e-10)  # as in classical.md 10
    run = assert_reproduces(reference, "DOP853", record_property)
    for count, state in enumerate(four):
        # rtol 1e-11 of the run, a hundredfold, on blocks of size up to about 5
        np.testing.assert_allclose(blocks(run)[3 * count] - state @ state.T, 0, atol=1e-8)
