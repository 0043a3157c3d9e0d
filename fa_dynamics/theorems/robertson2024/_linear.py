"""Random linear networks, their runs with numerical errors, and symbolic traces: what the statements here share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.network import simulate_network
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import ROUND_OFF
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.statement import Instance

Array = NDArray[np.float64]

ROUNDED = 4 * ROUND_OFF
"""Round-off of the products of a law, whose terms cancel, and of the hundreds of steps of a run."""

SHORT = 1e-3
"""Horizon for rectifiers, in units of 1 / curvature: at kinks, where velocities jump, integrators lose their order."""

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 4, 2),
    (2, 1, 3),
    (4, 2, 3),
    (1, 3, 1),
    (3, 3, 5, 2),
    (2, 1, 3, 2),
    (3, 5, 2, 3),
    (2, 2, 3, 3, 2),
)
"""n_0..n_L: wide hidden layers, bottlenecks, single units, one output, depths 2 to 4."""


def network(draw: Draw, shapes: Sequence[tuple[int, ...]] = SHAPES) -> dict[str, Any]:
    """A task of samples, weights, feedback of the shapes of W_l^T, and a horizon.

    Numbers of samples below, at and above n_0; input scales over a decade and a half; weights from 1/100 to order
    one, some layers exactly zero; feedback over a decade; horizons from the first step of learning to its end.
    """
    sizes = draw.choice(shapes)
    depth = len(sizes) - 1
    samples, spread = draw.integer(1, 8), draw.log_uniform(1.0, 30.0)
    scales = [0.0 if draw.flip(0.1) else draw.log_uniform(0.01, 1.5) for _ in range(depth)]
    strengths = [draw.log_uniform(0.2, 2.0) for _ in range(depth - 1)]
    reach = draw.log_uniform(5.0, 1000.0)
    columns = np.geomspace(1.0, 1.0 / spread, sizes[0])
    inputs = draw.normals((samples, sizes[0])) * columns
    targets = draw.normals((samples, sizes[-1]), draw.log_uniform(0.3, 3.0))
    pairs = list(pairwise(sizes))
    start = [
        draw.normals((rows, cols), scale / np.sqrt(cols)) for (cols, rows), scale in zip(pairs, scales, strict=True)
    ]
    feedback = [
        draw.normals((below, above), scale / np.sqrt(above))
        for (below, above), scale in zip(pairs[1:], strengths, strict=True)
    ]
    case = {"sizes": list(sizes), "inputs": inputs, "targets": targets, "start": start, "feedback": feedback}
    return {**case, "t_end": reach / speed(case)}


def speed(case: Instance) -> float:
    """A rate, 1/time: the fastest of the linearised output map, and of how fast the data drive the weights."""
    task, weights, feedback = task_of(case), matrices(case["start"]), matrices(case["feedback"])
    curvature = float(np.linalg.norm(task.input_moment, 2))
    forward = float(np.prod([1 + np.linalg.norm(weight, 2) for weight in weights[1:]]))
    back = float(np.prod([1 + np.linalg.norm(matrix, 2) for matrix in feedback]))
    return forward * back * (curvature + float(np.linalg.norm(task.cross_moment, 2)))


def task_of(case: Instance) -> Task:
    """The task of the samples of an instance."""
    return Task.from_arrays(np.asarray(case["inputs"], dtype=float), np.asarray(case["targets"], dtype=float))


def matrices(stored: Any) -> list[Array]:
    """Matrices of an instance, which may have come back from JSON as nested lists."""
    return [np.asarray(matrix, dtype=float) for matrix in stored]


def measured(
    case: Instance,
    measure: Callable[[Trajectory], ArrayLike],
    *,
    rule: RuleLike = "fa",
    time_axis: int = 0,
    points: int = 25,
    **options: Any,
) -> tuple[Array, Array, Array]:
    """Times, values and errors of a measure along the run of an instance; see `integrated`.

    Parameters
    ----------
    case
        An instance of `network`; its ``decay``, if it has one, is used.
    measure
        From a trajectory to numbers.
    rule
        A learning rule.
    time_axis
        Axis of the values along which time runs.
    points
        Number of times.
    **options
        Other arguments of `simulate`.

    Returns
    -------
    t, value, error
        (time,), whatever the measure returns, and (time, 1).
    """
    t = np.linspace(0.0, case["t_end"], points)
    settings: dict[str, Any] = {
        "hidden": list(case["sizes"][1:-1]),
        "start": matrices(case["start"]),
        "feedback": matrices(case["feedback"]) or None,
        "decay": case.get("decay"),
        "t_eval": t,
        "time_axis": time_axis,
    }
    value, error = integrated(task_of(case), measure, rule=rule, **(settings | options))
    return t, value, (error + ROUNDED * size(case))[:, None]


def size(case: Instance) -> float:
    """Of the largest product of two matrices at the start, and of those that the run may reach, in squared weights."""
    weights, feedback = matrices(case["start"]), matrices(case["feedback"])
    largest = max(float(np.linalg.norm(matrix)) for matrix in (*weights, *feedback))
    return max(1.0, largest**2)


def velocities(
    rule: RuleLike,
    case: Instance,
    weights: Sequence[Array],
    feedback: Sequence[Array],
    decay: Sequence[float] | None = None,
) -> list[Array]:
    """The package's velocity of every layer (and of feedback that learns) at given matrices."""
    task, flow = task_of(case), derive(len(weights), rule, decay=decay is not None)
    compiled = compile_flow(flow, tuple(int(size) for size in case["sizes"]))
    named = {f"W_{layer}": weight for layer, weight in enumerate(weights, start=1)}
    named |= dict(zip((matrix.name for matrix in flow.feedback), feedback, strict=True))
    values: dict[str, Any] = {"Sigma_xx": np.array(task.input_moment), "Sigma_yx": np.array(task.cross_moment), **named}
    values |= dict(zip((rate.name for rate in flow.decay_rates), decay or (), strict=True))
    out = [np.empty(shape) for shape in compiled.shapes]
    compiled.bind(values, np.empty)([named[name] for name in compiled.names], out)
    return out


