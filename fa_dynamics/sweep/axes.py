"""Axes of a grid: values, and the labels that stand for them in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError

RANGES: dict[str, Any] = {"linspace": np.linspace, "geomspace": np.geomspace}
"""Ranges that may be written as a table, with NumPy's meaning of the three numbers."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One argument that varies.

    Attributes
    ----------
    name
        Of the argument.
    values
        Its values.
    labels
        Coordinates: numbers if all values are numbers, else texts, (values,).
    """

    name: str
    values: tuple[Any, ...]
    labels: NDArray[Any]


def axis(name: str, given: Any) -> Axis:
    """An axis from a list of values, or from a range.

    Raises
    ------
    InputError
        No list, no values, or the same value twice.
    """
    values = expand(given)
    if isinstance(values, np.ndarray):
        values = list(values) if values.ndim else values
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) == 0:
        raise InputError(f"{given!r} given, expected a list of values, or a range such as {{linspace = [0, 1, 11]}}")
    plain = tuple(expand(value) for value in values)
    for value in plain:
        canonical(value)
    texts = [label(value) for value in plain]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise InputError(f"the value {twice} is given twice, expected different ones")
    if all(_is_number(value) for value in plain):
        kind = np.int64 if all(isinstance(value, int | np.integer) for value in plain) else np.float64
        return Axis(name, plain, np.array(plain, dtype=kind))
    return Axis(name, plain, np.array(texts, dtype=object))


def expand(value: Any) -> Any:
    """A range written as a table becomes its numbers; everything else stays what it is.

    Raises
    ------
    InputError
        A range without its three numbers.
    """
    if not (isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in RANGES):
        return value
    name, numbers = next(iter(value.items()))
    try:
        first, last, count = numbers
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError("the third number is no count")
        if not all(_is_number(end) and np.isfinite(end) for end in (first, last)):
            raise ValueError("the ends are no finite numbers")
        with np.errstate(all="raise"):
            return [float(number) for number in RANGES[name](first, last, count)]
    except (TypeError, ValueError, FloatingPointError) as problem:
        raise InputError(f"{name} of {numbers!r} given, expected [first, last, count] ({problem})") from problem


def label(value: Any) -> str:
    """A short text that tells a value from others: itself, or what it lists."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence | np.ndarray) and all(_is_number(entry) for entry in value):
        return ",".join(str(entry) for entry in np.asarray(value).tolist()) or "none"
    return repr(value) if not isinstance(value, Mapping | Sequence) else canonical(value)


def canonical(value: Any) -> str:
    """A text that is the same for the same value in any process, to make seeds and fingerprints from.

    Numbers that are equal have the same text: 1 and 1.0, NumPy's and Python's.

    Raises
    ------
    InputError
        A kind of object that has no such text.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Sequence):
        return [_plain(entry) for entry in value]
    if _is_number(value):
        number = float(value)
        return int(value) if number.is_integer() and abs(number) < 2**53 else number
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, type):
        return value.__qualname__
    if is_dataclass(value):
        return [type(value).__name__, {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}]
    raise InputError(f"{value!r} given, expected numbers, texts, lists, tables, rules or starts")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
