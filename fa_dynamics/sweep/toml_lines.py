"""Read a TOML file, and find the line of a key in it: Python's own reader does not tell."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from fa_dynamics.errors import InputError

HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
KEY = re.compile(r"^\s*([A-Za-z0-9_.\-\"' ]+?)\s*=")


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Content and text of a TOML file.

    Raises
    ------
    InputError
        No such file, or no TOML: with the line.
    """
    if not path.is_file():
        raise InputError(f"spec: there is no file {str(path)!r}")
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"spec: {str(path)!r} cannot be read ({problem})") from problem
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{path}: no TOML: {problem}") from problem


def line_of(text: str, key: str) -> int | None:
    """The line, counted from 1, on which a key such as 'grid.hidden' stands; else that of its table; else None."""
    wanted = tuple(key.split("."))
    table: tuple[str, ...] = ()
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = HEADER.match(line)
        if header:
            table = _parts(header[1])
            found.setdefault(table, number)
            continue
        assigned = KEY.match(line)
        if assigned:
            found.setdefault(table + _parts(assigned[1]), number)
    for length in range(len(wanted), 0, -1):
        if wanted[:length] in found:
            return found[wanted[:length]]
    return None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.replace('"', "").replace("'", "").split("."))
