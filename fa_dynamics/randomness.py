"""Named random streams: changing what one of them draws leaves the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    import numpy as np

STREAMS = {"data": 0, "start": 1, "feedback": 2}
"""Name of a stream -> its spawn key. Never renumber: seeds in saved runs refer to these."""


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of a named stream of a seed.

    Raises
    ------
    InputError
        The seed is no whole number >= 0.
    """
    import numpy as np

    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: {seed!r} given, expected a whole number >= 0")
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(STREAMS[name],)))
