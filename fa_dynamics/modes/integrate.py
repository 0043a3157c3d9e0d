"""Mode-learning curves by integrating the derived chain: for every rule, exact or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.measures.curve import NODES, Curve

Array = NDArray[np.float64]


METHODS = ("DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA")


@dataclass(frozen=True, eq=False)
class ChainSolution:
    """A chain integrated for many modes at once.

    Attributes
    ----------
    weights
        theta_l at the output times, (L, time, modes).
    curve
        Mode strengths between the steps of the solver.
    """

    weights: Array
    curve: Curve


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
        As for `scipy.integrate.solve_ivp`. The tolerances hold for the worst component: SciPy's error norm is a root
        mean square over all modes, so they are divided by the square root of the number of components.

    Returns
    -------
    ndarray
        theta_l of every mode, (L, time, modes).

    Raises
    ------
    InputError
        Shapes that do not broadcast, or times that are negative or not increasing.
    IntegrationError
        The solver could not reach the last time.
    """
    return solve_chain(
        chain, correlation, curvature, start, feedback, t, decay=decay, method=method, rtol=rtol, atol=atol
    ).weights


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
) -> ChainSolution:
    """As `integrate_chain`, with the curve between the solver's steps."""
    from scipy.integrate import solve_ivp

    times = checked_times(t)
    sigma, curv = _spectrum(correlation, curvature)
    modes, depth = len(sigma), chain.depth
    theta = layer_table(start, depth, modes, "start")
    given = layer_table(feedback, depth - 1, modes, "feedback")
    state = np.concatenate([theta, given]) if len(chain.state) > depth else theta
    rates = layer_table(decay, depth, 1, "decay")[:, 0]
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method: {method!r} given, expected one of {', '.join(METHODS)}")
    compiled = compile_chain(chain)
    values = dict(zip(chain.feedback_rows, given, strict=False))
    values |= {"sigma": sigma, "lambda": curv}
    values |= {f"rho_{layer + 1}": rate for layer, rate in enumerate(rates)}
    parameters = [values[name] for name in compiled.parameters]
    shape = state.shape

    def velocity(_: float, y: Array) -> Array:
        moving = np.empty(shape)
        for row, part in enumerate(compiled.velocity(*y.reshape(shape), *parameters)):
            moving[row] = part
        return moving.ravel()

    def jacobian(_: float, y: Array) -> Array:
        blocks = np.zeros((shape[0], modes, shape[0], modes))
        diagonal = np.arange(modes)
        for i, row in enumerate(compiled.jacobian(*y.reshape(shape), *parameters)):
            for j, entry in enumerate(row):
                blocks[i, diagonal, j, diagonal] = entry
        return blocks.reshape(y.size, y.size)

    if times[-1] == 0:
        nodes = np.repeat(theta.prod(axis=0)[None], len(NODES), axis=0)
        return ChainSolution(np.repeat(theta[:, None, :], len(times), axis=1), Curve(np.array([0.0]), nodes[None][:0]))
    per_component = 1 / np.sqrt(state.size)
    options = {"jac": jacobian} if method in ("Radau", "BDF", "LSODA") else {}
    smallest_rtol = 100 * np.finfo(float).eps  # SciPy raises anything below to this, with a warning
    solution = solve_ivp(
        velocity,
        (0.0, times[-1]),
        state.ravel(),
        method=method,
        dense_output=True,
        rtol=max(rtol * per_component, smallest_rtol),
        atol=atol * per_component,
        **options,
    )
    if not solution.success:
        raise IntegrationError(f"the chain could not be integrated to t = {times[-1]}: {solution.message}")

    def weights_at(points: Array) -> Array:
        return np.asarray(solution.sol(points)).reshape(*shape, -1).transpose(0, 2, 1)[:depth]

    edges = solution.t
    inside = (edges[:-1, None] + np.diff(edges)[:, None] * NODES).ravel()
    nodes = weights_at(inside).prod(axis=0).reshape(len(edges) - 1, len(NODES), modes)
    return ChainSolution(weights_at(times), Curve(edges, nodes))


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
    """Numbers broadcast to (rows, modes) from (), (rows,) or (rows, modes).

    Raises
    ------
    InputError
        A shape that does not broadcast, or an entry that is not finite.
    """
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {given!r} given, expected numbers") from problem
    columns = values[:, None] if values.ndim == 1 else values
    try:
        table = np.array(np.broadcast_to(columns, (rows, modes)))
    except ValueError as problem:
        raise InputError(
            f"{argument}: shape {values.shape} given, expected (), ({rows},) or ({rows}, {modes})"
        ) from problem
    if not np.isfinite(table).all():
        raise InputError(f"{argument}: expected finite numbers")
    return table
