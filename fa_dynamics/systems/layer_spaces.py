"""Linear spaces of layers: W = sum_j theta_j A_j with pairwise orthogonal A_j, kept sparsely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError, nearest

Array = NDArray[np.float64]
Padding = Literal["zero", "circular"]

OVERLAP = 1e-12
"""Cosine of two basis matrices up to which they count as orthogonal."""


@dataclass(frozen=True, eq=False, repr=False)
class LayerSpace:
    r"""The layers :math:`W = \sum_j \theta_j A_j`, with :math:`\langle A_i, A_j\rangle = n_j \delta_{ij}`.

    Attributes
    ----------
    name
        What it is, for people.
    shape
        (rows, columns) of W.
    basis : scipy.sparse.csr_array, shape (coefficients, rows * columns)
        A_j, flattened row by row, dimensionless.

    Raises
    ------
    InputError
        No basis matrix, one of the wrong size, one that is zero or not finite, or two that are not orthogonal.
    """

    name: str
    shape: tuple[int, int]
    basis: Any

    def __post_init__(self) -> None:
        count, entries = self.basis.shape
        if count < 1 or entries != self.shape[0] * self.shape[1]:
            raise InputError(
                f"basis: {count} matrices of {entries} entries given, expected at least one of "
                f"{self.shape[0]} x {self.shape[1]}"
            )
        if not np.isfinite(self.basis.data).all():
            raise InputError("basis: expected finite entries")
        if not (self.norms > 0).all():
            raise InputError(f"basis: matrix {int(np.argmin(self.norms)) + 1} is zero, expected nonzero matrices")
        gram = (self.basis @ self.basis.T).tocoo()
        apart = gram.row != gram.col
        size = np.sqrt(self.norms)
        if (np.abs(gram.data) > OVERLAP * size[gram.row] * size[gram.col])[apart].any():
            raise InputError("basis: two of its matrices are not orthogonal, expected <A_i, A_j> = 0 for i != j")

    @property
    def n_coefficients(self) -> int:
        """Dimension d of the space."""
        return int(self.basis.shape[0])

    @cached_property
    def norms(self) -> Array:
        """Squared Frobenius norms n_j = |A_j|^2, (d,), dimensionless."""
        return np.asarray(self.basis.multiply(self.basis).sum(axis=1), dtype=float).ravel()

    def matrix(self, coefficients: ArrayLike) -> Array:
        """W = sum_j theta_j A_j, (..., rows, columns), of coefficients (..., d).

        Raises
        ------
        InputError
            Not d coefficients.
        """
        theta = np.asarray(coefficients, dtype=float)
        if theta.ndim == 0 or theta.shape[-1] != self.n_coefficients:
            raise InputError(
                f"coefficients: shape {theta.shape} given, expected (..., {self.n_coefficients}) for {self.name}"
            )
        flat = theta.reshape(-1, self.n_coefficients) @ self.basis
        return np.asarray(flat).reshape(*theta.shape[:-1], *self.shape)

    def inner(self, matrices: ArrayLike) -> Array:
        """<A_j, G>, (..., d): the derivative with respect to theta_j if G is the derivative with respect to W.

        Raises
        ------
        InputError
            G is not of the shape of W.
        """
        given = np.asarray(matrices, dtype=float)
        if given.shape[-2:] != self.shape:
            raise InputError(f"matrices: shape {given.shape} given, expected (..., {self.shape[0]}, {self.shape[1]})")
        flat = self.basis @ given.reshape(-1, self.basis.shape[1]).T
        return np.asarray(flat).T.reshape(*given.shape[:-2], self.n_coefficients)

    def coefficients(self, matrices: ArrayLike) -> Array:
        """theta_j = <A_j, W> / n_j, those of the nearest layer in the space, (..., d)."""
        return self.inner(matrices) / self.norms

    def project(self, matrices: ArrayLike) -> Array:
        """The nearest layer in the space, in the Frobenius norm, (..., rows, columns)."""
        return self.matrix(self.coefficients(matrices))

    def distance(self, matrices: ArrayLike) -> Array:
        """|W - Proj W| / |W|, (...), dimensionless; 0 for W = 0."""
        given = np.asarray(matrices, dtype=float)
        outside, size = (np.linalg.norm(each, axis=(-2, -1)) for each in (given - self.project(given), given))
        return np.asarray(np.divide(outside, size, out=np.zeros_like(size), where=size > 0))

    def __repr__(self) -> str:
        return f"<LayerSpace {self.name}: {self.shape[0]} x {self.shape[1]}, {self.n_coefficients} coefficients>"


def from_basis(matrices: ArrayLike, name: str = "general space") -> LayerSpace:
    """The span of given matrices (d, rows, columns), which must be pairwise orthogonal.

    Raises
    ------
    InputError
        Not a stack of matrices, or not orthogonal.
    """
    from scipy import sparse

    try:
        stack = np.asarray(matrices, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError("matrices: expected a stack of matrices of numbers of one shape") from problem
    if stack.ndim != 3 or stack.size == 0:
        raise InputError(f"matrices: shape {stack.shape} given, expected (matrices, rows, columns)")
    return LayerSpace(name, stack.shape[1:], sparse.csr_array(stack.reshape(len(stack), -1)))


def full(rows: int, columns: int) -> LayerSpace:
    """All matrices: a fully connected layer."""
    shape = (_size(rows, "rows"), _size(columns, "columns"))
    return _labelled("full", np.arange(shape[0] * shape[1]).reshape(shape))


def toeplitz(size: int) -> LayerSpace:
    """Square Toeplitz matrices; theta_j stands on diagonal i - k = j - size, j = 1..2 size - 1, from above."""
    index = np.arange(_size(size, "size"))
    return _labelled("toeplitz", index[:, None] - index[None, :] + size - 1)


def circulant(size: int) -> LayerSpace:
    """Circulant matrices, W_ik = theta_{(i - k) mod size}: circular convolutions with every kernel."""
    index = np.arange(_size(size, "size"))
    return _labelled("circulant", (index[:, None] - index[None, :]) % size)


def convolution(image_shape: Sequence[int], kernel_shape: Sequence[int], padding: Padding = "zero") -> LayerSpace:
    r"""Convolutions of images, outputs of the size of the inputs, one channel.

    .. math:: (W x)_i = \sum_a \theta_a\, x_{i + a - c},

    with :math:`c` the middle of the kernel (what neural networks call convolution; a cross-correlation). With
    ``'zero'`` padding the n_j differ from entry to entry of the kernel; with ``'circular'`` padding all equal the
    number of pixels. Source: radhakrishnan2020.projected-gd.

    Parameters
    ----------
    image_shape
        Pixels along each axis, any number of axes; images are flattened row by row.
    kernel_shape
        Odd, and such that every kernel entry meets the image somewhere: at most 2 image - 1 for zero padding, at most
        image for circular padding, along each axis.
    padding
        What stands outside the image.

    Raises
    ------
    InputError
        Shapes that do not fit, or an unknown padding.
    """
    labels = _convolution_labels(image_shape, kernel_shape, padding)
    words = "x".join(map(str, kernel_shape)), "x".join(map(str, image_shape))
    return _labelled(f"{padding}-padded {words[0]} convolution of {words[1]} images", labels)


def locally_connected(image_shape: Sequence[int], kernel_shape: Sequence[int], padding: Padding = "zero") -> LayerSpace:
    """As `convolution`, with a kernel of its own for every output pixel: nothing is shared.

    Raises
    ------
    InputError
        As for `convolution`.
    """
    allowed = _convolution_labels(image_shape, kernel_shape, padding) >= 0
    return _masked(f"{padding}-padded locally connected layer", allowed)


def mask(allowed: ArrayLike) -> LayerSpace:
    """Matrices that are zero wherever `allowed` is false: a sparse layer, one coefficient per allowed entry.

    Raises
    ------
    InputError
        Not a matrix, or nothing is allowed.
    """
    pattern = np.asarray(allowed)
    if pattern.ndim != 2 or pattern.dtype.kind not in "biuf":
        raise InputError(f"allowed: shape {pattern.shape} given, expected a matrix of truth values")
    return _masked("masked", pattern != 0)


def _masked(name: str, allowed: NDArray[np.bool_]) -> LayerSpace:
    if not allowed.any():
        raise InputError("allowed: no entry may differ from zero, expected at least one")
    labels = np.full(allowed.shape, -1)
    labels[allowed] = np.arange(np.count_nonzero(allowed))
    return _labelled(name, labels)


def _labelled(name: str, labels: NDArray[np.int_]) -> LayerSpace:
    """The space in which all entries with the same label >= 0 are one coefficient, and the others zero."""
    from scipy import sparse

    places = np.flatnonzero(labels.ravel() >= 0)
    which = labels.ravel()[places]
    shape = (int(labels.max()) + 1, labels.size)
    rows, columns = labels.shape
    return LayerSpace(name, (rows, columns), sparse.csr_array((np.ones(len(places)), (which, places)), shape=shape))


def _convolution_labels(image_shape: Sequence[int], kernel_shape: Sequence[int], padding: str) -> NDArray[np.int_]:
    """Kernel entry that joins output pixel i to input pixel k, -1 where none does, (pixels, pixels)."""
    if padding not in ("zero", "circular"):
        raise InputError(f"padding: no padding is called {padding!r}; {nearest(str(padding), ('zero', 'circular'))}")
    image, kernel = _shape(image_shape, "image_shape"), _shape(kernel_shape, "kernel_shape")
    if len(image) != len(kernel):
        raise InputError(f"kernel_shape: {kernel} given, expected {len(image)} axes, as the images have")
    for pixels, entries in zip(image, kernel, strict=True):
        most = pixels if padding == "circular" else 2 * pixels - 1
        if entries % 2 == 0 or entries > most:
            raise InputError(
                f"kernel_shape: {kernel} given, expected odd sizes, at most "
                f"{'image' if padding == 'circular' else '2 image - 1'} = {most} where the image has {pixels}"
            )
    labels = np.zeros((int(np.prod(image)),) * 2, dtype=int)
    inside = np.ones(labels.shape, dtype=bool)
    positions = np.indices(image).reshape(len(image), -1)
    for axis, (pixels, entries) in enumerate(zip(image, kernel, strict=True)):
        entry = positions[axis][None, :] - positions[axis][:, None] + entries // 2
        if padding == "circular":
            entry %= pixels
        inside &= (entry >= 0) & (entry < entries)
        labels = labels * entries + entry
    return np.where(inside, labels, -1)


def _shape(given: Any, argument: str) -> tuple[int, ...]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) == 0:
        raise InputError(f"{argument}: {given!r} given, expected whole numbers >= 1, one per axis")
    return tuple(_size(size, argument) for size in given)


def _size(given: Any, argument: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1:
        raise InputError(f"{argument}: {given!r} given, expected a whole number >= 1")
    return int(given)
