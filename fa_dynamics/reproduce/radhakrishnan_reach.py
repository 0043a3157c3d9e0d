"""What chains of Toeplitz layers can represent: with layers that are not aligned, and with isometric ones that are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures import commutator_defect, end_to_end
from fa_dynamics.measures.invariance import network_alignment_defect
from fa_dynamics.randomness import stream
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.layer_spaces import LayerSpace, toeplitz
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

SIZE = 5
LAYERS = 4
STEPS, STEP_SIZE = 4000, 0.02
CHAIN = 21
EXACT = 1e-26
"""Loss below which a fit counts as exact; the minimiser stops at the square of round-off, some 1e-31."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A chain of Toeplitz layers that was fitted to a random 5x5 map of unit norm per row.

    Attributes
    ----------
    loss
        Half the mean squared error per input of unit variance, output squared.
    defect
        Largest commutator defect of neighbours, dimensionless.
    network
        Alignment defect of the whole network, dimensionless.
    outside
        Largest relative distance of a layer from the Toeplitz matrices.
    """

    loss: float
    defect: float
    network: float
    outside: float


def samples_that_fit(coefficients: int, size: int) -> int:
    """Largest number N of generic samples that an aligned network may interpolate: N <= 1 + 2 (d - 1) / m.

    If its first and last layers have distinct singular values. Source: radhakrishnan2020.constrained-impossible.
    """
    return math.floor(1 + 2 * (coefficients - 1) / size)


def unaligned_fit(seed: int) -> Fit:
    """Four Toeplitz layers: gradient descent, then a Gauss-Newton method from where that has come to."""
    from scipy.optimize import least_squares

    space, rng, target = toeplitz(SIZE), stream(seed, "start"), _target(seed)
    start = 0.3 * rng.standard_normal((LAYERS, space.n_coefficients))
    start[:, SIZE - 1] += 1.0  # near the identity
    task = Task("map", np.eye(SIZE), target, target @ target.T)
    run = iterate_constrained(
        task, [space] * LAYERS, start=list(start), step_size=STEP_SIZE, n_steps=STEPS, every=STEPS, progress=False
    )
    found = least_squares(
        lambda theta: (end_to_end(list(space.matrix(theta.reshape(LAYERS, -1)))) - target).ravel(),
        np.concatenate([theta[-1] for theta in run.coefficients]),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    return _fit(list(space.matrix(found.x.reshape(LAYERS, -1))), space, target)


def isometric_chain(seed: int) -> Fit:
    """Twenty orthogonal Toeplitz layers, circulant and skew-circulant in turn, around one Toeplitz layer."""
    from scipy.optimize import least_squares

    space, rng, target = toeplitz(SIZE), stream(seed, "start"), _target(seed)
    turns = _Isometries(SIZE)
    angles = (CHAIN - 1) * turns.angles

    def layers(unknown: Array) -> list[Array]:
        rotations = turns(unknown[:angles].reshape(CHAIN - 1, -1))
        middle = space.matrix(unknown[angles:])
        return [*rotations[: CHAIN // 2], middle, *rotations[CHAIN // 2 :]]

    best = None
    for _ in range(10):  # the sign of the determinant, or a bad start, may make an attempt fail
        found = least_squares(
            lambda unknown: (end_to_end(layers(unknown)) - target).ravel(),
            rng.standard_normal(angles + space.n_coefficients),
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        best = found if best is None or found.cost < best.cost else best
        if best.cost < EXACT:
            break
    assert best is not None
    return _fit(layers(best.x), space, target)


class _Isometries:
    """exp of antisymmetric circulants and skew-circulants, which commute among themselves: all from one basis each."""

    def __init__(self, size: int) -> None:
        index = np.arange(size)
        difference = index[:, None] - index[None, :]
        self.angles = size // 2
        self.parts = []
        for sign in (1.0, -1.0):
            shifts = [
                np.where(difference >= 0, 1.0, sign) * (difference % size == shift)
                for shift in range(1, self.angles + 1)
            ]
            generators = np.array([shift - shift.T for shift in shifts])
            weights = np.arange(1, self.angles + 1) + 0.1  # a combination without repeated eigenvalues
            vectors = np.linalg.eigh(1j * np.einsum("g,gij->ij", weights, generators))[1]
            rates = np.einsum("ik,gij,jk->gk", vectors.conj(), generators, vectors).imag
            self.parts.append((vectors, rates))

    def __call__(self, angles: Array) -> Array:
        """Orthogonal Toeplitz matrices (layers, size, size) of (layers, angles)."""
        matrices = []
        for index, row in enumerate(angles):
            vectors, rates = self.parts[index % 2]
            matrices.append(((vectors * np.exp(1j * row @ rates)) @ vectors.conj().T).real)
        return np.array(matrices)


def _target(seed: int) -> Array:
    return np.asarray(stream(seed, "data").standard_normal((SIZE, SIZE)) / np.sqrt(SIZE))


def _fit(weights: list[Array], space: LayerSpace, target: Array) -> Fit:
    return Fit(
        loss=float(0.5 * ((end_to_end(weights) - target) ** 2).sum()),
        defect=float(max(commutator_defect(lower, upper) for lower, upper in pairwise(weights))),
        network=float(network_alignment_defect(weights)),
        outside=float(max(space.distance(weight) for weight in weights)),
    )
