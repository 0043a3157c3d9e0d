"""What a sweep leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.sweep.run import STATUS
from fa_dynamics.sweep.store import read_attributes

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a summary."""


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """A sweep, finished or not.

    Attributes
    ----------
    path
        The store; None if nothing was kept on disk.
    data
        Dataset with dimensions axes of the grid, draw, then time, mode, ...; read from the store when used.
    """

    path: Path | None
    data: xarray.Dataset

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by how they ended."""
        found = np.bincount(self.data["status"].values.astype(int).ravel(), minlength=len(STATUS))
        return {name: int(number) for name, number in zip(STATUS, found, strict=True) if number}

    @property
    def complete(self) -> bool:
        """Whether all runs are in the store."""
        return "not run" not in self.counts

    def failures(self) -> list[dict[str, Any]]:
        """Coordinates, seed and reason of every run that ended otherwise than 'completed'."""
        codes = self.data["status"].values
        places = list(zip(*np.nonzero(codes > STATUS.index("completed")), strict=True))
        if not places:
            return []
        axes = {str(dim): self.data[dim].values.tolist() for dim in self.data["status"].dims}
        seeds, reasons = self.data["seed"].values, self.data["message"].values
        return [
            {axis: values[index] for (axis, values), index in zip(axes.items(), place, strict=True)}
            | {"seed": int(seeds[place]), "status": STATUS[codes[place]], "reason": str(reasons[place])}
            for place in places
        ]

    def summary(self, levels: Sequence[float] = LEVELS) -> xarray.Dataset:
        """Quantiles over the draws, of all observables but weights: dims axes, quantile, then time, mode, ...

        By rank, so that a learning time of inf counts as late; runs that did not complete are left out, and so are
        values that are nan. ``completed`` counts the runs that are in.
        """
        import xarray

        wanted = np.asarray(levels, dtype=float)
        if wanted.ndim != 1 or not wanted.size or not ((wanted >= 0) & (wanted <= 1)).all():
            raise InputError(f"levels: {levels!r} given, expected numbers from 0 to 1")
        status = self.data["status"]
        inside = status == STATUS.index("completed")
        found: dict[str, Any] = {"completed": inside.sum("draw")}
        for name in self.observables:
            if not name.startswith("W_") and name != "weights":
                found[name] = _quantiles(self.data[name].where(inside), wanted)
        return xarray.Dataset(found, attrs={"description": "quantiles over draws, by rank"})

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of what was recorded."""
        return tuple(self.data.attrs["observables"])

    def plot(self, observable: str | None = None, x: str | None = None, **options: Any) -> Figure:
        """Median and quantile band of one observable; see `fa_dynamics.plots.sweep.plot_sweep`."""
        from fa_dynamics.plots.sweep import plot_sweep

        name = self.observables[0] if observable is None else observable
        if name not in self.observables:
            raise InputError(f"observable: {name!r} was not recorded; {nearest(str(name), self.observables)}")
        return plot_sweep(self.data, name, x, **options)

    def __repr__(self) -> str:
        shape = " x ".join(f"{size} {name}" for name, size in self.data["status"].sizes.items())
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        kept = f"in {self.path}" if self.path is not None else "in memory"
        size = f"{self.data.nbytes / 1e6:.3g} MB"
        return (
            f"Sweep of {self.data.attrs['solver']}: {shape}\n  {counts}\n  {', '.join(self.observables)}: {size} {kept}"
        )


def open_sweep(path: str | Path) -> Sweep:
    """Open the store of a sweep; of one that is not finished, what is in the store by now.

    Raises
    ------
    InputError
        No such store.
    """
    import xarray

    if read_attributes(Path(path)) is None:
        raise InputError(f"path: {str(path)!r} is no store of a sweep")
    data = xarray.open_zarr(path, consolidated=False, chunks=None, decode_timedelta=False)
    # In the order in which they were made: a folder lists its entries in any.
    coordinates = {name: data[name].variable for name in data.attrs["coordinate_names"]}
    observables = {name: data[name].variable for name in data.attrs["observables"]}
    return Sweep(Path(path), xarray.Dataset(observables, coordinates, data.attrs))


def _quantiles(data: xarray.DataArray, levels: Any) -> xarray.DataArray:
    import xarray

    ordered = np.sort(np.moveaxis(data.values, data.dims.index("draw"), -1), axis=-1)  # nan comes last
    known = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    # The smallest value that at least this fraction of the draws does not exceed.
    ranks = np.maximum(np.ceil(levels * known - 1e-9).astype(int) - 1, 0)
    values = np.take_along_axis(ordered, ranks, axis=-1)
    rest = [dim for dim in data.dims if dim != "draw"]
    found = xarray.DataArray(values, dims=(*rest, "quantile"), coords={"quantile": levels}, attrs=data.attrs)
    own = {name: each for name, each in data.coords.items() if "draw" not in each.dims}
    place = data.dims.index("draw")
    return found.assign_coords(own).transpose(*rest[:place], "quantile", *rest[place:])
