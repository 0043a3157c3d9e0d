"""What an experiment can be told: the keyword-only parameters of its `run`, read from its signature."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np

from fa_dynamics.errors import InputError, nearest

RESERVED = ("json", "list", "name", "out", "progress")
"""Names that `reproduce` and its command keep for themselves."""

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a word",
    tuple[int, ...]: "whole numbers",
    tuple[float, ...]: "numbers",
}
"""Kinds of options, and what is expected of each."""


@dataclass(frozen=True)
class Allowed:
    """Which values an option takes; stands in the annotation: ``level: Annotated[float, Allowed(...)] = 0.99``.

    Attributes
    ----------
    expected
        In words, for the list and for errors: 'a number between 0 and 1'.
    test
        Whether a value is allowed; for several numbers, asked for each.
    """

    expected: str
    test: Callable[[Any], bool]


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of an experiment.

    Attributes
    ----------
    name, kind, default
        As in the signature; `kind` is a key of `WORDS`.
    expected
        What is allowed, in words.
    test
        Whether a value, or each of several numbers, is allowed.
    """

    name: str
    kind: Any
    default: Any
    expected: str
    test: Callable[[Any], bool]


def options_of(run: Callable[..., Any]) -> dict[str, Option]:
    """The options of an experiment by name, in the order of its signature.

    Raises
    ------
    TypeError
        A parameter of a kind that the command line could not read, without a default, or with a reserved name.
    """
    hints = get_type_hints(run, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(run).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        kind, allowed = hints[name], None
        if get_origin(kind) is Annotated:
            kind, allowed = get_args(kind)
        if kind not in WORDS or parameter.default is inspect.Parameter.empty or name in RESERVED:
            raise TypeError(f"{run.__module__}.run cannot have the parameter {parameter}")
        expected = WORDS[kind] if allowed is None else allowed.expected
        found[name] = Option(name, kind, parameter.default, expected, allowed.test if allowed else lambda value: True)
    return found


def settled(experiment: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every option: as given, else its default.

    Raises
    ------
    InputError
        An option that the experiment does not have, or a value that it does not take.
    """
    for name in given:
        if name not in options:
            guess = f"; {nearest(name, options)}" if options else ""
            takes = f"it takes {', '.join(options)}" if options else "it takes no options"
            raise InputError(f"{name}: no option of {experiment!r}, {takes}{guess if 'did you' in guess else ''}")
    return {name: _taken(option, given[name]) if name in given else option.default for name, option in options.items()}


def _taken(option: Option, value: Any) -> Any:
    plural = get_origin(option.kind) is tuple
    entry = get_args(option.kind)[0] if plural else option.kind
    several = plural and isinstance(value, Iterable) and not isinstance(value, str)
    values = [_entry(entry, part) for part in (value if several else [value])]
    if not values or any(part is None or not option.test(part) for part in values):
        raise InputError(f"{option.name}: {value!r} given, expected {option.expected}")
    return tuple(values) if plural else values[0]


def _entry(kind: type, value: Any) -> Any:
    """The value as a plain int, finite float or str; None if it is none."""
    if kind is str:
        return value if isinstance(value, str) else None
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return None
    if kind is int:
        return int(value) if isinstance(value, numbers.Integral) else None
    return float(value) if np.isfinite(float(value)) else None
