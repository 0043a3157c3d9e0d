"""With layers in a linear space, descent on orthonormal coordinates is projected descent."""

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import derive
from fa_dynamics.systems import layer_spaces
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.layer_spaces import LayerSpace
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
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]

SQUARE: tuple[dict[str, Any], ...] = (
    {"family": "zero", "image": [3, 3], "kernel": [3, 3]},
    {"family": "zero", "image": [4], "kernel": [3]},
    {"family": "zero", "image": [2, 3], "kernel": [3, 5]},
    {"family": "circular", "image": [3, 3], "kernel": [3, 3]},
    {"family": "circular", "image": [5], "kernel": [3]},
    {"family": "toeplitz", "image": [4], "kernel": []},
    {"family": "circulant", "image": [4], "kernel": []},
    {"family": "local", "image": [2, 2], "kernel": [3, 3]},
)
"""Zero padding also with kernels larger than the image."""


def sample(draw: Draw) -> Instance:
    """Convolutions, Toeplitz, circulant and locally connected layers, or any orthogonal matrices; depths 1 to 3."""
    general, raw = draw.flip(0.3), draw.flip(0.3)
    case = _general(draw) if general else dict(draw.choice(SQUARE))
    size = len(case["basis"][0]) if general else int(np.prod(case["image"]))
    return _posed(draw, case, size, "raw" if raw and one_norm(case) else "orthonormal")


def _general(draw: Draw) -> dict[str, Any]:
    """Orthogonal matrices of norms over two decades, or all of one."""
    size, equal_norms = draw.integer(2, 4), draw.flip()
    count = draw.integer(1, size**2)
    norms = np.full(count, draw.log_uniform(0.1, 10.0)) if equal_norms else draw.log_uniforms(count, 0.1, 10.0)
    return {"family": "general", "basis": (draw.orthogonal(size**2, count) * norms).T.reshape(count, size, size)}


def _posed(draw: Draw, case: dict[str, Any], size: int, metric: str) -> Instance:
    depth, samples, scale = draw.integer(1, 3), draw.integer(1, 6), draw.log_uniform(1e-3, 1.0)
    count = space_of(case).n_coefficients
    return {
        **case,
        "metric": metric,
        "inputs": draw.normals((samples, size)),
        "targets": draw.normals((samples, size)),
        "start": [draw.normals(count, 1 / np.sqrt(size)) for _ in range(depth)],
        "step_size": scale,
    }


def raw_zero_padding(draw: Draw) -> Instance:
    """Descent on raw kernels, whose entries meet the image unequally often."""
    return _posed(draw, dict(SQUARE[0]), 9, "raw")


def space_of(case: Instance) -> LayerSpace:
    """The space of all layers."""
    if case["family"] == "general":
        return layer_spaces.from_basis(np.asarray(case["basis"]))
    if case["family"] in ("toeplitz", "circulant"):
        build = layer_spaces.toeplitz if case["family"] == "toeplitz" else layer_spaces.circulant
        return build(case["image"][0])
    if case["family"] == "local":
        return layer_spaces.locally_connected(case["image"], case["kernel"])
    return layer_spaces.convolution(case["image"], case["kernel"], case["family"])


