"""Arrays X and Y from NumPy and NetCDF files, with errors that name the file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError


def existing_file(path: Path) -> Path:
    """Return `path` if it is a file with something in it.

    Raises
    ------
    InputError
        Missing, a directory, or empty.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened ({error})") from error
    if path.is_dir():
        raise InputError(f"{path}: is a directory; expected a file")
    if size == 0:
        raise InputError(f"{path}: is empty; expected data")
    return path


def _numpy(path: Path) -> dict[str, Any]:
    """Arrays of a NumPy file by name, a single array under ""; pickles are refused: loading one may run code."""
    try:
        # NumPy 2.4 leaves a file open that it opened itself and found damaged.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"": content}
            return {name: content[name] if name in ("X", "Y") else None for name in content.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        if "pickle" in str(error).lower():
            words = "holds pickled objects or is no NumPy file"
        else:
            words = f"cannot be read as a NumPy file ({type(error).__name__})"
        raise InputError(f"{path}: {words}; expected plain arrays of numbers") from error


def read_npy(inputs: Path, targets: Path) -> tuple[Any, Any]:
    """Arrays of two .npy files.

    Raises
    ------
    InputError
        Not .npy inside, pickled, or damaged.
    """
    arrays = []
    for path in (inputs, targets):
        content = _numpy(path)
        if "" not in content:
            raise InputError(f"{path}: is a .npz archive by its content; expected one array, as np.save writes it")
        arrays.append(content[""])
    return arrays[0], arrays[1]


def read_npz(path: Path) -> tuple[Any, Any]:
    """Arrays X and Y of a .npz archive.

    Raises
    ------
    InputError
        Not an archive, X or Y missing (says what is there), pickled, or damaged.
    """
    content = _numpy(path)
    if "" in content:
        raise InputError(f"{path}: is a single array by its content; expected an archive, as np.savez writes it")
    _require(path, list(content))
    return content["X"], content["Y"]


def read_netcdf(path: Path) -> tuple[Any, Any]:
    """Read the variables X and Y of a NetCDF 4 (or plain HDF5) file; samples come first.

    Raises
    ------
    InputError
        Not NetCDF 4, X or Y missing (says what is there), samples not first, or no HDF5 library installed.
    """
    import xarray

    try:
        with xarray.open_dataset(path, engine="h5netcdf", decode_times=False, phony_dims="sort") as dataset:
            present = [str(name) for name in dataset.variables]
            arrays = {name: dataset[name].load() for name in ("X", "Y") if name in present}
    except ImportError as error:
        # Recent h5netcdf comes without a backend of its own.
        raise InputError(f"{path}: NetCDF needs h5py, which is not installed; expected: pip install h5py") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as NetCDF 4; expected a file with variables X and Y") from error
    _require(path, present)
    X, Y = arrays["X"], arrays["Y"]
    if X.dims and Y.dims and X.dims[0] != Y.dims[0] and Y.dims[0] in X.dims:
        raise InputError(f"{path}: X has dimensions {X.dims}, Y has {Y.dims}; expected the samples first in both")
    return X.values, Y.values


def _require(path: Path, present: list[str]) -> None:
    missing = [name for name in ("X", "Y") if name not in present]
    if missing:
        there = ", ".join(present) or "nothing"
        raise InputError(f"{path}: has no array {' and no array '.join(missing)}; there is {there}")
