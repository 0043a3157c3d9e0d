"""What a network that fits its data does outside of them: what its first layer did at the start, and nothing else."""

from typing import Any

import numpy as np

from fa_dynamics.derive.lookup import find_rule
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.minimum_norm import interpolation_limit, moves_within_inputs
from fa_dynamics.theorems import (
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

RULES = ("fa", "bp", "dfa", "kp", "sign")

RATES = 20.0
"""Horizon of those runs, in units of the rate that a theorem gives them: exp(-20) of the residual is left."""


def sample(draw: Draw) -> Instance:
    """Half are runs of any rule at any time, half aligned starts of feedback alignment, which learn their data."""
    return learner(draw) if draw.flip() else passenger(draw)


def data(draw: Draw, case: Instance) -> dict[str, Any]:
    """Fewer samples than inputs, in general position; conditions of the moment up to 30."""
    inputs, outputs = case["sizes"][0], case["sizes"][-1]
    count, spread = draw.integer(1, max(1, inputs - 1)), draw.log_uniform(1.0, 30.0)
    left, right = draw.orthogonal(count), draw.orthogonal(inputs, count)
    singular = np.geomspace(1.0, 1.0 / np.sqrt(spread), count) * np.sqrt(count)
    return {"inputs": left @ (singular[:, None] * right.T), "targets": draw.normals((count, outputs))}


def passenger(draw: Draw) -> dict[str, Any]:
    """Any rule, any time; the first layer of order one."""
    rule = draw.choice(RULES)
    case = dict(linear.network(draw, ((3, 4, 2), (4, 2, 3), (2, 1, 3), (3, 3, 5, 2), (4, 3, 2, 1, 2))))
    if rule == "sign":
        case = linear.of_order_one(draw, case)
    case |= data(draw, case)
    sizes = case["sizes"]
    if rule in ("bp", "sign"):
        case["feedback"] = []
    elif rule == "dfa":
        case["feedback"] = [draw.normals((width, sizes[-1])) for width in sizes[1:-1]]
    speed = linear.speed(case) if case["feedback"] else linear.speed({**case, "feedback": case["start"][1:]})
    return {"rule": rule, "learns": False, "decay": None, **case, "t_end": draw.log_uniform(1.0, 20.0) / speed}


def learner(draw: Draw) -> dict[str, Any]:
    """Two layers, W_2(0) = gamma B_2^T: theorem B of the notes gives the rate gamma lambda_min(Gamma) - 1/2 |W_1|^2."""
    inputs, hidden, outputs = draw.choice(((3, 3, 2), (4, 2, 2), (2, 5, 1), (5, 1, 1)))
    strength, still = draw.log_uniform(0.5, 2.0), draw.flip()
    case: dict[str, Any] = {"sizes": [inputs, hidden, outputs]}
    case |= data(draw, case)
    back = strength * draw.orthogonal(hidden, outputs)
    first = draw.normals((hidden, inputs), draw.log_uniform(0.01, 1.0)) * (0.0 if still else 1.0)
    needed = 1.0 + 0.5 * float(np.linalg.norm(first, 2)) ** 2
    case |= {"start": [first, needed / strength**2 * back.T], "feedback": [back]}
    curvature = np.linalg.eigvalsh(linear.task_of(case).input_moment)
    slowest = float(curvature[curvature > 1e-9 * curvature[-1]][0])
    return {"rule": "fa", "learns": True, "decay": None, **case, "t_end": RATES / slowest}


def fit(case: Instance) -> tuple[Array, Array, float]:
    """Y X^+, the projector on what no sample has, and the smallest singular value of the samples."""
    inputs, targets = (np.asarray(case[key], dtype=float) for key in ("inputs", "targets"))
    inverse = np.linalg.pinv(inputs, rcond=1e-10)
    singular = np.linalg.svd(inputs, compute_uv=False)
    outside = np.eye(inputs.shape[1]) - inverse @ inputs
    return (inverse @ targets).T, outside, float(singular[singular > 1e-10 * singular[0]][-1])


def check(case: Instance) -> list[Evidence]:
    """The distance to the formula beside the residual that is left, at all times; the end of runs that learn."""
    inputs, targets = (np.asarray(case[key], dtype=float) for key in ("inputs", "targets"))
    least, outside, smallest = fit(case)
    first = linear.matrices(case["start"])[0]
    package: list[Array] = []

    def distances(run: Trajectory) -> Array:
        term = first @ outside
        for weight in run.weights[1:]:
            term = weight @ term
        residual = np.linalg.norm(inputs @ linear.transposed(run.end_to_end) - targets, axis=(1, 2))
        above = [weight[-1] for weight in run.weights[1:]]
        package.append(interpolation_limit(run.task, above, first) - (least + term)[-1])
        return np.stack([np.linalg.norm(run.end_to_end - least - term, axis=(1, 2)), residual, run_norm(run)])

    t, values, error = linear.measured(case, distances, rule=case["rule"], time_axis=1)
    distance, residual, norm = values
    scale, fine = float(norm.max()) + float(np.linalg.norm(least)), error[:, 0]
    known = fine * (1 + 1 / smallest) + linear.ROUNDED * scale / smallest
    evidence = [
        at_most("distance to the formula", distance, residual / smallest, known, scale=scale, over=t),
        equal("the package's formula", package[-1], 0.0, linear.ROUNDED * scale / smallest, scale=scale),
    ]
    if case["learns"]:
        learned = residual[0] * np.exp(-RATES * t / t[-1])
        evidence.append(at_most("residual of runs that learn", residual, learned, fine, over=t))
        if not np.any(first):
            least_norm = np.linalg.norm(least) + residual[-1] / smallest
            evidence.append(at_most("norm of the end", norm[-1], least_norm, known[-1], scale=scale))
    return evidence


def run_norm(run: Trajectory) -> Array:
    """Frobenius norm of the map, (time,)."""
    return np.asarray(np.linalg.norm(run.end_to_end, axis=(1, 2)))


def decaying(draw: Draw) -> Instance:
    """Decay of the first layer takes away what no sample holds."""
    case = dict(learner(draw))
    sizes = case["sizes"]
    case["start"] = [draw.normals((sizes[1], sizes[0])), case["start"][1]]
    return case | {"learns": False, "decay": [20.0 / case["t_end"], 0.0]}


def prove(depth: int) -> str:
    """Read from the derived flows that the first layer moves within the span of the inputs."""
    for layers in range(1, depth + 1):
        for rule in RULES:
            if (layers > 1 or rule == "fa") and not moves_within_inputs(rule, layers):
                raise Unproved(f"W_1 leaves the span of the inputs under {find_rule(rule).name} at depth {layers}")
    if moves_within_inputs("fa", depth, decay=True):
        raise Unproved("weight decay would keep W_1 within the span")
    return f"L <= {depth}; rules {', '.join(RULES)}"


STATEMENT = Statement(
    id="robertson2024.minimum-norm",
    claim=(
        r"A linear network that has fitted its data, under any rule that only replaces what goes back, is at "
        r"$P = Y X^+ + W_L \cdots W_2 W_1(0) (I - \Pi_x)$, the interpolator of least norm if $W_1(0) = 0$; before that "
        r"its distance to this is at most its residual over the smallest singular value of the samples."
    ),
    provenance="abstract",
    realises=("R4", "A1"),
    hypotheses=(
        Hypothesis(
            "independent samples",
            "the samples can be fitted",
            lambda case: int(np.linalg.matrix_rank(np.asarray(case["inputs"]))) == len(case["inputs"]),
        ),
        Hypothesis("no decay", r"$\rho_1 = 0$", lambda case: not np.any(case["decay"] or 0.0)),
    ),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("no decay", "Weight decay removes the second term.", decaying),),
    prove=prove,
    draws=Draws(default=10),
    note=(
        "Realises the abstract of the first version. That the data are fitted at all is checked for two layers with "
        "$W_2(0) = \\gamma B_2^\\top$, where dominance-two-layer guarantees it."
    ),
)
