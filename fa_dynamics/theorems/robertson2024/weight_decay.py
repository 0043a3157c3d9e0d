"""Weight decay in the natural pairing shrinks the law exponentially; at rest it makes feedback and weights agree."""

import numpy as np
from scipy.optimize import root

from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import rate_of_change
from fa_dynamics.derive.flow import derive
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.theorems import (
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
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array


def sample(draw: Draw) -> Instance:
    """Any network; decay over two decades, doubled from layer to layer, and other decay for the points of rest."""
    strength = draw.log_uniform(0.03, 3.0)
    case = linear.network(draw)
    depth, rate = len(case["sizes"]) - 1, float(np.linalg.norm(linear.task_of(case).cross_moment, 2))
    return {
        **case,
        "decay": [strength / case["t_end"] * 2.0**layer for layer in range(depth)],
        "rest_decay": [rate * draw.log_uniform(0.03, 0.3) for _ in range(depth)],
        "rest_start": [draw.normals(matrix.shape) for matrix in case["start"]],
    }


def is_paired(case: Instance) -> bool:
    """rho_{l+1} = 2 rho_l, to round-off."""
    rates = np.asarray(case["decay"], dtype=float)
    return bool(np.allclose(rates[1:], 2 * rates[:-1], rtol=1e-14, atol=0.0))


def check(case: Instance) -> list[Evidence]:
    """W_l W_l^T beside B W + (.)^T + exp(-2 rho_l t) Q_l(0), and both sides of the condition at a point of rest."""
    feedback, rates = linear.matrices(case["feedback"]), case["decay"]
    gram, term = linear.law_sides([weight[None] for weight in linear.matrices(case["start"])], feedback)
    widths = [size * size for size in case["sizes"][1:-1]]
    times = np.linspace(0.0, case["t_end"], 25)
    shrink = np.repeat(np.exp(-2 * np.outer(times, rates[:-1])), widths, axis=1)
    t, sides, error = linear.measured(case, lambda run: np.stack(linear.law_sides(run.weights, feedback)), time_axis=1)
    law = equal(
        "$W_l W_l^T$ and $B W + (\\cdot)^T + e^{-2 \\rho_l t} Q_l(0)$",
        sides[0],
        sides[1] + shrink * (gram - term),
        2 * error,
        over=t,
    )
    return [law, *at_rest(case)]


def at_rest(case: Instance) -> list[Evidence]:
    """The condition at a root of the velocity; what is left of the velocity bounds the error of both sides."""
    rates, feedback = case["rest_decay"], linear.matrices(case["feedback"])
    shapes = [matrix.shape for matrix in linear.matrices(case["rest_start"])]
    ends = np.cumsum([rows * columns for rows, columns in shapes])

    def unpacked(state: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(state, ends[:-1]), shapes, strict=True)]

    def field(state: Array) -> Array:
        moved = linear.velocities("fa", case, unpacked(state), feedback, rates)
        return np.concatenate([matrix.ravel() for matrix in moved])

    run = simulate(
        linear.task_of(case),
        list(case["sizes"][1:-1]),
        "fa",
        linear.matrices(case["rest_start"]),
        feedback,
        t_end=6.0 / min(rates),
        t_eval=[6.0 / min(rates)],
        decay=rates,
        rtol=1e-6,
        atol=1e-9,
        progress=False,
    )
    first = np.concatenate([weight[-1].ravel() for weight in run.weights])
    found = root(field, first, method="hybr", tol=1e-14)
    weights, left = unpacked(found.x), unpacked(field(found.x))
    evidence = []
    for layer, back in enumerate(feedback):
        lower, upper = weights[layer], weights[layer + 1]
        one, other = rates[layer + 1] * back @ upper, rates[layer] * lower @ lower.T
        error = np.linalg.norm(left[layer]) * np.linalg.norm(lower) + np.linalg.norm(back) * np.linalg.norm(
            left[layer + 1]
        )
        error += linear.ROUNDED * (np.linalg.norm(back) * np.linalg.norm(upper) + np.linalg.norm(lower) ** 2)
        scale = max(float(np.linalg.norm(one)), float(np.linalg.norm(other))) or 1.0
        evidence.append(
            equal(f"at rest: rho B W and rho W W^T, layer {layer + 1}", one, other, float(error), scale=scale)
        )
    return evidence


def equal_decay(draw: Draw) -> Instance:
    """The same decay for all layers."""
    case = dict(sample(draw))
    rate = draw.log_uniform(0.3, 3.0) / case["t_end"]
    return {**linear.of_order_one(draw, case), "decay": [rate] * len(case["decay"])}


def prove(depth: int) -> str:
    """Pair the rates, and differentiate; then what the pointwise identity leaves where nothing moves."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa", decay=True)
        rates, network = flow.decay_rates, flow.network
        for layer in range(1, layers):
            lower, upper, back = network.W(layer), network.W(layer + 1), network.B(layer + 1)
            low, high = rates[layer - 1], rates[layer]
            law = lower * lower.T - back * upper - upper.T * back.T
            rest = w.add(rate_of_change(flow, law), w.scale(w.expand(law), 2 * low))
            paired = w.add({word: factor.subs(high, 2 * low) for word, factor in rest.items()})
            moved = w.subtract(
                w.multiply(w.expand(flow.factored[lower]), w.expand(lower.T)),
                w.multiply(w.expand(back), w.expand(flow.factored[upper])),
            )
            condition = w.subtract(w.scale(w.expand(back * upper), high), w.scale(w.expand(lower * lower.T), low))
            if paired or w.subtract(moved, condition):
                raise Unproved(f"layer {layer} of {layers}: {paired or moved}")
    return f"L <= {depth}, any data and output error"


STATEMENT = Statement(
    id="robertson2024.weight-decay",
    claim=(
        r"Under feedback alignment with decay $\rho_{l+1} = 2 \rho_l$, $Q_l(t) = e^{-2 \rho_l t} Q_l(0)$; and at any "
        r"point of rest, for any $\rho_l > 0$, $\rho_{l+1} B_{l+1} W_{l+1} = \rho_l W_l W_l^\top$, so that "
        r"$B_{l+1} W_{l+1}$ is symmetric and positive semidefinite."
    ),
    provenance="ours",
    realises=("R4", "S4"),
    hypotheses=(Hypothesis("paired decay", r"$\rho_{l+1} = 2 \rho_l$ (first part)", is_paired),),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("paired decay", "Equal decay: $Q_l$ follows an integral of $W_l W_l^T$ too.", equal_decay),
    ),
    prove=prove,
    draws=Draws(default=12),
    note="Points of rest are reached by integration, and polished by a root finder; without decay of $W_1$ none exist.",
)
