"""How a rule sends errors back through a network of any activation: its symbols as NumPy functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.compile import compile_expression
from fa_dynamics.derive.flow import Flow
from fa_dynamics.derive.rules import Rule, ask
from fa_dynamics.errors import DerivationError

Array = NDArray[np.float64]
Evaluate = Callable[[Mapping[str, Array]], Array]
"""From matrices by name to a matrix."""

WEIGHT_VELOCITY = "weight_velocity"
"""Name under which a layer's own velocity is given to feedback that learns."""


@dataclass(frozen=True, eq=False)
class WayBack:
    """What a rule sends back, at given sizes.

    Attributes
    ----------
    feedback
        For layers 2..L what stands in the place of W_l^T, n_{l-1} x n_l; None where the rule has no such thing.
    direct
        For layers 1..L what takes the output error straight to layer l, n_l x n_L, and None for the identity;
        None as a whole for a rule that sends errors from layer to layer.
    learns
        By name and layer, the velocity of feedback that learns, from the matrices and from `WEIGHT_VELOCITY`.
    """

    feedback: Mapping[int, Evaluate | None]
    direct: Mapping[int, Evaluate | None] | None
    learns: Mapping[str, tuple[int, Evaluate]]

    def stand_in(self, layer: int, matrices: Mapping[str, Array]) -> Array:
        """What stands, or would have to stand, in the place of W_layer^T (2..L), n_{l-1} x n_l.

        For direct feedback D_{l-1} D_l^+, with which layer-to-layer feedback sends the same where n_l >= n_L and
        the activation is linear. Source: robertson2024.dfa-law.
        """
        found = self.feedback[layer]
        if found is not None:
            return found(matrices)
        assert self.direct is not None
        below, above = self.direct[layer - 1], self.direct[layer]
        if below is None:
            raise DerivationError(f"the rule sends the output error to layer {layer - 1} through no matrix")
        return below(matrices) if above is None else below(matrices) @ np.linalg.pinv(above(matrices))


@lru_cache(maxsize=64)
def way_back(flow: Flow, sizes: tuple[int, ...]) -> WayBack:
    """Compile what the rule of a flow sends back.

    A rule that overrides ``backward`` replaces the way back as a whole, and its matrices act on the output error;
    every other rule sends delta_{l+1} through ``feedback(l+1)``, and the slope of layer l acts in between.
    """
    rule, network = flow.rule, flow.network
    numbers = dict(zip(network.sizes, sizes, strict=True))
    layers = range(2, network.depth + 1)

    def compiled(expression: Any) -> Evaluate | None:
        return None if isinstance(expression, sp.Identity) else compile_expression(expression.subs(numbers))

    feedback: dict[int, Evaluate | None] = {}
    for layer in layers:
        try:
            feedback[layer] = compile_expression(ask(rule, "feedback", network, layer).subs(numbers))
        except DerivationError:
            feedback[layer] = None
    direct = None
    if type(rule).backward is not Rule.backward:
        direct = {layer: compiled(ask(rule, "backward", network, layer)) for layer in range(1, network.depth + 1)}
    learns = {}
    for layer in layers:
        symbol = sp.MatrixSymbol(WEIGHT_VELOCITY, network.n(layer), network.n(layer - 1))
        moving = ask(rule, "feedback_velocity", network, layer, symbol)
        if moving is not None:
            learns[ask(rule, "feedback", network, layer).name] = (layer, compile_expression(moving.subs(numbers)))
    return WayBack(feedback, direct, learns)
