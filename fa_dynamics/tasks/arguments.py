"""Checks of small arguments: flags and counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_dynamics.errors import InputError


def flag(value: Any, argument: str) -> bool:
    """Return `value` if it is True or False; the string "no" would otherwise count as True.

    Raises
    ------
    InputError
        Not a boolean.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError(f"{argument}: given {value!r}; expected True or False")


def flag_pair(value: Any, argument: str) -> tuple[bool, bool]:
    """Return (for inputs, for targets) from one flag or a pair of flags.

    Raises
    ------
    InputError
        Neither a boolean nor a pair of booleans.
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InputError(f"{argument}: given {len(value)} flags; expected one or a pair (inputs, targets)")
        return flag(value[0], f"{argument}[0]"), flag(value[1], f"{argument}[1]")
    single = flag(value, argument)
    return single, single


def count(value: Any, argument: str, minimum: int = 1) -> int:
    """Return `value` if it is an integer of at least `minimum`.

    Raises
    ------
    InputError
        Not an integer, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise InputError(f"{argument}: given {value!r}; expected an integer of at least {minimum}")
    return int(value)