def norms_of(case: Instance) -> Array:
    """n_j as the claim counts them: how often an entry of the kernel meets the image."""
    if case["family"] == "general":
        return np.array((np.asarray(case["basis"]) ** 2).sum(axis=(1, 2)))
    size = case["image"][0]
    if case["family"] == "toeplitz":
        return np.asarray(size - np.abs(np.arange(1.0 - size, size)))
    if case["family"] == "circulant":
        return np.full(size, float(size))
    if case["family"] == "circular":
        return np.full(int(np.prod(case["kernel"])), float(np.prod(case["image"])))
    counts = np.ones(1)
    for pixels, entries in zip(case["image"], case["kernel"], strict=True):
        counts = np.outer(counts, pixels - np.abs(np.arange(entries) - entries // 2)).ravel()
    return np.ones(int(counts.sum())) if case["family"] == "local" else counts.astype(float)


def one_norm(case: Instance) -> bool:
    """Whether all n_j are equal."""
    norms = norms_of(case)
    return bool(np.ptp(norms) <= 1e-12 * norms.max())


def check(case: Instance) -> list[Evidence]:
    """Steps on coefficients beside projections of the step of all entries, plain and with weights n_j."""
    space, norms = space_of(case), norms_of(case)
    basis = np.asarray(space.basis.todense()) / np.sqrt(norms)[:, None]  # orthonormal
    theta = [np.asarray(each, dtype=float) for each in case["start"]]
    before = [np.reshape((each * np.sqrt(norms)) @ basis, space.shape) for each in theta]
    free = _step(case, [layer_spaces.full(*space.shape)] * len(theta), before, "orthonormal")
    found = [equal("squared norms $n_j$", space.norms, norms, ROUND_OFF * norms)]
    plain = np.full(len(norms), 1.0 if case["metric"] == "orthonormal" else norms.mean())
    for metric, weights, what in (
        (case["metric"], plain, "step and projected step"),
        ("orthonormal", np.ones(len(norms)), "step of orthonormal coordinates and projected step"),
        ("raw", norms, "step of raw coefficients and its weighted projection"),
    ):
        after = _step(case, [space] * len(theta), theta, metric)
        for start, moved, kept in zip(before, free, after, strict=True):
            inner = weights * (basis @ (moved - start).ravel())
            size = max(1.0, float(weights.max())) * float(max(np.abs(start).max(), np.abs(moved).max()))
            claimed = start + np.reshape(inner @ basis, space.shape)
            found.append(equal(what, kept, claimed, ROUND_OFF * len(inner) * size, scale=size))
    return found


def _step(case: Instance, spaces: list[LayerSpace], start: list[Array], metric: Any) -> list[Array]:
    """W_1..W_L after one step of the package."""
    run = iterate_constrained(
        aligned.task_of(case),
        spaces,
        start=start,
        step_size=case["step_size"],
        n_steps=1,
        metric=metric,
        progress=False,
    )
    return run.weights_at(-1)


def prove(depth: int) -> str:
    """Along any direction A of a layer the loss falls at the rate <A, V>, so its derivative by theta_j is -<A_j, V>."""
    for layers in range(1, depth + 1):
        flow = derive(layers, "bp")
        network = flow.network
        (moment,) = (part.arg for part in network.loss.atoms(sp.Trace))
        loss = w.scale(w.expand(moment), sp.Rational(1, 2))
        for weight, velocity in flow.state_velocity.items():
            direction = sp.MatrixSymbol("A", *weight.shape)
            slope = w.lie_derivative(loss, {weight: w.expand(direction)})
            rest = _traced(w.add(slope, w.expand(direction.T * velocity)))
            if rest:
                raise Unproved(f"slope of the loss along {weight} of {layers} layers: {rest}")
    return f"L <= {depth}, every space"


def _traced(words: w.Words) -> w.Words:
    """Words under a trace: those that are equal after a rotation or a transposition, added up."""
    total: w.Words = {}
    for word, coefficient in words.items():
        both = word, w.transpose_word(word)
        turned = min((each[place:] + each[:place] for each in both for place in range(len(word))), key=str)
        total = w.add(total, {turned: coefficient})
    return total


STATEMENT = Statement(
    id="radhakrishnan2020.projected-gd",
    claim=(
        r"For layers in the span of orthogonal $A_j$ with $n_j = \|A_j\|^2$, gradient descent on the coefficients is "
        r"$W^+ = W + \eta \sum_j n_j \hat A_j \langle \hat A_j, V \rangle$, $\hat A_j = A_j / \sqrt{n_j}$, and on "
        r"orthonormal coordinates it is projected descent, $W^+ = \mathrm{Proj}(W + \eta V)$, with the velocity $V$ "
        r"of free layers; both are the same but for the step size iff all $n_j$ are equal. For zero padding $n_j$ is "
        r"how often a kernel entry meets the image, 4 6 4 6 9 6 4 6 4 for 3 x 3 kernels and images."
    ),
    provenance="abstract",
    realises=("A6",),
    hypotheses=(
        Hypothesis(
            "coordinates",
            "orthonormal coordinates, or $n_j$ that are all equal",
            lambda case: case["metric"] == "orthonormal" or one_norm(case),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "coordinates", "Raw coefficients of zero-padded kernels: not the plain projection.", raw_zero_padding
        ),
    ),
    prove=prove,
    draws=Draws(40),
    note=r"The proof is of the derivative of the loss by coefficients, $-\langle A_j, V \rangle$; the rest is algebra.",
)
