"""Layer spaces: projections, norms, convolutions, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import circulant as scipy_circulant
from scipy.linalg import toeplitz as scipy_toeplitz
from scipy.ndimage import correlate
from scipy.signal import correlate2d

from fa_dynamics.errors import InputError
from fa_dynamics.systems.layer_spaces import (
    circulant,
    convolution,
    from_basis,
    full,
    locally_connected,
    mask,
    toeplitz,
)

SPACES = {
    "full": full(3, 5),
    "toeplitz": toeplitz(5),
    "circulant": circulant(6),
    "zero": convolution((4, 3), (3, 3)),
    "wide": convolution((3, 3), (5, 3)),
    "circular": convolution((4, 5), (3, 5), "circular"),
    "line": convolution((5,), (3,)),
    "local": locally_connected((3, 4), (3, 3)),
    "mask": mask(np.tri(4, 6)),
    "general": from_basis([[[1, 1], [0, 0]], [[1, -1], [0, 2.5]], [[0, 0], [3, 0]]]),
}
names = pytest.mark.parametrize("name", SPACES)


def dense(space):
    return space.basis.toarray()


@names
def test_basis_is_orthogonal_and_the_norms_are_its_norms(name):
    space = SPACES[name]
    gram = dense(space) @ dense(space).T
    np.testing.assert_allclose(gram, np.diag(space.norms), atol=1e-14)
    assert space.matrix(np.zeros(space.n_coefficients)).shape == space.shape
    assert str(space.n_coefficients) in repr(space)


@names
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_projection(name, seed):
    """Least squares, idempotent, self-adjoint, and the residual is orthogonal to the space."""
    space, rng = SPACES[name], np.random.default_rng(seed)
    w, other = rng.standard_normal((2, *space.shape))
    fitted = np.linalg.lstsq(dense(space).T, w.ravel(), rcond=None)[0]
    np.testing.assert_allclose(space.coefficients(w), fitted, atol=1e-12)
    projected = space.project(w)
    np.testing.assert_allclose(space.project(projected), projected, atol=1e-13)
    np.testing.assert_allclose(space.inner(w - projected), 0, atol=1e-12)
    assert np.isclose((projected * other).sum(), (w * space.project(other)).sum(), atol=1e-12)
    assert space.distance(projected) < 1e-14
    assert np.isclose(space.distance(w), np.linalg.norm(w - projected) / np.linalg.norm(w))


@names
def test_adjoint_and_stacks(name):
    space, rng = SPACES[name], np.random.default_rng(1)
    theta, g = rng.standard_normal((2, 3, space.n_coefficients)), rng.standard_normal((2, 3, *space.shape))
    np.testing.assert_allclose((space.matrix(theta) * g).sum(), (theta * space.inner(g)).sum())
    np.testing.assert_array_equal(space.matrix(theta)[1, 2], space.matrix(theta[1, 2]))
    np.testing.assert_allclose(space.inner(g)[1, 2], space.inner(g[1, 2]), atol=1e-14)


def test_toeplitz_and_circulant_are_those_of_scipy():
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(9)
    np.testing.assert_array_equal(toeplitz(5).matrix(theta), scipy_toeplitz(theta[4:], theta[4::-1]))
    np.testing.assert_array_equal(circulant(9).matrix(theta), scipy_circulant(theta))
    np.testing.assert_array_equal(toeplitz(4).norms, [1, 2, 3, 4, 3, 2, 1])
    np.testing.assert_array_equal(circulant(6).norms, [6] * 6)


@pytest.mark.parametrize(("image", "kernel"), [((3, 3), (3, 3)), ((5, 4), (3, 5)), ((4, 6), (1, 3)), ((2, 3), (3, 5))])
def test_zero_padding_is_scipys_correlation(image, kernel):
    rng = np.random.default_rng(0)
    k, x = rng.standard_normal(kernel), rng.standard_normal(image)
    # scipy swaps its operands in mode 'same' if the kernel is larger, so cut the middle out of the full result
    whole = correlate2d(x, k, mode="full")
    middle = tuple(slice(size // 2, size // 2 + pixels) for size, pixels in zip(kernel, image, strict=True))
    image_out = convolution(image, kernel).matrix(k.ravel()) @ x.ravel()
    np.testing.assert_allclose(image_out.reshape(image), whole[middle], atol=1e-13)


@pytest.mark.parametrize(
    ("image", "kernel"), [((3, 3), (3, 3)), ((5, 4), (3, 3)), ((7,), (5,)), ((3, 4, 5), (3, 1, 3))]
)
@pytest.mark.parametrize("padding", ["zero", "circular"])
def test_convolution_is_ndimages_correlation(image, kernel, padding):
    rng = np.random.default_rng(0)
    k, x = rng.standard_normal(kernel), rng.standard_normal(image)
    mode = {"zero": "constant", "circular": "wrap"}[padding]
    out = convolution(image, kernel, padding).matrix(k.ravel()) @ x.ravel()
    np.testing.assert_allclose(out.reshape(image), correlate(x, k, mode=mode), atol=1e-13)


def test_recorded_norms():
    """radhakrishnan2020.projected-gd."""
    np.testing.assert_array_equal(convolution((3, 3), (3, 3)).norms, [4, 6, 4, 6, 9, 6, 4, 6, 4])
    np.testing.assert_array_equal(convolution((3, 3), (3, 3), "circular").norms, [9] * 9)
    np.testing.assert_array_equal(convolution((5, 5), (3, 3), "circular").norms, [25] * 9)


def test_mask_and_locally_connected_layers_have_one_coefficient_per_entry():
    pattern = np.tri(3, 4)
    np.testing.assert_array_equal(mask(pattern).matrix(np.arange(1, 7)), [[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0]])
    shared = convolution((3, 3), (3, 3))
    local = locally_connected((3, 3), (3, 3))
    assert local.n_coefficients == shared.norms.sum() == 49
    w = shared.matrix(np.arange(1.0, 10))
    np.testing.assert_allclose(local.project(w), w)


def test_large_images_are_feasible():
    space = convolution((28, 28), (3, 3))
    assert space.basis.nnz == space.norms.sum() == (3 * 28 - 2) ** 2
    x = np.random.default_rng(0).standard_normal((28, 28))
    k = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(
        space.matrix(k.ravel()) @ x.ravel(), correlate(x, k, mode="constant").ravel(), atol=1e-12
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: full(0, 3), "rows: 0 given"),
        (lambda: toeplitz(2.5), "size: 2.5 given"),
        (lambda: circulant(True), "size: True given"),
        (lambda: convolution((3, 3), (2, 3)), "kernel_shape: .* odd"),
        (lambda: convolution((3, 3), (7, 3)), "kernel_shape: .* 2 image - 1 = 5"),
        (lambda: convolution((3, 3), (5, 3), "circular"), "kernel_shape: .* image = 3"),
        (lambda: convolution((3, 3), (3,)), "kernel_shape: .* 2 axes"),
        (lambda: convolution(9, (3,)), "image_shape: 9 given"),
        (lambda: convolution((3, 3), (3, 3), "zeros"), "padding: .* did you mean 'zero'"),
        (lambda: mask(np.zeros((2, 2))), "allowed: no entry"),
        (lambda: mask([1, 0]), "allowed: shape"),
        (lambda: from_basis(np.eye(2)), "matrices: shape"),
        (lambda: from_basis([[[1, 1]], [[1, 0]]]), "not orthogonal"),
        (lambda: from_basis([[[1, 1]], [[0, 0]]]), "matrix 2 is zero"),
        (lambda: from_basis([[[np.nan, 1]]]), "finite"),
        (lambda: toeplitz(3).matrix(np.ones(4)), r"coefficients: shape \(4,\) given"),
        (lambda: toeplitz(3).inner(np.ones((3, 4))), "matrices: shape"),
    ],
)
def test_bad_use_is_one_sentence(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
