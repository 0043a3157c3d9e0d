"""Where every statement of a program writes: to an output, or to working memory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import sympy as sp
from sympy import MatrixSymbol

from fa_dynamics.derive.numpy_code import DotInto, ScaleInto, SumInto
from fa_dynamics.derive.program import Program, Statement

SMALL = 256
"""Numbers of a matrix whose transpose is worth copying before it is the second factor of stacked products: BLAS takes
short products of plain matrices on a path that is twice as fast, and on which threads do not wait for each other."""


@dataclass(frozen=True)
class WithMemory:
    """Statements as calls that write to given memory.

    Attributes
    ----------
    steps
        Pairs of a symbol and the call that computes it.
    memory
        Symbols of the working memory.
    spread
        Working memory that holds a diagonal, repeated: its number, the parameter, whether that scales rows.
    """

    steps: tuple[tuple[Any, Any], ...]
    memory: tuple[Any, ...]
    spread: tuple[tuple[int, str, bool], ...]


def with_memory(
    program: Program,
    numbers: Mapping[Any, int],
    diagonal: frozenset[Any],
    varying: frozenset[Any] = frozenset(),
    stacked: bool = False,
) -> WithMemory:
    """Give every statement its memory.

    Parameters
    ----------
    program
        What is computed.
    numbers
        Values of the size symbols.
    diagonal
        Parameters that are the diagonal of their matrix.
    varying
        Those of them that change with time.
    stacked
        Whether matrices have a leading axis. Their calls are loops over short matrices, so that a constant diagonal is
        spread over a matrix of its own first (10 ns instead of 30 ns for 4 x 8 numbers), and a small transpose is
        copied.
    """
    steps: list[tuple[Any, Any]] = []
    memory: list[Any] = []
    spread: list[tuple[int, str, bool]] = []
    copies: dict[Any, Any] = {}

    def allocate(like: Any) -> Any:
        memory.append(MatrixSymbol(f"m_{len(memory)}", *like.shape))
        return memory[-1]

    def scaled(home: Any, left: Any, right: Any) -> Any:
        rows = left in diagonal
        if not stacked or (left if rows else right) in varying:
            return ScaleInto(home, left, right, sp.sympify(rows))
        everywhere = allocate(home)
        spread.append((len(memory) - 1, (left if rows else right).name, rows))
        return ScaleInto(home, everywhere if rows else left, right if rows else everywhere, sp.false)

    def product(home: Any, left: Any, right: Any) -> Any:
        if stacked and isinstance(right, sp.Transpose) and prod(numeric_shape(right, numbers)) <= SMALL:
            if right not in copies:
                copies[right] = MatrixSymbol(f"t_{len(copies)}", *right.shape)
                steps.append((copies[right], SumInto(allocate(right), sp.S.Zero, sp.S.One, right)))
            right = copies[right]
        return DotInto(home, left, right)

    for statement in program.statements:
        target = statement.target
        if not statement.product and _is_function_of_matrix(statement):
            steps.append((target, statement.expression.subs(numbers)))
            continue
        home = output_memory(target) if target in program.outputs else allocate(target)
        if statement.product and diagonal.intersection(statement.product):
            call = scaled(home, *statement.product)
        elif statement.product:
            call = product(home, *statement.product)
        else:
            scratch = allocate(target) if any(abs(c) != 1 for c, _ in statement.terms[1:]) else home
            pairs = [part for c, (matrix,) in statement.terms for part in (c.subs(numbers), matrix)]
            call = SumInto(home, scratch, *pairs)
        steps.append((target, call))
    return WithMemory(tuple(steps), tuple(memory), tuple(spread))


def _is_function_of_matrix(statement: Statement) -> bool:
    ((_, operands), *others) = statement.terms
    matrix = operands[0].arg if isinstance(operands[0], sp.Transpose) else operands[0]
    return not others and not isinstance(matrix, MatrixSymbol)


def output_memory(output: Any) -> Any:
    """Symbol of the memory of an output."""
    return MatrixSymbol(f"out_{output.name}", *output.shape)


def numeric_shape(matrix: Any, numbers: Mapping[Any, int]) -> tuple[int, int]:
    """Numbers of rows and columns."""
    rows, columns = matrix.shape
    return numbers[rows], numbers[columns]
