"""Early stopping on noisy data, one teacher and several training sets: the runs of girotti2021-harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.simulate import simulate
from fa_dynamics.measures import Curve
from fa_dynamics.modes import solve_modes
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Spectral
from fa_dynamics.tasks import Task, teacher

Array = NDArray[np.float64]

RTOL, ATOL = 1e-11, 1e-16
"""Of all runs: an error made on the plateau at a small start grows as much as the start does."""

POINTS = 400
EARLIEST = 2e-3
"""First time asked about, as a fraction of the last."""

NO_BETTER = 1e-6
"""A stop whose error is below that of the trained network by less than this, relatively, counts as no better."""


@dataclass(frozen=True)
class Start:
    """A start that is aligned with the modes of the training data.

    Attributes
    ----------
    name, title
        Short, and in words.
    rule
        'bp' or 'fa'.
    theta
        theta_1..theta_L of every mode, from the largest target of the training data.
    t_end
        Of the run, from the same target: by then every mode that is not weak is learned.
    """

    name: str
    title: str
    rule: str
    theta: Callable[[float], tuple[float, ...]]
    t_end: Callable[[float], float]


def starts(bp_start: float) -> tuple[Start, ...]:
    """Backpropagation, one layer, the zero start, and two starts whose size scales with the cube root of the targets.

    One layer learns all modes at the same time: what stopping early gains there is shrinking alone, without an order.
    The last two have theta_1 = -4 and theta_1 = -sqrt(3) 4.2^(1/3) for a largest target of 4: far above the fold of the
    strongest mode, and 5 % above it. Source: girotti2021.anti-regularisation.
    """

    def against(distance: float) -> Callable[[float], tuple[float, ...]]:
        return lambda target: (-distance * float(np.cbrt(target / 4)), 0.0)

    def cubic(duration: float) -> Callable[[float], float]:
        # Feedback alignment has one clock, which runs with the power 2/3 of the target.
        return lambda target: duration * float((4 / target) ** (2 / 3))

    return (
        Start(
            "BP",
            "backpropagation, small balanced start",
            "bp",
            lambda target: (bp_start * np.sqrt(target), bp_start * np.sqrt(target)),
            lambda target: 12 * float(np.log(1 / bp_start)) / target,
        ),
        Start("one layer", "one layer, all modes at once", "bp", lambda target: (0.0,), lambda target: 20.0),
        Start("FA zero", "feedback alignment, zero start", "fa", lambda target: (0.0, 0.0), cubic(40.0)),
        Start("FA far", "anti-regularizing start, far from the fold", "fa", against(4.0), cubic(4.0)),
        Start("FA near", "anti-regularizing start, 5 % above the fold", "fa", against(FOLDED), cubic(12.0)),
    )


FOLDED = float(np.sqrt(3) * np.cbrt(1.05 * 4))
"""a with sigma_c = (a / sqrt(3))^3 = 1.05 times a largest target of 4; b = 1."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A training set of a teacher.

    Attributes
    ----------
    population
        The teacher's moments.
    train
        The whitened sample: its second moment of inputs is the identity, so that its modes are joint.
    """

    population: Task
    train: Task

    def test_error(self, end_to_end: ArrayLike) -> Array:
        """1/2 E|W x - P T x|^2 over the population of inputs, T the whitening of the sample, (...,).

        The noise of new targets, which no map can predict, is left out.

        Parameters
        ----------
        end_to_end
            P in whitened inputs, (..., n_L, rank).
        """
        assert self.train.input_map is not None
        gap = np.asarray(end_to_end) @ self.train.input_map - self.population.least_squares
        return np.asarray(0.5 * np.einsum("...oi,ij,...oj->...", gap, self.population.input_moment, gap))

    @property
    def trained(self) -> float:
        """Test error of the network that is trained to the end, where P is the least-squares map of the sample."""
        return float(self.test_error(self.train.least_squares))


def drawn(n_inputs: int, n_outputs: int, rank: int, noise: float, n_samples: int, draws: int, seed: int) -> list[Draw]:
    """Training sets of one low-rank teacher: inputs and noise differ from draw to draw."""
    population = teacher(n_inputs, n_outputs, rank, noise=noise, seed=seed)
    rng = stream(seed, "data")
    made = []
    for _ in range(draws):
        X = rng.standard_normal((n_samples, n_inputs))
        Y = X @ population.least_squares.T + noise * rng.standard_normal((n_samples, n_outputs))
        made.append(Draw(population, Task.from_arrays(X, Y, whiten=True, name="noisy teacher")))
    return made


@dataclass(frozen=True, eq=False)
class Stopped:
    """A run, and its best moment to stop.

    Attributes
    ----------
    start
        What was run.
    target
        Of every mode of the training data, (modes,).
    t, error
        Times and test errors, (time,).
    best_time, best_error
        Where the test error is smallest; inf and the trained network's error if no moment is better than that.
    best_strength
        p of every mode then, (modes,); the targets if no moment is better than the end.
    trained
        Test error at the end of training.
    difference
        Largest difference of mode strengths from those of the exact scalar chains, relative to the largest target.
    """

    start: Start
    target: Array
    t: Array
    error: Array
    best_time: float
    best_error: float
    best_strength: Array
    trained: float
    difference: float

    @property
    def ratio(self) -> float:
        """Best test error over the trained network's."""
        return self.best_error / self.trained


def stop(draw: Draw, start: Start) -> Stopped:
    """Train by the matrix flow, and find the best moment to stop."""
    task, modes = draw.train, draw.train.modes
    target = float(modes.target.max())
    theta, t_end = start.theta(target), start.t_end(target)
    t = np.concatenate([[0.0], np.geomspace(EARLIEST * t_end, t_end, POINTS - 1)])
    run = simulate(
        task,
        [len(modes.target)] * (len(theta) - 1),
        start.rule,
        Spectral(theta),
        Spectral(1.0),
        t_end=t_end,
        t_eval=t,
        rtol=RTOL,
        atol=ATOL,
        progress=False,
        watch=True,
    )
    error, curve = draw.test_error(run.end_to_end), run.curve
    assert isinstance(curve, Curve)

    def between(time: float) -> float:
        strength = curve(np.array([time]))[0]
        return float(draw.test_error((modes.output_basis * strength) @ modes.input_basis.T))

    best_time, best_error = best_moment(between, t, error, draw.trained)
    column = np.array(theta)[:, None]
    chains = solve_modes(modes.correlation, modes.curvature, len(theta), start.rule, column, 1.0, t=t)
    difference = float(np.abs(chains.strength - run.mode_strength).max() / target)
    strength = curve(np.array([best_time]))[0] if np.isfinite(best_time) else modes.target
    return Stopped(start, modes.target, t, error, best_time, best_error, strength, draw.trained, difference)


def best_moment(error: Callable[[float], float], t: Array, sampled: Array, trained: float) -> tuple[float, float]:
    """Time and value of the smallest error, refined between samples; (inf, trained) if none is below `trained`."""
    from scipy.optimize import minimize_scalar

    lowest = int(np.argmin(sampled))
    bounds = (t[max(lowest - 1, 0)], t[min(lowest + 1, len(t) - 1)])
    refined = minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-10 * bounds[1]})
    time, value = min(((float(t[lowest]), float(sampled[lowest])), (float(refined.x), float(refined.fun))), key=_value)
    return (time, value) if value < trained * (1 - NO_BETTER) else (float("inf"), trained)


def _value(pair: tuple[float, float]) -> float:
    return pair[1]
