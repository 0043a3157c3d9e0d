"""simulate(...) -> Trajectory: the derived flow of a task, integrated with strict defaults."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.compile import CompiledFlow
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import IntegrationWarning
from fa_dynamics.flows.drift import suspicious_drift
from fa_dynamics.flows.prepare import Plan, prepare
from fa_dynamics.flows.solve import solve
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.measures.linear import mode_strength_of_weights
from fa_dynamics.progress import Report, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

SMALL_PRODUCTS = 2e7
"""Multiply-adds per evaluation below which one BLAS thread beats two: the products are too short to share."""


def simulate(
    task: Task,
    hidden: int | Sequence[int] = (),
    rule: RuleLike = "fa",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    t_end: float,
    decay: float | Sequence[float] | None = None,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    t_eval: ArrayLike | None = None,
    max_step: float = np.inf,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> Trajectory:
    """Integrate the flow dW_l/dt = back_l E (W_{l-1}..W_1)^T - rho_l W_l of a deep linear network.

    Parameters
    ----------
    task
        What is learned; its second moments enter the flow.
    hidden
        Widths n_1..n_{L-1} of the hidden layers; the depth is their number plus one.
    rule
        A learning rule, its class, its short name or ``'file.py:ClassName'``.
    start
        A start object, its text form, or the arrays [W_1, ..., W_L]. Default: ``Gaussian(0.01)``.
    feedback
        The same for the feedback matrices of the rule: [B_2, ..., B_L], B_l of the shape of W_l^T; for DFA
        [D_1, ..., D_{L-1}], D_l of shape (n_l, n_L). Default: ``Gaussian(1.0)``, entries of variance 1/n_l.
    t_end
        Last time, > 0, in units of 1 / (curvature of the loss).
    decay
        Weight decay rho, one for all or one per layer; None for none.
    method, rtol, atol
        As in `scipy.integrate.solve_ivp`; `method` is a name or an `OdeSolver` class.
    t_eval
        Output times in [0, t_end], increasing. Default: 201 equally spaced ones.
    max_step
        Longest step that the solver may take.
    seed
        For the start and the feedback, which have streams of their own.
    progress
        True or False, or a function of the fraction done; None shows a bar on a terminal after two seconds.

    Returns
    -------
    Trajectory
        Also when the run ended early: ``status`` names how, ``message`` says what to change.

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early, or its first integrals drift more than the tolerances explain.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> task = fa.Task.from_spectrum([2.0, 1.0])
    >>> run = fa.simulate(task, hidden=2, rule="fa", start=fa.starts.Zero(), feedback=[[[1, 0], [0, 1]]], t_end=5.0)
    >>> run.learning_times(level=0.5).round(3)
    array([0.744, 1.181])
    """
    plan = prepare(
        task,
        hidden,
        rule,
        start,
        feedback,
        t_end=t_end,
        decay=decay,
        method=method,
        rtol=rtol,
        atol=atol,
        t_eval=t_eval,
        max_step=max_step,
        seed=seed,
    )
    run = run_plan(plan, progress)
    if run.status != "completed":
        warnings.warn(f"{run.status}: {run.message}", IntegrationWarning, stacklevel=2)
    else:
        sentence = suspicious_drift(run)
        if sentence:
            warnings.warn(sentence, IntegrationWarning, stacklevel=2)
    return run


def run_plan(plan: Plan, progress: bool | Report | None = None) -> Trajectory:
    """Integrate a prepared run."""
    compiled, depth, modes = plan.compiled, len(plan.sizes) - 1, plan.task.modes
    velocity, unpack = flat_velocity(compiled, plan.parameters)

    def strength(state: Array) -> Array:
        return mode_strength_of_weights(unpack(state)[:depth], modes.output_basis, modes.input_basis)

    began = time.perf_counter()
    with reporting(f"{plan.flow.rule.name} flow", progress) as report, _threads(compiled.multiply_adds):
        solution = solve(
            velocity,
            np.concatenate([matrix.ravel() for matrix in plan.initial]),
            plan.times,
            plan.t_end,
            strength,
            report=report,
            **plan.solver,
        )
    seconds = time.perf_counter() - began
    history = _split(solution.y, compiled)
    method = plan.solver["method"]
    return Trajectory(
        task=plan.task,
        flow=plan.flow,
        sizes=plan.sizes,
        t=solution.t,
        weights=tuple(history[name] for name in compiled.names[:depth]),
        feedback={name: history.get(name, matrix) for name, matrix in plan.feedback.items()},
        initial=dict(plan.feedback) | dict(zip(compiled.names, plan.initial, strict=True)),
        decay=plan.rates,
        curve=solution.curve,
        status=solution.status,
        message=solution.message,
        solver={
            "method": method if isinstance(method, str) else method.__name__,
            "rtol": plan.solver["rtol"],
            "atol": plan.solver["atol"],
            "steps": solution.n_steps,
            "evaluations": solution.n_evaluations,
            "seconds": round(seconds, 3),
        },
        seed=plan.seed,
        start=plan.start,
        feedback_start=plan.feedback_start,
    )


def flat_velocity(
    compiled: CompiledFlow, values: Mapping[str, Any]
) -> tuple[Callable[[float, Array], Array], Callable[[Array], list[Array]]]:
    """The velocity of a flat state, and the function that views a flat state as its matrices."""
    bound = compiled.bind(values, np.empty)
    ends = np.cumsum([rows * columns for rows, columns in compiled.shapes]).tolist()
    layout = list(zip([0, *ends[:-1]], ends, compiled.shapes, strict=True))

    def unpack(state: Array) -> list[Array]:
        return [state[first:last].reshape(shape) for first, last, shape in layout]

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        bound(unpack(state), unpack(out))
        return out

    return velocity, unpack


def _split(states: Array, compiled: CompiledFlow) -> dict[str, Array]:
    ends = np.cumsum([rows * columns for rows, columns in compiled.shapes])[:-1]
    parts = np.split(states, ends, axis=1)
    return {
        name: part.reshape(len(states), *shape)
        for name, part, shape in zip(compiled.names, parts, compiled.shapes, strict=True)
    }


def _threads(multiply_adds: float) -> Any:
    from contextlib import nullcontext

    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas") if multiply_adds < SMALL_PRODUCTS else nullcontext()
