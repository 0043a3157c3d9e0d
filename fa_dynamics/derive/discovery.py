"""Discover every polynomial first integral of a chain up to a degree, by linear algebra over the monomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix
from sympy.polys.rings import ring

from fa_dynamics.errors import DerivationError, InputError

if TYPE_CHECKING:
    from fa_dynamics.derive.chain import Chain


@dataclass(frozen=True)
class FirstIntegrals:
    """The polynomial first integrals of a chain.

    Attributes
    ----------
    generators
        Functionally independent first integrals (the Jacobian with respect to the state has full rank), of the lowest
        degrees that there are.
    dimension
        Dimension of the linear space of all first integrals of this degree or less in these variables, not counting
        polynomials in the constants alone.
    degree
        Highest total degree looked at.
    variables
        Symbols that the polynomials may contain.
    """

    generators: tuple[Any, ...]
    dimension: int
    degree: int
    variables: tuple[Any, ...]


def discover(chain: Chain, degree: int = 2, variables: Sequence[Any] | None = None) -> FirstIntegrals:
    """Find all polynomials of a total degree that are constant along a chain, for every sigma and lambda.

    The time derivative of a polynomial with unknown coefficients is linear in them; that it vanishes identically is a
    homogeneous linear system over the rationals, and its nullspace is the answer.

    Parameters
    ----------
    chain
        A chain with polynomial velocity.
    degree
        Highest total degree, >= 1.
    variables
        Symbols, or their names, that the polynomials may contain. By default the state and the fixed feedback.
        Other symbols are arbitrary: the law must hold for all their values.

    Returns
    -------
    FirstIntegrals

    Raises
    ------
    InputError
        degree < 1, or an unknown variable.
    DerivationError
        The chain is not polynomial.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> fa.derive(depth=2, rule="fa").chain().invariants(degree=2).generators
    (-2*b_2*theta_2 + theta_1**2,)
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
        raise InputError(f"degree: {degree!r} given, expected a whole number >= 1")
    chosen = _choose(chain, variables)
    symbols = _all_symbols(chain)
    polynomials, *gens = ring(symbols, QQ)
    position = {symbol: index for index, symbol in enumerate(symbols)}
    velocity = _polynomial_velocity(chain, polynomials)
    monomials = _monomials(chain, chosen, degree)

    columns = []
    for monomial in monomials:
        element = polynomials.one
        for symbol in monomial:
            element *= gens[position[symbol]]
        rate = polynomials.zero
        for variable, moving in velocity.items():
            if variable in monomial:
                rate += element.diff(gens[position[variable]]) * moving
        columns.append(rate)

    basis = _nullspace(columns)
    found = [sum((c * sp.Mul(*m) for c, m in zip(row, monomials, strict=True) if c), sp.S.Zero) for row in basis]
    ordered = sorted(found, key=lambda law: (sp.Poly(law, *chosen).total_degree(), len(law.args), str(law)))
    return FirstIntegrals(_independent(ordered, chain.state), len(found), degree, chosen)


def _choose(chain: Chain, variables: Sequence[Any] | None) -> tuple[Any, ...]:
    if variables is None:
        return (*chain.state, *chain.feedback)
    known = {symbol.name: symbol for symbol in _all_symbols(chain)}
    names = [str(variable) for variable in variables]
    for name in names:
        if name not in known:
            raise InputError(f"variables: {name!r} is not in this chain; it has {', '.join(known)}")
    return tuple(known[name] for name in names)


def _all_symbols(chain: Chain) -> tuple[Any, ...]:
    parameters = (chain.correlation, chain.curvature, *chain.decay_rates)
    symbols = [symbol for symbol in parameters if isinstance(symbol, sp.Symbol)]
    return (*chain.state, *chain.feedback, *symbols)


def _polynomial_velocity(chain: Chain, polynomials: Any) -> dict[Any, Any]:
    velocity = {}
    for variable, moving in chain.velocity.items():
        if not moving.is_polynomial(*chain.state):
            raise DerivationError(
                f"the velocity of {variable} is not polynomial ({moving}), so polynomial first integrals cannot be "
                "searched; a rule's potential gives its law, see Flow.invariants"
            )
        velocity[variable] = polynomials.from_expr(sp.expand(moving))
    # A common factor changes the speed, not the orbits: without it the linear system is far smaller.
    common = polynomials.zero
    for moving in velocity.values():
        common = common.gcd(moving) if common else moving
    return {variable: moving.exquo(common) if common else moving for variable, moving in velocity.items()}


def _monomials(chain: Chain, chosen: tuple[Any, ...], degree: int) -> list[tuple[Any, ...]]:
    moving = set(chain.state)
    found = [
        monomial
        for total in range(degree, 0, -1)
        for monomial in combinations_with_replacement(chosen, total)
        if moving.intersection(monomial)
    ]
    return found


def _nullspace(columns: list[Any]) -> list[list[Any]]:
    """Rational nullspace in reduced form; the monomials of highest degree are eliminated first, so that laws of
    low degree come out by themselves."""
    rows: dict[Any, dict[int, Any]] = {}
    for index, rate in enumerate(columns):
        for monomial, coefficient in rate.terms():
            rows.setdefault(monomial, {})[index] = coefficient
    if not rows:
        system = DomainMatrix.zeros((1, len(columns)), QQ).to_sparse()
    else:
        system = DomainMatrix(dict(enumerate(rows.values())), (len(rows), len(columns)), QQ)
    reduced = system.nullspace().rref()[0]
    cleared = [row for row in reduced.to_Matrix().tolist() if any(row)]
    return [_clear_denominators(row) for row in cleared]


def _clear_denominators(row: list[Any]) -> list[Any]:
    multiple = sp.ilcm(1, *(sp.Rational(entry).q for entry in row))
    return [entry * multiple for entry in row]


def _independent(laws: list[Any], state: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first laws whose gradients with respect to the state are independent.

    Ranks are taken at one point with large prime coordinates, in exact arithmetic: a full rank there proves
    independence, and a law is dropped only where its gradient lies in the span of the others at that point.
    """
    symbols = sorted(set().union(*(law.free_symbols for law in laws), state) if laws else state, key=str)
    point = {symbol: sp.prime(1000 + 37 * index) for index, symbol in enumerate(symbols)}
    chosen: list[Any] = []
    gradients: list[list[Any]] = []
    for law in laws:
        gradient = [sp.diff(law, variable).subs(point) for variable in state]
        if sp.Matrix([*gradients, gradient]).rank() > len(gradients):
            chosen.append(law)
            gradients.append(gradient)
    return tuple(chosen)
