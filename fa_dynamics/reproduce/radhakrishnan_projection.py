"""One step of gradient descent on coefficients, beside the projection of an unconstrained step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.randomness import stream
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.constraints import Metric
from fa_dynamics.systems.layer_spaces import LayerSpace, convolution, full, toeplitz
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

STEP_SIZE, LAYERS, SAMPLES = 0.01, 3, 8


@dataclass(frozen=True, eq=False)
class Step:
    """One step from a random start in a space; all numbers relative to the projected displacement.

    Attributes
    ----------
    name
        Of the space.
    norms
        n_j, the squared norms of its basis.
    orthonormal
        |W^+ - Proj(W + eta V)| in the orthonormal metric.
    raw
        The same for gradient descent on raw coefficients, after the best common rescaling of its displacement.
    preconditioned
        |W^+ - (W + eta sum_j <A_j, V> A_j)| of gradient descent on raw coefficients.
    """

    name: str
    norms: Array
    orthonormal: float
    raw: float
    preconditioned: float


def steps(seed: int) -> list[Step]:
    """Zero-padded, circular and Toeplitz layers of nine units."""
    image, kernel = (3, 3), (3, 3)
    spaces = {
        "zero-padded 3x3 kernel": convolution(image, kernel),
        "circular 3x3 kernel": convolution(image, kernel, "circular"),
        "Toeplitz": toeplitz(9),
    }
    return [_step(name, space, seed) for name, space in spaces.items()]


def _step(name: str, space: LayerSpace, seed: int) -> Step:
    rng = stream(seed, "data")
    size = space.shape[0]
    task = Task.from_arrays(*(rng.standard_normal((SAMPLES, size)) for _ in range(2)))
    start = [space.matrix(rng.standard_normal(space.n_coefficients) / 3) for _ in range(LAYERS)]
    free = _moved(task, [full(size, size)] * LAYERS, start, "orthonormal")  # eta V
    projected = [space.project(move) for move in free]
    kept = _moved(task, [space] * LAYERS, start, "orthonormal")
    raw = _moved(task, [space] * LAYERS, start, "raw")
    weighted = [space.matrix(space.inner(move)) for move in free]
    scale = _inner(raw, projected) / _inner(raw, raw)
    return Step(
        name,
        space.norms,
        _apart(kept, projected),
        _apart([scale * move for move in raw], projected),
        _apart(raw, weighted),
    )


def _moved(task: Task, spaces: list[LayerSpace], start: list[Array], metric: Metric) -> list[Array]:
    run = iterate_constrained(task, spaces, start=start, step_size=STEP_SIZE, n_steps=1, metric=metric, progress=False)
    return [after - before for after, before in zip(run.weights_at(-1), start, strict=True)]


def _inner(left: list[Array], right: list[Array]) -> float:
    return float(sum((a * b).sum() for a, b in zip(left, right, strict=True)))


def _apart(left: list[Array], right: list[Array]) -> float:
    difference = [a - b for a, b in zip(left, right, strict=True)]
    return float(np.sqrt(_inner(difference, difference) / _inner(right, right)))
