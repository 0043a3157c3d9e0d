"""Finite steps of one mode, for the experiment girotti2021-discrete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.step_map import Orbits, follow, orbit
from fa_dynamics.modes.step_sizes import orbits_of

Array = NDArray[np.float64]

MOST_STEPS = 4000
"""Of an orbit on the grid of starts: three times as many change no share by 1e-4."""

COARSEST, FINEST, STEPS = 1.0, 0.02, 25
"""Step sizes of the step counts, as parts of the guaranteed one."""


class ZeroStart(NamedTuple):
    """What steps up to 1 / (4 lambda r^2) from zero do.

    Attributes
    ----------
    ratio
        Largest (steps taken) / (steps of the bound) over the step sizes, by level, (levels,).
    smallest_factor, largest_factor
        Of e+ / e.
    overshoot
        Largest x / r.
    """

    ratio: Array
    smallest_factor: float
    largest_factor: float
    overshoot: float


def converging_starts(h: Sequence[float], points: int, *, edges: bool = False) -> tuple[Array, NDArray[np.bool_]]:
    """Whether starts of the normal form u' = 1 - u w, w' = u (1 - u w) converge at steps h.

    Parameters
    ----------
    h
        Step sizes in units of the normal form.
    points
        Per side of [-3, 3]^2.
    edges
        Put points on the edges, where fewer starts converge; else in the middles of equal cells, whose share is the
        share of the area.

    Returns
    -------
    axis, converges
        u and w, (points,), and (h, w, u).
    """
    axis = np.linspace(-3.0, 3.0, points) if edges else -3.0 + 6.0 * (np.arange(points) + 0.5) / points
    u, w = (grid.ravel() for grid in np.meshgrid(axis, axis))
    found = []
    for step in h:
        orbits = _orbits(np.array([u, w]), np.full(u.size, step))
        found.append(follow(orbits, MOST_STEPS).converges.reshape(points, points))
    return axis, np.array(found)


def zero_start(levels: Sequence[float]) -> ZeroStart:
    """Step counts, factors and largest weights from zero, with lambda = b = sigma = 1, over guaranteed step sizes.

    Parameters
    ----------
    levels
        delta of e <= delta sigma, each in (0, 1/2].
    """
    r = np.cbrt(2.0)
    eta = np.linspace(FINEST, COARSEST, STEPS) / (4 * r**2)
    steps, delta = (grid.ravel() for grid in np.meshgrid(eta, np.asarray(levels, dtype=float)))
    counted = follow(_orbits(np.zeros((2, steps.size)), steps), 50 * MOST_STEPS, 1 - delta).steps
    ratio = counted / step_bound(steps, delta)
    states = orbit(_orbits(np.zeros((2, eta.size)), eta), MOST_STEPS)
    error = 1 - states[:, 0] * states[:, 1]
    seen = error[:-1] > 1e-6  # below, the factor is lost in rounding
    factors = (error[1:] / np.where(seen, error[:-1], 1.0))[seen]
    return ZeroStart(
        ratio=ratio.reshape(len(levels), len(eta)).max(axis=1),
        smallest_factor=float(factors.min()),
        largest_factor=float(factors.max()),
        overshoot=float(states[:, 0].max() / r),
    )


def step_bound(step: Array, delta: Array) -> Array:
    """[4.18 + 1.06 ln(1 / (2 delta))] / (eta lambda r^2) at lambda = b = sigma = 1, girotti2021.discrete-zero-start."""
    return np.asarray((4.18 + 1.06 * np.log(1 / (2 * delta))) / (step * np.cbrt(2.0) ** 2))


def _orbits(start: Array, step: Array) -> Orbits:
    orbits = orbits_of(np.ones(len(step)), 1.0, 2, "fa", start, 1.0)
    return Orbits(orbits.chain, orbits.start, orbits.feedback, orbits.correlation, orbits.curvature, step)
