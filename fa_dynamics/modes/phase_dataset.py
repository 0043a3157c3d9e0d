"""Phase diagrams as labelled datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics._version import __version__
from fa_dynamics.modes.ranking import VERDICTS

if TYPE_CHECKING:
    import xarray

    from fa_dynamics.modes.phase import PhaseDiagram


def to_dataset(diagram: PhaseDiagram) -> xarray.Dataset:
    """The diagram as an xarray Dataset.

    Dimensions are y, x (by the names of the two scalars) and mode. Variables: ``learning_time``,
    ``rank_correlation``, ``verdict`` and ``predicted`` (flags), ``fold`` (zero on the folds of a mode),
    ``correlation``, ``curvature``, ``target``, and every fixed start and feedback by its name.
    """
    import xarray

    plane = diagram.plane
    grid = [plane.y, plane.x]
    flags = {"flag_values": np.arange(len(VERDICTS), dtype=np.int8), "flag_meanings": " ".join(VERDICTS)}
    data: dict[str, Any] = {
        "learning_time": (
            [*grid, "mode"],
            diagram.learning_time,
            {"units": "1 / curvature", "long_name": f"time after which |p - s| <= {1 - diagram.level:g} |s| for good"},
        ),
        "rank_correlation": (
            grid,
            diagram.rank_correlation,
            {"units": "1", "long_name": "rank correlation of |target| and learning time"},
        ),
        "verdict": (grid, diagram.verdict, {"long_name": "order of learning found", "units": "1"} | flags),
        "predicted": (grid, diagram.predicted, {"long_name": "order of learning predicted", "units": "1"} | flags),
        "fold": (
            [*grid, "mode"],
            diagram.folds(),
            {"units": "1", "long_name": "bounded discriminant of sigma - lambda p, zero on folds"},
        ),
        "correlation": (["mode"], diagram.correlation, {"units": "output x input"}),
        "curvature": (["mode"], diagram.curvature, {"units": "input squared"}),
        "target": (["mode"], diagram.target, {"units": "output per input"}),
    }
    data |= {name: (["mode"], values, {"units": "1"}) for name, values in plane.fixed().items()}
    coordinates = {
        plane.x: ([plane.x], plane.x_values, {"units": "1"}),
        plane.y: ([plane.y], plane.y_values, {"units": "1"}),
        "mode": np.arange(1, len(diagram.correlation) + 1),
    }
    attributes = {
        "format": "fa_dynamics phase diagram 1",
        "fa_dynamics": __version__,
        "rule": diagram.rule.name,
        "depth": diagram.depth,
        "level": diagram.level,
    }
    return xarray.Dataset(data, coordinates, attrs=attributes)