def transposed(stack: Array) -> Array:
    """Of a stack of matrices."""
    return np.swapaxes(stack, -1, -2)


def flat(*stacks: Array) -> Array:
    """Stacks of matrices (time, rows, columns) side by side, (time, entries)."""
    return np.concatenate([stack.reshape(len(stack), -1) for stack in stacks], axis=1)


def law_sides(weights: Sequence[Array], feedback: Sequence[Array]) -> tuple[Array, Array]:
    """W_l W_l^T and B_{l+1} W_{l+1} + (.)^T of all hidden layers, each (time, entries); their difference is Q_l."""
    grams, terms = [], []
    for lower, upper, back in zip(weights[:-1], weights[1:], feedback, strict=True):
        grams.append(lower @ transposed(lower))
        terms.append(back @ upper + transposed(back @ upper))
    return flat(*grams), flat(*terms)


def conserved(run: Trajectory, feedback: Sequence[Array], case: Instance) -> Array:
    """Both sides of W_l W_l^T = B_{l+1} W_{l+1} + (.)^T + Q_l(0), (2, time, entries)."""
    grams, terms = law_sides(run.weights, feedback)
    gram, term = law_sides([weight[None] for weight in matrices(case["start"])], feedback)
    return np.stack([grams, terms + (gram - term)])


def rectified_drift(case: Instance, rule: RuleLike, feedback: Sequence[Array]) -> tuple[Array, float]:
    """Both sides of the law after a time too short for kinks, with rectifiers for hidden units; and their error."""
    sides = []
    for rtol in (1e-10, 1e-8):
        run = simulate_network(
            task_of(case),
            list(case["sizes"][1:-1]),
            "relu",
            rule,
            start=matrices(case["start"]),
            feedback=matrices(case["feedback"]),
            t_end=SHORT,
            t_eval=[0.0, SHORT],
            rtol=rtol,
            progress=False,
        )
        grams, terms = law_sides(run.weights, feedback)
        sides.append(np.stack([grams, terms + (grams - terms)[0]]))
    fine, coarse = sides
    return fine, float(np.max(np.abs(fine - coarse))) + ROUNDED * size(case)


def of_order_one(draw: Draw, case: Instance) -> dict[str, Any]:
    """The same network with weights of order one, so that its hidden units are active."""
    return {**case, "start": [draw.normals(matrix.shape) for matrix in case["start"]]}


def trace(words: w.Words) -> w.Words:
    """Words under a trace: those that are equal after a rotation or a transposition, added up."""
    total: w.Words = {}
    for word, coefficient in words.items():
        turns = [turn for each in (word, w.transpose_word(word)) for turn in _rotations(each)]
        total = w.add(total, {min(turns, key=str): coefficient})
    return total


def _rotations(word: w.Word) -> list[w.Word]:
    return [word[place:] + word[:place] for place in range(max(len(word), 1))]
