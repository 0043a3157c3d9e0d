"""Through a layer narrower than the output, feedback alignment learns a sketch that its feedback chooses."""

from itertools import pairwise

import numpy as np

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.theorems import (
    ROUND_OFF,
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
from fa_dynamics.theorems.girotti2021 import _flows as flows

LATE = 150.0
"""In units of 1 / curvature; the last quarter of it has to make no difference."""


def sample(draw: Draw) -> Instance:
    """Depth 2 or 3, one layer narrower than the output, small random starts and random feedback."""
    depth, outputs = draw.integer(2, 3), draw.integer(2, 3)
    inputs, narrow = draw.integer(outputs, outputs + 1), draw.integer(1, outputs - 1)
    size = draw.log_uniform(1e-3, 0.1)
    hidden = [draw.integer(narrow, narrow + 2) for _ in range(depth - 1)]
    hidden[draw.integer(0, depth - 2)] = narrow
    widths = [inputs, *hidden, outputs]
    pairs = list(pairwise(widths))
    while True:
        case = flows.draw_moments(draw, inputs, outputs, commuting=draw.flip())
        case["start"] = [size * draw.normals((above, below)) for below, above in pairs]
        case["feedback"] = [_conditioned(draw, below, above) for below, above in pairs[1:]]
        if _generic(case):
            return case | {"rule": "fa"}


def _conditioned(draw: Draw, below: int, above: int) -> np.ndarray:
    """Feedback whose singular values lie between 0.7 and 2, so that no direction takes for ever."""
    rank = min(below, above)
    values = draw.uniforms(rank, 0.7, 2.0)
    return np.asarray((draw.orthogonal(below, rank) * values) @ draw.orthogonal(above, rank).T)


def with_backpropagation(draw: Draw) -> Instance:
    """The same network under backpropagation."""
    return dict(sample(draw)) | {"rule": "bp"}


def sketch(case: Instance) -> tuple[np.ndarray, np.ndarray]:
    """P_* Pi_R, R = r independent rows of C_1 P_*, and P_*."""
    task, feedback = flows.task_of(case), flows.matrices(case["feedback"])
    fitted = task.least_squares
    seen = flows.feedback_products(feedback, task.n_outputs)[0] @ fitted
    rows = np.linalg.svd(seen)[2][: np.linalg.matrix_rank(seen, rtol=1e-9)]
    moment = task.input_moment
    return fitted @ moment @ rows.T @ np.linalg.solve(rows @ moment @ rows.T, rows), fitted


def check(case: Instance) -> list[Evidence]:
    """The end-to-end map late beside the sketch, and its excess loss beside that of the best map of rank r."""
    claimed, fitted = sketch(case)
    root = np.linalg.cholesky(np.asarray(case["input_moment"], dtype=float))
    unit = 1.0 / float(np.max(case["curvature"]))

    def ends(trajectory: Trajectory) -> np.ndarray:
        return trajectory.end_to_end

    (first, second, late), known = flows.run(case, ends, np.array([0.5, 0.75, 1.0]) * LATE * unit, case["rule"])
    # What decays to less than half in a quarter of the time has less ahead of it than it did in the last quarter.
    before, moved = float(np.abs(second - first).max()), float(np.abs(late - second).max())
    ahead = moved if moved <= max(0.5 * before, known[-1].max()) else np.inf
    doubt = float(known[-1].max()) + ahead + ROUND_OFF * float(np.abs(fitted).max())
    narrow = min(len(weight) for weight in case["start"][:-1])
    excess = 0.5 * np.linalg.norm((late - fitted) @ root) ** 2
    best = 0.5 * float((np.linalg.svd(fitted @ root, compute_uv=False)[narrow:] ** 2).sum())
    slack = doubt * np.linalg.norm(root) ** 2 * fitted.size * (np.abs(late - fitted).max() + doubt)
    return [
        equal(r"$P_\infty - P_* \Pi_R$", late, claimed, doubt, scale=float(np.abs(fitted).max())),
        at_least("excess loss over that of rank $r$", excess, best, slack, scale=best),
    ]


def _narrow(case: Instance) -> bool:
    return min(len(weight) for weight in case["start"][:-1]) < len(case["start"][-1])


def _generic(case: Instance) -> bool:
    """Whether C_1 P_* has rank r, with singular values that are not too different."""
    start, feedback = flows.matrices(case["start"]), flows.matrices(case["feedback"])
    narrow = min(len(weight) for weight in start[:-1])
    seen = flows.feedback_products(feedback, len(start[-1]))[0] @ flows.task_of(case).least_squares
    values = np.linalg.svd(seen, compute_uv=False)
    return len(values) >= narrow and bool(values[narrow - 1] > 0.1 * values[0])


STATEMENT = Statement(
    id="girotti2021.bottleneck-sketch",
    claim=(
        r"With a hidden width $r < n_L$, a rest point whose hidden map has rank $r$ is $P_\infty = P_* \Pi_R$: the "
        r"$\Sigma_{xx}$-orthogonal projection of $P_*$ on the row space of $R = C_1 P_*$, which the feedback chooses; "
        r"small random starts go there."
    ),
    provenance="observed",
    realises=("R2",),
    hypotheses=(
        Hypothesis("bottleneck", "the narrowest hidden width $r$ is below $n_L$", _narrow),
        Hypothesis("generic feedback", r"rank $C_1 P_* = r$, well conditioned", _generic),
        Hypothesis("feedback alignment", "fixed feedback", lambda case: case["rule"] == "fa"),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("feedback alignment", "Backpropagation learns the top $r$ modes.", with_backpropagation),
    ),
    draws=Draws(4),
    note=(
        r"The place of such rest points is derived, that the flow goes to them is observed. "
        r"Widths $r \ge n_L$ reach $P_*$."
    ),
)
