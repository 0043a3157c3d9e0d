"""Curves of rules without an exact solution, integrated once and as finely as the page can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.rules import Rule
from fa_dynamics.explore.state import State
from fa_dynamics.modes import Prediction
from fa_dynamics.modes.integrate import ChainSolution, solve_chain
from fa_dynamics.modes.lines import chain_of

Array = NDArray[np.float64]

# `solve_modes` integrates twice, for its bound on the error, and to many more digits than the four of the page. Late in
# a run the fast modes limit the steps: then the eighth-order method costs the same and misses its tolerance by far.
METHOD, RTOL, ATOL = "RK45", 1e-7, 1e-9


@dataclass(frozen=True, eq=False)
class IntegratedCurves:
    """As much of `ModeCurves` as the page reads, with the same names and shapes.

    Attributes
    ----------
    t
        Times, (time,).
    correlation, curvature
        sigma and lambda, (modes,).
    start, feedback
        theta_1..theta_L, (L, modes), and b_2..b_L, (L - 1, modes), where they start.
    rule
        The learning rule.
    solution
        The weights, and p between the steps of the solver.
    """

    t: Array
    correlation: Array
    curvature: Array
    start: Array
    feedback: Array
    rule: Rule
    solution: ChainSolution

    method = "integrated"

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.start)

    @property
    def target(self) -> Array:
        """s = sigma, (modes,), since curvatures are 1."""
        return self.correlation

    @property
    def weights(self) -> Array:
        """theta_l, (L, time, modes)."""
        return self.solution.weights

    @property
    def strength(self) -> Array:
        """p, (time, modes)."""
        return np.asarray(self.weights.prod(axis=0))

    def learning_times(self, level: float) -> Array:
        """As those of `ModeCurves`: inf if not learned by the last time."""
        return self.solution.learning_times(self.target, level)

    def predicted(self, _: float) -> Prediction | None:
        """None: no theorem speaks of these rules."""
        return None


def integrate(rule: Rule, theta: Array, state: State, t: Array) -> IntegratedCurves:
    """Integrate the derived chain of a rule.

    Parameters
    ----------
    rule
        The learning rule.
    theta
        theta_l(0), (L, modes).
    state
        Its spectrum and feedback.
    t
        Output times.

    Raises
    ------
    IntegrationError
        The solver could not reach the last time.
    """
    sigma = np.array(state.spectrum)
    feedback = np.repeat(np.array(state.feedback)[:, None], len(sigma), axis=1)
    chain = chain_of(len(theta), rule)
    solution = solve_chain(chain, sigma, 1.0, theta, feedback, t, method=METHOD, rtol=RTOL, atol=ATOL)
    return IntegratedCurves(t, sigma, np.ones_like(sigma), theta, feedback, rule, solution)
