"""Why feedback alignment has conservation laws: what a neuron takes in equals what it gives out, at every step."""

from typing import Any, cast

import numpy as np
import sympy as sp

from fa_dynamics.derive.conservation import pointwise_defect
from fa_dynamics.derive.flow import derive
from fa_dynamics.systems.activations import Activation, find_activation
from fa_dynamics.systems.losses import Loss
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
from fa_dynamics.theorems.robertson2024 import _networks as networks
from fa_dynamics.theorems.robertson2024._networks import Array

LOSSES = ("squared", "signal", "softmax")
STEP = 1e-30
"""Of a complex-step derivative."""


def sample(draw: Draw) -> Instance:
    """Any homogeneous activation beside any other, any loss and no loss, minibatches, weights over a decade."""
    activation, other = draw.choice(list(networks.DEGREES)), draw.choice(networks.SMOOTH)
    rule, loss = draw.choice(["fa", "bp", "kp"]), draw.choice(LOSSES)
    case = dict(networks.network(draw))
    if loss == "softmax" and case["sizes"][-1] == 1:
        loss = "signal"
    if loss == "softmax":
        classes = case["sizes"][-1]
        case["targets"] = np.eye(classes)[[draw.integer(0, classes - 1) for _ in case["inputs"]]]
    count = len(case["inputs"])
    batch = list(range(count))[draw.integer(0, count - 1) :]
    return {**case, "activation": activation, "other": other, "rule": rule, "loss": loss, "batch": batch}


def seen(case: Instance, activation: str) -> tuple[Model, Evaluation, list[Array]]:
    """One evaluation of a minibatch, and what stands in the place of W_2^T..W_L^T."""
    model, state = networks.model_of(case, activation, case["rule"]), networks.state_of(case)
    rows = np.asarray(case["batch"], dtype=int)
    inputs, targets = (np.asarray(case[key], dtype=float)[rows] for key in ("inputs", "targets"))
    if case["rule"] == "kp":  # its feedback moves, and is part of the state
        state |= {f"B_{layer}": back for layer, back in enumerate(networks.matrices(case["feedback"]), start=2)}
    weights = networks.matrices(case["start"])
    back = networks.matrices(case["feedback"])
    if case["rule"] == "bp":
        back = [weight.T for weight in weights[1:]]
    elif case["rule"] == "dfa":
        above = [*back[1:], np.eye(len(weights[-1]))]
        back = [matrix @ np.linalg.pinv(upper) for matrix, upper in zip(back, above, strict=True)]
    return model, evaluate(model, state, inputs, targets), back


def slope_of(activation: str, z: Array) -> Array:
    """phi'(z) by a complex step, so that the slope of the package is no witness for itself."""
    return np.asarray(find_activation(activation).value(cast(Array, z + 1j * STEP)).imag / STEP)


def terms(case: Instance, activation: str, layer: int) -> tuple[Array, Array, float, Evaluation]:
    """G_l W_l^T and B_{l+1} G_{l+1} of one hidden layer, the size of their terms, and the evaluation."""
    _, found, back = seen(case, activation)
    weight = networks.matrices(case["start"])[layer - 1]
    taken = found.gradient(layer) @ weight.T
    given = back[layer - 1] @ found.gradient(layer + 1)
    sizes = [
        np.abs(found.gradient(layer)) @ np.abs(weight).T,
        np.abs(back[layer - 1]) @ np.abs(found.gradient(layer + 1)),
    ]
    received = np.abs(found.received[layer - 1]).max() * (1 + np.abs(found.fields[layer - 1]).max()) ** 2
    return taken, given, float(max(part.max() for part in sizes) + received), found


def check(case: Instance) -> list[Evidence]:
    """The identity of every neuron with its degree; of linear networks as a matrix; and the defect of other units."""
    evidence = []
    degree = networks.DEGREES.get(case["activation"], 1.0)
    for layer in range(1, len(case["sizes"]) - 1):
        taken, given, size, _ = terms(case, case["activation"], layer)
        left, right = (taken, given) if case["activation"] == "linear" else (np.diag(taken), degree * np.diag(given))
        what = f"both sides, {case['activation']}, layer {layer}"
        evidence.append(equal(what, left, right, ROUND_OFF * size, scale=size or 1.0))
        taken, given, size, found = terms(case, case["other"], layer)
        z, received = found.fields[layer - 1], found.received[layer - 1]
        slope = slope_of(case["other"], z)
        defect = (received * (z * slope - find_activation(case["other"]).value(z))).mean(axis=0)
        what = f"defect, {case['other']}, layer {layer}"
        evidence.append(equal(what, np.diag(taken - given), defect, ROUND_OFF * size, scale=size))
    return evidence


