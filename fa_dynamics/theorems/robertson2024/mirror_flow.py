"""One output from zero: feedback alignment of any depth is a mirror flow, in a potential that its feedback decides."""

from itertools import pairwise

import numpy as np
import sympy as sp

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.mirror import mirror_flow, mirror_potential
from fa_dynamics.systems.mirror_defect import mirror_defect, path_dependence
from fa_dynamics.systems.mirror_reduction import reduction
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
    equal,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 1),
    (1, 1, 1),
    (3, 1, 1),
    (2, 5, 1),
    (4, 3, 1),
    (3, 1, 4, 1),
    (2, 3, 2, 1),
    (2, 2, 3, 2, 1),
)


FINE, COARSE = 1e-12, 1e-10
"""Relative tolerances: deep networks leave zero late and fast, which magnifies errors."""


def sample(draw: Draw) -> Instance:
    """Depths 1 to 4 from zero; feedback over a decade and a half; maps to compare with over four decades."""
    return {**from_zero(draw, SHAPES), "others": draw.log_uniforms(3, 0.01, 100.0)}


def from_zero(draw: Draw, shapes: tuple[tuple[int, ...], ...]) -> dict[str, object]:
    """A task, no weights, and a horizon in the time that a network of this depth needs to leave zero."""
    sizes, reach, noise = draw.choice(shapes), draw.log_uniform(0.7, 5.0), draw.log_uniform(0.01, 1.0)
    strengths = [draw.log_uniform(0.3, 3.0) for _ in sizes[2:]]
    samples, spread = draw.integer(1, 8), draw.log_uniform(1.0, 10.0)
    inputs = draw.normals((samples, sizes[0])) * np.geomspace(1.0, 1.0 / spread, sizes[0])
    targets = inputs @ draw.normals((sizes[0], sizes[-1])) + draw.normals((samples, sizes[-1]), noise)
    pairs = list(pairwise(sizes))
    start = [np.zeros((above, below)) for below, above in pairs]
    feedback = [
        draw.normals((below, above), strength / np.sqrt(above))
        for (below, above), strength in zip(pairs[1:], strengths, strict=True)
    ]
    case = {"sizes": list(sizes), "inputs": inputs, "targets": targets, "start": start, "feedback": feedback}
    task = linear.task_of(case)
    drive, curvature = np.linalg.norm(task.cross_moment, 2), np.linalg.norm(task.input_moment, 2)
    power, coefficient = 2 ** (len(sizes) - 1) - 1, chi_of(feedback)[0] if sizes[-1] == 1 else 1.0
    # |u| grows as drive t until chi |u|^n is the target, which takes this long; then the fastest direction is learned.
    leave = float((drive / curvature / coefficient) ** (1 / power) / drive)
    return {**case, "t_end": reach * leave}


def chi_of(feedback: list[Array]) -> tuple[float, int]:
    """chi_L by the recursion of the claim, and n = 2^L - 1."""
    depth, column, betas = len(feedback) + 1, np.eye(1), []
    for matrix in reversed(feedback):
        column = matrix @ column
        betas.append(float((column**2).sum()))
    chi, r = 1.0, 1.0
    for beta in reversed(betas):
        chi, r = chi * beta * r / 2, beta * r**2 / 4
    return chi, 2**depth - 1


def check(case: Instance) -> list[Evidence]:
    """The map of the network beside that of the reduced flow; excess losses beside psi / t; and a loss that falls."""
    feedback = linear.matrices(case["feedback"])
    task, (chi, power) = linear.task_of(case), chi_of(feedback)

    def maps(run: Trajectory) -> Array:
        return np.concatenate([run.end_to_end[:, 0], run.loss[:, None], mirror_defect(run)[:, None]], axis=1)

    t, values, error = linear.measured(case, maps, points=40, rtol=FINE, coarse=COARSE)
    network, loss, defect = values[:, :-2], values[:, -2], values[:, -1]
    potential = mirror_potential(feedback)
    fine, coarse = (
        mirror_flow(task, potential, t_eval=t, rtol=rtol, atol=1e-3 * rtol).end_to_end for rtol in (FINE, COARSE)
    )
    known = np.maximum.accumulate(np.abs(fine - coarse).max(axis=1))[:, None] + error
    evidence = [
        equal("the map of the network and of the mirror flow", network, fine, known, over=t),
        equal(r"$\chi_L$", potential.chi, chi, ROUND_OFF * chi),
        at_most("distance to the mirror flow of its own error", defect, 0.0, defect_error(error, network), scale=1.0),
        at_most("steps of the loss", np.diff(loss), 0.0, 2 * error[1:, 0], scale=float(loss[0])),
    ]
    for size, other in zip(np.asarray(case["others"]), others(case, task.least_squares), strict=True):
        psi = power / (power + 1) * chi ** (-1 / power) * float(np.linalg.norm(size * other)) ** (1 + 1 / power)
        excess = loss - task.loss(size * other[None])
        evidence.append(at_most("excess loss times t", t * excess, psi, t * error[:, 0], over=t))
    return evidence


