"""Alignment between layers under feedback alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures import singular_values
from fa_dynamics.randomness import stream
from fa_dynamics.reproduce.radhakrishnan_classes import DEPTH, UNITS, Defects, follow, scaled, start
from fa_dynamics.starts import Gaussian
from fa_dynamics.systems.constrained import simulate_constrained
from fa_dynamics.systems.layer_spaces import full

Array = NDArray[np.float64]

TIME = 20.0


@dataclass(frozen=True, eq=False)
class Feedback:
    """The same aligned start under three kinds of feedback and data.

    Attributes
    ----------
    shared
        Feedback in the bases of the weights, values of both signs, data with joint modes.
    random
        Gaussian feedback on the same data.
    generic
        Shared bases on data without joint modes.
    """

    shared: Defects
    random: Defects
    generic: Defects


@dataclass(frozen=True, eq=False)
class OneOutput:
    """A network with one output that starts from zero, with feedback of any kind, on generic data.

    Attributes
    ----------
    second
        Largest ratio of the second to the first singular value of a layer, dimensionless.
    direction
        Largest relative part of W_l outside the multiples of C_l C_{l-1}^T, and of W_1 outside all C_1 z^T.
    """

    second: float
    direction: float


def feedback_runs(seed: int) -> Feedback:
    """Three runs."""
    rng = stream(seed, "data")
    x, y = rng.standard_normal((2, 2 * UNITS, UNITS))
    joint, generic = scaled(x, x), scaled(x, y)
    values = stream(seed, "feedback").uniform(0.5, 1.2, (DEPTH - 1, UNITS))
    values *= np.where(stream(seed, "feedback").random(values.shape) < 0.5, -1.0, 1.0)
    networks = start(joint, seed), start(generic, seed)
    return Feedback(
        shared=follow(joint, networks[0], rule="fa", feedback=networks[0].shared_feedback(values)),
        random=random_feedback(seed),
        generic=follow(generic, networks[1], rule="fa", feedback=networks[1].shared_feedback(values)),
    )


def random_feedback(seed: int) -> Defects:
    """Autoencoding, an aligned start, and Gaussian feedback."""
    x = stream(seed, "data").standard_normal((2, 2 * UNITS, UNITS))[0]
    task = scaled(x, x)
    return follow(task, start(task, seed), rule="fa", feedback=Gaussian(1.0), seed=seed)


def one_output(seed: int) -> OneOutput:
    """Zero start, Gaussian feedback, one generic output."""
    rng = stream(seed, "data")
    task = scaled(rng.standard_normal((2 * UNITS, UNITS)), rng.standard_normal((2 * UNITS, 1)))
    spaces = [full(UNITS, UNITS)] * (DEPTH - 1) + [full(1, UNITS)]
    run = simulate_constrained(
        task,
        spaces,
        "fa",
        start=[np.zeros(space.shape) for space in spaces],
        feedback=Gaussian(1.0),
        t_end=TIME,
        seed=seed,
        progress=False,
    )
    backward = [np.ones((1, 1))]  # C_L, then C_{L-1} = B_L, ...
    for layer in range(DEPTH, 1, -1):
        backward.insert(0, run.feedback[f"B_{layer}"] @ backward[0])
    second, direction = [], []
    for layer, weight in enumerate(run.weights_at(-1), start=1):
        values = singular_values(weight)
        second.append(values[1] / values[0] if len(values) > 1 else 0.0)
        column = backward[layer - 1] / np.linalg.norm(backward[layer - 1])
        inside = column @ (column.T @ weight)
        if layer > 1:
            row = backward[layer - 2] / np.linalg.norm(backward[layer - 2])
            inside = (inside @ row) @ row.T
        direction.append(np.linalg.norm(weight - inside) / np.linalg.norm(weight))
    return OneOutput(float(max(second)), float(max(direction)))
