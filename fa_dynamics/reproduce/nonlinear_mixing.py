"""Networks that start between their own weights and their feedback: W_l(0) = (1 - a) W_l + a B_l^T for l >= 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.randomness import stream
from fa_dynamics.starts import Bases, Gaussian, Slot, resolve
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.systems.network_run import NetworkRun
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

WIDTHS = (128, 64)
"""Of the hidden layers: 64-128-64-10 on digits."""

STEP = 0.1
"""Step size eta, in units of time."""


@dataclass(frozen=True)
class Beginning:
    """A rule, and how far its start is mixed with its feedback.

    Attributes
    ----------
    name
        As shown.
    rule
        Short name.
    mixture
        a in [0, 1]; 0 is the drawn start.
    """

    name: str
    rule: str
    mixture: float


def drawn(sizes: tuple[int, ...], seed: int) -> tuple[list[Array], list[Array]]:
    """Weights W_1..W_L and feedback B_2..B_L with entries of variance 1 / fan-in, from their own streams."""
    layers = range(1, len(sizes))
    weights = [Slot(f"W_{layer}", layer, layer - 1, (sizes[layer], sizes[layer - 1])) for layer in layers]
    feedback = [Slot(f"B_{layer}", layer - 1, layer, (sizes[layer - 1], sizes[layer])) for layer in layers if layer > 1]
    none = Bases(())
    return (
        resolve(Gaussian(1.0), weights, none, stream(seed, "start"), "start"),
        resolve(Gaussian(1.0), feedback, none, stream(seed, "feedback"), "feedback"),
    )


def learn(
    train: Task, test: Task, beginning: Beginning, seed: int, epochs: int, batch_size: int, records: int
) -> NetworkRun:
    """Train one network with softmax cross-entropy and plain minibatch steps."""
    sizes = (train.n_inputs, *WIDTHS, train.n_outputs)
    weights, feedback = drawn(sizes, seed)
    a = beginning.mixture
    mixed = [weights[0], *((1 - a) * own + a * back.T for own, back in zip(weights[1:], feedback, strict=True))]
    return iterate_network(
        train,
        WIDTHS,
        "relu",
        beginning.rule,
        "softmax",
        mixed,
        None if beginning.rule == "bp" else feedback,
        step_size=STEP,
        epochs=epochs,
        batch_size=batch_size,
        test=test,
        records=records,
        seed=seed,
        progress=False,
    )
