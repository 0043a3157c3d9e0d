"""iterate(...) -> Trajectory: the derived rule of a task with a finite step size."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import IntegrationWarning
from fa_dynamics.flows.drift import suspicious_drift
from fa_dynamics.flows.history import History
from fa_dynamics.flows.iterate_account import accounts_of
from fa_dynamics.flows.iterate_loop import take_steps
from fa_dynamics.flows.iterate_plan import StepPlan, prepare_steps
from fa_dynamics.flows.steps import StepCurve, Steps
from fa_dynamics.flows.threads import threads_for
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.progress import Report, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


def iterate(
    task: Task,
    hidden: int | Sequence[int] = (),
    rule: RuleLike = "fa",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    step_size: float,
    n_steps: int,
    momentum: float = 0.0,
    batch_size: int | None = None,
    decay: float | Sequence[float] | None = None,
    record: int | ArrayLike | None = None,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> Trajectory:
    """Train a deep linear network in finite steps W+ = W + eta V+, V+ = momentum V + G, with G the derived velocity.

    G_l = back_l E (W_{l-1}..W_1)^T - rho_l W_l; all matrices of the state move at once, from the old ones, feedback
    that learns included. Minibatches put their own second moments into E.

    Parameters
    ----------
    task, hidden, rule, start, feedback, decay
        As for `simulate`.
    step_size
        eta > 0, in units of 1 / (curvature of the loss).
    n_steps
        Number of steps, a whole number >= 1.
    momentum
        Of heavy ball, in [0, 1); the first V is zero.
    batch_size
        Samples per step, drawn without replacement in every epoch, whose last batch may be smaller; None for all.
    record
        How many states to keep, equally spaced from the start to the last step, or the step numbers from 0 to
        `n_steps` whose states are kept. Default: 201. Mode strengths are known after every step.
    seed
        For the start, the feedback and the minibatches, which have streams of their own.
    progress
        True or False, or a function of the fraction done; None shows a bar on a terminal after two seconds.

    Returns
    -------
    Trajectory
        With t = step number * eta, the numbers themselves in ``steps.number``, learning times that are exact in steps,
        and an account of drifts: `explained_drift` adds up what every step was derived to add to a first integral,
        `unexplained_drift` is the rest. Also when the run ended early: ``status`` names how, ``message`` says what to
        change.

    Raises
    ------
    InputError
        Bad arguments, minibatches of a task without samples.

    Warns
    -----
    IntegrationWarning
        The run ended early, or a first integral drifts more than its steps and round-off explain.

    Notes
    -----
    The account is exact, with minibatches and with heavy ball too; a law from a potential (sign-symmetric feedback) has
    none with heavy ball. With weight decay there are no first integrals. Source: robertson2024.discrete-drift,
    girotti2021.discrete-identities.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> from fa_dynamics.flows.iterate import iterate
    >>> task = fa.Task.from_spectrum([2.0, 1.0])
    >>> run = iterate(task, 2, "fa", "zero", [[[1, 0], [0, 1]]], step_size=0.05, n_steps=100)
    >>> run.learning_times(level=0.5).round(3)
    array([0.75, 1.2 ])
    >>> round(float(run.explained_drift["Q_1"][-1]), 3), bool(run.unexplained_drift["Q_1"].max() < 1e-12)
    (0.134, True)
    """
    plan = prepare_steps(
        task,
        hidden,
        rule,
        start,
        feedback,
        step_size=step_size,
        n_steps=n_steps,
        momentum=momentum,
        batch_size=batch_size,
        decay=decay,
        record=record,
        seed=seed,
    )
    run = run_steps(plan, progress)
    complaint = f"{run.status}: {run.message}" if run.status != "completed" else suspicious_drift(run)
    if complaint:
        warnings.warn(complaint, IntegrationWarning, stacklevel=2)
    return run


def run_steps(plan: StepPlan, progress: bool | Report | None = None) -> Trajectory:
    """Take the steps of a prepared run."""
    accounts, left_out = accounts_of(plan)
    began = time.perf_counter()
    with reporting(f"{plan.flow.rule.name} steps", progress) as report, threads_for(plan.compiled.multiply_adds):
        taken = take_steps(plan, accounts, report)
    seconds = time.perf_counter() - began
    depth = len(plan.sizes) - 1
    named = dict(zip(plan.compiled.names, taken.states, strict=True))
    edges = np.arange(len(taken.strength), dtype=np.float64) * plan.step_size
    return Trajectory(
        task=plan.task,
        flow=plan.flow,
        sizes=plan.sizes,
        t=np.asarray(taken.number * plan.step_size, dtype=np.float64),
        history=History.of(taken.states[:depth], plan.initial[:depth]),
        feedback={name: named.get(name, matrix) for name, matrix in plan.feedback.items()},
        initial=dict(plan.feedback) | dict(zip(plan.compiled.names, plan.initial, strict=True)),
        decay=plan.rates,
        watched=StepCurve(edges, taken.strength),
        t_last=float(edges[-1]),
        status=taken.status,
        message=taken.message,
        solver={
            "method": "heavy ball" if plan.momentum else "Euler",
            "step_size": plan.step_size,
            "momentum": plan.momentum,
            "batch_size": plan.batch_size,
            "steps": taken.n_steps,
            "seconds": round(seconds, 3),
        },
        seed=plan.seed,
        start=plan.start,
        feedback_start=plan.feedback_start,
        steps=Steps(
            step_size=plan.step_size,
            number=taken.number,
            momentum=plan.momentum,
            batch_size=plan.batch_size,
            explained=taken.explained,
            unexplained=taken.unexplained,
            left_out=left_out,
        ),
    )
