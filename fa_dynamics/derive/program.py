"""A flow as a straight-line program: one matrix product or one sum per statement, nothing computed twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.schedule import Schedule, plan

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow


@dataclass(frozen=True)
class Statement:
    """target = sum of coefficient * (one operand, or the product of two)."""

    target: Any
    terms: tuple[tuple[Any, tuple[Any, ...]], ...]

    @property
    def expression(self) -> Any:
        """The right-hand side as a SymPy expression."""
        values = [sp.MatMul(coefficient, *operands).doit(deep=False) for coefficient, operands in self.terms]
        return values[0] if len(values) == 1 else sp.MatAdd(*values)

    @property
    def product(self) -> tuple[Any, ...] | None:
        """The two operands, where the statement is one plain product."""
        if len(self.terms) == 1 and self.terms[0][0] == 1 and len(self.terms[0][1]) == 2:
            return self.terms[0][1]
        return None


@dataclass(frozen=True)
class Program:
    """Statements for the velocity of every matrix of a flow's state.

    Attributes
    ----------
    constants
        Evaluated once for given parameters.
    statements
        Evaluated for every state, in this order.
    outputs
        The velocities, in the order of the flow's state; each is the target of one statement.
    multiply_adds
        Per evaluation of `statements`, products only.
    """

    constants: tuple[Statement, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[Any, ...]
    multiply_adds: float


def velocity_program(flow: Flow, sizes: tuple[int, ...]) -> Program:
    """Lay out the evaluation of a flow at given numbers of units n_0..n_L."""
    network = flow.network
    return lay_out(
        network.error_symbol,
        w.expand(flow.error),
        {matrix: w.expand(expression) for matrix, expression in flow.factored.items()},
        dict(zip(network.sizes, sizes, strict=True)),
        (network.n(0), network.n(flow.depth)),
    )


def lay_out(
    error: Any,
    error_words: w.Words,
    moving_words: Mapping[Any, w.Words],
    sizes: Mapping[Any, int],
    ends: tuple[Any, Any],
    diagonal: frozenset[Any] = frozenset(),
    varying: frozenset[Any] = frozenset(),
) -> Program:
    """Lay out the evaluation of velocities that share an error matrix.

    Parameters
    ----------
    error, error_words
        The symbol E in the velocities, and what it stands for.
    moving_words
        Velocity of every matrix that moves. It may have fewer rows than its matrix: those that move.
    sizes
        Number of units of every size symbol.
    ends
        The size symbols n_0 and n_L.
    diagonal
        Matrices that are diagonal.
    varying
        Matrices that change with time, beside those that move.
    """
    moving = {*moving_words, *varying, error}
    velocities = list(moving_words.values())
    schedule = plan([error_words, *velocities], sizes, lambda symbol: symbol not in moving, ends, diagonal)
    names = _Names(schedule)
    atoms = _atoms([error_words, *velocities])
    outputs = tuple(MatrixSymbol(f"d{matrix.name}", *_shape(words, matrix)) for matrix, words in moving_words.items())
    direct = _direct_outputs(schedule, velocities, outputs)
    for product in schedule.products:
        names.define(product.word, direct.get(product.word))
    for atom in atoms:
        names.define((atom,), None)

    before: list[Statement] = []
    constants: list[Statement] = []
    after: list[Statement] = []
    for atom in atoms:
        home = before if moving.intersection(atom.atoms(MatrixSymbol)) else constants
        home.append(Statement(names.of((atom,)), ((sp.S.One, (atom,)),)))
    for product in schedule.products:
        statement = Statement(names.of(product.word), ((sp.S.One, (names.of(product.left), names.of(product.right))),))
        home = constants if product.constant else after if _contains(product.word, error) else before
        home.append(statement)
    middle = Statement(error, names.terms(error_words))
    sums = [
        Statement(output, names.terms(words) or ((sp.S.Zero, (matrix,)),))
        for output, words, matrix in zip(outputs, velocities, moving_words, strict=True)
        if output not in direct.values()
    ]
    return Program(tuple(constants), (*before, middle, *after, *sums), outputs, schedule.cost)


def _shape(words: w.Words, matrix: Any) -> tuple[Any, Any]:
    word = next(iter(words), (matrix,)) or (matrix,)
    return word[0].shape[0], word[-1].shape[1]


class _Names:
    """The symbol under which each word was formed."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.symbols: dict[w.Word, Any] = {}

    def define(self, word: w.Word, name: Any | None) -> None:
        shape = (word[0].shape[0], word[-1].shape[1])
        self.symbols[word] = MatrixSymbol(f"x_{len(self.symbols)}", *shape) if name is None else name

    def of(self, word: w.Word) -> Any:
        formed, transposed = self.schedule.operand(word)
        if len(formed) > 1:
            return self.symbols[formed].T if transposed else self.symbols[formed]
        matrix, transposed = w.split_transpose(word[0])
        symbol = self.symbols.get((matrix,), matrix)
        return symbol.T if transposed else symbol

    def terms(self, words: w.Words) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
        pairs = [(coefficient, (self.of(word) if word else sp.Identity(1),)) for word, coefficient in words.items()]
        return tuple(sorted(pairs, key=lambda pair: pair[0].could_extract_minus_sign()))


def _atoms(targets: list[w.Words]) -> list[Any]:
    """Factors that are no plain matrix symbols, each once."""
    found = {w.split_transpose(factor)[0]: None for words in targets for word in words for factor in word}
    return [matrix for matrix in found if not isinstance(matrix, MatrixSymbol)]


def _direct_outputs(schedule: Schedule, velocities: list[w.Words], outputs: tuple[Any, ...]) -> dict[w.Word, Any]:
    """Products that are a whole velocity, which need no memory of their own."""
    formed = {product.word for product in schedule.products if not product.constant}
    direct: dict[w.Word, Any] = {}
    for words, output in zip(velocities, outputs, strict=True):
        if len(words) == 1:
            ((word, coefficient),) = words.items()
            if coefficient == 1 and word in formed and word not in direct:
                direct[word] = output
    return direct


def _contains(word: w.Word, matrix: Any) -> bool:
    return any(w.split_transpose(factor)[0] == matrix for factor in word)
