"""Real data that ship inside scikit-learn: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arguments import flag
from fa_dynamics.tasks.arrays import Array
from fa_dynamics.tasks.onehot import one_hot
from fa_dynamics.tasks.prepare import centred
from fa_dynamics.tasks.task import Task


def digits(target: str = "pixels", *, whiten: bool = True) -> Task:
    r"""1797 handwritten digits of 8 by 8 pixels.

    With ``target="pixels"`` the network learns to reproduce the image: the targets are the centred pixels,
    scaled by one factor to unit total variance. The inputs are the centred pixels, whitened on their range of
    61 dimensions (3 pixels are constant). All curvatures are then 1, and the targets :math:`s_k` of the modes
    are the principal standard deviations of the images, with :math:`\sum_k s_k^2 = 1`.

    With ``target="labels"`` the targets are the ten classes, one-hot, centred and not scaled; nine modes have
    a correlation, because ten classes that add up to 1 vary in nine dimensions.

    Parameters
    ----------
    target : {"pixels", "labels"}
        What to learn.
    whiten : bool
        With False the inputs are the centred pixels, in their raw units of 0 to 16. Labels then have no joint
        modes; pixels still have them, with the principal variances as curvatures and all targets equal.

    Returns
    -------
    Task
        With ``image_shape`` (8, 8).

    Raises
    ------
    InputError
        An unknown target, or scikit-learn is missing.
    """
    if target not in ("pixels", "labels"):
        raise InputError(f"target: given {target!r}; expected 'pixels' or 'labels'")
    data = _sklearn("load_digits")
    whole = "1797 handwritten digits of 8 by 8 pixels (scikit-learn)"
    if target == "pixels":
        return Task.from_arrays(
            data.data,
            data.data,
            centre=True,
            whiten=whiten,
            unit_variance=True,
            name="digits",
            description=f"{whole}, pixels to pixels.",
            image_shape=(8, 8),
        )
    encoded, classes = one_hot([str(label) for label in data.target], "digits")
    return Task.from_arrays(
        data.data,
        encoded,
        centre=True,
        whiten=whiten,
        name="digits-labels",
        description=f"{whole}, pixels to one-hot labels.",
        image_shape=(8, 8),
        output_names=classes,
    )


def digits_labels(*, whiten: bool = True) -> Task:
    """Digits with their labels as targets: ``digits(target="labels")``."""
    return digits("labels", whiten=whiten)


def iris(*, whiten: bool = False) -> Task:
    """150 flowers, 4 standardised measures, 3 species (one-hot, centred); dimensionless.

    Parameters
    ----------
    whiten : bool
        Whiten the inputs, so that there are joint modes.

    Raises
    ------
    InputError
        scikit-learn is missing.
    """
    return _classification("iris", "load_iris", "150 iris flowers", whiten)


def wine(*, whiten: bool = False) -> Task:
    """178 wines, 13 standardised measures, 3 cultivars (one-hot, centred); dimensionless.

    Parameters
    ----------
    whiten : bool
        Whiten the inputs, so that there are joint modes.

    Raises
    ------
    InputError
        scikit-learn is missing.
    """
    return _classification("wine", "load_wine", "178 wines", whiten)


def breast_cancer(*, whiten: bool = False) -> Task:
    """569 tumours, 30 standardised measures, 2 classes (one-hot, centred); dimensionless.

    Parameters
    ----------
    whiten : bool
        Whiten the inputs, so that there are joint modes.

    Raises
    ------
    InputError
        scikit-learn is missing.
    """
    return _classification("breast-cancer", "load_breast_cancer", "569 breast tumours", whiten)


def diabetes(*, whiten: bool = False) -> Task:
    """442 patients, 10 standardised measures, disease progression (centred, unit variance); dimensionless.

    Parameters
    ----------
    whiten : bool
        Whiten the inputs, so that there are joint modes.

    Raises
    ------
    InputError
        scikit-learn is missing.
    """
    return _regression("diabetes", "load_diabetes", "442 diabetes patients", ("progression",), whiten)


def linnerud(*, whiten: bool = False) -> Task:
    """20 men, 3 standardised exercises, weight, waist and pulse (standardised, unit total variance).

    Each target is divided by its standard deviation first, because a weight, a length and a rate do not add
    up; dimensionless.

    Parameters
    ----------
    whiten : bool
        Whiten the inputs, so that there are joint modes.

    Raises
    ------
    InputError
        scikit-learn is missing.
    """
    return _regression("linnerud", "load_linnerud", "20 men exercising", ("weight", "waist", "pulse"), whiten)


def _sklearn(loader: str) -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise InputError(
            'task: scikit-learn ships these data and is not installed; expected: pip install "fa_dynamics[data]"'
        ) from error
    return getattr(datasets, loader)()


def _standardised(samples: Array) -> Array:
    """Columns of mean 0 and variance 1: the measures have different units, and variances up to 1e12 apart."""
    shifted = centred(np.asarray(samples, dtype=np.float64))
    unit: Array = shifted / shifted.std(axis=0)
    return unit


def _classification(name: str, loader: str, story: str, whiten: bool) -> Task:
    data = _sklearn(loader)
    encoded, _ = one_hot([str(label) for label in data.target], name)
    return Task.from_arrays(
        _standardised(data.data),
        encoded,
        centre=True,
        whiten=flag(whiten, "whiten"),
        name=name,
        description=f"{story} (scikit-learn), standardised measures to one-hot classes.",
        output_names=tuple(str(label) for label in data.target_names),
    )


def _regression(name: str, loader: str, story: str, outputs: tuple[str, ...], whiten: bool) -> Task:
    data = _sklearn(loader)
    return Task.from_arrays(
        _standardised(data.data),
        _standardised(data.target.reshape(len(data.target), -1)),
        centre=True,
        whiten=flag(whiten, "whiten"),
        unit_variance=True,
        name=name,
        description=f"{story} (scikit-learn), standardised measures to standardised {', '.join(outputs)}.",
        output_names=outputs,
    )
