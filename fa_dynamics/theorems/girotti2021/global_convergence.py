"""Every scalar mode is learned under feedback alignment, from every start."""

import numpy as np

from fa_dynamics.modes import solve_modes
from fa_dynamics.theorems import Counterexample, Draw, Evidence, Hypothesis, Instance, Statement, at_most

END = 1e-6
"""Error |e| / sigma by which a mode counts as learned."""


def sample(draw: Draw) -> Instance:
    """A chain of depth 2..4 with weights of order one, feedback and targets over two decades, all of both signs."""
    depth = draw.integer(2, 4)
    feedback = draw.log_uniforms(depth - 1, 0.1, 10.0) * draw.signs(depth - 1)
    return {
        "depth": depth,
        "curvature": draw.log_uniform(0.1, 10.0),
        "correlation": draw.sign() * draw.log_uniform(0.1, 10.0),
        "start": draw.normals(depth),
        "feedback": feedback,
    }


def without_feedback(draw: Draw) -> Instance:
    """One b_l = 0 above a weight that is zero: nothing can move the product."""
    case = dict(sample(draw))
    case["start"] = np.zeros(case["depth"])
    case["feedback"] = np.where(np.arange(case["depth"] - 1) == 0, 0.0, case["feedback"])
    return case


def check(case: Instance) -> Evidence:
    """|e| at a late time: the slowest rates of these chains are seen to 1e12 times the mode's own time."""
    target = abs(case["correlation"])
    late = 1e12 / (case["curvature"] * min(1.0, target))
    curves = solve_modes(
        [case["correlation"]],
        curvature=case["curvature"],
        depth=case["depth"],
        start=np.reshape(case["start"], (-1, 1)),
        feedback=np.reshape(case["feedback"], (-1, 1)),
        t=[0.0, late],
    )
    error = np.abs(case["correlation"] - case["curvature"] * curves.strength[-1])
    return at_most("$|e(t)|$ late", error, END * target, case["curvature"] * curves.error[-1], scale=target)


STATEMENT = Statement(
    id="girotti2021.global-convergence",
    claim=(
        r"For $\lambda > 0$ and all $b_l \ne 0$, every solution of the scalar chain exists for all times, "
        r"is bounded, and its error $e = \sigma - \lambda p$ goes to 0."
    ),
    provenance="abstract",
    realises=("G1",),
    hypotheses=(
        Hypothesis("curvature", r"$\lambda > 0$", lambda case: case["curvature"] > 0),
        Hypothesis("feedback", r"all $b_l \ne 0$", lambda case: bool(np.all(np.asarray(case["feedback"]) != 0))),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("feedback", r"$b_2 = 0$ and a zero start: the mode never moves.", without_feedback),
    ),
    note="Essentially due to Baldi, Sadowski and Lu. The limit is checked at a finite, very late time.",
)
