"""When the inner singular bases are constant: one mode, or data in blocks with one mode in each."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import derive
from fa_dynamics.measures.invariance import interior_invariance_defect
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, Unproved, equal
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned

Array = NDArray[np.float64]


def sample(draw: Draw) -> Instance:
    """One block of any data, outputs and loss; or two or three blocks, with squared loss."""
    count, depth = draw.choice((1, 1, 2, 3)), draw.integer(2, 4)
    return one_block(draw, depth, 1) if count == 1 else blocks(draw, depth, count, 0.0)


def one_block(draw: Draw, depth: int, modes: int) -> Instance:
    """Generic samples; one output in half of the cases."""
    inputs, outputs = draw.integer(modes, 4), modes if draw.flip() else draw.integer(2, 4)
    losses = ("squared", "logistic", "exponential") if outputs == 1 else ("squared", "softmax")
    loss, share, steps = draw.choice(losses), draw.log_uniform(0.01, 0.5), draw.integer(1, 40)
    x = draw.normals((draw.integer(2, 8), inputs)) * draw.log_uniforms(inputs, 0.1, 1.0)
    labels = draw.signs((len(x), 1)) if outputs == 1 else np.eye(outputs)[np.arange(len(x)) % outputs]
    y = draw.normals((len(x), outputs), draw.log_uniform(0.1, 3.0)) if loss == "squared" else labels
    case = {"blocks": [[inputs, outputs]], "loss": loss, "inputs": x, "targets": y}
    return start(draw, case, depth, [draw.orthogonal(inputs), draw.orthogonal(outputs)], modes, share, steps)


def blocks(draw: Draw, depth: int, count: int, coupling: float) -> Instance:
    """Moments that are block-diagonal in some bases, generic in every block."""
    share, steps = draw.log_uniform(0.01, 0.5), draw.integer(1, 40)
    parts = [[draw.integer(1, 3), draw.integer(1, 2)] for _ in range(count)]
    sizes = np.sum(parts, axis=0)
    bases = [draw.orthogonal(int(size)) for size in sizes]
    below, above = (np.repeat(np.arange(count), [part[end] for part in parts]) for end in (0, 1))
    root = draw.normals((sizes[0], sizes[0])) * np.where(below[:, None] == below, 1.0, coupling)
    cross = draw.normals((sizes[1], sizes[0])) * np.where(above[:, None] == below, 1.0, coupling)
    moment = root @ root.T / sizes[0] + 0.1 * np.eye(sizes[0])
    case = {
        "blocks": parts,
        "loss": "squared",
        "input_moment": aligned.symmetric(bases[0] @ moment @ bases[0].T),
        "cross_moment": bases[1] @ cross @ bases[0].T,
    }
    return start(draw, case, depth, bases, count, share, steps)


def start(
    draw: Draw, case: Instance, depth: int, ends: Sequence[Array], modes: int, share: float, steps: int
) -> Instance:
    """Mode j reads a unit vector of input block j and writes one of output block j; inner widths from the modes up."""
    parts = np.array(case["blocks"])
    read, written = (_vectors(draw, basis, parts[:, end], modes) for end, basis in enumerate(ends))
    inner = [draw.orthogonal(modes + draw.choice((0, 1, 2))) for _ in range(depth - 1)]
    columns = [read, *(basis[:, :modes] for basis in inner), written]
    strengths = draw.log_uniforms((depth, modes), 0.1, 1.0) * draw.signs((depth, modes))
    weights = [(above * row) @ below.T for row, (below, above) in zip(strengths, pairwise(columns), strict=True)]
    task = aligned.task_of(case)
    rate = np.linalg.norm(task.input_moment, 2) + np.linalg.norm(task.cross_moment, 2)
    plan = {"step_size": float(share / depth / rate), "n_steps": steps}
    return {**case, "ends": list(ends), "inner": inner, "start": weights, **plan}


def _vectors(draw: Draw, basis: Array, parts: Array, modes: int) -> Array:
    """A random unit vector in each block of columns of a basis; the first columns if there is one block only."""
    if len(parts) == 1:
        return basis[:, :modes]
    blocks_of_basis = np.split(basis, np.cumsum(parts)[:-1], axis=1)
    return np.hstack([part @ draw.orthogonal(part.shape[1], 1) for part in blocks_of_basis])


def two_modes(draw: Draw) -> Instance:
    """Two modes and generic data."""
    while True:
        case = one_block(draw, draw.integer(2, 4), 2)
        if len(case["inputs"]) > 3 and case["blocks"][0][0] > 2:
            return case


def coupled(draw: Draw) -> Instance:
    """Blocks that correlate."""
    return blocks(draw, draw.integer(2, 4), 2, 0.3)


def check(case: Instance) -> Evidence:
    """Bases of the inner nodes after every step."""
    history, error = aligned.descend(case, aligned.arrays(case["start"]))
    defect = interior_invariance_defect(history, aligned.arrays(case["inner"])).max(axis=1)
    smallest = np.min([np.linalg.norm(each, axis=(1, 2)) for each in history], axis=0)
    steps = np.arange(case["n_steps"] + 1)
    what = "off-diagonal of layers between inner bases, relative, and 0"
    return equal(what, defect, 0.0, 4 * error / smallest, scale=1.0, over=steps, axis="number of steps")


def one_mode(case: Instance) -> bool:
    """In each block."""
    return all(np.linalg.matrix_rank(matrix) <= len(case["blocks"]) for matrix in aligned.arrays(case["start"]))


def apart(case: Instance) -> bool:
    """Moments without entries between blocks."""
    task, (below, above) = aligned.task_of(case), aligned.arrays(case["ends"])
    parts = np.asarray(case["blocks"])
    inside = [np.repeat(np.arange(len(parts)), parts[:, end]) for end in (0, 1)]
    inputs, cross = below.T @ task.input_moment @ below, above.T @ task.cross_moment @ below
    between = [np.abs(inputs[inside[0][:, None] != inside[0]]), np.abs(cross[inside[1][:, None] != inside[0]])]
    return bool(np.concatenate(between).max(initial=0.0) < aligned.KEPT)


def prove(depth: int) -> str:
    """One mode, W_1 = u_1 z^T and W_L = y u_{L-1}^T: velocities are of the same form for any error signal E."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "bp")
        network = flow.network
        inner = {node: MatrixSymbol(f"u_{node}", network.n(node), 1) for node in range(1, layers)}
        columns = {0: MatrixSymbol("z", network.n(0), 1), **inner, layers: MatrixSymbol("y", network.n(layers), 1)}
        made = {network.W(j): w.expand(columns[j] * columns[j - 1].T) for j in range(1, layers + 1)}
        pairs = {(vector.T, vector): {(): sp.S.One} for vector in inner.values()}
        for layer in range(1, layers + 1):
            moving = w.expand(flow.factored[network.W(layer)])
            for word in aligned.reduced(w.substitute(moving, made), pairs):
                writes = layer == layers or word[0] == inner[layer]
                reads = layer == 1 or word[-1] == inner[layer - 1].T
                if not (writes and reads):
                    raise Unproved(f"the velocity of layer {layer} of {layers} has {word}")
    return f"one mode: L <= {depth}, any loss, data and step size"


