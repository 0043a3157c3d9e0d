"""With constant regularisation the weights align, for ever better, and the error still falls, algebraically."""

from typing import Any

import numpy as np

from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.systems.one_output_iterate import iterate_one_output
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.song2021 import _one_output as one

LAST = 4.0
"""Ends: R there, as a multiple of the first."""

CONSTANT = 5.0
"""Of the corrections of order 1 / R^2: about m + rho / gamma for s and |E|, three times that for |U|^3."""


def sample(draw: Draw) -> Instance:
    """Any rank up to 4 and width, decay over two decades around gamma_-; R from 20 on."""
    reach, part = draw.log_uniform(10.0, 20.0), draw.log_uniform(0.1, 10.0)
    while True:
        case = one.draw_case(draw, rank=(1, 4))
        problem = one.problem_of(case)
        if problem.curvatures[0] <= 20 * problem.slowest and _clock(case, problem) <= 1.0:
            return {**case, "rho": part * problem.slowest, "eta": 0.0, "R": reach}


def _clock(case: Instance, problem: OneOutputProblem) -> float:
    start = one.start_of(case, problem)
    return float(start.kappa * start.U @ start.U)


def natural(case: Instance, problem: OneOutputProblem, start: OneOutputStart, R: float) -> float:
    """The time at which the law has R = sqrt(kappa) |U|."""
    size = float(np.linalg.norm(problem.target))
    grown = float(one.law_of_growth(R, case["rho"] / problem.slowest))
    return float(grown / (case["rho"] * size * np.sqrt(start.kappa)))


def late(problem: OneOutputProblem, start: OneOutputStart, rho: float, run: OneOutputRun) -> np.ndarray:
    """|U|^3, s, |E| over their laws, and 2 kappa |U|^2 (1 - cos) less its law, times R^2 of the law; and that R^2."""
    size, U = float(np.linalg.norm(problem.target)), np.linalg.norm(run.state["U"], axis=1)
    along, square = problem.target / size, start.kappa * U**2
    m = float(along @ start.K @ along)
    left = np.linalg.norm(problem.correlations - run.P * problem.curvatures, axis=1)
    ratios = [
        U**3 * start.kappa / (3 * rho * size * run.t),
        run.state["s"] * U / size,
        left * square / (rho * size),
        1 + (1 - run.cosine) * 2 * square - m,
    ]
    promised = (3 * rho * size * np.sqrt(start.kappa) * run.t) ** (2 / 3)
    return np.stack([*(np.abs(ratio - 1) * promised for ratio in ratios), promised], axis=1)


def check(case: Instance) -> list[Evidence]:
    """Relative distances from the laws, times R^2, at two late times."""
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    rho = case["rho"]
    t = np.array([natural(case, problem, start, R) for R in (case["R"], LAST * case["R"])])
    values, known = one.run(
        problem, start, t, lambda run: late(problem, start, rho, run), stiff=True, regularization=rho
    )
    begun = np.sqrt(start.kappa) * float(np.linalg.norm(problem.target)) + abs(start.s)
    bound = CONSTANT * (1 + float(np.linalg.norm(start.K, 2)) + rho / problem.slowest + begun / np.sqrt(values[:, 4]))
    names = (r"$\lvert U\rvert^3$", "$s$", r"$\lvert E\rvert$", r"$1 - \cos$")
    return [
        at_most(f"{name}: distance from the law times $R^2$", values[:, place], bound, known[:, place])
        for place, name in enumerate(names)
    ]


def check_cosine(case: Instance) -> Evidence:
    """1 - cos, without decay or without anything to learn, after 1e4 / gamma_-."""
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    t = np.array([0.0, 1e4 / problem.slowest])
    decay = case["rho"] if np.any(case["targets"]) else 0.01 / t[-1]
    values, known = one.run(problem, start, t, lambda run: np.asarray(1 - run.cosine), stiff=True, regularization=decay)
    return at_most(r"$1 - \cos$", values[-1], 0.01, known[-1], scale=1.0)


