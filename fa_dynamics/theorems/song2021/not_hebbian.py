"""Feedback alignment is gated by the error and comes to rest; Hebb's rule is not and does not."""

import numpy as np

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.tasks import Task
from fa_dynamics.theorems import (
    ROUND_OFF,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    at_least,
    at_most,
)
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.song2021 import _one_output as one

GROWN = 1e6
"""By how much Hebb's rule multiplies the top component of W_1 within the run."""

REST = 1e-3
"""Speed of W_1 at the end, in units of the fastest rate times its first size or that of the learned part."""


def sample(draw: Draw) -> Instance:
    """Data whose eigenvalues differ by up to 2, wide or narrow, W_2 not against B_2, so that learning ends in time."""
    while True:
        case = one.draw_case(draw, against=False, explained=True, rank=(1, 4), widths=(8, 20))
        problem = one.problem_of(case)
        if problem.curvatures[0] < 2 * problem.slowest and one.start_of(case, problem).guaranteed_rate > 0.5:
            return case


def lower(run: Trajectory) -> np.ndarray:
    """W_1 and the map, (time, entries)."""
    first = run.weights[0]
    return np.concatenate([first.reshape(len(first), -1), run.end_to_end.reshape(len(first), -1)], axis=1)


def check(case: Instance) -> list[Evidence]:
    """|W_1| under both rules, and how both move where the error is zero."""
    inputs = np.asarray(case["inputs"], dtype=float)
    samples, problem = len(inputs), one.problem_of(case)
    task, start = Task.from_arrays(inputs, np.asarray(case["targets"])[:, None]), one.start_of(case, problem)
    weights, back = [np.asarray(case[name], dtype=float) for name in ("W_1", "W_2")], np.asarray(case["B_2"])
    top = float(problem.curvatures[0]) / samples
    # Both flows in the package's mean loss; long enough for Hebb's rule to grow, and for learning to end.
    end = max(np.log(GROWN) / top, 14.0 * samples / (start.guaranteed_rate * problem.slowest))
    t = np.linspace(0.0, end, 25)
    value, known = integrated(task, lower, start=weights, feedback=[back], t_eval=t, hidden=len(back), rule="fa")
    known = np.ravel(known)
    learned = value[:, : weights[0].size]
    size = np.linalg.norm(learned, axis=1)
    most = float(np.linalg.norm(weights[0]) + np.sqrt(start.kappa) * one.farthest(problem, start))
    hebb = hebbian(weights[0], problem, samples, t)
    component = float(np.linalg.norm(weights[0] @ problem.basis[:, 0]))
    entries = np.sqrt(learned.shape[1])
    late = np.linalg.norm(learned[-1] - learned[-2]) / (most * top * (t[-1] - t[-2]))
    return [
        at_most(r"$\lvert W_1\rvert$ under feedback alignment", size, most, entries * known, over=t),
        at_most("its late speed", late, REST, 2 * entries * known[-1] / (most * top * (t[-1] - t[-2])), scale=1.0),
        at_least(r"$\ln\lvert W_1\rvert$ under Hebb's rule", np.log(hebb), np.log(component) + top * t,
                 ROUND_OFF * (1 + np.abs(np.log(hebb)) + top * t)),
        at_least("growth under Hebb's rule over that under feedback alignment", hebb[-1] / size[-1],
                 GROWN * component / most, ROUND_OFF * hebb[-1] / size[-1] * (1 + top * end) + entries * known[-1]
                 * hebb[-1] / size[-1] ** 2),
    ]  # fmt: skip


def hebbian(first: np.ndarray, problem: OneOutputProblem, samples: int, t: np.ndarray) -> np.ndarray:
    """|W_1| under W_1' = W_1 Sigma_xx, solved in the inputs' eigenbasis."""
    grown = np.exp(problem.curvatures / samples * t[:, None, None]) * (first @ problem.basis)
    beside = np.sum(first**2) - np.sum((first @ problem.basis) ** 2)
    return np.asarray(np.sqrt(np.sum(grown**2, axis=(1, 2)) + max(float(beside), 0.0)))


STATEMENT = Statement(
    id="song2021.not-hebbian",
    claim=(
        r"Same linear network, same data, $\rho = 0$: $\dot W_1 = B_2 E$ rests where $E = 0$, and $\lvert W_1\rvert$ "
        r"is bounded beforehand, while under Hebb's rule $\dot W_1 = W_1\Sigma_{xx}$ it is at least "
        r"$e^{\lambda_{\max}t}$ times its top component, for ever."
    ),
    provenance="ours",
    realises=("S6",),
    hypotheses=(
        one.NO_DECAY,
        Hypothesis(
            "inputs", r"$W_1\Sigma_{xx} \ne 0$", lambda case: bool(np.any(np.asarray(case["W_1"]) @ np.transpose(
                np.asarray(case["inputs"])) != 0))
        ),
    ),
    sample=sample,
    check=check,
    draws=Draws(default=10),
    note=r"An illustration. The bound on $\lvert W_1\rvert$ is that of `song2021.global-convergence`.",
)  # fmt: skip
