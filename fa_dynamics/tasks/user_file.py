"""A task from a user's own file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arguments import flag
from fa_dynamics.tasks.binary import existing_file, read_netcdf, read_npy, read_npz
from fa_dynamics.tasks.columns import Columns, choose, numbers, texts
from fa_dynamics.tasks.onehot import one_hot
from fa_dynamics.tasks.table import read_table
from fa_dynamics.tasks.task import Task

_TABLES = (".csv", ".tsv")
_ARRAYS: dict[str, Callable[[Path], tuple[Any, Any]]] = {".npz": read_npz, ".nc": read_netcdf}
SUPPORTED = "a .csv or .tsv table, .npz or NetCDF .nc with arrays X and Y, or a pair 'X.npy,Y.npy'"


def load(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    targets: Columns = None,
    inputs: Columns = None,
    classes: bool = False,
    centre: bool | tuple[bool, bool] = False,
    whiten: bool = False,
    unit_variance: bool = False,
) -> Task:
    """Read a task from a table, from arrays named X and Y, or from two array files.

    Parameters
    ----------
    path : str, path-like or pair of them
        ``.csv`` or ``.tsv`` (comma, semicolon or tab; with or without a header; UTF-8), ``.npz`` or NetCDF
        ``.nc`` with arrays X and Y, or two ``.npy`` files as "X.npy,Y.npy" or as a pair.
    targets : str, int or sequence, optional
        Columns of a table to learn: names, also as "a,b"; positions counted from 0 where there is no header.
        By default the last column; the description of the task says which.
    inputs : str, int or sequence, optional
        Columns of a table to learn from; by default all that are no targets.
    classes : bool
        Turn the labels of the one target column (or of a 1-D Y) into one-hot targets.
    centre, whiten, unit_variance
        As in `Task.from_arrays`.

    Returns
    -------
    Task
        Named after the file, in the units of the file.

    Raises
    ------
    InputError
        A file that is missing, empty, of another kind or damaged; a cell that is missing or no number (rows are
        the lines of the file, from 1); columns that do not exist or overlap; whatever `Task.from_arrays` refuses.
    """
    classes = flag(classes, "classes")
    files = _paths(path)
    output_names: tuple[str, ...] | None
    if files[0].suffix.lower() in _TABLES:
        X, Y, output_names, words = _from_table(files[0], targets, inputs, classes)
    else:
        for argument, columns in (("targets", targets), ("inputs", inputs)):
            if columns is not None:
                raise InputError(f"{argument}: given {columns!r}; expected none, it chooses columns of a table")
        X, Y = _ARRAYS[files[0].suffix.lower()](files[0]) if len(files) == 1 else read_npy(files[0], files[1])
        Y, output_names = _labels(Y, classes)
        words = f"Arrays X and Y of {' and '.join(file.name for file in files)}."
    return Task.from_arrays(
        X,
        Y,
        centre=centre,
        whiten=whiten,
        unit_variance=unit_variance,
        name=files[0].stem,
        description=words,
        output_names=output_names,
    )


def _paths(path: Any) -> list[Path]:
    """One table or archive, or two .npy files; each exists and is not empty."""
    if isinstance(path, str | PathLike):
        text = fspath(path)
        parts: list[Any] = text.split(",")
        # A comma may well belong to the name of a single file.
        pair = all(part.strip().lower().endswith(".npy") for part in parts)
        given: list[Any] = [part.strip() for part in parts] if pair else [text]
    elif isinstance(path, Sequence):
        given = list(path)
    else:
        raise InputError(f"path: given {path!r}; expected {SUPPORTED}")
    files = [Path(str(part)).expanduser() for part in given]
    suffixes = {file.suffix.lower() for file in files}
    if len(files) == 1 and suffixes == {".npy"}:
        raise InputError(f"path: given {files[0].name!r} alone; expected a pair 'X.npy,Y.npy'")
    single = len(files) == 1 and suffixes <= {*_TABLES, *_ARRAYS}
    if not single and not (len(files) == 2 and suffixes == {".npy"}):
        # A directory has no suffix, but its name is not what is wrong with it.
        if len(files) == 1:
            existing_file(files[0])
        raise InputError(f"path: given {', '.join(map(str, files)) or 'nothing'}; expected {SUPPORTED}")
    return [existing_file(file) for file in files]


def _from_table(file: Path, targets: Columns, inputs: Columns, classes: bool) -> tuple[Any, Any, tuple[str, ...], str]:
    table = read_table(file)
    chosen = choose(table, targets, inputs)
    labels = tuple(table.label(index) for index in chosen.targets)
    if classes and len(labels) != 1:
        raise InputError(f"classes: given {len(labels)} target columns; expected one column of labels")
    X = numbers(table, chosen.inputs, "choose the inputs by inputs= or --inputs")
    noun = "column" if len(labels) == 1 else "columns"
    how = ", the last one" if targets is None else ""
    words = f"Table {file.name}; target {noun}: {', '.join(labels)}{how}."
    if classes:
        Y, names = one_hot(texts(table, chosen.targets[0]), labels[0])
        return X, Y, names, words
    Y = numbers(table, chosen.targets, "labels become one-hot targets with classes=True or --classes")
    return X, Y, labels, words


def _labels(Y: Any, classes: bool) -> tuple[Any, tuple[str, ...] | None]:
    Y = np.asarray(Y)
    # NetCDF strings come as objects.
    if Y.dtype.kind in "OT" and all(isinstance(label, str) for label in Y.flat):
        Y = Y.astype(np.str_)
    if not classes:
        if Y.dtype.kind in "US":
            raise InputError("Y: given text; expected numbers (labels become one-hot with classes=True or --classes)")
        return Y, None
    if Y.ndim == 2 and Y.shape[1] == 1:
        Y = Y[:, 0]
    if Y.ndim != 1 or Y.size == 0 or Y.dtype.kind not in "USbiuf":
        raise InputError(f"classes: given Y of shape {Y.shape}, type {Y.dtype}; expected one label per sample")
    if Y.dtype.kind == "f" and not np.isfinite(Y).all():
        row = int(np.argmax(~np.isfinite(Y)))
        raise InputError(f"Y: {Y[row]} at row {row} (counted from 0); expected a label")
    if Y.dtype.kind == "S":
        Y = np.char.decode(Y, "utf-8", "backslashreplace")
    return one_hot([str(label) for label in Y.tolist()], "Y")