STATEMENT = Statement(
    id="radhakrishnan2020.weak-invariance",
    claim=(
        r"A rank-one aligned start $W_l = \theta_l u_l u_{l-1}^\top$ keeps $u_1 .. u_{L-1}$ under gradient descent of "
        r"any differentiable loss, on any data, with any step size and number of outputs, while $u_0$ and $u_L$ may "
        r"turn; so does a start with one mode in each of several blocks of inputs and outputs that neither "
        r"$\Sigma_{xx}$ nor $\Sigma_{yx}$ couples, under squared loss."
    ),
    provenance="abstract",
    realises=("A4",),
    hypotheses=(
        Hypothesis("one mode", "every block has one mode", one_mode),
        Hypothesis("blocks", r"$\Sigma_{xx}$ and $\Sigma_{yx}$ are block-diagonal", apart),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("one mode", "Two modes and generic data: the inner bases turn.", two_modes),
        Counterexample("blocks", "Blocks that correlate: the inner bases turn.", coupled),
    ),
    prove=prove,
    draws=Draws(40),
    note=(
        "Stronger than for one output alone: a single mode keeps its inner vectors with any number of outputs; what "
        "two generic outputs break are two modes. A network with one output has one mode in its last layer, but a "
        "first layer with a second, idle mode is not of rank one. Losses: squared, logistic, exponential, softmax."
    ),
)
