"""One evaluation of a deep network on samples: forward, back through the rule, and the velocity of every array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.flow import Flow, derive
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.systems.activations import Activation
from fa_dynamics.systems.losses import Loss
from fa_dynamics.systems.network_feedback import WEIGHT_VELOCITY, WayBack, way_back

Array = NDArray[np.float64]
State = Mapping[str, Array]
"""What moves, by name: W_1..W_L, feedback that learns, then beta_1..beta_L."""


@dataclass(frozen=True, eq=False)
class Model:
    """A deep network h_l = phi(W_l h_{l-1} + beta_l) with linear last layer, its loss and its learning rule.

    Attributes
    ----------
    flow
        The linear flow of the same depth and rule, which names the matrices and knows the rule.
    sizes
        n_0..n_L.
    activation, loss
        phi and the loss.
    biases
        Whether beta_1..beta_L exist and are trained.
    rates
        Weight decay rho_1..rho_L (1/time) of weights and of feedback that learns, not of biases; None for none.
    fixed
        Feedback matrices that do not learn, by name.
    """

    flow: Flow
    sizes: tuple[int, ...]
    activation: Activation
    loss: Loss
    biases: bool
    rates: tuple[float, ...] | None
    fixed: Mapping[str, Array]

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.sizes) - 1

    @cached_property
    def way_back(self) -> WayBack:
        """What the rule sends back."""
        return way_back(self.flow, self.sizes)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the state by name, in its order."""
        numbers = dict(zip(self.flow.network.sizes, self.sizes, strict=True))
        shapes: dict[str, tuple[int, ...]] = {
            matrix.name: tuple(numbers[size] for size in matrix.shape) for matrix in self.flow.state
        }
        if self.biases:
            shapes |= {f"beta_{layer}": (self.sizes[layer],) for layer in range(1, self.depth + 1)}
        return shapes

    def with_rule(self, rule: RuleLike) -> Model:
        """The same network under another rule that needs no feedback matrices, such as backpropagation."""
        return replace(self, flow=derive(self.depth, rule), rates=None)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network seen on samples; all arrays have one row per sample.

    Attributes
    ----------
    activities
        h_0..h_L, each (n_samples, n_l); h_0 are the inputs, h_L the outputs.
    fields
        z_1..z_L.
    received
        What arrives at layers 1..L-1 before the slope acts on it.
    signals
        delta_1..delta_L.
    """

    activities: tuple[Array, ...]
    fields: tuple[Array, ...]
    received: tuple[Array, ...]
    signals: tuple[Array, ...]

    @property
    def outputs(self) -> Array:
        """h_L, (n_samples, n_L)."""
        return self.activities[-1]

    def gradient(self, layer: int) -> Array:
        """G_l = E[delta_l h_{l-1}^T], (n_l, n_{l-1}): the gradient of the loss under backpropagation only."""
        signal = self.signals[layer - 1]
        return np.asarray(signal.T @ self.activities[layer - 1]) / len(signal)

    def bias_gradient(self, layer: int) -> Array:
        """E[delta_l], (n_l,)."""
        return np.asarray(self.signals[layer - 1].mean(axis=0))


def forward(model: Model, state: State, inputs: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Activities h_0..h_L and fields z_1..z_L of samples in rows."""
    activities, fields = [inputs], []
    for layer in range(1, model.depth + 1):
        field = activities[-1] @ state[f"W_{layer}"].T
        if model.biases:
            field = field + state[f"beta_{layer}"]
        fields.append(field)
        activities.append(field if layer == model.depth else model.activation.value(field))
    return tuple(activities), tuple(fields)


def evaluate(model: Model, state: State, inputs: Array, targets: Array) -> Evaluation:
    r"""Forward and back: :math:`\delta_l = \varphi'(z_l) \odot (\text{what the rule sends back})`.

    From layer to layer that is B_{l+1} delta_{l+1}; for rules that replace the whole way back, D_l delta_L.
    Source: `notation.md` section 2.
    """
    activities, fields = forward(model, state, inputs)
    matrices = {**model.fixed, **state}
    output_error = model.loss.error(activities[-1], targets)
    back, depth = model.way_back, model.depth
    signals = [output_error]
    received: list[Array] = []
    if back.direct is not None:
        last = back.direct[depth]
        signals = [output_error if last is None else output_error @ last(matrices).T]
    for layer in range(depth - 1, 0, -1):
        if back.direct is not None:
            through, source = back.direct[layer], output_error
        else:
            through, source = back.feedback[layer + 1], signals[0]
        arriving = source if through is None else source @ through(matrices).T
        received.insert(0, arriving)
        signals.insert(0, model.activation.slope(fields[layer - 1]) * arriving)
    return Evaluation(activities, fields, tuple(received), tuple(signals))


def velocity(model: Model, state: State, seen: Evaluation) -> dict[str, Array]:
    r"""The velocity of every array of the state.

    .. math:: \dot W_l = -\mathbb E[\delta_l h_{l-1}^\top] - \rho_l W_l, \qquad \dot\beta_l = -\mathbb E[\delta_l]

    Feedback that learns follows its rule, with the decay of its layer.
    """
    matrices = {**model.fixed, **state}
    plain = {f"W_{layer}": -seen.gradient(layer) for layer in range(1, model.depth + 1)}
    moving = dict(plain)
    for name, (layer, follow) in model.way_back.learns.items():
        moving[name] = follow({**matrices, WEIGHT_VELOCITY: plain[f"W_{layer}"]})
    if model.rates is not None:
        for name in moving:
            layer = model.way_back.learns[name][0] if name in model.way_back.learns else int(name.rpartition("_")[2])
            moving[name] = moving[name] - model.rates[layer - 1] * state[name]
    if model.biases:
        moving |= {f"beta_{layer}": -seen.bias_gradient(layer) for layer in range(1, model.depth + 1)}
    return moving
