"""Problem classes on which alignment is, or is not, an invariant of gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures.invariance import (
    interior_invariance_defect,
    network_alignment_defect,
    strong_invariance_defect,
)
from fa_dynamics.randomness import stream
from fa_dynamics.systems.aligned import AlignedNetwork, aligned_network
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.constrained_run import ConstrainedRun
from fa_dynamics.systems.layer_spaces import full
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

UNITS, DEPTH, SAMPLES = 6, 3, 12
TIME, STEP_SIZE, RECORDS = 20.0, 0.02, 100
"""Inputs are scaled to a largest curvature of 1 and targets to a largest singular value of the map of 1."""


@dataclass(frozen=True, eq=False)
class Class:
    """A problem class with an aligned start.

    Attributes
    ----------
    name, title
        For tables, and for people.
    strong, interior
        What the statements expect of I3 and I2: 'kept' or 'lost'.
    task, network
        What is learned, and from where.
    """

    name: str
    title: str
    strong: str
    interior: str
    task: Task
    network: AlignedNetwork


@dataclass(frozen=True, eq=False)
class Defects:
    """The three meanings of invariance along a run, each (time,)."""

    run: ConstrainedRun
    pointwise: Array
    interior: Array
    strong: Array


def classes(seed: int) -> list[Class]:
    """The classes of the data criterion, and two that only concern the inner bases."""
    rng = stream(seed, "data")
    x, y = rng.standard_normal((2, SAMPLES, UNITS))
    one_x, one_y = rng.standard_normal((2, 1, UNITS))
    frames = [np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0] for _ in range(2)]
    norms = np.linspace(0.6, 1.2, UNITS)[:, None]
    labels = np.eye(UNITS)[rng.integers(0, UNITS, 5 * UNITS)]
    clusters = labels @ rng.standard_normal((UNITS, UNITS)) + 0.5 * rng.standard_normal((5 * UNITS, UNITS))
    eigenvector = np.linalg.eigh(x.T @ x)[1][:, -1:]
    orthogonal = norms * frames[0].T
    problems = [
        ("B1", "autoencoding", "kept", scaled(x, x)),
        ("B2", "whitened inputs", "kept", scaled(x, y, whiten=True)),
        ("B3", "one sample", "kept", scaled(one_x, one_y)),
        ("B4", "orthogonal inputs and outputs", "kept", scaled(orthogonal, frames[1].T)),
        ("B5", "orthogonal inputs, generic outputs", "lost", scaled(orthogonal, y[:UNITS])),
        ("B6", "one output along an eigenvector", "kept", scaled(x, x @ eigenvector)),
        ("B7", "one output, generic", "lost", scaled(x, y[:, :1])),
        ("B8", "generic data", "lost", scaled(x, y)),
        ("B9", "one-hot classes", "lost", scaled(clusters, labels)),
    ]
    found = []
    for name, title, strong, task in problems:
        # a single output leaves a single mode: its inner vectors stay for any data
        interior = "kept" if task.n_outputs == 1 else strong
        found.append(Class(name, title, strong, interior, task, start(task, seed)))
    return [*found, _blocks(rng, seed)]


def start(task: Task, seed: int, bases: tuple[Array, Array] | None = None) -> AlignedNetwork:
    """Aligned, not balanced, all modes active."""
    modes = min(task.n_outputs, UNITS)
    strengths = stream(seed, "start").uniform(0.4, 0.9, (DEPTH, modes))
    given: dict[str, Any] = {} if bases is None else {"input_basis": bases[0], "output_basis": bases[1]}
    return aligned_network(task, (UNITS,) * (DEPTH - 1), strengths, seed=seed, **given)


def scaled(inputs: Array, targets: Array, whiten: bool = False) -> Task:
    """Samples in units in which the largest curvature and the largest singular value of the map are 1."""
    task = Task.from_arrays(inputs, targets, whiten=whiten)
    given_x, given_y = np.asarray(task.inputs), np.asarray(task.targets)
    x = given_x / np.sqrt(np.linalg.norm(task.input_moment, 2))
    y = given_y / (np.linalg.norm(task.least_squares, 2) * np.sqrt(np.linalg.norm(task.input_moment, 2)))
    return Task.from_arrays(x, y)


def follow(
    task: Task, network: AlignedNetwork, report: Callable[[float], None] | bool = False, **options: Any
) -> Defects:
    """Train all weights from an aligned start; `options` go to `iterate_constrained`."""
    shapes = [weight.shape for weight in network.weights]
    settings: dict[str, Any] = {"step_size": STEP_SIZE, "n_steps": round(TIME / STEP_SIZE), "progress": report}
    settings |= options
    settings.setdefault("every", settings["n_steps"] // RECORDS)
    run = iterate_constrained(task, [full(*shape) for shape in shapes], start=network.weights, **settings)
    return Defects(
        run,
        run.over_time(network_alignment_defect),
        run.over_time(lambda w: interior_invariance_defect(w, network.bases[1:-1]).max(axis=-1)),
        run.over_time(lambda w: strong_invariance_defect(w, network.bases).max(axis=-1)),
    )


def _blocks(rng: np.random.Generator, seed: int) -> Class:
    """Three blocks of two inputs and two outputs each, one mode per block: the inner bases stay, the outer rotate."""
    inputs, outputs, vectors, images = [], [], [], []
    for block in range(UNITS // 2):
        place = np.zeros((2, UNITS))
        place[:, 2 * block : 2 * block + 2] = np.eye(2)
        x = rng.standard_normal((4, 2))
        for sign in (1.0, -1.0):  # with both signs of every sample the blocks do not correlate
            inputs.append(sign * x @ place)
            outputs.append(sign * x @ rng.standard_normal((2, 2)) @ place)
        vectors.append(_unit(rng.standard_normal(2)) @ place)
        images.append(_unit(rng.standard_normal(2)) @ place)
    task = scaled(np.concatenate(inputs), np.concatenate(outputs))
    bases = np.array(vectors).T, np.array(images).T
    strengths = rng.uniform(0.4, 0.9, (DEPTH, UNITS // 2))
    network = aligned_network(
        task, (UNITS,) * (DEPTH - 1), strengths, input_basis=bases[0], output_basis=bases[1], seed=seed
    )
    return Class("C1", "blocks, one mode in each", "lost", "kept", task, network)


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
