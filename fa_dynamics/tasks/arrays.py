"""Arrays as the tasks keep them: float64, finite, read-only, one row per sample."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError

Array: TypeAlias = NDArray[np.float64]

#: Squares of larger entries, summed over samples, overflow a double (largest 1.8e308).
LARGEST_ENTRY = 1e150


def frozen(values: ArrayLike) -> Array:
    """Copy `values` into a read-only float64 array, so that a frozen dataclass is frozen indeed.

    Parameters
    ----------
    values : array_like
        Anything numeric, of any shape.

    Returns
    -------
    ndarray
        Same shape and units, C order, not writeable.
    """
    copy = np.array(values, dtype=np.float64, order="C")
    copy.flags.writeable = False
    return copy


def numeric(values: Any, argument: str) -> Array:
    """Turn `values` into a finite float64 array, or say what stands in the way.

    Parameters
    ----------
    values : array_like
        Booleans, integers or reals, of any shape.
    argument : str
        The name to use in an error.

    Returns
    -------
    ndarray
        Same shape, float64; may share memory with `values`.

    Raises
    ------
    InputError
        Ragged, masked, not numeric, or not finite (the first such position is named).
    """
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        raise InputError(f"{argument}: has masked (missing) entries; expected none, fill or drop them first")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{argument}: given rows of different lengths; expected a full array") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{argument}: given entries of type {array.dtype}; expected real numbers")
    # A long double beyond the range of a double becomes inf here, and is named below.
    with np.errstate(over="ignore"):
        array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        position = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{argument}: {array[position]}{_where(position)}; expected finite numbers only")
    return array


def as_samples(values: Any, argument: str, *, allow_1d: bool = False) -> Array:
    """Turn `values` into a table of samples, one row each.

    Parameters
    ----------
    values : array_like, shape (n_samples, n_columns)
        Shape (n_samples,) is one column if `allow_1d`.
    argument : str
        The name to use in an error.
    allow_1d : bool
        Whether one dimension will do.

    Returns
    -------
    ndarray, shape (n_samples, n_columns)
        float64, finite, at least one row and one column.

    Raises
    ------
    InputError
        Anything else than such a table.
    """
    array = numeric(values, argument)
    if allow_1d and array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        expected = "1-D or 2-D" if allow_1d else "2-D"
        raise InputError(f"{argument}: given shape {array.shape}; expected {expected}, one row per sample")
    rows, columns = array.shape
    if rows < 1 or columns < 1:
        raise InputError(f"{argument}: given {rows} samples of {columns} columns; expected one or more of each")
    if np.abs(array).max() > LARGEST_ENTRY:
        position = tuple(int(i) for i in np.argwhere(np.abs(array) > LARGEST_ENTRY)[0])
        raise InputError(
            f"{argument}: {array[position]:g}{_where(position)}; "
            f"expected at most {LARGEST_ENTRY:g}, because its square overflows"
        )
    return array


def _where(position: tuple[int, ...]) -> str:
    """A position in words; a single number has none."""
    if len(position) == 2:
        return f" at row {position[0]}, column {position[1]} (counted from 0)"
    return f" at position {', '.join(map(str, position))} (counted from 0)" if position else ""
