"""The flow restricted to one joint singular direction: a scalar chain per mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp

from fa_dynamics.derive.conservation import explicit_form
from fa_dynamics.derive.printing import dotted
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import DerivationError, InputError

if TYPE_CHECKING:
    from fa_dynamics.derive.discovery import FirstIntegrals
    from fa_dynamics.derive.flow import Flow


@dataclass(frozen=True, eq=False)
class Chain:
    """The scalar dynamics of one mode: ``dtheta_l/dt = c_l theta_{l-1}..theta_1 (sigma - lambda p) - rho_l theta_l``.

    Attributes
    ----------
    depth
        Number of layers.
    rule
        The learning rule.
    velocity
        Expression for every state variable: theta_1..theta_L, then feedback that learns.
    feedback
        Feedback symbols that are fixed (b_2..b_L for FA).
    feedback_rows
        Names of all feedback variables, fixed or learned, in the order in which numbers are given for them.
    correlation, curvature
        sigma and lambda of the mode.
    decay_rates
        rho_1..rho_L, or nothing.
    """

    depth: int
    rule: Rule
    velocity: Mapping[Any, Any]
    feedback: tuple[Any, ...]
    feedback_rows: tuple[str, ...]
    correlation: Any
    curvature: Any
    decay_rates: tuple[Any, ...]

    @property
    def state(self) -> tuple[Any, ...]:
        """The variables that move."""
        return tuple(self.velocity)

    @property
    def weights(self) -> tuple[Any, ...]:
        """theta_1..theta_L."""
        return self.state[: self.depth]

    @property
    def strength(self) -> Any:
        """Mode strength p = theta_L ... theta_1."""
        return sp.Mul(*self.weights)

    def jacobian(self) -> Any:
        """Matrix of the derivatives of the velocity with respect to the state."""
        return sp.Matrix(list(self.velocity.values())).jacobian(list(self.state))

    def at(self, **values: Any) -> Chain:
        """The chain with some parameters replaced by numbers or expressions, for example ``at(b_2=2)``.

        Raises
        ------
        InputError
            A name that is no parameter of the chain.
        """
        parameters = (*self.feedback, self.correlation, self.curvature, *self.decay_rates)
        known = {symbol.name: symbol for symbol in parameters if isinstance(symbol, sp.Symbol)}
        for name in values:
            if name not in known:
                raise InputError(f"{name}: no parameter of this chain; it has {', '.join(known)}")
        exchange = {known[name]: sp.sympify(value) for name, value in values.items()}
        return replace(
            self,
            velocity={variable: moving.subs(exchange) for variable, moving in self.velocity.items()},
            feedback=tuple(symbol for symbol in self.feedback if symbol not in exchange),
            correlation=self.correlation.subs(exchange),
            curvature=self.curvature.subs(exchange),
            decay_rates=tuple(symbol for symbol in self.decay_rates if symbol not in exchange),
        )

    def invariants(self, degree: int = 2, variables: Sequence[Any] | None = None) -> FirstIntegrals:
        """Every polynomial first integral up to a degree; see `fa_dynamics.derive.discovery`."""
        from fa_dynamics.derive.discovery import discover

        return discover(self, degree, variables)

    def equations(self) -> tuple[Any, ...]:
        """SymPy equations, one per state variable."""
        return tuple(
            sp.Eq(sp.Symbol(dotted(variable.name)), moving, evaluate=False)
            for variable, moving in self.velocity.items()
        )

    def text(self) -> str:
        """The equations as plain text, one a line."""
        return "\n".join(f"d{variable}/dt = {moving}" for variable, moving in self.velocity.items())

    def latex(self) -> str:
        """The equations as a LaTeX `aligned` environment."""
        from fa_dynamics.derive.printing import aligned

        return aligned(self.equations())

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def __repr__(self) -> str:
        return f"Chain: {self.rule.name}, depth {self.depth}\n{self.text()}"


@lru_cache(maxsize=64)
def restrict(flow: Flow, basis: Literal["joint", "coordinates"] = "joint") -> Chain:
    """Restrict a flow to one joint singular direction.

    With data, weights and feedback diagonal in shared bases every mode moves as the same flow does at widths 1; the
    chain is the derived velocity, evaluated there.

    Parameters
    ----------
    flow
        A derived flow.
    basis
        'joint': any joint singular basis. 'coordinates': bases that are signed permutations of the units, the only
        ones in which rules that look at single entries keep modes apart.

    Raises
    ------
    DerivationError
        The rule has no chain in a general joint basis.
    """
    if basis not in ("joint", "coordinates"):
        raise InputError(f"basis: {basis!r} given, expected 'joint' or 'coordinates'")
    rule, network = flow.rule, flow.network
    if basis == "joint" and rule.equivariance != "orthogonal":
        raise DerivationError(
            f"rule {rule.name!r} is equivariant only under {rule.equivariance}, so it has no scalar chain in a general "
            "joint basis; chain(basis='coordinates') is the one for modes that are single units"
        )
    correlation, curvature = sp.symbols("sigma lambda", real=True)
    moments = {network.input_moment.name: curvature, network.cross_moment.name: correlation}
    scalars = {matrix.name: scalar_symbol(matrix) for matrix in (*flow.state, *flow.feedback)} | moments
    entries = {name: sp.Matrix([[scalar]]) for name, scalar in scalars.items()}
    unit_sizes = dict.fromkeys(network.sizes, 1)
    velocity = {
        scalars[matrix.name]: sp.factor_terms(explicit_form(moving, unit_sizes, entries)[0, 0])
        for matrix, moving in flow.state_velocity.items()
    }
    fixed = tuple(scalars[matrix.name] for matrix in flow.feedback if matrix not in flow.state)
    rows = tuple(scalars[matrix.name].name for matrix in flow.feedback)
    return Chain(flow.depth, rule, velocity, fixed, rows, correlation, curvature, flow.decay_rates)


def scalar_symbol(matrix: Any) -> Any:
    """theta_l for W_l, b_l for B_l, c_l for direct feedback D_l; other names in lower case."""
    letters, _, index = matrix.name.rpartition("_")
    names = {"W": "theta", "B": "b", "D": "c"}
    return sp.Symbol(f"{names.get(letters, letters.lower())}_{index}", real=True)
