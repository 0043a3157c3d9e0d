"""simulate(...) -> Trajectory: the derived flow of a task, integrated with strict defaults."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import IntegrationWarning
from fa_dynamics.flows.coordinates import Coordinates, coordinates_of
from fa_dynamics.flows.drift import suspicious_drift
from fa_dynamics.flows.flat import splitter
from fa_dynamics.flows.history import History
from fa_dynamics.flows.prepare import Plan, prepare
from fa_dynamics.flows.solve import MAX_STEPS, Solution, solve
from fa_dynamics.flows.threads import threads_for
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.measures.curve import NODES, Curve
from fa_dynamics.measures.linear import mode_strength_of_weights
from fa_dynamics.progress import Report, ignore, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


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
    watch: bool = False,
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
    watch
        Record the mode strengths between the steps on the way, which makes every step dearer. Without it the run is
        integrated once more when its curve, learning times or order are first asked for: the numbers are the same.

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
    run = run_plan(plan, progress, watch)
    if run.status != "completed":
        warnings.warn(f"{run.status}: {run.message}", IntegrationWarning, stacklevel=2)
    else:
        sentence = suspicious_drift(run)
        if sentence:
            warnings.warn(sentence, IntegrationWarning, stacklevel=2)
    return run


def run_plan(plan: Plan, progress: bool | Report | None = None, watch: bool = False) -> Trajectory:
    """Integrate a prepared run.

    Parameters
    ----------
    plan
        A prepared run.
    progress, watch
        As of `simulate`.
    """
    began = time.perf_counter()
    with threads_for(max(plan.sizes) ** 3):
        coordinates = coordinates_of(plan)
    compiled, depth = coordinates.compiled, len(plan.sizes) - 1
    with reporting(f"{plan.flow.rule.name} flow", progress) as report:
        solution = _integrate(plan, coordinates, watch, report)
    seconds = time.perf_counter() - began
    named = dict(zip(compiled.names, splitter(compiled.shapes, times=-1)(solution.y), strict=True))
    method = plan.solver["method"]
    return Trajectory(
        task=plan.task,
        flow=plan.flow,
        sizes=plan.sizes,
        t=solution.t,
        history=History(
            tuple(named[name] for name in compiled.names[:depth]),
            coordinates.still[:depth],
            coordinates.left_of_still(solution.t)[:depth],
            coordinates.bases,
            coordinates.start[:depth],
        ),
        # copies: what a user does to them must not reach the curve, which may still have to be integrated
        feedback={name: named.get(name, matrix.copy()) for name, matrix in plan.feedback.items()},
        initial={
            name: matrix.copy()
            for name, matrix in {**plan.feedback, **dict(zip(compiled.names, plan.initial, strict=True))}.items()
        },
        decay=plan.rates,
        watched=solution.curve or partial(_watch_again, plan, coordinates, solution.n_steps),
        t_last=solution.t_last,
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


def _integrate(
    plan: Plan, coordinates: Coordinates, watch: bool, report: Report = ignore, max_steps: int = MAX_STEPS
) -> Solution:
    depth = len(plan.sizes) - 1
    observe = None
    if watch:
        modes, matrices = plan.task.modes, coordinates.matrices()
        inputs = modes.input_basis if coordinates.bases[0] is None else coordinates.bases[0].T @ modes.input_basis

        def observe(t: float, state: Array) -> Array:
            return mode_strength_of_weights(matrices(t, state)[:depth], modes.output_basis, inputs)

    with threads_for(coordinates.compiled.multiply_adds):
        return solve(
            coordinates.velocity(),
            coordinates.flat_start,
            plan.times,
            plan.t_end,
            observe,
            max_steps=max_steps,
            report=report,
            **plan.solver,
        )


def _watch_again(plan: Plan, coordinates: Coordinates, n_steps: int) -> Curve:
    """The same steps once more, mode strengths recorded between them."""
    if n_steps == 0:
        return Curve(np.zeros(1), np.empty((0, len(NODES), len(plan.task.modes.target))))
    solution = _integrate(replace(plan, times=plan.times[:0]), coordinates, True, max_steps=n_steps)
    if solution.status == "interrupted":
        raise KeyboardInterrupt
    assert solution.curve is not None
    return solution.curve
