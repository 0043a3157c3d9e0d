"""Diagonal second moments with prescribed correlations and curvatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arguments import count
from fa_dynamics.tasks.arrays import Array, numeric

#: Largest ratio of two nonzero curvatures: beyond it a pseudo-inverse in double precision cannot tell the
#: smaller one from a null direction, and no solver would resolve both time scales.
LARGEST_CURVATURE_RATIO = 1e12


def spectrum_moments(
    correlations: Any, curvatures: Any = 1.0, n_inputs: int | None = None, n_outputs: int | None = None
) -> tuple[Array, Array, Array]:
    """Return the moments (input, cross, output) of `Task.from_spectrum`; arguments and errors stand there."""
    sigma = np.atleast_1d(numeric(correlations, "correlations"))
    given = numeric(curvatures, "curvatures")
    if sigma.ndim != 1 or sigma.size == 0:
        raise InputError(f"correlations: given shape {sigma.shape}; expected one or more numbers")
    if given.shape not in ((), (1,), sigma.shape):
        raise InputError(f"curvatures: given shape {given.shape}; expected one number, or one per mode: {sigma.shape}")
    curvature = np.broadcast_to(given, sigma.shape)
    if (curvature < 0.0).any():
        mode = int(np.argmax(curvature < 0.0))
        raise InputError(f"curvatures: given {curvature[mode]:g} in mode {mode}; expected none negative")
    impossible = (curvature == 0.0) & (sigma != 0.0)
    if impossible.any():
        mode = int(np.argmax(impossible))
        raise InputError(
            f"curvatures: given 0 in mode {mode}, whose correlation is {sigma[mode]:g}; "
            "expected a positive curvature, because an input without variance correlates with nothing"
        )
    modes = sigma.size
    width_in = modes if n_inputs is None else count(n_inputs, "n_inputs", modes)
    width_out = modes if n_outputs is None else count(n_outputs, "n_outputs", modes)
    diagonal = np.ones(width_in)
    diagonal[:modes] = curvature
    present = diagonal[diagonal > 0.0]
    if present.size and present.max() > LARGEST_CURVATURE_RATIO * present.min():
        raise InputError(
            f"curvatures: given from {present.min():g} to {present.max():g} (1 for inputs without a mode); "
            f"expected ratios up to {LARGEST_CURVATURE_RATIO:g}"
        )
    cross = np.zeros((width_out, width_in))
    cross[np.arange(modes), np.arange(modes)] = sigma
    attained = np.zeros(width_out)
    np.divide(sigma**2, curvature, out=attained[:modes], where=curvature > 0.0)
    return np.diag(diagonal), cross, np.diag(attained)
