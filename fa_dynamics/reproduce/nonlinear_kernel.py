"""Wide two-layer networks with one output: f(x) = n_1^(-1/2) W_2 psi(W_1 x), and the kernel of their second layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics import measures
from fa_dynamics.errors import IntegrationError
from fa_dynamics.randomness import stream
from fa_dynamics.systems.activations import find_activation
from fa_dynamics.systems.losses import find_loss
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

SAMPLES, INPUTS, STEP = 20, 30, 0.2
"""N, n_0 and eta of the sum loss 1/2 sum |f - y|^2."""

CHUNK = 50
"""Steps between two looks at the weights: all states of a wide network would not fit in memory."""


@dataclass(frozen=True, eq=False)
class WideRun:
    """One wide network that learned.

    Attributes
    ----------
    residual
        |f - y| after every step, (steps + 1,), the start first.
    smallest, smallest_with_first
        Smallest eigenvalue of the second-layer kernel G at the start, and of G + H.
    cosine
        cos(W_2^T, B_2) at every look, (looks,).
    looks
        The steps of those looks.
    """

    residual: Array
    smallest: float
    smallest_with_first: float
    cosine: Array
    looks: Array

    @property
    def bound(self) -> Array:
        """(1 - eta lambda_min(G_0) / 4)^t |r_0|, (steps + 1,). Source: song2021.nonlinear-kernel-regime."""
        return np.asarray(self.residual[0] * (1 - STEP * self.smallest / 4) ** np.arange(len(self.residual)))


def unit_sphere_task(seed: int) -> Task:
    """20 inputs on the unit sphere of 30 dimensions, with standard normal targets."""
    rng = stream(seed, "data")
    inputs = rng.standard_normal((SAMPLES, INPUTS))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    return Task.from_arrays(inputs, rng.standard_normal((SAMPLES, 1)), name="unit sphere")


def learn_wide(activation: str, width: int, seed: int, steps: int) -> WideRun:
    """Feedback alignment with all entries of weights and feedback standard normal, and the factor n_1^(-1/2) outside.

    The mean loss with step N eta takes the same steps as the sum loss with step eta.
    """
    task = unit_sphere_task(seed)
    assert task.inputs is not None
    assert task.targets is not None
    scale = float(width**-0.5)
    loss = find_loss("squared").of_scaled_output(scale)
    rng = stream(seed, "start")
    weights = [rng.standard_normal((width, INPUTS)), rng.standard_normal((1, width))]
    feedback = stream(seed, "feedback").standard_normal((width, 1))
    residual: list[float] = []
    cosines: list[float] = []
    looks = [0]
    kernel, mixed = _kernels(activation, task.inputs, weights, feedback)
    cosines.append(float(measures.weight_alignment(weights[1], feedback)))
    while looks[-1] < steps:
        count = min(CHUNK, steps - looks[-1])
        run = iterate_network(
            task,
            width,
            activation,
            "fa",
            loss,
            weights,
            [feedback],
            step_size=STEP * SAMPLES,
            n_steps=count,
            records=count + 1,
            ledger=False,
            progress=False,
        )
        if run.status != "completed":
            raise IntegrationError(f"widths: {width} neurons, draw {seed}, {activation}: {run.message}")
        errors = [scale * run.outputs(index) - task.targets for index in range(len(run.t))]
        residual += [float(np.linalg.norm(error)) for error in errors[len(looks) > 1 :]]
        weights = [weight[-1] for weight in run.weights]
        looks.append(looks[-1] + count)
        cosines.append(float(measures.weight_alignment(weights[1], feedback)))
    return WideRun(
        np.array(residual),
        float(np.linalg.eigvalsh(kernel)[0]),
        float(np.linalg.eigvalsh(kernel + mixed)[0]),
        np.array(cosines),
        np.array(looks),
    )


def _kernels(activation: str, inputs: Array, weights: list[Array], feedback: Array) -> tuple[Array, Array]:
    """G_ij = E_k psi_ki psi_kj and H_ij = (x_i . x_j) E_k W_2k b_k psi'_ki psi'_kj, means over hidden units."""
    phi = find_activation(activation)
    fields = inputs @ weights[0].T
    values, slopes = phi.value(fields), phi.slope(fields)
    products = weights[1][0] * feedback[:, 0]
    width = len(feedback)
    return values @ values.T / width, (inputs @ inputs.T) * ((slopes * products) @ slopes.T) / width
