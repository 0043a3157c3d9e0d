"""Matrix polynomials in normal form: a sum of words of non-commuting factors, each with its coefficient.

SymPy keeps matrix expressions as nested trees and does not always recognise that two of them are equal.
In this form equality, transposition, substitution and the product rule are a few lines each, and a sum that
cancels is the empty dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.matrices.expressions import (
    Identity,
    Inverse,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Transpose,
    ZeroMatrix,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from fa_dynamics.errors import DerivationError

Word = tuple[Any, ...]
Words = dict[Word, Any]
"""Word (a tuple of factors, left to right) -> scalar coefficient. The empty word is the identity."""


_ARGUMENT = sp.Symbol("x", real=True)


class SymmetricSymbol(MatrixSymbol):  # type: ignore[misc]
    """A matrix symbol that equals its own transpose, such as a second moment."""

    def _eval_transpose(self) -> SymmetricSymbol:
        return self


def expand(expression: Any) -> Words:
    """Multiply out a matrix expression into words; anything that is no sum or product is one factor."""
    if isinstance(expression, MatAdd):
        return add(*(expand(term) for term in expression.args))
    if isinstance(expression, MatMul):
        coefficient, factors = expression.as_coeff_matrices()
        return scale(multiply(*(expand(factor) for factor in factors)), coefficient)
    if isinstance(expression, ZeroMatrix):
        return {}
    if isinstance(expression, Identity):
        return {(): sp.S.One}
    if isinstance(expression, Inverse):
        return {(expression,): sp.S.One}
    if isinstance(expression, MatPow) and expression.exp.is_Integer and expression.exp.is_positive:
        return multiply(*[expand(expression.base)] * int(expression.exp))
    if isinstance(expression, Transpose) and not isinstance(expression.arg, MatrixSymbol):
        return transpose(expand(expression.arg))
    return {(_with_named_argument(expression),): sp.S.One}


def transpose_factor(factor: Any) -> Any:
    """The transpose of one factor, evaluated; f(X)^T is written f(X^T)."""
    if isinstance(factor, ElementwiseApplyFunction):
        return factor.func(factor.function, factor.expr.T)
    return factor.T.doit(deep=False)


def _with_named_argument(expression: Any) -> Any:
    """Give elementwise functions one argument name, since SymPy invents a new dummy at each call."""
    return expression.replace(
        lambda part: isinstance(part, ElementwiseApplyFunction),
        lambda part: part.func(sp.Lambda(_ARGUMENT, part.function(_ARGUMENT)), part.expr),
    )


def transpose_word(word: Word) -> Word:
    """The word of the transposed product."""
    return tuple(transpose_factor(factor) for factor in reversed(word))


def transpose(words: Words) -> Words:
    """The normal form of the transpose."""
    return {transpose_word(word): coefficient for word, coefficient in words.items()}


def scale(words: Words, coefficient: Any) -> Words:
    """The normal form times a scalar."""
    return add({word: coefficient * value for word, value in words.items()})


def add(*terms: Words) -> Words:
    """The sum; words whose coefficients cancel are left out."""
    total: Words = {}
    for words in terms:
        for word, coefficient in words.items():
            total[word] = total.get(word, sp.S.Zero) + coefficient
    return {word: value for word, value in total.items() if sp.expand(value) != 0}


def subtract(left: Words, right: Words) -> Words:
    """The difference."""
    return add(left, scale(right, -sp.S.One))


def multiply(*operands: Words) -> Words:
    """The product, with every inverse that meets its own matrix cancelled."""
    product: Words = {(): sp.S.One}
    for words in operands:
        product = add(*({_cancel(left + right): a * b} for left, a in product.items() for right, b in words.items()))
    return product


def _cancel(word: Word) -> Word:
    for position, factor in enumerate(word):
        if not isinstance(factor, Inverse):
            continue
        inner = expand(factor.arg)
        if len(inner) != 1:
            continue
        (matrix,) = inner
        start, end = position - len(matrix), position + 1 + len(matrix)
        if word[position + 1 : end] == matrix:
            return _cancel(word[:position] + word[end:])
        if start >= 0 and word[start:position] == matrix:
            return _cancel(word[:start] + word[position + 1 :])
    return word


def split_transpose(factor: Any) -> tuple[Any, bool]:
    """The matrix inside a factor, and whether the factor is its transpose."""
    return (factor.arg, True) if isinstance(factor, Transpose) else (factor, False)


def substitute(words: Words, replacements: Mapping[Any, Words]) -> Words:
    """Put normal forms in place of matrices (and their transposes in place of the transposed)."""

    def replace(factor: Any) -> Words:
        matrix, transposed = split_transpose(factor)
        if matrix not in replacements:
            return {(factor,): sp.S.One}
        return transpose(replacements[matrix]) if transposed else replacements[matrix]

    return add(*(scale(multiply(*map(replace, word)), coefficient) for word, coefficient in words.items()))


def lie_derivative(words: Words, velocity: Mapping[Any, Words]) -> Words:
    """The time derivative along a flow, by the product rule.

    Parameters
    ----------
    words
        A matrix polynomial.
    velocity
        The normal form of the velocity of every matrix that moves; all others are constant.

    Raises
    ------
    DerivationError
        A factor depends on a moving matrix in another way than by a product.
    """
    total: Words = {}
    for word, coefficient in words.items():
        for position, factor in enumerate(word):
            matrix, transposed = split_transpose(factor)
            if matrix in velocity:
                moving = transpose(velocity[matrix]) if transposed else velocity[matrix]
                before, after = {word[:position]: coefficient}, {word[position + 1 :]: sp.S.One}
                total = add(total, multiply(before, moving, after))
            elif any(symbol in velocity for symbol in matrix.atoms(MatrixSymbol)):
                raise DerivationError(f"{factor} moves, but is no product of matrices: give its potential")
    return total


def assemble(words: Words, rows: Any, columns: Any) -> Any:
    """The matrix expression of a normal form of the given shape."""
    terms = []
    for word, coefficient in words.items():
        matrix: Any = Identity(rows)
        for factor in word:
            matrix = factor if isinstance(matrix, Identity) else MatMul(*_factors(matrix), factor)
        terms.append(matrix if coefficient == 1 else coefficient * matrix)
    if not terms:
        return ZeroMatrix(rows, columns)
    return terms[0] if len(terms) == 1 else MatAdd(*terms)


def _factors(expression: Any) -> tuple[Any, ...]:
    return tuple(expression.args) if isinstance(expression, MatMul) else (expression,)


def product(factors: Iterable[Any], size: Any) -> Any:
    """The product of matrices, left to right; the identity of the given size where there is none."""
    word = tuple(factors)
    return assemble(multiply(*map(expand, word)), word[0].shape[0], word[-1].shape[1]) if word else Identity(size)
