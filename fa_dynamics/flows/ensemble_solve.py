"""Integrate groups of members side by side; a group in which one cannot go on is split until that one is alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.coordinates import Coordinates, coordinates_of_members
from fa_dynamics.flows.flat import splitter
from fa_dynamics.flows.history import History
from fa_dynamics.flows.prepare import Plan
from fa_dynamics.flows.share_out import share_out
from fa_dynamics.flows.solve import MAX_STEPS, Solution, solve
from fa_dynamics.flows.threads import blas_threads, one_thread
from fa_dynamics.measures import Curve, end_to_end, mode_strength
from fa_dynamics.measures.curve import NODES
from fa_dynamics.progress import ignore

Array = NDArray[np.float64]

GROUP_STATES = 48_000
"""Numbers in the state of a group: its stages stay within the caches, one call of NumPy serves many members, and it
lasts so long that threads seldom meet at Python's lock."""

MOST_THREADS = 4
"""More would wait for Python's lock."""


@dataclass(frozen=True, eq=False)
class Part:
    """A group of members that was integrated together.

    Attributes
    ----------
    members
        Their numbers.
    watched
        A function that finds the mode strengths between accepted steps by integrating again, and tells the fraction
        done; the columns of its curve are member by member, mode by mode. None in a pickle, which has the curves.
    status, message
        How they ended.
    """

    members: NDArray[np.int64]
    watched: Callable[[Callable[[float], None]], Curve] | None
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
    draws, depth, times = len(initial[0]), len(plan.sizes) - 1, len(plan.times)
    modes, shapes = plan.task.modes, plan.compiled.shapes
    strength = np.full((draws, times, len(modes.target)), np.nan)
    loss = np.full((draws, times), np.nan)
    weights = tuple(np.full((draws, times, *shape), np.nan) for shape in shapes[:depth]) if keep_weights else None
    groups = np.array_split(np.arange(draws), _groups(draws * sum(rows * columns for rows, columns in shapes), draws))
    parts: list[list[Part]] = [[] for _ in groups]

    def integrate(members: NDArray[np.int64], into: list[Part], tell: Callable[[float], None]) -> bool:
        given = {name: matrix[members] for name, matrix in fixed.items()}
        own = [matrix[members] for matrix in initial]
        coordinates = coordinates_of_members(plan, own, given, len(members))
        reader = _reader(plan, coordinates)
        solution = _solve_group(plan, coordinates, tell, record=None if keep_weights else reader)
        if solution.status == "interrupted":
            return False
        if solution.status != "completed" and len(members) > 1:
            first, second = np.array_split(members, 2)
            share = len(first) / len(members)
            return integrate(first, into, lambda fraction: tell(share * fraction)) and integrate(
                second, into, lambda fraction: tell(share + (1 - share) * fraction)
            )
        reached, count = len(solution.t), len(members)
        if keep_weights:
            moving = splitter(coordinates.compiled.shapes, count, -1)(solution.y)
            history = _history(coordinates, moving, solution.t)
            for kept, layer in zip(weights or (), history.weights(), strict=True):
                kept[members, :reached] = np.swapaxes(layer, 0, 1)
        read = reader(solution.t, solution.y) if keep_weights else solution.y
        table = read.reshape(reached, count, len(modes.target) + 1)
        strength[members, :reached] = np.swapaxes(table[..., :-1], 0, 1)
        loss[members, :reached] = table[..., -1].T
        watched = partial(_watch_group, plan, own, given, solution.n_steps)
        into.append(Part(members, watched, solution.status, solution.message))
        return True

    def piece(group: int, tell: Callable[[float], None]) -> bool:
        return integrate(groups[group], parts[group], tell)

    # compiled here, so that threads find it so
    coordinates_of_members(plan, [m[:1] for m in initial], {name: m[:1] for name, m in fixed.items()}, 1)
    with suppress(KeyboardInterrupt):  # what has ended is kept
        _side_by_side(piece, [len(members) / draws for members in groups], report)
    unfinished = np.ones(draws, dtype=bool)
    for part in (part for group in parts for part in group):
        unfinished[part.members] = False
    for kept in (strength, loss, *(weights or ())):
        kept[unfinished] = np.nan
    return tuple(part for group in parts for part in group), strength, loss, weights


