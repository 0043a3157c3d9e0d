"""Every scalar mode is learned under feedback alignment, from every start."""

import numpy as np

from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Instance,
    Statement,
    at_least,
    at_most,
)
from fa_dynamics.theorems.girotti2021 import _chains as chains

END = 1e-6
"""Error |e| / |sigma| by which a mode counts as learned."""

LATE = 1e8
"""In the mode's own time: a ghost this long has its fold as near as rounding."""


def sample(draw: Draw) -> Instance:
    """Depth 2..5, data and feedback over decades, weights from far below to three times their natural sizes."""
    return chains.draw_chain(draw, 2, 5)


def without_feedback(draw: Draw) -> Instance:
    """b_2 = 0 above a first weight that is zero: nothing can move the product."""
    case = dict(sample(draw))
    start, feedback = np.array(case["start"]), np.array(case["feedback"])
    start[0], feedback[0] = 0.0, 0.0
    return case | {"start": start, "feedback": feedback}


def without_curvature(draw: Draw) -> Instance:
    """No curvature: the error is the correlation for ever."""
    return dict(sample(draw)) | {"curvature": 0.0}


def check(case: Instance) -> list[Evidence]:
    """|e| at a late time, and theta_1, which runs one way."""
    own, target = chains.natural_time(case), abs(case["correlation"])
    t = np.concatenate([[0.0], np.geomspace(1e-2 * own, LATE * own, 40)])
    curves = chains.solve(case, t)
    left, known = chains.errors(case, curves)
    first = curves.weights[0, :, 0]
    steps = np.diff(first) * np.sign(chains.clock_factors(case["feedback"])[0] * left[0])
    size = float(np.abs(first).max()) or 1.0
    return [
        at_most("$|e(t)|$ late", abs(left[-1]), END * target, known[-1], scale=target),
        at_least(r"steps of $\theta_1$ in its direction", steps, 0.0, ROUND_OFF * size, scale=size),
    ]


STATEMENT = Statement(
    id="girotti2021.global-convergence",
    claim=(
        r"For $\lambda > 0$ and all $b_l \ne 0$, every solution of the scalar chain exists for all times, "
        r"is bounded, its $\theta_1$ is monotone, and its error $e = \sigma - \lambda p$ goes to 0."
    ),
    provenance="abstract",
    realises=("G1",),
    hypotheses=(chains.CURVED, chains.FED_BACK),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("feedback", r"$b_2 = 0$ and $\theta_1(0) = 0$: the mode never moves.", without_feedback),
        Counterexample(
            "curvature", r"$\lambda = 0$: the error stays, and the weights drift for ever.", without_curvature
        ),
    ),
    draws=Draws(40),
    note="Essentially due to Baldi, Sadowski and Lu. The limit is checked at a finite, very late time.",
)
