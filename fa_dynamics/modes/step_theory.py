"""Step sizes from theory: what linear stability allows at the limit of the flow, and what theorems guarantee."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.modes.backprop import BackpropMotion
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.lines import clock_if_any, line_of
from fa_dynamics.modes.polynomials import weights_at
from fa_dynamics.modes.step_map import Orbits

Array = NDArray[np.float64]

ZERO_START, ALIGNED = "girotti2021.discrete-zero-start", "girotti2021.discrete-rates"
"""Statements that guarantee a step size."""

AT_REST = 1e-6
"""Of |sigma|: an error below which the limit of the flow is one of zero error."""

LATE = 1e8
"""Time at which backpropagation is at its limit, in units of 1 / (lambda |s|^(2 - 2/L))."""

BISECTIONS = 100


def rest_of_flow(orbits: Orbits) -> Array | None:
    """theta_1..theta_L at the limit of the flow, (L, n); None for rules that are not solved exactly."""
    line = line_of(orbits.chain, orbits.start, orbits.feedback, orbits.correlation, orbits.curvature)
    if line is None:
        return None
    motion = line.modes.motion
    if isinstance(motion, ClockMotion):
        return np.asarray(motion.rest * line.weights)
    assert isinstance(motion, BackpropMotion)
    size = np.abs(orbits.correlation / orbits.curvature) ** (2 - 2 / orbits.chain.depth) * orbits.curvature
    last = LATE / size[size > 0].min(initial=1.0)
    return np.asarray(line.modes.weights(np.array([last]))[:, 0] * line.weights)


def linear_steps(orbits: Orbits) -> Array:
    """2 / (lambda S_*), beyond which a step reverses and enlarges small errors at the limit of the flow, (n,).

    The Jacobian of the derived chain has the one eigenvalue -lambda S_* at a state of zero error, and it is the trace.
    nan where the flow does not go to zero error or is not solved exactly, inf on a fold.
    """
    rest = rest_of_flow(orbits)
    if rest is None:
        return np.full_like(orbits.correlation, np.nan)
    jacobian = compile_chain(orbits.chain).jacobian(*rest, *orbits.parameters)
    rate = -np.asarray(sum(row[place] for place, row in enumerate(jacobian)) + np.zeros_like(orbits.correlation))
    error = orbits.correlation - orbits.curvature * rest.prod(axis=0)
    learned = np.abs(error) <= AT_REST * np.abs(orbits.correlation)
    return np.where(learned, np.divide(2.0, rate, out=np.full_like(rate, np.inf), where=rate > 0), np.nan)


def normal_unit(orbits: Orbits) -> Array:
    """The unit of time rho_1 / (c_1 sigma) of the normal form of feedback alignment, (n,); nan for other rules.

    rho_1 = [(sigma / lambda) prod_j b_{j+1}^(2^(L-j) - 1)]^(1/n), n = 2^L - 1, with absolute values; at depth 2 it is
    lambda^(-1/3) (b sigma)^(-2/3). Source: `girotti2021.md` 5.
    """
    depth, b = orbits.chain.depth, np.abs(orbits.feedback)
    sigma = np.abs(orbits.correlation)
    if orbits.chain.rule.name != "fa":
        return np.full_like(sigma, np.nan)
    powers = np.array([2 ** (depth - layer) - 1 for layer in range(1, depth)])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = (sigma / orbits.curvature * (b**powers).prod(axis=0)) ** (1 / (2**depth - 1))
        return np.asarray(rho / (b.prod(axis=0) * sigma))


def guaranteed_steps(orbits: Orbits) -> tuple[Array, tuple[str, ...]]:
    """The step up to which a theorem guarantees monotone convergence, (n,), and which one; nan and '' for none.

    Notes
    -----
    girotti2021.discrete-zero-start, two layers from zero: eta <= 1 / (4 lambda r^2), r = (2 |b sigma| / lambda)^(1/3).

    girotti2021.discrete-rates, any depth, c_l > 0, theta(0) >= 0, e(0) >= 0, needs a step that keeps e >= 0. One such
    step, derived here: with d = eta e(0), weights stay below those of the flow at its clock tau_* + (L - 1) d, tau_* at
    rest, since left sums of increasing functions are below their integrals, and above the integrals shifted by d.
    There, a step from the error e(0) takes at most lambda [p(theta + d g) - p(theta)] away, with g the velocity per
    error, and any e >= 0 shrinks by no larger a share. So every eta with lambda [p(theta + d g) - p(theta)] <= e(0)
    keeps e >= 0, and the left side grows with eta.
    """
    sigma, curvature, depth = orbits.correlation, orbits.curvature, orbits.chain.depth
    none = np.full_like(sigma, np.nan), ("",) * len(sigma)
    clock = clock_if_any(orbits.chain)
    line = line_of(orbits.chain, orbits.start, orbits.feedback, sigma, curvature)
    if clock is None or line is None:
        return none
    c = clock.numeric_factors(orbits.feedback)
    from_zero = (orbits.start == 0).all(axis=0) & (c != 0).all(axis=0) & (sigma != 0) & (depth == 2)
    error = sigma - curvature * orbits.start.prod(axis=0)
    aligned = (orbits.start >= 0).all(axis=0) & (c > 0).all(axis=0) & (error > 0) & ~from_zero
    steps = np.where(aligned, _aligned_steps(orbits, c, error), np.nan)
    with np.errstate(divide="ignore"):
        r = np.cbrt(2 * np.abs(c[0] * sigma) / curvature)
        steps = np.where(from_zero, 1 / (4 * curvature * r**2), steps)
    names = [ZERO_START if zero else ALIGNED if good else "" for zero, good in zip(from_zero, aligned, strict=True)]
    return steps, tuple(names)


def _aligned_steps(orbits: Orbits, c: Array, error: Array) -> Array:
    velocity, depth = compile_chain(orbits.chain).velocity, orbits.chain.depth
    rest = rest_of_flow(orbits)
    assert rest is not None
    tau = (rest[0] - orbits.start[0]) / c[0] if (c[0] != 0).all() else np.zeros_like(error)
    # With sigma = 1 and lambda = 0 the derived velocity is the velocity per error.
    per_error = [*orbits.parameters[:-2], np.ones_like(error), np.zeros_like(error)]

    def excess(step: Array) -> Array:
        d = step * error
        weights = weights_at(orbits.start, c, tau + (depth - 1) * d)
        gain = velocity(*weights, *per_error)
        after = np.array([own + d * moving for own, moving in zip(weights, gain, strict=True)])
        return np.asarray(orbits.curvature * (after.prod(axis=0) - np.prod(weights, axis=0)) - error)

    # The first layer above alone gives eta lambda c_1 theta_2 .. theta_L <= 1; powers of two from far below cover it.
    low, high = np.zeros_like(error), np.full_like(error, 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(BISECTIONS):
            high = np.where(excess(high) < 0, 2 * high, high)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            good = excess(middle) <= 0
            low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low
