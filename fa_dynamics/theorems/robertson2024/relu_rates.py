"""Two layers of rectifiers with one output: a start from which the loss falls at a known rate at least."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fa_dynamics.systems.network_field import evaluate
from fa_dynamics.systems.network_iterate import iterate_network
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
    at_least,
    at_most,
)
from fa_dynamics.theorems.robertson2024 import _networks as networks
from fa_dynamics.theorems.robertson2024._networks import Array

SEGMENTS, STEPS = 6, 25
"""A run is cut into segments with a step of their own, which grows as learning slows down."""

SHARE = 0.02
"""Of the loss, and of the alignments and weights, that a step may change; half of it in the finer run."""


def sample(draw: Draw) -> Instance:
    """Half are theorem E (leaky rectifiers, separable labels), half theorem F (rectifiers, agreeing samples)."""
    return leaky(draw) if draw.flip() else rectified(draw)


def start(draw: Draw, inputs: int, neurons: int) -> dict[str, Any]:
    """First-layer weights, feedback of both signs, and what each neuron's alignment exceeds half its weights by."""
    size, excess = draw.log_uniform(0.1, 1.0), draw.log_uniform(0.05, 1.0)
    return {
        "first": draw.normals((neurons, inputs), size / np.sqrt(inputs)),
        "feedback": draw.signs(neurons) * draw.log_uniforms(neurons, 0.3, 2.0),
        "excess": excess * draw.uniforms(neurons, 0.2, 1.0),
        "loss": draw.choice(["exponential", "logistic"]),
    }


def leaky(draw: Draw) -> dict[str, Any]:
    """Samples on their label's side of a plane, at a distance of `margin` at least."""
    inputs, neurons, count = draw.integer(1, 5), draw.integer(1, 8), draw.integer(1, 10)
    leak, margin = draw.log_uniform(0.05, 1.0), draw.log_uniform(0.1, 1.0)
    labels, normal = draw.signs(count), draw.orthogonal(inputs, 1)[:, 0]
    samples = draw.normals((count, inputs))
    depth = margin + np.abs(samples @ normal)
    samples = samples + np.outer(labels * depth - samples @ normal, normal)
    case = {"kind": "leaky", "leak": leak, "normal": normal, "inputs": samples, "labels": labels}
    return case | start(draw, inputs, neurons)


def rectified(draw: Draw) -> dict[str, Any]:
    """Samples that agree, y_i y_j x_i . x_j >= 0, each seen at the start by a neuron whose feedback has its sign."""
    while True:
        inputs, neurons, count = draw.integer(1, 5), draw.integer(2, 10), draw.integer(1, 10)
        labels = draw.signs(count)
        samples = labels[:, None] * np.abs(draw.normals((count, inputs)))
        case = {"kind": "rectified", "leak": 0.0, "inputs": samples, "labels": labels} | start(draw, inputs, neurons)
        if seen_by(case).min() >= 1 and np.linalg.norm(samples, axis=1).min() > 0.05:
            return case


def fields(case: Instance) -> Array:
    """w_k(0) . x_i, (samples, neurons)."""
    return np.asarray(np.asarray(case["inputs"], dtype=float) @ np.asarray(case["first"], dtype=float).T)


def watched(case: Instance) -> Array:
    """Which neuron is active on which sample at the start with feedback of the sign of its label."""
    agree = np.outer(np.asarray(case["labels"]), np.asarray(case["feedback"])) > 0
    return np.asarray(agree & (fields(case) > 0))


def seen_by(case: Instance) -> Array:
    """N_a of every sample."""
    return np.asarray(watched(case).sum(axis=1))


def second(case: Instance) -> Array:
    """v_i(0) = (1/2 |w_i(0)|^2 + epsilon_i) / b_i."""
    halves = (np.asarray(case["first"], dtype=float) ** 2).sum(axis=1) / 2
    return np.asarray((halves + np.asarray(case["excess"])) / np.asarray(case["feedback"]))


def loss_at_start(case: Instance) -> float:
    """Mean loss at t = 0."""
    z = fields(case)
    outputs = np.where(z > 0, z, case["leak"] * z) @ second(case)
    margins = np.asarray(case["labels"]) * outputs
    each = np.exp(-margins) if case["loss"] == "exponential" else np.logaddexp(0.0, -margins)
    return float(each.mean())


