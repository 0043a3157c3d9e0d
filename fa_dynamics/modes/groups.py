"""Compiled chains integrated a group of modes at a time, each mode to its own tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile_chain import CompiledChain
from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.flows.runge_kutta import EXPLICIT, InPlace
from fa_dynamics.flows.solve import MAX_STEPS, METHODS, Solution, solve
from fa_dynamics.measures.curve import NODES, Curve
from fa_dynamics.progress import Report

Array = NDArray[np.float64]

TOGETHER, TOGETHER_IMPLICIT = 128, 32
"""Modes that are integrated with common steps: rules that jump, such as sign feedback, do so at other times in every
mode, and curves between the steps of all modes would not fit into memory. Implicit methods factorise matrices of all of
them."""

PATIENCE = 5000
"""Steps of an explicit method after which an implicit one is tried."""


def in_groups(
    compiled: CompiledChain,
    parameters: Sequence[Array],
    start: Array,
    times: Array,
    method: Any,
    rtol: float,
    atol: float,
    watch: bool,
    report: Report,
) -> list[tuple[Array, Curve | None]]:
    """States at increasing times, and curves between the steps, of modes in a row.

    Parameters
    ----------
    compiled, parameters, start
        A chain, its parameters, (modes,) each, and the start of its variables, (variables, modes).
    times
        Output times; integration starts at 0.
    method, rtol, atol
        Tolerances hold for every component.
    watch
        Whether to record curves.
    report
        Is told the fraction done.

    Returns
    -------
    list
        Variables (variables, times, some modes), and p between the steps or None.

    Raises
    ------
    InputError
        Unknown method.
    IntegrationError
        The last time was not reached.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method: {method!r} given, expected one of {', '.join(METHODS)}")
    size = TOGETHER if method in EXPLICIT else TOGETHER_IMPLICIT
    modes = start.shape[1]
    found = []
    for begin in range(0, modes, size):
        own = slice(begin, begin + size)

        def tell(fraction: float, begin: int = begin) -> None:
            report((begin + fraction * min(size, modes - begin)) / modes)

        group = _Group(compiled, [parameter[own] for parameter in parameters], start[:, own])
        solution = group.solve(times, method, rtol, atol, watch, tell)
        if solution.status == "stalled" and solution.n_steps == PATIENCE and method in EXPLICIT:
            # long after, stability keeps the steps of explicit methods short
            found += in_groups(compiled, group.parameters, group.start, times, "Radau", rtol, atol, watch, tell)
            continue
        if solution.status != "completed":
            raise IntegrationError(
                f"the chain could not be integrated to t = {times[-1]:g}: {solution.status} at t = "
                f"{solution.t_last:g}; end before that time, or loosen rtol"
            )
        found.append((group.table(solution.y), solution.curve))
    return found


@dataclass(frozen=True, eq=False)
class _Group:
    """Modes that share their steps: a compiled chain, its parameters (modes,) and its start (variables, modes)."""

    compiled: CompiledChain
    parameters: Sequence[Array]
    start: Array

    def table(self, states: Array) -> Array:
        """Flat states (times, states), mode behind mode, as (variables, times, modes)."""
        variables, modes = self.start.shape
        return states.reshape(-1, modes, variables).transpose(2, 0, 1)

    def velocity(self, _: float, y: Array, out: Array) -> None:
        moving = self.table(out)[:, 0]
        for row, part in enumerate(self.compiled.velocity(*self.table(y)[:, 0], *self.parameters)):
            moving[row] = part

    def jacobian(self, _: float, y: Array) -> Array:
        variables, modes = self.start.shape
        blocks, diagonal = np.zeros((modes, variables, modes, variables)), np.arange(modes)
        for i, row in enumerate(self.compiled.jacobian(*self.table(y)[:, 0], *self.parameters)):
            for j, entry in enumerate(row):
                blocks[diagonal, i, diagonal, j] = entry
        return blocks.reshape(y.size, y.size)

    def strength(self, _: float, y: Array) -> Array:
        """p of every mode, (modes,)."""
        return np.asarray(self.table(y)[: self.compiled.chain.depth, 0].prod(axis=0))

    def solve(self, times: Array, method: str, rtol: float, atol: float, watch: bool, report: Report) -> Solution:
        variables, modes = self.start.shape
        begin = self.start.T.ravel()
        if times[-1] == 0:
            curve = Curve(np.zeros(1), np.empty((0, len(NODES), modes))) if watch else None
            return Solution(times, begin[None], 0.0, curve, "completed", "nothing to do.", 0, 0)
        # error norms are means over all that shares one: the modes of an implicit method, variables of a mode otherwise
        per_component = 1 / np.sqrt(variables if method in EXPLICIT else begin.size)
        smallest_rtol = 100 * np.finfo(float).eps  # SciPy raises anything below to this, with a warning
        solution = solve(
            InPlace(self.velocity),
            begin,
            times,
            times[-1],
            self.strength if watch else None,
            method=method,
            rtol=max(rtol * per_component, smallest_rtol),
            atol=atol * per_component,
            members=modes if method in EXPLICIT else 1,
            max_steps=PATIENCE if method in EXPLICIT else MAX_STEPS,
            largest=np.inf,  # chains have any units, and may grow for ever
            jacobian=self.jacobian,
            report=report,
        )
        if solution.status == "interrupted":
            raise KeyboardInterrupt
        return solution
