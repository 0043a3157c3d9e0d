"""The four different things that are called alignment, under four names. Source: `notation.md` section 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures.linear import end_to_end

Array = NDArray[np.float64]


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def cosine(left: Array, right: Array) -> Array:
    """<A, B> / (|A| |B|) over the last two axes; nan where one of the two is exactly zero."""
    a, b = _unit_scale(left), _unit_scale(right)
    inner = (a * b).sum(axis=(-2, -1))
    size = np.sqrt((a**2).sum(axis=(-2, -1)) * (b**2).sum(axis=(-2, -1)))
    result: Array = np.divide(inner, size, out=np.full_like(inner, np.nan), where=size > 0)
    return result


def _unit_scale(matrix: Array) -> Array:
    """The matrix over its largest entry, whose square can neither overflow nor vanish; zero stays zero."""
    largest = np.abs(matrix).max(axis=(-2, -1), keepdims=True)
    return np.asarray(matrix / np.where(largest > 0, largest, 1.0))


def weight_alignment(weight: Array, feedback: Array) -> Array:
    """cos(W_l^T, B_l) = tr(B_l W_l) / (|B_l| |W_l|), dimensionless.

    Parameters
    ----------
    weight
        W_l, (..., n_l, n_{l-1}).
    feedback
        What stands in the place of W_l^T, (..., n_{l-1}, n_l).

    Notes
    -----
    nan where W_l or B_l is zero. The quantity of Song et al. 2021 and Robertson, Koyejo 2024.
    """
    return cosine(np.swapaxes(weight, -1, -2), feedback)


def update_alignment(update: Array, gradient_update: Array) -> Array:
    """cos between the update of a layer and the update of backpropagation at the same weights, dimensionless.

    nan where one of the two updates is exactly zero.
    """
    return cosine(update, gradient_update)


def alignment_matrix(above: Sequence[Array], backward: Array) -> Array:
    """A_l = W_L ... W_{l+1} C_l, the output form (n_L x n_L); the identity for the last layer.

    The loss falls fastest where sym(A_l) is positive: dl/dt = - sum_l <E_l, sym(A_l) E_l>.
    Source: robertson2024.dissipation.

    Parameters
    ----------
    above
        W_{l+1}..W_L, each (..., rows, columns).
    backward
        C_l, what comes back to layer l, (..., n_l, n_L).
    """
    return end_to_end(above) @ backward if above else backward


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def commutator_defect(lower: Array, upper: Array) -> Array:
    """|[F, G]| / (|F| |G|) with F = W_{l+1}^T W_{l+1}, G = W_l W_l^T, dimensionless; nan where one is zero.

    Zero if the left singular basis of W_l is the right singular basis of W_{l+1}. Source:
    radhakrishnan2020.definition.
    """
    f = np.swapaxes(upper, -1, -2) @ upper
    g = lower @ np.swapaxes(lower, -1, -2)
    commutator = f @ g - g @ f
    size = np.linalg.norm(f, axis=(-2, -1)) * np.linalg.norm(g, axis=(-2, -1))
    norm = np.linalg.norm(commutator, axis=(-2, -1))
    defect: Array = np.divide(norm, size, out=np.full_like(norm, np.nan), where=size > 0)
    return defect


def interlayer_alignment(lower: Array, upper: Array) -> Array:
    """1 - commutator defect of neighbouring layers: 1 where they share their inner singular basis, dimensionless."""
    return 1 - commutator_defect(lower, upper)