def not_homogeneous(draw: Draw) -> Instance:
    """tanh where a homogeneous activation should be."""
    case = dict(sample(draw))
    return case | {"start": [draw.normals(matrix.shape) for matrix in case["start"]], "activation": "tanh"}


def direct(draw: Draw) -> Instance:
    """Direct feedback to rectifiers, three layers; the feedback of layer l in terms of that above is D_l D_{l+1}^+."""
    case = dict(sample(draw)) | networks.network(draw, ((3, 4, 5, 2), (4, 3, 3, 1)))
    sizes = case["sizes"]
    case |= {"feedback": [draw.normals((width, sizes[-1])) for width in sizes[1:-1]], "batch": [0], "loss": "squared"}
    return case | {"activation": "relu", "rule": "dfa"}


def prove(depth: int) -> str:
    """Let the package evaluate a network whose weights and activation are symbols; linear networks of any width."""
    for layers in range(2, depth + 1):
        for rule in ("fa", "bp", "kp"):
            for layer in range(1, layers):
                if pointwise_defect(derive(layers, rule), layer):
                    raise Unproved(f"linear networks under {rule}, layer {layer} of {layers}")
        _prove_homogeneous(layers)
    return f"L <= {depth}; linear networks of any width, homogeneous activations at width 2"


def _prove_homogeneous(depth: int) -> None:
    """phi(z) is a new symbol f for every field, phi'(z) = nu f / z; one sample, since all is a mean over samples."""
    nu = sp.Symbol("nu", positive=True)
    values: dict[Any, Any] = {}

    def value(z: Any) -> Any:
        for field in z.ravel():
            values.setdefault(field, sp.Symbol(f"f_{len(values)}"))
        return np.array([values[field] for field in z.ravel()], dtype=np.object_).reshape(z.shape)

    def slope(z: Any) -> Any:
        return np.array([nu * values[field] / field for field in z.ravel()], dtype=np.object_).reshape(z.shape)

    def matrix(name: str, rows: int, columns: int) -> Any:
        return np.array([[sp.Symbol(f"{name}_{i}{j}") for j in range(columns)] for i in range(rows)], dtype=np.object_)

    flow = derive(depth, "fa")
    phi = Activation("homogeneous", value, slope, 1.0)
    loss = Loss("any", lambda outputs, targets: targets[:, 0], lambda outputs, targets: targets, lambda targets: None)
    fixed = {f"B_{layer}": matrix(f"b{layer}", 2, 2) for layer in range(2, depth + 1)}
    model = Model(flow, (2,) * (depth + 1), phi, loss, False, None, fixed)
    state = {f"W_{layer}": matrix(f"w{layer}", 2, 2) for layer in range(1, depth + 1)}
    found = evaluate(model, state, matrix("x", 1, 2), matrix("e", 1, 2))
    for layer in range(1, depth):
        taken = found.gradient(layer) @ state[f"W_{layer}"].T
        given = fixed[f"B_{layer + 1}"] @ found.gradient(layer + 1)
        for neuron in range(2):
            if sp.cancel(sp.together(taken[neuron, neuron] - nu * given[neuron, neuron])) != 0:
                raise Unproved(f"neuron {neuron + 1} of layer {layer}, depth {depth}")


STATEMENT = Statement(
    id="robertson2024.pointwise-identity",
    claim=(
        r"At every step $G_l W_l^\top = B_{l+1} G_{l+1}$ in linear networks, and "
        r"$\mathrm{diag}(G_l W_l^\top) = \nu\, \mathrm{diag}(B_{l+1} G_{l+1})$ with activations of degree $\nu$, for "
        r"any loss, minibatch and even output errors that are no gradient; other activations have the defect "
        r"$E[(B_{l+1} \delta_{l+1}) \odot (z_l \varphi'(z_l) - \varphi(z_l))]$."
    ),
    provenance="abstract",
    realises=("R3", "R4"),
    hypotheses=(
        Hypothesis("homogeneous", r"$z \varphi' = \nu \varphi$", lambda case: case["activation"] in networks.DEGREES),
        Hypothesis("layer by layer", "errors go back from layer to layer", lambda case: case["rule"] != "dfa"),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("homogeneous", "tanh has the defect of the third form.", not_homogeneous),
        Counterexample("layer by layer", "Direct feedback below the last hidden rectifiers.", direct),
    ),
    prove=prove,
    draws=Draws(default=60),
    note="One evaluation, no flow. Slopes of other activations are differentiated anew for the defect.",
)
