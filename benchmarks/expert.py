"""The velocity as an expert would write it in NumPy: moments, shared products, the cheapest order, memory of its own.

Carried from the output side: S_l = W_L..W_l and G_l = E (W_{l-1}..W_1)^T have n_L rows. Every output array is fresh,
since solvers keep what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Velocity = Callable[[float, Array], Array]
Into = Callable[[Sequence[Array], Sequence[Array]], None]


def splitter(problem: Any) -> Callable[[Array], list[Array]]:
    """A flat state (or a history of them, time first) as views of its matrices."""
    shapes = [matrix.shape for matrix in problem.start]
    ends = np.cumsum([rows * columns for rows, columns in shapes]).tolist()
    layout = list(zip([0, *ends[:-1]], ends, shapes, strict=True))

    def split(state: Array) -> list[Array]:
        return [state[..., first:last].reshape(*state.shape[:-1], *shape) for first, last, shape in layout]

    return split


def velocity_into(problem: Any) -> Into:
    """`velocity(weights, out)`: feedback alignment, or backpropagation if the problem has no feedback."""
    moment, cross, backward = problem.input_moment, problem.cross_moment, problem.backward
    outputs, last = problem.sizes[-1], problem.depth - 1
    suffix = [np.empty((outputs, below)) for below in problem.sizes[:-1]]
    carried = [np.empty((outputs, below)) for below in problem.sizes[:-1]]
    down, dot, subtract = range(last - 1, -1, -1), np.dot, np.subtract

    def feedback_alignment(weights: Sequence[Array], out: Sequence[Array]) -> None:
        above = weights[last]
        for level in down:
            above = dot(above, weights[level], suffix[level])
        error = carried[0]
        subtract(cross, dot(above, moment, error), error)
        dot(backward[0], error, out[0])
        for level in range(1, last):
            error = dot(error, weights[level - 1].T, carried[level])
            dot(backward[level], error, out[level])
        dot(error, weights[last - 1].T, out[last])

    def backpropagation(weights: Sequence[Array], out: Sequence[Array]) -> None:
        above = weights[last]
        for level in down:
            above = dot(above, weights[level], suffix[level])
        error = carried[0]
        subtract(cross, dot(above, moment, error), error)
        for level in range(last):
            if level:
                error = dot(error, weights[level - 1].T, carried[level])
            above = weights[last] if level == last - 1 else suffix[level + 1]
            dot(above.T, error, out[level])
        dot(error, weights[last - 1].T, out[last])

    return feedback_alignment if backward else backpropagation


def flat_velocity(problem: Any) -> Velocity:
    """The same of a flat state, for SciPy."""
    into, split = velocity_into(problem), splitter(problem)

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        into(split(state), split(out))
        return out

    return velocity


def data_velocity(problem: Any) -> Velocity:
    """The naive form, from samples: activations forward, errors backward, each layer's mean outer product."""
    inputs, targets = problem.samples()
    feedback, split = problem.feedback, splitter(problem)
    samples = inputs.shape[1]

    def velocity(_: float, state: Array) -> Array:
        weights = split(state)
        activations = [inputs]
        for matrix in weights:
            activations.append(matrix @ activations[-1])
        delta = (targets - activations[-1]) / samples
        slopes: list[Array] = []
        for level in range(len(weights) - 1, -1, -1):
            slopes.insert(0, delta @ activations[level].T)
            if level:
                delta = (feedback[level - 1] if feedback else weights[level].T) @ delta
        return np.concatenate([slope.ravel() for slope in slopes])

    return velocity
