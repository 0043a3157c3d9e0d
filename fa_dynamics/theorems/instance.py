"""One saved case of a statement, as a JSON file that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics._version import __version__
from fa_dynamics.errors import InputError
from fa_dynamics.files import write_json
from fa_dynamics.theorems.statement import Instance

FORMAT = "fa_dynamics instance 1"


def plain(value: Any) -> Any:
    """Arrays as nested lists and NumPy's scalars as Python's; JSON keeps every digit of a double."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def save_instance(path: str | Path, statement: str, instance: Instance) -> Path:
    """Write a case.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    content = {"format": FORMAT, "version": __version__, "statement": statement, "values": plain(instance)}
    return write_json(content, Path(path))


def load_instance(path: str | Path, statement: str) -> dict[str, Any]:
    """Read a case of a statement back.

    Raises
    ------
    InputError
        No such file, not such a file, of another format, or of another statement.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"instance: {str(path)!r} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:
        raise InputError(f"instance: {str(path)!r} is corrupt: {problem}") from problem
    if not isinstance(content, dict) or not isinstance(content.get("values"), dict):
        raise InputError(f"instance: {str(path)!r} holds no saved case, expected one of the format {FORMAT!r}")
    if content.get("format") != FORMAT:
        raise InputError(f"instance: {str(path)!r} has the format {content.get('format')!r}, expected {FORMAT!r}")
    if content.get("statement") != statement:
        raise InputError(f"instance: {str(path)!r} belongs to {content.get('statement')!r}, not to {statement!r}")
    values: dict[str, Any] = content["values"]
    return values
