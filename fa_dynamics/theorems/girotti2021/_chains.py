"""Scalar chains for statements: samplers in natural units, the symbols of the claims, and runs of the derived chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive import derive
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.modes import ModeCurves, solve_modes
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import ROUND_OFF
from fa_dynamics.theorems.statement import Hypothesis, Instance

Array = NDArray[np.float64]

LARGEST = 3.0
"""Of the weights at the start, in natural units: folds and basin edges of all depths lie at sizes of order one."""

EVALUATIONS = 12
"""Of the velocity, in one step of DOP853."""

CURVED = Hypothesis("curvature", r"$\lambda > 0$", lambda case: case["curvature"] > 0)
FED_BACK = Hypothesis("feedback", r"all $b_l \ne 0$", lambda case: bool(np.all(np.asarray(case["feedback"]) != 0)))
SHALLOW = Hypothesis("depth", "$L = 2$", lambda case: len(case["start"]) == 2)


def clock_factors(feedback: ArrayLike) -> Array:
    r"""c_l = b_{l+1} .. b_L, (L,): feedback as the notes define it, not as the package derives it."""
    return np.append(np.cumprod(np.asarray(feedback, dtype=float)[::-1])[::-1], 1.0)


def first_integrals(theta: Array, feedback: ArrayLike) -> tuple[Array, Array]:
    r"""k_l = theta_l^2 - 2 b_{l+1} theta_{l+1} of weights (L, ...), and the size of its larger term: (L-1, ...)."""
    b = np.asarray(feedback, dtype=float).reshape(-1, *[1] * (theta.ndim - 1))
    squares, others = theta[:-1] ** 2, 2 * b * theta[1:]
    return squares - others, np.maximum(squares, np.abs(others))


def alignment_slope(theta: Array, feedback: ArrayLike) -> Array:
    r"""S = sum_l c_l (theta_1 .. theta_{l-1})^2 theta_{l+1} .. theta_L of weights (L, ...)."""
    c = clock_factors(feedback)
    terms = [c[layer] * theta[:layer].prod(axis=0) ** 2 * theta[layer + 1 :].prod(axis=0) for layer in range(len(c))]
    return np.asarray(sum(terms))


def natural_sizes(correlation: float, curvature: float, feedback: ArrayLike) -> Array:
    """rho_1..rho_L, in which a chain has no parameters but its start: rho_{l+1} = rho_l^2 / |b_{l+1}|."""
    b = np.abs(np.asarray(feedback, dtype=float))
    above = 2.0 ** np.arange(len(b), 0, -1) - 1
    sizes = [np.exp((np.log(abs(correlation) / curvature) + above @ np.log(b)) / (2 ** (len(b) + 1) - 1))]
    for factor in b:
        sizes.append(sizes[-1] ** 2 / factor)
    return np.array(sizes)


def natural_time(case: Instance) -> float:
    """The unit of time that belongs to `natural_sizes`; feedback of zero counts as 1."""
    given = np.asarray(case["feedback"], dtype=float)
    b = np.where(given == 0, 1.0, given)
    first = natural_sizes(case["correlation"], case["curvature"] or 1.0, b)[0]
    return float(first / abs(np.prod(b) * case["correlation"]))


def draw_chain(draw: Draw, shallowest: int = 2, deepest: int = 4, *, positive: bool = False) -> dict[str, Any]:
    """A chain with data and feedback over decades and weights around their natural sizes, zeros among them.

    `positive` is for positive feedback, a positive target and no negative weight; otherwise all signs occur.
    """
    depth = draw.integer(shallowest, deepest)
    curvature, correlation = draw.log_uniforms(2, 0.01, 100.0)
    feedback = draw.log_uniforms(depth - 1, 0.1, 10.0)
    start = draw.log_uniforms(depth, 0.01, LARGEST) * natural_sizes(correlation, curvature, feedback)
    if not positive:
        correlation, feedback = draw.sign() * correlation, draw.signs(depth - 1) * feedback
        start = draw.signs(depth) * start
    start = np.where(draw.uniforms(depth) < 0.1, 0.0, start)
    return {"curvature": float(curvature), "correlation": float(correlation), "start": start, "feedback": feedback}


def solve(case: Instance, t: ArrayLike, start: ArrayLike | None = None) -> ModeCurves:
    """The exact curves of one chain."""
    theta = np.asarray(case["start"] if start is None else start, dtype=float)
    return solve_modes(
        [case["correlation"]],
        curvature=case["curvature"],
        depth=len(theta),
        start=theta[:, None],
        feedback=np.reshape(case["feedback"], (-1, 1)),
        t=t,
    )


def errors(case: Instance, curves: ModeCurves) -> tuple[Array, Array]:
    """The error e = sigma - lambda p of one chain, and how well it is known, both (time,)."""
    size = abs(case["correlation"]) + case["curvature"] * np.abs(curves.strength[:, 0])
    left = case["correlation"] - case["curvature"] * curves.strength[:, 0]
    return left, case["curvature"] * curves.error[:, 0] + np.finfo(float).eps * size


def run(case: Instance, t: ArrayLike, rule: str = "fa", decay: float = 0.0) -> tuple[Array, Array, Array, Array]:
    """The derived chain beside its clock dtau/dt = sigma - lambda p, by integration.

    Returns
    -------
    theta, theta_error, tau, tau_error
        (L, time) and (time,). Errors are distances to a run with a tolerance a thousand times as large.
    """
    times = np.asarray(t, dtype=float)
    spacing = float(np.diff(times).min())
    # Interpolation within long steps that both runs take would be an error that they share.
    settings = ((1e-11, spacing / 2), (1e-8, spacing))
    (fine, steps), (rough, _) = (_integrate(case, times, rule, decay, rtol, step) for rtol, step in settings)
    # What two runs agree on by chance at one time says little: an error is at least what it was before.
    error = np.maximum.accumulate(np.abs(fine - rough), axis=1)
    error += ROUND_OFF * steps * np.abs(fine).max(axis=1, keepdims=True)
    return fine[:-1], error[:-1], fine[-1], error[-1]


def _integrate(case: Instance, t: Array, rule: str, decay: float, rtol: float, step: float) -> tuple[Array, int]:
    from scipy.integrate import solve_ivp

    theta = np.asarray(case["start"], dtype=float)
    depth = len(theta)
    compiled = compile_chain(derive(depth, rule, decay=decay > 0).chain())
    sigma, curvature = case["correlation"], case["curvature"]
    values = {"sigma": sigma, "lambda": curvature} | {f"rho_{layer}": decay for layer in range(1, depth + 1)}
    values |= {f"b_{layer}": float(b) for layer, b in enumerate(case["feedback"], start=2)}
    parameters = [values[name] for name in compiled.parameters]

    def velocity(_: float, state: Array) -> Array:
        weights = state[:-1]
        return np.array([*compiled.velocity(*weights, *parameters), sigma - curvature * weights.prod()])

    b = np.asarray(case["feedback"], dtype=float)
    sizes = natural_sizes(sigma, curvature, np.where(b == 0, 1.0, b))
    scale = np.append(sizes, sizes[0] / np.prod(np.where(b == 0, 1.0, np.abs(b))))
    span, begin = (0.0, t[-1]), np.append(theta, 0.0)
    solution = solve_ivp(velocity, span, begin, "DOP853", t, rtol=rtol, atol=1e-3 * rtol * scale, max_step=step)
    if not solution.success:
        raise RuntimeError(f"the chain could not be integrated: {solution.message}")
    return np.asarray(solution.y), solution.nfev // EVALUATIONS
