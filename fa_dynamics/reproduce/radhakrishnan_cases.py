"""Networks with layer constraints that start aligned, and what becomes of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.randomness import stream
from fa_dynamics.systems.aligned import aligned_network
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.constrained_run import ConstrainedRun
from fa_dynamics.systems.layer_spaces import LayerSpace, circulant, convolution, full, toeplitz
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

PIXELS, IMAGE, KERNEL, DEPTH, SAMPLES = 9, (3, 3), (3, 3), 3, 6
"""Images, kernels, layers and samples of all cases."""

RECORDS = 100
"""Output times of a run."""


@dataclass(frozen=True, eq=False)
class Case:
    """An aligned start that is trained by (projected) gradient descent.

    Attributes
    ----------
    name, title
        For tables, and for people.
    expected
        'kept' or 'lost'.
    statement
        Id of the statement behind it.
    task, spaces, start
        What is learned, the spaces of the layers, and matrices or coefficients to start from.
    """

    name: str
    title: str
    expected: str
    statement: str
    task: Task
    spaces: tuple[LayerSpace, ...]
    start: Sequence[Array]


def cases(seed: int) -> list[Case]:
    """All cases, fully connected ones first, then those that lose alignment, then the exceptions."""
    rng = stream(seed, "data")
    generic = Task.from_arrays(*(rng.standard_normal((SAMPLES, PIXELS)) for _ in range(2)), name="generic")
    auto = Task.from_arrays(generic.inputs, generic.inputs, name="autoencoding")  # type: ignore[arg-type]
    inputs = rng.standard_normal((2 * PIXELS, PIXELS))
    white = Task.from_arrays(inputs, rng.standard_normal((2 * PIXELS, PIXELS)), whiten=True, name="whitened")
    identity = Task.from_arrays(np.eye(PIXELS), np.eye(PIXELS), name="X = Y = I")
    dense = (full(PIXELS, PIXELS),) * DEPTH
    zero = (convolution(IMAGE, KERNEL),) * DEPTH
    diagonals = (toeplitz(PIXELS),) * DEPTH
    circles = (circulant(PIXELS),) * DEPTH
    kernel, band = symmetric(KERNEL, rng), symmetric((2 * PIXELS - 1,), rng) / 3
    strengths = rng.uniform(0.3, 0.9, (DEPTH, PIXELS))  # not balanced: a balanced start loses only O(step size)
    any_circles = [rng.standard_normal(PIXELS) / 3 for _ in range(DEPTH)]
    invariance, loses = "radhakrishnan2020.data-criterion", "radhakrishnan2020.constrained-impossible"

    def aligned(task: Task) -> list[Array]:
        return aligned_network(task, (PIXELS,) * (DEPTH - 1), strengths, seed=seed).weights

    return [
        Case("F1", "fully connected, autoencoding", "kept", invariance, auto, dense, aligned(auto)),
        Case("F2", "fully connected, whitened inputs", "kept", invariance, white, dense, aligned(white)),
        Case("F3", "fully connected, generic data", "lost", invariance, generic, dense, aligned(generic)),
        Case("C1", "zero padding, one sample to itself", "lost", loses, one_sample(rng), zero, [kernel] * DEPTH),
        Case("C2", "zero padding, generic data", "lost", loses, generic, zero, [kernel] * DEPTH),
        Case("C3", "Toeplitz, generic data", "lost", loses, generic, diagonals, [band] * DEPTH),
        Case("E1", "circulant, generic data", "kept", loses, generic, circles, any_circles),
        Case("E2", "zero padding, X = Y = I", "kept", loses, identity, zero, [kernel] * DEPTH),
    ]


def symmetric(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A kernel that equals its reflection in its middle, so that its layer is a symmetric matrix; flattened."""
    kernel = rng.standard_normal(int(np.prod(shape)))
    return np.asarray((kernel + kernel[::-1]) / 4)


def sample_case(seed: int) -> Case:
    """The case of one sample, with a kernel and an image of its own."""
    rng = stream(seed, "data")
    kernel = symmetric(KERNEL, rng)
    spaces = (convolution(IMAGE, KERNEL),) * DEPTH
    statement = "radhakrishnan2020.constrained-impossible"
    return Case(
        "C1", "zero padding, one sample to itself", "lost", statement, one_sample(rng), spaces, [kernel] * DEPTH
    )


def one_sample(rng: np.random.Generator) -> Task:
    """One image that is to be mapped to itself."""
    image = rng.standard_normal((1, PIXELS))
    return Task.from_arrays(image, image, name="one sample")


def stable_step(task: Task, spaces: Sequence[LayerSpace], start: Sequence[Array], share: float = 0.1) -> float:
    """A share of 2 / (largest curvature that a layer can meet if no layer grows beyond what start and targets ask)."""
    sizes = [np.linalg.norm(space.project(_matrix(space, w)), 2) for space, w in zip(spaces, start, strict=True)]
    reach = max(1.0, *map(float, sizes), float(np.linalg.norm(task.least_squares, 2)) ** (1 / len(spaces)))
    top = float(np.linalg.norm(task.input_moment, 2))
    return float(share * 2 / (len(spaces) * top * reach ** (2 * len(spaces) - 2)))


def train(case: Case, time: float, report: Callable[[float], None]) -> ConstrainedRun:
    """Projected gradient descent up to a time, with a record now and then."""
    every = max(1, int(np.ceil(time / stable_step(case.task, case.spaces, case.start) / RECORDS)))
    return iterate_constrained(
        case.task,
        case.spaces,
        start=case.start,
        step_size=time / (every * RECORDS),
        n_steps=every * RECORDS,
        every=every,
        progress=report,
    )


def _matrix(space: LayerSpace, given: Array) -> Array:
    return given if given.ndim == 2 else space.matrix(given)
