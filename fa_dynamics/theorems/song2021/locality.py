"""What a layer is told under feedback alignment does not depend on the weights above it."""

from itertools import pairwise
from typing import Any

import numpy as np
from sympy import MatrixSymbol

from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.rules import Backpropagation, DirectFeedbackAlignment, FeedbackAlignment
from fa_dynamics.systems.activations import find_activation
from fa_dynamics.systems.losses import find_loss
from fa_dynamics.systems.network_field import Evaluation, Model, evaluate
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

FIXED = ("fa", "dfa")


def sample(draw: Draw) -> Instance:
    """Depth 2 to 5, widths 1 to 6, both rules; tanh where slopes above the layer do not enter."""
    rule, depth = draw.choice(FIXED), draw.integer(2, 5)
    layer = draw.integer(1, depth - 1)
    local = rule == "dfa" or layer == depth - 1
    return drawn(draw, rule, "tanh" if local and draw.flip() else "linear", depth, layer)


def drawn(draw: Draw, rule: str, activation: str, depth: int, layer: int) -> dict[str, Any]:
    """Weights, other weights above `layer`, feedback and the error that the output has, over decades."""
    sizes, samples = [draw.integer(1, 6) for _ in range(depth + 1)], draw.integer(1, 5)
    scale, other = draw.log_uniform(0.1, 3.0), draw.log_uniform(0.1, 10.0)
    error = draw.log_uniform(0.01, 100.0)
    pairs = list(pairwise(sizes))
    start = [draw.normals((above, below), scale) for below, above in pairs]
    changed = [weight + other * draw.normals(weight.shape) for weight in start]
    if rule == "dfa":
        feedback = [draw.normals((size, sizes[-1])) for size in sizes[1:-1]]
    else:
        feedback = [draw.normals((below, above)) for below, above in pairs[1:]] if rule == "fa" else []
    return {
        "rule": rule, "activation": activation, "layer": layer, "sizes": sizes,
        "inputs": draw.normals((samples, sizes[0])), "error": draw.normals((samples, sizes[-1]), error),
        "start": start, "changed": changed, "feedback": feedback,
    }  # fmt: skip


def signals(case: Instance, weights: list[Any]) -> Evaluation:
    """What every layer is told, with targets that give the output the error of the case."""
    sizes = tuple(int(size) for size in case["sizes"])
    flow = derive(len(sizes) - 1, case["rule"])
    fixed = dict(zip((matrix.name for matrix in flow.feedback), map(np.asarray, case["feedback"]), strict=False))
    model = Model(flow, sizes, find_activation(case["activation"]), find_loss("squared"), False, None, fixed)
    state = {f"W_{layer}": np.asarray(weight, dtype=float) for layer, weight in enumerate(weights, start=1)}
    inputs, error = np.asarray(case["inputs"], dtype=float), np.asarray(case["error"], dtype=float)
    outputs = evaluate(model, state, inputs, np.zeros_like(error)).outputs
    return evaluate(model, state, inputs, outputs - error)


def check(case: Instance) -> Evidence:
    """delta_l before and after all weights above layer l are changed, at the same output error."""
    layer = int(case["layer"])
    new = [*case["start"][:layer], *case["changed"][layer:]]
    before, after = signals(case, case["start"]), signals(case, new)
    ours, other = before.signals[layer - 1], after.signals[layer - 1]
    # The output error is a difference of outputs and targets: its round-off is that of the outputs, sent back.
    sent = float(np.prod([1 + np.linalg.norm(np.asarray(matrix)) for matrix in case["feedback"]]))
    size = max(float(np.abs(each.outputs).max()) for each in (before, after)) + float(np.abs(case["error"]).max())
    doubt = ROUND_OFF * size * sent
    return equal(r"$\delta_l$ before and after a change above", ours, other, doubt, scale=sent * size)


def prove(depth: int) -> str:
    """No weight above layer l stands in what takes the output error back to it; under backpropagation all do."""
    for layers in range(2, depth + 1):
        for rule in (FeedbackAlignment(), DirectFeedbackAlignment(), Backpropagation()):
            flow = derive(layers, rule)
            for layer in range(1, layers):
                back = rule.backward(flow.network, layer)
                above = set(flow.network.weights[layer:])
                found = above & back.atoms(MatrixSymbol)
                expected = above if isinstance(rule, Backpropagation) else set()
                if found != expected:
                    raise Unproved(f"{rule.name}, layer {layer} of {layers}: {sorted(map(str, found))} in {back}")
    return f"L <= {depth}"


def backprop(draw: Draw) -> Instance:
    """Backpropagation, or signs of the weights."""
    depth = draw.integer(2, 5)
    return drawn(draw, draw.choice(("bp", "sign")), "linear", depth, draw.integer(1, depth - 1))


def curved(draw: Draw) -> Instance:
    """Feedback alignment through a hidden layer of tanh."""
    depth = draw.integer(3, 5)
    return drawn(draw, "fa", "tanh", depth, draw.integer(1, depth - 2))


def _slopes(case: Instance) -> bool:
    last = case["layer"] == len(case["sizes"]) - 2
    return bool(case["activation"] == "linear" or case["rule"] == "dfa" or last)


STATEMENT = Statement(
    id="song2021.locality",
    claim=(
        r"At a fixed output error $\delta_L$ the signal of layer $l$, $\delta_l = C_l\delta_L$ in linear networks, "
        r"does not change with any $W_j$, $j > l$, under feedback alignment and direct feedback alignment: its "
        r"Jacobian is 0. Under backpropagation it changes with all of them."
    ),
    provenance="ours",
    realises=("S1", "S2", "R1"),
    hypotheses=(
        Hypothesis("fixed feedback", "the feedback is $B_l$ or $D_l$", lambda case: case["rule"] in FIXED),
        Hypothesis("slopes", "hidden units above $l$ are linear, or the error comes directly", _slopes),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("fixed feedback", "Backpropagation and signs: the weights themselves go back.", backprop),
        Counterexample("slopes", r"$\delta_{l+1}$ has the slopes $\varphi'(z_{l+1})$ of downstream fields.", curved),
    ),
    prove=prove,
    draws=Draws(default=40),
    note=(
        r"Weights are changed by finite amounts, which says more than a Jacobian. In nonlinear networks feedback "
        r"alignment through two or more hidden layers needs slopes downstream; direct feedback alignment does not."
    ),
)
