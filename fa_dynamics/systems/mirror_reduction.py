"""The flow of one output from zero in a single row u, derived: put the form that the layers keep into the derived flow.

With one output, C_l = B_{l+1}..B_L is a column, the layers stay of the form W_1 = C_1 u, W_l = g_l C_l C_{l-1}^T, and
every g_l is a function of |u|^2 alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fa_dynamics.derive import derive
from fa_dynamics.errors import DerivationError

if TYPE_CHECKING:
    from fa_dynamics.derive.words import Word, Words


@dataclass(frozen=True)
class Reduction:
    """The flow of feedback alignment with one output from zero, in the one row u.

    Attributes
    ----------
    depth
        Number of layers L.
    power
        n = 2^L - 1: the map is P = chi |u|^(n-1) u.
    chi
        SymPy expression in beta_1..beta_{L-1}, beta_l = |C_l|^2.
    strengths
        g_2..g_L as SymPy expressions in the betas and q = |u|^2.
    """

    depth: int
    power: int
    chi: Any
    strengths: tuple[Any, ...]

    @property
    def betas(self) -> tuple[Any, ...]:
        """beta_1..beta_{L-1}."""
        return tuple(_beta(layer) for layer in range(1, self.depth))


@lru_cache(maxsize=16)
def reduction(depth: int) -> Reduction:
    r"""Derive the reduced flow: put :math:`W_1 = C_1 u,\ W_l = g_l C_l C_{l-1}^\top` into the derived flow.

    The velocity of every layer keeps this form, with

    .. math:: \dot u = E, \qquad \dot g_l = E u^\top\, f_l(\beta, |u|^2), \qquad \tfrac{d}{dt}|u|^2 = 2 E u^\top ,

    so that :math:`g_l` is an integral over :math:`q = |u|^2` of what the layers below give. Since solutions are unique,
    this is the solution from zero.

    Parameters
    ----------
    depth
        Number of layers L >= 1.

    Returns
    -------
    Reduction

    Raises
    ------
    InputError
        depth < 1.
    DerivationError
        The velocity of a layer leaves the form, which would be an error of the derivation.

    Notes
    -----
    Source: robertson2024.mirror-flow; `robertson2024.md` section 9.
    """
    import sympy as sp

    from fa_dynamics.derive import words as w

    flow = derive(depth, "fa")
    network = flow.network
    u, q, slope = sp.MatrixSymbol("u", network.n(depth), network.n(0)), _q(), sp.Symbol("e", real=True)
    columns = [w.expand(flow.rule.backward(network, layer)) for layer in range(1, depth + 1)]
    scalars: dict[Word, Any] = {(network.error_symbol, u.T): slope}
    for layer, column in enumerate(columns[:-1], start=1):
        ((gram, _),) = w.multiply(w.transpose(column), column).items()
        scalars[gram] = _beta(layer)

    forms = {network.W(1): w.multiply(columns[0], w.expand(u))}
    expected = w.multiply(columns[0], w.expand(network.error_symbol))
    _same(_contract(w.substitute(w.expand(flow.factored[network.W(1)]), forms), scalars), expected, 1)
    strengths: list[Any] = []
    for layer in range(2, depth + 1):
        shape = w.multiply(columns[layer - 1], w.transpose(columns[layer - 2]))
        velocity = _contract(w.substitute(w.expand(flow.factored[network.W(layer)]), forms), scalars)
        coefficient = next(iter(velocity.values()))
        _same(velocity, w.scale(shape, coefficient), layer)
        strengths.append(sp.integrate(sp.cancel(coefficient / (2 * slope)), (q, 0, q)))
        forms[network.W(layer)] = w.scale(shape, strengths[-1])
    end_to_end = _contract(w.substitute(w.expand(network.end_to_end), forms), scalars)
    power = 2**depth - 1
    chi = sp.cancel(end_to_end.get((u,), sp.S.Zero) / q ** ((power - 1) // 2))
    if len(end_to_end) != 1 or chi == 0 or chi.has(q):
        raise DerivationError(f"the end-to-end map of depth {depth} is no power of |u| times u")
    return Reduction(depth, power, chi, tuple(strengths))


def _beta(layer: int) -> Any:
    import sympy as sp

    return sp.Symbol(f"beta_{layer}", nonnegative=True)


def _q() -> Any:
    import sympy as sp

    return sp.Symbol("q", nonnegative=True)


def _contract(words: Words, scalars: Mapping[Word, Any]) -> Words:
    """Pull factors that are numbers when there is one output (rows and columns n_L) out of every word."""
    from fa_dynamics.derive import words as w

    total: Words = {}
    for word, coefficient in words.items():
        rest, number = word, coefficient
        for part, scalar in scalars.items():
            rest, count = _cut(rest, part)
            number *= scalar**count
        total = w.add(total, {rest: number})
    return total


def _cut(word: Word, part: Word) -> tuple[Word, int]:
    """The word without every occurrence of a part, and how many there were."""
    for place in range(len(word) - len(part) + 1):
        if word[place : place + len(part)] == part:
            rest, count = _cut(word[:place] + word[place + len(part) :], part)
            return rest, count + 1
    return word, 0


def _same(found: Words, expected: Words, layer: int) -> None:
    from fa_dynamics.derive import words as w

    if w.subtract(found, expected):
        raise DerivationError(f"the velocity of W_{layer} leaves the form C_l C_(l-1)^T")
