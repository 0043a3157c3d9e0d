"""Small networks of every activation under every rule, with and without biases: what their flows conserve."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import IntegrationWarning
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Gaussian
from fa_dynamics.systems.network import simulate_network
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.systems.network_run import NetworkRun
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

INPUTS, OUTPUTS, SAMPLES = 4, 3, 40
"""Of the random task."""

HIDDEN, BOTTLENECK = (5, 4), (5, 2)
"""Widths of the hidden layers; the second ones are too narrow for direct feedback to have a law in layer 1."""

START = Gaussian(0.8)
"""Large enough that fields change sign, small enough that squares stay bounded."""

TIMES = 401
"""Output times, between which defects are integrated by the trapezoidal rule."""

STEPS, STEP = 60, 0.02
"""Of the iterated companion of every flow."""


@dataclass(frozen=True)
class Drifts:
    """What moved in a flow, and in finite steps from the same start.

    Attributes
    ----------
    status
        How the flow ended.
    rtol
        Tolerance of the flow.
    holds
        Per hidden layer, whether the neuron law is predicted.
    neuron
        Per hidden layer, the largest |q_i(t) - q_i(0)| of the flow.
    layer
        The same for the sum over neurons.
    matrix
        The same for entries of Q_l off the diagonal; nan without a matrix law.
    unintegrated
        Per hidden layer, the largest difference between q_i's drift and minus the integral of its defect.
    step, step_unexplained
        Largest drift of a neuron under finite steps, and what is left of it after the account; nan if they diverged.
    """

    status: str
    rtol: float
    holds: tuple[bool, ...]
    neuron: tuple[float, ...]
    layer: tuple[float, ...]
    matrix: tuple[float, ...]
    unintegrated: tuple[float, ...]
    step: float
    step_unexplained: float


def random_task(seed: int) -> Task:
    """Standard normal inputs, and targets of a random ReLU network with some noise, all of order one."""
    rng = stream(seed, "data")
    inputs = rng.standard_normal((SAMPLES, INPUTS))
    hidden = np.maximum(inputs @ rng.standard_normal((INPUTS, 6)) / 2, 0)
    targets = hidden @ rng.standard_normal((6, OUTPUTS)) + 0.3 * rng.standard_normal((SAMPLES, OUTPUTS))
    return Task.from_arrays(inputs, targets, name="random ReLU teacher")


def drifts(
    activation: str, rule: str, biases: bool, seed: int, t_end: float, hidden: tuple[int, int] = HIDDEN
) -> Drifts:
    """Integrate and iterate one network."""
    task = random_task(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)  # how a flow ended is part of what is returned
        flow = simulate_network(
            task,
            hidden,
            activation,
            rule,
            "squared",
            START,
            t_end=t_end,
            biases=biases,
            t_eval=np.linspace(0, t_end, TIMES),
            seed=seed,
            progress=False,
        )
        steps = iterate_network(
            task,
            hidden,
            activation,
            rule,
            "squared",
            START,
            step_size=STEP,
            n_steps=STEPS,
            biases=biases,
            records=2,
            seed=seed,
            progress=False,
        )
    explained = steps.explained_drift
    assert explained is not None
    left = [np.abs(moved - known).max() for moved, known in zip(steps.neuron_drift, explained, strict=True)]
    stayed = steps.status == "completed"
    return Drifts(
        status=flow.status,
        rtol=float(flow.solver["rtol"]),
        holds=tuple(law.holds for law in flow.laws),
        neuron=tuple(float(np.abs(drift).max()) for drift in flow.neuron_drift),
        layer=tuple(float(column) for column in np.abs(flow.layer_drift).max(axis=0)),
        matrix=tuple(_off_diagonal(matrix) for matrix in flow.matrix_drift),
        unintegrated=_unintegrated(flow),
        step=float(max(np.abs(drift).max() for drift in steps.neuron_drift)) if stayed else np.nan,
        step_unexplained=float(max(left)) if stayed else np.nan,
    )


def _off_diagonal(matrices: Array) -> float:
    return float(np.abs(matrices * (1 - np.eye(matrices.shape[-1]))).max())


def _unintegrated(flow: NetworkRun) -> tuple[float, ...]:
    width = np.diff(flow.t)[:, None]
    left = []
    for drift, defect in zip(flow.neuron_drift, flow.identity_defect, strict=True):
        integral = np.cumsum((defect[1:] + defect[:-1]) / 2 * width, axis=0)
        left.append(float(np.abs(drift[1:] + integral).max(initial=0.0)))
    return tuple(left)
