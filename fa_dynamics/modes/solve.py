"""solve_modes(...) -> ModeCurves: mode-learning curves of a spectrum, exact where there is an exact solution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import InputError
from fa_dynamics.measures.learning import Order, order_of_learning
from fa_dynamics.modes.clock import Clock
from fa_dynamics.modes.conditioning import error_bound
from fa_dynamics.modes.integrate import ChainSolution, checked_times, layer_table, solve_chain
from fa_dynamics.modes.lines import Line, chain_of, clock_if_any, line_of
from fa_dynamics.modes.prediction import Prediction, predict_order
from fa_dynamics.progress import Report, reporting

Array = NDArray[np.float64]

FINER = 1e-2
"""Tolerance of the second integration, relative to the first, whose difference estimates the error."""

ROUNDED = 2e-13
"""Relative error of integrated strengths that no difference of two integrations shows: rounding of their steps."""

ROUGH = 0.3
"""Share of the first integration in the time that both take."""

PART = 8000
"""Modes that are solved together, so that what is computed for them stays in the cache."""


@dataclass(frozen=True, eq=False, repr=False)
class ModeCurves:
    """Mode-learning curves of scalar chains.

    Attributes
    ----------
    t
        Times, (time,).
    correlation, curvature
        sigma and lambda, (modes,).
    start, feedback
        theta_1..theta_L, (L, modes), and b_2..b_L, (L - 1, modes).
    rule
        The learning rule.
    """

    t: Array
    correlation: Array
    curvature: Array
    start: Array
    feedback: Array
    rule: Rule
    _clock: Clock | None
    _exact: tuple[Line, ...]
    _coarse: ChainSolution | None
    _fine: ChainSolution | None

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.start)

    @property
    def method(self) -> Literal["exact", "integrated"]:
        """'exact': solved up to one quadrature, to near machine precision.

        'integrated': the derived chain was integrated numerically, because the rule leaves no single line to move on.
        """
        return "exact" if self._exact else "integrated"

    @cached_property
    def strength(self) -> Array:
        """p, (time, modes)."""
        if self._fine is not None:
            return np.asarray(self._fine.weights.prod(axis=0))
        strength = np.empty((len(self.t), len(self.correlation)))
        begin = 0
        for part in self._exact:
            end = begin + part.weights.shape[1]
            part.modes.strength(self.t, part.strength, strength[:, begin:end])
            begin = end
        return strength

    @cached_property
    def weights(self) -> Array:
        """theta_l, (L, time, modes)."""
        if self._fine is not None:
            return self._fine.weights
        return np.concatenate([part.modes.weights(self.t) * part.weights[:, None] for part in self._exact], axis=2)

    @property
    def target(self) -> Array:
        """s = sigma / lambda, (modes,); nan where lambda is 0."""
        safe = np.where(self.curvature > 0, self.curvature, 1.0)
        return np.where(self.curvature > 0, self.correlation / safe, np.nan)

    @cached_property
    def error(self) -> Array:
        """Of `strength`, (time, modes), computed when asked for.

        A bound on the absolute error, conditioning included, if exact: infinite where a mode has been on a fold for so
        long that the last digit of an input decides whether it still is. An estimate from a second integration if
        integrated.
        """
        if self._coarse is None:
            return np.concatenate([error_bound(part.modes, self.t) * part.strength for part in self._exact], axis=1)
        difference = self._coarse.weights.prod(axis=0) - self.strength
        return np.asarray(np.abs(difference) + ROUNDED * np.abs(self.strength))

    @cached_property
    def limit(self) -> Array:
        """p for t to infinity, (modes,); nan where the rule has no exact solution."""
        if not self._exact:
            return np.full_like(self.correlation, np.nan)
        return np.concatenate([part.modes.motion.limit * part.strength for part in self._exact])

    def learning_times(self, level: float = 0.5) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (modes,).

        inf where that never happens; for an integrated curve, where it does not happen before its last time.

        Raises
        ------
        InputError
            Level outside (0, 1).
        """
        if not 0 < level < 1:
            raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
        if self._fine is None:
            return np.concatenate([part.modes.learning_times(level) for part in self._exact])
        # Without curvature there is no target (nan), and nothing to be learned.
        times = self._fine.learning_times(np.nan_to_num(self.target), level)
        return np.where(np.isnan(self.target), np.inf, times)

    def order(self, level: float = 0.5) -> Order:
        """Rank correlation of target and learning time, and the verdict on implicit regularization."""
        return order_of_learning(self.learning_times(level), np.nan_to_num(self.target), self.curvature)

    def predicted(self, level: float | None = None) -> Prediction | None:
        """The order of learning that a theorem predicts for these modes, if one applies.

        Parameters
        ----------
        level
            Of the learning times; None for a prediction that holds at every level.

        Returns
        -------
        Prediction or None
            None where the hypotheses of no theorem hold, or where the rule has no clock.

        Notes
        -----
        Sources: girotti2021.order-convexity, girotti2021.regularisation, girotti2021.anti-regularisation.
        """
        if self._clock is None:
            return None
        factors = self._clock.numeric_factors(self.feedback)
        return predict_order(self.correlation, self.curvature, self.start, factors, level=level)

    def __repr__(self) -> str:
        how = "solved exactly" if self.method == "exact" else "by integration of the derived chain"
        return (
            f"ModeCurves: {len(self.correlation)} modes under {self.rule.name!r}, depth {self.depth}, {how}\n"
            f"  {len(self.t)} times up to t = {self.t[-1]:g}; largest error {self.error.max():.1e}\n"
            f"  order at level 0.5: {self.order()}{_because(self.predicted(0.5))}"
        )


