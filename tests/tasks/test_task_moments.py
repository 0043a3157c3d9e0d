"""Moments, losses and least squares against plain sums over samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.tasks import Task, teacher


def samples(seed: int, n: int = 30, n_in: int = 5, n_out: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in)) * rng.uniform(0.1, 10, n_in) + rng.normal(size=n_in)
    return X, X @ rng.normal(size=(n_in, n_out)) + rng.normal(size=(n, n_out))


def test_moments_are_means_over_samples():
    X, Y = samples(0)
    task = Task.from_arrays(X, Y)
    for got, a, b in (
        (task.input_moment, X, X),
        (task.cross_moment, Y, X),
        (task.output_moment, Y, Y),
    ):
        np.testing.assert_allclose(got, sum(np.outer(p, q) for p, q in zip(a, b, strict=True)) / 30, rtol=1e-12)
    assert (task.n_samples, task.n_inputs, task.n_outputs) == (30, 5, 3)
    np.testing.assert_array_equal(task.inputs, X)
    np.testing.assert_array_equal(task.targets, Y)


def test_one_dimension_is_one_output():
    X, Y = samples(1)
    task = Task.from_arrays(X, Y[:, 0])
    assert task.targets.shape == (30, 1)
    np.testing.assert_allclose(task.cross_moment[0], Y[:, 0] @ X / 30, rtol=1e-12)


def test_arrays_are_copies_and_read_only():
    X, Y = samples(2)
    task = Task.from_arrays(X, Y)
    X[0, 0] = 1e9
    assert task.inputs[0, 0] != 1e9
    for array in (task.inputs, task.targets, task.input_moment, task.least_squares, task.modes.target):
        with pytest.raises(ValueError, match="read-only"):
            array.flat[0] = 0.0


@given(seed=st.integers(0, 10**6), centre=st.booleans(), whiten=st.booleans(), unit=st.booleans())
@settings(max_examples=25, deadline=None)
def test_loss_from_moments_is_loss_from_samples(seed, centre, whiten, unit):
    task = Task.from_arrays(*samples(seed), centre=centre, whiten=whiten, unit_variance=unit)
    P = np.random.default_rng(seed + 1).normal(size=(3, task.n_inputs))
    direct = 0.5 * np.mean(np.sum((task.targets - task.inputs @ P.T) ** 2, axis=1))
    assert task.loss(P) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize("n", [4, 30])
def test_best_loss_is_residual_of_lstsq(n):
    X, Y = samples(3, n=n)
    task = Task.from_arrays(X, Y)
    solution = np.linalg.lstsq(X, Y)[0].T
    np.testing.assert_allclose(task.least_squares, solution, rtol=1e-6, atol=1e-8)
    residual = 0.5 * np.mean(np.sum((Y - X @ solution.T) ** 2, axis=1))
    assert task.best_loss == pytest.approx(residual, rel=1e-9, abs=1e-9)
    assert task.loss(task.least_squares) == task.best_loss
    assert task.input_rank == min(n, 5)


def test_loss_keeps_its_digits_near_the_solution():
    task = Task.from_spectrum([3.0, 1.0], [2.0, 0.5])
    assert task.best_loss == 0.0
    step = np.array([[1e-12, 0.0], [0.0, 0.0]])
    assert task.loss(task.least_squares + step) == pytest.approx(0.5 * 2.0 * 1e-24, rel=1e-3)


def test_centring_is_per_array():
    X, Y = samples(4)
    task = Task.from_arrays(X, Y, centre=(False, True))
    np.testing.assert_array_equal(task.inputs, X)
    np.testing.assert_allclose(task.targets, Y - Y.mean(axis=0), atol=1e-12)
    assert "Inputs as given; targets centred" in task.description
    task = Task.from_arrays(X, Y, centre=(True, False))
    np.testing.assert_allclose(task.inputs.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_array_equal(task.targets, Y)


def test_unit_variance_is_one_factor():
    X, Y = samples(5)
    task = Task.from_arrays(X, Y, unit_variance=True)
    assert np.trace(task.output_moment) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(task.targets / Y, task.targets[0, 0] / Y[0, 0], rtol=1e-12)


def test_whitening_gives_identity_and_counts_null_directions():
    X, Y = samples(6, n_in=4)
    # A constant far from zero, and a copy of another column.
    wide = np.column_stack([X, np.full(30, 1e6 + 0.1), X[:, 0]])
    task = Task.from_arrays(wide, Y, centre=True, whiten=True)
    assert task.null_directions == 2
    np.testing.assert_allclose(task.input_moment, np.eye(4), atol=1e-13)
    np.testing.assert_allclose(task.inputs, (wide - wide.mean(axis=0)) @ task.input_map.T, atol=1e-8)
    assert "4 dimensions (2 null directions left out)" in task.description
    assert "2 null directions left out" in repr(task)


def test_whitening_is_the_inverse_root_of_the_moment():
    X, Y = samples(7)
    task = Task.from_arrays(X, Y, whiten=True)
    eigenvalues, vectors = np.linalg.eigh(X.T @ X / 30)
    expected = (vectors / np.sqrt(eigenvalues)).T[::-1]
    np.testing.assert_allclose(np.abs(task.input_map), np.abs(expected), rtol=1e-8, atol=1e-10)
    assert task.null_directions == 0


def test_whitening_with_fewer_samples_than_inputs():
    X, Y = samples(8, n=4, n_in=9)
    task = Task.from_arrays(X, Y, centre=True, whiten=True)
    assert (task.n_inputs, task.null_directions) == (3, 6)
    np.testing.assert_allclose(task.input_moment, np.eye(3), atol=1e-13)


def test_whitening_leaves_the_best_loss():
    X, Y = samples(9)
    raw, white = Task.from_arrays(X, Y), Task.from_arrays(X, Y, whiten=True)
    assert white.best_loss == pytest.approx(raw.best_loss, rel=1e-9)


def test_sampled_teacher_approaches_the_population():
    population = teacher(4, 3, noise=0.5, input_spectrum=[2, 1, 1, 0.5], seed=3)
    drawn = teacher(4, 3, noise=0.5, input_spectrum=[2, 1, 1, 0.5], seed=3, n_samples=200_000)
    for field in ("input_moment", "cross_moment", "output_moment"):
        np.testing.assert_allclose(getattr(drawn, field), getattr(population, field), atol=0.02)
    assert population.best_loss == pytest.approx(0.5 * 3 * 0.25, rel=1e-12)
