"""Write files whole or not at all, with errors that a user can act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


def writable_folder(out: str | Path) -> Path:
    """The folder `out`, made if needed and tried for writing.

    Raises
    ------
    InputError
        It cannot be made or written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise InputError(f"out: folder {str(out)!r} cannot be written ({problem.strerror or problem})") from problem
    return folder


def write_whole(path: Path, write: Callable[[Path], Any], argument: str = "out") -> Path:
    """Let `write` make a file beside `path`, and move it there when it is complete.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        write(partial)
        partial.replace(path)
    except OSError as problem:
        raise InputError(f"{argument}: {str(path)!r} cannot be written ({problem.strerror or problem})") from problem
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_json(content: Any, path: Path) -> Path:
    """Strict JSON: no NaN, no infinity."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_netcdf(data: xarray.Dataset, path: Path, argument: str = "out") -> Path:
    """NetCDF through h5netcdf."""
    return write_whole(path, lambda partial: data.to_netcdf(partial, engine="h5netcdf"), argument)


def write_figure(figure: Figure, path: Path) -> Path:
    """PNG at 150 dots per inch."""
    return write_whole(path, lambda partial: figure.savefig(partial, dpi=150))
