"""A table as plain text, for results that are printed without a terminal as well as on one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells as text under a title.

    Attributes
    ----------
    title
        What is tabulated, with its unit.
    columns
        Headings.
    rows
        Cells, each row as long as `columns`.
    words
        The first so many columns stand to the left, the others, numbers, to the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    def __str__(self) -> str:
        cells = [self.columns, *self.rows]
        widths = [max(len(line[column]) for line in cells) for column in range(len(self.columns))]
        head, *body = (self._line(line, widths) for line in cells)
        return "\n".join([self.title, head, "-" * (sum(widths) + 2 * len(widths) - 2), *body])

    def _line(self, cells: tuple[str, ...], widths: list[int]) -> str:
        placed = [
            cell.ljust(width) if column < self.words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(placed).rstrip()
