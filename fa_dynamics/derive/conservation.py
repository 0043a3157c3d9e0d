"""First integrals of the matrix flow: candidates of a rule, verified symbolically before they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product as cartesian
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.printing import latex, text
from fa_dynamics.derive.rules import ask
from fa_dynamics.errors import DerivationError

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow


@dataclass(frozen=True)
class Invariant:
    """A verified first integral of a flow.

    Attributes
    ----------
    name
        'Q_1' for a matrix law, 'q_1' for one number per neuron.
    layer
        The hidden layer l it belongs to.
    kind
        'matrix': `expression` itself is constant (n_l x n_l, or the shape of a feedback matrix). 'neuron':
        1/2 |row_i W_l|^2 - Psi(column i of W_{l+1}) is constant for every i, with Psi = `expression` in the
        entries of an explicit column.
    expression
        Matrix expression, or the potential Psi of a column (w_1, w_2).
    needs
        Name of a fixed feedback matrix that must have full column rank for the law to hold; None for always.
    """

    name: str
    layer: int
    kind: Literal["matrix", "neuron"]
    expression: Any
    needs: str | None = None

    @property
    def condition(self) -> str:
        """When the law holds, in words; '' for always."""
        return f"{self.needs} has full column rank" if self.needs else ""

    def latex(self) -> str:
        """The law in LaTeX, as something that equals a constant."""
        below, above = f"W_{{{self.layer}}}", f"W_{{{self.layer + 1}}}"
        where = rf"\quad\text{{if {self.condition}}}" if self.condition else ""
        if self.kind == "matrix":
            return rf"{latex(self.expression)} = \mathrm{{const}}{where}"
        return (
            rf"\tfrac12 |\mathrm{{row}}_i {below}|^2 - \Psi(\mathrm{{column}}_i {above}) = \mathrm{{const}}, "
            rf"\quad \Psi(w) = {latex(self.expression)}{where}"
        )

    def __str__(self) -> str:
        where = f"   if {self.condition}" if self.condition else ""
        if self.kind == "matrix":
            return f"{self.name} = {text(self.expression)}{where}"
        return (
            f"{self.name} = 1/2 |row_i W_{self.layer}|^2 - Psi(column i of W_{self.layer + 1}), "
            f"Psi(w) = {text(self.expression)} for two outgoing weights{where}"
        )


@lru_cache(maxsize=128)
def verified_laws(flow: Flow) -> tuple[Invariant, ...]:
    """Every first integral that the flow's rule proposes and that holds along the flow."""
    rule, network = flow.rule, flow.network
    laws = [
        Invariant(law.name, law.layer, "matrix", law.expression, law.needs.name if law.needs else None)
        for law in ask(rule, "listed_laws", network)
        if rate_of_change(flow, law.expression) == {}
    ]
    column = explicit_column(2)
    potential = ask(rule, "potential", column)
    if potential is not None and not flow.decay:
        verify_potential(flow)
        laws += [Invariant(f"q_{layer}", layer, "neuron", potential) for layer in range(1, network.depth)]
    return tuple(laws)


def rate_of_change(flow: Flow, expression: Any) -> w.Words:
    """d/dt of a matrix polynomial along the flow, multiplied out; the empty dictionary is zero."""
    velocity = {matrix: w.expand(moving) for matrix, moving in flow.factored.items()}
    return w.lie_derivative(w.expand(expression), velocity)


def pointwise_defect(flow: Flow, layer: int) -> w.Words:
    """dW_l/dt W_l^T - feedback_{l+1} dW_{l+1}/dt, which is zero for every rule that sends back a product.

    Source: robertson2024.pointwise-identity.
    """
    network = flow.network
    below, above = network.W(layer), network.W(layer + 1)
    left = w.multiply(w.expand(flow.factored[below]), w.expand(below.T))
    right = w.multiply(w.expand(flow.rule.feedback(network, layer + 1)), w.expand(flow.factored[above]))
    return w.subtract(left, right)


def verify_potential(flow: Flow) -> None:
    """Prove that the rule's potential gives a first integral.

    Raises
    ------
    DerivationError
        The pointwise identity fails, or grad Psi is not the column of feedback that goes back.
    """
    for layer in range(1, flow.depth):
        if pointwise_defect(flow, layer):
            raise DerivationError(
                f"rule {flow.rule.name!r} has a potential, but layer {layer} does not receive the feedback of "
                f"layer {layer + 1} times its signal"
            )
        for n_hidden, n_above in cartesian((1, 2), (1, 2, 3)):
            _verify_gradient(flow, layer, n_hidden, n_above)


def _verify_gradient(flow: Flow, layer: int, n_hidden: int, n_above: int) -> None:
    network = flow.network
    entries = sp.Matrix(n_above, n_hidden, lambda i, j: sp.Symbol(f"w_{i + 1}_{j + 1}", real=True, nonzero=True))
    matrix = network.W(layer + 1)
    others = {symbol.name for symbol in flow.rule.feedback(network, layer + 1).atoms(sp.MatrixSymbol)} - {matrix.name}
    if others:
        raise DerivationError(
            f"rule {flow.rule.name!r} has a potential, but its feedback contains {', '.join(sorted(others))}: "
            "a potential belongs to feedback that is a function of the weights"
        )
    explicit = explicit_form(
        flow.rule.feedback(network, layer + 1),
        {network.n(layer): n_hidden, network.n(layer + 1): n_above},
        {matrix.name: entries},
    )
    for neuron in range(n_hidden):
        column = entries[:, neuron]
        potential = ask(flow.rule, "potential", column)
        for output, weight in enumerate(column):
            if sp.simplify(sp.diff(potential, weight) - explicit[neuron, output]) != 0:
                raise DerivationError(
                    f"rule {flow.rule.name!r}: the gradient of its potential is not column {neuron + 1} of what "
                    f"goes back, at {n_hidden} hidden and {n_above} outgoing units"
                )


def explicit_column(size: int) -> Any:
    """A column (w_1..w_size) of real symbols."""
    return sp.Matrix([sp.Symbol(f"w_{i + 1}", real=True) for i in range(size)])


def explicit_form(expression: Any, sizes: dict[Any, int], matrices: dict[str, Any]) -> Any:
    """A matrix expression at explicit sizes, as a SymPy Matrix, with the named matrices filled in."""
    written = expression.subs(sizes).as_explicit()
    fill = {
        element: matrices[element.parent.name][element.i, element.j]
        for element in written.atoms(sp.matrices.expressions.matexpr.MatrixElement)
    }
    return written.xreplace(fill).doit()
