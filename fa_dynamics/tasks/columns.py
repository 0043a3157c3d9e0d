"""Columns of a table: which are inputs, which are targets, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.tasks.arrays import Array
from fa_dynamics.tasks.table import Table, as_number, is_missing

Columns: TypeAlias = str | int | Sequence[str | int] | None


@dataclass(frozen=True)
class Choice:
    """Positions of the chosen columns, counted from 0.

    Attributes
    ----------
    inputs, targets : tuple of int
        Without a common member, neither empty.
    """

    inputs: tuple[int, ...]
    targets: tuple[int, ...]


def choose(table: Table, targets: Columns, inputs: Columns) -> Choice:
    """Find the target columns (by default the last) and the input columns (by default all others).

    Raises
    ------
    InputError
        Unknown, duplicate or common columns, or none left as inputs.
    """
    wanted = (table.width - 1,) if targets is None else _positions(table, targets, "targets")
    if inputs is None:
        rest = tuple(index for index in range(table.width) if index not in wanted)
        if not rest:
            raise InputError(
                f"targets: given all columns of {table.path.name}, which has {table.width}; "
                "expected at least one column left as an input"
            )
        return Choice(rest, wanted)
    given = _positions(table, inputs, "inputs")
    for index in given:
        if index in wanted:
            raise InputError(f"inputs: given {table.label(index)!r}, which is a target; expected other columns")
    return Choice(given, wanted)


def _positions(table: Table, columns: Any, argument: str) -> tuple[int, ...]:
    found = [_position(table, item, argument) for item in _items(table, columns)]
    for place, index in enumerate(found):
        if index in found[:place]:
            raise InputError(f"{argument}: given {table.label(index)!r} twice; expected different columns")
    if not found:
        raise InputError(f"{argument}: given none; expected at least one column")
    return tuple(found)


def _items(table: Table, columns: Any) -> list[Any]:
    if isinstance(columns, str):
        # The name of a column may itself hold a comma.
        whole = table.header is not None and columns in table.header
        return [columns] if whole else [part.strip() for part in columns.split(",")]
    return list(columns) if isinstance(columns, Sequence) else [columns]


def _position(table: Table, item: Any, argument: str) -> int:
    if table.header is not None:
        if item in table.header:
            return table.header.index(item)
        raise InputError(f"{argument}: {table.path.name} has no column {item!r}; {nearest(str(item), table.header)}")
    integer = isinstance(item, int | np.integer) and not isinstance(item, bool)
    if (integer or (isinstance(item, str) and item.isdecimal())) and 0 <= int(item) < table.width:
        return int(item)
    raise InputError(
        f"{argument}: given {item!r}; {table.path.name} has no header, expected a position from 0 to {table.width - 1}"
    )


def texts(table: Table, column: int) -> list[str]:
    """Cells of one column as labels.

    Raises
    ------
    InputError
        A missing value (names the row).
    """
    for line, row in zip(table.lines, table.rows, strict=True):
        if is_missing(row[column]):
            raise InputError(f"{table.path}, row {line}: {table.label(column)!r} is missing; expected a label")
    return [row[column] for row in table.rows]


def numbers(table: Table, columns: Sequence[int], hint: str) -> Array:
    """Cells of some columns as numbers, shape (n_rows, n_columns), in the units of the file.

    Parameters
    ----------
    table : Table
        Cells as text.
    columns : sequence of int
        Positions, counted from 0.
    hint : str
        What to do about a column that is not numeric.

    Raises
    ------
    InputError
        A cell that is missing, infinite or no number: names the column, the row and the text.
    """
    values = np.empty((len(table.rows), len(columns)))
    # Column by column, because the first offending row of a column is what a reader looks for.
    for place, column in enumerate(columns):
        for index, row in enumerate(table.rows):
            value = as_number(row[column])
            if value is None or not math.isfinite(value):
                raise InputError(_complaint(table, column, index, hint))
            values[index, place] = value
    return values


def _complaint(table: Table, column: int, index: int, hint: str) -> str:
    cell = table.rows[index][column]
    where = f"{table.path}, row {table.lines[index]}: {table.label(column)!r}"
    if is_missing(cell):
        return f"{where} is missing ({cell!r}); expected a number"
    if as_number(cell) is not None:
        return f"{where} is {cell!r}; expected a finite number"
    if as_number(cell.replace(",", ".")) is not None:
        return f"{where} is {cell!r}; expected a number with a decimal point, not a comma"
    return f"{where} is {cell!r}, the column is not numeric; expected a number ({hint})"
