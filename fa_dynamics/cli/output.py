"""What commands print: numbers, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table; 'never' for a time that is not reached."""
    if value is None or not np.isfinite(value):
        return "never"
    return f"{value:.{digits}g}"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """A table on standard output; the first `words` columns to the left, numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < words else "right")
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=False).print(table)


def print_json(content: Any) -> None:
    """Strict JSON and nothing else."""
    print(json.dumps(content, indent=2, allow_nan=False))


def finite_or_none(values: Any) -> list[float | None]:
    """Numbers for JSON: infinity and nan become null."""
    return [float(value) if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]
