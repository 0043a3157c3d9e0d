"""Compare a number with one that was written down to a few figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def compare(ours: float | str, recorded: str | None) -> dict[str, Any]:
    """The entries of a record that set a number, or a word, beside the one that is recorded for it.

    Parameters
    ----------
    ours
        What was computed.
    recorded
        What was written down, as text, because its last figure says how precise it is; None if nothing was.

    Returns
    -------
    dict
        `ours`, `recorded`, `relative_difference` (ours - recorded) / |recorded|, and `agrees`: whether ours, rounded
        to the last recorded figure, is the recorded number. The last two are None where there is nothing to compare.

    Examples
    --------
    >>> compare(3.0042, "3.004")["agrees"], compare(3.0046, "3.004")["agrees"]
    (True, False)
    """
    if recorded is None:
        return {"ours": ours, "recorded": None, "relative_difference": None, "agrees": None}
    if isinstance(ours, str):
        return {"ours": ours, "recorded": recorded, "relative_difference": None, "agrees": ours == recorded}
    value = float(recorded)
    return {
        "ours": ours,
        "recorded": value,
        "relative_difference": (ours - value) / abs(value) if value else None,
        # Half a unit of the last figure, and the rounding of the subtraction.
        "agrees": bool(abs(ours - value) <= 0.5 * last_place(recorded) + 1e-12 * abs(value)),
    }


def last_place(recorded: str) -> float:
    """The unit of the last figure written down.

    >>> last_place("2.3e-4"), last_place("31.7")
    (1e-05, 0.1)
    """
    exponent = Decimal(recorded).as_tuple().exponent
    assert isinstance(exponent, int), recorded
    return float(Decimal(1).scaleb(exponent))
