"""The matrix Riccati solution of two layers with white input, and its exact stepper."""

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.trajectory import Trajectory
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
    equal,
)
from fa_dynamics.theorems.integration import integrated

Array = NDArray[np.float64]

SHAPES = ((3, 4, 2), (5, 2, 4), (3, 3, 5), (4, 2, 5), (1, 3, 1), (3, 1, 3))
POINTS = 13
LARGEST_GROWTH = 1e6
"""Of e^(2 F t), beyond which the closed form has lost too many digits to be compared; the stepper has not."""


def sample(draw: Draw) -> Instance:
    """zeta over two decades and of the signs that the shape allows, 0 included; targets over a decade."""
    sizes = draw.choice(SHAPES)
    inputs, hidden, outputs = sizes
    signs = [0.0] + [1.0] * (hidden <= outputs) + [-1.0] * (hidden <= inputs)
    zeta = draw.choice(signs) * draw.log_uniform(0.03, 3.0)
    scale, reach = draw.log_uniform(0.03, 1.0), draw.log_uniform(0.5, 12.0)
    target = draw.normals((outputs, inputs), draw.log_uniform(0.3, 2.0))
    fastest = np.sqrt(np.linalg.norm(target, 2) ** 2 + zeta**2 / 4)
    lower, upper = begin(draw, sizes, zeta, scale)
    curvatures = np.ones(inputs)
    return {
        "sizes": list(sizes),
        "zeta": zeta,
        "target": target,
        "curvatures": curvatures,
        "start": [lower, upper],
        "t_end": float(reach / fastest),
    }


def begin(draw: Draw, sizes: tuple[int, ...], zeta: float, scale: float) -> tuple[Array, Array]:
    """Weights with W_2^T W_2 - W_1 W_1^T = zeta I, otherwise random."""
    inputs, hidden, outputs = sizes
    if zeta > 0:
        lower = draw.normals((hidden, inputs), scale)
        return lower, draw.orthogonal(outputs, hidden) @ root(zeta * np.eye(hidden) + lower @ lower.T)
    if zeta < 0:
        upper = draw.normals((outputs, hidden), scale)
        return root(-zeta * np.eye(hidden) + upper.T @ upper) @ draw.orthogonal(inputs, hidden).T, upper
    rank = min(sizes)
    inner, values = draw.orthogonal(hidden, rank), draw.uniforms(rank, 0.2, 1.0) * scale
    return inner * values @ draw.orthogonal(inputs, rank).T, draw.orthogonal(outputs, rank) * values @ inner.T


