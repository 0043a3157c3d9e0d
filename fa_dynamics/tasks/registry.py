"""Tasks by name, for the command line and for configuration files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.tasks import datasets, synthetic
from fa_dynamics.tasks.task import Task


@dataclass(frozen=True)
class _Entry:
    build: Callable[..., Task]
    line: str


_ENTRIES = {
    "digits": _Entry(datasets.digits, "1797 images of 8x8 digits, whitened pixels to pixels: 61 exact modes"),
    "digits-labels": _Entry(datasets.digits_labels, "1797 images of 8x8 digits, whitened pixels to classes"),
    "iris": _Entry(datasets.iris, "150 flowers, 4 standardised measures to 3 species"),
    "wine": _Entry(datasets.wine, "178 wines, 13 standardised measures to 3 cultivars"),
    "breast-cancer": _Entry(datasets.breast_cancer, "569 tumours, 30 standardised measures to 2 classes"),
    "diabetes": _Entry(datasets.diabetes, "442 patients, 10 standardised measures to disease progression"),
    "linnerud": _Entry(datasets.linnerud, "20 men, 3 standardised exercises to weight, waist and pulse"),
    "hierarchy": _Entry(synthetic.hierarchy, "a tree of concepts: 8 one-hot items to 15 properties"),
    "teacher": _Entry(synthetic.teacher, "a random linear teacher: 20 Gaussian inputs to 5 outputs"),
}


def names() -> tuple[str, ...]:
    """Names that `named` knows, real data first."""
    return tuple(_ENTRIES)


def describe() -> dict[str, str]:
    """One line about every named task, as it is by default; loads no data.

    Returns
    -------
    dict
        Name to description, in the order of `names`.
    """
    return {name: entry.line for name, entry in _ENTRIES.items()}


def named(name: str, **options: Any) -> Task:
    """Build a task by its name.

    Parameters
    ----------
    name : str
        One of `names`.
    **options
        Passed on to the function of that name, for instance ``whiten=False`` or ``levels=3``.

    Returns
    -------
    Task
        As the function of that name returns it.

    Raises
    ------
    InputError
        Unknown name or option (with the nearest known ones), or what the function itself refuses.
    """
    if name not in _ENTRIES:
        raise InputError(f"task: given {name!r}; {nearest(str(name), _ENTRIES)}")
    build = _ENTRIES[name].build
    known = inspect.signature(build).parameters
    for option in options:
        if option not in known:
            raise InputError(f"{option}: the task {name!r} has no such option; {nearest(option, known)}")
    return build(**options)
