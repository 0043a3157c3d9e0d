"""Properties and special values of every measure of a state."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fa_dynamics import measures

seeds = st.integers(0, 2**32 - 1)
width = st.integers(1, 6)
quick = settings(deadline=None, max_examples=60)


def orthogonal(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@quick
@given(seed=seeds, widths=st.lists(width, min_size=2, max_size=5), times=st.integers(1, 3))
def test_end_to_end(seed, widths, times):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((times, above, below)) for below, above in itertools.pairwise(widths)]
    whole = measures.end_to_end(weights)
    assert whole.shape == (times, widths[-1], widths[0])
    vector = rng.standard_normal(widths[0])
    for index in range(times):
        signal = vector
        for weight in weights:
            signal = weight[index] @ signal
        np.testing.assert_allclose(whole[index] @ vector, signal, atol=1e-12 * max(1, np.abs(signal).max()))
    single = measures.end_to_end([weight[0] for weight in weights])
    np.testing.assert_allclose(single, whole[0], atol=1e-13 * max(1, np.abs(single).max()))


@quick
@given(seed=seeds, inputs=width, outputs=width)
def test_mode_strength_reads_a_diagonal(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    modes = min(inputs, outputs)
    u, v = orthogonal(rng, outputs)[:, :modes], orthogonal(rng, inputs)[:, :modes]
    p = rng.standard_normal((4, modes))
    whole = np.array([(u * row) @ v.T for row in p])
    np.testing.assert_allclose(measures.mode_strength(whole, u, v), p, atol=1e-13)
    np.testing.assert_allclose(measures.mode_strength(whole[0], u, v), p[0], atol=1e-13)


@quick
@given(seed=seeds, rows=width, columns=width, factor=st.floats(1e-3, 1e3))
def test_cosine(seed, rows, columns, factor):
    a, b = drawn([seed, 0], 3, rows, columns), drawn([seed, 1], 3, rows, columns)
    value = measures.cosine(a, b)
    assert value.shape == (3,)
    assert (np.abs(value) <= 1 + 1e-15).all()
    np.testing.assert_allclose(
        value, [np.vdot(x, y) / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)], atol=1e-14
    )
    np.testing.assert_allclose(measures.cosine(b, a), value, atol=1e-15)
    np.testing.assert_allclose(measures.cosine(factor * a, b), value, atol=1e-14)
    np.testing.assert_allclose(measures.cosine(-a, b), -value, atol=1e-15)
    np.testing.assert_allclose(measures.cosine(a, factor * a), 1, atol=1e-15)


@pytest.mark.parametrize("size", [1e-100, 1e-60, 1e60, 1e100])
def test_cosine_of_matrices_of_any_size(size):
    """nan stands for exactly zero, and for nothing else; cosines are scale-free."""
    a = drawn(1, 3, 4) * size
    assert measures.cosine(a, a) == pytest.approx(1, abs=1e-14)


def test_cosine_of_zero():
    a, zero = drawn(1, 2, 3), np.zeros((2, 3))
    assert np.isnan(measures.cosine(a, zero))
    assert np.isnan(measures.cosine(zero, a))
    assert np.isnan(measures.cosine(zero, zero))
    mixed = measures.cosine(np.stack([a, zero]), np.stack([a, a]))
    np.testing.assert_allclose(mixed, [1, np.nan], atol=1e-15)


@quick
@given(seed=seeds, rows=width, columns=width)
def test_weight_alignment(seed, rows, columns):
    """tr(B W) / (|B| |W|)."""
    weight, feedback = drawn([seed, 0], rows, columns), drawn([seed, 1], columns, rows)
    expected = np.trace(feedback @ weight) / np.linalg.norm(feedback) / np.linalg.norm(weight)
    assert measures.weight_alignment(weight, feedback) == pytest.approx(expected, abs=1e-13)
    assert measures.weight_alignment(weight, weight.T) == pytest.approx(1, abs=1e-14)
    history = measures.weight_alignment(np.stack([weight, -feedback.T]), feedback)
    np.testing.assert_allclose(history, [expected, -1], atol=1e-13)
    assert measures.update_alignment(weight, -2 * weight) == pytest.approx(-1, abs=1e-14)


@quick
@given(seed=seeds, widths=st.lists(width, min_size=2, max_size=4))
def test_alignment_matrix(seed, widths):
    rng = np.random.default_rng(seed)
    above = [rng.standard_normal((up, low)) for low, up in itertools.pairwise(widths)]
    back = rng.standard_normal((widths[0], widths[-1]))
    whole = np.linalg.multi_dot([*above[::-1], back])
    np.testing.assert_allclose(measures.alignment_matrix(above, back), whole, atol=1e-12 * max(1, np.abs(whole).max()))
    transposed = measures.alignment_matrix(above, np.linalg.multi_dot([np.eye(widths[-1]), *above[::-1]]).T)
    assert np.linalg.eigvalsh(transposed).min() >= -1e-12 * max(1, np.abs(transposed).max())
    np.testing.assert_array_equal(measures.alignment_matrix([], np.eye(3)), np.eye(3))


@quick
@given(seed=seeds, below=width, hidden=width, above=width, factor=st.floats(1e-2, 1e2))
def test_commutator_defect(seed, below, hidden, above, factor):
    rng = np.random.default_rng(seed)
    lower, upper = rng.standard_normal((hidden, below)), rng.standard_normal((above, hidden))
    f, g = upper.T @ upper, lower @ lower.T
    expected = np.linalg.norm(f @ g - g @ f) / np.linalg.norm(f) / np.linalg.norm(g)
    value = measures.commutator_defect(lower, upper)
    assert value == pytest.approx(expected, abs=1e-13)
    assert -1e-15 <= value <= np.sqrt(2) + 1e-12  # Boettcher, Wenzel 2008
    assert measures.interlayer_alignment(lower, upper) == pytest.approx(1 - expected, abs=1e-13)
    assert measures.commutator_defect(factor * lower, upper) == pytest.approx(value, abs=1e-12)
    turn = orthogonal(rng, hidden)
    assert measures.commutator_defect(turn @ lower, upper @ turn.T) == pytest.approx(value, abs=1e-12)
    if hidden == 1:
        assert value == pytest.approx(0, abs=1e-15)


@quick
@given(seed=seeds, hidden=width, below=width, above=width)
def test_layers_that_share_their_inner_basis_are_aligned(seed, hidden, below, above):
    rng = np.random.default_rng(seed)
    u = orthogonal(rng, hidden)
    low, up = min(hidden, below), min(hidden, above)
    lower = (u[:, :low] * rng.uniform(0.5, 2, low)) @ orthogonal(rng, below)[:, :low].T
    upper = (orthogonal(rng, above)[:, :up] * rng.uniform(0.5, 2, up)) @ u[:, :up].T
    assert measures.interlayer_alignment(lower, upper) == pytest.approx(1, abs=1e-13)


def test_layers_at_45_degrees():
    """F = diag(1, 0), G its rotation by 45 degrees: |[F, G]| = 1/sqrt 2."""
    lower, upper = np.array([[1.0], [1.0]]) / np.sqrt(2), np.array([[1.0, 0.0]])
    assert measures.commutator_defect(lower, upper) == pytest.approx(1 / np.sqrt(2), abs=1e-15)


def test_neighbours_of_a_zero_layer():
    lower, zero = drawn(1, 3, 2), np.zeros((4, 3))
    assert np.isnan(measures.commutator_defect(lower, zero))
    assert np.isnan(measures.interlayer_alignment(np.zeros((3, 2)), drawn(2, 4, 3)))
    assert measures.imbalance(lower, zero) == pytest.approx(np.linalg.norm(lower @ lower.T), rel=1e-14)


@quick
@given(seed=seeds, below=width, hidden=width, above=width)
def test_imbalance(seed, below, hidden, above):
    rng = np.random.default_rng(seed)
    lower, upper = rng.standard_normal((hidden, below)), rng.standard_normal((above, hidden))
    expected = np.linalg.norm(upper.T @ upper - lower @ lower.T)
    assert measures.imbalance(lower, upper) == pytest.approx(expected, rel=1e-13)
    turn = orthogonal(rng, hidden)
    assert measures.imbalance(turn @ lower, upper @ turn.T) == pytest.approx(expected, abs=1e-12)
    assert measures.imbalance(lower, lower.T) == pytest.approx(0, abs=1e-13)
    np.testing.assert_allclose(
        measures.imbalance(np.stack([lower, 2 * lower]), np.stack([upper, 2 * upper])), [expected, 4 * expected]
    )


@quick
@given(seed=seeds, rows=width, columns=width, factor=st.floats(1e-6, 1e6))
def test_singular_values_and_effective_rank(seed, rows, columns, factor):
    rng = np.random.default_rng(seed)
    smaller = min(rows, columns)
    values = np.sort(rng.uniform(0.1, 2, smaller))[::-1]
    matrix = (orthogonal(rng, rows)[:, :smaller] * values) @ orthogonal(rng, columns)[:, :smaller].T
    np.testing.assert_allclose(measures.singular_values(matrix), values, atol=1e-13)
    share = values / values.sum()
    rank = measures.effective_rank(matrix)
    assert rank == pytest.approx(np.prod(share**-share), rel=1e-12)
    assert 1 - 1e-12 <= rank <= smaller + 1e-12
    assert measures.effective_rank(factor * matrix) == pytest.approx(rank, rel=1e-12)
    assert measures.effective_rank(matrix.T) == pytest.approx(rank, rel=1e-12)


def test_effective_rank_special_values():
    assert measures.effective_rank(np.zeros((3, 2))) == 0
    assert measures.effective_rank(np.outer([1.0, 2.0], [3.0, 4.0, 5.0])) == pytest.approx(1, abs=1e-13)
    assert measures.effective_rank(np.eye(5)) == pytest.approx(5, rel=1e-14)
    assert measures.effective_rank(np.diag([3.0, 1.0])) == pytest.approx(4 / 3**0.75, rel=1e-14)
    stack = np.stack([np.zeros((2, 2)), np.eye(2), np.diag([1.0, 0.0])])
    np.testing.assert_allclose(measures.effective_rank(stack), [0, 2, 1], rtol=1e-14)


@quick
@given(seed=seeds, size=width)
def test_measures_do_not_change_their_arguments(seed, size):
    lower, upper = drawn([seed, 0], size, size), drawn([seed, 1], size, size)
    assume(np.linalg.norm(lower) > 0)
    copies = lower.copy(), upper.copy()
    for measure in (
        measures.cosine,
        measures.weight_alignment,
        measures.update_alignment,
        measures.commutator_defect,
        measures.interlayer_alignment,
        measures.imbalance,
    ):
        measure(lower, upper)
    measures.effective_rank(lower)
    np.testing.assert_array_equal(lower, copies[0])
    np.testing.assert_array_equal(upper, copies[1])
