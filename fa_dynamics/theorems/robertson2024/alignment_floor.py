"""What the conservation law says about alignment: a floor, permanence, and when an opposed start turns aligned."""

from typing import Any

import numpy as np

from fa_dynamics.flows.iterate import iterate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    at_least,
    equal,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

ONE_OUTPUT = ((3, 4, 1), (2, 1, 1))


def sample(draw: Draw) -> Instance:
    """Any start, aligned starts with a surplus from 0 to order one, and opposed starts of one output."""
    kind = draw.choice(["any", "permanent", "opposed"])
    surplus = 0.0 if draw.flip(0.2) else draw.log_uniform(0.001, 1.0)
    factor = draw.log_uniform(0.03, 3.0)
    case: dict[str, Any] = {"kind": kind, "factor": factor, "step": 0.0, "decay": None}
    case |= linear.network(draw, ONE_OUTPUT if kind == "opposed" else linear.SHAPES)
    if kind == "permanent":
        return {**case, "start": aligned(case, surplus)}
    if kind == "opposed":
        lower, back = case["start"][0], case["feedback"][0]
        return {**case, "start": [lower, -factor * back.T]}
    return case


def aligned(case: Instance, surplus: float) -> list[Array]:
    """Multiples of the feedback rows are added to the outgoing columns, from below, until a = 1/2 |w|^2 + surplus."""
    weights = linear.matrices(case["start"])
    for place, back in enumerate(linear.matrices(case["feedback"])):
        missing = 0.5 * np.sum(weights[place] ** 2, axis=1) + surplus - np.sum(back.T * weights[place + 1], axis=0)
        weights[place + 1] = weights[place + 1] + back.T * (missing / np.sum(back**2, axis=1))
    return weights


def neurons(weights: list[Array], feedback: list[Array]) -> tuple[Array, Array]:
    """a_{l,i} = (B_{l+1} W_{l+1})_{ii} and 1/2 |row i of W_l|^2 of all hidden neurons, each (time, neurons)."""
    pairs = list(zip(weights[:-1], weights[1:], feedback, strict=True))
    alignment = [np.einsum("ij,tji->ti", back, upper) for _, upper, back in pairs]
    energy = [0.5 * np.sum(lower**2, axis=2) for lower, _, _ in pairs]
    return np.concatenate(alignment, axis=1), np.concatenate(energy, axis=1)


def check(case: Instance) -> list[Evidence]:
    """The floor of every neuron; permanence, if it starts aligned; the moment of turning, if it starts opposed."""
    feedback = linear.matrices(case["feedback"])

    def both(run: Trajectory) -> Array:
        return np.stack(neurons(list(run.weights), feedback))

    t, (alignment, energy), error = linear.measured(case, both, time_axis=1)
    return judged(case, t, alignment, energy, error)


def judged(case: Instance, t: Array, alignment: Array, energy: Array, error: Array) -> list[Evidence]:
    """The claims, for values along a run."""
    scale = float(max(np.max(np.abs(alignment)), np.max(energy)))
    floor = alignment[:1] - energy[:1]
    evidence = [at_least("$a_{l,i}$", alignment, floor, error, scale=scale, over=t)]
    if case["kind"] == "permanent":
        evidence.append(
            at_least(r"$a_{l,i}$ beside $\frac12 |w_i|^2$", alignment, energy, 2 * error, scale=scale, over=t)
        )
    if case["kind"] == "opposed":
        back = np.asarray(case["feedback"][0])
        beyond = np.sum(energy - energy[:1], axis=1) - case["factor"] * float(np.sum(back**2))
        total = np.sum(alignment, axis=1)
        evidence.append(
            equal(
                r"$W_2 B_2$ and $\frac12 |W_1|^2$ beyond the turn", total, beyond, 4 * len(back) * error[:, 0], over=t
            )
        )
    return evidence


def with_decay(draw: Draw) -> Instance:
    """An aligned start with a surplus, and strong decay."""
    case = {"kind": "permanent", "factor": 1.0, "step": 0.0, **linear.network(draw)}
    case["decay"] = [draw.log_uniform(1.0, 5.0) / case["t_end"]] * len(case["start"])
    return {**case, "start": aligned(case, draw.log_uniform(1.0, 10.0))}


def in_steps(draw: Draw) -> Instance:
    """A zero start, the boundary of permanence, and steps of finite length."""
    case = {"kind": "permanent", "factor": 1.0, "decay": None, **linear.network(draw)}
    start = [np.zeros(matrix.shape) for matrix in case["start"]]
    return {**case, "start": start, "step": 0.02 / linear.speed({**case, "start": start})}


def check_steps(case: Instance) -> list[Evidence]:
    """The same after every tenth of a hundred steps, which are exact but for round-off."""
    feedback = linear.matrices(case["feedback"])
    run = iterate(
        linear.task_of(case),
        list(case["sizes"][1:-1]),
        "fa",
        linear.matrices(case["start"]),
        feedback,
        step_size=case["step"],
        n_steps=100,
        record=11,
        progress=False,
    )
    alignment, energy = neurons(list(run.weights), feedback)
    error = 100 * ROUND_OFF * max(float(np.max(energy)), float(np.max(np.abs(alignment))))
    return judged(case, run.t, alignment, energy, np.full((len(run.t), 1), error))


STATEMENT = Statement(
    id="robertson2024.alignment-floor",
    claim=(
        r"In a linear network under the flow of feedback alignment every neuron keeps "
        r"$a_{l,i} = (B_{l+1} W_{l+1})_{ii} \ge a_{l,i}(0) - \frac12 |w_i(0)|^2$, $w_i$ its row of $W_l$; "
        r"if $a_{l,i}(0) \ge \frac12 |w_i(0)|^2$ then "
        r"$a_{l,i} \ge \frac12 |w_i|^2$ for ever; and the opposed start $W_2(0) = -\gamma B_2^\top$ of one output "
        r"turns aligned exactly when $\Vert W_1 \Vert^2 = \Vert W_1(0) \Vert^2 + 2 \gamma |B_2|^2$."
    ),
    provenance="abstract",
    realises=("R4", "R7"),
    hypotheses=(
        Hypothesis("flow", "continuous time", lambda case: case["step"] == 0.0),
        Hypothesis("no decay", r"$\rho_l = 0$", lambda case: not np.any(case["decay"] or 0.0)),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "flow", r"Finite steps lower the floor by $\frac12 \eta^2 \sum |g_i|^2$.", in_steps, check_steps
        ),
        Counterexample("no decay", "With decay there is no floor.", with_decay),
    ),
    draws=Draws(default=14),
    note="The linear form, $\\nu = 1$.",
)
