"""Flows without decay: how fast the residual falls, beside what is guaranteed, beside backpropagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.reproduce.song_draws import gaussian_problem, generator, start
from fa_dynamics.systems.one_output import OneOutputStart, gaussian_weights, reduced_start
from fa_dynamics.systems.one_output_backprop import backprop_one_output
from fa_dynamics.systems.one_output_flow import flow_one_output

Array = NDArray[np.float64]

LATE = (1e-7, 1e-10)
"""Between these fractions of the first residual the rate is fitted: the slowest mode is alone there."""

HALF_SPEED = 1e-4
"""Fraction of the first residual at which the times of the two rules are compared."""

UNITS = 40.0
"""Length of the flows in units of 1 / gamma_-."""

NARROW_UNITS = 1e3
"""The same for narrow networks from anti-aligned starts, which may stay beside a saddle for long."""


@dataclass(frozen=True, eq=False)
class Descent:
    """One draw of one width.

    Attributes
    ----------
    width
        n_1.
    start
        The draw.
    t
        Times, in units of 1 / gamma_-.
    residual, backprop
        |P X - Y| over its first value; that of backpropagation, empty if not asked for.
    cosine
        cos(W_2^T, B_2) at the start and at the end.
    hidden_product
        W_2 B_2 at the end.
    """

    width: int
    start: OneOutputStart
    t: Array
    residual: Array
    backprop: Array
    cosine: tuple[float, float]
    hidden_product: float

    @property
    def mu(self) -> float:
        """Guaranteed rate, in units of gamma_-."""
        return self.start.guaranteed_rate

    @property
    def worst(self) -> float:
        """Largest residual over its bound exp(-mu gamma_- t), at most 1 if it holds; nan where mu <= 0."""
        if self.mu <= 0:
            return float("nan")
        seen = self.residual > 1e-12
        return float(np.max(self.residual[seen] * np.exp(self.mu * self.t[seen])))

    @property
    def fitted(self) -> float:
        """Rate of the late residual, in units of gamma_-; nan if it never gets there."""
        late = (self.residual < LATE[0]) & (self.residual > LATE[1])
        return float(-np.polyfit(self.t[late], np.log(self.residual[late]), 1)[0]) if late.sum() > 2 else float("nan")

    @property
    def speed_of_backprop(self) -> float:
        """Time of feedback alignment over time of backpropagation at one level; nan if one never gets there."""
        if not len(self.backprop):
            return float("nan")
        own, other = (_first_below(self.t, values, HALF_SPEED) for values in (self.residual, self.backprop))
        return own / other


def guaranteed(ratio: float) -> float:
    """Wide limit of mu for Gaussian starts: (1 - x)^2 - x^2 / 2 with x = sqrt(N / n_1), ratio = n_1 / N."""
    x = ratio**-0.5
    return float((1 - x) ** 2 - x**2 / 2)


def descend(seed: int, draw: int, width: int, n_samples: int, n_inputs: int, backprop: bool) -> Descent:
    """A Gaussian draw, in the flow without decay."""
    problem = gaussian_problem(seed, draw, n_samples, n_inputs)
    first = start(problem, seed, draw, width)
    t = np.linspace(0, UNITS, 401)
    run = flow_one_output(problem, first, t_end=UNITS / problem.slowest, t_eval=t / problem.slowest)
    other = np.empty(0)
    if backprop:
        maps = backprop_one_output(problem, first, t / problem.slowest)
        other = problem.residual(maps) / problem.residual(maps[0])
    ends = (float(run.cosine[0]), float(run.cosine[-1]))
    residual = run.residual / run.residual[0]
    return Descent(width, first, t, residual, other, ends, float(run.state["s"][-1]))


def descend_narrow(seed: int, width: int, n_samples: int, n_inputs: int) -> Descent:
    """A network of any width whose W_2 points against B_2 at the start, where mu < 0 guarantees nothing."""
    problem = gaussian_problem(seed, 0, n_samples, n_inputs)
    lower, _, back = gaussian_weights(
        width, n_inputs, generator(seed, "start", 0, width), generator(seed, "feedback", 0, width)
    )
    upper = -3 * np.sqrt(width) / np.linalg.norm(back) * back.T
    first = reduced_start(problem, lower, upper, back)
    t = np.concatenate([[0.0], np.geomspace(1e-3, NARROW_UNITS, 281)])
    end = NARROW_UNITS / problem.slowest
    run = flow_one_output(problem, first, t_end=end, t_eval=np.minimum(t / problem.slowest, end), method="Radau")
    ends = (float(run.cosine[0]), float(run.cosine[-1]))
    residual = run.residual / run.residual[0]
    return Descent(width, first, t, residual, np.empty(0), ends, float(run.state["s"][-1]))


def summary(draws: Sequence[Descent]) -> dict[str, float]:
    """Means over the draws of one width, and the worst of the bounds."""
    mu = np.array([each.mu for each in draws])
    return {
        "mu": float(mu.mean()),
        "mu_sd": float(mu.std(ddof=1)) if len(mu) > 1 else float("nan"),
        "fitted_rate": float(np.mean([each.fitted for each in draws])),
        "worst_bound": max((each.worst for each in draws if each.mu > 0), default=float("nan")),
        "final_residual": max(float(each.residual[-1]) for each in draws),
        "speed_of_backprop": draws[0].speed_of_backprop,
    }


def _first_below(t: Array, values: Array, level: float) -> float:
    below = np.flatnonzero(values < level)
    if not len(below) or below[0] == 0:
        return float("nan")
    place = slice(below[0] - 1, below[0] + 1)
    return float(np.interp(-np.log(level), -np.log(values[place]), t[place]))
