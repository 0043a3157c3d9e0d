"""The problems of workload A: a task with a curvature of its own in every direction, start, feedback and times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import expert
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DECREASE = 1e-3
"""The excess loss at the last time over that at the first."""

GIVEN_T = {512: 6.0}
"""Last times that are given: by the number of inputs."""

SAMPLES = 2000
SCALE = 0.3
"""Of the start: standard deviation times the root of the fan-in."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One matrix flow.

    Attributes
    ----------
    sizes
        n_0..n_L.
    rule
        'fa' or 'bp'.
    input_moment, cross_moment, teacher
        Sigma_xx, Sigma_yx = teacher Sigma_xx.
    start, feedback
        [W_1, ..., W_L]; [B_2, ..., B_L], none for 'bp'.
    times
        Output times, the first 0.
    """

    sizes: tuple[int, ...]
    rule: str
    input_moment: Array
    cross_moment: Array
    teacher: Array
    start: list[Array]
    feedback: list[Array]
    times: Array

    @property
    def depth(self) -> int:
        """L."""
        return len(self.start)

    @property
    def t_end(self) -> float:
        """The last time."""
        return float(self.times[-1])

    @cached_property
    def backward(self) -> list[Array]:
        """C_l = B_{l+1}..B_L of the layers below the last one, each n_l x n_L."""
        products: list[Array] = []
        for matrix in reversed(self.feedback):
            products.insert(0, matrix @ products[0] if products else matrix)
        return products

    @cached_property
    def task(self) -> Any:
        """The task of the package."""
        import fa_dynamics as fa

        output_moment = self.cross_moment @ self.teacher.T
        return fa.Task("benchmark", self.input_moment, self.cross_moment, (output_moment + output_moment.T) / 2)

    def samples(self) -> tuple[Array, Array]:
        """Inputs (n_0, samples) and targets (n_L, samples) with these moments."""
        rng = np.random.default_rng(1)
        eigenvalues, vectors = np.linalg.eigh(self.input_moment)
        flat = np.linalg.qr(rng.standard_normal((SAMPLES, self.sizes[0])))[0]
        inputs = np.sqrt(SAMPLES) * (vectors * np.sqrt(eigenvalues)) @ flat.T
        return inputs, self.teacher @ inputs

    def excess_loss(self, weights: list[Array]) -> float:
        """|(P - teacher) Sigma_xx^{1/2}|^2 / 2."""
        gap = np.linalg.multi_dot([*reversed(weights), np.eye(self.sizes[0])]) - self.teacher
        return 0.5 * float(np.sum((gap @ self.input_moment) * gap))

    def error(self, weights: list[Array], exact: list[Array]) -> float:
        """Largest gap over all weights and output times, over the largest weight; every layer (time, n_l, n_{l-1})."""
        size = max(float(np.abs(layer).max()) for layer in exact)
        return max(float(np.abs(a - b).max()) for a, b in zip(weights, exact, strict=True)) / size


def posed(size: tuple[int, int, int, int], rule: str = "fa", outputs: int = 50, t_end: float | None = None) -> Problem:
    """The problem of a size (n_0, h, n_L, L).

    Eigenvalues of Sigma_xx are log-uniform in [0.3, 1], their vectors random; the teacher has normal
    entries of variance 1/n_0, W_l of variance (0.3)^2/n_{l-1}, B_l of variance 1/n_l. The last time, unless
    given, is that of a 1000-fold decrease of the excess loss, found with two digits.
    """
    inputs, hidden, n_outputs, depth = size
    sizes = (inputs, *[hidden] * (depth - 1), n_outputs)
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((inputs, inputs)))[0]
    input_moment = (vectors * np.exp(rng.uniform(np.log(0.3), 0.0, inputs))) @ vectors.T
    input_moment = (input_moment + input_moment.T) / 2
    teacher = rng.standard_normal((n_outputs, inputs)) / np.sqrt(inputs)
    start = [SCALE * rng.standard_normal((above, below)) / np.sqrt(below) for below, above in pairwise(sizes)]
    feedback = [rng.standard_normal((below, above)) / np.sqrt(above) for below, above in pairwise(sizes[1:])]
    given = [] if rule == "bp" else feedback
    problem = Problem(sizes, rule, input_moment, teacher @ input_moment, teacher, start, given, np.zeros(1))
    last = t_end or GIVEN_T.get(inputs) or _time_of_decrease(problem)
    return replace(problem, times=np.linspace(0.0, last, outputs))


def _time_of_decrease(problem: Problem) -> float:
    from scipy.integrate import RK45

    velocity, split = expert.flat_velocity(problem), expert.splitter(problem)
    y0 = np.concatenate([matrix.ravel() for matrix in problem.start])
    solver = RK45(velocity, 0.0, y0, 1e4, rtol=1e-3, atol=1e-6, first_step=1e-2, max_step=2.0)
    first = problem.excess_loss(split(y0))
    while problem.excess_loss(split(solver.y)) > DECREASE * first:
        solver.step()
        if solver.status != "running":
            raise RuntimeError(f"no {1 / DECREASE:g}-fold decrease of the loss by t = {solver.t:.3g}: {solver.status}")
    dense, early, late = solver.dense_output(), solver.t_old, solver.t
    while late - early > 0.01 * late:
        middle = (early + late) / 2
        above = problem.excess_loss(split(dense(middle))) > DECREASE * first
        early, late = (middle, late) if above else (early, middle)
    return float(f"{late:.2g}")
