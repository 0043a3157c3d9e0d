"""Matrix runs in finite steps and their drifts, for the experiment girotti2021-discrete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fa_dynamics.flows.iterate import run_steps
from fa_dynamics.flows.iterate_plan import prepare_steps
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.starts import Spectral
from fa_dynamics.tasks import Task

RULES = ("fa", "dfa", "kp", "sign", "bp")

TIME = 8.0
"""Length of the runs, 1 / curvature."""

SAMPLES, INPUTS, OUTPUTS, HIDDEN, BATCH = 60, 6, 4, (8, 5), 12


class Drift(NamedTuple):
    """Of the first integrals of a run, at its end, over max(1, |Q(0)|): the largest one, and the unexplained part."""

    rule: str
    step_size: float
    total: float
    unexplained: float


def samples(seed: int) -> Task:
    """A linear teacher with noise, in samples."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((SAMPLES, INPUTS))
    teacher = rng.standard_normal((INPUTS, OUTPUTS)) / np.sqrt(INPUTS)
    return Task.from_arrays(inputs, inputs @ teacher + 0.3 * rng.standard_normal((SAMPLES, OUTPUTS)), name="teacher")


def matrix_drifts(
    step_sizes: Sequence[float], batch_size: int | None, seed: int, momentum: float = 0.0
) -> Iterator[Drift]:
    """Runs of every rule at every step size over the same time, one after another."""
    task = samples(seed)
    for rule in RULES:
        for step in step_sizes:
            plan = prepare_steps(
                task,
                HIDDEN,
                rule,
                "gaussian:0.4",
                step_size=step,
                n_steps=round(TIME / step),
                batch_size=batch_size,
                momentum=momentum,
                record=5,
                seed=seed,
            )
            yield drift_of(run_steps(plan, False), rule)


def scalar_drift(step: float, depth: int) -> Drift:
    """One mode as a run of width 1, whose Q_l are the numbers k_l."""
    start, feedback = Spectral(np.full(depth, 0.4)), Spectral(np.linspace(0.7, 1.2, depth - 1))
    task = Task.from_spectrum([1.0])
    n_steps = round(TIME / step)
    plan = prepare_steps(task, (1,) * (depth - 1), "fa", start, feedback, step_size=step, n_steps=n_steps, record=5)
    return drift_of(run_steps(plan, False), f"fa, one mode, depth {depth}")


def drift_of(run: Trajectory, name: str) -> Drift:
    """The largest drift of a first integral at the end of a run, and the largest that steps do not explain."""
    total = max(float(history[-1]) for history in run.invariant_drift.values())
    rest = max((float(history.max()) for history in run.unexplained_drift.values()), default=float("nan"))
    assert run.steps is not None
    return Drift(name, run.steps.step_size, total, rest)