def rate(case: Instance, lost: Array | float = 0.0) -> Array:
    """kappa, with what every epsilon_i has lost to finite steps: (..., neurons) in, (...) out."""
    excess, samples = np.asarray(case["excess"], dtype=float) - lost, np.asarray(case["inputs"], dtype=float)
    count, first = len(samples), loss_at_start(case)
    if case["kind"] == "leaky":
        margin = float((np.asarray(case["labels"]) * (samples @ np.asarray(case["normal"]))).min())
        kappa = case["leak"] ** 2 * margin**2 * excess.sum(axis=-1)
    else:
        kappa = seen_by(case).min() * excess.min(axis=-1) * (samples**2).sum(axis=1).min() / count
    share = 1.0 if case["loss"] == "exponential" else -math.expm1(-count * first) / (count * first)
    return np.asarray(kappa * share**2)


@dataclass(frozen=True, eq=False)
class Followed:
    """States at the ends of segments: times and losses (time,), slopes of the loss and their round-off (time,),
    v_i b_i and what finite steps took from it (time, neurons), fields of hidden units (time, samples, neurons)."""

    t: Array
    loss: Array
    slope: Array
    rounding: Array
    aligned: Array
    lost: Array
    fields: Array


def follow(case: Instance, sizes: list[float] | None = None) -> tuple[Followed, list[float]]:
    """Steps of the package: of the given sizes, halved, or of sizes that it finds, which come back."""
    inputs, labels = (np.asarray(case[key], dtype=float) for key in ("inputs", "labels"))
    task, back = Task.from_arrays(inputs, labels[:, None]), np.asarray(case["feedback"], dtype=float)
    activation = f"leaky-relu:{case['leak']!r}" if case["kind"] == "leaky" else "relu"
    shape = {"sizes": [inputs.shape[1], len(back), 1], "feedback": [back[:, None]], "loss": case["loss"]}
    models = [networks.model_of(shape, activation, rule) for rule in ("fa", "bp")]
    weights, lost, now = [np.asarray(case["first"], dtype=float), second(case)[None]], np.zeros(len(back)), 0.0
    rows: list[tuple[Any, ...]] = []
    found: list[float] = []
    for segment in range(SEGMENTS + 1):
        state = {"W_1": weights[0], "W_2": weights[1]}
        own, true = (evaluate(model, state, inputs, labels[:, None]) for model in models)
        parts = [own.gradient(layer) * true.gradient(layer) for layer in (1, 2)]
        slope, size = -sum(part.sum() for part in parts), sum(np.abs(part).sum() for part in parts)
        loss = models[0].loss.value(own.outputs, labels[:, None])
        rows.append((now, loss, slope, ROUND_OFF * size, weights[1][0] * back, lost, own.fields[0]))
        steepest = loss * (inputs**2).sum(axis=1).max() * (np.abs(weights[1][0] * back).sum() + (weights[0] ** 2).sum())
        first = np.linalg.norm(own.gradient(1), axis=1).max() / np.sqrt(np.abs(case["excess"]).min())
        found.append(SHARE / float(max(first, np.abs(own.gradient(2) / weights[1]).max(), steepest)))
        if segment == SEGMENTS:
            break
        run = iterate_network(
            task,
            len(back),
            activation,
            "fa",
            case["loss"],
            weights,
            [back[:, None]],
            step_size=found[-1] if sizes is None else sizes[segment] / 2,
            n_steps=STEPS if sizes is None else 2 * STEPS,
            records=2,
            progress=False,
        )
        assert run.explained_drift is not None
        weights, lost, now = [w[-1] for w in run.weights], lost + run.explained_drift[0][-1], now + float(run.t[-1])
    return Followed(*(np.array(column) for column in zip(*rows, strict=True))), found


