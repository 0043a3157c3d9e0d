"""From a closed system of rows and scalars to NumPy functions that work on many members at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.reduction import STEP, pieces
from fa_dynamics.derive.words import Word, Words, split_transpose
from fa_dynamics.errors import DerivationError
from fa_dynamics.systems.one_output_coordinates import DECAY, KAPPA, one_output

Array = NDArray[np.float64]

# Arrays are commuting symbols here, since a scalar (..., 1) times a row (..., r) is an elementwise product.
_inner, _times, _outer = (sp.Function(name) for name in ("inner", "times", "outer"))

_NUMPY: dict[str, Callable[[Array, Array], Array]] = {
    "inner": lambda left, right: np.vecdot(left, right)[..., None],
    "times": lambda row, square: np.matmul(row[..., None, :], square)[..., 0, :],
    "outer": lambda left, right: left[..., :, None] * right[..., None, :],
}


@dataclass(frozen=True, eq=False)
class Code:
    """Compiled right sides of a closed system.

    Attributes
    ----------
    names
        Of the coordinates, in the order of what goes in and comes out: rows (..., r), scalars (..., 1), squares
        (..., r, r).
    function
        Of the parameters and the coordinates.
    parameters
        Names of what does not move, in the order in which `function` takes them before the coordinates; ``Sigma_xx``
        is the row of its eigenvalues, since inputs stand in its eigenbasis.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    function: Callable[..., list[Array]]

    def __call__(self, parameters: Mapping[str, Any], state: Sequence[Array]) -> list[Array]:
        """The right sides, as fresh arrays."""
        return self.function(*(parameters[name] for name in self.parameters), *state)


@lru_cache(maxsize=16)
def compiled(names: tuple[str, ...], discrete: bool, rule: str = "fa") -> Code:
    """Compile the Euler step or the velocity of some of the coordinates.

    Parameters
    ----------
    names
        Coordinates, closed among themselves: ``("U", "P", "s", "q")``, and ``"D", "a", "g", "z"`` for the weights.
    discrete
        The exact Euler step, or the velocity.
    rule
        'fa' or 'bp'.

    Raises
    ------
    DerivationError
        The coordinates do not close among themselves.
    """
    reduced = one_output(rule)
    moving = reduced.step if discrete else reduced.velocity
    results = [_code(moving[reduced.coordinate(name)]) for name in names]
    error = sp.Symbol(reduced.error_symbol.name)
    parameters = ["Sigma_xx", "Sigma_yx", "K", KAPPA.name, DECAY.name, STEP.name]
    unknown = {symbol.name for result in results for symbol in result.free_symbols} - {*names, *parameters, error.name}
    if unknown:
        raise DerivationError(f"the coordinates {', '.join(names)} need {', '.join(sorted(unknown))} too")
    shared, ends = sp.cse(results, symbols=sp.numbered_symbols("x_"), order="none")
    function: Callable[..., list[Array]] = sp.lambdify(
        [sp.Symbol(name) for name in (*parameters, *names)],
        [_plain(end) for end in ends],
        modules=[_NUMPY, "numpy"],
        cse=lambda expressions: (
            [(error, _code(reduced.error)), *((name, _plain(value)) for name, value in shared)],
            expressions,
        ),
    )
    return Code(names, tuple(parameters), function)


def _code(words: Words) -> Any:
    return sp.Add(*(_plain(coefficient) * _word(word) for word, coefficient in words.items()))


def _plain(expression: Any) -> Any:
    """The same with symbols that have no assumptions, so that equal names are equal."""
    return sp.sympify(expression).xreplace({s: sp.Symbol(s.name) for s in sp.sympify(expression).free_symbols})


def _word(word: Word) -> Any:
    before, scalars, after = pieces(word)
    factor = sp.Mul(*map(_scalar, scalars))
    if before and not scalars and not after:
        (square,) = before
        return sp.Symbol(square.name)
    row = _row(after) if after else sp.S.One
    return factor * row if not before else _outer(factor * _row(_mirrored(before)), row)


def _scalar(piece: Word) -> Any:
    if len(piece) == 1:
        return sp.Symbol(piece[0].name)
    return _inner(_row(piece[:-1]), _row(_mirrored(piece[-1:])))


def _row(factors: Word) -> Any:
    """A row times square matrices; Sigma_xx is diagonal."""
    first, *squares = factors
    row: Any = sp.Symbol(first.name)
    for square in squares:
        matrix = sp.Symbol(square.name)
        row = row * matrix if square.name == "Sigma_xx" else _times(row, matrix)
    return row


def _mirrored(column: Word) -> Word:
    """The row whose transpose is a column."""
    return tuple(split_transpose(factor)[0] for factor in reversed(column))
