"""The conservation law of nonlinear networks: one number per hidden neuron."""

from typing import Any

import numpy as np

from fa_dynamics.flows.trajectory import SOLVER_ERROR
from fa_dynamics.systems.activations import find_activation
from fa_dynamics.systems.network import simulate_network
from fa_dynamics.systems.network_field import forward
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.systems.network_run import NetworkRun
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    equal,
)
from fa_dynamics.theorems.robertson2024 import _networks as networks
from fa_dynamics.theorems.robertson2024._networks import Array

FINE, COARSE = 1e-11, 1e-8
"""Relative tolerances: the values are those of the fine run, their error the distance to the coarse one."""

SCOUT = 20
"""Steps of a rough look ahead."""

PER_STEP = 8 * float(np.finfo(float).eps)
"""Round-off of one finite step."""


def sample(draw: Draw) -> Instance:
    """Flows and finite steps of every homogeneous activation, depths 2 to 4, biases or none, minibatches."""
    activation, biases, flow = draw.choice(list(networks.DEGREES)), draw.flip(), draw.flip()
    if flow and find_activation(activation).kinked:
        biases = False  # the field of a unit that nothing reaches stays on its kink; a bias would move it off
    case = dict(networks.network(draw))
    case |= {"activation": activation, "nu": networks.DEGREES[activation], "biases": biases, "counted": True}
    return case | {"loss": "squared", "seed": draw.seed()} | (horizon(draw, case) if flow else steps(draw, case))


def horizon(draw: Draw, case: Instance) -> dict[str, Any]:
    """Of a flow: as far as the notion of a rate goes, and short of the kinks of a rectifier."""
    reach = draw.log_uniform(0.1, 1.0 if find_activation(case["activation"]).kinked else 30.0)
    return {"runs": "flow", "t_end": reach / networks.speed(case)}


def steps(draw: Draw, case: Instance) -> dict[str, Any]:
    """Of finite steps, across as many kinks as they meet."""
    count = len(case["inputs"])
    batch, number = draw.integer(1, count), draw.integer(1, 60)
    size = draw.log_uniform(0.05, 2.0) / networks.speed(case)
    return {"runs": "steps", "step": size, "steps": number, "batch": batch}


def check(case: Instance) -> list[Evidence]:
    """q along the flow; or after finite steps, beside half of the squared steps."""
    return check_flow(case) if case["runs"] == "flow" else check_steps(case)


def options(case: Instance) -> dict[str, Any]:
    """What a flow and finite steps have in common."""
    return {
        "task": networks.task_of(case),
        "hidden": list(case["sizes"][1:-1]),
        "activation": case["activation"],
        "start": networks.matrices(case["start"]),
        "feedback": networks.matrices(case["feedback"]),
        "biases": bool(case["biases"]),
        "progress": False,
    }


def quantities(case: Instance, run: NetworkRun) -> tuple[Array, Array]:
    """1/2 |w_i|^2 (+ 1/2 beta_i^2) and nu (B_{l+1} W_{l+1})_ii of all hidden neurons, each (time, neurons)."""
    own, given = [], []
    for layer, back in enumerate(networks.matrices(case["feedback"])):
        square = (run.weights[layer] ** 2).sum(axis=2)
        if run.biases and case["counted"]:
            square = square + run.biases[layer] ** 2
        own.append(square / 2)
        given.append(case["nu"] * (back[None] * np.swapaxes(run.weights[layer + 1], 1, 2)).sum(axis=2))
    return np.concatenate(own, axis=1), np.concatenate(given, axis=1)


def check_flow(case: Instance) -> list[Evidence]:
    """Drift of q per neuron, also as the package reports it, before any field of a rectifier passes zero."""
    t = np.linspace(0.0, smooth_until(case), 12)
    fine, coarse = (simulate_network(**options(case), t_end=t[-1], t_eval=t, rtol=rtol) for rtol in (FINE, COARSE))
    own, given = quantities(case, fine)
    others = quantities(case, coarse)
    known = np.abs(own - others[0]) + np.abs(given - others[1])
    size = float(max(own.max(), np.abs(given).max()))
    error = np.maximum.accumulate(known.max(axis=1))[:, None] + (SOLVER_ERROR * FINE + ROUND_OFF) * size
    drift = np.concatenate(fine.neuron_drift, axis=1)
    return [
        equal(r"$\frac12 |w_i|^2$ and $\nu a_i + q_i(0)$", own, given + (own - given)[0], error, over=t, scale=size),
        equal("the package's drift and none", drift, 0.0, error, over=t, scale=size),
    ]


