"""Runs of robertson2024-minimum-norm: random interpolation problems, and two in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Gaussian, Start, Zero
from fa_dynamics.systems.minimum_norm import limit_of_run, minimum_norm_map
from fa_dynamics.systems.mirror import MirrorPotential, mirror_flow, mirror_potential
from fa_dynamics.systems.mirror_defect import mirror_defect, path_dependence
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

RTOL, ATOL = 1e-12, 1e-15
"""Of all runs: maps of two integrations shall agree to 1e-9."""

FITTED = 1e-12
"""A run fits its data when the loss is below this fraction of its value at P = 0."""

SHIFTS = (0, 2, -1)
"""Hidden widths differ from the one asked for by these, so that none is like another."""

T_END = 200.0
POINTS = 301

STARTS: dict[str, Start] = {"zero": Zero(), "nonzero": Gaussian(0.5)}


@dataclass(frozen=True, eq=False)
class Fit:
    """A run that is to fit its data.

    Attributes
    ----------
    rule, start, draw
        What was run, 'zero' or 'nonzero', and which draw of feedback and start, from 0.
    run
        The trajectory.
    to_minimum_norm, to_formula
        Distance of the last map from Y X^+, and from Y X^+ + W_L..W_2 W_1(0) (I - Pi_x), relative to |Y X^+|.
    """

    rule: str
    start: str
    draw: int
    run: Trajectory
    to_minimum_norm: float
    to_formula: float

    @property
    def fitted(self) -> bool:
        """Whether the data are fitted at the end."""
        blank = self.run.task.loss(np.zeros_like(self.run.end_to_end[-1]))
        return bool(self.run.loss[-1] - self.run.task.best_loss <= FITTED * blank)


@dataclass(frozen=True, eq=False)
class Mirror:
    """A run of one output from zero beside its mirror flow.

    Attributes
    ----------
    depth
        L.
    potential
        psi.
    t, bound_share
        Times, and t (loss - best loss) / psi(P_*), (time,).
    difference
        Largest |P - P_reduced| / |P_*| over all times.
    defect
        Largest defect of the identity d/dt grad psi(P) = E, relative.
    """

    depth: int
    potential: MirrorPotential
    t: Array
    bound_share: Array
    difference: float
    defect: float


def problem(n_inputs: int, n_samples: int, n_outputs: int, seed: int) -> Task:
    """Fewer Gaussian samples than inputs, so that many maps fit them."""
    rng = stream(seed, "data")
    X = rng.standard_normal((n_samples, n_inputs))
    return Task.from_arrays(X, rng.standard_normal((n_samples, n_outputs)), name="interpolation")


def times() -> Array:
    """0, and times that grow geometrically."""
    return np.concatenate([[0.0], np.geomspace(1e-2, T_END, POINTS - 1)])


def fit(task: Task, depth: int, width: int, rule: str, start: str, draw: int, seed: int) -> Fit:
    """Train one network, and measure how far its end is from what the data leave open."""
    hidden = [max(width + shift, task.n_outputs) for shift in SHIFTS[: depth - 1]]
    hidden += [width] * (depth - 1 - len(hidden))
    run = simulate(
        task,
        hidden,
        rule,
        STARTS[start],
        t_end=T_END,
        t_eval=times(),
        seed=seed + draw,
        rtol=RTOL,
        atol=ATOL,
        progress=False,
    )
    least = minimum_norm_map(task)
    size, last = np.linalg.norm(least), run.end_to_end[-1]
    gaps = [float(np.linalg.norm(last - limit) / size) for limit in (least, limit_of_run(run))]
    return Fit(rule, start, draw, run, *gaps)


def beside_mirror(found: Fit) -> Mirror:
    """The reduced flow of the run's own feedback, at the same times."""
    run = found.run
    potential = mirror_potential([run.feedback[f"B_{layer}"] for layer in range(2, run.depth + 1)])
    reduced = mirror_flow(run.task, potential, t_eval=run.t, rtol=RTOL, atol=ATOL)
    least = minimum_norm_map(run.task)[0]
    share = run.t * (run.loss - run.task.best_loss) / potential.value(least)
    gap = np.linalg.norm(reduced.end_to_end - run.end_to_end[:, 0], axis=1).max() / np.linalg.norm(least)
    return Mirror(run.depth, potential, run.t, share, float(gap), float(mirror_defect(run).max()))


def no_mirror(found: Fit) -> float:
    """The counterexamples: largest defect of a nonzero start, or the last path dependence of several outputs."""
    if found.run.sizes[-1] > 1:
        return float(path_dependence(found.run)[-1])
    return float(mirror_defect(found.run).max())


def all_fits(
    depths: Sequence[int], tasks: Sequence[Task], width: int, draws: int, seed: int, report: Callable[[float], None]
) -> list[Fit]:
    """Feedback alignment from both starts at every depth and task, backpropagation from the nonzero one."""
    asked = [
        (task, depth, rule, start, draw)
        for task in tasks
        for depth in depths
        for rule, start in (("fa", "zero"), ("fa", "nonzero"), ("bp", "nonzero"))
        for draw in range(draws)
        if (rule == "fa" or draw == 0) and (depth > 1 or (rule, draw) == ("fa", 0))
    ]
    found = []
    for count, (task, depth, rule, start, draw) in enumerate(asked, start=1):
        found.append(fit(task, depth, width, rule, start, draw, seed))
        report(count / len(asked))
    return found


@dataclass(frozen=True, eq=False)
class Plane:
    """Paths of a map with two inputs and one output.

    Attributes
    ----------
    task
        What is learned.
    paths
        (run, time, 2).
    ends
        Predicted last points, (run, 2).
    labels
        One per run.
    """

    task: Task
    paths: Array
    ends: Array
    labels: tuple[str, ...]


def curved_paths(depths: Sequence[int]) -> Plane:
    """From zero to the one least-squares map of unequal curvatures, by the mirror flow with unit feedback."""
    task = Task("plane", np.diag([3.0, 0.3]), np.array([[1.8, 0.36]]), np.array([[1.512]]))
    paths = []
    for depth in depths:
        potential = mirror_potential([[[1.0]]] * (depth - 1))
        paths.append(mirror_flow(task, potential, t_eval=np.linspace(0.0, 120.0, 4801)).end_to_end)
    end = np.broadcast_to(task.least_squares, (len(paths), 2))
    return Plane(task, np.array(paths), end, tuple(f"L = {depth}" for depth in depths))


LINE_STARTS = ((0.0, 0.0), (-0.5, 1.1), (0.9, -0.7))
"""Rows of W_1(0) of the paths to the line; theta_2 starts at 1 where they do not start from zero."""


def paths_to_a_line() -> Plane:
    """One sample: the fitting maps are a line; W_1(0) = 0 ends at its point nearest to zero, others elsewhere."""
    task = Task.from_arrays([[1.2, 0.6]], [[1.2]], name="one sample")
    paths, ends = [], []
    for row in LINE_STARTS:
        start = [np.array([row]), np.array([[float(any(row))]])]
        run = simulate(
            task, 1, "fa", start, [np.array([[1.0]])], t_end=30.0, t_eval=np.linspace(0, 30, 601), progress=False
        )
        paths.append(run.end_to_end[:, 0])
        ends.append(limit_of_run(run)[0])
    names = tuple("from zero" if not any(row) else f"$W_1(0) = ({row[0]:g}, {row[1]:g})$" for row in LINE_STARTS)
    return Plane(task, np.array(paths), np.array(ends), names)
