"""The exact change of a first integral in one finite step W+ = W + D, derived from the law itself.

Along the flow a law Q is constant. A step of finite length leaves it by what is quadratic in the step: the part of
Q(W + D) - Q(W) that is linear in D is eta times the rate of change along the flow, which is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sympy import MatrixSymbol, ZeroMatrix

from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import Array, compile_expression, compile_invariant
from fa_dynamics.derive.conservation import Invariant, rate_of_change
from fa_dynamics.derive.printing import text
from fa_dynamics.errors import DerivationError

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow

Matrices = Mapping[str, Array]
"""Matrices of a state by name: W_1, B_2, ..."""


@dataclass(frozen=True)
class StepDrift:
    """Q(W + eta dW) - Q(W) = eta^2 * `quadratic` for one matrix law and one Euler step.

    Attributes
    ----------
    invariant
        The first integral Q of the flow.
    quadratic
        Matrix expression in the velocities dW_l (and dB_l of feedback that learns); for feedback alignment
        dW_l dW_l^T. The zero matrix where finite steps conserve the law.
    """

    invariant: Invariant
    quadratic: Any

    def __str__(self) -> str:
        return f"{self.invariant.name}+ - {self.invariant.name} = eta^2*({text(self.quadratic)})"


def velocity_symbol(matrix: Any) -> Any:
    """The symbol dW_l of the velocity of a matrix of the state."""
    return MatrixSymbol(f"d{matrix.name}", *matrix.shape)


@lru_cache(maxsize=128)
def step_drift(flow: Flow, invariant: Invariant) -> StepDrift:
    """Derive the change of a matrix law in one Euler step.

    Parameters
    ----------
    flow
        A derived flow.
    invariant
        One of ``flow.invariants()``, of kind 'matrix'.

    Returns
    -------
    StepDrift

    Raises
    ------
    DerivationError
        The law is no matrix law, is not conserved by the flow, or has a degree above 2 in the state.

    Notes
    -----
    Source: robertson2024.discrete-drift. It needs nothing of the data, and holds for every minibatch.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> flow = fa.derive(depth=2, rule="bp")
    >>> print(step_drift(flow, flow.invariants()[0]))
    Q_1+ - Q_1 = eta^2*(dW_1*dW_1.T - dW_2.T*dW_2)
    """
    if invariant.kind != "matrix":
        raise DerivationError(f"{invariant.name} comes from a potential: its drift is a Bregman divergence")
    if rate_of_change(flow, invariant.expression) != {}:
        raise DerivationError(f"{invariant.name} is no first integral of this flow")
    velocity = {matrix: velocity_symbol(matrix) for matrix in flow.state}
    law = w.expand(invariant.expression)
    moved = w.substitute(law, {m: w.add(w.expand(m), w.expand(v)) for m, v in velocity.items()})
    orders: dict[int, w.Words] = {}
    for word, coefficient in moved.items():
        order = sum(w.split_transpose(factor)[0] in velocity.values() for factor in word)
        orders.setdefault(order, {})[word] = coefficient
    along = {velocity[matrix]: w.expand(moving) for matrix, moving in flow.factored.items()}
    if w.subtract(orders.get(0, {}), law) or w.substitute(orders.get(1, {}), along) or max(orders, default=0) > 2:
        raise DerivationError(f"{invariant.name} is no polynomial of degree 2 in the matrices that move")
    return StepDrift(invariant, w.assemble(orders.get(2, {}), *invariant.expression.shape))


def compile_drift(flow: Flow, invariant: Invariant, outgoing: int) -> Callable[[Matrices, Matrices, Matrices], Array]:
    """A function for what a step adds to a first integral besides the rate, which is zero along the flow.

    Parameters
    ----------
    flow, invariant
        The flow and one of its first integrals.
    outgoing
        Number of units n_{l+1} above the hidden layer, which a column potential needs.

    Returns
    -------
    callable
        ``drift(before, moved, after)`` with the matrices before the step, their displacements D = eta dW under the
        same names, and the matrices after it. A matrix law gains the quadratic part in D. A law from a potential gains
        1/2 |row_i D_l|^2 - [Psi(w+) - Psi(w) - grad Psi(w) . (w+ - w)], with the Bregman divergence of Psi between
        columns i of W_{l+1}; grad Psi is what the rule sends back.

    Notes
    -----
    Source: robertson2024.discrete-drift, robertson2024.feedback-family.
    """
    if invariant.kind == "matrix":
        quadratic = step_drift(flow, invariant).quadratic
        if isinstance(quadratic, ZeroMatrix):
            return lambda before, moved, after: 0.0
        own = {velocity_symbol(matrix): matrix for matrix in flow.state}
        evaluate = compile_expression(quadratic.xreplace(own))
        return lambda before, moved, after: evaluate(moved)
    law = compile_invariant(flow, invariant, outgoing)
    gradient = compile_expression(flow.rule.feedback(flow.network, invariant.layer + 1))
    below, above = f"W_{invariant.layer}", f"W_{invariant.layer + 1}"

    def neuron_drift(before: Matrices, moved: Matrices, after: Matrices) -> Array:
        rows = 0 * before[below]  # of the law, minus the potential is left
        bregman = law({below: rows, above: before[above]}) - law({below: rows, above: after[above]})
        bregman = bregman - (gradient(before) * moved[above].T).sum(axis=1)
        return (moved[below] ** 2).sum(axis=1) / 2 - bregman

    return neuron_drift
