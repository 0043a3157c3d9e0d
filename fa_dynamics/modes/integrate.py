"""Mode-learning curves by integrating the derived chain: for every rule, exact or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.errors import InputError
from fa_dynamics.measures import learning_times as times_of_curve
from fa_dynamics.measures.curve import Curve
from fa_dynamics.progress import Report, ignore

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChainSolution:
    """A chain integrated for many modes.

    Attributes
    ----------
    weights
        theta_l at the output times, (L, time, modes).
    curves
        Mode strengths between the steps of the solver, of groups of modes in a row.
    """

    weights: Array
    curves: tuple[Curve, ...]

    def learning_times(self, target: Array, level: float) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (modes,); s is the target (modes,)."""
        ends = np.cumsum([curve.values.shape[2] for curve in self.curves])
        parts = zip(self.curves, np.split(target, ends[:-1]), strict=True)
        return np.concatenate([times_of_curve(curve, own, level) for curve, own in parts])


def integrate_chain(
    chain: Chain,
    correlation: ArrayLike,
    curvature: ArrayLike,
    start: ArrayLike,
    feedback: ArrayLike,
    t: ArrayLike,
    *,
    decay: ArrayLike = 0.0,
    method: Any = "DOP853",
    rtol: float = 1e-10,
    atol: float = 1e-13,
) -> Array:
    """Integrate a scalar chain for many modes at once.

    Parameters
    ----------
    chain
        From `Flow.chain`.
    correlation, curvature
        sigma and lambda, broadcast to (modes,).
    start
        theta_1..theta_L, broadcast to (L, modes) from (), (L,) or (L, modes).
    feedback
        b_2..b_L (c_1..c_{L-1} for DFA; starts of feedback that learns), broadcast to (L-1, modes) likewise.
    t
        Increasing times >= 0; integration starts at 0.
    decay
        rho_1..rho_L, broadcast to (L,); used if the chain has decay.
    method, rtol, atol
        As for `scipy.integrate.solve_ivp`. The tolerances hold for the worst component: error norms are root mean
        squares, so they are divided by the square root of the number of components.

    Returns
    -------
    ndarray
        theta_l of every mode, (L, time, modes).

    Raises
    ------
    InputError
        Shapes that do not broadcast, no modes, or times that are negative or not increasing.
    IntegrationError
        The solver could not reach the last time.
    """
    problem = (chain, correlation, curvature, start, feedback, t)
    return solve_chain(*problem, decay=decay, method=method, rtol=rtol, atol=atol, watch=False).weights


def solve_chain(
    chain: Chain,
    correlation: ArrayLike,
    curvature: ArrayLike,
    start: ArrayLike,
    feedback: ArrayLike,
    t: ArrayLike,
    *,
    decay: ArrayLike = 0.0,
    method: Any = "DOP853",
    rtol: float = 1e-10,
    atol: float = 1e-13,
    watch: bool = True,
    report: Report = ignore,
) -> ChainSolution:
    """As `integrate_chain`, with curves between the steps if `watch`; `report` is told the fraction done."""
    times = checked_times(t)
    sigma, curv = _spectrum(correlation, curvature)
    modes, depth = len(sigma), chain.depth
    if modes == 0:
        raise InputError("correlation: no modes given, expected at least one number")
    theta = layer_table(start, depth, modes, "start")
    given = layer_table(feedback, depth - 1, modes, "feedback")
    state = np.concatenate([theta, given]) if len(chain.state) > depth else theta
    rates = layer_table(decay, depth, 1, "decay")[:, 0]
    values = dict(zip(chain.feedback_rows, given, strict=False))
    values |= {"sigma": sigma, "lambda": curv}
    values |= {f"rho_{layer + 1}": np.full(modes, rate) for layer, rate in enumerate(rates)}
    # the solvers take longer to import than most exact modes take to solve
    from fa_dynamics.modes.groups import in_groups

    compiled = compile_chain(chain)
    parameters = [values[name] for name in compiled.parameters]
    solutions = in_groups(compiled, parameters, state, times, method, rtol, atol, watch, report)
    weights = np.concatenate([variables[:depth] for variables, _ in solutions], axis=2)
    return ChainSolution(weights, tuple(curve for _, curve in solutions if curve is not None))


def _spectrum(correlation: ArrayLike, curvature: ArrayLike) -> tuple[Array, Array]:
    try:
        sigma, curv = np.broadcast_arrays(np.atleast_1d(correlation), np.atleast_1d(curvature))
        return sigma.astype(float), curv.astype(float)
    except (TypeError, ValueError) as problem:
        raise InputError(
            f"curvature: shape {np.shape(curvature)} given for correlation of shape {np.shape(correlation)}, expected "
            "numbers that broadcast"
        ) from problem


def checked_times(t: ArrayLike) -> Array:
    """Increasing finite times >= 0.

    Raises
    ------
    InputError
        Anything else.
    """
    try:
        times = np.atleast_1d(np.asarray(t, dtype=float))
    except (TypeError, ValueError) as problem:
        raise InputError(f"t: {t!r} given, expected numbers") from problem
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) <= 0).any():
        raise InputError("t: expected increasing finite times >= 0")
    return times


def layer_table(given: ArrayLike, rows: int, modes: int, argument: str) -> Array:
    """Numbers broadcast to (rows, modes) from (), (rows,) or (rows, modes); one row also from (modes,).

    Raises
    ------
    InputError
        A shape that does not broadcast, or an entry that is not finite.
    """
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {given!r} given, expected numbers") from problem
    columns = values[:, None] if values.ndim == 1 and rows != 1 else values
    try:
        table = np.array(np.broadcast_to(columns, (rows, modes)))
    except ValueError as problem:
        line = modes if rows == 1 else rows
        raise InputError(
            f"{argument}: shape {values.shape} given, expected (), ({line},) or ({rows}, {modes})"
        ) from problem
    if not np.isfinite(table).all():
        raise InputError(f"{argument}: expected finite numbers")
    return table
