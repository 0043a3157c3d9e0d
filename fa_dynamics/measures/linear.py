"""The end-to-end map, its modes and its loss."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def end_to_end(weights: Sequence[Array]) -> Array:
    """P = W_L ... W_1.

    Parameters
    ----------
    weights
        W_1..W_L, each (..., n_l, n_{l-1}); leading axes (time) are kept.

    Returns
    -------
    ndarray
        (..., n_L, n_0).
    """
    if weights[-1].shape[-2] <= weights[0].shape[-1]:  # carry the narrower end: fewer flops
        return reduce(lambda above, weight: above @ weight, reversed(weights))
    return reduce(lambda below, weight: weight @ below, weights)


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def mode_strength_of_weights(weights: Sequence[Array], output_basis: Array, input_basis: Array) -> Array:
    """p_k = u_k^T W_L ... W_1 v_k, without forming the end-to-end map.

    Parameters
    ----------
    weights
        W_1..W_L, each (n_l, n_{l-1}).
    output_basis, input_basis
        U (n_L, modes) and V (n_0, modes).

    Returns
    -------
    ndarray
        (modes,), in units of output per input.
    """
    rows = reduce(lambda above, weight: above @ weight, reversed(weights), output_basis.T)
    strength: Array = np.einsum("ki,ik->k", rows, input_basis)
    return strength


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def mode_strength(end_to_end: Array, output_basis: Array, input_basis: Array) -> Array:
    """p_k = u_k^T P v_k.

    Parameters
    ----------
    end_to_end
        P, (..., n_L, n_0).
    output_basis, input_basis
        U (n_L, modes) and V (n_0, modes).

    Returns
    -------
    ndarray
        (..., modes), in units of output per input.
    """
    strength: Array = np.einsum("...ok,ok->...k", times(end_to_end, input_basis), output_basis)
    return strength


def times(stack: Array, matrix: Array) -> Array:
    """Every matrix of a stack (..., rows, n) times one matrix (n, columns), as one product of BLAS."""
    return np.asarray((stack.reshape(-1, stack.shape[-1]) @ matrix).reshape(*stack.shape[:-1], matrix.shape[-1]))


def singular_values(matrices: Array) -> Array:
    """Singular values in descending order, (..., min(rows, columns)); nan for a matrix that is not finite."""
    stack = np.asarray(matrices, dtype=float)
    values = np.full((*stack.shape[:-2], min(stack.shape[-2:])), np.nan)
    finite = np.isfinite(stack).all(axis=(-2, -1))
    values[finite] = np.linalg.svd(stack[finite], compute_uv=False)
    return values


def effective_rank(matrices: Array) -> Array:
    """exp(- sum q ln q) of the normalised singular values q_i = s_i / sum s, dimensionless, in [1, min(shape)].

    0 for a zero matrix. Source: Roy, Vetterli 2007.
    """
    values = singular_values(matrices)
    total = values.sum(axis=-1, keepdims=True)
    share = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    logarithm = np.log(share, out=np.zeros_like(share), where=share > 0)
    rank: Array = np.where(total[..., 0] > 0, np.exp(-(share * logarithm).sum(axis=-1)), 0.0)
    return rank
