"""What happened to a nonlinear network, with every observable by name, computed when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics import measures
from fa_dynamics.systems.network_field import Model, forward
from fa_dynamics.systems.network_laws import HiddenLaw, hidden_laws, matrix_quantity, neuron_quantity
from fa_dynamics.systems.network_observe import Observed, observe, score
from fa_dynamics.tasks import Task

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRun:
    """A deep network that learned, by a flow or by finite steps.

    Attributes
    ----------
    task, test
        Training samples, and samples that were only looked at, or None.
    model
        The network (sizes, activation, biases), its loss, its rule and its decay.
    t
        Recorded times, (time,), in units of 1 / (curvature of the loss); step size times steps for finite steps.
    weights
        W_1..W_L, each (time, n_l, n_{l-1}).
    biases
        beta_1..beta_L, each (time, n_l), or none.
    feedback
        Feedback matrices by name: fixed ones as (rows, columns), those that learn as (time, rows, columns).
    initial
        The state at t = 0, by name.
    explained_drift
        For finite steps, what moves the quantity of every hidden neuron, added up step by step: per hidden layer
        (time, n_l). None for a flow.
    status
        'completed', 'diverged', 'stalled', 'non-finite' or 'interrupted'.
    message
        One sentence on what the status means and what to change.
    solver
        How the time was covered, with tolerances or step size, and how long that took.
    seed, start, feedback_start
        What the run started from.
    """

    task: Task
    test: Task | None
    model: Model
    t: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    feedback: Mapping[str, Array]
    initial: Mapping[str, Array]
    explained_drift: tuple[Array, ...] | None
    status: str
    message: str
    solver: Mapping[str, Any]
    seed: int
    start: str
    feedback_start: str

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return self.model.depth

    def state(self, index: int) -> dict[str, Array]:
        """What moves, by name, at one recorded time."""
        named = {f"W_{layer}": weight[index] for layer, weight in enumerate(self.weights, start=1)}
        named |= {name: matrix[index] for name, matrix in self.feedback.items() if matrix.ndim == 3}
        return named | {f"beta_{layer}": bias[index] for layer, bias in enumerate(self.biases, start=1)}

    @cached_property
    def observed(self) -> Observed:
        """Everything that needs a pass over the samples."""
        return observe(self)

    @property
    def loss(self) -> Array:
        """Mean loss of the training samples, (time,)."""
        return self.observed.loss

    @property
    def accuracy(self) -> Array:
        """Fraction of training samples whose class is found, (time,); nan if the targets are no classes."""
        return self.observed.accuracy

    @cached_property
    def _test_score(self) -> Array:
        if self.test is None:
            return np.full((len(self.t), 2), np.nan)
        return np.array([score(self.model, self.state(i), self.test) for i in range(len(self.t))]).reshape(-1, 2)

    @property
    def test_loss(self) -> Array:
        """Mean loss of the test samples, (time,); nan without any."""
        return self._test_score[:, 0]

    @property
    def test_accuracy(self) -> Array:
        """Fraction of test samples whose class is found, (time,); nan without test samples or classes."""
        return self._test_score[:, 1]

    def outputs(self, index: int = -1) -> Array:
        """Outputs h_L of the training samples at one recorded time, (n_samples, n_L)."""
        assert self.task.inputs is not None
        return forward(self.model, self.state(index), self.task.inputs)[0][-1]

    @cached_property
    def weight_alignment(self) -> Array:
        """cos(W_l^T, what stands in its place), (time, layer) for layers 2..L, dimensionless.

        nan where one of the two is zero, and where the rule puts nothing in the place of a single W_l^T.
        Source: Song et al. 2021.
        """
        table = np.full((len(self.t), self.depth - 1), np.nan)
        for layer, feedback in self.model.way_back.feedback.items():
            if feedback is None:
                continue
            for index in range(len(self.t)):
                stand_in = feedback({**self.model.fixed, **self.state(index)})
                table[index, layer - 2] = measures.weight_alignment(self.weights[layer - 1][index], stand_in)
        return table

    @property
    def update_alignment(self) -> Array:
        """cos between each layer's update and that of backpropagation at the same weights, (time, layer).

        From all training samples, without decay; nan where one of the two is exactly zero.
        """
        return self.observed.update_alignment

    @cached_property
    def laws(self) -> tuple[HiddenLaw, ...]:
        """The quantity of every hidden layer, and whether it is a law of the flow."""
        return hidden_laws(self.model)

    @cached_property
    def neuron_drift(self) -> tuple[Array, ...]:
        """q_{l,i}(t) - q_{l,i}(0), per hidden layer (time, n_l), in units of a squared weight.

        q is 1/2 |row_i W_l|^2 + 1/2 beta_i^2 - nu Psi_i; nu is 1 for activations that are not homogeneous.
        Source: robertson2024.neuron-law.
        """
        drifts = []
        for law in self.laws:
            first = neuron_quantity(self.model, law, self.initial)
            drift = [neuron_quantity(self.model, law, self.state(i)) - first for i in range(len(self.t))]
            drifts.append(np.array(drift).reshape(len(self.t), self.model.sizes[law.layer]))
        return tuple(drifts)

    @cached_property
    def layer_drift(self) -> Array:
        """The same added up over the neurons of a layer, (time, hidden layer)."""
        sums = [drift.sum(axis=1) for drift in self.neuron_drift]
        return np.array(sums).T.reshape(len(self.t), self.depth - 1)

    @cached_property
    def matrix_drift(self) -> tuple[Array, ...]:
        """Q_l(t) - Q_l(0), per hidden layer (time, n_l, n_l): conserved in linear networks, not under a rectifier.

        nan for rules without a matrix law. Its diagonal is twice `neuron_drift`. Source: robertson2024.matrix-law.
        """
        drifts = []
        for law in self.laws:
            first, width = matrix_quantity(self.model, law, self.initial), self.model.sizes[law.layer]
            drift = [matrix_quantity(self.model, law, self.state(i)) - first for i in range(len(self.t))]
            drifts.append(np.array(drift).reshape(len(self.t), width, width))
        return tuple(drifts)

    @property
    def identity_defect(self) -> tuple[Array, ...]:
        """The exact defect of the pointwise identity, per hidden layer (time, n_l); the flow moves q by minus it.

        Zero wherever a neuron has a law. Source: robertson2024.pointwise-identity.
        """
        return self.observed.defect

    def to_xarray(self) -> xarray.Dataset:
        """All of it as a labelled dataset, with provenance in its attributes."""
        from fa_dynamics.systems.network_dataset import to_dataset

        return to_dataset(self)

    def save(self, path: str | Path) -> Path:
        """Write the run as NetCDF; the file appears whole or not at all."""
        from fa_dynamics.systems.network_dataset import save

        return save(self, path)

    def __repr__(self) -> str:
        model, count = self.model, len(self.t)
        reached = f"t = {self.t[-1]:g}" if count else "no recorded time"
        lines = [
            f"NetworkRun of {model.flow.rule.name!r} on {self.task.name!r}: widths "
            f"{'-'.join(map(str, model.sizes))}, {model.activation.name}, loss {model.loss.name}"
            + (", biases" if model.biases else "")
            + (f", decay {model.rates}" if model.rates else ""),
            f"  {self.status} at {reached}: {self.message}",
        ]
        if count:
            last, first = score(model, self.state(-1), self.task), score(model, self.state(0), self.task)
            right = "" if np.isnan(last[1]) else f"; accuracy {first[1]:.3f} -> {last[1]:.3f}"
            right += f", test {self.test_accuracy[-1]:.3f}" if self.test is not None and right else ""
            lines.append(f"  loss {first[0]:.4g} -> {last[0]:.4g}{right}")
            lines += [_law_line(law, drift) for law, drift in zip(self.laws, self.neuron_drift, strict=True)]
        lines.append("  " + ", ".join(f"{key} {value}" for key, value in self.solver.items()))
        lines.append(f"  seed {self.seed}, start {self.start}, feedback {self.feedback_start}")
        return "\n".join(lines)


def _law_line(law: HiddenLaw, drift: Array) -> str:
    reason = "a law of the flow" if law.holds else f"no law: {law.why_not}"
    return f"  hidden layer {law.layer}: neuron quantities drift by up to {np.abs(drift).max():.1e} ({reason})"
