"""Laws of feedback alignment under constant decay, for data whose X X^T has one nonzero eigenvalue gamma.

Source: `song2021.md` section 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.systems.one_output_flow import OneOutputRun

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UniformLaw:
    """Alignment and residual of wide networks that have forgotten their start, at time t.

    (1 + rho / gamma) R + R^3 / 3 = rho |P_*| |B_2| t. Source: song2021.width-uniform-law.

    Attributes
    ----------
    R
        sqrt(kappa) |U|, dimensionless.
    cosine
        R / sqrt(1 + R^2).
    residual
        rho |P_*| / (sqrt(gamma) (1 + rho / gamma + R^2)).
    """

    R: Array
    cosine: Array
    residual: Array


def uniform_law(problem: OneOutputProblem, rho: float, feedback_norm: float, t: ArrayLike) -> UniformLaw:
    """The law at times t, for isometric data and |B_2|."""
    gamma, size = problem.slowest, float(np.linalg.norm(problem.target))
    linear = 1 + rho / gamma
    half = 1.5 * rho * size * feedback_norm * np.asarray(t, dtype=float)
    # Cardano's root of R^3 + 3 linear R - 2 half = 0, in a form that does not cancel where R is small.
    R = 2 * np.sqrt(linear) * np.sinh(np.arcsinh(half / linear**1.5) / 3)
    return UniformLaw(R, R / np.sqrt(1 + R**2), rho * size / (np.sqrt(gamma) * (linear + R**2)))


@dataclass(frozen=True, eq=False)
class LateLaw:
    """Late asymptotics under constant decay, beside what was seen.

    Attributes
    ----------
    t
        Times.
    seen, law
        Over (quantity, time): |U|, 1 - cos, |E| and W_2 B_2. The law of |U| is that of time alone; those of the
        others are in terms of the |U| that was seen, as the notes have them.
    """

    t: Array
    seen: dict[str, Array]
    law: dict[str, Array]


def late_law(run: OneOutputRun) -> LateLaw:
    """|U|^3 = 3 rho |P_*| t / kappa, s = |P_*| / |U|, 1 - cos = m / (2 kappa |U|^2), |E| = rho |P_*| / (kappa |U|^2).

    m is K along P_*. Source: song2021.regularisation-aligns.
    """
    problem, kappa, rho = run.problem, run.start.kappa, run.regularization
    assert not callable(rho)
    size = float(np.linalg.norm(problem.target))
    along = problem.target / size
    m = float(along @ run.start.K @ along)
    clock = np.linalg.norm(run.state["U"], axis=1)
    error = np.linalg.norm(problem.correlations - run.P * problem.curvatures, axis=1)
    seen = {"|U|": clock, "1 - cos": 1 - run.cosine, "|E|": error, "W_2 B_2": run.state["s"]}
    law = {
        "|U|": np.cbrt(3 * rho * size * run.t / kappa),
        "1 - cos": m / (2 * kappa * clock**2),
        "|E|": rho * size / (kappa * clock**2),
        "W_2 B_2": size / clock,
    }
    return LateLaw(run.t, seen, law)
