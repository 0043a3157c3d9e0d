"""Labels to one-hot targets."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arrays import Array


def one_hot(labels: Sequence[str], argument: str) -> tuple[Array, tuple[str, ...]]:
    r"""Encode labels: :math:`y_{ij} = 1` if sample i has class j, else 0.

    Parameters
    ----------
    labels : sequence of str
        One label per sample.
    argument : str
        The name to use in an error.

    Returns
    -------
    targets : ndarray, shape (n_samples, n_classes)
        Dimensionless.
    classes : tuple of str
        Names of the columns: in numerical order if all are numbers, else alphabetical.

    Raises
    ------
    InputError
        Fewer than two classes.
    """
    classes = sorted(set(labels))
    # If some label is no number, the alphabetical order stands.
    with contextlib.suppress(ValueError):
        classes.sort(key=float)
    if len(classes) < 2:
        raise InputError(f"{argument}: given one class only, {classes[0]!r}; expected two or more")
    column = {name: index for index, name in enumerate(classes)}
    return np.eye(len(classes))[[column[label] for label in labels]], tuple(classes)
