"""What finite steps, minibatches and heavy ball do to the conservation law: a drift in one direction, known exactly."""

from typing import Any

import numpy as np

from fa_dynamics.derive import words as w
from fa_dynamics.derive.finite_step import step_drift, velocity_symbol
from fa_dynamics.derive.flow import derive
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
    Unproved,
    at_least,
    at_most,
    equal,
    is_true,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

PORTIONS = (1, 2)
"""Into how many shorter ones a step is cut."""

PER_STEP = 8 * float(np.finfo(float).eps)
"""Round-off of one step."""

FIXED_POINT = 80
"""Rounds for the equation of an implicit step, each of which gains a digit at least."""


def sample(draw: Draw) -> Instance:
    """Any linear network; single samples, minibatches and all samples; heavy ball up to 0.95; 1 to 60 steps."""
    momentum = 0.0 if draw.flip() else draw.uniform(0.05, 0.95)
    batch, steps, share = draw.choice(["all", "some", "one"]), draw.integer(1, 60), draw.log_uniform(0.03, 1.0)
    case = dict(linear.network(draw))
    samples = len(case["inputs"])
    size = {"all": None, "some": max(1, samples // 2), "one": 1}[batch]
    step = share * (1 - momentum) / linear.speed(case)
    if size is not None:  # the largest sample may drive a step as hard as all of them
        step /= samples
    case |= {"rule": "fa", "scheme": "heavy ball", "momentum": momentum, "batch": size, "seed": draw.seed()}
    return case | {"step": step, "steps": steps, "decay": None}


def iterated(case: Instance, cut: int = 1) -> Trajectory:
    """The package's steps, all recorded."""
    return iterate(
        linear.task_of(case),
        list(case["sizes"][1:-1]),
        case["rule"],
        linear.matrices(case["start"]),
        linear.matrices(case["feedback"]) or None,
        step_size=case["step"] / cut,
        n_steps=case["steps"] * cut,
        momentum=case["momentum"],
        batch_size=case["batch"],
        record=np.arange(case["steps"] * cut + 1),
        seed=int(case["seed"]),
        progress=False,
    )


def other_scheme(case: Instance) -> list[Array]:
    """Weights after every step, (steps + 1, rows, columns): layers one after the other, or implicit midpoint."""
    weights, feedback, step = linear.matrices(case["start"]), linear.matrices(case["feedback"]), case["step"]

    def velocity(at: list[Array]) -> list[Array]:
        return [moving.copy() for moving in linear.velocities("fa", case, at, feedback)]

    history = [weights]
    for _ in range(case["steps"]):
        new = [weight.copy() for weight in weights]
        if case["scheme"] == "layer by layer":
            for layer in range(len(new)):
                new[layer] += step * velocity(new)[layer]
        else:
            for _ in range(FIXED_POINT):
                middle = [(one + other) / 2 for one, other in zip(weights, new, strict=True)]
                new = [one + step * moving for one, moving in zip(weights, velocity(middle), strict=True)]
        weights = new
        history.append(weights)
    return [np.array(layer) for layer in zip(*history, strict=True)]


def weights_of_steps(steps: int, momentum: float) -> Array:
    """How much D_k D_k^T counts after K steps: 1 + 2 (m + m^2 + .. + m^(K-k)), k = 1..K."""
    powers = momentum ** np.arange(1.0, steps + 1)
    return np.append(1.0, 1.0 + 2 * np.cumsum(powers)[: steps - 1])[::-1][:steps]


def laws(lower: Array, upper: Array, back: Array) -> Array:
    """Q_l = W_l W_l^T - B_{l+1} W_{l+1} - (.)^T after every step."""
    product = back @ upper
    return lower @ linear.transposed(lower) - product - linear.transposed(product)


def check(case: Instance) -> list[Evidence]:
    """Q_l at the end beside the sum over steps, its sign, the package's account, and half of the step."""
    own = case["scheme"] == "heavy ball" and case["rule"] == "fa"
    run = iterated(case) if case["scheme"] == "heavy ball" else None
    history = list(run.weights) if run is not None else other_scheme(case)
    steps, found = case["steps"], []
    counts = weights_of_steps(steps, case["momentum"])[:, None, None]
    backs = linear.matrices(case["feedback"]) or [w.T for w in linear.matrices(case["start"])[1:]]
    for layer, (lower, upper, back) in enumerate(zip(history[:-1], history[1:], backs, strict=True), start=1):
        if case["rule"] == "bp":
            law = lower @ linear.transposed(lower) - linear.transposed(upper) @ upper
        else:
            law = laws(lower, upper, back)
        moved = np.diff(lower, axis=0)
        added = (counts * (moved @ linear.transposed(moved))).sum(axis=0)
        drift = law[-1] - law[0]
        longest, above = (float(np.linalg.norm(layers, axis=(1, 2)).max()) for layers in (lower, upper))
        size = longest**2 + 2 * above * max(float(np.linalg.norm(back)), above)
        # Every step rounds the weights, and a step read off as a difference carries that as well.
        read = float(np.linalg.norm(moved, axis=(1, 2)) @ counts.ravel()) * longest
        rounding = (ROUND_OFF + PER_STEP * steps) * size + PER_STEP * read
        scale = max(float(np.linalg.norm(added)), 1e-6 * size)
        found += [
            equal(f"$Q_{layer}(K) - Q_{layer}(0)$ and its sum over steps", drift, added, rounding, scale=scale),
            at_least(f"eigenvalues of the drift of $Q_{layer}$", np.linalg.eigvalsh(drift), 0.0, rounding, scale=scale),
        ]
        if run is not None and own and f"Q_{layer}" not in run.explained_drift:
            found.append(is_true(f"the package accounts for $Q_{layer}$", False))
        elif run is not None and own:
            size_of_law = max(1.0, float(np.linalg.norm(law[0])))
            booked = run.explained_drift[f"Q_{layer}"][-1] * size_of_law
            what = f"what the package explains of $Q_{layer}$"
            found.append(equal(what, booked, np.linalg.norm(drift), rounding * len(drift), scale=scale))
            rest = run.unexplained_drift[f"Q_{layer}"][-1] * size_of_law
            found.append(
                at_most(f"what it leaves unexplained of $Q_{layer}$", rest, 0.0, rounding * len(drift), scale=scale)
            )
    if own and case["batch"] is None and not case["momentum"]:
        whole, halved = (added_up(case, cut) for cut in PORTIONS)
        found.append(at_most("total drift at half the step", halved, 0.75 * whole, ROUND_OFF * whole))
    return found


def added_up(case: Instance, cut: int) -> float:
    """Sum over steps and hidden layers of eta^2 |G_l|^2, the trace of the drift."""
    return float(sum((np.diff(weight, axis=0) ** 2).sum() for weight in iterated(case, cut).weights[:-1]))


def large(draw: Draw) -> dict[str, Any]:
    """Weights of order one, few steps of a tenth of the fastest time, all samples, no momentum."""
    case = linear.of_order_one(draw, linear.network(draw, ((3, 4, 2), (3, 3, 5, 2))))
    case |= {"rule": "fa", "scheme": "heavy ball", "momentum": 0.0, "batch": None, "seed": 0, "decay": None}
    return case | {"step": 0.1 / linear.speed(case), "steps": 3}


def one_after_the_other(draw: Draw) -> Instance:
    """Each layer moves from the new weights below it."""
    return large(draw) | {"scheme": "layer by layer"}


def implicit(draw: Draw) -> Instance:
    """The implicit midpoint rule, which conserves Q_l."""
    return large(draw) | {"scheme": "midpoint"}


def backpropagation(draw: Draw) -> Instance:
    """Balancedness under gradient descent."""
    return large(draw) | {"rule": "bp", "feedback": []}


def prove(depth: int) -> str:
    """The exact change in one step, for any error signal; heavy ball follows by recursion."""
    for layers in range(2, depth + 1):
        for rule in ("fa", "bp"):
            flow = derive(layers, rule)
            for law in flow.invariants():
                own = velocity_symbol(flow.network.W(law.layer))
                expected = w.expand(own * own.T)
                if rule == "bp":
                    above = velocity_symbol(flow.network.W(law.layer + 1))
                    expected = w.subtract(expected, w.expand(above.T * above))
                elif law.expression.shape != (flow.network.n(law.layer),) * 2:
                    continue
                if w.subtract(w.expand(step_drift(flow, law).quadratic), expected):
                    raise Unproved(f"{law.name} under {rule} at depth {layers}")
    return f"L <= {depth}, any data and output error; heavy ball from this by induction"


STATEMENT = Statement(
    id="robertson2024.discrete-drift",
    claim=(
        r"In steps $W_l^+ = W_l + \eta G_l$ of feedback alignment, with the $G_l$ of any minibatch, "
        r"$Q_l^+ - Q_l = \eta^2 G_l G_l^\top$ exactly; with momentum $m$ from rest, "
        r"$Q_l(K) - Q_l(0) = \sum_k D_k D_k^\top [1 + 2(m + \dots + m^{K-k})]$ with the steps $D_k$. The drift is "
        r"positive semidefinite; without momentum, from all samples, it is $O(\eta)$ in a given time."
    ),
    provenance="ours",
    realises=("R4",),
    hypotheses=(
        Hypothesis("simultaneous", "all layers move at once", lambda case: case["scheme"] != "layer by layer"),
        Hypothesis("explicit", "the velocity is that of the old weights", lambda case: case["scheme"] != "midpoint"),
        Hypothesis("fixed feedback", "feedback alignment", lambda case: case["rule"] == "fa"),
        Hypothesis("no decay", r"$\rho_l = 0$", lambda case: case["decay"] is None),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("simultaneous", "Layers one after the other: another drift.", one_after_the_other),
        Counterexample("explicit", "The implicit midpoint rule has no drift.", implicit),
        Counterexample("fixed feedback", "Backpropagation: the drift of balancedness is indefinite.", backpropagation),
    ),
    prove=prove,
    draws=Draws(default=16),
    note=(
        "The sum over heavy-ball steps is the discrete form of "
        "$\\frac{2}{\\mu} \\int (1 - e^{-\\mu (T - t)}) \\dot W \\dot W^\\top dt$."
    ),
)
