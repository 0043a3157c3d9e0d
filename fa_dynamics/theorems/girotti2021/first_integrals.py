"""Feedback alignment conserves one number per pair of neighbouring layers of a mode."""

import numpy as np

from fa_dynamics.derive import derive
from fa_dynamics.derive.conservation import rate_of_change
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.tasks import Task
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
)
from fa_dynamics.theorems.girotti2021 import _chains as chains


def sample(draw: Draw) -> Instance:
    """Depth 2..4, any signs, feedback of zero too, over times in which the chain is on its way."""
    case = chains.draw_chain(draw)
    dead = draw.uniforms(len(case["feedback"])) < 0.1
    case["feedback"] = np.where(dead, 0.0, case["feedback"])
    return case | {"decay": 0.0, "step": 0.0, "end": draw.log_uniform(0.03, 10.0) * chains.natural_time(case)}


def with_decay(draw: Draw) -> Instance:
    """Weights that also decay."""
    case = dict(sample(draw))
    return case | {"decay": draw.log_uniform(0.1, 10.0) / case["end"]}


def with_steps(draw: Draw) -> Instance:
    """Finite steps instead of the flow."""
    case = dict(sample(draw))
    return case | {"step": 0.01 * chains.natural_time(case)}


def check(case: Instance) -> Evidence:
    """k_l along the integrated chain, relative to the largest size of its terms."""
    t = np.linspace(0.0, case["end"], 25)
    theta, error, _, _ = chains.run(case, t, decay=case["decay"])
    k, size = chains.first_integrals(theta, case["feedback"])
    b = np.abs(np.reshape(case["feedback"], (-1, 1)))
    scale = size.max(axis=1, keepdims=True)
    unknown = (2 * np.abs(theta[:-1]) + error[:-1]) * error[:-1] + 2 * b * error[1:]
    scale = np.where(scale > 0, scale, 1.0)
    drift, known = ((k - k[:, :1]) / scale).T, (unknown / scale).T
    return equal("$k_l(t) - k_l(0)$, relative", drift[1:], 0.0, known[1:], scale=1.0, over=t[1:])


def check_steps(case: Instance) -> Evidence:
    """The same after every step of the same rule."""
    b = np.asarray(case["feedback"])
    run = iterate(
        Task.from_spectrum([case["correlation"]], [case["curvature"]]),
        [1] * len(b),
        start=[[[value]] for value in case["start"]],
        feedback=[[[value]] for value in b],
        step_size=case["step"],
        n_steps=10,
        progress=False,
    )
    k, size = chains.first_integrals(np.array(run.weights)[:, :, 0, 0], b)
    scale = np.where(size.max(axis=1) > 0, size.max(axis=1), 1.0)
    return equal("$k_l$ after steps, relative", (k - k[:, :1]).T / scale, 0.0, ROUND_OFF * len(run.t), scale=1.0)


def prove(depth: int) -> str:
    """The derivative along the derived flow, as words of matrices of any size, and along the derived chain."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa")
        network, chain = flow.network, flow.chain()
        for layer in range(1, layers):
            below, alignment = network.W(layer), network.B(layer + 1) * network.W(layer + 1)
            if left := rate_of_change(flow, below * below.T - alignment - alignment.T):
                raise Unproved(f"dQ_{layer}/dt at L = {layers} is {left}")
            k = chain.weights[layer - 1] ** 2 - 2 * chain.feedback[layer - 1] * chain.weights[layer]
            rate = sum(k.diff(weight) * moving for weight, moving in chain.velocity.items())
            if rate.expand() != 0:
                raise Unproved(f"dk_{layer}/dt at L = {layers} is {rate.expand()}")
    return f"L <= {depth}, at all widths"


STATEMENT = Statement(
    id="girotti2021.first-integrals",
    claim=(
        r"Along the feedback-alignment flow every mode conserves $k_l = \theta_l^2 - 2 b_{l+1} \theta_{l+1}$, "
        r"$l < L$, for feedback and weights of any signs, zero included."
    ),
    provenance="ours",
    realises=("G1",),
    hypotheses=(
        Hypothesis("no decay", r"$\rho = 0$", lambda case: case["decay"] == 0),
        Hypothesis("continuous time", "the flow, no finite step", lambda case: case["step"] == 0),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("no decay", r"With $\rho > 0$ every $k_l$ drifts.", with_decay),
        Counterexample(
            "continuous time", r"A step adds $\eta^2 (c_l e \prod_{j<l} \theta_j)^2$.", with_steps, check_steps
        ),
    ),
    prove=prove,
    draws=Draws(25),
    note=r"The proof is that of the matrix law $Q_l = W_l W_l^\top - B_{l+1} W_{l+1} - W_{l+1}^\top B_{l+1}^\top$ too.",
)
