"""Other ways to integrate a matrix flow, each as its own users would write it, from the expert's velocity.

Every function returns `call() -> [W_1, ..., W_L]`, each (time, n_l, n_{l-1}); preparation that is done once (compiling)
happens in the outer call, so that it can be timed apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import expert
import numpy as np
import reduced
from numpy.typing import NDArray
from problem import Problem
from threads import blas_threads

Array = NDArray[np.float64]
Solve = Callable[[], list[Array]]

TWO = 0.9
"""Two threads are used if they take less than this share of the time of one."""


def flat_start(problem: Problem) -> Array:
    """All weights at t = 0 as one vector."""
    return np.concatenate([matrix.ravel() for matrix in problem.start])


def better_threads(velocity: expert.Velocity, y0: Array) -> int:
    """One BLAS thread, or two if they evaluate faster by more than noise."""
    best = {}
    for threads in (1, 2):
        with blas_threads(threads):
            best[threads] = _usual(lambda: velocity(0.0, y0))
    return 2 if best[2] < TWO * best[1] else 1


def _usual(work: Callable[[], Any]) -> float:
    work()
    spent = []
    for _ in range(15):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def _solved(velocity: expert.Velocity, y0: Array, times: Array, method: str, rtol: float) -> Array:
    from scipy.integrate import solve_ivp

    run = solve_ivp(velocity, times[[0, -1]], y0, method, times, rtol=rtol, atol=rtol * 1e-3)
    if not run.success:
        raise RuntimeError(run.message)
    return np.asarray(run.y.T)


def scipy_expert(problem: Problem, method: str, rtol: float = 1e-6, naive: bool = False) -> Solve:
    """`solve_ivp` on the hand-written velocity, or on the naive one from samples."""
    velocity = expert.data_velocity(problem) if naive else expert.flat_velocity(problem)
    split = expert.splitter(problem)
    threads = better_threads(velocity, flat_start(problem))

    def call() -> list[Array]:
        with blas_threads(threads):
            return split(_solved(velocity, flat_start(problem), problem.times, method, rtol))

    return call


def scipy_reduced(problem: Problem, method: str, rtol: float = 1e-6) -> Solve:
    """`solve_ivp` on the reduced coordinates; rotating and rebuilding all weights belong to the call."""
    velocity, y0, _ = reduced.flat_velocity(reduced.reduce(problem))
    threads = better_threads(velocity, y0)

    def call() -> list[Array]:
        with blas_threads(threads):
            small = reduced.reduce(problem)
            velocity, y0, split = reduced.flat_velocity(small)
            return small.weights(split(_solved(velocity, y0, problem.times, method, rtol)))

    return call


def reference(problem: Problem) -> list[Array]:
    """The answer that errors are measured against: the expert's velocity, DOP853 at rtol 1e-12."""
    return expert.splitter(problem)(
        _solved(expert.flat_velocity(problem), flat_start(problem), problem.times, "DOP853", 1e-12)
    )


def cvode_adams(problem: Problem, rtol: float = 1e-6) -> Solve:
    """SUNDIALS CVODE, Adams, with Krylov solves: a dense Jacobian of such states does not fit into memory."""
    from sksundae.cvode import CVODE

    into, split = expert.velocity_into(problem), expert.splitter(problem)
    threads = better_threads(expert.flat_velocity(problem), flat_start(problem))

    def velocity(_: float, state: Array, slope: Array) -> None:
        into(split(state), split(slope))

    solver = CVODE(
        velocity, method="Adams", rtol=rtol, atol=rtol * 1e-3, linsolver="gmres", max_num_steps=100_000, first_step=0.0
    )

    def call() -> list[Array]:
        with blas_threads(threads):
            run = solver.solve(problem.times, flat_start(problem))
        if not run.success:
            raise RuntimeError(str(run.message))
        return split(np.asarray(run.y))

    return call


def torch_dopri5(problem: Problem, rtol: float = 1e-6) -> Solve:
    """Torchdiffeq dopri5 on one flat tensor, without gradients, one thread, or two if they evaluate faster."""
    import torch
    from torchdiffeq import odeint

    depth, shapes = problem.depth, [matrix.shape for matrix in problem.start]
    sizes = [rows * columns for rows, columns in shapes]
    moment, cross = torch.from_numpy(problem.input_moment), torch.from_numpy(problem.cross_moment)
    backward = [torch.from_numpy(np.ascontiguousarray(product)) for product in problem.backward]
    times, split = torch.from_numpy(problem.times), expert.splitter(problem)

    def velocity(_: Any, state: Any) -> Any:
        weights = [part.view(shape) for part, shape in zip(torch.split(state, sizes), shapes, strict=True)]
        suffix = [weights[-1]]
        for matrix in reversed(weights[:-1]):
            suffix.insert(0, suffix[0] @ matrix)
        error = torch.addmm(cross, suffix[0], moment, alpha=-1)
        out = torch.empty_like(state)
        slopes = [part.view(shape) for part, shape in zip(torch.split(out, sizes), shapes, strict=True)]
        for level in range(depth):
            if level:
                error = error @ weights[level - 1].T
            factor = (backward[level] if backward else suffix[level + 1].T) if level < depth - 1 else None
            if factor is None:
                slopes[level].copy_(error)
            else:
                torch.mm(factor, error, out=slopes[level])
        return out

    usual = {}
    with torch.inference_mode():
        for threads in (2, 1):
            torch.set_num_threads(threads)
            usual[threads] = _usual(lambda: velocity(None, torch.from_numpy(flat_start(problem))))
    chosen = 2 if usual[2] < TWO * usual[1] else 1

    def call() -> list[Array]:
        torch.set_num_threads(chosen)
        with torch.inference_mode():
            start = torch.from_numpy(flat_start(problem))
            found = odeint(velocity, start, times, method="dopri5", rtol=rtol, atol=rtol * 1e-3)
            return split(found.numpy())

    return call
