"""Scalar chains as NumPy functions, vectorised over modes, with their Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from fa_dynamics.derive.chain import Chain


@dataclass(frozen=True, eq=False)
class CompiledChain:
    """A chain ready to be evaluated for many modes at once.

    Attributes
    ----------
    chain
        The chain.
    parameters
        Names of the parameters, in order: fixed feedback, sigma, lambda, decay rates.
    velocity
        ``velocity(*state, *parameters)``: one array per state variable in, one out; modes broadcast.
    jacobian
        The same arguments; a nested list [i][j] of d velocity_i / d state_j.
    """

    chain: Chain
    parameters: tuple[str, ...]
    velocity: Callable[..., list[Any]]
    jacobian: Callable[..., list[list[Any]]]


@lru_cache(maxsize=64)
def _compile(arguments: tuple[Any, ...], velocity: tuple[Any, ...], state: tuple[Any, ...]) -> tuple[Any, Any]:
    # a sign is constant almost everywhere, and an implicit method has no use for its jump
    slopes = [[sp.diff(moving, variable) for variable in state] for moving in velocity]
    jacobian = [[slope.replace(sp.DiracDelta, _no_jump) for slope in row] for row in slopes]
    return (
        sp.lambdify(arguments, list(velocity), modules="numpy", cse=True),
        sp.lambdify(arguments, jacobian, modules="numpy", cse=True),
    )


def _no_jump(*_: Any) -> Any:
    return sp.S.Zero


def compile_chain(chain: Chain) -> CompiledChain:
    """Compile the velocity and the Jacobian of a chain.

    Parameters
    ----------
    chain
        A chain, all of whose parameters are still symbols or already numbers (see `Chain.at`).
    """
    given = (*chain.feedback, chain.correlation, chain.curvature, *chain.decay_rates)
    parameters = tuple(symbol for symbol in given if isinstance(symbol, sp.Symbol))
    arguments = (*chain.state, *parameters)
    velocity, jacobian = _compile(arguments, tuple(chain.velocity.values()), chain.state)
    return CompiledChain(chain, tuple(symbol.name for symbol in parameters), velocity, jacobian)
