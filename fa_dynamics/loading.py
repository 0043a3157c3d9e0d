"""load(path): whatever was saved, by what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_dynamics.derive.lookup import RuleLike


def load(path: str | Path, rule: RuleLike | None = None) -> Any:
    """Open what `Trajectory.save` or a sweep wrote.

    Parameters
    ----------
    path
        The NetCDF file of a run, or the Zarr store (a folder) of a sweep, which is opened lazily.
    rule
        The rule of the run, if it is one of your own that is not where it was.

    Returns
    -------
    Trajectory or Sweep

    Raises
    ------
    InputError
        No such file, nothing that was saved here, or a rule that cannot be found.
    """
    if Path(path).is_dir():
        from fa_dynamics.sweep import open_sweep

        return open_sweep(path)
    from fa_dynamics.flows.dataset import load as load_run

    return load_run(path, rule)
