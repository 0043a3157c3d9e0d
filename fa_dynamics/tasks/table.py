"""Text tables: separator, header, rows of equal length; the cells stay text."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from fa_dynamics.errors import InputError

#: What people write into a cell that has no value (compared in lower case).
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a"})


@dataclass(frozen=True)
class Table:
    """Cells of a text table.

    Attributes
    ----------
    path : Path
        The file, for errors.
    header : tuple of str or None
        Names of the columns; None if the file has none.
    rows : tuple of tuple of str
        Cells without surrounding blanks, all rows of equal length.
    lines : tuple of int
        The line of the file, counted from 1, where each row ends.
    """

    path: Path
    header: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.rows[0])

    def label(self, index: int) -> str:
        """Name of a column, or "column 3" (counted from 0) where there is no header."""
        return f"column {index}" if self.header is None else self.header[index]


def as_number(cell: str) -> float | None:
    """Value of a cell, also nan or inf; None if it is no number. Underscores are no part of a number here."""
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return cell.lower() in MISSING


def read_table(path: Path) -> Table:
    """Read a table separated by commas, semicolons or tabs.

    The first row is a header if it holds no number and either no missing value, or a name above a number.

    Parameters
    ----------
    path : Path
        An existing file, UTF-8.

    Returns
    -------
    Table
        With at least one row of data.

    Raises
    ------
    InputError
        Not text, ragged, no data, names that are missing or used twice, a first row that is half a header.
    """
    numbered = _records(path)
    if not numbered:
        raise InputError(f"{path}: holds blank lines only; expected data")
    (first_line, first), *others = numbered
    for line, row in others:
        if len(row) != len(first):
            raise InputError(
                f"{path}, row {line}: given {len(row)} fields; expected {len(first)}, as in row {first_line}"
            )
    header = None
    if _is_header(path, first_line, first, others[0][1] if others else None):
        header, numbered = first, others
        _check_names(path, header)
    if not numbered:
        raise InputError(f"{path}: has a header and no rows of data")
    return Table(path, header, tuple(row for _, row in numbered), tuple(line for line, _ in numbered))


def _records(path: Path) -> list[tuple[int, tuple[str, ...]]]:
    try:
        # A byte order mark, as spreadsheets write it, would stick to the first name.
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in text.split("\n") if line.strip()]
        reader = csv.reader(io.StringIO(text), delimiter=_separator(lines[:2]), skipinitialspace=True)
        cells = ((reader.line_num, tuple(cell.strip() for cell in row)) for row in reader)
        # A line without any field is blank; a line of empty fields is a row with missing values.
        return [(line, row) for line, row in cells if row and row != ("",)]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); expected a text table") from error
    except (csv.Error, OSError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error


def _separator(lines: list[str]) -> str:
    """Tab or semicolon if it splits the first rows, else comma: a comma may also be a decimal sign."""
    for candidate in ("\t", ";"):
        if lines and all(len(row) > 1 for row in csv.reader(lines, delimiter=candidate)):
            return candidate
    return ","


def _is_header(path: Path, line: int, first: tuple[str, ...], second: tuple[str, ...] | None) -> bool:
    named = [index for index, cell in enumerate(first) if not _is_value(cell) and not is_missing(cell)]
    above_numbers = [index for index in named if second is not None and _is_value(second[index])]
    if not any(map(_is_value, first)):
        # 'Na' may be sodium or a missing value: what stands below the other cells tells which.
        return len(named) == len(first) or bool(above_numbers)
    if above_numbers:
        index = above_numbers[0]
        raise InputError(
            f"{path}, row {line}: {first[index]!r} stands in column {index} (counted from 0) above a number, but "
            "other cells of the row are numbers; expected a row of names or a row of data"
        )
    return False


def _is_value(cell: str) -> bool:
    value = as_number(cell)
    return value is not None and not math.isnan(value)


def _check_names(path: Path, header: tuple[str, ...]) -> None:
    for index, name in enumerate(header):
        if name == "":
            raise InputError(f"{path}: column {index} (counted from 0) has no name; expected one in the header")
        if name in header[:index]:
            raise InputError(f"{path}: the name {name!r} stands twice in the header; expected different names")
