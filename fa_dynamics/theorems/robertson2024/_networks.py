"""Random networks with any activation for statements, one evaluation of them, and the degrees that the notes name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.flow import derive
from fa_dynamics.systems.activations import find_activation
from fa_dynamics.systems.losses import Loss, find_loss
from fa_dynamics.systems.network_field import Model
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.statement import Instance

Array = NDArray[np.float64]

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 4, 2),
    (2, 1, 3),
    (1, 3, 1),
    (4, 6, 1),
    (3, 3, 5, 2),
    (2, 1, 3, 2),
    (3, 5, 2, 3),
    (2, 2, 3, 3, 2),
)
"""n_0..n_L: wide hidden layers, bottlenecks, single units, one output, depths 2 to 4."""

DEGREES = {"linear": 1.0, "relu": 1.0, "leaky-relu:0.1": 1.0, "leaky-relu:-0.5": 1.0, "squared-relu": 2.0}
"""Homogeneous activations and their degree nu."""

SMOOTH = ("tanh", "sigmoid", "gelu")
"""Activations that are not homogeneous."""


def network(draw: Draw, shapes: Sequence[tuple[int, ...]] = SHAPES) -> dict[str, Any]:
    """Samples, weights, feedback of the shapes of W_l^T, and biases; weights from 1/10 to order one, of unit fields."""
    sizes, scale, strength = draw.choice(shapes), draw.log_uniform(0.1, 2.0), draw.log_uniform(0.2, 2.0)
    samples, spread = draw.integer(1, 8), draw.log_uniform(1.0, 10.0)
    pairs = list(pairwise(sizes))
    return {
        "sizes": list(sizes),
        "inputs": draw.normals((samples, sizes[0])) * np.geomspace(1.0, 1.0 / spread, sizes[0]),
        "targets": draw.normals((samples, sizes[-1]), draw.log_uniform(0.3, 3.0)),
        "start": [draw.normals((rows, cols), scale / np.sqrt(cols)) for cols, rows in pairs],
        "feedback": [draw.normals((below, above), strength / np.sqrt(above)) for below, above in pairs[1:]],
    }


def matrices(stored: Any) -> list[Array]:
    """Arrays of an instance, which may have come back from JSON as nested lists."""
    return [np.asarray(matrix, dtype=float) for matrix in stored]


def task_of(case: Instance) -> Task:
    """The samples of an instance."""
    return Task.from_arrays(np.asarray(case["inputs"], dtype=float), np.asarray(case["targets"], dtype=float))


def loss_of(case: Instance) -> Loss:
    """A loss by its name; 'signal' sends the targets themselves back as the output error, which is no gradient."""
    if case["loss"] != "signal":
        return find_loss(case["loss"])
    return Loss("signal", lambda outputs, targets: 0 * targets[:, 0], lambda outputs, targets: targets, lambda _: None)


def model_of(case: Instance, activation: str, rule: str = "fa") -> Model:
    """The network of an instance, as the package evaluates it."""
    depth = len(case["sizes"]) - 1
    flow = derive(depth, rule)
    fixed = dict(zip((matrix.name for matrix in flow.feedback), matrices(case["feedback"]), strict=False))
    sizes = tuple(int(size) for size in case["sizes"])
    return Model(flow, sizes, find_activation(activation), loss_of(case), bool(case.get("biases")), None, fixed)


def state_of(case: Instance) -> dict[str, Array]:
    """W_1..W_L, by name; biases are zero."""
    named = {f"W_{layer}": weight for layer, weight in enumerate(matrices(case["start"]), start=1)}
    if case.get("biases"):
        named |= {f"beta_{layer}": np.zeros(size) for layer, size in enumerate(case["sizes"][1:], start=1)}
    return named


def speed(case: Instance) -> float:
    """A rate, 1/time, that a two-layer picture of the network does not exceed: of the output, and of the weights."""
    weights, feedback = matrices(case["start"]), matrices(case["feedback"])
    inputs, targets = (np.asarray(case[key], dtype=float) for key in ("inputs", "targets"))
    size = float(np.linalg.norm(inputs, 2)) / np.sqrt(len(inputs))
    forward = float(np.prod([1 + np.linalg.norm(weight, 2) for weight in weights]))
    back = float(np.prod([1 + np.linalg.norm(matrix, 2) for matrix in feedback]))
    return float((1 + size) ** 2 * forward**2 * back * (1 + np.abs(targets).max()))
