"""A fully connected network has an aligned global minimum."""

import numpy as np
import sympy as sp
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.derive.flow import derive
from fa_dynamics.measures import end_to_end
from fa_dynamics.measures.invariance import network_alignment_defect
from fa_dynamics.systems.aligned import AlignedNetwork, completed
from fa_dynamics.systems.layer_spaces import mask
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
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

RANK = 1e-8
"""Singular values of the best map below this fraction of the largest are round-off of badly conditioned data."""


def sample(draw: Draw) -> Instance:
    """Widths from the rank of the best map upwards, conditions up to 1e3, targets with and without noise."""
    depth, inputs, outputs = draw.integer(2, 4), draw.integer(1, 5), draw.integer(1, 5)
    rank, spread = draw.integer(1, min(inputs, outputs)), draw.log_uniform(1.0, 30.0)
    noise = 0.0 if draw.flip(0.3) else draw.log_uniform(0.01, 10.0)
    hidden = [rank + draw.choice((0, 0, 1, 3)) for _ in range(depth - 1)]
    samples = inputs + draw.integer(0, 6)
    x = (draw.orthogonal(samples, inputs) * np.geomspace(1.0, 1 / spread, inputs)) @ draw.orthogonal(inputs).T
    teacher = draw.normals((outputs, rank)) @ draw.normals((rank, inputs), draw.log_uniform(0.1, 10.0))
    scatter = draw.normals((samples, outputs), noise) if noise else np.zeros((samples, outputs))
    targets = x @ teacher.T + scatter - x @ np.linalg.lstsq(x, scatter, rcond=None)[0]
    bases = aligned.draw_bases(draw, hidden)
    return {"hidden": hidden, "inputs": x, "targets": targets, "inner": bases, "layers": "all"}


def narrow(draw: Draw) -> Instance:
    """One width below the rank."""
    while True:
        case = dict(sample(draw))
        rank = best_rank(case)
        if rank > 1:
            hidden = [rank - 1, *case["hidden"][1:]]
            return case | {"hidden": hidden, "inner": aligned.draw_bases(draw, hidden)}


def diagonal(draw: Draw) -> Instance:
    """Layers that must be diagonal, and a generic map."""
    size = draw.integer(2, 4)
    inner = aligned.draw_bases(draw, [size])
    x, y = draw.normals((size + 3, size)), draw.normals((size + 3, size))
    return {"hidden": [size], "inputs": x, "targets": y, "inner": inner, "layers": "diagonal"}


def best_rank(case: Instance) -> int:
    """Of the least-squares map."""
    return int(np.linalg.matrix_rank(aligned.task_of(case).least_squares, rtol=RANK))


def minimum(case: Instance, task: Task) -> tuple[AlignedNetwork, int]:
    """W_l = U_l S^(1/L) U_{l-1}^T with as many modes as fit, and their number."""
    left, values, right = np.linalg.svd(task.least_squares, full_matrices=False)
    modes = min(best_rank(case), *case["hidden"])
    inner = aligned.arrays(case["inner"])
    bases = completed(right[:modes].T, task.n_inputs), *inner, completed(left[:, :modes], task.n_outputs)
    depth = len(inner) + 1
    return AlignedNetwork(bases, np.tile(values[:modes] ** (1 / depth), (depth, 1))), modes


def check(case: Instance) -> list[Evidence]:
    """Excess loss and alignment defect of the construction, and the velocity of gradient flow there."""
    task = aligned.task_of(case)
    network, _ = minimum(case, task)
    weights = network.weights
    size, curvature = float(np.linalg.norm(task.least_squares)), float(np.linalg.norm(task.input_moment, 2))
    lost = RANK * size if best_rank(case) < min(task.n_inputs, task.n_outputs) else 0.0
    wrong = lost + ROUND_OFF * size * len(weights)
    power = float(np.trace(task.output_moment))
    back = max(1.0, aligned.largest(weights)) ** (2 * len(weights) - 2)
    speed = max(np.linalg.norm(each) for each in velocity(task, weights))
    # The excess is a difference of losses, which are known to the round-off of the power of the targets.
    excess = equal(
        "loss and least loss",
        task.loss(end_to_end(weights)),
        task.best_loss,
        curvature * wrong**2 + ROUND_OFF * power,
        scale=power,
    )
    rest = equal("velocity and 0", speed, 0.0, back * (curvature * wrong + ROUND_OFF * power), scale=back * power)
    aligned_now = float(network_alignment_defect(weights))
    return [excess, rest, equal("defect and 0", aligned_now, 0.0, aligned.rounding(weights), scale=1.0)]


