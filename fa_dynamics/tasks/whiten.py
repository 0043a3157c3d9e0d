"""Whitening on the range: the linear map after which the second moment of the inputs is the identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arrays import Array
from fa_dynamics.tasks.signs import leading_signs

#: A direction is null if the singular value of the input array is below this fraction of the largest one.
#: Real data stay above (the raw breast-cancer data, the worst shipped, reach 1e-6), round-off stays below
#: (1e-16), and a kept direction still carries six digits.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Whitened:
    r"""Whitened inputs and the map that made them.

    Attributes
    ----------
    inputs : ndarray, shape (n_samples, rank)
        Rows :math:`x = T x_{\rm raw}`, dimensionless, with :math:`\mathbb E[x x^\top] = I`.
    input_map : ndarray, shape (rank, n_raw)
        :math:`T = \Lambda^{-1/2} V^\top`, in units of 1/input.
    """

    inputs: Array
    input_map: Array


def whiten(samples: Array) -> Whitened:
    r"""Whiten on the range of the second moment.

    With :math:`\mathbb E[x x^\top] = V \Lambda V^\top` on its range,

    .. math:: x \mapsto \Lambda^{-1/2} V^\top x ,

    by a singular value decomposition of the samples themselves: squaring them first would lose half the
    digits. Rows of the map come in descending order of :math:`\Lambda`, the leading entry of each positive.

    Parameters
    ----------
    samples : ndarray, shape (n_samples, n_raw)
        Already centred, if they shall be.

    Returns
    -------
    Whitened
        On a range of `rank` <= min(n_samples, n_raw) dimensions.

    Raises
    ------
    InputError
        All samples are zero: there is no range.
    """
    left, scale, right = np.linalg.svd(samples, full_matrices=False)
    if scale[0] == 0.0:
        raise InputError("whiten: the inputs X are all constant or zero, no range is left; expected variation")
    rank = int(np.count_nonzero(scale > RANK_TOLERANCE * scale[0]))
    root = np.sqrt(samples.shape[0])
    signs = leading_signs(right[:rank].T)
    return Whitened(
        inputs=left[:, :rank] * (root * signs),
        input_map=right[:rank] * (root * signs / scale[:rank])[:, np.newaxis],
    )
