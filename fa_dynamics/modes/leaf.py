"""Leaves of feedback alignment: states that share the conserved k_l = theta_l^2 - 2 b_{l+1} theta_{l+1}."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.modes.integrate import layer_table

Array = NDArray[np.float64]


def leaf_start(invariants: ArrayLike, feedback: ArrayLike = 1.0) -> Array:
    """The point with theta_1 = 0 on the leaf k_l = theta_l^2 - 2 b_{l+1} theta_{l+1} of feedback alignment.

    theta_{l+1} = (theta_l^2 - k_l) / (2 b_{l+1}), so that theta_2 = -k_1 / (2 b_2), and so on upwards. No two leaves
    share it, and the clock runs along all of the leaf, so that it can stand for the leaf as a `start`.

    Parameters
    ----------
    invariants
        k_1..k_{L-1}, (L-1,) or (L-1, modes), L >= 2.
    feedback
        b_2..b_L, nonzero, broadcast to (L-1, modes).

    Returns
    -------
    ndarray
        theta_1..theta_L, (L, modes); one mode for k of shape (L-1,).

    Raises
    ------
    InputError
        No invariants, feedback of zero, non-finite values, shapes that do not broadcast.

    Notes
    -----
    Source: girotti2021.first-integrals.

    Examples
    --------
    >>> from fa_dynamics.modes.leaf import leaf_start
    >>> leaf_start([3.0, 1.0], 0.5).ravel()
    array([ 0., -3.,  8.])
    """
    try:
        k = np.asarray(invariants, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"invariants: {invariants!r} given, expected numbers") from problem
    if not 1 <= k.ndim <= 2 or not k.size:
        raise InputError(f"invariants: shape {k.shape} given, expected (L-1,) or (L-1, modes) with L >= 2")
    modes = max([1, *k.shape[1:], *np.shape(feedback)[1:2]])
    k, b = layer_table(k, len(k), modes, "invariants"), layer_table(feedback, len(k), modes, "feedback")
    if (b == 0).any():
        raise InputError(
            "feedback: 0 given, expected nonzero numbers; without feedback a weight below is itself constant"
        )
    theta = [np.zeros(modes)]
    for own, factor in zip(k, b, strict=True):
        theta.append((theta[-1] ** 2 - own) / (2 * factor))
    return np.array(theta)
