"""Joint modes: exact where the moments commute, honest where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.tasks import Modes, Task, joint_modes


def rotation(rng: np.random.Generator, n: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    return q * np.sign(np.diag(r))


def brute_force(modes: Modes, moment: np.ndarray) -> tuple[list[float], float]:
    V = modes.input_basis
    defects, leak = [], 0.0
    for k in range(V.shape[1]):
        image = moment @ V[:, k]
        inside = sum((V[:, j] @ image) * V[:, j] for j in range(V.shape[1]))
        defects.append(np.linalg.norm(image - inside) / np.linalg.norm(image))
        for j in range(V.shape[1]):
            if j != k:
                norm = np.sqrt((V[:, j] @ moment @ V[:, j]) * (V[:, k] @ image))
                leak = max(leak, abs(V[:, j] @ image) / norm)
    return defects, leak


def check_is_singular_value_decomposition(modes: Modes, cross: np.ndarray) -> None:
    U, V = modes.output_basis, modes.input_basis
    np.testing.assert_allclose((U * modes.correlation) @ V.T, cross, atol=1e-11 * max(1.0, np.abs(cross).max()))
    for basis in (U, V):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    assert (np.diff(modes.correlation) <= 0).all()
    assert (modes.correlation >= 0).all()


sizes = st.integers(1, 6)
# Few values, so that most draws repeat some of them, zero included.
sigmas = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=6)
lambdas = st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=6, max_size=6)


@given(sigma=sigmas, curvature=lambdas, extra=st.tuples(sizes, sizes), seed=st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_commuting_moments_are_jointly_diagonalised(sigma, curvature, extra, seed):
    rng = np.random.default_rng(seed)
    lam = np.array(curvature[: len(sigma)])
    plain = Task.from_spectrum(sigma, lam, n_inputs=len(sigma) + extra[0], n_outputs=len(sigma) + extra[1])
    left, right = rotation(rng, plain.n_outputs), rotation(rng, plain.n_inputs)
    moment = right @ plain.input_moment @ right.T
    cross = left @ plain.cross_moment @ right.T
    modes = joint_modes(moment, cross)
    check_is_singular_value_decomposition(modes, cross)
    assert modes.jointly_diagonal
    assert modes.commutator < 1e-14
    V = modes.input_basis
    np.testing.assert_allclose(V.T @ moment @ V, np.diag(modes.curvature), atol=1e-11)
    np.testing.assert_allclose(modes.correlation, plain.modes.correlation, atol=1e-12)
    np.testing.assert_allclose(modes.curvature, plain.modes.curvature, atol=1e-11)
    np.testing.assert_allclose(modes.target, plain.modes.target, atol=1e-11)


@given(sigma=sigmas, curvature=lambdas, extra=st.tuples(sizes, sizes))
@settings(max_examples=100, deadline=None)
def test_coordinate_modes_are_exact(sigma, curvature, extra):
    lam = np.array(curvature[: len(sigma)])
    task = Task.from_spectrum(sigma, lam, n_inputs=len(sigma) + extra[0], n_outputs=len(sigma) + extra[1])
    for basis in (task.modes.input_basis, task.modes.output_basis):
        assert set(np.unique(np.abs(basis))) <= {0.0, 1.0}
    assert task.modes.leak == 0.0
    assert not task.modes.defect.any()
    known = sorted(zip(sigma, lam, strict=True), reverse=True)
    nonzero = [pair for pair in known if pair[0] > 0]
    got = list(zip(task.modes.correlation, task.modes.curvature, strict=True))
    assert got[: len(nonzero)] == nonzero


@given(seed=st.integers(0, 10**6), n_out=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_defect_and_leak_of_general_data(seed, n_out):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 5)) * [3, 2, 1, 1, 0.5]
    task = Task.from_arrays(X, X @ rng.normal(size=(5, n_out)) + rng.normal(size=(40, n_out)))
    modes = task.modes
    check_is_singular_value_decomposition(modes, task.cross_moment)
    defects, leak = brute_force(modes, task.input_moment)
    np.testing.assert_allclose(modes.defect, defects, rtol=1e-9, atol=1e-13)
    assert modes.leak == pytest.approx(leak, rel=1e-9)
    a, b = task.input_moment, task.cross_moment.T @ task.cross_moment
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    assert modes.commutator == pytest.approx(np.linalg.norm(a @ b - b @ a) / norm, rel=1e-9)
    assert not modes.jointly_diagonal
    np.testing.assert_allclose(modes.curvature, np.diag(modes.input_basis.T @ a @ modes.input_basis), rtol=1e-12)
    np.testing.assert_allclose(modes.target * modes.curvature, modes.correlation, rtol=1e-12)


def test_rotating_the_data_leaves_the_numbers():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 6)) * [1, 2, 3, 4, 5, 6], rng.normal(size=(50, 4))
    plain = Task.from_arrays(X, Y).modes
    turned = Task.from_arrays(X @ rotation(rng, 6), Y @ rotation(rng, 4)).modes
    for field in ("correlation", "curvature", "target", "defect"):
        np.testing.assert_allclose(getattr(turned, field), getattr(plain, field), rtol=1e-9, atol=1e-12)
    assert turned.leak == pytest.approx(plain.leak, rel=1e-9)


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (1, 4), (4, 1), (3, 3)])
def test_number_of_modes(n_in, n_out):
    rng = np.random.default_rng(1)
    modes = Task.from_arrays(rng.normal(size=(9, n_in)), rng.normal(size=(9, n_out))).modes
    assert modes.correlation.shape == modes.defect.shape == (min(n_in, n_out),)
    assert modes.input_basis.shape == (n_in, min(n_in, n_out))
    assert modes.output_basis.shape == (n_out, min(n_in, n_out))


def test_sign_of_the_leading_output_entry():
    rng = np.random.default_rng(2)
    for _ in range(20):
        modes = joint_modes(np.eye(5), rng.normal(size=(3, 5)))
        for u in modes.output_basis.T:
            assert u[np.argmax(np.abs(u))] > 0
    # Entries of equal size up to round-off: the first decides.
    u = np.array([-1.0, 1.0 + 1e-13]) / np.sqrt(2)
    modes = joint_modes(np.eye(1), u[:, np.newaxis])
    assert modes.output_basis[0, 0] > 0
    assert modes.input_basis[0, 0] == -1.0


def test_sign_of_the_leading_input_entry_without_correlation():
    rng = np.random.default_rng(5)
    for _ in range(10):
        modes = joint_modes(np.eye(5), np.outer(rng.normal(size=4), rng.normal(size=5)))
        for v in modes.input_basis[:, 1:].T:
            assert v[np.argmax(np.abs(v))] > 0


def test_negative_correlations_move_their_sign_into_the_inputs():
    modes = Task.from_spectrum([-3.0, 1.0]).modes
    np.testing.assert_array_equal(modes.correlation, [3.0, 1.0])
    np.testing.assert_array_equal(modes.output_basis, np.eye(2))
    np.testing.assert_array_equal(modes.input_basis, np.diag([-1.0, 1.0]))


def test_equal_correlations_come_in_order_of_curvature():
    modes = Task.from_spectrum([1.0, 1.0, 2.0, 0.0, 0.0], [0.5, 4.0, 1.0, 1.0, 7.0]).modes
    np.testing.assert_array_equal(modes.correlation, [2.0, 1.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(modes.curvature, [1.0, 4.0, 0.5, 7.0, 1.0])
    np.testing.assert_array_equal(modes.target, [2.0, 0.25, 2.0, 0.0, 0.0])


def test_null_input_has_target_zero():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=20), np.zeros(20)])
    modes = Task.from_arrays(X, rng.normal(size=(20, 2))).modes
    assert modes.correlation[1] == modes.target[1] == modes.curvature[1] == 0.0
    assert modes.jointly_diagonal


def test_moments_without_correlation():
    modes = joint_modes(np.diag([1.0, 3.0, 2.0]), np.zeros((2, 3)))
    np.testing.assert_array_equal(modes.curvature, [3.0, 2.0])
    assert not modes.correlation.any()
    assert modes.commutator == 0.0
    assert joint_modes(np.zeros((2, 2)), np.zeros((2, 2))).jointly_diagonal


def test_hidden_coupling_to_inputs_without_correlation_is_a_defect():
    moment = np.array([[1.0, 0.5], [0.5, 1.0]])
    modes = joint_modes(moment, np.array([[2.0, 0.0]]))
    assert modes.defect[0] == pytest.approx(0.5 / np.sqrt(1.25), rel=1e-12)
    assert modes.leak == 0.0
    assert not modes.jointly_diagonal


def test_scale_does_not_matter():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 3))
    plain, tiny = Task.from_arrays(X, Y).modes, Task.from_arrays(X * 1e-60, Y * 1e40).modes
    np.testing.assert_allclose(tiny.defect, plain.defect, rtol=1e-9)
    assert tiny.commutator == pytest.approx(plain.commutator, rel=1e-9)
    np.testing.assert_allclose(tiny.target, plain.target * 1e100, rtol=1e-9)


def test_sentences():
    good, bad = Task.from_spectrum([2, 1]), Task.from_arrays([[1, 2], [3, 4], [0, 1]], [1, 2, 5])
    assert good.modes.defect_sentence().startswith("joint modes")
    assert bad.modes.defect_sentence().startswith("no joint modes")
    assert "leak" in repr(bad.modes)
    for task in (good, bad):
        assert len(repr(task).splitlines()) <= 5
    assert "population" in repr(good)
    assert "3 samples" in repr(bad)
    assert "rank 2" in repr(bad)
    assert "\n" not in bad.modes.defect_sentence()
    assert bad.modes is bad.modes
