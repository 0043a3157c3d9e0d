"""Aligned networks, descent with its round-off, and rewriting of words: what the statements here share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import Flow
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.systems.aligned import AlignedNetwork
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.layer_spaces import full
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.tasks import Task
from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.evidence import ROUND_OFF
from fa_dynamics.theorems.statement import Instance, Unproved

Array = NDArray[np.float64]

NUDGE = 1e-8
"""Relative size of the disturbance that measures how much a run amplifies round-off."""

KEPT = 1e-9
"""Relative size of off-diagonal entries that moments may have: they are stored with 1e-15."""

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 4, 3),
    (2, 2, 2),
    (1, 3, 1),
    (3, 2, 4),
    (4, 1, 3),
    (3, 3, 3, 3),
    (2, 5, 3, 2),
    (4, 2, 3, 3),
    (3, 3, 3, 3, 3),
    (3, 2, 4, 2, 3),
)
"""n_0..n_L: depths 2 to 4, wide layers, bottlenecks, single units."""


def arrays(stored: Any) -> list[Array]:
    """Matrices of an instance, which may have come back from JSON as nested lists."""
    return [np.asarray(matrix, dtype=float) for matrix in stored]


def task_of(case: Instance) -> Task:
    """The task of the moments of an instance, its outputs without noise; or of its samples."""
    if "inputs" in case:
        return Task.from_arrays(np.asarray(case["inputs"], dtype=float), np.asarray(case["targets"], dtype=float))
    inputs, cross = arrays((case["input_moment"], case["cross_moment"]))
    outputs = cross @ np.linalg.pinv(inputs, rtol=1e-13, hermitian=True) @ cross.T
    return Task("moments", inputs, cross, (outputs + outputs.T) / 2)


def network_of(case: Instance) -> AlignedNetwork:
    """The aligned network of an instance."""
    return AlignedNetwork(tuple(arrays(case["bases"])), np.asarray(case["strengths"], dtype=float))


def draw_bases(draw: Draw, sizes: Sequence[int]) -> list[Array]:
    """U_0..U_L, uniformly distributed."""
    return [draw.orthogonal(size) for size in sizes]


def draw_strengths(draw: Draw, depth: int, modes: int) -> Array:
    """theta_{l,k} of both signs over a decade and a half."""
    return draw.log_uniforms((depth, modes), 0.1, 2.0) * draw.signs((depth, modes))


def draw_problem(draw: Draw, shapes: Sequence[tuple[int, ...]] = SHAPES) -> dict[str, Any]:
    """An aligned start on data that keep its modes apart, a step size and a number of steps.

    Curvatures over two decades and correlations of both signs, also repeated; behind a bottleneck, where the moments
    need not be diagonal, they are not. Steps from a hundredth of the stable size to three times it; then a few only,
    since they diverge.
    """
    sizes = draw.choice(shapes)
    share, count = draw.log_uniform(0.01, 3.0), draw.integer(1, 40)
    repeated = draw.flip(0.2)
    depth, modes = len(sizes) - 1, min(sizes)
    curvature, correlation = draw.log_uniforms(modes, 0.03, 3.0), draw.log_uniforms(modes, 0.03, 3.0)
    if repeated:
        curvature, correlation = np.full(modes, curvature[0]), np.full(modes, correlation[0])
    correlation = correlation * draw.signs(modes)
    strengths = draw_strengths(draw, depth, modes)
    bases = draw_bases(draw, sizes)
    inputs, cross = inactive_moments(draw, sizes, modes)
    inputs[range(modes), range(modes)], cross[range(modes), range(modes)] = curvature, correlation
    case = {
        "sizes": list(sizes),
        "bases": bases,
        "strengths": strengths,
        "curvature": curvature,
        "correlation": correlation,
        "input_moment": symmetric(bases[0] @ inputs @ bases[0].T),
        "cross_moment": bases[-1] @ cross @ bases[0].T,
    }
    return {**case, "step_size": share / sharpness(case), "n_steps": min(count, 3) if share > 1 else count}


def inactive_moments(draw: Draw, sizes: Sequence[int], modes: int) -> tuple[Array, Array]:
    """Second moments in the bases of the ends, generic where no mode of the network reads or writes."""
    rest_in, rest_out = sizes[0] - modes, sizes[-1] - modes
    inputs, cross = np.zeros((sizes[0], sizes[0])), np.zeros((sizes[-1], sizes[0]))
    if rest_in:
        root = draw.normals((rest_in, rest_in + 2))
        inputs[modes:, modes:] = root @ root.T / (rest_in + 2)
    if rest_in and rest_out:
        cross[modes:, modes:] = draw.normals((rest_out, rest_in)) @ inputs[modes:, modes:]
    return inputs, cross


def sharpness(case: Instance) -> float:
    """A rate, 1/time: the curvature of the loss where every layer is as large as its start or as its targets ask."""
    inputs, cross = arrays((case["input_moment"], case["cross_moment"]))
    start = np.abs(np.asarray(case["strengths"], dtype=float)).max(axis=1)
    depth, curvature = len(start), float(np.linalg.norm(inputs, 2))
    least = float(np.min(case["curvature"]))
    reach = np.maximum(start, (float(np.linalg.norm(cross, 2)) / least) ** (1 / depth))
    return float(curvature * sum(np.prod(np.delete(reach, layer)) ** 2 for layer in range(depth)))


def symmetric(matrix: Array) -> Array:
    """Its symmetric part, for round-off."""
    return np.asarray((matrix + matrix.T) / 2)


def descend(
    case: Instance, start: Sequence[Array], rule: RuleLike = "bp", feedback: Sequence[Array] | None = None
) -> tuple[list[Array], Array]:
    """Weights after every step of an instance, each (time, n_l, n_{l-1}), and their numerical error, (time,)."""
    task, loss, count = task_of(case), case.get("loss", "squared"), int(case["n_steps"])
    options: dict[str, Any] = {"feedback": feedback, "step_size": case["step_size"], "n_steps": count}

    def run(initial: Sequence[Array]) -> list[Array]:
        result: Any
        if loss == "squared":
            spaces = [full(*matrix.shape) for matrix in initial]
            result = iterate_constrained(task, spaces, rule, start=initial, progress=False, **options)
            weights = [result.weights(layer) for layer in range(1, len(initial) + 1)]
        else:
            kept: dict[str, Any] = {"records": count + 1, "ledger": False, "progress": False, **options}
            result = iterate_network(task, [len(each) for each in initial[:-1]], "linear", rule, loss, initial, **kept)
            weights = list(result.weights)
        if result.status != "completed":
            raise RuntimeError(f"the run ended early: {result.message}")
        return weights

    return disturbed(run, [np.asarray(matrix, dtype=float) for matrix in start])


def disturbed(run: Callable[[Sequence[Array]], list[Array]], start: Sequence[Array]) -> tuple[list[Array], Array]:
    """Weights of a run of steps, all recorded, and their numerical error in Frobenius norm, (time,).

    Round-off of every step counts with the largest growth that a disturbance of the start had by then; and, since one
    direction is only a sample of all, with the root of their number.
    """
    rng = np.random.default_rng(0)
    size = max(largest(start), 1e-3)
    directions = [rng.standard_normal(matrix.shape) for matrix in start]
    length = np.sqrt(sum(float((each**2).sum()) for each in directions))
    nudged = [matrix + NUDGE * size / length * each for matrix, each in zip(start, directions, strict=True)]
    weights, moved = run(start), run(nudged)
    apart = np.sqrt(sum(((a - b) ** 2).sum(axis=(1, 2)) for a, b in zip(weights, moved, strict=True)))
    growth = np.maximum.accumulate(apart) / (NUDGE * size) * length
    reached = np.maximum.accumulate(np.max([np.linalg.norm(each, axis=(1, 2)) for each in weights], axis=0))
    rounded = ROUND_OFF * np.maximum(reached, size) * np.arange(1, len(reached) + 1)
    return weights, rounded * np.maximum(growth, 1.0)


def largest(weights: Sequence[Array]) -> float:
    """Largest Frobenius norm of a layer."""
    return max(float(np.linalg.norm(matrix)) for matrix in weights)


def mode_entries(weights: Sequence[Array], bases: Sequence[Array], modes: int) -> Array:
    """Diagonals of U_l^T W_l U_{l-1}, (time, L, modes)."""
    turned = [above.T @ weight @ below for weight, (below, above) in zip(weights, pairwise(bases), strict=True)]
    return np.stack([np.diagonal(each, axis1=1, axis2=2)[:, :modes] for each in turned], axis=1)


def recursion(case: Instance, back: Callable[[Array], Array]) -> Array:
    """theta_l+ = theta_l + eta back_l e prod_{j<l} theta_j with e = sigma - lambda p, from the claim; (time, L, modes).

    `back` takes theta (L, modes) to what comes back to each layer, of the same shape.
    """
    theta = np.array(case["strengths"], dtype=float)
    curvature, correlation = np.asarray(case["curvature"]), np.asarray(case["correlation"])
    history = [theta]
    for _ in range(case["n_steps"]):
        below = np.cumprod(np.concatenate([np.ones((1, theta.shape[1])), theta[:-1]]), axis=0)
        theta = theta + case["step_size"] * back(theta) * (correlation - curvature * theta.prod(axis=0)) * below
        history.append(theta)
    return np.array(history)


def products_above(theta: Array) -> Array:
    """prod_{j>l} theta_j of every layer, (L, modes): what backpropagation sends back."""
    flipped = np.concatenate([np.ones((1, theta.shape[1])), theta[:0:-1]])
    return np.asarray(np.cumprod(flipped, axis=0)[::-1])


def rounding(weights: Sequence[Array]) -> float:
    """Numerical error of the alignment defect of a network: round-off over the smallest product that it looks at."""
    units = [matrix / (np.linalg.norm(matrix) or 1.0) for matrix in weights]
    smallest = 1.0
    for first in range(len(units)):
        product = np.eye(units[first].shape[1])
        for unit in units[first:]:
            product = unit @ product
            norm = float(np.linalg.norm(product))
            smallest = min(smallest, norm) if norm > 1e-12 else smallest
    return ROUND_OFF * max(map(len, units)) / smallest


def balanced(draw: Draw, sizes: Sequence[int], zetas: Sequence[float]) -> list[Array]:
    """W_1 generic, W_{l+1} with W_{l+1}^T W_{l+1} = W_l W_l^T + zeta_l I, zeta_l >= 0; n_1 <= n_2 <= .. <= n_L."""
    weights = [draw.normals((sizes[1], sizes[0]), 0.7 / np.sqrt(sizes[0]))]
    for (below, above), zeta in zip(pairwise(sizes[1:]), zetas, strict=True):
        values, vectors = np.linalg.eigh(symmetric(weights[-1] @ weights[-1].T))
        root = (vectors * np.sqrt(np.maximum(values, 0.0) + zeta)) @ vectors.T
        weights.append(draw.orthogonal(above, below) @ root)
    return weights


def reversed_network(weights: Sequence[Array]) -> list[Array]:
    """The network of transposed layers in reverse order; it is aligned if the given one is."""
    return [np.ascontiguousarray(matrix.T) for matrix in reversed(weights)]


def reduced(words: w.Words, pairs: Mapping[tuple[Any, Any], w.Words]) -> w.Words:
    """Words with neighbouring factors replaced until no such pair is left."""
    total: w.Words = {}
    for word, coefficient in words.items():
        place = next((index for index in range(len(word) - 1) if word[index : index + 2] in pairs), None)
        if place is None:
            total = w.add(total, {word: coefficient})
        else:
            before, after = {word[:place]: coefficient}, {word[place + 2 :]: 1}
            total = w.add(total, reduced(w.multiply(before, pairs[word[place : place + 2]], after), pairs))
    return total


def prove_diagonal(flow: Flow, back: Callable[[Sequence[Any], int], Any], shared_feedback: bool = False) -> None:
    """The velocity in shared bases, from the data condition of the active modes alone, is diagonal and as claimed.

    Parameters
    ----------
    flow
        Of the rule.
    back
        From (T_1..T_L), the strengths, and a layer to what the claim says comes back to it.
    shared_feedback
        Whether the rule has feedback B_l = U_{l-1} D_l U_l^T.

    Raises
    ------
    Unproved
        Something else is left over.
    """
    network, modes = flow.network, sp.Symbol("r", integer=True, positive=True)
    layers = range(1, network.depth + 1)
    bases = [MatrixSymbol(f"U_{node}", network.n(node), modes) for node in (0, *layers)]
    first, last, inputs, cross = bases[0], bases[-1], network.input_moment, network.cross_moment

    def diagonal(name: str) -> Any:
        return w.SymmetricSymbol(name, modes, modes)

    made = {network.W(j): w.expand(bases[j] * diagonal(f"T_{j}") * bases[j - 1].T) for j in layers}
    if shared_feedback:
        made |= {network.B(j): w.expand(bases[j - 1] * diagonal(f"D_{j}") * bases[j].T) for j in layers[1:]}
    curvature, correlation = diagonal("Lambda"), diagonal("S")
    pairs: dict[tuple[Any, Any], w.Words] = {(basis.T, basis): {(): sp.S.One} for basis in bases}
    pairs |= {
        (inputs, first): {(first, curvature): sp.S.One},
        (first.T, inputs): {(curvature, first.T): sp.S.One},
        (cross, first): {(last, correlation): sp.S.One},
        (last.T, cross): {(correlation, first.T): sp.S.One},
    }
    theta = [sp.Symbol(f"T_{j}") for j in layers]
    error = sp.Symbol("S") - sp.Symbol("Lambda") * sp.Mul(*theta)
    for layer in layers:
        velocity = w.expand(flow.state_velocity[network.W(layer)])
        rest = -back(theta, layer) * error * sp.Mul(*theta[: layer - 1])
        for word, coefficient in reduced(w.substitute(velocity, made), pairs).items():
            inner = word[1:-1]
            ends = word[0] == bases[layer] and word[-1] == bases[layer - 1].T
            if not (ends and all(isinstance(factor, w.SymmetricSymbol) for factor in inner)):
                raise Unproved(f"the velocity of layer {layer} of {network.depth} has {word}")
            rest += coefficient * sp.Mul(*(sp.Symbol(factor.name) for factor in inner))
        if sp.expand(rest) != 0:
            raise Unproved(f"the modes of layer {layer} of {network.depth}: {sp.expand(rest)} is left over")
