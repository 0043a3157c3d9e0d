"""With one output and no decay every network learns the least-squares map, however narrow and however it starts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.one_output import OneOutputStart
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.tasks import Task
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.song2021 import _one_output as one

Array = NDArray[np.float64]

END = 1e-4
"""|(P - P_*) X| over its first value or |P_* X|, by which the map counts as learned."""

LATE = 1e6
"""Times 1 / gamma_-: starts beside a saddle stay there for long."""


def sample(draw: Draw) -> Instance:
    """Widths 1, 2, 3, 8, 40 and data of rank up to 5; W_2 at any angle to B_2, a quarter of all straight against it."""
    against = draw.flip(0.25)
    case = one.draw_case(draw)
    return {**case, "W_2": -np.linalg.norm(case["W_2"]) * np.transpose(_unit(case["B_2"]))} if against else case


def _unit(column: Any) -> Array:
    return np.asarray(np.asarray(column) / np.linalg.norm(column))


def fall(start: OneOutputStart, away: Array, run: OneOutputRun) -> Array:
    """Phi of the claim less its first value, along a run; `away` is P_0 - P_*."""
    U, kappa = run.state["U"], start.kappa
    delta, first = U - start.U, start.U @ start.U
    added = np.sum(delta * (U + start.U), axis=1)  # |U|^2 - |U_0|^2
    quadratic = np.sum((delta @ one.clock_matrix(start)) * delta, axis=1) / 2
    quartic = kappa / 8 * added * (added + 2 * first)
    return np.asarray(quadratic + quartic + delta @ (away - kappa / 2 * first * start.U))


def check(case: Instance) -> list[Evidence]:
    """The misfit at a late time, how far the clock goes until then, and Phi from time to time in the beginning."""
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    own, quick = 1 / problem.slowest, 1 / one.speed(problem, start)
    t = np.concatenate([[0.0], np.geomspace(1e-4 * own, LATE * own, 40)])

    def seen(run: OneOutputRun) -> Array:
        far = np.linalg.norm(run.state["U"] - start.U, axis=1)
        return np.stack([one.misfit(problem, run.P), far], axis=1)

    values, known = one.run(problem, start, t, seen, stiff=True, regularization=case["rho"])
    left, far = values.T
    scale = max(float(left[0]), float(one.misfit(problem, np.zeros(problem.rank))))
    pieces = [
        at_most(r"$\lvert(P - P_*)X\rvert$ late", left[-1], END * scale, known[-1, 0], scale=scale),
        at_most(r"$\lvert U - U_0\rvert$", far, one.farthest(problem, start), known[:, 1]),
    ]
    begin = np.linspace(0.0, 20 * quick, 21)
    phi, doubt = one.run(
        problem, start, begin, lambda run: fall(start, start.P - problem.target, run), regularization=case["rho"]
    )
    return [*pieces, at_most(r"steps of $\Phi$", np.diff(phi), 0.0, doubt[1:] + doubt[:-1], scale=abs(phi[-1]))]


def with_decay(draw: Draw) -> Instance:
    """Constant decay of the second layer."""
    case = sample(draw)
    return {**case, "rho": one.problem_of(case).slowest * draw.log_uniform(0.1, 10.0)}


def check_end(case: Instance) -> Evidence:
    """The misfit alone."""
    return check(case)[0]


def without_feedback(draw: Draw) -> Instance:
    """B_2 = 0, and fewer hidden units than directions to learn."""
    case = one.draw_case(draw, widths=(1, 2), rank=(3, 5))
    return {**case, "B_2": np.zeros_like(case["B_2"])}


def with_two_outputs(draw: Draw) -> Instance:
    """One hidden unit, two outputs."""
    case = one.draw_case(draw, widths=(1,), rank=(2, 5))
    inputs = np.asarray(case["inputs"])
    upper, back = draw.normals((2, 1)), draw.normals((1, 2))
    return {**case, "targets": inputs @ draw.normals((inputs.shape[1], 2)), "W_2": upper, "B_2": back}


def check_full(case: Instance) -> Evidence:
    """The misfit along the flow of the full weights, for as long as it takes if anything is to be learned."""
    targets = np.asarray(case["targets"], dtype=float)
    task = Task.from_arrays(case["inputs"], targets.reshape(len(targets), -1))
    start, back = [np.asarray(case[name]) for name in ("W_1", "W_2")], np.asarray(case["B_2"])

    def excess(run: Trajectory) -> Array:
        return np.asarray(run.loss[-1:] - task.best_loss)

    end = 100.0 / float(np.linalg.norm(task.input_moment, 2))
    value, known = integrated(task, excess, hidden=len(back), rule="fa", start=start, feedback=[back], t_eval=[end])
    scale = task.loss(np.zeros((task.n_outputs, task.n_inputs))) - task.best_loss
    return at_most("excess of the loss", value, END**2 * scale, known, scale=scale)


STATEMENT = Statement(
    id="song2021.global-convergence",
    claim=(
        r"$L = 2$, $n_2 = 1$, $\rho = 0$, $B_2 \ne 0$: from every start, at every width and for any data the flow "
        r"converges to the least-squares map on the range of $\Sigma_{xx}$; with $\delta = U - U_0$, "
        r"$\mathcal A = M_0 - \kappa U_0^\top U_0 + (s_0 - \frac\kappa2\lvert U_0\rvert^2) I$ the potential $\Phi = "
        r"\frac12\delta\mathcal A\delta^\top + \frac\kappa8\lvert U\rvert^4 - \frac\kappa2\lvert U_0\rvert^2 "
        r"U_0\delta^\top + (P_0 - P_*)\delta^\top$ falls, and bounds $\lvert\delta\rvert$ beforehand."
    ),
    provenance="abstract",
    realises=("S3",),
    hypotheses=(
        Hypothesis("no decay", r"$\rho = 0$", lambda case: case["rho"] == 0),
        Hypothesis("feedback", r"$B_2 \ne 0$", lambda case: bool(np.any(np.asarray(case["B_2"]) != 0))),
        Hypothesis("one output", "$n_2 = 1$", lambda case: len(case["W_2"]) == 1),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("no decay", r"$\rho > 0$: there is no rest point, the error falls algebraically.", with_decay,
                       check=check_end),
        Counterexample("feedback", r"$W_1$ is frozen.", without_feedback, check=check_full),
        Counterexample("one output", r"$n_1 < n_2$: $P$ has rank $n_1$ at most.", with_two_outputs, check=check_full),
    ),
    draws=Draws(default=3),
    note=(
        r"$\nabla\Phi = (P - P_*)\Pi_x$ and $\dot\delta = -\nabla\Phi\,\Sigma_{xx}$; $\Phi$ is a coercive polynomial. "
        r"The limit is checked at a finite, late time. Convergence of starts beside a saddle may take longer."
    ),
)  # fmt: skip
