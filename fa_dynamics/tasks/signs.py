"""One deterministic choice for the sign of a singular or eigenvector."""

from __future__ import annotations

import numpy as np

from fa_dynamics.tasks.arrays import Array

#: Entries whose absolute values agree to this relative margin tie; the first of them decides. Far above the
#: round-off of a singular vector (1e-15), far below a difference that anybody would plot.
TIE_MARGIN = 1e-9


def leading_signs(columns: Array) -> Array:
    r"""Sign of the leading entry of every column.

    The leading entry is the one of largest absolute value, the first such within round-off, so that
    :math:`u_k \operatorname{sign}(u_k)` does not depend on the LAPACK in use.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        Vectors, one per column, dimensionless.

    Returns
    -------
    ndarray, shape (k,)
        +1 or -1 (+1 for a zero column).
    """
    magnitude = np.abs(columns)
    leading = np.argmax(magnitude >= (1.0 - TIE_MARGIN) * magnitude.max(axis=0, initial=0.0), axis=0)
    signs: Array = np.where(columns[leading, np.arange(columns.shape[1])] < 0.0, -1.0, 1.0)
    return signs
