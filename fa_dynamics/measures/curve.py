"""A curve between the accepted steps of a solver: one polynomial per step, through nodes of its dense output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEGREE = 7
"""Of the polynomial of a step, as that of the dense output of eighth-order methods: interpolation adds nothing to its
error."""

NODES: Array = (1 - np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)) / 2
"""Chebyshev-Lobatto nodes of a step, scaled to [0, 1]."""

_WEIGHTS: Array = np.where(np.arange(DEGREE + 1) % 2, -1.0, 1.0)
"""Their barycentric weights: alternating signs, halved at the ends."""
_WEIGHTS[[0, -1]] /= 2


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at the Chebyshev-Lobatto nodes of every step.

    Attributes
    ----------
    edges
        (steps + 1,), increasing.
    values
        (steps, nodes, modes).
    """

    edges: Array
    values: Array

    def __call__(self, t: Array) -> Array:
        """Values at times t within [edges[0], edges[-1]], (len(t), modes)."""
        position, step = self._places(np.atleast_1d(np.asarray(t, dtype=float)))
        return interpolate(position, self.values[step])

    def of_modes(self, t: Array, modes: NDArray[np.intp]) -> Array:
        """Value of mode modes[i] at time t[i], (len(t),)."""
        position, step = self._places(t)
        return np.asarray(np.einsum("pn,pn->p", _matrix(position), self.values[step, :, modes]))

    def _places(self, times: Array) -> tuple[Array, NDArray[np.intp]]:
        """Position within its step, and number of the step, of every time."""
        step = np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.values) - 1)
        width = self.edges[step + 1] - self.edges[step]
        return (times - self.edges[step]) / width, step

    def sample(self, per_step: int = 8) -> tuple[Array, Array]:
        """Times and values on a grid that follows the steps: `per_step` points a step, and the end.

        Returns
        -------
        t, values
            (points,) and (points, modes).
        """
        inside = np.arange(per_step) / per_step
        widths = np.diff(self.edges)
        times = (self.edges[:-1, None] + widths[:, None] * inside).ravel()
        values = np.einsum("pn,snm->spm", _matrix(inside), self.values)
        t = np.append(times, self.edges[-1])
        return t, np.concatenate([values.reshape(len(times), -1), self.values[-1, -1:]])


def interpolate(position: Array, values: Array) -> Array:
    """Barycentric interpolation at one position in [0, 1] per row of values (rows, nodes, modes)."""
    result: Array = np.einsum("pn,pnm->pm", _matrix(position), values)
    return result


def _matrix(position: Array) -> Array:
    distance = position[:, None] - NODES
    hit = np.isclose(distance, 0, rtol=0, atol=1e-15)
    weight = _WEIGHTS / np.where(hit, 1.0, distance)
    rows = weight / weight.sum(axis=1, keepdims=True)
    matrix: Array = np.where(hit.any(axis=1, keepdims=True), hit.astype(float), rows)
    return matrix
