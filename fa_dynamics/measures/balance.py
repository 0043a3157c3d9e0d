"""Balancedness of neighbouring layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def imbalance(lower: Array, upper: Array) -> Array:
    """|W_{l+1}^T W_{l+1} - W_l W_l^T|, Frobenius norm; 0 for balanced layers.

    Backpropagation conserves the matrix inside the norm. Source: `classical.md` section 5.

    Parameters
    ----------
    lower, upper
        W_l (..., n_l, n_{l-1}) and W_{l+1} (..., n_{l+1}, n_l).

    Returns
    -------
    ndarray
        (...,), in units of a squared weight.
    """
    difference = np.swapaxes(upper, -1, -2) @ upper - lower @ np.swapaxes(lower, -1, -2)
    norm: Array = np.linalg.norm(difference, axis=(-2, -1))
    return norm
