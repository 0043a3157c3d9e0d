r"""The conserved quantities of deep networks, neuron by neuron, and what moves them where they are no laws.

.. math:: q_{l,i} = \tfrac12\|\mathrm{row}_i W_l\|^2 + \tfrac12\beta_{l,i}^2 - \nu\,\Psi_i

where column i of what stands in the place of :math:`W_{l+1}^\top` is the gradient of :math:`\Psi_i`.
Source: robertson2024.neuron-law, robertson2024.feedback-family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_expression
from fa_dynamics.derive.flow import Flow, derive
from fa_dynamics.derive.rules import ask
from fa_dynamics.systems.network_feedback import Evaluate
from fa_dynamics.systems.network_field import Evaluation, Model, State

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HiddenLaw:
    """The quantity of one hidden layer l, and whether it is a law of this network's flow.

    Attributes
    ----------
    layer
        l.
    matrix
        R_l with Q_l = W_l W_l^T + beta_l beta_l^T - nu R_l, n_l x n_l; None where the rule has only a potential.
    potential
        Psi of every neuron, (n_l,), from matrices by name; half the diagonal of R_l where there is one.
    why_not
        '' if q is constant along the flow, else the reason why it is not, in words.
    """

    layer: int
    matrix: Evaluate | None
    potential: Evaluate
    why_not: str

    @property
    def holds(self) -> bool:
        """Whether q is constant along the flow."""
        return not self.why_not


def hidden_laws(model: Model) -> tuple[HiddenLaw, ...]:
    """The laws of layers 1..L-1.

    A potential is the rule's own, or half the diagonal of a matrix law that SymPy has verified for the linear network:
    both have the same gradient. A rule with neither gets Psi_i = (feedback_{l+1} W_{l+1})_ii, and no law.
    """
    return tuple(_hidden_law(model, layer) for layer in range(1, model.depth))


def neuron_quantity(model: Model, law: HiddenLaw, state: State) -> Array:
    """q_{l,i} of every neuron of a hidden layer, (n_l,)."""
    rows = (state[f"W_{law.layer}"] ** 2).sum(axis=1)
    if model.biases:
        rows = rows + state[f"beta_{law.layer}"] ** 2
    return np.asarray(rows / 2 - model.activation.order * law.potential({**model.fixed, **state}))


def matrix_quantity(model: Model, law: HiddenLaw, state: State) -> Array:
    """Q_l = W_l W_l^T + beta_l beta_l^T - nu R_l, (n_l, n_l), constant in linear networks; nan where there is none.

    Source: robertson2024.matrix-law.
    """
    weight = state[f"W_{law.layer}"]
    if law.matrix is None:
        return np.full((len(weight), len(weight)), np.nan)
    square = weight @ weight.T
    if model.biases:
        square = square + np.outer(state[f"beta_{law.layer}"], state[f"beta_{law.layer}"])
    return np.asarray(square - model.activation.order * law.matrix({**model.fixed, **state}))


def identity_defect(model: Model, layer: int, seen: Evaluation, stand_in: Array) -> Array:
    r"""How far a hidden layer is from the pointwise identity, (n_l,), exactly and without differences.

    .. math:: \operatorname{diag}(G_l W_l^\top) + \beta_l\odot\mathbb E\delta_l - \nu\operatorname{diag}(B_{l+1}G_{l+1})
              = \mathbb E[r_l\odot(z_l\varphi'(z_l)-\nu\varphi(z_l))]
              + \nu\,\mathbb E[(r_l - B_{l+1}\delta_{l+1})\odot\varphi(z_l)]

    with r_l what arrives at the layer. The second term is zero for rules that send from layer to layer; it is why
    direct feedback has no law below the last hidden layer. The flow moves q_l by minus this.
    Source: robertson2024.pointwise-identity, robertson2024.dfa-law.
    """
    received, activation = seen.received[layer - 1], model.activation
    defect = np.zeros(model.sizes[layer])
    if activation.degree is None:
        defect += (received * activation.defect(seen.fields[layer - 1])).mean(axis=0)
    if model.way_back.direct is not None:
        missed = received - seen.signals[layer] @ stand_in.T
        defect += activation.order * (missed * seen.activities[layer]).mean(axis=0)
    return defect


def _hidden_law(model: Model, layer: int) -> HiddenLaw:
    rule, activation = model.flow.rule, model.activation
    plain = derive(model.depth, rule)
    matrix = _matrix_part(plain, layer, model)
    potential = ask(rule, "potential", sp.Matrix([sp.Symbol("w_0", real=True)]))
    why_not = ""
    if potential is not None:
        found = _compiled_potential(rule, layer, model.sizes[layer + 1])
    elif matrix is not None:
        found = _half_diagonal(matrix)
    else:
        found = _frozen_feedback(model, layer)
        why_not = f"rule {rule.name!r} has no law with this feedback"
    if activation.degree is None:
        why_not = f"{activation.name} is not homogeneous"
    elif model.way_back.direct is not None and layer < model.depth - 1 and activation.name != "linear":
        why_not = "direct feedback carries a law below the last hidden layer only in linear networks"
    elif model.rates is not None and any(model.rates):
        why_not = "weight decay moves it"
    return HiddenLaw(layer, matrix, found, why_not)


def _matrix_part(flow: Flow, layer: int, model: Model) -> Evaluate | None:
    """R_l of a verified law W_l W_l^T - R_l, if the flow has one in which R_l is free of W_l."""
    network = flow.network
    weight = network.W(layer)
    for law in flow.invariants():
        square = law.kind == "matrix" and law.expression.shape == (network.n(layer), network.n(layer))
        if law.layer != layer or not square or not _condition_holds(law.needs, model.fixed):
            continue
        rest = w.subtract(w.expand(weight * weight.T), w.expand(law.expression))
        expression = w.assemble(rest, network.n(layer), network.n(layer))
        if weight not in expression.atoms(sp.MatrixSymbol):
            return compile_expression(expression)
    return None


def _condition_holds(needs: str | None, fixed: Mapping[str, Array]) -> bool:
    if needs is None:
        return True
    return bool(np.linalg.matrix_rank(fixed[needs]) == fixed[needs].shape[1])


def _half_diagonal(matrix: Evaluate) -> Evaluate:
    return lambda matrices: np.diagonal(matrix(matrices)) / 2


def _frozen_feedback(model: Model, layer: int) -> Evaluate:
    def potential(matrices: Mapping[str, Array]) -> Array:
        stand_in = model.way_back.stand_in(layer + 1, matrices)
        return np.asarray((stand_in * matrices[f"W_{layer + 1}"].T).sum(axis=1))

    return potential


def _compiled_potential(rule: Any, layer: int, outgoing: int) -> Evaluate:
    column = sp.Matrix([sp.Symbol(f"w_{i}", real=True) for i in range(outgoing)])
    function = sp.lambdify(list(column), ask(rule, "potential", column), modules="numpy")
    return lambda matrices: np.asarray(function(*matrices[f"W_{layer + 1}"]))