def others(case: Instance, best: Array) -> list[Array]:
    """Maps to compare with: the least-squares map, a vector of ones, and the first sample."""
    first = np.asarray(case["inputs"], dtype=float)[0]
    return [best[0] / (np.linalg.norm(best) or 1.0), np.ones_like(first), first / (np.linalg.norm(first) or 1.0)]


def defect_error(error: Array, network: Array) -> Array:
    """The defect divides by the largest map."""
    return np.asarray(error[:, 0] / float(np.linalg.norm(network, axis=1).max(initial=np.finfo(float).tiny)))


def displaced(draw: Draw) -> Instance:
    """Weights of order one at the start, two layers or more."""
    case = dict(sample(draw))
    case |= {**from_zero(draw, ((2, 5, 1), (4, 3, 1), (2, 3, 2, 1)))}
    case["start"] = [draw.normals(matrix.shape, 0.5) for matrix in linear.matrices(case["start"])]
    return case


def several_outputs(draw: Draw) -> Instance:
    """Two or three outputs from zero."""
    return {**from_zero(draw, ((3, 4, 2), (4, 5, 3))), "others": [1.0, 1.0, 1.0]}


def check_path(case: Instance) -> Evidence:
    """The part of the second layer that is no function of the dual variable."""
    t, values, error = linear.measured(case, lambda run: np.nan_to_num(path_dependence(run)))
    return at_most("share that depends on the path", values, 0.0, error[:, 0], scale=1.0, over=t)


def prove(depth: int) -> str:
    """Put the form that the layers keep into the derived flow, and compare chi with the recursion."""
    for layers in range(1, depth + 1):
        found = reduction(layers)
        chi, r = sp.S.One, sp.S.One
        for beta in found.betas:
            chi, r = chi * beta * r / 2, beta * r**2 / 4
        if found.power != 2**layers - 1 or sp.simplify(found.chi - chi) != 0:
            raise Unproved(f"chi = {found.chi} at depth {layers}, not {chi}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="robertson2024.mirror-flow",
    claim=(
        r"With one output and from zero, feedback alignment of any depth is the mirror flow "
        r"$\frac{d}{dt} \nabla\psi(P) = E$ of $\psi(P) = \frac{n}{n+1} \chi_L^{-1/n} |P|^{(n+1)/n}$, $n = 2^L - 1$, "
        r"$\chi_L = \prod_{l<L} \frac12 \beta_l r_l$, $r_1 = 1$, $r_{l+1} = \frac14 \beta_l r_l^2$, "
        r"$\beta_l = |C_l|^2$; the loss falls, and "
        r"$\ell(P(t)) - \ell(\tilde P) \le \psi(\tilde P) / t$ for every map $\tilde P$."
    ),
    provenance="abstract",
    realises=("R4", "G1"),
    hypotheses=(
        Hypothesis(
            "zero start",
            "$W_l(0) = 0$",
            lambda case: not any(matrix.any() for matrix in linear.matrices(case["start"])),
        ),
        Hypothesis("one output", "$n_L = 1$", lambda case: case["sizes"][-1] == 1),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("zero start", "From other starts of two layers or more the potential is another.", displaced),
        Counterexample("one output", "The second layer depends on the path of the first.", several_outputs, check_path),
    ),
    prove=prove,
    draws=Draws(default=10),
    note="One layer is a mirror flow (of the squared norm) from every start. Feedback with $C_1 = 0$ moves nothing.",
)
