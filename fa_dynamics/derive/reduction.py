"""Reduced coordinates: observables of a flow that close among themselves, however many hidden units there are.

An observable is a product of weights and feedback whose hidden index is summed over. Moved along the flow it becomes a
sum of words; every product in them that is again an observable is contracted, and nothing with a hidden index may be
left. Put at W + eta V instead of along the flow, the same steps give the exact Euler step, with all powers of eta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import Flow
from fa_dynamics.errors import DerivationError

STEP = sp.Symbol("eta", positive=True)
"""Step size of the Euler step."""

Contractions = dict[w.Word, tuple[Any, w.Word]]


@dataclass(frozen=True, eq=False)
class Reduction:
    """A flow in coordinates that close, in continuous and in discrete time.

    Attributes
    ----------
    error
        E = Sigma_yx - P Sigma_xx in the coordinates.
    error_symbol
        The one symbol E that stands for it below.
    step
        Every coordinate after one Euler step of size eta, all layers at once; exact, with all powers of eta.
    velocity
        Its time derivative along the flow: the part of `step` that is linear in eta.
    """

    error: w.Words
    error_symbol: Any
    step: Mapping[Any, w.Words]
    velocity: Mapping[Any, w.Words]

    def coordinate(self, name: str) -> Any:
        """The coordinate of a name.

        Raises
        ------
        DerivationError
            There is none.
        """
        for symbol in self.step:
            if symbol.name == name:
                return symbol
        raise DerivationError(f"no coordinate is called {name!r}; known: {', '.join(map(str, self.step))}")

    def drift(self, expression: Any) -> w.Words:
        """What one Euler step adds to a matrix polynomial in the coordinates; the empty dictionary is zero."""
        now = w.expand(expression)
        return commute(w.subtract(w.substitute(now, self.step), now))

    def rate(self, expression: Any) -> w.Words:
        """The time derivative of a matrix polynomial in the coordinates; the empty dictionary is zero."""
        return commute(w.lie_derivative(w.expand(expression), self.velocity))

    def eliminate(self, symbol: Any, expression: Any, constant: Any) -> Reduction:
        """Put constant + expression in the place of a coordinate that never differs from it.

        Parameters
        ----------
        symbol
            A coordinate.
        expression
            In the other coordinates.
        constant
            A new symbol for symbol - expression.

        Raises
        ------
        DerivationError
            symbol - expression is not constant, in continuous or in discrete time.
        """
        for words in (self.rate(symbol - expression), self.drift(symbol - expression)):
            if words:
                raise DerivationError(f"{symbol} - ({expression}) is not constant: it changes by {_sum(words)}")
        known = {symbol: w.expand(constant + expression)}

        def without(moved: Mapping[Any, w.Words]) -> dict[Any, w.Words]:
            return {key: commute(w.substitute(words, known)) for key, words in moved.items() if key != symbol}

        return replace(self, step=without(self.step), velocity=without(self.velocity))

    def joined(self, other: Reduction) -> Reduction:
        """The coordinates of both, for the same flow."""
        return replace(self, step={**self.step, **other.step}, velocity={**self.velocity, **other.velocity})


def reduce_flow(
    flow: Flow, observables: Mapping[Any, Any], constants: Mapping[Any, Any], given: Mapping[Any, Any]
) -> Reduction:
    """Close a set of observables under a flow and under its Euler step.

    Parameters
    ----------
    flow
        A derived flow.
    observables
        Matrix symbol -> the product of weights and feedback that it stands for, with a scalar factor if wanted.
    constants
        Scalar symbol -> a product of fixed matrices that is 1 x 1.
    given
        Values of sizes and decay rates, ``{n_2: 1, rho_1: 0}``; definitions are written with them put in.

    Raises
    ------
    DerivationError
        The observables do not close: the message names the word that has no contraction.
    """
    moving, error = _euler(flow, given)
    rules: Contractions = {}
    for symbol, definition in observables.items():
        ((word, factor),) = w.expand(definition).items()
        rules[w.transpose_word(word)] = (1 / factor, (w.transpose_factor(symbol),))
        rules[word] = (1 / factor, (symbol,))
    for symbol, definition in constants.items():
        ((word, factor),) = w.expand(definition).items()
        rules[word] = (symbol / factor, ())
    hidden = set(flow.network.sizes[1:-1])
    step = {
        symbol: contract(w.substitute(w.expand(definition), moving), rules, hidden)
        for symbol, definition in observables.items()
    }
    symbol = flow.network.error_symbol.subs(given)
    return Reduction(contract(error, rules, hidden), symbol, step, _linear(step))


def lift(flow: Flow, weights: Mapping[Any, Any], coordinates: set[Any], given: Mapping[Any, Any]) -> Reduction:
    """The coordinates of weights that stay in the span of fixed matrices.

    Parameters
    ----------
    flow
        A derived flow.
    weights
        W_l -> a sum of fixed matrices and of products of a coordinate with fixed matrices, on either side.
    coordinates
        Those symbols of `weights` that move.
    given
        As for `reduce_flow`.

    Raises
    ------
    DerivationError
        A step leaves the span.
    """
    moving, error = _euler(flow, given)
    spanned = {matrix: w.expand(expression) for matrix, expression in weights.items()}
    step: dict[Any, w.Words] = {}
    for matrix, words in spanned.items():
        rest = w.substitute(moving[matrix], spanned)
        for term, factor in words.items():
            if not coordinates.intersection(term):
                rest = w.subtract(rest, {term: factor})
                continue
            first = term[0] in coordinates
            coordinate, fixed = (term[0], term[1:]) if first else (term[-1], term[:-1])
            size = len(fixed)
            own = {word: value for word, value in rest.items() if (word[-size:] if first else word[:size]) == fixed}
            rest = {word: value for word, value in rest.items() if word not in own}
            step[coordinate] = {(word[:-size] if first else word[size:]): v / factor for word, v in own.items()}
        if rest:
            raise DerivationError(f"{matrix} leaves the span of its start: {_sum(rest)} is left")
    return Reduction(w.substitute(error, spanned), flow.network.error_symbol.subs(given), step, _linear(step))


def contract(words: w.Words, rules: Contractions, hidden: set[Any]) -> w.Words:
    """Replace products by what they contract to, until no hidden index is left.

    Raises
    ------
    DerivationError
        A word keeps a factor with a hidden index.
    """
    total: w.Words = {}
    for word, coefficient in words.items():
        factor, left = _contracted(word, rules)
        for part in left:
            if hidden.intersection(part.shape):
                raise DerivationError(
                    f"the observables do not close: {_product(word)} keeps {_product(left)}, for which there is no rule"
                )
        total = w.add(total, {left: coefficient * factor})
    return commute(total)


def commute(words: w.Words) -> w.Words:
    """Bring words to one order where 1 x 1 pieces commute and equal their transposes."""
    total: w.Words = {}
    for word, coefficient in words.items():
        total = w.add(total, {_ordered(word): coefficient})
    return {word: sp.factor(coefficient) for word, coefficient in total.items()}


def one_by_one(name: str) -> Any:
    """A 1 x 1 matrix symbol, which equals its transpose."""
    return w.SymmetricSymbol(name, 1, 1)


def pieces(word: w.Word) -> tuple[w.Word, list[w.Word], w.Word]:
    """A word as what stands before its 1 x 1 pieces, those, and what stands after them."""
    sizes = [word[0].shape[0], *(factor.shape[1] for factor in word)] if word else []
    cuts = [place for place, size in enumerate(sizes) if size == 1]
    if not cuts:
        return word, [], ()
    return word[: cuts[0]], [word[a:b] for a, b in pairwise(cuts)], word[cuts[-1] :]


def _ordered(word: w.Word) -> w.Word:
    before, scalars, after = pieces(word)
    chosen = sorted((min(piece, w.transpose_word(piece), key=str) for piece in scalars), key=str)
    return before + tuple(factor for piece in chosen for factor in piece) + after


def _contracted(word: w.Word, rules: Contractions) -> tuple[Any, w.Word]:
    for start in range(len(word)):
        for pattern, (factor, replacement) in rules.items():
            if word[start : start + len(pattern)] == pattern:
                more, left = _contracted(word[:start] + replacement + word[start + len(pattern) :], rules)
                return factor * more, left
    return sp.S.One, word


def _euler(flow: Flow, given: Mapping[Any, Any]) -> tuple[dict[Any, w.Words], w.Words]:
    """W + eta V of every matrix that moves, with E as one symbol, and E."""
    moving = {}
    for matrix, velocity in flow.factored.items():
        own = matrix.subs(given)
        moving[own] = w.add({(own,): sp.S.One}, w.scale(w.expand(velocity.subs(given)), STEP))
    return moving, w.expand(flow.error.subs(given))


def _linear(step: Mapping[Any, w.Words]) -> dict[Any, w.Words]:
    slopes = {}
    for symbol, words in step.items():
        slope = {word: sp.expand(value).coeff(STEP, 1) for word, value in words.items()}
        slopes[symbol] = w.add(slope)
    return slopes


def _product(word: w.Word) -> str:
    return "*".join(map(str, word)) or "1"


def _sum(words: w.Words) -> str:
    return " + ".join(f"({value})*{_product(word)}" for word, value in words.items())
