"""Many one-output networks side by side: their parameters, first states and checked arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart

Array = NDArray[np.float64]

REDUCED = ("U", "P", "s", "q")
"""Coordinates that the dynamics needs."""

LIFTED = (*REDUCED, "D", "a", "g", "z")
"""Those that give the weights back as well: W_1 = W_1(0) + B_2 D, W_2 = a W_2(0) + g W_1(0)^T + z B_2^T."""

SCALARS = ("s", "q", "a", "z")
"""Coordinates that are one number; the others are rows with an entry for every input."""


def stacked(
    pairs: Sequence[tuple[OneOutputProblem, OneOutputStart]], names: Sequence[str]
) -> tuple[dict[str, Any], list[Array]]:
    """Parameters and first state of a batch, rows filled up with zeros to the largest rank, where nothing moves."""
    rank = max(problem.rank for problem, _ in pairs)

    def rows(values: list[Array]) -> Array:
        return np.stack([np.pad(value, (0, rank - len(value))) for value in values])

    square = [np.pad(start.K, (0, rank - len(start.K))) for _, start in pairs]
    parameters: dict[str, Any] = {
        "Sigma_xx": rows([problem.curvatures for problem, _ in pairs]),
        "Sigma_yx": rows([problem.correlations for problem, _ in pairs]),
        "K": np.stack(square),
        "kappa": np.array([[start.kappa] for _, start in pairs]),
        "eta": None,
    }
    none, zero = np.zeros((len(pairs), rank)), np.zeros((len(pairs), 1))
    first = {
        "U": rows([start.U for _, start in pairs]),
        "P": rows([start.P for _, start in pairs]),
        "s": np.array([[start.s] for _, start in pairs]),
        "q": np.array([[start.q] for _, start in pairs]),
        "D": none,
        "a": zero + 1,
        "g": none,
        "z": zero,
    }
    return parameters, [first[name] for name in names]


def members_of(
    problems: OneOutputProblem | Sequence[OneOutputProblem], starts: OneOutputStart | Sequence[OneOutputStart]
) -> list[tuple[OneOutputProblem, OneOutputStart]]:
    """Problem and start of every member.

    Raises
    ------
    InputError
        None, numbers that differ, or a start that was contracted in another basis.
    """
    many = [problems] if isinstance(problems, OneOutputProblem) else list(problems)
    weights = [starts] if isinstance(starts, OneOutputStart) else list(starts)
    count = max(len(many), len(weights))
    many = many * count if len(many) == 1 else many
    weights = weights * count if len(weights) == 1 else weights
    if not many or len(many) != len(weights):
        raise InputError(f"starts: {len(weights)} given, expected as many as problems, {len(many)}, and at least 1")
    for problem, start in zip(many, weights, strict=True):
        if start.U.shape != (problem.rank,):
            raise InputError(f"starts: rank {len(start.U)} given, expected that of the problem, {problem.rank}")
    return list(zip(many, weights, strict=True))


def nonnegative(value: ArrayLike, name: str, count: int) -> Array:
    """One number >= 0 per member.

    Raises
    ------
    InputError
        Another shape, or a number below 0 or not finite.
    """
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (count,)) or not (np.isfinite(array) & (array >= 0)).all():
        raise InputError(f"{name}: {value!r} given, expected a number >= 0, or one for each of {count} members")
    return np.broadcast_to(array, count).copy()


def whole(value: int, name: str) -> int:
    """A whole number >= 1.

    Raises
    ------
    InputError
        It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name}: {value!r} given, expected a whole number >= 1")
    return int(value)


def cosine_of(s: Array, q: Array, kappa: Array | float) -> Array:
    """cos(W_2^T, B_2) = s / sqrt(kappa q), dimensionless; nan where W_2 is zero."""
    size = np.sqrt(kappa * q)
    cosine: Array = np.divide(s, size, out=np.full_like(s, np.nan), where=size > 0)
    return cosine
