"""Errors and warnings a user meets. They import nothing, so that every room may raise them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad use: one line that names the argument, what was given and what was expected."""


class DerivationError(ValueError):
    """A symbolic step has no answer; the message says why in one sentence."""


class IntegrationError(RuntimeError):
    """An integration that has to finish did not; the message says why."""


class IntegrationWarning(UserWarning):
    """A run ended early, or its first integrals drift more than its tolerances explain."""


def nearest(given: str, known: Iterable[str]) -> str:
    """The tail of an error about an unknown name: the closest known names, or all of them.

    >>> nearest("digit", ["digits", "iris"])
    "did you mean 'digits'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "known: " + ", ".join(names)
