"""Other ways to many draws of one small network, each as its own users would write it.

Every function returns `call(starts, feedback) -> [W_1, ..., W_L]`, each (member, time, n_l, n_{l-1}), from matrices
with the member as their first axis. Depth two or more, fixed feedback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from flow_diffrax import solved
from numpy.typing import NDArray

Array = NDArray[np.float64]
Solve = Callable[[list[Array], list[Array]], list[Array]]


def _backward(feedback: Sequence[Array]) -> list[Array]:
    """C_l = B_{l+1}..B_L of the layers below the last one, of one member or of all."""
    products: list[Array] = []
    for matrix in reversed(feedback):
        products.insert(0, matrix @ products[0] if products else matrix)
    return products


def _velocity(moment: Array, cross: Array, backward: list[Array], shapes: list[tuple[int, ...]]) -> Any:
    """The velocity of a state (..., numbers), by the products that an expert shares."""
    ends = np.cumsum([rows * columns for rows, columns in shapes]).tolist()
    layout = list(zip([0, *ends[:-1]], ends, shapes, strict=True))

    def split(state: Array) -> list[Array]:
        return [state[..., first:last].reshape(*state.shape[:-1], *shape) for first, last, shape in layout]

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        weights, slopes = split(state), split(out)
        above = weights[-1]
        for matrix in reversed(weights[:-1]):
            above = above @ matrix
        error = cross - above @ moment
        for level, slope in enumerate(slopes):
            if level:
                error = error @ np.swapaxes(weights[level - 1], -1, -2)
            if level < len(slopes) - 1:
                np.matmul(backward[level], error, out=slope)
            else:
                slope[...] = error
        return out

    return velocity, split


def _solved(velocity: Callable[[float, Array], Array], y0: Array, times: Array, method: str, rtol: float) -> Array:
    from scipy.integrate import solve_ivp

    run = solve_ivp(velocity, times[[0, -1]], y0, method, times, rtol=rtol, atol=rtol * 1e-3)
    if not run.success:
        raise RuntimeError(run.message)
    return np.asarray(run.y.T)


def loop(moment: Array, cross: Array, times: Array, rtol: float, method: str = "DOP853") -> Solve:
    """`solve_ivp` member by member."""

    def call(starts: list[Array], feedback: list[Array]) -> list[Array]:
        shapes = [matrix.shape[1:] for matrix in starts]
        members = []
        for member in range(len(starts[0])):
            velocity, split = _velocity(moment, cross, _backward([matrix[member] for matrix in feedback]), shapes)
            y0 = np.concatenate([matrix[member].ravel() for matrix in starts])
            members.append(split(_solved(velocity, y0, times, method, rtol)))
        return [np.stack(layer) for layer in zip(*members, strict=True)]

    return call


def stack(
    moment: Array, cross: Array, times: Array, rtol: float, method: str = "DOP853", chunk: int | None = None
) -> Solve:
    """One `solve_ivp` over all members, by stacked matrix products; or over chunks of them."""

    def together(starts: list[Array], feedback: list[Array]) -> list[Array]:
        count, shapes = len(starts[0]), [matrix.shape[1:] for matrix in starts]
        velocity, split = _velocity(moment, cross, _backward(feedback), shapes)
        y0 = np.concatenate([matrix.reshape(count, -1) for matrix in starts], axis=1)
        flat = _solved(lambda t, y: velocity(t, y.reshape(y0.shape)).ravel(), y0.ravel(), times, method, rtol)
        return [np.swapaxes(layer, 0, 1) for layer in split(flat.reshape(len(times), *y0.shape))]

    def call(starts: list[Array], feedback: list[Array]) -> list[Array]:
        count = len(starts[0])
        size = chunk or count
        parts = [
            together([matrix[first : first + size] for matrix in starts], [m[first : first + size] for m in feedback])
            for first in range(0, count, size)
        ]
        return [np.concatenate(layer) for layer in zip(*parts, strict=True)]

    return call


def diffrax_vmap(moment: Array, cross: Array, times: Array, rtol: float, solver: str = "Dopri8") -> Solve:
    """Diffrax under vmap and jit: every member with steps of its own; compiled at the first call."""
    solve = _vmapped(moment.tobytes(), cross.tobytes(), times.tobytes(), solver)

    def call(starts: list[Array], feedback: list[Array]) -> list[Array]:
        return [np.asarray(layer) for layer in solve(starts, _backward(feedback), np.float64(rtol))]

    return call


@cache
def _vmapped(moment_bytes: bytes, cross_bytes: bytes, times_bytes: bytes, solver: str) -> Any:
    """The compiled function, for any tolerance."""
    import jax

    jax.config.update("jax_enable_x64", True)

    moment, cross, times = (np.frombuffer(given) for given in (moment_bytes, cross_bytes, times_bytes))
    inputs = round(len(moment) ** 0.5)
    moment, cross = moment.reshape(inputs, inputs), cross.reshape(-1, inputs)

    def velocity(_: Any, weights: Any, backward: Any) -> Any:
        above = weights[-1]
        for matrix in reversed(weights[:-1]):
            above = above @ matrix
        error = cross - above @ moment
        slopes = []
        for level in range(len(weights)):
            if level:
                error = error @ weights[level - 1].T
            slopes.append(backward[level] @ error if level < len(weights) - 1 else error)
        return slopes

    def one(start: Any, backward: Any, rtol: Any) -> Any:
        return solved(velocity, solver, times, start, backward, rtol)

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))
