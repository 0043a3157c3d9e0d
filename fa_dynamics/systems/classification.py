"""Classes: which targets are classes, how many are found, and a split into training and test samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.randomness import stream
from fa_dynamics.tasks import Task
from fa_dynamics.tasks.datasets import _sklearn
from fa_dynamics.tasks.onehot import one_hot

Array = NDArray[np.float64]

FULL_INK = 16.0
"""Largest value of a pixel of the digits; divided by it, inputs lie between 0 and 1."""


def classes(targets: Array) -> NDArray[np.int_] | None:
    """The class of every sample: the column of its 1 in one-hot rows, 0 or 1 for labels -1 and +1; None for others.

    Parameters
    ----------
    targets
        (n_samples, n_L).
    """
    if targets.shape[1] == 1:
        labels = targets[:, 0]
        return (labels > 0).astype(int) if (np.abs(labels) == 1).all() else None
    hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()
    return np.asarray(targets.argmax(axis=1)) if hot else None


def accuracy(outputs: Array, targets: Array) -> float:
    """Fraction of samples whose class is found: the largest output, or the sign of a single one; nan without classes.

    Parameters
    ----------
    outputs, targets
        (n_samples, n_L).
    """
    known = classes(targets)
    if known is None:
        return float("nan")
    found = (outputs[:, 0] > 0).astype(int) if targets.shape[1] == 1 else outputs.argmax(axis=1)
    return float((found == known).mean())


def split(task: Task, test_fraction: float = 0.25, seed: int = 0) -> tuple[Task, Task]:
    """Training and test samples, class by class, so that both have the classes in the same proportions.

    Parameters
    ----------
    task
        With samples whose targets are one-hot rows, or labels -1 and +1.
    test_fraction
        Share of every class that is held out, between 0 and 1, rounded to whole samples.
    seed
        Of the stream 'data', which shuffles the samples of each class.

    Returns
    -------
    train, test
        Tasks with the samples in their original order.

    Raises
    ------
    InputError
        No samples, no classes, or a class that would be empty on one of the two sides.
    """
    fraction_ok = isinstance(test_fraction, int | float | np.number) and not isinstance(test_fraction, bool)
    if not fraction_ok or not 0 < test_fraction < 1:
        raise InputError(f"test_fraction: {test_fraction!r} given, expected a number between 0 and 1")
    if task.inputs is None or task.targets is None:
        raise InputError(f"task: {task.name!r} has no samples to split; expected one made by Task.from_arrays")
    known = classes(task.targets)
    if known is None:
        raise InputError(f"task: the targets of {task.name!r} are no classes; expected one-hot rows, or labels -1, +1")
    rng = stream(seed, "data")
    held_out = np.zeros(len(known), dtype=bool)
    for label in np.unique(known):
        members = rng.permutation(np.flatnonzero(known == label))
        count = round(test_fraction * len(members))
        if not 0 < count < len(members):
            name = task.output_names[label] if task.output_names and task.n_outputs > 1 else str(label)
            side = "test" if count == 0 else "training"
            raise InputError(
                f"test_fraction: {test_fraction!r} of the {len(members)} samples of class {name!r} leaves none for "
                f"{side}; expected one or more on both sides"
            )
        held_out[members[:count]] = True
    return _part(task, ~held_out, "train"), _part(task, held_out, "test")


def digits(test_fraction: float = 0.25, seed: int = 0) -> tuple[Task, Task]:
    """1797 handwritten digits of 8 by 8 pixels in [0, 1], with one-hot labels that are not centred: train and test.

    `fa_dynamics.tasks.digits` centres labels, which a softmax cannot take.

    Raises
    ------
    InputError
        As `split`; scikit-learn is missing.
    """
    data = _sklearn("load_digits")
    encoded, names = one_hot([str(label) for label in data.target], "digits")
    whole = Task.from_arrays(
        data.data / FULL_INK,
        encoded,
        name="digits-classes",
        description="1797 handwritten digits of 8 by 8 pixels (scikit-learn), pixels in [0, 1] to one-hot labels.",
        image_shape=(8, 8),
        output_names=names,
    )
    return split(whole, test_fraction, seed)


def _part(task: Task, chosen: NDArray[np.bool_], side: str) -> Task:
    assert task.inputs is not None
    assert task.targets is not None
    return Task.from_arrays(
        task.inputs[chosen],
        task.targets[chosen],
        name=f"{task.name}-{side}",
        description=f"{task.description} The {side} part.",
        image_shape=task.image_shape,
        output_names=task.output_names,
    )
