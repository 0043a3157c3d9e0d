"""The clock of a chain with fixed feedback: every theta_l is a polynomial of one variable tau, derived by SymPy.

Along feedback alignment dtheta_l/dt = c_l theta_1 .. theta_{l-1} e with the same error e = sigma - lambda p in every
layer. With dtau/dt = e, theta_1 is linear in tau, theta_2 quadratic, theta_l of degree 2^(l-1), and the mode
strength p of degree 2^L - 1. Source: girotti2021.clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.errors import DerivationError
from fa_dynamics.modes.pairs import Pair

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clock:
    """The clock of a chain: dtau/dt = sigma - lambda p, dtheta_l/dtau = c_l theta_1 .. theta_{l-1}.

    Attributes
    ----------
    chain
        The chain it was derived from.
    factors
        c_1..c_L as expressions in the fixed feedback; c_L = 1 for the rules of this package.
    """

    chain: Chain
    factors: tuple[Any, ...]

    @cached_property
    def polynomials(self) -> tuple[Any, ...]:
        """theta_1..theta_L as polynomials of tau in the symbols of the start, integrated by SymPy.

        The starts are written theta_l itself; degrees are 1, 2, 4, .. so that depth 5 and more take long to expand.
        """
        tau = sp.Symbol("tau", real=True)
        below = sp.S.One
        found = []
        for start, factor in zip(self.chain.weights, self.factors, strict=True):
            rate = sp.Poly(sp.expand(factor * below), tau)
            found.append(start + rate.integrate().as_expr())
            below = sp.expand(below * found[-1])
        return tuple(found)

    def numeric_factors(self, feedback: Array) -> Array:
        """c_1..c_L for feedback of shape (L-1, modes), as an array (L, modes)."""
        with np.errstate(over="ignore", invalid="ignore"):  # judged where the rest is looked for
            values = _factor_function(self.factors, self.chain.feedback)(*feedback)
        return np.array([np.broadcast_to(value, feedback.shape[1:]) for value in values], dtype=float)

    def rounding_of_factors(self, feedback: Array) -> Array:
        """What rounding takes from `numeric_factors`, (L, modes): c_l minus its value there.

        0 if a factor is more than sums, products and powers of feedback, and where numbers are too large to tell.
        """
        given = [Pair.of(row) for row in feedback]
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                values = _factor_function(self.factors, self.chain.feedback)(*given)
        except TypeError:  # a function of feedback, which pairs do not have
            values = []
        missing = np.zeros((len(self.factors), feedback.shape[1]))
        for row, value in zip(missing, values, strict=False):
            if isinstance(value, Pair):
                row[:] = np.where(np.isfinite(value.low), value.low, 0.0)
        return missing


@lru_cache(maxsize=64)
def clock_of(chain: Chain) -> Clock:
    """Derive the clock of a chain.

    Parameters
    ----------
    chain
        From `Flow.chain`.

    Raises
    ------
    DerivationError
        The chain has none: its layers do not share the error as a common factor, or the rest of a velocity is no
        constant times the weights below (backpropagation, learned feedback, weight decay).
    """
    error = chain.correlation - chain.curvature * chain.strength
    below = sp.S.One
    factors = []
    for weight, velocity in list(chain.velocity.items())[: chain.depth]:
        factor = sp.cancel(sp.together(velocity / (error * below)))
        if factor.free_symbols - set(chain.feedback) or len(chain.state) > chain.depth:
            raise DerivationError(
                f"rule {chain.rule.name!r} has no clock: the velocity of {weight} is not the error times a constant "
                "times the weights below"
            )
        factors.append(factor)
        below = below * weight
    return Clock(chain, tuple(factors))


@lru_cache(maxsize=64)
def _factor_function(factors: tuple[Any, ...], feedback: tuple[Any, ...]) -> Callable[..., list[Any]]:
    function: Callable[..., list[Any]] = sp.lambdify(list(feedback), list(factors), modules="numpy")
    return function