def _because(prediction: Prediction | None) -> str:
    return "" if prediction is None else f"\n  predicted: {prediction}"


def solve_modes(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    rule: RuleLike = "fa",
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    t: ArrayLike,
    rtol: float = 1e-10,
    atol: float = 1e-13,
    progress: bool | Report | None = None,
) -> ModeCurves:
    """Solve the scalar chain of every mode, such as dtheta_l/dt = c_l theta_1 .. theta_{l-1} (sigma - lambda p).

    With fixed feedback the chain runs on one clock, dtau/dt = sigma - lambda p(tau) with p a polynomial of degree
    2^L - 1, up to depth 6 (degree 63), from any start, with feedback of any signs, zero included. Under
    backpropagation the conserved theta_j^2 - theta_i^2 leave one line, at any depth, for lambda > 0. Both are solved to
    near machine precision; other rules, and deeper clocks, are integrated.

    Parameters
    ----------
    correlation
        sigma of every mode, (modes,), either sign.
    curvature
        lambda >= 0, broadcast to (modes,).
    depth
        Number of layers L >= 1.
    rule
        A rule, its class, its short name or ``'file.py:ClassName'``. Rules that look at single entries are taken in
        coordinate bases.
    start
        theta_1..theta_L, broadcast to (L, modes); a bare number means every theta_l.
    feedback
        b_2..b_L (c_1..c_{L-1} for DFA), broadcast to (L-1, modes); for two layers also (modes,).
    t
        Increasing times >= 0.
    rtol, atol
        For rules that are integrated.
    progress
        Of rules that are integrated: True or False, or a function of the fraction done; None shows a bar on a terminal
        after two seconds.

    Returns
    -------
    ModeCurves

    Raises
    ------
    InputError
        Non-finite values, negative curvature, depth < 1, shapes that do not broadcast, unsorted or negative times.

    Notes
    -----
    Sources: girotti2021.clock, girotti2021.global-convergence. The polynomials are those of `derive.chain`.

    Accuracy: 1e-12 max(abs(p), 1e-3 abs(s), 1e-3 abs(p(0))), and ten units in the last place of every input. What depth
    takes away is conditioning: near folds, and at degree 31 and 63 also elsewhere, the last digit of a weight moves p
    by far more than that. `ModeCurves.error` contains it.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> fa.solve_modes([4, 2, 1, 0.5, 0.25], t=[1.0]).learning_times(level=0.99).round(3)
    array([1.192, 1.893, 3.004, 4.769, 7.57 ])
    """
    found = find_rule(rule)
    sigma = layer_table(correlation, np.size(correlation), 1, "correlation")[:, 0]
    curvatures = layer_table(curvature, len(sigma), 1, "curvature")[:, 0]
    if (curvatures < 0).any():
        raise InputError(f"curvature: {curvatures.min():g} given, expected numbers >= 0")
    chain = chain_of(depth, found)
    times = checked_times(t)
    if len(sigma) == 0:
        raise InputError("correlation: no modes given, expected at least one number")
    theta = layer_table(start, depth, len(sigma), "start")
    given = layer_table(feedback, depth - 1, len(sigma), "feedback")
    parts = [slice(begin, begin + PART) for begin in range(0, len(sigma), PART)]
    lines = [line_of(chain, theta[:, own], given[:, own], sigma[own], curvatures[own]) for own in parts]
    exact = tuple(line for line in lines if line is not None)
    coarse = fine = None
    if len(exact) < len(lines):
        exact = ()
        problem = (chain, sigma, curvatures, theta, given, times)
        with reporting("chains", progress) as report:
            coarse = solve_chain(
                *problem, rtol=rtol, atol=atol, watch=False, report=lambda fraction: report(ROUGH * fraction)
            )
            fine = solve_chain(
                *problem, rtol=rtol * FINER, atol=atol * FINER, report=lambda done: report(ROUGH + (1 - ROUGH) * done)
            )
    curves = ModeCurves(times, sigma, curvatures, theta, given, found, clock_if_any(chain), exact, coarse, fine)
    _ = curves.strength  # so that what cannot be solved is an error here
    return curves