def curves_of(parts: Sequence[Part]) -> tuple[Curve, ...]:
    """Mode strengths between the accepted steps of every part."""
    found: dict[int, Curve] = {}

    def piece(number: int, tell: Callable[[float], None]) -> bool:
        watched = parts[number].watched
        assert watched is not None
        found[number] = watched(tell)
        return True

    total = sum(len(part.members) for part in parts)
    _side_by_side(piece, [len(part.members) / total for part in parts], ignore)
    return tuple(found[number] for number in range(len(parts)))


def _side_by_side(
    piece: Callable[[int, Callable[[float], None]], bool], shares: Sequence[float], report: Callable[[float], None]
) -> None:
    threads = min(blas_threads(), MOST_THREADS)
    with one_thread():  # every product is short
        share_out(piece, shares, threads, report)


def _groups(states: int, draws: int) -> int:
    """So many groups, by sizes alone: an equal ensemble is integrated alike on every machine."""
    return 1 if states <= GROUP_STATES else min(draws, 2 * ceil(states / (2 * GROUP_STATES)))


def _solve_group(
    plan: Plan,
    coordinates: Coordinates,
    report: Callable[[float], None] = ignore,
    max_steps: int = MAX_STEPS,
    watch: bool = False,
    record: Callable[[Array, Array], Array] | None = None,
) -> Solution:
    assert coordinates.members is not None
    depth, modes = len(plan.sizes) - 1, plan.task.modes
    matrices, first = coordinates.matrices(), coordinates.bases[0]
    inputs = modes.input_basis if first is None else first.T @ modes.input_basis

    def observe(t: float, state: Array) -> Array:
        product = end_to_end(matrices(t, state)[:depth])
        return mode_strength(product, modes.output_basis, inputs).ravel()

    return solve(
        coordinates.velocity(),
        coordinates.flat_start,
        plan.times,
        plan.t_end,
        observe if watch else None,
        record=record,
        members=coordinates.members,
        max_steps=max_steps,
        report=report,
        **plan.solver,
    )


def _watch_group(
    plan: Plan, initial: Sequence[Array], fixed: Mapping[str, Array], n_steps: int, tell: Callable[[float], None]
) -> Curve:
    """The same steps once more, mode strengths recorded between them."""
    members = len(initial[0])
    if n_steps == 0:
        return Curve(np.zeros(1), np.empty((0, len(NODES), members * len(plan.task.modes.target))))
    coordinates = coordinates_of_members(plan, initial, fixed, members)
    solution = _solve_group(replace(plan, times=plan.times[:0]), coordinates, tell, max_steps=n_steps, watch=True)
    if solution.status == "interrupted":
        raise KeyboardInterrupt
    assert solution.curve is not None
    return solution.curve


def _history(coordinates: Coordinates, moving: Sequence[Array], t: Array) -> History:
    """Of the matrices of a state, each (times, member, rows, columns)."""
    depth = len(coordinates.compiled.sizes) - 1
    left = coordinates.left_of_still(t)[:depth]
    return History(tuple(moving[:depth]), coordinates.still[:depth], left, coordinates.bases, ())


def _reader(plan: Plan, coordinates: Coordinates) -> Callable[[Array, Array], Array]:
    """A function from times and states (times, states) to mode strengths and loss of all members, (times, numbers)."""
    modes, task = plan.task.modes, plan.task
    split = splitter(coordinates.compiled.shapes, coordinates.members, -1)

    def of_maps(maps: Array) -> Array:
        strength = mode_strength(maps, modes.output_basis, modes.input_basis)
        return np.concatenate([strength, task.losses(maps)[..., None]], axis=-1)

    def read(t: Array, states: Array) -> Array:
        history = _history(coordinates, split(states), t)
        numbers = (coordinates.members or 1) * (len(modes.target) + 1)
        return history.over_end_to_end(of_maps).reshape(len(states), numbers)

    return read
