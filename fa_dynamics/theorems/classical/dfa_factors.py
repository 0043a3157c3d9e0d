"""From zero the weights stay in the factors of the feedback, and the symmetric part of B_2 W_2 is positive."""

from functools import reduce

import numpy as np

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.theorems import (
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
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

SHAPES = ((3, 4, 2), (2, 1, 3), (3, 3, 5, 2), (2, 1, 3, 2), (2, 2, 3, 3, 2))


def sample(draw: Draw) -> Instance:
    """DFA and FA from zero; the coefficients at which the factor form is compared are random."""
    rule, reach = draw.choice(["dfa", "fa"]), draw.log_uniform(1.0, 30.0)
    case = dict(linear.network(draw, SHAPES))
    outputs, inputs = case["sizes"][-1], case["sizes"][0]
    if rule == "dfa":
        case["feedback"] = [draw.normals((width, outputs), draw.log_uniform(0.3, 1.5)) for width in case["sizes"][1:-1]]
    case["start"] = [np.zeros(matrix.shape) for matrix in case["start"]]
    case["t_end"] = reach / linear.speed(case)
    columns = [inputs, *[outputs] * (len(case["start"]) - 1)]
    return {"rule": rule, **case, "coefficients": [draw.normals((outputs, count)) for count in columns]}


def factors(case: Instance) -> list[Array]:
    """D_1..D_{L-1} of DFA, C_1..C_{L-1} of FA, and the identity."""
    feedback, last = linear.matrices(case["feedback"]), np.eye(case["sizes"][-1])
    if case["rule"] == "dfa":
        return [*feedback, last]
    return [*(reduce(lambda a, b: a @ b, feedback[layer:]) for layer in range(len(feedback))), last]


def form(coefficients: list[Array], parts: list[Array]) -> list[Array]:
    """W_1 = D_1 A_1, W_l = D_l A_l D_{l-1}^T."""
    first, *rest = coefficients
    return [parts[0] @ first, *(part @ a @ below.T for a, part, below in zip(rest, parts[1:], parts, strict=False))]


def check(case: Instance) -> list[Evidence]:
    """What a run leaves outside the factors; the stated velocity of coefficients; for FA the symmetric part."""
    parts = factors(case)
    own = [part @ np.linalg.pinv(part) for part in parts]
    below = [np.eye(case["sizes"][0]), *own[:-1]]

    def both(run: Trajectory) -> Array:
        inside = [left @ weight @ right for left, weight, right in zip(own, run.weights, below, strict=True)]
        return np.stack([linear.flat(*run.weights), linear.flat(*inside)])

    t, (whole, inside), error = linear.measured(case, both, rule=case["rule"], time_axis=1)
    evidence = [
        equal(
            "$W_l$ and its part in the factors",
            whole,
            inside,
            2 * error,
            scale=max(1.0, float(np.max(np.abs(whole)))),
            over=t,
        ),
        closed(case, parts),
    ]
    return [*evidence, *(symmetric_part(case) if case["rule"] == "fa" else [])]


def closed(case: Instance, parts: list[Array]) -> Evidence:
    """The package's velocity at a random point of the factor form, beside that of the stated coefficients."""
    task, coefficients = linear.task_of(case), linear.matrices(case["coefficients"])
    grams = [part.T @ part for part in parts]
    signals = [np.eye(case["sizes"][0])]
    for coefficient, gram in zip(coefficients, [signals[0], *grams[:-1]], strict=True):
        signals.append(coefficient @ gram @ signals[-1])
    error = task.cross_moment - signals[-1] @ task.input_moment
    slopes = [error @ seen.T for seen in signals[:-1]]
    stated = np.concatenate([each.ravel() for each in form(slopes, parts)])
    weights = form(coefficients, parts)
    given = np.concatenate([each.ravel() for each in linear.velocities(case["rule"], case, weights, case["feedback"])])
    size = float(np.prod([1 + np.linalg.norm(weight) for weight in weights])) ** 2
    size *= 1 + float(np.linalg.norm(task.input_moment) + np.linalg.norm(task.cross_moment))
    size *= max(1.0, max(float(np.linalg.norm(part)) for part in parts)) ** 2
    return equal("velocity in the factors, and the stated one", given, stated, linear.ROUNDED * size, scale=size)


def symmetric_part(case: Instance) -> list[Evidence]:
    """Smallest eigenvalue of sym(B_2 W_2) along the run, and W_1 W_1^T beside twice that part."""
    back = linear.matrices(case["feedback"])[0]

    def read(run: Trajectory) -> Array:
        product = back @ run.weights[1]
        twice = product + linear.transposed(product)
        gram = run.weights[0] @ linear.transposed(run.weights[0])
        lowest = np.linalg.eigvalsh(twice)[:, :1] / 2
        return np.concatenate([lowest, linear.flat(twice), linear.flat(gram)], axis=1)

    t, values, error = linear.measured(case, read, rule="fa")
    twice, gram = np.split(values[:, 1:], 2, axis=1)
    scale = float(np.max(np.abs(values))) or 1.0
    width = case["sizes"][1]
    return [
        at_least(
            r"eigenvalues of $\mathrm{sym}(B_2 W_2)$", values[:, 0], 0.0, width * error[:, 0], scale=scale, over=t
        ),
        equal(r"$2\, \mathrm{sym}(B_2 W_2)$ and $W_1 W_1^T$", twice, gram, 2 * error, over=t),
    ]


def warm(draw: Draw) -> Instance:
    """Weights of order one outside the factors."""
    return linear.of_order_one(draw, sample(draw))


STATEMENT = Statement(
    id="classical.dfa-factors",
    claim=(
        r"From zero weights under direct feedback alignment $W_1 = D_1 A_1$, $W_l = D_l A_l D_{l-1}^\top$ ($D_L = I$) "
        r"with $\dot A_1 = E$, $\dot A_l = E (A_{l-1} \Delta_{l-2} A_{l-2} \cdots \Delta_1 A_1)^\top$, "
        r"$\Delta_j = D_j^\top D_j$; under feedback alignment with $C_l$ for $D_l$, and "
        r"$2\, \mathrm{sym}(B_2 W_2) = W_1 W_1^\top \succeq 0$."
    ),
    provenance="classical",
    realises=("R1", "R4"),
    hypotheses=(
        Hypothesis(
            "zero start",
            "all $W_l(0) = 0$",
            lambda case: not any(np.any(weight) for weight in linear.matrices(case["start"])),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("zero start", "What the start has outside the factors stays.", warm),),
    draws=Draws(default=14),
    note="Refinetti et al. 2021, Lillicrap et al. 2016. The antisymmetric part of $B_2 W_2$ does not vanish.",
)