def check_steps(case: Instance) -> Evidence:
    """The residual of the iteration, when the law has R^2 eta gamma = 10."""
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    R = float(np.sqrt(10 / case["eta"] / problem.slowest))
    steps = int(min(natural(case, problem, start, R) / case["eta"], 1e5))
    ended = iterate_one_output(problem, start, step_size=case["eta"], regularization=case["rho"], n_steps=steps)
    first = float(problem.residual(np.zeros(problem.rank)))
    return at_most(r"$\lvert r\rvert$ of the iteration", ended.final_residual[0], first)


def without_decay(draw: Draw) -> Instance:
    """No decay, two units or more."""
    return {**_wide(draw), "rho": 0.0}


def without_targets(draw: Draw) -> Instance:
    """Nothing to learn."""
    case = _wide(draw)
    return {**case, "targets": np.zeros_like(case["targets"])}


def with_steps(draw: Draw) -> Instance:
    """A fixed step, a tenth of what is stable at the start, one direction to learn, and decay that is strong."""
    while True:
        case = one.draw_case(draw, rank=(1, 1))
        problem = one.problem_of(case)
        start = one.start_of(case, problem)
        speed = one.speed(problem, start) / problem.slowest
        if speed < 4:
            break
    size = float(np.linalg.norm(problem.target) * np.sqrt(start.kappa))
    targets = np.asarray(case["targets"]) * 3.0 / size
    return {**case, "targets": targets, "eta": 0.1 / speed / problem.slowest, "rho": problem.slowest, "R": 20.0}


def _wide(draw: Draw) -> dict[str, Any]:
    while True:
        case = dict(sample(draw))
        if len(case["W_1"]) > 2:
            return case


STATEMENT = Statement(
    id="song2021.regularisation-aligns",
    claim=(
        r"Constant $\rho > 0$, $\Sigma_{yx} \ne 0$, flow: there is no rest point; as $R = \sqrt\kappa\lvert U\rvert$ "
        r"grows, $\lvert U\rvert^3 \simeq 3\rho\lvert P_*\rvert t/\kappa$, $s \simeq \lvert P_*\rvert/\lvert U\rvert$, "
        r"$\lvert E\rvert \simeq \rho\lvert P_*\rvert/R^2 \sim t^{-2/3}$ and "
        r"$1 - \cos \simeq \hat P_*(M_0 - \kappa U_0^\top U_0)\hat P_*^\top/(2R^2)$, all up to $O(R^{-2})$: alignment "
        r"goes to 1 and the error to 0."
    ),
    provenance="observed",
    realises=("S4",),
    hypotheses=(
        Hypothesis("decay", r"$\rho > 0$", lambda case: case["rho"] > 0),
        Hypothesis("correlation", r"$\Sigma_{yx} \ne 0$", lambda case: bool(np.any(np.asarray(case["targets"]) != 0))),
        Hypothesis("flow", "continuous time", lambda case: case["eta"] == 0),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("decay", r"$\rho = 0$: cos stays where the limit has it.", without_decay, check=check_cosine),
        Counterexample("correlation", "Nothing pulls $U$.", without_targets, check=check_cosine),
        Counterexample("flow", r"A fixed step diverges: the curvature $\gamma R^2$ grows.", with_steps,
                       check=check_steps),
    ),
    draws=Draws(default=3),
    note=(
        r"Derived by a quasi-static argument, supported by numbers. The corrections are at most "
        r"$5(1 + \lVert M_0 - \kappa U_0^\top U_0\rVert + \rho/\gamma_- + (\lvert P_*\rvert\lvert B_2\rvert + "
        r"\lvert s_0\rvert)/R)/R^2$ at $R = 10$ to 80, the last for what is learned at once; those of $s$ and "
        r"$\lvert E\rvert$ tend to $\hat P_*(M_0 - \kappa U_0^\top U_0 + \rho\Sigma_{xx}^+)\hat P_*^\top/R^2$."
    ),
)  # fmt: skip
