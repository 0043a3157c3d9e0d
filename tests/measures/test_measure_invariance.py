"""Three meanings of 'invariant', and the row-max measure where singular values meet."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.errors import InputError
from fa_dynamics.measures import commutator_defect
from fa_dynamics.measures.invariance import (
    interior_invariance_defect,
    network_alignment_defect,
    off_diagonal,
    row_max_alignment,
    row_max_chance,
    row_max_invariance,
    strong_invariance_defect,
    traceless_commutator_defect,
)

quick = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)


def orthogonal(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def aligned(rng, widths, values=None):
    """Bases U_0..U_L and W_l = U_l Theta_l U_{l-1}^T; repeated and zero values are drawn too."""
    bases = [orthogonal(rng, width) for width in widths]
    weights = []
    for above, below in zip(bases[1:], bases[:-1], strict=True):
        theta = np.zeros((len(above), len(below)))
        count = min(theta.shape)
        theta[range(count), range(count)] = rng.choice([0.0, 0.5, -0.5, 1.0, 2.0], count) if values is None else values
        weights.append(above @ theta @ below.T)
    return bases, weights


def test_off_diagonal():
    stack = np.array([[[1, -3, 0], [2, 9, 1]], [[1, 0, 0], [0, 1, 0]]], dtype=float)
    np.testing.assert_array_equal(off_diagonal(stack), [3, 0])
    assert off_diagonal(np.array([[5.0]])) == 0


@quick
@given(seed=seeds, widths=st.lists(st.integers(1, 5), min_size=3, max_size=5))
def test_aligned_networks_have_no_defect_of_any_kind(seed, widths):
    rng = np.random.default_rng(seed)
    bases, weights = aligned(rng, widths)
    assert network_alignment_defect(weights) < 1e-13
    assert strong_invariance_defect(weights, bases).max() < 1e-13
    assert interior_invariance_defect(weights, bases[1:-1]).max() < 1e-13
    for lower, upper in pairwise(weights):
        ranks = [np.linalg.matrix_rank(matrix, tol=1e-9) for matrix in (upper, upper @ lower)]
        if ranks[0] == ranks[1] > 0:  # every mode of the upper layer has a partner in the lower one
            assert row_max_alignment(lower, upper) == pytest.approx(1, abs=1e-10)


@quick
@given(seed=seeds, widths=st.lists(st.integers(2, 5), min_size=3, max_size=4))
def test_meanings_are_told_apart(seed, widths):
    """Rotated outer bases: I2 stays, I3 is lost. Rotated inner ones: I1 stays, I2 and I3 are lost."""
    rng = np.random.default_rng(seed)
    bases, weights = aligned(rng, widths, 1.0)
    for layer, (above, below) in enumerate(zip(bases[1:], bases[:-1], strict=True)):
        count = min(weights[layer].shape)
        weights[layer] = above[:, :count] * rng.uniform(0.5, 2, count) @ below[:, :count].T
    outer = [weights[0] @ orthogonal(rng, widths[0]), *weights[1:]]
    assert interior_invariance_defect(outer, bases[1:-1]).max() < 1e-12
    assert network_alignment_defect(outer) < 1e-12
    assert strong_invariance_defect(outer, bases).max() > 1e-6
    turn = orthogonal(rng, widths[1])
    inner = [turn @ weights[0], weights[1] @ turn.T, *weights[2:]]
    assert network_alignment_defect(inner) < 1e-12
    assert interior_invariance_defect(inner, bases[1:-1]).max() > 1e-6
    broken = [weights[0], weights[1] @ turn, *weights[2:]]
    assert network_alignment_defect(broken) > 1e-9


def test_an_identity_between_two_layers_that_do_not_fit():
    """No commutator of neighbours, and yet no common bases: radhakrishnan2020.definition, L >= 3."""
    rng = np.random.default_rng(0)
    first, last = rng.standard_normal((2, 4, 4))
    weights = [first, np.eye(4), last]
    assert commutator_defect(first, weights[1]) < 1e-15
    assert commutator_defect(weights[1], last) < 1e-15
    assert network_alignment_defect(weights) > 0.05
    scaled = [1e-160 * first, 1e160 * np.eye(4), last]
    assert network_alignment_defect(scaled) == pytest.approx(network_alignment_defect(weights))
    assert network_alignment_defect([first, last]) == pytest.approx(commutator_defect(first, last))


def test_stacks_give_what_single_matrices_give():
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 2, 4))]
    bases = [orthogonal(rng, size) for size in (5, 4, 2)]
    for index in range(3):
        single = [weight[index] for weight in weights]
        pairs = [
            (network_alignment_defect(weights)[index], network_alignment_defect(single)),
            (strong_invariance_defect(weights, bases)[index], strong_invariance_defect(single, bases)),
            (interior_invariance_defect(weights, bases[1:2])[index], interior_invariance_defect(single, bases[1:2])),
            (traceless_commutator_defect(*weights)[index], traceless_commutator_defect(*single)),
            (row_max_alignment(*weights)[index], row_max_alignment(*single)),
        ]
        for stacked, alone in pairs:
            np.testing.assert_allclose(stacked, alone, rtol=1e-12)


def test_traceless_parts_show_what_the_identity_hides():
    rng = np.random.default_rng(2)
    lower, upper = (np.eye(5) + 1e-4 * rng.standard_normal((5, 5)) for _ in range(2))
    assert commutator_defect(lower, upper) < 1e-6
    assert traceless_commutator_defect(lower, upper) > 0.1
    assert np.isnan(traceless_commutator_defect(3 * orthogonal(rng, 5), upper))
    assert commutator_defect(3 * orthogonal(rng, 5), upper) < 1e-15


@quick
@given(seed=seeds, above=st.integers(2, 6), size=st.integers(2, 6), below=st.integers(2, 6))
def test_row_max_is_the_plain_one_for_distinct_singular_values(seed, above, size, below):
    rng = np.random.default_rng(seed)
    lower, upper = rng.standard_normal((size, below)), rng.standard_normal((above, size))
    v = np.linalg.svd(upper, full_matrices=False)[2]
    u = np.linalg.svd(lower, full_matrices=False)[0]
    assert row_max_alignment(lower, upper) == pytest.approx(np.abs(v @ u).max(axis=1).mean(), abs=1e-9)


def test_row_max_does_not_depend_on_bases_of_equal_singular_values():
    rng = np.random.default_rng(3)
    bases, (lower, upper) = aligned(rng, (4, 4, 4), [1.0, 1.0, 2.0, 2.0])
    other = bases[1] @ np.diag([3.0, 5, 3, 5]) @ bases[2].T
    for pair in ((lower, upper), (lower, other.T), (other, upper)):
        assert row_max_alignment(*pair) == pytest.approx(1)
    turned = orthogonal(rng, 4) @ lower
    assert row_max_alignment(turned, upper) < 0.999
    assert row_max_alignment(orthogonal(rng, 4), upper) == pytest.approx(1)  # an isometry fits anything
    assert np.isnan(row_max_alignment(np.zeros((4, 4)), upper))
    assert np.isnan(row_max_alignment(np.full((4, 4), np.nan), upper))


def test_row_max_invariance():
    rng = np.random.default_rng(4)
    w, q = rng.standard_normal((5, 3)), orthogonal(rng, 5)
    assert row_max_invariance(w, 2 * w) == pytest.approx(1)
    assert row_max_invariance(w, q @ w) < 0.99
    assert row_max_invariance(w, q @ w, "right") == pytest.approx(1)
    assert row_max_invariance(w, np.stack([w, q @ w])).shape == (2,)
    with pytest.raises(InputError, match="side: "):
        row_max_invariance(w, w, "rigth")


@pytest.mark.parametrize(("size", "columns"), [(9, None), (30, 10), (1, 1), (200, None)])
def test_chance_level_by_drawing(size, columns):
    drawn = np.random.default_rng(0).standard_normal((20_000, size))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    largest = np.abs(drawn[:, :columns]).max(axis=1)
    # five standard errors
    assert row_max_chance(size, columns) == pytest.approx(largest.mean(), abs=5 * largest.std() / 20_000**0.5 + 1e-9)


def test_recorded_chance_level():
    assert round(row_max_chance(200), 2) == 0.21
    assert row_max_chance(200) < np.sqrt(2 * np.log(200) / 200) == pytest.approx(0.23, abs=0.005)


def test_bad_use():
    w = [np.ones((2, 3)), np.ones((1, 2))]
    with pytest.raises(InputError, match="bases: 2 given for 2 layers, expected 3"):
        strong_invariance_defect(w, [np.eye(3), np.eye(2)])
    with pytest.raises(InputError, match="bases: U_1 has shape"):
        strong_invariance_defect(w, [np.eye(3), np.eye(3), np.eye(1)])
    with pytest.raises(InputError, match="bases: 0 given"):
        interior_invariance_defect(w, [])
    with pytest.raises(InputError, match="columns: "):
        row_max_chance(3, 4)
