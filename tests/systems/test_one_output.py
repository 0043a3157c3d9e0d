"""Problems, starts and units of the one-output system."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.errors import InputError
from fa_dynamics.systems import one_output
from fa_dynamics.systems.one_output import OneOutputProblem, gaussian_start, gaussian_weights, reduced_start
from fa_dynamics.systems.one_output_units import mean_from_sum, sum_from_code, sum_from_mean
from fa_dynamics.tasks import Task


def drawn(seed=0, samples=6, inputs=9, noise=0.0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples, inputs))
    return X, X @ rng.standard_normal(inputs) + noise * rng.standard_normal(samples)


@pytest.mark.parametrize(("samples", "inputs", "noise"), [(6, 9, 0.0), (12, 4, 1.0), (5, 5, 0.0), (1, 3, 0.0)])
def test_residuals_are_those_of_the_samples(samples, inputs, noise):
    X, y = drawn(1, samples, inputs, noise)
    problem = OneOutputProblem.from_arrays(X, y)
    assert problem.rank == min(samples, inputs)
    rng = np.random.default_rng(2)
    for scale in (1.0, 0.0):
        P = scale * rng.standard_normal(inputs)
        assert problem.residual(P @ problem.basis) == pytest.approx(np.linalg.norm(X @ P - y), rel=1e-12)
    best = problem.basis @ problem.target
    np.testing.assert_allclose(best, np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-11)
    np.testing.assert_allclose((problem.basis * problem.curvatures) @ problem.basis.T, X.T @ X, atol=1e-11)
    assert (problem.unexplained == 0) == (noise == 0)


def test_lower_rank_keeps_the_range_only():
    X, y = drawn(3, 6, 9)
    doubled = OneOutputProblem.from_arrays(np.vstack([X, X]), np.concatenate([y, y]))
    assert doubled.rank == 6
    np.testing.assert_allclose(doubled.curvatures, 2 * OneOutputProblem.from_arrays(X, y).curvatures)
    assert "rank 6" in repr(doubled)


def test_a_task_of_means_becomes_sums():
    X, y = drawn(4, 12, 4, noise=0.7)
    ours = OneOutputProblem.from_arrays(X, y)
    other = OneOutputProblem.from_task(Task.from_arrays(X, y))
    np.testing.assert_allclose(other.curvatures, ours.curvatures, rtol=1e-12)
    np.testing.assert_allclose(np.abs(other.target), np.abs(ours.target), rtol=1e-10)
    assert other.unexplained == pytest.approx(ours.unexplained, rel=1e-9)
    population = OneOutputProblem.from_task(Task.from_spectrum([2.0], curvatures=[4.0]))
    assert population.curvatures.tolist() == [4.0]
    with pytest.raises(InputError, match=r"^task: 2 outputs given, expected 1"):
        OneOutputProblem.from_task(Task.from_spectrum([2.0, 1.0]))


def test_starts_hold_what_the_weights_say():
    problem = OneOutputProblem.from_arrays(*drawn(5))
    rng = np.random.default_rng(6)
    W_1, W_2, B_2 = rng.standard_normal((4, 9)), rng.standard_normal((1, 4)), rng.standard_normal((4, 1))
    found = reduced_start(problem, W_1, W_2, B_2)
    V, kappa = problem.basis, (B_2**2).sum()
    np.testing.assert_allclose(found.U, (B_2.T @ W_1 @ V)[0] / kappa, atol=1e-13)
    np.testing.assert_allclose(found.P, (W_2 @ W_1 @ V)[0], atol=1e-13)
    np.testing.assert_allclose(found.M, V.T @ W_1.T @ W_1 @ V, atol=1e-13)
    assert (found.s, found.q, found.kappa) == pytest.approx(((W_2 @ B_2).item(), (W_2**2).sum(), kappa))
    assert found.cosine == pytest.approx((W_2 @ B_2).item() / np.linalg.norm(W_2) / np.linalg.norm(B_2))
    unit = B_2 / np.linalg.norm(B_2)
    np.testing.assert_allclose(found.K, V.T @ W_1.T @ (np.eye(4) - unit @ unit.T) @ W_1 @ V, atol=1e-12)
    rate = np.linalg.eigvalsh(found.K)[0] + (W_2 @ B_2).item() - 0.5 * np.sum((unit.T @ W_1 @ V) ** 2)
    assert found.guaranteed_rate == pytest.approx(rate)


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_gaussian_starts_are_those_of_their_weights_whatever_the_chunk(monkeypatch, chunk):
    monkeypatch.setattr(one_output, "CHUNK", chunk)
    problem = OneOutputProblem.from_arrays(*drawn(7))
    given_ = lambda: (np.random.default_rng(1), np.random.default_rng(2))  # noqa: E731
    lean, full = gaussian_start(problem, 23, *given_()), gaussian_weights(23, 9, *given_())
    typed = np.random.default_rng(1)
    assert np.array_equal(full[1][0], typed.standard_normal(23))
    np.testing.assert_allclose(full[0], typed.standard_normal((23, 9)) / np.sqrt(23), rtol=1e-15)
    same = reduced_start(problem, *full)
    for name in ("U", "P", "M", "s", "q", "kappa"):
        np.testing.assert_allclose(getattr(lean, name), getattr(same, name), rtol=1e-11, atol=1e-13)


def test_moments_of_gaussian_starts():
    """Entries of W_1 have variance 1/n_1, of W_2 1, of B_2 1/n_1^2: notation.md 5."""
    problem, width = OneOutputProblem.from_arrays(*drawn(8)), 20_000
    found = gaussian_start(problem, width, np.random.default_rng(3), np.random.default_rng(4))
    assert found.kappa * width == pytest.approx(1, abs=6 * np.sqrt(2 / width))
    assert found.q / width == pytest.approx(1, abs=6 * np.sqrt(2 / width))
    assert np.abs(found.M - np.eye(problem.rank)).max() < 6 * np.sqrt(2 / width)
    assert abs(found.cosine) < 6 / np.sqrt(width)
    assert np.abs(found.P).max() < 6


@settings(deadline=None, max_examples=20)
@given(st.floats(1e-6, 1.0), st.floats(0.0, 3.0), st.integers(1, 100))
def test_units(step, decay, samples):
    code = sum_from_code(step, decay, samples)
    assert code.step_size * code.regularization == pytest.approx(step * decay)  # eta rho = eta_code lambda_code
    assert code.step_size == pytest.approx(2 * step / samples)
    back = mean_from_sum(*sum_from_mean(step, decay, samples), samples)
    assert back == pytest.approx((step, decay))


def test_the_recorded_units():
    assert sum_from_code(1e-3, 0.5, 50) == pytest.approx((4e-5, 12.5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: OneOutputProblem.from_arrays(np.ones(3), np.ones(3)), r"^X: shape \(3,\) given"),
        (lambda: OneOutputProblem.from_arrays(np.ones((3, 2)), np.ones(2)), r"^y: shape \(2,\) given, expected \(3,\)"),
        (lambda: OneOutputProblem.from_arrays(np.zeros((3, 2)), np.ones(3)), r"^X: all inputs are zero"),
        (lambda: OneOutputProblem.from_arrays([[np.nan]], [1.0]), r"^X: entries that are not finite"),
        (lambda: OneOutputProblem.from_arrays([["a"]], [1.0]), r"^X: no array of numbers"),
        (lambda: start_of(W_1=np.ones((2, 3))), r"^W_1: shape \(2, 3\) given, expected \(n_1, 9\)"),
        (lambda: start_of(W_2=np.ones((1, 3))), r"^W_2: shape \(1, 3\) given, expected \(1, 2\)"),
        (lambda: start_of(B_2=np.ones((1, 2))), r"^B_2: shape \(1, 2\) given, expected \(2, 1\)"),
        (lambda: start_of(B_2=np.zeros((2, 1))), r"^B_2: .*zero"),
        (lambda: gaussian_weights(0, 3, np.random.default_rng(), np.random.default_rng()), r"^width: 0 given"),
        (lambda: gaussian_weights(2.5, 3, np.random.default_rng(), np.random.default_rng()), r"^width: 2.5 given"),
        (lambda: gaussian_weights(True, 3, np.random.default_rng(), np.random.default_rng()), r"^width: True given"),
    ],
)
def test_bad_input_is_one_line(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def start_of(**changed):
    matrices = {"W_1": np.ones((2, 9)), "W_2": np.ones((1, 2)), "B_2": np.ones((2, 1))} | changed
    return reduced_start(OneOutputProblem.from_arrays(*drawn(9)), **matrices)
