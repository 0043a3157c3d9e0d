"""Small pieces of sentences."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "mode"), plural(61, "mode")
    ('1 mode', '61 modes')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