def smooth_until(case: Instance) -> float:
    """The horizon, cut until no field of a rectifier loses four fifths of itself, as far as rough steps tell."""
    t_end = float(case["t_end"])
    while find_activation(case["activation"]).kinked:
        scout = iterate_network(
            **options(case), step_size=t_end / SCOUT, n_steps=SCOUT, records=SCOUT + 1, ledger=False
        )
        inputs = np.asarray(case["inputs"], dtype=float)
        fields = [np.concatenate(forward(scout.model, scout.state(n), inputs)[1], axis=1) for n in range(SCOUT + 1)]
        hidden = np.array(fields)[:, :, : -case["sizes"][-1]]
        if (np.abs(hidden - hidden[0]) <= 0.8 * np.abs(hidden[0])).all():
            break
        t_end /= 4
    return t_end


def check_steps(case: Instance) -> list[Evidence]:
    """Change of q beside the sum of half the squared steps, and beside the package's account."""
    number = case["steps"]
    run = iterate_network(
        **options(case),
        step_size=case["step"],
        n_steps=number,
        batch_size=case["batch"],
        records=number + 1,
        seed=int(case["seed"]),
    )
    own, given = quantities(case, run)
    squares = [(np.diff(weight, axis=0) ** 2).sum(axis=(0, 2)) for weight in run.weights[:-1]]
    if run.biases:
        squares = [
            square + (np.diff(bias, axis=0) ** 2).sum(axis=0) for square, bias in zip(squares, run.biases, strict=False)
        ]
    change, added = (own - given)[-1] - (own - given)[0], np.concatenate(squares) / 2
    size = float(max(own.max(), np.abs(given).max()))
    error = (ROUND_OFF + PER_STEP * number) * size
    assert run.explained_drift is not None
    explained, reported = (
        np.concatenate([layer[-1] for layer in each]) for each in (run.explained_drift, run.neuron_drift)
    )
    return [
        equal("the change of $q_i$ and half the squared steps", change, added, error, scale=size),
        equal("the package's account", explained, added, error, scale=size),
        equal("the package's drift", reported, added, error, scale=size),
    ]


def large(draw: Draw, activation: str) -> dict[str, Any]:
    """A network with weights of order one and a few finite steps."""
    case = dict(networks.network(draw, ((3, 4, 2), (3, 3, 5, 2))))
    case["start"] = [draw.normals(matrix.shape) for matrix in case["start"]]
    case |= {"activation": activation, "nu": networks.DEGREES.get(activation, 1.0), "biases": False, "counted": True}
    return case | {"loss": "squared", "seed": 1} | steps(draw, case) | {"steps": 5, "batch": len(case["inputs"])}


def saturating(draw: Draw) -> Instance:
    """tanh."""
    return large(draw, "tanh")


def biased(draw: Draw) -> Instance:
    """Trained biases that the quantity leaves out."""
    return large(draw, "linear") | {"biases": True, "counted": False}


def wrong_degree(draw: Draw) -> Instance:
    """Squared rectifiers with nu = 1."""
    return large(draw, "squared-relu") | {"nu": 1.0}


STATEMENT = Statement(
    id="robertson2024.neuron-law",
    claim=(
        r"With hidden units of degree $\nu$, $z \varphi'(z) = \nu \varphi(z)$, feedback alignment's flow conserves "
        r"$\frac12 |w_i|^2 + \frac12 \beta_i^2 - \nu (B_{l+1} W_{l+1})_{ii}$ of every hidden neuron, $w_i$ its row of "
        r"$W_l$, $\beta_i$ its trained bias; finite steps add half of the squared steps of both, exactly."
    ),
    provenance="abstract",
    realises=("R4",),
    hypotheses=(
        Hypothesis("homogeneous", r"$z \varphi' = \nu \varphi$", lambda case: case["activation"] in networks.DEGREES),
        Hypothesis(
            "degree",
            r"the law is written with that $\nu$",
            lambda case: case["nu"] == networks.DEGREES.get(case["activation"], 1.0),
        ),
        Hypothesis("biases", "trained biases are counted", lambda case: case["counted"] or not case["biases"]),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("homogeneous", "tanh: the pointwise identity has a defect.", saturating),
        Counterexample("degree", r"Squared rectifiers have $\nu = 2$.", wrong_degree),
        Counterexample("biases", "Biases that are trained but not counted.", biased),
    ),
    draws=Draws(default=20),
    note=(
        "Linear units, rectifiers, leaky ones of either sign, squared ones. Velocities jump at kinks: rectifiers are "
        "followed by their flow up to the first one, and across by finite steps, whose account is exact."
    ),
)
