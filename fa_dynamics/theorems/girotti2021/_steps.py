"""Scalar chains that move in finite steps: the package's own steps, and schemes that the claims do not speak of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.modes.step_map import Orbits, orbit
from fa_dynamics.modes.step_sizes import orbits_of
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.statement import Instance

Array = NDArray[np.float64]


def one_step(case: Instance) -> Trajectory:
    """One step of the matrix network that has this one mode and units of one."""
    start = [[[float(theta)]] for theta in np.asarray(case["start"], dtype=float)]
    return iterate(
        Task.from_spectrum([case["correlation"]], curvatures=[case["curvature"]]),
        [1] * (len(start) - 1),
        "fa",
        start,
        [[[float(b)]] for b in np.asarray(case["feedback"], dtype=float)],
        step_size=float(case["step"]),
        n_steps=1,
        record=[0, 1],
        progress=False,
    )


def other_step(case: Instance) -> Array:
    """The weights before and after a step that is none of Euler's, (L, 2): layer by layer, or by the midpoint."""
    theta, step = np.asarray(case["start"], dtype=float), float(case["step"])
    orbits = chain_orbits(case, [step])
    compiled, parameters = compile_chain(orbits.chain), [float(value[0]) for value in orbits.parameters]

    def velocity(at: Array) -> Array:
        return np.array(compiled.velocity(*at, *parameters), dtype=float)

    after = theta.copy()
    if case["scheme"] == "layer by layer":
        for layer in range(len(theta)):
            after[layer] += step * velocity(after)[layer]
    else:
        after += step * velocity(theta + step / 2 * velocity(theta))
    return np.stack([theta, after], axis=1)


def chain_orbits(case: Instance, steps: ArrayLike) -> Orbits:
    """One chain at several step sizes."""
    sizes = np.asarray(steps, dtype=float)
    start, feedback = (np.asarray(case[key], dtype=float).reshape(-1, 1) for key in ("start", "feedback"))
    correlation, curvature = np.full(len(sizes), case["correlation"]), np.full(len(sizes), case["curvature"])
    whole = orbits_of(
        correlation, curvature, len(start), "fa", np.tile(start, len(sizes)), np.tile(feedback, len(sizes))
    )
    return replace(whole, step=sizes)


def stepped(case: Instance, steps: ArrayLike, count: int) -> Array:
    """Weights of the chain after every one of `count` steps, (count + 1, L, step sizes)."""
    return orbit(chain_orbits(case, steps), count)


def errors_of(case: Instance, weights: Array) -> tuple[Array, float]:
    """e = sigma - lambda p of weights (..., L, step sizes), and the size of its larger term."""
    with np.errstate(over="ignore", invalid="ignore"):  # orbits that blow up
        product = case["curvature"] * weights.prod(axis=-2)
    return case["correlation"] - product, float(max(abs(case["correlation"]), np.abs(product).max(initial=0.0)))
