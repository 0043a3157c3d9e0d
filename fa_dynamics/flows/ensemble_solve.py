"""Integrate groups of members side by side; a group in which one cannot go on is split until that one is alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.flows.memberwise import memberwise
from fa_dynamics.flows.prepare import Plan
from fa_dynamics.flows.solve import Solution, solve
from fa_dynamics.measures import Curve, end_to_end

Array = NDArray[np.float64]

GROUP_STATES = 24_000
"""Numbers in the state of one group: its stages stay within the caches, and one call of NumPy serves many members."""


@dataclass(frozen=True, eq=False)
class Part:
    """A group of members that was integrated together.

    Attributes
    ----------
    members
        Their numbers.
    curve
        Mode strengths between accepted steps; columns are member by member, mode by mode.
    status, message
        How they ended.
    """

    members: NDArray[np.int64]
    curve: Curve
    status: str
    message: str


def solve_members(
    plan: Plan,
    initial: Sequence[Array],
    fixed: Mapping[str, Array],
    keep_weights: bool,
    report: Callable[[float], None],
) -> tuple[tuple[Part, ...], Array, Array, tuple[Array, ...] | None]:
    """Integrate all members.

    Parameters
    ----------
    plan
        Task, flow, times and solver.
    initial
        Start of every matrix of the state, each (draw, rows, columns).
    fixed
        Feedback that does not learn, by name, each (draw, rows, columns).
    keep_weights
        Whether to return the weights at all output times.
    report
        Is told the fraction done.

    Returns
    -------
    parts, mode_strength, loss, weights
        Groups; (draw, time, mode); (draw, time); each layer's (draw, time, rows, columns), or None.
    """
    draws, shapes = len(initial[0]), plan.compiled.shapes
    depth, states = len(plan.sizes) - 1, sum(rows * columns for rows, columns in shapes)
    modes, times = plan.task.modes, len(plan.times)
    strength = np.full((draws, times, len(modes.target)), np.nan)
    loss = np.full((draws, times), np.nan)
    weights = tuple(np.full((draws, times, *shape), np.nan) for shape in shapes[:depth]) if keep_weights else None
    per_group = max(1, GROUP_STATES // states)
    waiting = [np.arange(first, min(first + per_group, draws)) for first in range(0, draws, per_group)]
    parts: list[Part] = []
    finished = 0
    while waiting:
        members = waiting.pop(0)
        own = [matrix[members] for matrix in initial]
        share = len(members) / draws

        def tell(fraction: float, before: float = finished / draws, share: float = share) -> None:
            report(before + share * fraction)

        solution = _solve_group(plan, own, {name: matrix[members] for name, matrix in fixed.items()}, tell)
        if solution.status == "interrupted":
            break
        if solution.status != "completed" and len(members) > 1:
            waiting[:0] = np.array_split(members, 2)
            continue
        reached = len(solution.t)
        history = _matrices(solution.y.reshape(reached, len(members), states), shapes)[:depth]
        product = end_to_end(history)
        strength[members, :reached] = np.einsum(
            "ok,tnoi,ik->ntk", modes.output_basis, product, modes.input_basis, optimize=True
        )
        loss[members, :reached] = _losses(plan, product).T
        for kept, layer in zip(weights or (), history, strict=False):
            kept[members, :reached] = np.swapaxes(layer, 0, 1)
        parts.append(Part(members, solution.curve, solution.status, solution.message))
        finished += len(members)
    return tuple(parts), strength, loss, weights


def _solve_group(
    plan: Plan, initial: Sequence[Array], fixed: Mapping[str, Array], report: Callable[[float], None]
) -> Solution:
    members = len(initial[0])
    compiled = compile_flow(plan.flow, plan.sizes, stacked=True)
    bound = compiled.bind({**plan.parameters, **fixed}, lambda shape: np.empty((members, *shape)))
    depth, modes = len(plan.sizes) - 1, plan.task.modes

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        bound(
            _matrices(state.reshape(members, -1), compiled.shapes),
            _matrices(out.reshape(members, -1), compiled.shapes),
        )
        return out

    def observe(state: Array) -> Array:
        product = end_to_end(_matrices(state.reshape(members, -1), compiled.shapes)[:depth])
        rows: Array = np.matmul(modes.output_basis.T, product)
        return np.asarray(np.einsum("nki,ik->nk", rows, modes.input_basis).ravel())

    settings = {key: plan.solver[key] for key in ("rtol", "atol", "max_step")}
    return solve(
        velocity,
        np.concatenate([matrix.reshape(members, -1) for matrix in initial], axis=1).ravel(),
        plan.times,
        plan.t_end,
        observe,
        method=memberwise(plan.solver["method"], members),
        members=members,
        report=report,
        **settings,
    )


def _matrices(state: Array, shapes: Sequence[tuple[int, int]]) -> list[Array]:
    """Views of a state (..., numbers) as its matrices (..., rows, columns)."""
    ends = np.cumsum([rows * columns for rows, columns in shapes]).tolist()
    return [
        state[..., first:last].reshape(*state.shape[:-1], *shape)
        for first, last, shape in zip([0, *ends[:-1]], ends, shapes, strict=True)
    ]


def _losses(plan: Plan, product: Array) -> Array:
    """1/2 E|y - P x|^2 of maps (..., n_L, n_0); from the excess, as `Task.loss`."""
    eigenvalues, vectors = np.linalg.eigh(plan.task.input_moment)
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):  # weights of a diverged member may overflow
        excess = (product - plan.task.least_squares) @ root
        return np.asarray(plan.task.best_loss + 0.5 * np.sum(excess**2, axis=(-2, -1)))
