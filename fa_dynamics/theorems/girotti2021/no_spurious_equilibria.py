"""Where the feedback of the first layer has full rank, its weights rest only where the error is zero."""

from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from fa_dynamics.derive import derive
from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.flows.flat import flat_velocity
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
    at_most,
)
from fa_dynamics.theorems.girotti2021 import _flows as flows


def sample(draw: Draw) -> Instance:
    """Depth 2..4, widths from n_L on, ill-conditioned feedback too; zero, random and nearly fitted weights."""
    depth, outputs, inputs = draw.integer(2, 4), draw.integer(1, 4), draw.integer(1, 4)
    kind = draw.choice(("zero", "random", "fitted"))
    small = draw.log_uniform(1e-8, 1.0)
    hidden = [draw.integer(outputs, outputs + 3) for _ in range(depth - 1)]
    while True:
        case = _network(draw, [inputs, *hidden, outputs], kind, small)
        if _full_rank(case):
            return case


def narrow(draw: Draw) -> Instance:
    """A hidden layer narrower than the output, zero weights, and data that its feedback does not see."""
    depth, outputs = draw.integer(2, 4), draw.integer(2, 4)
    hidden = [draw.integer(1, outputs - 1) for _ in range(depth - 1)]
    case = _network(draw, [outputs, *hidden, outputs], "zero", 1.0)
    _, sizes, basis = np.linalg.svd(flows.feedback_products(case["feedback"], outputs)[0])
    unseen = basis[int((sizes > 1e-12 * sizes[0]).sum()) :]
    return case | {"cross_moment": unseen.T @ draw.normals((len(unseen), outputs))}


def _network(draw: Draw, widths: list[int], kind: str, small: float) -> dict[str, Any]:
    case = flows.draw_moments(draw, widths[0], widths[-1], commuting=False)
    start = [draw.normals((above, below)) for below, above in pairwise(widths)]
    # One singular value over decades: a product of full rank may come close to losing it.
    feedback: list[Any] = []
    for below, above in pairwise(widths[1:]):
        u, sizes, v = np.linalg.svd(draw.normals((below, above)), full_matrices=False)
        sizes[-1] *= 1.0 if feedback else small
        feedback.append((u * sizes) @ v)
    if kind == "zero":
        start = [np.zeros_like(weight) for weight in start]
    elif kind == "fitted":
        head = flows.product(start[:0:-1], widths[-1])
        fitted = flows.task_of(case).least_squares
        start[0] = np.linalg.pinv(head) @ fitted + small * start[0]
    return {**case, "start": start, "feedback": feedback}


def check(case: Instance) -> Evidence:
    """The error beside what the velocity of the first layer allows, |dW_1/dt| / smallest singular value of C_1."""
    start, feedback = flows.matrices(case["start"]), flows.matrices(case["feedback"])
    task, sizes = flows.task_of(case), (start[0].shape[1], *(len(weight) for weight in start))
    values = {f"B_{layer}": np.ascontiguousarray(matrix) for layer, matrix in enumerate(feedback, start=2)}
    values |= {"Sigma_xx": task.input_moment, "Sigma_yx": task.cross_moment}
    velocity, unpack = flat_velocity(compile_flow(derive(len(start), "fa"), sizes), values)
    moving = unpack(velocity(0.0, np.concatenate([weight.ravel() for weight in start])))[0]
    end_to_end = flows.product(start[::-1], sizes[-1])
    error = task.cross_moment - end_to_end @ task.input_moment
    back = np.linalg.svd(flows.feedback_products(feedback, sizes[-1])[0], compute_uv=False)
    size = np.linalg.norm(task.cross_moment) + np.linalg.norm(task.input_moment) * np.prod(
        [np.linalg.norm(weight) for weight in start]
    )
    known = ROUND_OFF * size * back[0] / back[-1]
    bound = np.linalg.norm(moving) / back[-1]
    return at_most(r"$\Vert E \Vert$", np.linalg.norm(error), bound, known, scale=size)


def _full_rank(case: Instance) -> bool:
    outputs = len(case["start"][-1])
    first = flows.feedback_products(flows.matrices(case["feedback"]), outputs)[0]
    return bool(np.linalg.matrix_rank(first) == outputs)


def prove(depth: int) -> str:
    """(C_1^T C_1)^-1 C_1^T dW_1/dt is the error, as words of matrices of any size."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa")
        network = flow.network
        back = w.product([network.B(layer) for layer in range(2, layers + 1)], network.n(1))
        inverse = w.expand(sp.Inverse((back.T * back).doit()))
        recovered = w.multiply(inverse, w.expand((back.T).doit()), w.expand(flow.factored[network.W(1)]))
        rest = w.subtract(recovered, w.expand(network.error_symbol))
        if rest:
            raise Unproved(f"left over at L = {layers}: {rest}")
    return f"L <= {depth}, at all widths"


STATEMENT = Statement(
    id="girotti2021.no-spurious-equilibria",
    claim=(
        r"If $C_1 = B_2 \cdots B_L$ has full column rank $n_L$, then $\dot W_1 = 0$ only where the error matrix $E$ is "
        r"zero: $\Vert E \Vert \le \Vert \dot W_1 \Vert / \sigma_{\min}(C_1)$."
    ),
    provenance="ours",
    realises=("G0", "R5"),
    hypotheses=(Hypothesis("full rank", r"rank $C_1 = n_L$", _full_rank),),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("full rank", "A narrower layer: a rest with excess loss, at zero weights.", narrow),
    ),
    prove=prove,
    draws=Draws(30),
    note="Backpropagation has such a rest at zero weights at every width.",
)