def velocity(task: Task, weights: list[np.ndarray]) -> list[np.ndarray]:
    """The package's gradient flow at given weights."""
    sizes = (task.n_inputs, *map(len, weights))
    compiled = compile_flow(derive(len(weights), "bp"), sizes)
    out = [np.empty(shape) for shape in compiled.shapes]
    compiled.bind({"Sigma_xx": task.input_moment, "Sigma_yx": task.cross_moment}, np.empty)(weights, out)
    return out


def check_diagonal(case: Instance) -> Evidence:
    """The least loss of all diagonal maps: every product of diagonal layers is one, and theirs is one-dimensional."""
    task = aligned.task_of(case)
    space = mask(np.eye(task.n_inputs))
    best = space.inner(task.cross_moment) / space.inner(task.input_moment)
    return equal("loss and least loss", task.loss(space.matrix(best)), task.best_loss, ROUND_OFF)


def prove(depth: int) -> str:
    """With W_l = U_l R U_{l-1}^T, R^L = S, and U_L S U_0^T Sigma_xx = Sigma_yx, every velocity is zero."""
    modes = sp.Symbol("r", integer=True, positive=True)
    for layers in range(2, depth + 1):
        flow = derive(layers, "bp")
        network = flow.network
        bases = [MatrixSymbol(f"U_{node}", network.n(node), modes) for node in range(layers + 1)]
        root = w.SymmetricSymbol("R", modes, modes)
        made = {
            weight: w.expand(above * root * below.T)
            for weight, below, above in zip(network.weights, bases[:-1], bases[1:], strict=True)
        }
        orthonormal = {(basis.T, basis): {(): sp.S.One} for basis in bases}
        target = {(bases[-1], *([root] * layers), bases[0].T): sp.S.One}
        best = {network.cross_moment: w.multiply(target, w.expand(network.input_moment))}
        for weight, moving in flow.state_velocity.items():
            rest = aligned.reduced(w.substitute(w.substitute(w.expand(moving), best), made), orthonormal)
            if rest:
                raise Unproved(f"velocity of {weight} at depth {layers}: {rest}")
        for lower, upper in zip(network.weights[:-1], network.weights[1:], strict=True):
            apart = w.substitute(w.expand(upper.T * upper - lower * lower.T), made)
            if aligned.reduced(apart, orthonormal):
                raise Unproved(f"{upper} is not balanced with {lower}")
    return f"L <= {depth}, any data"


STATEMENT = Statement(
    id="radhakrishnan2020.aligned-minimum",
    claim=(
        r"With the least-squares map $P_* = U_L S U_0^\top$ the layers $W_l = U_l S^{1/L} U_{l-1}^\top$, any "
        r"orthonormal $U_1 .. U_{L-1}$, are an aligned and balanced global minimum."
    ),
    provenance="abstract",
    realises=("A3",),
    hypotheses=(
        Hypothesis(
            "widths",
            r"every width is at least $\mathrm{rank} P_*$",
            lambda case: min(case["hidden"]) >= best_rank(case),
        ),
        Hypothesis("free layers", "layers have no constraints", lambda case: case["layers"] == "all"),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("widths", "A narrow layer leaves a mode out.", narrow),
        Counterexample(
            "free layers", "Diagonal layers: the best of them all has a larger loss.", diagonal, check_diagonal
        ),
    ),
    prove=prove,
    draws=Draws(60),
)
