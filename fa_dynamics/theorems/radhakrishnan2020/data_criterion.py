"""Which data let all singular bases be constant."""

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.measures.invariance import strong_invariance_defect
from fa_dynamics.systems.aligned import AlignedNetwork, completed
from fa_dynamics.systems.aligned_criteria import basis_criterion, data_criterion
from fa_dynamics.systems.constrained import iterate_constrained
from fa_dynamics.systems.layer_spaces import full
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
    equal,
)
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]

SUITABLE = ("autoencoding", "whitened", "one sample", "orthogonal", "eigenvector", "joint")
GENERIC = ("one output", "orthogonal inputs", "generic", "classes")

STEP = 0.1

STRENGTHS = (1.0, 2.0)
"""Two values of all p_k: at one of them the error matrix of unsuitable data may be diagonal by chance, not at both."""


def sample(draw: Draw) -> Instance:
    """Problem classes for which suitable bases exist, and others; bases that suit, nearly suit, or do not at all."""
    kind = draw.choice((*SUITABLE, *GENERIC))
    bases = draw.choice(("modes", "inputs", "random"))
    spread, size, outputs = draw.log_uniform(1.0, 10.0), draw.integer(2, 4), draw.integer(2, 4)
    outputs = size if kind in ("autoencoding", "joint", "classes") else outputs
    return _instance(draw, kind, bases, *_samples(draw, kind, size, outputs, spread))


def _instance(draw: Draw, kind: str, bases: str, x: Array, y: Array) -> Instance:
    """In units in which both moments are of size 1; the criterion has no unit, but a step has."""
    x = x / np.sqrt(np.linalg.norm(x.T @ x / len(x), 2))
    y = y / np.linalg.norm(y.T @ x / len(x), 2)
    turns = [draw.orthogonal(x.shape[1]), draw.orthogonal(max(x.shape[1], y.shape[1])), draw.orthogonal(y.shape[1])]
    return {"kind": kind, "bases": bases, "inputs": x, "targets": y, "turns": turns}


def _samples(draw: Draw, kind: str, size: int, outputs: int, spread: float) -> tuple[Array, Array]:
    """X and Y of a problem class, rows are samples."""
    count = size + draw.integer(1, 5)
    left, right = draw.orthogonal(count, size), draw.orthogonal(size)
    x = left * np.geomspace(1.0, 1 / spread, size) @ right.T
    if kind == "autoencoding":
        return x, x
    if kind == "whitened":
        return left @ right.T, draw.normals((count, outputs))
    if kind == "one sample":
        return x[:1], draw.normals((1, outputs))
    if kind == "orthogonal":
        number = min(size, outputs)
        rows = np.geomspace(1.0, 1 / spread, number)[:, None] * right[:number]
        return rows, draw.log_uniforms((number, 1), 0.3, 3.0) * draw.orthogonal(outputs)[:number]
    if kind == "orthogonal inputs":
        return np.geomspace(1.0, 0.5 / spread, size)[:, None] * right, draw.normals((size, outputs))
    if kind == "eigenvector":
        return x, x @ right[:, -1:]
    if kind == "one output":
        return x, draw.normals((count, 1))
    if kind == "joint":
        return x, left * draw.log_uniforms(size, 0.1, 3.0) @ draw.orthogonal(size)
    if kind == "classes":
        labels = np.eye(size)[np.arange(3 * size) % size]
        return labels @ draw.normals((size, size)) + 0.5 * draw.normals((3 * size, size)), labels
    return x, draw.normals((count, outputs))


def two_samples(draw: Draw) -> Instance:
    """Two generic samples in the place of one."""
    size, outputs = draw.integer(2, 4), draw.integer(2, 4)
    return _instance(draw, "one sample", "modes", draw.normals((2, size)), draw.normals((2, outputs)))


def bottleneck(draw: Draw) -> Instance:
    """One hidden unit whose mode the data keep apart, generic moments elsewhere."""
    problem = aligned.draw_problem(draw, [(3, 1, 3), (4, 1, 3), (3, 1, 4)])
    names = ("bases", "input_moment", "cross_moment")
    return {"kind": "bottleneck", **{name: problem[name] for name in names}}


def check(case: Instance) -> list[Evidence]:
    """The criterion of the moments beside that of the samples, and what one step does to an aligned start."""
    task, joint = aligned.task_of(case), case["kind"] in SUITABLE
    x, y = np.asarray(case["inputs"]), np.asarray(case["targets"])
    grams = x @ x.T / len(x), y @ y.T / len(y)
    inside = x.T @ (grams[0] @ grams[1] - grams[1] @ grams[0]) @ x / len(x)
    claimed = float(np.linalg.norm(inside) / commutator_size(task))
    found, criterion = [], data_criterion(task)
    # Y may be much larger than what of it correlates with X.
    error = ROUND_OFF * max(1.0, float(np.trace(grams[1])))
    found.append(equal("criterion of moments and of samples", criterion, claimed, error, scale=1.0))
    bases = bases_of(case, task)
    found.append(leaving(task, bases, criterion))
    if joint:
        own = task.modes
        rounded = ROUND_OFF * (1 + 1 / smallest_gap(own.correlation))
        defect = basis_criterion(task, own.input_basis, own.output_basis, own.correlation.size).defect
        found.append(equal("criterion and 0", criterion, 0.0, error, scale=1.0))
        found.append(equal("defect of the joint bases and 0", defect, 0.0, rounded, scale=1.0))
        if case["bases"] == "modes":
            off = max(step(task, bases, strength) for strength in STRENGTHS)
            found.append(equal("off-diagonal velocity in joint bases and 0", off, 0.0, 10 * rounded, scale=1.0))
    return found