def check(case: Instance) -> list[Evidence]:
    """The loss beside its bound, its slope, what keeps the signs of v_i, and the fields that stay active."""
    rough, sizes = follow(case)
    run, _ = follow(case, sizes)
    t, loss = run.t, run.loss
    # Of first order: the error of the finer run is its distance to the coarser one. Twice that, since there are kinks.
    error = 2 * np.maximum.accumulate(np.abs(loss - rough.loss)) + ROUND_OFF * loss[0]
    rounded = 10 * ROUND_OFF * float(np.abs(run.aligned).max())
    evidence = [
        at_most("loss", loss, loss[0] / (1 + rate(case) * loss[0] * t), error, over=t),
        at_most("slope of the loss", run.slope, -rate(case, run.lost) * loss**2, run.rounding, over=t),
        at_least("$v_i b_i$", run.aligned, np.asarray(case["excess"]) - run.lost, rounded, over=t),
        at_least("signs of $v_i$ kept", run.aligned * np.sign(run.aligned[0]), 0.0, rounded),
    ]
    if case["kind"] == "rectified":
        seen = watched(case)
        grown = run.fields[:, seen] - run.fields[0, seen]
        fine = 10 * ROUND_OFF * float(np.abs(run.fields).max())
        evidence.append(at_least("growth of the fields that were active", grown, 0.0, fine, over=t, scale=1e-3))
    return evidence


def opposed(draw: Draw) -> Instance:
    """Alignments below zero, so that the second layer has the wrong signs."""
    case = dict(leaky(draw))
    return case | {"excess": -np.abs(draw.uniforms(len(case["excess"]), 1.0, 2.0)), "loss": "exponential"}


def contradictory(draw: Draw) -> Instance:
    """Every sample twice, with both labels."""
    case = dict(leaky(draw))
    samples, labels = np.asarray(case["inputs"]), np.asarray(case["labels"])
    return case | {
        "inputs": np.concatenate([samples, samples]),
        "labels": np.concatenate([labels, -labels]),
        "loss": "exponential",
    }


def separable(case: Instance) -> bool:
    """E: all samples on their side of the plane; F: they agree pairwise, and each is seen by a neuron of its sign."""
    samples, labels = np.asarray(case["inputs"], dtype=float), np.asarray(case["labels"], dtype=float)
    if case["kind"] == "leaky":
        return bool((labels * (samples @ np.asarray(case["normal"])) > 0).all())
    signed = labels[:, None] * samples
    return bool((signed @ signed.T >= 0).all() and seen_by(case).min() >= 1)


STATEMENT = Statement(
    id="robertson2024.relu-rates",
    claim=(
        r"Two layers, one output, labels $\pm 1$, exponential loss, start $v_i b_i = \frac12 |w_i|^2 + \epsilon_i$, "
        r"$\epsilon_i > 0$: under feedback alignment no $v_i$ changes its sign, the loss never grows, and "
        r"$\ell \le \ell_0 / (1 + \kappa \ell_0 t)$; with leaky rectifiers of slope $\alpha$ and margin $m$, "
        r"$\kappa = \alpha^2 m^2 \sum_i \epsilon_i$; with rectifiers, if $y_i y_j x_i \cdot x_j \ge 0$ and each sample "
        r"is active at $N_a$ neurons with $b_k y_i > 0$, which stay active, "
        r"$\kappa = N_a \min \epsilon_k \min |x_i|^2 / N$. Logistic loss: $\kappa c^2$, "
        r"$c = (1 - e^{-N \ell_0}) / (N \ell_0)$."
    ),
    provenance="abstract",
    realises=("R5",),
    hypotheses=(
        Hypothesis("dominance", r"$\epsilon_i > 0$", lambda case: bool((np.asarray(case["excess"]) > 0).all())),
        Hypothesis("separable", "leaky: a margin; rectifiers: samples agree and are seen", separable),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("dominance", "Second weights of the wrong sign: the loss rises, and signs change.", opposed),
        Counterexample("separable", "Samples with both labels: the loss stays above zero.", contradictory),
    ),
    draws=Draws(default=10),
    note=(
        "Velocities jump at kinks, along which the flow may slide: it is followed by finite steps and by half of them, "
        "and what they take from $\\epsilon_i$, half of the squared steps, is counted exactly. The rate is checked at "
        "every recorded state as $-\\dot\\ell \\ge \\kappa \\ell^2$ too, up to round-off; the bound itself is loose by "
        "one or two orders of magnitude."
    ),
)
