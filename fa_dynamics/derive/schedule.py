"""Which matrix products to form, in which order, so that layers share them and the flops are few.

Given sums of words of matrices with known sizes, every word is parenthesised by dynamic programming in which a
product that was formed before (or its transpose) costs nothing, and a product of constants costs nothing because
it is formed once, outside. With all sizes equal the costs tie; a bias towards the input side (products that carry
n_0 columns) or the output side (n_L rows) breaks the ties, both are tried, and the cheaper total wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import MatrixSymbol

from fa_dynamics.derive import words as w

TIE_BREAK = 1e-6
"""Relative discount of the favoured side: far below any real difference of sizes, far above round-off."""


@dataclass(frozen=True)
class Product:
    """left * right; both are words of earlier products or single factors."""

    word: w.Word
    split: int
    constant: bool

    @property
    def left(self) -> w.Word:
        """The left operand."""
        return self.word[: self.split]

    @property
    def right(self) -> w.Word:
        """The right operand."""
        return self.word[self.split :]


@dataclass(frozen=True)
class Schedule:
    """Products in the order in which they are formed, and their multiply-add count per evaluation."""

    products: tuple[Product, ...]
    cost: float

    def operand(self, word: w.Word) -> tuple[w.Word, bool]:
        """The word under which a product was formed, and whether it must be transposed."""
        formed = {product.word for product in self.products}
        if len(word) == 1 or word in formed:
            return word, False
        return w.transpose_word(word), True


def plan(
    targets: Sequence[w.Words],
    sizes: Mapping[Any, int],
    is_constant: Callable[[Any], bool],
    ends: tuple[Any, Any],
    diagonal: frozenset[Any] = frozenset(),
) -> Schedule:
    """Plan the products of several sums of words.

    Parameters
    ----------
    targets
        What is to be evaluated.
    sizes
        Number of units of every size symbol.
    is_constant
        Whether a matrix stays the same between evaluations.
    ends
        The size symbols n_0 and n_L, whose sides may be favoured where costs tie.
    diagonal
        Matrices that scale rows or columns, without a sum.

    Returns
    -------
    Schedule
        The cheapest of the plans tried.
    """
    trials = []
    for favoured in ends:
        biased = {symbol: float(size) for symbol, size in sizes.items()}
        biased[favoured] *= 1 - TIE_BREAK
        for order in (list(targets), list(reversed(targets))):
            planner = _Planner(biased, is_constant, diagonal)
            for words in order:
                for word in words:
                    planner.form(word)
            trials.append(planner)
    best = min(trials, key=lambda planner: planner.cost(sizes))
    return Schedule(tuple(best.products), best.cost(sizes))


@dataclass
class _Planner:
    sizes: Mapping[Any, float]
    is_constant: Callable[[Any], bool]
    diagonal: frozenset[Any]
    products: list[Product] = field(default_factory=list)
    formed: set[w.Word] = field(default_factory=set)
    known: dict[Any, bool] = field(default_factory=dict)

    def form(self, word: w.Word) -> None:
        """Add the products that this word needs."""
        splits = self._best_splits(word)

        def descend(start: int, stop: int) -> None:
            part = word[start:stop]
            if len(part) < 2 or self._available(part):
                return
            split = splits[start, stop]
            descend(start, split)
            descend(split, stop)
            self.products.append(Product(part, split - start, self._all_constant(part)))
            self.formed.update((part, w.transpose_word(part)))

        descend(0, len(word))

    def _best_splits(self, word: w.Word) -> dict[tuple[int, int], int]:
        length = len(word)
        edges = [self._size(word[0], 0)] + [self._size(factor, 1) for factor in word] if word else []
        costs = {(i, i + 1): 0.0 for i in range(length)}
        splits = {}
        for span in range(2, length + 1):
            for start in range(length - span + 1):
                stop = start + span
                part = word[start:stop]
                free = self._available(part) or self._all_constant(part)
                options = [
                    (costs[start, k] + costs[k, stop] + self._cost(part, k - start, edges[start : stop + 1]), k)
                    for k in range(start + 1, stop)
                ]
                best, splits[start, stop] = min(options)
                costs[start, stop] = 0.0 if free else best
        return splits

    def cost(self, sizes: Mapping[Any, int]) -> float:
        """Multiply-adds of one evaluation at the true sizes."""
        total = 0.0
        for product in self.products:
            if not product.constant:
                word = product.word
                edges = [sizes[word[0].shape[0]], *(sizes[factor.shape[1]] for factor in word)]
                total += self._cost(word, product.split, edges)
        return total

    def _cost(self, word: w.Word, split: int, edges: Sequence[float]) -> float:
        """Of one product, at the sizes of the rows of every factor and of the columns of the last."""
        scaling = {word[:split], word[split:]} & {(matrix,) for matrix in self.diagonal}
        return edges[0] * edges[-1] * (1.0 if scaling else edges[split])

    def _size(self, factor: Any, axis: int) -> float:
        return self.sizes[factor.shape[axis]]

    def _available(self, part: w.Word) -> bool:
        return part in self.formed

    def _all_constant(self, part: w.Word) -> bool:
        return all(self._constant_factor(factor) for factor in part)

    def _constant_factor(self, factor: Any) -> bool:
        if factor not in self.known:
            self.known[factor] = all(self.is_constant(symbol) for symbol in factor.atoms(MatrixSymbol))
        return self.known[factor]
