"""Diffrax on a matrix flow: on all weights, and on our reduced coordinates, which tells reduction and integrator apart.

Weights are a list of matrices, float64, compiled ahead for the tolerance as an argument, saved at the output times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import reduced
from numpy.typing import NDArray
from problem import Problem
from threads import blas_threads

Array = NDArray[np.float64]
Solve = Callable[[], list[Array]]


def solved(velocity: Any, solver: str, times: Array, start: Any, parameters: Any, rtol: Any) -> Any:
    """The state at all times, from JAX's arrays to JAX's arrays."""
    import diffrax
    import jax.numpy as jnp

    return diffrax.diffeqsolve(
        diffrax.ODETerm(velocity),
        getattr(diffrax, solver)(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=start,
        args=parameters,
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol * 1e-3),
        max_steps=100_000,
    ).ys


def _compiled(velocity: Any, start: list[Array], parameters: Any, times: Array, solver: str) -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def solve(start: Any, parameters: Any, rtol: Any) -> Any:
        return solved(velocity, solver, times, start, parameters, rtol)

    def abstract(given: Array) -> Any:
        return jax.ShapeDtypeStruct(given.shape, jnp.float64)

    wanted = jax.tree.map(abstract, (start, parameters))
    return jax.jit(solve).lower(*wanted, jax.ShapeDtypeStruct((), jnp.float64)).compile()


def diffrax_full(problem: Problem, solver: str, rtol: float = 1e-6) -> Solve:
    """All weights; the order of the products is the expert's."""
    parameters = (problem.input_moment, problem.cross_moment, problem.backward)
    compiled = _full(problem, solver)

    def call() -> list[Array]:
        return [np.asarray(layer) for layer in compiled(problem.start, parameters, np.float64(rtol))]

    return call


@cache
def _full(problem: Problem, solver: str) -> Any:
    def velocity(_: Any, weights: Any, parameters: Any) -> Any:
        moment, cross, backward = parameters
        suffix = [weights[-1]]
        for matrix in reversed(weights[:-1]):
            suffix.insert(0, suffix[0] @ matrix)
        error = cross - suffix[0] @ moment
        slopes = []
        for level in range(len(weights)):
            if level:
                error = error @ weights[level - 1].T
            last = level == len(weights) - 1
            slopes.append(error if last else (backward[level] if backward else suffix[level + 1].T) @ error)
        return slopes

    parameters = (problem.input_moment, problem.cross_moment, problem.backward)
    return _compiled(velocity, problem.start, parameters, problem.times, solver)


def diffrax_reduced(problem: Problem, solver: str, rtol: float = 1e-6) -> Solve:
    """Rotated inputs, rotated hidden layers, frozen rows; rotating and rebuilding all weights belong to the call."""
    compiled = _reduced(problem, solver)
    threads = 1 if problem.sizes[0] <= 128 else 2

    def call() -> list[Array]:
        with blas_threads(threads):
            small = reduced.reduce(problem)
            rows = compiled(*_arguments(small), np.float64(rtol))
            return small.weights([np.asarray(layer) for layer in rows])

    return call


def _arguments(small: reduced.Reduced) -> tuple[Any, Any]:
    frozen = [matrix[rows:] for matrix, rows in zip(small.start[:-1], small.moving, strict=False)]
    return small.state(), (small.curvature, small.cross_moment, small.factors, frozen)


@cache
def _reduced(problem: Problem, solver: str) -> Any:
    import jax.numpy as jnp

    def velocity(_: Any, rows: Any, parameters: Any) -> Any:
        curvature, cross, factors, frozen = parameters
        pairs = list(zip(rows[:-1], frozen, strict=True))  # apart: joined, XLA leaves its fast products
        above = rows[-1]
        for moving, still in reversed(pairs):
            above = above[:, : len(moving)] @ moving + above[:, len(moving) :] @ still
        error = cross - above * curvature
        slopes = []
        for factor, (moving, still) in zip(factors, pairs, strict=True):
            slopes.append(factor @ error)
            error = jnp.concatenate([error @ moving.T, error @ still.T], axis=1)
        return [*slopes, error]

    return _compiled(velocity, *_arguments(reduced.reduce(problem)), problem.times, solver)
