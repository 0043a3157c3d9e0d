"""The same flow in fewer numbers, by QR and eigh in NumPy: rotated inputs, rotated hidden layers, frozen rows.

With Sigma_xx = V Lambda V^T and C_l = Q_l [R_l; 0], the weights Q_l^T W_l Q_{l-1} (Q_0 = V, Q_L = 1) move only in their
first n_L rows, l < L, by R_l G_l. Exact; for fixed feedback only. Backpropagation has the rotated inputs alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threads import blas_threads

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reduced:
    """A problem in reduced coordinates.

    Attributes
    ----------
    curvature
        Lambda, (n_0,).
    cross_moment
        Sigma_yx V.
    factors
        R_l of the layers below the last one, (rows that move, n_L).
    start
        All rotated weights at t = 0.
    moving
        Rows that move, per layer; those below are frozen.
    bases
        Q_0..Q_L; None for the identity.
    original
        The problem's own weights at t = 0.
    """

    curvature: Array
    cross_moment: Array
    factors: list[Array]
    start: list[Array]
    moving: list[int]
    bases: list[Array | None]
    original: list[Array]

    def state(self) -> list[Array]:
        """The rows that move, at t = 0."""
        return [matrix[:rows] for matrix, rows in zip(self.start, self.moving, strict=True)]

    def weights(self, history: Sequence[Array]) -> list[Array]:
        """All weights from the moving rows, both with time as their first axis."""
        rebuilt = []
        for level, rows in enumerate(history):
            change = rows - self.start[level][: self.moving[level]]
            right, left = self.bases[level], self.bases[level + 1]
            if right is not None:
                change = (change.reshape(-1, len(right)) @ right.T).reshape(change.shape)
            if left is not None:
                change = left[:, : self.moving[level]] @ change
            rebuilt.append(np.add(change, self.original[level], out=change))
        return rebuilt


def reduce(problem: Any) -> Reduced:
    """Rotate the problem."""
    curvature, vectors = np.linalg.eigh(problem.input_moment)
    bases: list[Array | None] = [vectors]
    factors: list[Array] = []
    for product in problem.backward:
        basis, triangle = np.linalg.qr(product, mode="complete")
        bases.append(basis)
        factors.append(np.ascontiguousarray(triangle[: problem.sizes[-1]]))
    bases += [None] * (problem.depth - len(factors))
    start = []
    for level, matrix in enumerate(problem.start):
        right, left = bases[level], bases[level + 1]
        rotated = matrix if right is None else matrix @ right
        start.append(np.ascontiguousarray(rotated if left is None else left.T @ rotated))
    moving = [len(factor) for factor in factors] + [len(matrix) for matrix in start[len(factors) :]]
    cross = problem.cross_moment @ vectors
    return Reduced(curvature, cross, factors, start, moving, bases, problem.start)


def flat_velocity(reduced: Reduced) -> tuple[Callable[[float, Array], Array], Array, Callable[[Array], list[Array]]]:
    """The velocity of the rows that move, their flat start, and what takes a flat history apart."""
    depth, outputs = len(reduced.start), len(reduced.cross_moment)
    full = [matrix.copy() for matrix in reduced.start]
    shapes = [matrix.shape for matrix in reduced.state()]
    ends = np.cumsum([rows * columns for rows, columns in shapes]).tolist()
    layout = list(zip([0, *ends[:-1]], ends, shapes, strict=True))
    suffix = [np.empty((outputs, matrix.shape[1])) for matrix in full]
    carried = [np.empty((outputs, matrix.shape[1])) for matrix in full]

    def split(state: Array) -> list[Array]:
        return [state[..., first:last].reshape(*state.shape[:-1], *shape) for first, last, shape in layout]

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        slopes, rows = split(out), split(state)
        for matrix, own in zip(full[:-1], rows, strict=False):
            matrix[: len(own)] = own
        above = rows[-1]
        for level in range(depth - 2, -1, -1):
            above = np.dot(above, full[level], out=suffix[level])
        error = np.multiply(above, reduced.curvature, out=carried[0])
        np.subtract(reduced.cross_moment, error, out=error)
        for level in range(depth):
            if level:
                error = np.dot(error, full[level - 1].T, out=slopes[-1] if level == depth - 1 else carried[level])
            if level < depth - 1:
                np.dot(reduced.factors[level], error, out=slopes[level])
        return out

    return velocity, np.concatenate([rows.ravel() for rows in reduced.state()]), split


def products(sizes: Sequence[int], rule: str) -> list[tuple[int, int, int]]:
    """The matrix products (rows, inner, columns) that one evaluation of the reduced form cannot do without.

    The feedback into the first layer can be made diagonal and costs none. Backpropagation has no frozen rows.
    """
    outputs, depth = sizes[-1], len(sizes) - 1
    found = [(outputs, sizes[level + 1], sizes[level]) for level in range(depth - 2, -1, -1)]
    found += [(outputs, sizes[level], sizes[level + 1]) for level in range(depth - 1)]
    if rule == "bp":
        return found + [(sizes[level + 1], outputs, sizes[level]) for level in range(depth - 1)]
    moving = [min(outputs, size) for size in sizes]
    return found + [(moving[level + 1], outputs, sizes[level]) for level in range(1, depth - 1)]


def multiply_adds(sizes: Sequence[int], rule: str) -> int:
    """Multiply-adds of those products."""
    return sum(rows * inner * columns for rows, inner, columns in products(sizes, rule))


def floor(sizes: Sequence[int], rule: str) -> float:
    """Seconds that these products take with one or two BLAS threads, whichever is faster."""
    found = []
    for threads in (1, 2):
        with blas_threads(threads):
            found.append(_round(sizes, rule))
    return min(found)


def _round(sizes: Sequence[int], rule: str, seconds: float = 0.3) -> float:
    rng = np.random.default_rng(0)
    work = []  # each product has memory of its own
    for rows, inner, columns in products(sizes, rule):
        left, right = rng.standard_normal((rows, inner)), rng.standard_normal((inner, columns))
        work.append((left, right, np.empty((rows, columns))))
    spent: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(spent) < 3:
        turn = time.perf_counter()
        for left, right, out in work:
            np.dot(left, right, out=out)
        spent.append(time.perf_counter() - turn)
    return float(np.median(spent))
