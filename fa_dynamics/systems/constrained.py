"""Gradient descent and gradient flow, or any other rule, on layers with linear constraints."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.solve import BLOW_UP, solve
from fa_dynamics.progress import Report, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.systems.constrained_run import ConstrainedRun
from fa_dynamics.systems.constraints import Constraint, Metric, constrain
from fa_dynamics.systems.layer_spaces import LayerSpace
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

LARGEST_HISTORY = 8e9
"""Bytes that the recorded coefficients may take."""


def iterate_constrained(
    task: Task,
    spaces: Sequence[LayerSpace],
    rule: RuleLike = "bp",
    *,
    start: StartLike,
    step_size: float,
    n_steps: int,
    feedback: StartLike | None = None,
    metric: Metric = "orthonormal",
    every: int = 1,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> ConstrainedRun:
    r"""Take steps of finite size with layers in linear spaces: projected gradient descent for ``rule='bp'``.

    ``metric='orthonormal'``: :math:`W_l^+ = \mathrm{Proj}_{\mathcal S_l}(W_l + \eta V_l)`, with the velocity
    :math:`V_l` of the derived, unconstrained flow. ``metric='raw'``: gradient descent on the coefficients
    themselves, :math:`\theta_j^+ = \theta_j + \eta\langle A_j, V_l\rangle`, which differs where the n_j do.
    All layers move at once. With `layer_spaces.full` it is ordinary gradient descent.

    Parameters
    ----------
    task
        What is learned.
    spaces
        One `LayerSpace` per layer, from the first to the last.
    rule
        A learning rule with fixed feedback or none; backpropagation by default.
    start
        Arrays, one per layer: a matrix in the space, or its coefficients (d_l,). Or a start object or its text form,
        whose draw is projected on the spaces.
    step_size
        eta > 0, in units of 1 / curvature.
    n_steps
        Number of steps, >= 1.
    feedback
        As for `fa_dynamics.simulate`.
    metric
        'orthonormal' or 'raw'.
    every
        Steps from one record to the next; the start and the last step are always recorded.
    seed
        For what is drawn.
    progress
        As for `fa_dynamics.simulate`.

    Returns
    -------
    ConstrainedRun

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run diverged.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> from fa_dynamics.systems.layer_spaces import toeplitz
    >>> task = fa.Task.from_spectrum([1.0, 1.0, 1.0])
    >>> start = [[0.0, 0.1, 0.5, 0.0, 0.0]] * 2
    >>> run = iterate_constrained(task, [toeplitz(3)] * 2, start=start, step_size=0.1, n_steps=200)
    >>> float(run.loss[-1]) < 1e-8
    True

    Source: radhakrishnan2020.projected-gd.
    """
    _check_positive(step_size, "step_size")
    for value, argument in ((n_steps, "n_steps"), (every, "every")):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{argument}: {value!r} given, expected a whole number >= 1")
    problem = constrain(task, spaces, rule, start, feedback, metric, t_end=step_size, t_eval=[0.0], seed=seed)
    count = n_steps // every + 2
    if 8.0 * count * len(problem.start) > LARGEST_HISTORY:
        raise InputError(
            f"every: {count - 1} records of {len(problem.start)} coefficients take more than "
            f"{LARGEST_HISTORY / 1e9:.0f} GB, expected fewer records"
        )
    records = np.unique(np.append(np.arange(0, n_steps + 1, every), n_steps))
    began = time.perf_counter()
    with reporting("constrained steps", progress) as report:
        history, message = _steps(problem, float(step_size), records, report)
    steps = records[: len(history)]
    status = "completed" if len(history) == len(records) else "diverged"
    return _result(
        problem,
        steps * float(step_size),
        history,
        status,
        message,
        {"method": "steps", "step_size": float(step_size), "seconds": round(time.perf_counter() - began, 3)},
        steps,
    )


def simulate_constrained(
    task: Task,
    spaces: Sequence[LayerSpace],
    rule: RuleLike = "bp",
    *,
    start: StartLike,
    t_end: float,
    feedback: StartLike | None = None,
    metric: Metric = "orthonormal",
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    t_eval: ArrayLike | None = None,
    max_step: float = np.inf,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> ConstrainedRun:
    r"""Integrate the flow of layers in linear spaces, :math:`\dot W_l = \mathrm{Proj}_{\mathcal S_l}(V_l)`.

    With ``metric='raw'``, :math:`\dot\theta_j = \langle A_j, V_l\rangle` instead.

    Parameters
    ----------
    task, spaces, rule, start, feedback, metric, seed, progress
        As for `iterate_constrained`.
    t_end, method, rtol, atol, t_eval, max_step
        As for `fa_dynamics.simulate`.

    Returns
    -------
    ConstrainedRun

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> from fa_dynamics.systems.layer_spaces import circulant
    >>> task = fa.Task.from_spectrum([1.0, 1.0, 1.0])
    >>> run = simulate_constrained(task, [circulant(3)] * 2, start=[[0.5, 0.1, 0.0]] * 2, t_end=20.0)
    >>> run.status, float(run.loss[-1]) < 1e-8
    ('completed', True)
    """
    settings = {"method": method, "rtol": rtol, "atol": atol, "t_eval": t_eval, "max_step": max_step}
    problem = constrain(task, spaces, rule, start, feedback, metric, t_end=t_end, seed=seed, **settings)
    began = time.perf_counter()
    with reporting("constrained flow", progress) as report:
        solution = solve(
            lambda _, theta: problem.velocity(theta),
            problem.start,
            problem.plan.times,
            problem.plan.t_end,
            lambda _, theta: theta[:1],
            report=report,
            **problem.plan.solver,
        )
    solver = {
        "method": method if isinstance(method, str) else method.__name__,
        "rtol": float(rtol),
        "atol": float(atol),
        "steps": solution.n_steps,
        "evaluations": solution.n_evaluations,
        "seconds": round(time.perf_counter() - began, 3),
    }
    return _result(problem, solution.t, solution.y, solution.status, solution.message, solver, None)


@np.errstate(over="ignore", invalid="ignore")  # a diverging run overflows before it is stopped
def _steps(problem: Constraint, step_size: float, records: NDArray[np.int_], report: Report) -> tuple[Array, str]:
    """Coefficients at the records that were reached, and how it ended."""
    theta = problem.start
    limit = BLOW_UP * max(1.0, float(np.abs(theta).max()))
    history = np.empty((len(records), len(theta)))
    history[0] = theta
    step = 0
    for place, target in enumerate(records[1:], start=1):
        while step < target:
            theta = theta + step_size * problem.velocity(theta)
            step += 1
            if not np.abs(theta).max() <= limit:
                message = f"at step {step} a coefficient exceeded {limit:.1e}: lower the step size or the start."
                return history[:place], message
        history[place] = theta
        report(step / records[-1])
    return history, "took the last step."


def _result(
    problem: Constraint,
    t: Array,
    history: Array,
    status: str,
    message: str,
    solver: dict[str, Any],
    steps: NDArray[np.int_] | None,
) -> ConstrainedRun:
    plan = problem.plan
    if status != "completed":
        warnings.warn(f"{status}: {message}", IntegrationWarning, stacklevel=3)
    return ConstrainedRun(
        task=plan.task,
        flow=plan.flow,
        spaces=problem.spaces,
        metric=problem.metric,
        t=t,
        steps=steps,
        coefficients=problem.split(history),
        feedback=dict(plan.feedback),
        status=status,
        message=message,
        solver=solver,
        seed=plan.seed,
        start=plan.start,
    )


def _check_positive(value: Any, argument: str) -> None:
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not good or not (np.isfinite(value) and value > 0):
        raise InputError(f"{argument}: {value!r} given, expected a finite number > 0")
