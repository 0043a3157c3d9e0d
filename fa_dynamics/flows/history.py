"""The weights at all output times, kept as what moves, and rebuilt when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.coordinates import out_of_bases
from fa_dynamics.measures.linear import end_to_end

Array = NDArray[np.float64]

CHUNK = 1_000_000
"""Numbers of moving weights that are multiplied at a time."""


@dataclass(frozen=True, eq=False)
class History:
    """Weights over time: ``W_l = Q_l [moving_l; left_l still_l] Q_{l-1}^T``.

    Attributes
    ----------
    moving
        Rows that move, of every layer, (time, r_l, n_{l-1}).
    still
        Rows that do not, at t = 0, (n_l - r_l, n_{l-1}), or None where all move.
    left
        What is left of those, a factor (time,), or None for all of it.
    bases
        Q_0..Q_L, (n_l, n_l), or None for the identity.
    start
        The rows that move, at t = 0, (r_l, n_{l-1}).
    """

    moving: tuple[Array, ...]
    still: tuple[Array | None, ...]
    left: tuple[Array | None, ...]
    bases: tuple[Array | None, ...]
    start: tuple[Array, ...]

    @classmethod
    def of(cls, weights: Sequence[Array], start: Sequence[Array]) -> History:
        """A history of whole matrices, each (time, n_l, n_{l-1}), from a start at t = 0."""
        nothing: tuple[Array | None, ...] = (None,) * (len(weights) + 1)
        return cls(tuple(weights), nothing[1:], nothing[1:], nothing, tuple(start))

    def weights(self) -> tuple[Array, ...]:
        """W_1..W_L, each (time, n_l, n_{l-1})."""
        return tuple(self._weight(index) for index in range(len(self.moving)))

    def in_own_bases(self, time: int | slice | None) -> list[Array]:
        """Q_l^T W_l Q_{l-1} of every layer, at an output time or several; None is t = 0."""
        rows = self.start if time is None else [moving[time] for moving in self.moving]
        return [
            moving if still is None else _over(moving, _scaled(still, left, time, moving.ndim))
            for moving, still, left in zip(rows, self.still, self.left, strict=True)
        ]

    def at(self, time: int | None) -> list[Array]:
        """W_1..W_L at one output time; None is t = 0."""
        return [
            out_of_bases(matrix, above, below)
            for matrix, above, below in zip(self.in_own_bases(time), self.bases[1:], self.bases[:-1], strict=True)
        ]

    def squared_norms(self, times: NDArray[np.int_]) -> list[Array]:
        """|W_l|^2 of every layer at some output times."""
        return [
            (moving[times] ** 2).sum(axis=(1, 2))
            + (0.0 if still is None else float((still**2).sum()) * (1.0 if left is None else left[times] ** 2))
            for moving, still, left in zip(self.moving, self.still, self.left, strict=True)
        ]

    def over_end_to_end(self, read: Callable[[Array], Array]) -> Array:
        """``read(P)`` of the end-to-end maps P = W_L..W_1 (some times, [members], n_L, n_0), all times in one array."""
        times = len(self.moving[0])
        size = sum(matrix[0].size for matrix in self.moving) if times else 1
        step = max(1, CHUNK // size)
        pieces = []
        for first in range(0, max(times, 1), step):
            product = self._product(slice(first, first + step))
            pieces.append(read(out_of_bases(product, self.bases[-1], self.bases[0])))
        return np.concatenate(pieces)

    def _product(self, times: slice) -> Array:
        """P' of some times; from the outputs down where rows stand still, so that those are not put under each time."""
        if all(still is None for still in self.still):
            return end_to_end(self.in_own_bases(times))
        product = self.moving[-1][times]
        for moving, still, left in zip(self.moving[-2::-1], self.still[-2::-1], self.left[-2::-1], strict=True):
            rows = moving.shape[-2]
            below = product[..., :rows] @ moving[times]
            # the factor goes to the product, which has few rows
            product = below if still is None else below + _scaled(product[..., rows:], left, times) @ still
        return product

    def _weight(self, index: int) -> Array:
        moving, still, left = self.moving[index], self.still[index], self.left[index]
        above, below = self.bases[index + 1], self.bases[index]
        rows = out_of_bases(moving, above, below)
        if still is None:
            return rows
        rest = out_of_bases(still, None, below)
        if above is None:
            return _over(rows, _scaled(rest, left, slice(None), rows.ndim))
        rest = above[..., moving.shape[-2] :] @ rest  # once for all times
        if left is None:
            rows += rest
        else:
            for weight, factor in zip(rows, left, strict=True):
                weight += factor * rest
        return rows


def _scaled(matrix: Array, left: Array | None, time: int | slice | None, ndim: int | None = None) -> Array:
    """A matrix, or one per time, by the factor at some times; times are the first of `ndim` axes. None is t = 0."""
    if left is None or time is None:
        return matrix
    factor = np.asarray(left[time])
    return matrix * factor.reshape(-1, *(1,) * ((ndim or matrix.ndim) - 1)) if factor.ndim else matrix * factor


def _over(moving: Array, still: Array) -> Array:
    """The rows that move over those that do not, which all times share."""
    shape = (*moving.shape[:-2], *still.shape[-2:])
    return np.concatenate([moving, np.broadcast_to(still, shape)], axis=-2)
