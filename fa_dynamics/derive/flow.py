"""derive(depth, rule) -> Flow: the velocity of every layer, from the loss and a learning rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp
from sympy import MatrixSymbol
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from fa_dynamics.derive import words as w
from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.network import Network
from fa_dynamics.derive.printing import dotted
from fa_dynamics.derive.rules import Rule, ask
from fa_dynamics.errors import DerivationError

if TYPE_CHECKING:
    from fa_dynamics.derive.chain import Chain
    from fa_dynamics.derive.conservation import Invariant


@dataclass(frozen=True, eq=False)
class Flow:
    """The continuous-time flow of a deep linear network under a learning rule.

    ``dW_l/dt = back_l * E * (W_{l-1}..W_1)^T - rho_l W_l`` with ``E = Sigma_yx - W_L..W_1 Sigma_xx``, where `back_l`
    is what the rule puts in the place of ``(W_L..W_{l+1})^T``. Made by `derive`.

    Attributes
    ----------
    network
        The symbols.
    rule
        The learning rule.
    decay
        Whether every layer has a weight decay rho_l (symbols ``rho_1``..``rho_L``, units 1/time).
    factored
        Velocity of every matrix of the state, with the error matrix as the one symbol E.
    """

    network: Network
    rule: Rule
    decay: bool
    factored: Mapping[Any, Any]

    @property
    def depth(self) -> int:
        """Number of layers."""
        return self.network.depth

    @property
    def state(self) -> tuple[Any, ...]:
        """The matrices that move: W_1..W_L, then feedback matrices that learn."""
        return tuple(self.factored)

    @property
    def error(self) -> Any:
        """E = Sigma_yx - P Sigma_xx, minus the gradient of the loss with respect to P (n_L x n_0)."""
        return self.network.gradient(self.depth)[1]

    @property
    def velocity(self) -> tuple[Any, ...]:
        """dW_1/dt .. dW_L/dt as matrix expressions in weights, feedback and second moments."""
        return tuple(self.state_velocity[weight] for weight in self.network.weights)

    @cached_property
    def state_velocity(self) -> dict[Any, Any]:
        """Velocity of every matrix of the state, E written out."""
        error = {self.network.error_symbol: self.error}
        return {matrix: expression.xreplace(error) for matrix, expression in self.factored.items()}

    @cached_property
    def feedback(self) -> tuple[Any, ...]:
        """The feedback matrices that someone has to supply: fixed ones, and starts of those that learn."""
        network = self.network
        known = {*network.weights, network.error_symbol, network.input_moment, network.cross_moment}
        found = {
            symbol
            for expression in self.factored.values()
            for symbol in expression.atoms(MatrixSymbol)
            if symbol not in known
        }
        return tuple(sorted(found, key=symbol_order))

    @property
    def decay_rates(self) -> tuple[Any, ...]:
        """rho_1..rho_L, or nothing."""
        return decay_symbols(self.depth) if self.decay else ()

    def chain(self, basis: Literal["joint", "coordinates"] = "joint") -> Chain:
        """The flow restricted to one joint singular direction; see `fa_dynamics.derive.chain`."""
        from fa_dynamics.derive.chain import restrict

        return restrict(self, basis)

    def invariants(self) -> tuple[Invariant, ...]:
        """The first integrals of the flow, each verified symbolically at every size.

        Matrix laws are differentiated along the flow; a law from a column potential is proved from the identity
        ``dW_l/dt W_l^T = feedback_{l+1} dW_{l+1}/dt`` and from grad Psi at explicit small sizes. With weight
        decay there are none. Source: robertson2024.matrix-law, robertson2024.feedback-family.
        """
        from fa_dynamics.derive.conservation import verified_laws

        return verified_laws(self)

    def equations(self) -> tuple[Any, ...]:
        """SymPy equations: the error matrix, then one per matrix of the state."""
        error = self.network.error_symbol
        moving = [
            sp.Eq(MatrixSymbol(dotted(matrix.name), *matrix.shape), velocity, evaluate=False)
            for matrix, velocity in self.factored.items()
        ]
        return (sp.Eq(error, self.error, evaluate=False), *moving)

    def text(self) -> str:
        """The equations as plain text, one a line."""
        from fa_dynamics.derive.printing import flow_text

        return flow_text(self)

    def latex(self) -> str:
        """The equations as a LaTeX `aligned` environment."""
        from fa_dynamics.derive.printing import flow_latex

        return flow_latex(self)

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def python(self) -> str:
        """A file of NumPy source that runs on its own."""
        from fa_dynamics.derive.source import flow_source

        return flow_source(self)

    def __repr__(self) -> str:
        decay = " with weight decay" if self.decay else ""
        return f"Flow: {self.rule.name}, depth {self.depth}{decay}\n{self.text()}"


def derive(depth: int = 2, rule: RuleLike = "fa", *, decay: bool = False) -> Flow:
    """Derive the flow of a depth-L linear network under a learning rule from its loss.

    Parameters
    ----------
    depth
        Number of layers L >= 1.
    rule
        A rule, its class, its short name or ``'file.py:ClassName'``.
    decay
        Give every layer a weight decay: ``- rho_l W_l`` is added to its velocity.

    Returns
    -------
    Flow

    Raises
    ------
    InputError
        depth < 1, or an unknown rule.
    DerivationError
        The rule does not send back a matrix of the right shape.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> fa.derive(depth=2, rule="fa").velocity[0]
    B_2*(Sigma_yx - W_2*W_1*Sigma_xx)
    """
    return _derive(Network(depth), find_rule(rule), bool(decay))


@lru_cache(maxsize=64)
def _derive(network: Network, rule: Rule, decay: bool) -> Flow:
    rates = decay_symbols(network.depth)
    weights: dict[Any, Any] = {}
    feedback: dict[Any, Any] = {}
    for layer in range(1, network.depth + 1):
        weight = network.W(layer)
        learned = w.multiply(
            w.expand(_checked_backward(network, rule, layer)),
            w.expand(network.error_symbol),
            w.expand(network.gradient(layer)[2]),
        )
        plain = w.assemble(learned, *weight.shape)
        weights[weight] = plain - rates[layer - 1] * weight if decay else plain
        moving = ask(rule, "feedback_velocity", network, layer, plain) if layer > 1 else None
        if moving is not None:
            matrix = ask(rule, "feedback", network, layer)
            _check_shape(rule, f"the velocity of {matrix}", moving, matrix.shape)
            expression = w.assemble(w.expand(moving), *matrix.shape)
            feedback[matrix] = expression - rates[layer - 1] * matrix if decay else expression
    _check_symbols(network, rule, (weights | feedback).values(), rates)
    return Flow(network, rule, decay, weights | feedback)


def _checked_backward(network: Network, rule: Rule, layer: int) -> Any:
    back = ask(rule, "backward", network, layer)
    _check_shape(rule, f"what comes back to layer {layer}", back, (network.n(layer), network.n(network.depth)))
    return back


def _check_shape(rule: Rule, what: str, given: Any, expected: tuple[Any, Any]) -> None:
    if not isinstance(given, sp.MatrixExpr):
        raise DerivationError(f"rule {rule.name!r}: {what} is {given!r}, expected a SymPy matrix expression")
    if given.shape != expected:
        raise DerivationError(f"rule {rule.name!r}: {what} has shape {given.shape}, expected {expected}")


def _check_symbols(network: Network, rule: Rule, expressions: Iterable[Any], rates: tuple[Any, ...]) -> None:
    known = {*network.sizes, *rates}
    for expression in expressions:
        for part in (expression, *(f.function.expr for f in expression.atoms(ElementwiseApplyFunction))):
            for call in part.atoms(AppliedUndef):
                raise DerivationError(
                    f"rule {rule.name!r}: {call.func} is no function that SymPy knows how to evaluate"
                )
        free = {symbol for symbol in expression.free_symbols if isinstance(symbol, sp.Symbol)} - known
        if free:
            names = ", ".join(sorted(map(str, free)))
            raise DerivationError(
                f"rule {rule.name!r}: {names} has no value; put a number there, for example a field of the rule's class"
            )


def decay_symbols(depth: int) -> tuple[Any, ...]:
    """rho_1..rho_L, nonnegative."""
    return tuple(sp.Symbol(f"rho_{layer}", nonnegative=True) for layer in range(1, depth + 1))


def symbol_order(symbol: Any) -> tuple[str, int]:
    """Letters first, then the layer number, so that W_10 follows W_9."""
    letters, _, number = str(symbol).rpartition("_")
    return (letters, int(number)) if number.isdigit() else (str(symbol), 0)
