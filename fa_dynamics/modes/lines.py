"""Which chains move along one line, and can be solved exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import DerivationError, IntegrationError
from fa_dynamics.modes.backprop import BackpropMotion, follows_gradient
from fa_dynamics.modes.clock import Clock, clock_of
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.exact import ExactModes
from fa_dynamics.modes.turning_points import aim_exponent, in_units

Array = NDArray[np.float64]

EXACT_DEPTH = 6
"""Deeper clocks are not used: the clock's polynomial has degree 2^L - 1, and beyond 63 double precision does not
separate its terms."""


OVERFLOWS = "start: weights, feedback and targets of this size leave the range of floating-point numbers"

LARGEST_EXPONENT = 1000
"""Of the units of weights and strengths."""


@dataclass(frozen=True, eq=False)
class Line:
    """Chains solved along their lines, in units that are powers of two: nothing is rounded, nothing overflows.

    Attributes
    ----------
    modes
        The solution, in these units.
    weights
        Units of theta_1..theta_L, (L, modes).
    """

    modes: ExactModes
    weights: Array

    @property
    def strength(self) -> Array:
        """Units of p, (modes,)."""
        return np.asarray(self.weights.prod(axis=0))


def line_of(chain: Chain, theta: Array, feedback: Array, sigma: Array, curvature: Array) -> Line | None:
    """Many modes of a chain along one line; None if the chain leaves more than one dimension.

    Parameters
    ----------
    chain
        From `Flow.chain`.
    theta, feedback
        (L, modes) and (L - 1, modes).
    sigma, curvature
        (modes,).
    """
    clock = clock_if_any(chain)
    if clock is not None:
        with np.errstate(over="ignore", invalid="ignore"):  # judged below, and where the rest is looked for
            weights, factors, unit, size = in_units(
                theta, clock.numeric_factors(feedback), aim_exponent(sigma, curvature)
            )
            missing = np.ldexp(clock.rounding_of_factors(feedback), unit + np.cumsum(size, axis=0) - 2 * size)
            sigmas, curvatures = np.ldexp(sigma, -unit), np.ldexp(curvature, size.sum(axis=0) - unit)
        if max(size.max(), size.sum(axis=0).max()) > LARGEST_EXPONENT:
            raise IntegrationError(OVERFLOWS)
        return Line(ExactModes(ClockMotion(weights, sigmas, curvatures, factors, missing)), np.ldexp(1.0, size))
    # Without curvature nothing stops backpropagation, which may leave every bound in finite time.
    if follows_gradient(chain) and (curvature > 0).all():
        return Line(ExactModes(BackpropMotion(theta, sigma, curvature)), np.ones_like(theta))
    return None


def chain_of(depth: int, rule: Rule) -> Chain:
    """The scalar chain of a rule: in a joint basis, or in coordinates if the rule looks at single entries."""
    return derive(depth, rule).chain("joint" if rule.equivariance == "orthogonal" else "coordinates")


def clock_if_any(chain: Chain) -> Clock | None:
    """The clock of a chain that is not too deep for it."""
    try:
        return clock_of(chain) if chain.depth <= EXACT_DEPTH else None
    except DerivationError:
        return None
