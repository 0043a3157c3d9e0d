"""What one finite step does to the first integrals of a mode, and to the error of a shallow one, exactly."""

from typing import Any

import numpy as np
import sympy as sp

from fa_dynamics.derive import derive
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    Unproved,
    equal,
    is_true,
)
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _steps as steps


def sample(draw: Draw) -> Instance:
    """Depths 2 to 5, all signs, steps from far below to the natural unit of time."""
    case = chains.draw_chain(draw, 2, 5)
    return case | {"scheme": "euler", "step": draw.log_uniform(1e-4, 1.0) * chains.natural_time(case)}


def moving(draw: Draw) -> dict[str, Any]:
    """A chain that is not at rest and has no zero weights, with a step of natural size."""
    case = chains.draw_chain(draw, 2, 4)
    sizes = chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"])
    case["start"] = draw.signs(len(sizes)) * draw.uniforms(len(sizes), 0.2, 0.8) * sizes
    return case | {"step": 0.3 * chains.natural_time(case)}


def check(case: Instance) -> list[Evidence]:
    """k_l and, for two layers, e after one step; and what the package says that the step adds to k_l."""
    b, eta, curvature = np.asarray(case["feedback"], dtype=float), case["step"], case["curvature"]
    run = steps.one_step(case) if case["scheme"] == "euler" else None
    theta = np.array([w[:, 0, 0] for w in run.weights]) if run is not None else steps.other_step(case)
    before = theta[:, 0]
    product = curvature * before.prod()
    error, largest = case["correlation"] - product, abs(case["correlation"]) + abs(product)
    per_error = chains.clock_factors(b) * np.cumprod(np.append(1.0, before[:-1]))
    reach = np.abs(before) + eta * np.abs(per_error) * largest
    rounding = ROUND_OFF * (reach[:-1] ** 2 + 2 * np.abs(b) * reach[1:])
    integrals, _ = chains.first_integrals(theta, b)
    added = (eta * per_error * error)[:-1] ** 2
    found = [equal("$k_l^+$", integrals[:, 1], integrals[:, 0] + added, rounding)]
    accounts = [f"Q_{layer}" for layer in range(1, len(before))]
    if run is not None and not set(accounts) <= set(run.explained_drift):
        found.append(is_true("the package accounts for every $k_l$", False))
    elif run is not None:
        sizes = np.maximum(1.0, np.abs(integrals[:, 0]))
        booked = sizes * [run.explained_drift[name][-1] for name in accounts]
        size = (eta * per_error * largest)[:-1] ** 2
        what = "what a step is derived to add to $k_l$"
        found.append(equal(what, booked, added, ROUND_OFF * size, scale=float(size.max())))
    if len(before) == 2:
        slope = chains.alignment_slope(theta[:, 0], b)
        after = error * (1 - eta * curvature * (slope + eta * b[0] * before[0] * error))
        size = abs(case["correlation"]) + curvature * reach.prod()
        found.append(equal("$e^+$", case["correlation"] - curvature * theta[:, 1].prod(), after, ROUND_OFF * size))
    return found


def layer_by_layer(draw: Draw) -> Instance:
    """Each layer moves from the new weights below it."""
    return moving(draw) | {"scheme": "layer by layer"}


def by_midpoint(draw: Draw) -> Instance:
    """A step of second order."""
    return moving(draw) | {"scheme": "midpoint"}


def prove(depth: int) -> str:
    """Multiply out the step of the derived chain."""
    for layers in range(2, depth + 1):
        chain = derive(layers, "fa").chain()
        theta, b, eta = chain.weights, chain.feedback, sp.Symbol("eta", positive=True)
        error = chain.correlation - chain.curvature * sp.Mul(*theta)
        after = [weight + eta * chain.velocity[weight] for weight in theta]
        for layer in range(layers - 1):
            own = sp.Mul(*b[layer:]) * error * sp.Mul(*theta[:layer])
            change = after[layer] ** 2 - theta[layer] ** 2 - 2 * b[layer] * (after[layer + 1] - theta[layer + 1])
            if sp.expand(change - eta**2 * own**2) != 0:
                raise Unproved(f"k_{layer + 1} at depth {layers}")
        if layers == 2:
            slope = b[0] * theta[1] + theta[0] ** 2
            factor = 1 - eta * chain.curvature * (slope + eta * b[0] * theta[0] * error)
            if sp.expand(chain.correlation - chain.curvature * sp.Mul(*after) - error * factor) != 0:
                raise Unproved("the error of two layers")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="girotti2021.discrete-identities",
    claim=(
        r"A step $\eta$ of feedback alignment adds exactly $\eta^2 (c_l e \prod_{j<l} \theta_j)^2$ to "
        r"$k_l = \theta_l^2 - 2 b_{l+1} \theta_{l+1}$, and for two layers multiplies the error by exactly "
        r"$1 - \eta \lambda (S + \eta b_2 \theta_1 e)$, $S = b_2 \theta_2 + \theta_1^2$."
    ),
    provenance="ours",
    realises=("G2",),
    hypotheses=(
        Hypothesis(
            "simultaneous",
            "all layers move from the old weights",
            lambda case: case["scheme"] != "layer by layer",
        ),
        Hypothesis("Euler", r"the step is $\eta$ times the velocity", lambda case: case["scheme"] != "midpoint"),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("simultaneous", "Layers that move one after the other: another drift.", layer_by_layer),
        Counterexample("Euler", "A midpoint step: another drift, of higher order.", by_midpoint),
    ),
    prove=prove,
    draws=Draws(50),
)
