"""Layers with linear constraints lose alignment on generic data, and aligned ones fit few samples."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures import end_to_end
from fa_dynamics.measures.invariance import network_alignment_defect
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
    at_least,
    at_most,
    equal,
    is_true,
)
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]

APART = 0.03
"""Relative gap of singular values that count as distinct."""

LOST = 1e-6
"""Alignment defect over the relative displacement of the layers; data at random give a hundredth and more."""

SHIFT = 1e-3
"""Of parameters, in difference quotients of fourth order."""

ISOMETRIES = 10
"""Layers of a chain of isometries; each has two angles."""

KERNELS: tuple[tuple[list[int], list[int]], ...] = (
    ([3], [3]),
    ([5], [3]),
    ([4], [5]),
    ([3, 3], [3, 3]),
    ([2, 3], [3, 3]),
)
"""Images and zero-padded kernels."""

SMALL: tuple[tuple[list[int], list[int]], ...] = (([5], [3]), ([6], [3]), ([3, 3], [3, 3]), ([5], [9]))
"""Of them, those whose aligned fits are counted; the last is every Toeplitz matrix."""


def sample(draw: Draw) -> Instance:
    """Training of identical symmetric kernels on generic samples, or the tangents of what aligned layers can be."""
    return descent(draw) if draw.flip() else count(draw)


def descent(draw: Draw) -> dict[str, Any]:
    """Depths 2 to 4, any number of samples; every layer is the same symmetric matrix, which is an aligned start."""
    (image, kernel), depth = draw.choice(KERNELS), draw.integer(2, 4)
    pixels, samples, scale = int(np.prod(image)), draw.integer(2, 8), draw.log_uniform(0.3, 1.0)
    while True:
        raw = draw.normals(int(np.prod(kernel)))
        case = {"kind": "descent", "family": "zero", "image": image, "kernel": kernel, "depth": depth}
        case |= {"inputs": draw.normals((samples, pixels)), "targets": draw.normals((samples, pixels))}
        matrix = space_of(case).matrix(raw + raw[::-1])
        case["start"] = scale * (raw + raw[::-1]) / np.linalg.norm(matrix, 2)
        if gap(scale * matrix) > APART:
            return case


def count(draw: Draw) -> dict[str, Any]:
    """First and last layer at random in a space, and as many samples as an aligned fit does not reach."""
    general = draw.flip()
    image, kernel = draw.choice(SMALL)
    case: dict[str, Any] = {"kind": "count", "family": "zero", "image": image, "kernel": kernel, "layers": "ends"}
    if general:
        size = draw.integer(3, 5)
        basis = draw.orthogonal(size**2, draw.integer(2, size)).T
        case = {"kind": "count", "family": "general", "basis": basis.reshape(-1, size, size), "layers": "ends"}
    space = space_of(case)
    size, number = space.shape[0], space.n_coefficients
    case["strengths"] = draw.log_uniforms(size, 0.3, 3.0) * draw.signs(size)
    samples = (2 * (number - 1) + size) // size + 1
    case["inputs"] = draw.normals((samples, size))
    while True:
        case["ends"] = draw.normals((2, number))
        if all(gap(space.matrix(each)) > APART for each in case["ends"]):
            return case


def gap(matrix: Array) -> float:
    """Smallest difference of singular values, and smallest one, over the largest."""
    values = np.linalg.svd(matrix, compute_uv=False)
    return float(-np.diff(np.append(values, 0.0)).max(initial=-np.inf) / values[0])


def circulant(draw: Draw) -> Instance:
    """Circulant layers and generic data."""
    size, depth = draw.integer(3, 5), draw.integer(2, 4)
    case = {"kind": "descent", "family": "circulant", "image": [size], "kernel": [], "depth": depth}
    samples = {"inputs": draw.normals((6, size)), "targets": draw.normals((6, size))}
    return {**case, **samples, "start": draw.normals(size, 0.3)}


def identity(draw: Draw) -> Instance:
    """X = Y = I."""
    case = descent(draw)
    unit = np.eye(np.shape(case["inputs"])[1])
    return {**case, "inputs": unit, "targets": unit}


def isometric(draw: Draw) -> Instance:
    """A Toeplitz layer between isometric ones, orthogonal circulant and skew-circulant matrices by turns."""
    case = {"kind": "count", "family": "zero", "image": [5], "kernel": [9], "layers": "isometries"}
    return {**case, "inputs": np.eye(5), "ends": draw.normals(9), "angles": draw.normals((ISOMETRIES, 2))}


def space_of(case: Instance) -> LayerSpace:
    """The space of the layers."""
    if case["family"] == "general":
        return layer_spaces.from_basis(np.asarray(case["basis"]))
    if case["family"] == "circulant":
        return layer_spaces.circulant(case["image"][0])
    return layer_spaces.convolution(case["image"], case["kernel"])


def check(case: Instance) -> list[Evidence]:
    """Alignment along projected descent, or the rank of what aligned layers reach."""
    return [_check_descent(case)] if case["kind"] == "descent" else _check_count(case)


def _check_descent(case: Instance) -> Evidence:
    task, space, start = aligned.task_of(case), space_of(case), np.asarray(case["start"], dtype=float)
    curvature = float(np.linalg.norm(task.input_moment, 2))
    size = max(1.0, float(np.linalg.norm(space.matrix(start), 2)), float(np.linalg.norm(task.cross_moment, 2)))
    step = 0.2 / (case["depth"] * curvature * size ** (2 * case["depth"] - 2))
    run = iterate_constrained(
        task, [space] * case["depth"], start=[start] * case["depth"], step_size=step, n_steps=20, progress=False
    )
    first, last = run.weights_at(0), run.weights_at(-1)
    moved = max(float(np.linalg.norm(b - a) / np.linalg.norm(a)) for a, b in zip(first, last, strict=True))
    error = max(aligned.rounding(first), aligned.rounding(last)) / moved
    defect = float(run.network_alignment_defect.max()) / moved
    return at_least("alignment defect over relative displacement of layers", defect, LOST, error, scale=1.0)


def _check_count(case: Instance) -> list[Evidence]:
    space, x = space_of(case), np.asarray(case["inputs"], dtype=float)
    build, parameters = _ends(case, space) if case["layers"] == "ends" else _chain(case, space)
    layers, number = build(parameters), space.n_coefficients
    limit = 2 * (number - 1) + space.shape[0]
    tangents, error = _tangents(lambda values: (end_to_end(build(values)) @ x.T).ravel(), parameters)
    singular = np.linalg.svd(tangents, compute_uv=False)
    rounded = aligned.rounding(layers) / APART
    return [
        equal("alignment defect of the layers and 0", float(network_alignment_defect(layers)), 0.0, rounded, scale=1.0),
        equal("distance of the end layers from their space and 0", _outside(space, layers), 0.0, ROUND_OFF, scale=1.0),
        is_true("samples ask for more dimensions", limit < x.shape[0] * space.shape[0]),
        at_most(
            "singular value of the tangents beyond the count", singular[limit], 0.0, error, scale=float(singular[0])
        ),
    ]


def _outside(space: LayerSpace, layers: list[Array]) -> float:
    return float(max(space.distance(layers[0]), space.distance(layers[-1])))


def _ends(case: Instance, space: LayerSpace) -> tuple[Callable[[Array], list[Array]], Array]:
    """W_1 and W_3 in the space, and any W_2 that is aligned with both: a superset of what constraints leave."""
    number = space.n_coefficients
    start = space.matrix(np.asarray(case["ends"], dtype=float))
    here = np.linalg.svd(start[0])[0], np.linalg.svd(start[1])[2].T

    def build(values: Array) -> list[Array]:
        first, last = space.matrix(values[:number]), space.matrix(values[number : 2 * number])
        left, right = np.linalg.svd(first)[0], np.linalg.svd(last)[2].T
        signs = np.sign((left * here[0]).sum(axis=0) * (right * here[1]).sum(axis=0))
        return [first, (right * signs * values[2 * number :]) @ left.T, last]

    return build, np.concatenate([np.ravel(case["ends"]), np.asarray(case["strengths"], dtype=float)])


def _chain(case: Instance, space: LayerSpace) -> tuple[Callable[[Array], list[Array]], Array]:
    """Isometric layers around one that is not; expm of antisymmetric circulant and skew-circulant matrices."""
    from scipy.linalg import expm

    size = space.shape[0]
    apart = np.arange(size)[:, None] - np.arange(size)[None, :]

    def generator(index: int, angles: Array) -> Array:
        shifts = [np.where(apart >= 0, 1.0, (-1.0) ** index) * (apart % size == shift) for shift in (1, 2)]
        return np.asarray(sum(angle * (shift - shift.T) for angle, shift in zip(angles, shifts, strict=True)))

    def build(values: Array) -> list[Array]:
        angles = values[space.n_coefficients :].reshape(-1, 2)
        turned = [expm(generator(index, each)) for index, each in enumerate(angles)]
        half = len(turned) // 2
        return [*turned[:half], space.matrix(values[: space.n_coefficients]), *turned[half:]]

    return build, np.concatenate([np.ravel(case["ends"]), np.ravel(case["angles"])])


def _tangents(function: Callable[[Array], Array], at: Array) -> tuple[Array, float]:
    """Derivatives by central differences of fourth order, and their error in Frobenius norm from half the shift."""

    def quotients(shift: float) -> Array:
        moves = shift * np.eye(len(at))
        return np.array([(function(at + move) - function(at - move)) / (2 * shift) for move in moves])

    wide, middle, fine = (quotients(SHIFT / cut) for cut in (1, 2, 4))
    rough, best = (4 * middle - wide) / 3, (4 * fine - middle) / 3
    rounded = ROUND_OFF * np.abs(function(at)).max() / SHIFT * np.sqrt(best.size)
    return best, float(np.linalg.norm(best - rough) + rounded)


def distinct(case: Instance) -> bool:
    """Singular values of the end layers, where fits are counted."""
    if case["kind"] != "count":
        return True
    return case["layers"] == "ends" and all(gap(space_of(case).matrix(each)) > APART for each in case["ends"])


def generic(case: Instance) -> bool:
    """The moments are not both multiples of the identity."""
    if case["kind"] != "descent":
        return True
    task = aligned.task_of(case)
    if task.n_inputs != task.n_outputs:
        return True
    unit = np.eye(task.n_inputs)
    moments = task.input_moment, task.cross_moment
    return any(np.abs(each - each[0, 0] * unit).max() > aligned.KEPT for each in moments)


def mixing(case: Instance) -> bool:
    """Not all layers of the space commute."""
    if case["kind"] != "descent":
        return True
    space = space_of(case)
    basis = [space.matrix(row) for row in np.eye(space.n_coefficients)]
    return any(np.abs(a @ b - b @ a).max() > aligned.KEPT for a, b in combinations(basis, 2))


STATEMENT = Statement(
    id="radhakrishnan2020.constrained-impossible",
    claim=(
        r"Identical symmetric zero-padded kernels, an aligned start, lose alignment under projected gradient descent "
        r"on generic data; and aligned networks whose first and last layers lie in a space of dimension $d$ of "
        r"$m \times m$ matrices and have distinct singular values reach end-to-end maps of dimension at most "
        r"$2 (d - 1) + m$, so that $N m > 2 (d - 1) + m$ generic samples have no aligned fit."
    ),
    provenance="abstract",
    realises=("A7",),
    hypotheses=(
        Hypothesis("layers", "training: not all layers of the space commute", mixing),
        Hypothesis("generic data", r"training: $\Sigma_{xx}$ and $\Sigma_{yx}$ are not multiples of 1", generic),
        Hypothesis("distinct", "fits: end layers have distinct singular values", distinct),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("layers", "Circulant layers commute and are normal: aligned on any data.", circulant),
        Counterexample(
            "generic data", "$X = Y = I$ and identical symmetric kernels: a common basis rotates.", identity
        ),
        Counterexample(
            "distinct", "Isometric layers are aligned with anything: chains of them reach more dimensions.", isometric
        ),
    ),
    draws=Draws(24),
    note=(
        "Decided are the loss of alignment in training and the dimension of what aligned networks reach, as the rank "
        "of tangents at random points, with a free middle layer; generic samples then have no aligned fit since the "
        "image of a smaller dimension has measure zero. That the best defect of constrained fits is bounded away from "
        "0 is not shown. The exceptions are why no blanket impossibility is claimed."
    ),
)
