"""equilibria(...) -> Equilibria: fixed points of scalar chains, their stability, folds and basins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import DerivationError, InputError
from fa_dynamics.modes.clock import clock_of
from fa_dynamics.modes.equilibria_text import text_of
from fa_dynamics.modes.integrate import layer_table
from fa_dynamics.modes.leaf_zeros import OVERFLOWS, Lines, find_zeros
from fa_dynamics.modes.lines import chain_of
from fa_dynamics.modes.polynomials import slope, strength, weights_at

Array = NDArray[np.float64]

DEEPEST = 6
"""Deeper polynomials have degree 127 and more, and double precision does not separate their terms."""

PART = 256
"""Modes that are treated together, so that expansions of degree 63 fit into memory."""


@dataclass(frozen=True, eq=False, repr=False)
class Equilibria:
    """All rest points of scalar chains on the leaves of their starts, as functions of the clock tau.

    Arrays are padded with nan (`stability` with '') to the largest number of equilibria n, or of folds m, of any mode.
    Equilibria and folds ascend in tau, counted from the start: the direction of the flow, dtau/dt = sigma - lambda p,
    then changes from each equilibrium to the next, for feedback of any signs; theta_1 = theta_1(0) + c_1 tau follows
    the same order if c_1 > 0, the reverse if c_1 < 0, and stands still if c_1 = 0.

    Attributes
    ----------
    correlation, curvature
        sigma and lambda, (modes,).
    rule
        The learning rule.
    start
        theta_1..theta_L, (L, modes).
    factors
        c_1..c_L, (L, modes).
    kind
        (modes,): 'points', or, where p is constant along the leaf, 'none' (nothing there is at rest; the weights
        that move drift for ever) or 'everywhere' (p = s all along: every point of the leaf is at rest).
    tau
        Clock at the equilibria, (n, modes).
    stability
        'stable', 'unstable' or 'semi-stable' (two equilibria that meet: it attracts from one side), (n, modes). An
        equilibrium with slope 0 at which the error changes its sign is stable or unstable; it is approached, or left,
        by a power law.
    basin
        Ends of the interval of tau from which the flow goes to each equilibrium, (2, n, modes): infinite, another
        equilibrium that does not belong to it, or, on the unattracted sides, the equilibrium itself, which does.
    fold_tau
        Clock at the turning points of p, where for another correlation two equilibria meet, (m, modes).
    reached
        Index of the equilibrium that the start goes to, (modes,), which is the one it is on if it is at rest; -1 if
        kind is not 'points'. It is the one at which `solve_modes` arrives: up to rounding, a start may cross a
        semi-stable equilibrium, after some 1e8 units of time.
    """

    correlation: Array
    curvature: Array
    rule: Rule
    start: Array
    factors: Array
    kind: NDArray[np.str_]
    tau: Array
    stability: NDArray[np.str_]
    basin: Array
    fold_tau: Array
    reached: NDArray[np.int_]

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.start)

    @property
    def count(self) -> NDArray[np.int_]:
        """Number of equilibria, semi-stable ones counted once, (modes,); 0 where kind is not 'points'."""
        return np.asarray(np.isfinite(self.tau).sum(axis=0))

    @property
    def target(self) -> Array:
        """s = sigma / lambda, the strength p at every equilibrium, (modes,)."""
        return np.asarray(self.correlation / self.curvature)

    @cached_property
    def weights(self) -> Array:
        """theta_1..theta_L at the equilibria, (L, n, modes), with p = s to rounding where the slope is not 0."""
        weights, c = self.weights_at(self.tau), self.factors[:, None]
        # Far from the start a last digit of tau is large for the weights: go on from them by a part of it.
        missing = self.target - strength(weights)
        slopes = slope(weights, c)
        shift = np.divide(missing, slopes, out=np.zeros_like(missing), where=slopes != 0)
        moved = np.array(weights_at(weights, c, shift))
        return np.where(np.abs(self.target - strength(moved)) < np.abs(missing), moved, weights)

    @cached_property
    def slope(self) -> Array:
        """S = dp/dtau at the equilibria, (n, modes)."""
        return slope(self.weights, self.factors[:, None])

    @property
    def rate(self) -> Array:
        """lambda S, (n, modes), 1 / time: small errors near an equilibrium go like exp(-rate t)."""
        return np.asarray(self.curvature * self.slope)

    @property
    def basin_first_weight(self) -> Array:
        """theta_1 at the ends of the basins, the smaller one first, (2, n, modes); nan where theta_1 is frozen."""
        c = self.factors[0]
        with np.errstate(invalid="ignore"):  # frozen: 0 times infinity
            ends = np.where(c == 0, np.nan, self.start[0] + c * self.basin)
        return np.sort(ends, axis=0)

    @cached_property
    def fold_weights(self) -> Array:
        """theta_1..theta_L at the folds, (L, m, modes)."""
        return self.weights_at(self.fold_tau)

    @property
    def fold_correlation(self) -> Array:
        """lambda p at the folds, (m, modes): the correlation for which two equilibria meet there."""
        return np.asarray(self.curvature * strength(self.fold_weights))

    def weights_at(self, tau: Array) -> Array:
        """theta_1..theta_L at clocks (.., modes): (L, .., modes)."""
        layers = (self.depth, *[1] * (tau.ndim - 1), -1)
        return np.array(weights_at(self.start.reshape(layers), self.factors.reshape(layers), tau))

    def potential(self, tau: Array) -> Array:
        """V = lambda int_0^tau p - sigma tau at clocks (.., modes): dtau/dt = -dV/dtau, and V = 0 at the start.

        For c_L = 1 this is lambda (theta_L^2 - theta_L(0)^2) / 2 - sigma tau.
        """
        layers = (self.depth + 1, *[1] * (tau.ndim - 1), -1)
        modes = len(self.correlation)
        start = np.concatenate([self.start, np.zeros((1, modes))]).reshape(layers)
        factors = np.concatenate([self.factors, np.ones((1, modes))]).reshape(layers)
        # A further layer of factor 1 that starts at 0 is the integral of the product of those below.
        return np.asarray(self.curvature * weights_at(start, factors, tau)[-1] - self.correlation * tau)

    def __repr__(self) -> str:
        return text_of(self)


def equilibria(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    rule: RuleLike = "fa",
) -> Equilibria:
    """All equilibria of every mode on the leaf through its start: sigma = lambda p(tau).

    Under fixed feedback a mode moves along one line, dtau/dt = sigma - lambda p(tau) with p a polynomial of degree
    2^L - 1 at most, hence that many equilibria at most, and 2^(L-1) stable ones. All have zero error.

    Parameters
    ----------
    correlation
        sigma of every mode, (modes,), either sign.
    curvature
        lambda > 0, broadcast to (modes,).
    depth
        Number of layers L, 1 to 6.
    start
        theta_1..theta_L, broadcast to (L, modes); a bare number means every theta_l.
    feedback
        b_2..b_L (c_1..c_{L-1} for DFA), broadcast to (L-1, modes).
    rule
        A rule with fixed feedback: 'fa', 'dfa', or one's own whose chain has a clock.

    Returns
    -------
    Equilibria

    Raises
    ------
    InputError
        Non-finite values, curvature <= 0, depth outside 1..6, a rule without a clock, shapes that do not broadcast,
        numbers so large that p overflows.

    Notes
    -----
    dp/dtau is bisected until its local Taylor expansion rules out a zero in a piece, or shows it to be monotone there.
    That gives all turning points of p, with certainty in exact arithmetic; between neighbouring ones the error is
    monotone, so that its signs there bracket every equilibrium; safeguarded Newton iterations on the nested form
    find it. What rounding leaves: turning points between which p changes by less than 8 roundings of its inputs are
    dropped as one flat stretch; at a turning point where the error is that small two equilibria count as one
    semi-stable one. At depth 5 and 6, far from the start and for weights of very different sizes, these roundings are
    magnified by up to the product of all 2 theta_l, and the count then refers to the perturbed problem.

    Sources: girotti2021.fixed-points, girotti2021.clock.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_dynamics.modes.equilibria import equilibria
    >>> found = equilibria([1.0], start=[-3.0, 0.0])
    >>> found.weights[0].ravel().round(4)
    array([-2.882 , -0.2235,  3.1055])
    >>> print(*found.stability.ravel(), found.reached)
    stable unstable stable [0]
    """
    found = find_rule(rule)
    if isinstance(depth, bool) or not isinstance(depth, int | np.integer) or not 1 <= depth <= DEEPEST:
        raise InputError(f"depth: {depth!r} given, expected a whole number from 1 to {DEEPEST}")
    sigma = layer_table(correlation, np.size(correlation), 1, "correlation")[:, 0]
    if len(sigma) == 0:
        raise InputError("correlation: no modes given, expected at least one number")
    curvatures = layer_table(curvature, len(sigma), 1, "curvature")[:, 0]
    if (curvatures <= 0).any():
        raise InputError(f"curvature: {curvatures.min():g} given, expected numbers > 0")
    theta = layer_table(start, depth, len(sigma), "start")
    given = layer_table(feedback, depth - 1, len(sigma), "feedback")
    try:
        with np.errstate(over="raise"):
            solved = _assemble(found, theta, _clock_factors(found, int(depth), given), sigma, curvatures)
            _ = solved.rate, solved.fold_correlation  # so that what is out of range is an error here
    except FloatingPointError as problem:
        raise InputError(f"start: {OVERFLOWS}") from problem
    return solved


def _clock_factors(rule: Rule, depth: int, feedback: Array) -> Array:
    try:
        return clock_of(chain_of(depth, rule)).numeric_factors(feedback)
    except DerivationError as problem:
        raise InputError(f"rule: {rule.name!r} given, expected one with fixed feedback such as 'fa'") from problem


def _assemble(rule: Rule, theta: Array, c: Array, sigma: Array, curvature: Array) -> Equilibria:
    modes = len(sigma)
    # p is constant if nothing moves, or if one of its factors is zero and stays so.
    constant = ((c == 0) & (theta == 0)).any(axis=0) | (c == 0).all(axis=0)
    rest = sigma == curvature * strength(theta)
    moving = np.flatnonzero(~constant)
    found: dict[int, Any] = {}
    for begin in range(0, len(moving), PART):
        own = moving[begin : begin + PART]
        found |= zip(own.tolist(), find_zeros(Lines(theta[:, own], c[:, own], sigma[own], curvature[own])), strict=True)
    n = max((len(zeros.tau) for zeros in found.values()), default=0)
    m = max((len(zeros.turning) for zeros in found.values()), default=0)
    tau, basin, folds = np.full((n, modes), np.nan), np.full((2, n, modes), np.nan), np.full((m, modes), np.nan)
    stability = np.full((n, modes), "", dtype="<U11")
    reached = np.full(modes, -1)
    for mode, zeros in found.items():
        rows = slice(len(zeros.tau))
        tau[rows, mode] = zeros.tau
        attracts_left, attracts_right = zeros.left > 0, zeros.right < 0
        both, none = attracts_left & attracts_right, ~attracts_left & ~attracts_right
        stability[rows, mode] = np.where(both, "stable", np.where(none, "unstable", "semi-stable"))
        bounds = np.concatenate([[-np.inf], zeros.tau, [np.inf]])
        basin[0, rows, mode] = np.where(attracts_left, bounds[:-2], zeros.tau)
        basin[1, rows, mode] = np.where(attracts_right, bounds[2:], zeros.tau)
        folds[: len(zeros.turning), mode] = zeros.turning
        reached[mode] = zeros.reached
    kind = np.where(constant, np.where(rest, "everywhere", "none"), "points")
    return Equilibria(sigma, curvature, rule, theta, c, kind, tau, stability, basin, folds, reached)
