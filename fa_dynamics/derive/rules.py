"""Learning rules: what stands in the place of the transposed weights on the way back, and nothing else.

A rule of your own is one class. It needs ``name`` and ``feedback``; everything else has a default. Give it a
``potential`` and its conservation law is derived, verified and watched in every simulation.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.network import Network
from fa_dynamics.errors import DerivationError, InputError


class Law(NamedTuple):
    """A candidate for a matrix first integral."""

    name: str
    layer: int
    expression: Any
    needs: Any = None
    """A fixed feedback matrix that must have full column rank, if any."""


@dataclass(frozen=True)
class Rule(ABC):
    """What a learning rule sends back: the base class of all of them.

    The gradient of layer l is back * error * forward with back = (W_L ... W_{l+1})^T. A rule replaces `back`, and
    only it: by the product of ``feedback(j)`` over j = l+1..L, or as a whole, by overriding ``backward``.
    """

    name: ClassVar[str]
    """Short name, as used on the command line and in files."""

    equivariance: ClassVar[Literal["orthogonal", "signed permutations"]] = "orthogonal"
    """The changes of hidden basis that map solutions to solutions. Only 'orthogonal' rules have a scalar chain in
    any joint singular basis."""

    def feedback(self, network: Network, layer: int) -> Any:
        """The matrix in the place of W_layer^T, n_{layer-1} x n_layer."""
        raise DerivationError(f"the rule {self.name!r} puts nothing in the place of a single W_l^T")

    def backward(self, network: Network, layer: int) -> Any:
        """The matrix in the place of (W_L ... W_{l+1})^T, n_l x n_L."""
        factors = []
        for above in range(layer + 1, network.depth + 1):
            factor = ask(self, "feedback", network, above)
            if not isinstance(factor, sp.MatrixExpr):
                raise DerivationError(
                    f"rule {self.name!r}: its feedback is {factor!r}, expected a SymPy matrix expression"
                )
            factors.append(factor)
        return w.product(factors, network.n(layer))

    def feedback_velocity(self, network: Network, layer: int, weight_velocity: Any) -> Any | None:
        """Velocity of ``feedback(layer)`` if that is a matrix of its own that learns, given that of W_layer."""
        return None

    def matrix_laws(self, network: Network) -> Iterator[Law]:
        """Candidates for matrix first integrals; each is verified before anyone sees it."""
        return iter(())

    def listed_laws(self, network: Network) -> list[Law]:
        """The candidates of ``matrix_laws``."""
        return list(self.matrix_laws(network))

    def potential(self, column: Any) -> Any | None:
        """Psi(w) with gradient = column i of feedback(l+1)^T at w = column i of W_{l+1}, or None.

        `column` is an explicit SymPy column vector of real symbols. Every rule with a potential conserves
        1/2 |row_i W_l|^2 - Psi(column i of W_{l+1}) for every hidden neuron i.
        """
        return None


def ask(rule: Rule, method: str, *arguments: Any) -> Any:
    """Call a method of a rule, which may be a user's.

    Raises
    ------
    DerivationError
        With one sentence, whatever the method raises.
    """
    try:
        return getattr(rule, method)(*arguments)
    except DerivationError:
        raise
    except Exception as problem:  # whatever a user's class raises
        raise DerivationError(
            f"rule {rule.name!r}: its {method} fails: {type(problem).__name__}: {problem}"
        ) from problem


@dataclass(frozen=True)
class Backpropagation(Rule):
    """Gradient descent: W_l^T itself goes back.

    Conserves the balancedness W_l W_l^T - W_{l+1}^T W_{l+1}. Source: Arora, Cohen, Hazan 2018; `classical.md` 5.
    """

    name = "bp"

    def feedback(self, network: Network, layer: int) -> Any:
        """W_l^T."""
        return network.W(layer).T

    def matrix_laws(self, network: Network) -> Iterator[Law]:
        """Balancedness of neighbouring layers."""
        for layer in range(1, network.depth):
            below, above = network.W(layer), network.W(layer + 1)
            yield Law(f"Q_{layer}", layer, below * below.T - above.T * above)


@dataclass(frozen=True)
class FeedbackAlignment(Rule):
    """Feedback alignment: a fixed matrix B_l of the shape of W_l^T goes back.

    Conserves Q_l = W_l W_l^T - B_{l+1} W_{l+1} - W_{l+1}^T B_{l+1}^T. Source: Lillicrap et al. 2016;
    robertson2024.matrix-law.
    """

    name = "fa"

    def feedback(self, network: Network, layer: int) -> Any:
        """B_l."""
        return network.B(layer)

    def matrix_laws(self, network: Network) -> Iterator[Law]:
        """Q_l of every hidden layer."""
        for layer in range(1, network.depth):
            yield _fixed_feedback_law(network, layer, network.B(layer + 1))


@dataclass(frozen=True)
class DirectFeedbackAlignment(Rule):
    """Direct feedback alignment: a fixed matrix D_l takes the output error straight to layer l.

    Where n_{l+1} >= n_L it is feedback alignment with B_{l+1} = D_l D_{l+1}^+, and conserves its Q_l.
    Source: robertson2024.dfa-law.
    """

    name = "dfa"

    def feedback(self, network: Network, layer: int) -> Any:
        """D_{L-1} in the place of W_L^T; lower layers have nothing in the place of a single W_l^T."""
        return network.D(layer - 1) if layer == network.depth else super().feedback(network, layer)

    def backward(self, network: Network, layer: int) -> Any:
        """D_l; the identity for the last layer."""
        return network.D(layer) if layer < network.depth else sp.Identity(network.n(layer))

    def matrix_laws(self, network: Network) -> Iterator[Law]:
        """Q_l with the effective feedback of every hidden layer."""
        for layer in range(1, network.depth - 1):
            above = network.D(layer + 1)
            effective = network.D(layer) * sp.Inverse(above.T * above) * above.T
            yield _fixed_feedback_law(network, layer, effective, needs=above)
        if network.depth > 1:
            last = network.depth - 1
            yield _fixed_feedback_law(network, last, network.D(last))


@dataclass(frozen=True)
class SignSymmetry(Rule):
    """Sign-symmetric feedback: the signs of W_l^T, times a positive scale, go back.

    Equivariant only under signed permutations of the units, so that a general joint singular basis has no scalar
    chain. Conserves 1/2 |row_i W_l|^2 - scale * |column i of W_{l+1}|_1. Source: robertson2024.feedback-family.

    Parameters
    ----------
    scale
        Size of every feedback entry, dimensionless, > 0.
    """

    scale: float = 1.0

    name = "sign"
    equivariance = "signed permutations"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"scale: {self.scale!r} given, expected a positive finite number")

    def feedback(self, network: Network, layer: int) -> Any:
        """Scale times the elementwise sign of W_l^T."""
        return sp.nsimplify(self.scale) * network.W(layer).T.applyfunc(sp.sign)

    def potential(self, column: Any) -> Any:
        """Scale times the l1 norm."""
        return sp.nsimplify(self.scale) * sum(abs(entry) for entry in column)


@dataclass(frozen=True)
class KolenPollack(Rule):
    """Kolen-Pollack: feedback matrices of their own that receive the same updates as the weights.

    dB_l/dt = (dW_l/dt)^T, with the same decay. Conserves B_l - W_l^T and W_l W_l^T - B_{l+1} B_{l+1}^T; with
    decay B_l - W_l^T dies out, and the rule becomes backpropagation. Source: `robertson2024.md` 2.
    """

    name = "kp"

    def feedback(self, network: Network, layer: int) -> Any:
        """B_l, which learns."""
        return network.B(layer)

    def feedback_velocity(self, network: Network, layer: int, weight_velocity: Any) -> Any:
        """The transposed velocity of W_l."""
        return weight_velocity.T

    def matrix_laws(self, network: Network) -> Iterator[Law]:
        """B_l - W_l^T above, and the balance of W_l with B_{l+1}."""
        for layer in range(1, network.depth):
            weight, above, feedback = network.W(layer), network.W(layer + 1), network.B(layer + 1)
            yield Law(f"Q_{layer}", layer, weight * weight.T - feedback * feedback.T)
            yield Law(f"R_{layer}", layer, feedback - above.T)


def _fixed_feedback_law(network: Network, layer: int, feedback: Any, needs: Any = None) -> Law:
    weight, above = network.W(layer), network.W(layer + 1)
    expression = weight * weight.T - feedback * above - above.T * feedback.T
    return Law(f"Q_{layer}", layer, expression, needs)


BUILT_IN: tuple[type[Rule], ...] = (
    Backpropagation,
    FeedbackAlignment,
    DirectFeedbackAlignment,
    SignSymmetry,
    KolenPollack,
)