def commutator_size(task: Task) -> float:
    """|Sigma_xx| |Sigma_yx^T Sigma_yx|, Frobenius."""
    cross = task.cross_moment
    return float(np.linalg.norm(task.input_moment) * np.linalg.norm(cross.T @ cross))


def smallest_gap(values: Array) -> float:
    """Between correlations that are not equal, relative to the largest; their vectors are known to 1/gap."""
    gaps = -np.diff(np.append(values, 0.0)) / values[0]
    return float(gaps[gaps > 1e-10].min(initial=1.0))


def bases_of(case: Instance, task: Task) -> list[Array]:
    """U_0, U_1, U_2 of a start: the task's own modes, those of its inputs and of their images, or any."""
    turns = aligned.arrays(case["turns"])
    if case["bases"] == "random":
        return turns
    if case["bases"] == "modes":
        own = task.modes
        return [completed(own.input_basis, task.n_inputs), turns[1], completed(own.output_basis, task.n_outputs)]
    vectors = np.linalg.eigh(task.input_moment)[1][:, ::-1]
    return [vectors, turns[1], np.linalg.qr(np.hstack([task.cross_moment @ vectors, turns[2]]))[0]]


def step(task: Task, bases: list[Array], strength: float) -> float:
    """Largest off-diagonal velocity of two aligned layers with all p_k = strength, as one step shows it."""
    modes = min(map(len, bases))
    network = AlignedNetwork(tuple(bases), np.full((2, modes), np.sqrt(strength)))
    spaces = [full(*matrix.shape) for matrix in network.weights]
    run = iterate_constrained(task, spaces, start=network.weights, step_size=STEP, n_steps=1, progress=False)
    weights = [run.weights(1), run.weights(2)]
    return float(strong_invariance_defect(weights, bases)[1].max() / STEP)


def leaving(task: Task, bases: list[Array], criterion: float) -> Evidence:
    """Whatever the bases are, one of two aligned starts leaves them: a velocity no less than the commutator allows."""
    off = max(step(task, bases, strength) for strength in STRENGTHS)
    inputs, cross = (float(np.linalg.norm(moment, 2)) for moment in (task.input_moment, task.cross_moment))
    share = (4 * np.sqrt(2) * cross**2 + 12 * inputs * cross) * np.sqrt(task.n_inputs * task.n_outputs)
    least = criterion * commutator_size(task) / share
    return at_least("off-diagonal velocity", off, least, 100 * ROUND_OFF, scale=1.0)


def check_bottleneck(case: Instance) -> Evidence:
    """The same for the bases of a single hidden unit."""
    task = aligned.task_of(case)
    return leaving(task, aligned.arrays(case["bases"]), data_criterion(task))


STATEMENT = Statement(
    id="radhakrishnan2020.data-criterion",
    claim=(
        r"Bases in which an aligned network without bottleneck keeps all its singular vectors exist iff "
        r"$[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}] = 0$, equivalently iff $\Pi_X Y^\top Y \Pi_X$ commutes with "
        r"$X^\top X$: always for autoencoding, whitened inputs, one sample, orthogonal inputs with orthogonal "
        r"outputs, one output along an eigenvector of $\Sigma_{xx}$; and otherwise one of the aligned starts with "
        r"all $p_k = 1$ and all $p_k = 2$ leaves its bases at the first step, at a rate of at least "
        r"$\|[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}]\| / ((4\sqrt{2} \|\Sigma_{yx}\|^2 + 12 \|\Sigma_{xx}\| "
        r"\|\Sigma_{yx}\|) \sqrt{n_0 n_L})$ in some entry."
    ),
    provenance="abstract",
    realises=("A4",),
    hypotheses=(
        Hypothesis(
            "one sample",
            "the class of one sample has one sample",
            lambda case: case["kind"] != "one sample" or len(case["inputs"]) == 1,
        ),
        Hypothesis(
            "no bottleneck",
            "no layer is narrower than inputs and outputs",
            lambda case: (
                "inputs" in case or min(map(len, case["bases"])) == min(len(case["bases"][0]), len(case["bases"][-1]))
            ),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("one sample", "Two generic samples: nothing commutes.", two_samples),
        Counterexample(
            "no bottleneck",
            "A hidden unit reads a mode that the data keep apart: it stays although nothing commutes.",
            bottleneck,
            check_bottleneck,
        ),
    ),
    draws=Draws(60),
    note="The quantitative half, a lower bound on how fast any bases are left, is this project's own.",
)
