"""Does a task hang together: do its shapes fit, and are its moments those of some distribution?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.tasks.task import Task

#: Asymmetry, or negative eigenvalues, up to this fraction are the round-off of whoever computed the moments.
MOMENT_TOLERANCE = 1e-8


def check_shapes(task: Task) -> None:
    """Compare every array of a task with the shape of its cross moment, (n_L, n_0).

    Raises
    ------
    InputError
        Names the first field that does not fit.
    """
    outputs, inputs = task.cross_moment.shape
    expected: dict[str, tuple[int | None, int | None]] = {
        "input_moment": (inputs, inputs),
        "output_moment": (outputs, outputs),
        "inputs": (task.n_samples, inputs),
        "targets": (task.n_samples, outputs),
        "input_map": (inputs, None),
    }
    for field, shape in expected.items():
        array = getattr(task, field)
        if array is None or all(e in (None, g) for g, e in zip(array.shape, shape, strict=True)):
            continue
        words = " by ".join("any" if e is None else str(e) for e in shape)
        raise InputError(
            f"{field}: given shape {array.shape}; expected {words}, "
            f"because cross_moment has shape {(outputs, inputs)} and n_samples is {task.n_samples}"
        )
    if task.output_names is not None and len(task.output_names) != outputs:
        raise InputError(f"output_names: given {len(task.output_names)}; expected one per output: {outputs}")
    raw = inputs if task.input_map is None else task.input_map.shape[1]
    if task.image_shape is not None and task.image_shape[0] * task.image_shape[1] != raw:
        raise InputError(f"image_shape: given {task.image_shape}; expected {raw} pixels, one per raw input")


def check_moments(task: Task) -> None:
    r"""Check that the joint second moment of (x, y) is symmetric and positive semidefinite.

    .. math:: \begin{pmatrix}
              \Sigma_{xx} & \Sigma_{yx}^\top \\ \Sigma_{yx} & \Sigma_{yy}
              \end{pmatrix} \succeq 0

    Otherwise some map would have a negative loss.

    Raises
    ------
    InputError
        Asymmetric or indefinite beyond `MOMENT_TOLERANCE` (1e-8, relative).
    """
    for field in ("input_moment", "output_moment"):
        moment = getattr(task, field)
        if np.abs(moment - moment.T).max() > MOMENT_TOLERANCE * np.abs(moment).max():
            raise InputError(f"{field}: given a matrix that is not symmetric; expected a second moment")
    joint = np.block([[task.input_moment, task.cross_moment.T], [task.cross_moment, task.output_moment]])
    eigenvalues = np.linalg.eigvalsh(joint)
    if eigenvalues[0] < -MOMENT_TOLERANCE * np.abs(eigenvalues).max():
        raise InputError(
            "input_moment, cross_moment, output_moment: given moments that no distribution has; expected "
            "[[E xx^T, E xy^T], [E yx^T, E yy^T]] positive semidefinite, but its lowest eigenvalue is "
            f"{eigenvalues[0]:.3g}"
        )
