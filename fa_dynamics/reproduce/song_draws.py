"""Draws of data and weights as in the experiments of Song, Xu, Lafferty 2021."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.randomness import STREAMS
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart, gaussian_start

Array = NDArray[np.float64]

Recorded = dict[tuple[int, float], tuple[float, float]]

RECORDED: Recorded = {
    (200, 0.0): (0.206, 0.068),
    (1600, 0.0): (0.031, 0.025),
    (6400, 0.0): (0.009, 0.012),
    (12800, 0.0): (0.004, 0.009),
    (200, 0.2): (0.790, 0.027),
    (1600, 0.2): (0.738, 0.032),
    (6400, 0.2): (0.657, 0.086),
    (12800, 0.2): (0.551, 0.133),
    (200, 0.5): (0.920, 0.014),
    (1600, 0.5): (0.904, 0.011),
    (6400, 0.5): (0.882, 0.014),
    (12800, 0.5): (0.866, 0.018),
}
"""(n_1, lambda of the code) -> mean and standard deviation of cos(W_2^T, B_2) that the authors recorded."""

RECORDED_DRAWS, RECORDED_SAMPLES, RECORDED_INPUTS = 50, 50, 150

STEP = 1e-3
"""The authors' step size, in the units of their code, where it is written ``10e-4``."""


def generator(seed: int, name: str, *draw: int) -> np.random.Generator:
    """The generator of one named stream of one draw: more draws extend fewer, and streams stay apart."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS[name], *draw)))


def gaussian_problem(seed: int, draw: int, n_samples: int, n_inputs: int) -> OneOutputProblem:
    """Normal inputs of variance 1, and targets y = w x of a normal teacher w of variance 1."""
    random = generator(seed, "data", draw)
    X = random.standard_normal((n_samples, n_inputs))
    return OneOutputProblem.from_arrays(X, X @ random.standard_normal(n_inputs))


def isometric_problem(
    seed: int, n_samples: int, n_inputs: int, curvature: float, target_norm: float
) -> OneOutputProblem:
    """Orthogonal samples, all eigenvalues of X X^T equal, and targets y = P_* x with |P_*| given."""
    random = generator(seed, "data", 0)
    rows = np.linalg.qr(random.standard_normal((n_inputs, n_samples)))[0].T
    direction = random.standard_normal(n_samples) @ rows
    X = np.sqrt(curvature) * rows
    return OneOutputProblem.from_arrays(X, X @ (target_norm / np.linalg.norm(direction) * direction))


def start(problem: OneOutputProblem, seed: int, draw: int, width: int) -> OneOutputStart:
    """Weights and feedback of a draw, in the paper's parametrisation."""
    return gaussian_start(
        problem, width, generator(seed, "start", draw, width), generator(seed, "feedback", draw, width)
    )


def least_steps(width: int) -> int:
    """Steps that the recorded runs took at least, floor(5000 sqrt(n_1) / 14)."""
    return int(5000 * np.sqrt(width) / 14)
