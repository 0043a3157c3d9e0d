"""Keep explicit methods away from the edge of their stability: there their error estimate and dense output fail.

When a flow has nearly converged, its slow directions allow steps at which the fast ones are only just damped. At the
edge of DOP853 (|h lambda| near 6) steps err by up to 300 times and dense output by up to 4e4 times rtol, measured
against exact mode curves. One extra evaluation a step follows the largest rate of the Jacobian by a power iteration,
and the step is kept well inside, after which both errors decay with the solution.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REACH = {"DOP853": 4.5, "RK45": 3.0, "RK23": 2.3}
"""Largest |h lambda| allowed. DOP853 is stable to 6, and at 5 the errors above are gone; RK45 is stable to 3.3, RK23 to
2.5."""

SETTLED = 10
"""Evaluations after which the followed direction is known."""

SELDOM = 4
"""Then every so many steps are enough while the step that the method wants is less than half of what is allowed."""

STEADY, RARELY = 0.02, 8
"""While the rate changes by less than this fraction, the steps between evaluations are doubled, up to eight."""

SUDDEN, BETWEEN_SLOPE_AND_JUMP = 10.0, 1.5
"""A rate that has grown by more than this factor is looked at from half the distance: those of its components double
at which the velocity jumps, and are left out."""

RELATIVE_STEP = 1e-7
"""Of the finite difference along the followed direction; the rate is needed to a few digits only."""


class LargestRate:
    """Follows the size of the largest eigenvalue of the Jacobian along a trajectory, or along each of several.

    Parameters
    ----------
    velocity
        Of the flat state.
    size
        Of the state.
    members
        Into so many equal parts, which do not feel each other, the state falls apart: each has a largest rate.
    reach
        Largest |h lambda| allowed.
    """

    def __init__(
        self, velocity: Callable[[float, Array], Array], size: int, members: int = 1, reach: float = 3.0
    ) -> None:
        self.velocity, self.reach = velocity, reach
        self.direction = np.random.default_rng(0).standard_normal((members, size // members))
        self.direction /= np.linalg.norm(self.direction, axis=1, keepdims=True)
        self.evaluations, self.waited, self.patience = 0, 0, 1
        self.longest, self.rate = np.inf, np.zeros((members, 1))
        self.place = np.empty_like(self.direction)
        self.flat_place = self.place.reshape(-1)

    def longest_step(self, t: float, y: Array, f: Array, wanted: float = np.inf) -> float:
        """The longest step from (t, y) with velocity f that stays inside the reach; inf at a place without rates.

        `wanted` is the step that the method would take otherwise.
        """
        self.waited += 1
        patience = max(self.patience, SELDOM if wanted < self.longest / 2 else 1)
        if self.evaluations >= SETTLED and self.waited < patience:
            return self.longest
        self.waited = 0
        state, moving = y.reshape(self.direction.shape), f.reshape(self.direction.shape)
        # what a step moves is a size too: close to zero that of the state says nothing
        size = np.maximum(_norms(state), _norms(moving) * (wanted if np.isfinite(wanted) else 0.0))
        width = RELATIVE_STEP * np.where(size > 0, size, 1.0)
        change = self._slope(t, state, f, width)
        rate = _norms(change)
        if (rate > SUDDEN * self.rate).any():
            # across a jump of the velocity, such as that of a sign, the difference does not shrink with its width
            closer = self._slope(t, state, f, width / 2)
            change[np.abs(closer) > BETWEEN_SLOPE_AND_JUMP * np.abs(change)] = 0.0
            rate = _norms(change)
        known = np.isfinite(rate) & (rate > 0)
        self.direction = np.divide(change, rate, out=self.direction.copy(), where=known)
        self.rate = np.where(known, rate, 0.0)
        before, largest = self.longest, float(self.rate.max())
        self.longest = self.reach / largest if largest > 0 else np.inf
        steady = abs(self.longest - before) < STEADY * before < np.inf
        self.patience = min(2 * self.patience, RARELY) if steady else 1
        return self.longest

    def _slope(self, t: float, state: Array, f: Array, width: Array) -> Array:
        """Of the velocity along the followed direction, (members, states)."""
        np.multiply(width, self.direction, out=self.place)
        self.place += state
        change = self.velocity(t, self.flat_place)
        change -= f
        change = change.reshape(state.shape)
        change /= width
        self.evaluations += 1
        return change


def _norms(table: Array) -> Array:
    """Of the rows, (rows, 1)."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", table, table))[:, None])