def root(matrix: Array) -> Array:
    """Of a positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def is_proportional(case: Instance) -> bool:
    """W_2^T W_2 - W_1 W_1^T = zeta I, to round-off."""
    lower, upper = (np.asarray(matrix, dtype=float) for matrix in case["start"])
    gap = upper.T @ upper - lower @ lower.T - case["zeta"] * np.eye(len(lower))
    return bool(np.linalg.norm(gap) <= 1e-12 * (1 + np.linalg.norm(upper) ** 2 + np.linalg.norm(lower) ** 2))


def check(case: Instance) -> list[Evidence]:
    """Q Q^T along the simulated flow, in closed form, and from the stepper."""
    lower, upper = (np.asarray(matrix, dtype=float) for matrix in case["start"])
    target, curvatures = np.asarray(case["target"], dtype=float), np.asarray(case["curvatures"], dtype=float)
    task = Task("population", np.diag(curvatures), target * curvatures, (target * curvatures) @ target.T)
    t = np.linspace(0.0, case["t_end"], POINTS)

    def blocks(run: Trajectory) -> Array:
        first, second = run.weights
        stacked = np.concatenate([np.swapaxes(first, 1, 2), second], axis=1)
        return np.asarray(stacked @ np.swapaxes(stacked, 1, 2)).reshape(POINTS, -1)

    value, spread = integrated(task, blocks, hidden=[len(lower)], rule="bp", start=[lower, upper], t_eval=t)
    zeta, outputs, inputs = float(case["zeta"]), len(target), target.shape[1]
    cross = target * curvatures
    generator = np.block([[-zeta / 2 * np.eye(inputs), cross.T], [cross, zeta / 2 * np.eye(outputs)]])
    stacked = np.concatenate([lower.T, upper])
    closed = np.array([gram(closed_factor(generator, stacked, time)) for time in t]).reshape(POINTS, -1)
    stepped, state = [gram(stacked)], stacked
    for _ in t[1:]:
        state = closed_factor(generator, state, t[1])
        stepped.append(gram(state))
    size, fastest = float(np.max(np.abs(value))), float(np.linalg.eigvalsh(generator)[-1])
    # One application divides e^(2 F t) by what has grown alike; the solver's own error comes on top.
    grown, once = np.exp(2 * fastest * t)[:, None], float(np.exp(2 * fastest * t[1]))
    error = spread[:, None]
    early = grown[:, 0] <= LARGEST_GROWTH
    rounding, steps = ROUND_OFF * size * grown, POINTS * ROUND_OFF * size * once
    return [
        equal("$Q Q^T$ and its closed form", value[early], closed[early], (error + rounding)[early], over=t[early]),
        equal("$Q Q^T$ and the stepper", value, np.array(stepped).reshape(POINTS, -1), error + steps, over=t),
    ]


def closed_factor(generator: Array, stacked: Array, time: float) -> Array:
    """e^(F t) Q [I + 1/2 Q^T J_t Q]^(-1/2), J_t = 2 int_0^t e^(2 F t') dt'."""
    values, vectors = np.linalg.eigh(generator)
    safe = np.where(np.abs(values) > 1e-12, values, 1.0)
    grown = np.where(np.abs(values) > 1e-12, np.expm1(2 * values * time) / safe, 2 * time)
    seen = vectors.T @ stacked
    inner, turn = np.linalg.eigh(np.eye(stacked.shape[1]) + seen.T @ (grown[:, None] * seen) / 2)
    inner = np.maximum(inner, 1.0)  # as it is but for round-off
    return np.asarray(vectors @ (np.exp(values * time)[:, None] * seen) @ (turn / np.sqrt(inner)) @ turn.T)


def gram(factor: Array) -> Array:
    """Q Q^T."""
    return np.asarray(factor @ factor.T)


def generic(draw: Draw) -> Instance:
    """An imbalance that is no multiple of the identity."""
    case = dict(sample(draw))
    sizes = draw.choice(SHAPES[:4])
    case |= {"sizes": list(sizes), "target": draw.normals((sizes[2], sizes[0])), "curvatures": np.ones(sizes[0])}
    return {
        **case,
        "start": [draw.normals((sizes[1], sizes[0]), 0.5), draw.normals((sizes[2], sizes[1]), 0.5)],
        "t_end": 2.0,
    }


def coloured(draw: Draw) -> Instance:
    """Inputs of unequal curvature."""
    case = dict(sample(draw))
    inputs = case["sizes"][0]
    curvatures = draw.uniform(1.5, 3.0) * np.geomspace(1.0, 1.3, inputs)
    return {**case, "curvatures": curvatures, "t_end": min(case["t_end"], 4.0 / np.linalg.norm(case["target"], 2))}


STATEMENT = Statement(
    id="classical.riccati",
    claim=(
        r"Two layers under gradient flow, white input, $W_2^\top W_2 - W_1 W_1^\top = \zeta I$: with "
        r"$Q = (W_1^\top; W_2)$, $Q Q^\top(t) = e^{F t} Q_0 [I + \frac12 Q_0^\top J_t Q_0]^{-1} Q_0^\top e^{F t}$, "
        r"$J_t = 2 \int_0^t e^{2 F t'} dt'$, and $Q \to e^{F h} Q [I + \frac12 Q^\top J_h Q]^{-1/2}$ steps it exactly."
    ),
    provenance="classical",
    realises=("A1",),
    hypotheses=(
        Hypothesis("proportional imbalance", r"$W_2^\top W_2 - W_1 W_1^\top = \zeta I$", is_proportional),
        Hypothesis("white input", r"$\Sigma_{xx} = I$", lambda case: bool(np.all(np.asarray(case["curvatures"]) == 1))),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("proportional imbalance", "A generic imbalance: another flow.", generic),
        Counterexample("white input", "Coloured input: another flow.", coloured),
    ),
    draws=Draws(default=20),
    note="Fukumizu 1998; Braun, Domine et al. 2022. $Q$ itself is returned up to a rotation from the right.",
)
