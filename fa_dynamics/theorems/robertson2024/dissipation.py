"""How fast the loss falls, layer by layer, through the symmetric parts of the alignment matrices."""

from functools import reduce

import numpy as np
import sympy as sp

from fa_dynamics import measures
from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import rate_of_change
from fa_dynamics.derive.flow import derive
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
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array


def sample(draw: Draw) -> Instance:
    """Any network, weights of order one."""
    case = linear.network(draw)
    scales = [draw.log_uniform(0.1, 3.0) for _ in case["start"]]
    start = [scale * draw.normals(matrix.shape) for scale, matrix in zip(scales, case["start"], strict=True)]
    return {**case, "start": start, "decay": [0.0] * len(start)}


def check(case: Instance) -> Evidence:
    """The slope of the loss along the package's velocity, beside the sum over layers."""
    weights, feedback = linear.matrices(case["start"]), linear.matrices(case["feedback"])
    velocity = linear.velocities("fa", case, weights, feedback, list(case["decay"]))
    slope, error = slope_of_loss(case, weights, velocity)
    parts = dissipation(case, weights, feedback)
    error += linear.ROUNDED * float(np.sum(np.abs(parts)))
    return equal(r"$\dot\ell$ and $-\sum_l \Phi_l$", slope, -sum(parts), error)


def slope_of_loss(case: Instance, weights: list[Array], velocity: list[Array]) -> tuple[float, float]:
    """d/dh of the loss at W + h V, h = 0: a polynomial of degree 2 L, exact from its values at as many nodes."""
    task, degree = linear.task_of(case), 2 * len(weights)
    fastest = max(float(np.linalg.norm(v)) for v in velocity)
    step = max(float(np.linalg.norm(weight)) for weight in weights) / fastest if fastest else 1.0
    nodes = np.cos(np.pi * np.arange(degree + 1) / degree)
    moved = [[weight + step * node * v for weight, v in zip(weights, velocity, strict=True)] for node in nodes]
    losses = np.array([task.loss(reduce(lambda below, weight: weight @ below, each)) for each in moved])
    vandermonde = np.polynomial.chebyshev.chebvander(nodes, degree)
    slopes = [np.polynomial.chebyshev.chebval(0.0, np.polynomial.chebyshev.chebder(row)) for row in np.eye(degree + 1)]
    combination = np.linalg.solve(vandermonde.T, np.array(slopes)) / step
    size = sum(np.linalg.norm(weight) * step * fastest for weight in weights)
    error = ROUND_OFF * float(np.abs(combination) @ (losses + size * np.finfo(float).eps))
    return float(combination @ losses), 4 * degree * error


def dissipation(case: Instance, weights: list[Array], feedback: list[Array]) -> list[float]:
    """Phi_l = <E_l, sym(A_l) E_l> with E_l = E (W_{l-1}..W_1)^T, for every layer."""
    task, depth, parts = linear.task_of(case), len(weights), []
    end_to_end = reduce(lambda below, weight: weight @ below, weights)
    error = task.cross_moment - end_to_end @ task.input_moment
    for layer in range(1, depth + 1):
        back = reduce(lambda a, b: a @ b, feedback[layer - 1 :], np.eye(case["sizes"][layer]))
        forward = reduce(lambda below, weight: weight @ below, weights[: layer - 1], np.eye(case["sizes"][0]))
        alignment = measures.alignment_matrix(weights[layer:], back)
        seen = error @ forward.T
        parts.append(float(np.sum(seen * ((alignment + alignment.T) / 2 @ seen))))
    return parts


def with_decay(draw: Draw) -> Instance:
    """Decay of every layer."""
    case = sample(draw)
    return {**case, "decay": [draw.log_uniform(0.1, 1.0) for _ in case["decay"]]}


def prove(depth: int) -> str:
    """Differentiate the loss, one trace of moments, along the flow; words under a trace may be turned."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa")
        network = flow.network
        error = {network.error_symbol: w.expand(flow.error)}
        half, moment = network.loss.as_coeff_Mul()
        rate = w.scale(w.substitute(rate_of_change(flow, moment.arg), error), half)
        for layer in range(1, layers + 1):
            back = w.multiply(*(w.expand(network.B(above)) for above in range(layer + 1, layers + 1)))
            above = w.multiply(*(w.expand(network.W(j)) for j in range(layers, layer, -1)))
            below = w.multiply(*(w.expand(network.W(j)) for j in range(layer - 1, 0, -1)))
            alignment = w.multiply(above, back)
            both = w.scale(w.add(alignment, w.transpose(alignment)), sp.Rational(1, 2))
            seen = w.multiply(error[network.error_symbol], w.transpose(below))
            rate = w.add(rate, w.multiply(w.transpose(seen), both, seen))
        rest = linear.trace(rate)
        if rest:
            raise Unproved(f"{len(rest)} words are left at depth {layers}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="robertson2024.dissipation",
    claim=(
        r"Along the flow of a linear network under feedback alignment "
        r"$\dot\ell = -\sum_l \langle E_l, \mathrm{sym}(A_l) E_l \rangle$ with $E_l = E (W_{l-1} \cdots W_1)^\top$ and "
        r"$A_l = W_L \cdots W_{l+1} C_l$."
    ),
    provenance="ours",
    realises=("R3", "R5"),
    hypotheses=(Hypothesis("no decay", r"$\rho_l = 0$", lambda case: not np.any(case["decay"])),),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("no decay", "Decay adds a term.", with_decay),),
    prove=prove,
    draws=Draws(default=40),
)
