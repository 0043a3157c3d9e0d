"""The two-layer network with one output in reduced coordinates, derived from its full flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import Flow, decay_symbols, derive
from fa_dynamics.derive.reduction import Reduction, lift, one_by_one, reduce_flow

KAPPA = sp.Symbol("kappa", positive=True)
"""|B_2|^2."""

DECAY = sp.Symbol("rho", nonnegative=True)
"""Decay rate of the second layer."""


@dataclass(frozen=True)
class OneOutput:
    """The symbols of a two-layer network with one output, n_2 = 1. Source: `song2021.md` section 1.

    Attributes
    ----------
    flow
        Of depth 2, with decay.

    Notes
    -----
    U and P are rows 1 x n_0, the vector clock B_2^T W_1 / kappa and the end-to-end map W_2 W_1; M and K are n_0 x n_0
    and symmetric, W_1^T W_1 and what of it never moves, W_1^T (I - b b^T) W_1 with b = B_2 / |B_2|; s and q are 1 x 1,
    W_2 B_2 and W_2 W_2^T. For the weights themselves, W_1 = A + B_2 D and W_2 = a w0 + g A^T + z B_2^T, where A and w0
    are those at the start.
    """

    flow: Flow

    @property
    def given(self) -> dict[Any, Any]:
        """One output, no decay of the first layer, rho for the second."""
        first, second = decay_symbols(2)
        return {self.flow.network.n(2): 1, first: 0, second: DECAY}

    def row(self, name: str) -> Any:
        """A row with an entry for every input."""
        return MatrixSymbol(name, 1, self.flow.network.n(0))

    def square(self, name: str) -> Any:
        """A symmetric matrix over the inputs."""
        return w.SymmetricSymbol(name, self.flow.network.n(0), self.flow.network.n(0))

    @property
    def observables(self) -> dict[Any, Any]:
        """Coordinate -> its definition, of those that the flow has."""
        first, second, back = (
            matrix.subs(self.given) for matrix in (*self.flow.network.weights, self.flow.network.B(2))
        )
        found = {
            self.row("U"): back.T * first / KAPPA,
            self.row("P"): second * first,
            self.square("M"): first.T * first,
            one_by_one("s"): second * back,
            one_by_one("q"): second * second.T,
        }
        return {
            symbol: definition
            for symbol, definition in found.items()
            if self.flow.feedback or back not in definition.atoms(MatrixSymbol)
        }

    @property
    def weights(self) -> dict[Any, Any]:
        """W_l -> its form in fixed matrices and moving coordinates."""
        first, second, back = (
            matrix.subs(self.given) for matrix in (*self.flow.network.weights, self.flow.network.B(2))
        )
        start, above = MatrixSymbol("A", *first.shape), MatrixSymbol("w0", *second.shape)
        return {
            first: start + back * self.row("D"),
            second: one_by_one("a") * above + self.row("g") * start.T + one_by_one("z") * back.T,
        }


@lru_cache(maxsize=4)
def one_output(rule: str = "fa") -> Reduction:
    """The closed system of a two-layer network with one output, derived from its full flow.

    Parameters
    ----------
    rule
        'fa', with the coordinates U, P, s, q and, for the weights, D, a, g, z; M = K + kappa U^T U is proved and put
        in. 'bp', with the coordinates P, M, q.

    Returns
    -------
    Reduction
        Only the second layer decays. Source: song2021.exact-reduction.
    """
    flow = derive(2, rule, decay=True)
    symbols = OneOutput(flow)
    back = flow.network.B(2).subs(symbols.given)
    constants = {KAPPA: back.T * back} if flow.feedback else {}
    reduced = reduce_flow(flow, symbols.observables, constants, symbols.given)
    if not flow.feedback:
        return reduced
    clock = symbols.row("U")
    closed = reduced.eliminate(symbols.square("M"), KAPPA * clock.T * clock, symbols.square("K"))
    moving = {symbols.row("D"), symbols.row("g"), one_by_one("a"), one_by_one("z")}
    return closed.joined(lift(flow, symbols.weights, moving, symbols.given))
