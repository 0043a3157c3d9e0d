"""What stays constant when neighbouring layers are aligned: three meanings of 'invariant', never mixed.

- I1, pointwise: aligned at every time, all bases may rotate. `commutator_defect`, `traceless_commutator_defect`,
  `network_alignment_defect`.
- I2, interior (weak): the inner bases U_1..U_{L-1} are constant. `interior_invariance_defect`.
- I3, strong: all bases U_0..U_L are constant. `strong_invariance_defect`.

None of these takes singular vectors of a trained layer, which are not unique where singular values meet. The row-max
measures do; they treat equal singular values as one space. Source: `radhakrishnan2020.md` sections 1, 6, 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, nearest

Array = NDArray[np.float64]

EQUAL = 1e-8
"""Singular values closer than this fraction of the largest count as equal: at that gap the round-off of a layer turns
its singular vectors by 1e-8 already."""

ZERO = 1e-12
"""Singular values below this fraction of the largest are no modes."""

VANISHING = 1e-12
"""A product of layers smaller than this fraction of the product of their norms is the rounding of zero."""

ISOTROPIC = 1e-12
"""A Gram matrix whose traceless part is smaller than this fraction of it is a multiple of the identity."""


def off_diagonal(matrices: Array) -> Array:
    """Largest absolute off-diagonal entry of rectangular matrices (..., rows, columns); 0 if there is none."""
    return np.asarray(np.abs(matrices[..., np.eye(*matrices.shape[-2:]) == 0]).max(axis=-1, initial=0.0))


def strong_invariance_defect(weights: Sequence[Array], bases: Sequence[Array]) -> Array:
    """I3: largest off-diagonal entry of U_l^T W_l U_{l-1}, per layer.

    Parameters
    ----------
    weights
        W_1..W_L, each (..., n_l, n_{l-1}).
    bases
        The bases at the start, U_0..U_L, each orthogonal, (n_l, n_l).

    Returns
    -------
    ndarray
        (..., L), in units of a weight. Zero exactly where the bases still diagonalise the layer.

    Raises
    ------
    InputError
        Not L + 1 bases, or one of another shape.

    With idle data modes stronger than the active ones round-off grows exponentially, whatever the tolerance: keep the
    horizon short. Source: radhakrishnan2020.strong-invariance.
    """
    _check_bases(weights, bases, len(weights) + 1, 0)
    pairs = zip(weights, bases[:-1], bases[1:], strict=True)
    return np.stack([off_diagonal(above.T @ weight @ below) for weight, below, above in pairs], axis=-1)


def interior_invariance_defect(weights: Sequence[Array], inner_bases: Sequence[Array]) -> Array:
    """I2: how far the layers are from W_l = U_l Theta_l U_{l-1}^T with given inner bases and free outer ones.

    Inner layers: largest off-diagonal entry of U_l^T W_l U_{l-1} over |W_l|. First layer: that of
    U_1^T W_1 W_1^T U_1 over |W_1 W_1^T|, since a free input basis exists iff U_1^T W_1 has orthogonal rows; last
    layer: that of U_{L-1}^T W_L^T W_L U_{L-1}, likewise.

    Parameters
    ----------
    weights
        W_1..W_L, each (..., n_l, n_{l-1}), L >= 2.
    inner_bases
        The bases at the start, U_1..U_{L-1}, each orthogonal, (n_l, n_l).

    Returns
    -------
    ndarray
        (..., L), dimensionless; 0 for a zero layer.

    Raises
    ------
    InputError
        Not L - 1 bases, or one of another shape.

    Source: radhakrishnan2020.weak-invariance.
    """
    _check_bases(weights, inner_bases, len(weights) - 1, 1)
    triples = zip(weights[1:-1], inner_bases[:-1], inner_bases[1:], strict=True)
    inner = [above.T @ weight @ below for weight, below, above in triples]
    turned = [_inner_gram(_transposed(weights[0]) @ inner_bases[0]), *inner, _inner_gram(weights[-1] @ inner_bases[-1])]
    return np.stack([_ratio(off_diagonal(each), _norm(each)) for each in turned], axis=-1)


def traceless_commutator_defect(lower: Array, upper: Array) -> Array:
    """I1: the commutator defect of the traceless parts of F = W_{l+1}^T W_{l+1} and G = W_l W_l^T, dimensionless.

    |[F, G]| / (|F'| |G'|), F' = F - (tr F / n) I: layers near a multiple of an isometry do not hide a misalignment.

    Parameters
    ----------
    lower, upper
        W_l (..., n_l, n_{l-1}) and W_{l+1} (..., n_{l+1}, n_l).

    Returns
    -------
    ndarray
        (...,); nan where F or G is a multiple of the identity to round-off: such a layer is aligned with anything.
    """
    f, g = _inner_gram(upper), _inner_gram(_transposed(lower))
    f_part, g_part = _traceless(f), _traceless(g)
    f_size, g_size = _norm(f_part), _norm(g_part)
    known = (f_size > ISOTROPIC * _norm(f)) & (g_size > ISOTROPIC * _norm(g))
    commutator = _norm(f_part @ g_part - g_part @ f_part)
    defect = np.full_like(commutator, np.nan)
    np.divide(commutator, f_size * g_size, out=defect, where=known)
    return defect


def network_alignment_defect(weights: Sequence[Array]) -> Array:
    """I1 for the whole network: zero iff it is aligned, at any depth, repeated singular values included.

    Commutators of neighbours do not suffice for L >= 3: W_2 = I between two layers that do not fit has none. Here,
    at every node l, W_l W_l^T and all (W_i..W_{l+1})^T (W_i..W_{l+1}), i > l, must commute with each other.

    Parameters
    ----------
    weights
        W_1..W_L, each (..., n_l, n_{l-1}).

    Returns
    -------
    ndarray
        (...,), dimensionless: the largest |[A, B]| / (|A| |B|). Pairs with a zero matrix are left out, also with a
        product of layers that is zero up to rounding.

    Notes
    -----
    Our own criterion. If these commute, W_1 carries a joint eigenbasis of node 0 to orthogonal eigenvectors at node 1,
    since there every F commutes with W_1 W_1^T and so keeps its range; completed by a joint eigenbasis of the rest it
    is carried on to node 2, and so on. Strong modes dominate products: a weak one shows in `commutator_defect` sooner.
    """
    units = [_unit(weight) for weight in weights]
    worst = np.zeros(np.broadcast_shapes(*(weight.shape[:-2] for weight in weights)))
    for node in range(len(units)):
        family = [] if node == 0 else [_inner_gram(_transposed(units[node - 1]))]
        product = np.eye(units[node].shape[-1])
        for weight in units[node:]:
            product = weight @ product
            product = np.where((_norm(product) > VANISHING)[..., None, None], product, 0.0)
            family.append(_inner_gram(product))
        for index, a in enumerate(family):
            for b in family[index + 1 :]:
                worst = np.maximum(worst, _ratio(_norm(a @ b - b @ a), _norm(a) * _norm(b)))
    return worst


def row_max_alignment(lower: Array, upper: Array) -> Array:
    """Mean over right vectors v_j of W_{l+1} of the largest |v_j^T u_k| over left vectors u_k of W_l, dimensionless.

    1 is perfect; chance gives `row_max_chance`, never 0. Where singular values of W_l meet, |v_j^T u_k| is the length
    of v_j in their space; where those of W_{l+1} meet, the v_j are chosen to diagonalise W_l W_l^T. So the value does
    not depend on what a decomposition happens to return. Zero singular values are no modes.

    Parameters
    ----------
    lower, upper
        W_l (..., n_l, n_{l-1}) and W_{l+1} (..., n_{l+1}, n_l).

    Returns
    -------
    ndarray
        (...,); nan if a layer is zero. Several rows may match one column, so that 1 does not prove alignment.
        Source: the public code of Radhakrishnan et al. 2020, made unique by us.
    """
    return _over_stack(_transposed(upper), lower)


def row_max_invariance(initial: Array, current: Array, side: Literal["left", "right"] = "left") -> Array:
    """As `row_max_alignment`, of the left (or right) singular vectors of a layer at the start and now.

    Parameters
    ----------
    initial, current
        W_l(0) (n_l, n_{l-1}) and W_l(t) (..., n_l, n_{l-1}).
    side
        'left' for U_l(0)^T U_l(t), which makes sense for l < L; 'right' for V_l(0)^T V_l(t), l > 1. Anything else
        raises an `InputError`.

    """
    if side not in ("left", "right"):
        raise InputError(f"side: no side is called {side!r}; {nearest(str(side), ('left', 'right'))}")
    if side == "right":
        initial, current = _transposed(initial), _transposed(current)
    return _over_stack(initial, current)


def row_max_chance(size: int, columns: int | None = None) -> float:
    """Expected row-max measure of bases that have nothing to do with each other, dimensionless.

    E max_k |v_k| of a random unit vector, k = 1..columns: that of independent normals over the mean length of all
    `size` of them. About sqrt(2 ln n / n): .21 at n = 200.

    Parameters
    ----------
    size, columns
        Number n_l of units, and of vectors u_k (all by default).

    Raises
    ------
    InputError
        Not 1 <= columns <= size.
    """
    from scipy.integrate import quad
    from scipy.special import erf, gammaln

    count = size if columns is None else columns
    if not 1 <= count <= size:
        raise InputError(f"columns: {columns!r} of {size!r} given, expected 1 <= columns <= size")
    largest = quad(lambda x: 1 - erf(x / np.sqrt(2)) ** count, 0, 12, epsabs=1e-12, limit=200)[0]
    length = np.sqrt(2) * np.exp(gammaln((size + 1) / 2) - gammaln(size / 2))
    return float(largest / length)


def _over_stack(rows: Array, columns: Array) -> Array:
    """The measure of the left vectors of two stacks of matrices with as many rows."""
    return np.asarray(np.vectorize(_row_max, signature="(n,a),(n,b)->()", otypes=[float])(rows, columns))


def _row_max(row_layer: Array, column_layer: Array) -> float:
    if not (np.isfinite(row_layer).all() and np.isfinite(column_layer).all()):
        return np.nan
    rows, columns = _eigenspaces(row_layer), _eigenspaces(column_layer)
    if not rows or not columns:
        return np.nan
    chosen = [_diagonalising(space, column_layer) for space in rows]
    lengths = [np.linalg.norm(space.T @ np.concatenate(chosen, axis=1), axis=0) for space in columns]
    return float(np.max(lengths, axis=0).mean())


def _diagonalising(space: Array, layer: Array) -> Array:
    """The basis of a space in which W W^T, restricted to it, is diagonal."""
    part = space.T @ layer
    return np.asarray(space @ np.linalg.eigh(part @ part.T)[1])


def _eigenspaces(matrix: Array) -> list[Array]:
    """Orthonormal bases of the left singular spaces, one per distinct nonzero singular value."""
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    if values[0] == 0:
        return []
    rank = int(np.count_nonzero(values > ZERO * values[0]))
    breaks = np.flatnonzero(-np.diff(values[:rank]) > EQUAL * values[0]) + 1
    return [np.asarray(space) for space in np.split(left[:, :rank], breaks, axis=1)]


def _transposed(matrix: Array) -> Array:
    return np.swapaxes(matrix, -1, -2)


def _inner_gram(matrix: Array) -> Array:
    return np.asarray(_transposed(matrix) @ matrix)


def _traceless(gram: Array) -> Array:
    mean = np.asarray(np.trace(gram, axis1=-2, axis2=-1) / gram.shape[-1])
    return np.asarray(gram - mean[..., None, None] * np.eye(gram.shape[-1]))


def _norm(matrix: Array) -> Array:
    return np.asarray(np.linalg.norm(matrix, axis=(-2, -1)))


def _unit(matrix: Array) -> Array:
    """The matrix over its norm, by way of its largest entry, whose square could overflow or vanish."""
    scaled = _ratio(matrix, np.abs(matrix).max(axis=(-2, -1), keepdims=True))
    return _ratio(scaled, _norm(scaled)[..., None, None])


def _ratio(part: Array, whole: Array) -> Array:
    return np.asarray(np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole != 0))


def _check_bases(weights: Sequence[Array], bases: Sequence[Array], count: int, first: int) -> None:
    if len(weights) < 1 + first or len(bases) != count:
        raise InputError(f"bases: {len(bases)} given for {len(weights)} layers, expected {count}")
    widths = [weights[0].shape[-1], *(weight.shape[-2] for weight in weights)]
    for node, basis in enumerate(bases, start=first):
        expected = (widths[node],) * 2
        if np.shape(basis) != expected:
            raise InputError(f"bases: U_{node} has shape {np.shape(basis)}, expected orthogonal {expected}")
