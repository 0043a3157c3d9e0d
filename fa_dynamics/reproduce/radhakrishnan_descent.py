"""Gradient descent of aligned networks: what a finite step costs, and a step size with a guarantee."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures import end_to_end, mode_strength
from fa_dynamics.measures.invariance import network_alignment_defect
from fa_dynamics.randomness import stream
from fa_dynamics.reproduce.radhakrishnan_classes import DEPTH, UNITS, scaled
from fa_dynamics.systems.aligned import aligned_network
from fa_dynamics.systems.aligned_step import ExplicitStep, explicit_step
from fa_dynamics.systems.constrained import iterate_constrained, simulate_constrained
from fa_dynamics.systems.constrained_run import ConstrainedRun
from fa_dynamics.systems.layer_spaces import full
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

STEP_SIZES = (0.04, 0.02, 0.01)
BALANCED_TIME = 10.0
GUARANTEED_STEPS = 200
KINDS = ("general layers", "equal layers", "overshooting start")
SLACK = 1e-9
"""Relative room for the rounding of losses and strengths."""


@dataclass(frozen=True, eq=False)
class Halving:
    """Alignment defect of a balanced start on generic data under the flow, and under steps that are halved."""

    t: Array
    flow: Array
    steps: tuple[Array, ...]

    @property
    def ratios(self) -> Array:
        """Defect at the end over that with half the step size."""
        last = np.array([history[-1] for history in self.steps])
        return np.asarray(last[:-1] / last[1:])


@dataclass(frozen=True, eq=False)
class Guarantee:
    """A run with the explicit step size.

    Attributes
    ----------
    step
        The step size and what it guarantees.
    excess, bound
        l_t - l_* and its bound, (steps + 1,), in units of output squared.
    passed
        Largest (p_k - s_k) / s_k on the far side of the target, dimensionless; <= 0 if none passes.
    backwards
        Largest step of a mode away from its target, relative to the target.
    """

    step: ExplicitStep
    excess: Array
    bound: Array
    passed: float
    backwards: float

    @property
    def holds(self) -> bool:
        """Whether the bound holds and no mode overshoots, up to rounding."""
        below = (self.excess <= self.bound * (1 + SLACK) + SLACK**2).all()
        return bool(below and self.passed <= SLACK and self.backwards <= SLACK)


def halving(seed: int) -> Halving:
    """Balanced start with random bases, so that nothing but balancedness keeps it aligned."""
    rng = stream(seed, "data")
    task = scaled(*rng.standard_normal((2, 2 * UNITS, UNITS)))
    spaces = [full(UNITS, UNITS)] * DEPTH
    orthogonal = [np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0] for _ in range(DEPTH + 1)]
    theta = np.linspace(0.3, 0.9, UNITS)
    begin = [(orthogonal[i + 1] * theta) @ orthogonal[i].T for i in range(DEPTH)]
    t = np.linspace(0, BALANCED_TIME, 51)
    flow = simulate_constrained(task, spaces, start=begin, t_end=BALANCED_TIME, t_eval=t, progress=False)
    histories = []
    for step_size in STEP_SIZES:
        n_steps = round(BALANCED_TIME / step_size)
        run = iterate_constrained(
            task, spaces, start=begin, step_size=step_size, n_steps=n_steps, every=n_steps // 50, progress=False
        )
        histories.append(run.over_time(network_alignment_defect))
    return Halving(t, flow.over_time(network_alignment_defect), tuple(histories))


def guarantee(kind: str, seed: int, factor: float = 1.0) -> Guarantee:
    """Gradient descent of all weights with `factor` times the explicit step size, on a drawn spectrum."""
    rng = stream(seed, "data")
    target, curvature = rng.uniform(0.3, 2.0, (2, UNITS))
    task = Task.from_spectrum(target * curvature, curvature)
    modes = task.modes
    depth = int(rng.integers(2, 5))
    if kind == "general layers":
        theta = rng.uniform(0.3, 1.0, (depth, UNITS))
        theta *= (rng.uniform(0.05, 1.0, UNITS) * modes.target / theta.prod(axis=0)) ** (1 / depth)
    else:
        share = rng.uniform(0.05, 1.0, UNITS) if kind == "equal layers" else rng.uniform(1.05, 3.0, UNITS)
        theta = np.tile((share * modes.target) ** (1 / depth), (depth, 1))
    step = explicit_step(modes.curvature, modes.target, theta)
    network = aligned_network(task, (UNITS,) * (depth - 1), theta, seed=seed)
    run = iterate_constrained(
        task,
        [full(UNITS, UNITS)] * depth,
        start=network.weights,
        step_size=factor * step.step_size,
        n_steps=GUARANTEED_STEPS,
        progress=False,
    )
    return _judged(run, step)


def _judged(run: ConstrainedRun, step: ExplicitStep) -> Guarantee:
    modes = run.task.modes
    p = run.over_time(lambda w: mode_strength(end_to_end(w), modes.output_basis, modes.input_basis))
    away = np.sign(p[0] - modes.target) * (p - modes.target) / modes.target
    away[:, p[0] == modes.target] = 0.0
    excess = run.loss - run.task.best_loss
    bound = step.excess_bound(float(excess[0]), np.arange(len(excess)))
    return Guarantee(step, excess, bound, float(-away.min()), float(np.diff(away, axis=0).max()))
