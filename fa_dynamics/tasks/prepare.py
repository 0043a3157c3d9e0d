"""From the arrays of a user to the arrays of a task: checked, centred, whitened, scaled, and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arguments import flag, flag_pair
from fa_dynamics.tasks.arrays import Array, as_samples
from fa_dynamics.tasks.whiten import whiten as whiten_samples
from fa_dynamics.tasks.words import plural


@dataclass(frozen=True, eq=False)
class Prepared:
    """Arrays ready for their moments.

    Attributes
    ----------
    inputs : ndarray, shape (n_samples, n_0)
        Prepared inputs X.
    targets : ndarray, shape (n_samples, n_L)
        Prepared targets Y.
    input_map : ndarray, shape (n_0, n_raw), or None
        The whitening map, if whitened.
    sentence : str
        What was done, in words.
    """

    inputs: Array
    targets: Array
    input_map: Array | None
    sentence: str


def centred(samples: Array) -> Array:
    r"""Subtract the mean of every column: :math:`x - \mathbb E[x]`.

    Parameters
    ----------
    samples : ndarray, shape (n_samples, n)
        One row per sample.

    Returns
    -------
    ndarray, shape (n_samples, n)
        A constant column becomes exactly zero, whatever the round-off of its mean.
    """
    shifted: Array = samples - samples.mean(axis=0)
    # A large offset leaves an error in the first mean; the mean of what remains has none to speak of.
    shifted -= shifted.mean(axis=0)
    shifted[:, (samples == samples[0]).all(axis=0)] = 0.0
    return shifted


def unit_factor(targets: Array) -> float:
    r"""Return the one factor :math:`1/\sqrt{\operatorname{tr}\mathbb E[y y^\top]}`, in units of 1/target.

    Raises
    ------
    InputError
        The targets are all zero, so no factor exists.
    """
    root_total = float(np.linalg.norm(targets)) / float(np.sqrt(targets.shape[0]))
    if root_total == 0.0:
        raise InputError("unit_variance: the targets Y are all zero or constant; expected targets that vary")
    return 1.0 / root_total


def prepare(X: Any, Y: Any, *, centre: Any, whiten: Any, unit_variance: Any) -> Prepared:
    """Check and transform a pair of arrays; see `Task.from_arrays` for the arguments and the errors."""
    centre_inputs, centre_targets = flag_pair(centre, "centre")
    whiten, unit_variance = flag(whiten, "whiten"), flag(unit_variance, "unit_variance")
    inputs, targets = as_samples(X, "X"), as_samples(Y, "Y", allow_1d=True)
    if inputs.shape[0] != targets.shape[0]:
        raise InputError(f"Y: given {targets.shape[0]} rows where X has {inputs.shape[0]}; expected equal numbers")
    input_map = None
    input_words, target_words = [], []
    if centre_inputs:
        inputs = centred(inputs)
        input_words.append("centred")
    if whiten:
        whitened = whiten_samples(inputs)
        inputs, input_map = whitened.inputs, whitened.input_map
        rank, raw = input_map.shape
        input_words.append(
            f"whitened on a range of {plural(rank, 'dimension')} ({plural(raw - rank, 'null direction')} left out)"
        )
    if centre_targets:
        targets = centred(targets)
        target_words.append("centred")
    if unit_variance:
        factor = unit_factor(targets)
        targets = targets * factor
        target_words.append(f"scaled by {factor:.6g} to unit total variance")
    said = [" and ".join(words) or "as given" for words in (input_words, target_words)]
    return Prepared(inputs, targets, input_map, f"Inputs {said[0]}; targets {said[1]}.")
