"""Regularisation that ends: the error then vanishes exponentially, and the alignment stays."""

from typing import Any

import numpy as np

from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.theorems import (
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    at_least,
    at_most,
)
from fa_dynamics.theorems.song2021 import _one_output as one

NEAR = 0.1
"""Largest (|P_*| + sqrt(N)) / sqrt(n_1) of a wide start."""

ALIGNED = 0.65
"""cos that is kept; a cut at R = 1 has .707 on isometric data."""

END = 1e-6
"""Residual over its value at the cut, after 40 / gamma_-."""


def sample(draw: Draw) -> Instance:
    """Eigenvalues within a factor of 2, rho from a half of gamma to three times it, a cut at R from 1 to 2."""
    return {**drawn(draw, draw.log_uniform(4e3, 4e4)), "R": draw.log_uniform(1.0, 2.0), "cut": True}


def drawn(draw: Draw, width: float) -> dict[str, Any]:
    """Targets as large as wide starts of such a width allow."""
    samples, part, spread = draw.integer(1, 8), draw.log_uniform(0.5, 3.0), draw.log_uniform(1.0, 2.0)
    size = max(NEAR * np.sqrt(max(width, 4e3)) - np.sqrt(samples), 0.1) * draw.uniform(0.5, 0.99)
    gamma, along = draw.log_uniform(0.01, 100.0), draw.normals(samples)
    return {
        "eigenvalues": gamma * np.append(1.0, draw.log_uniforms(samples - 1, 1.0, spread)),
        "target": size * along / np.linalg.norm(along), "width": int(width), "seed": draw.seed(), "rho": part * gamma,
    }  # fmt: skip


def problem_of(case: Instance) -> OneOutputProblem:
    """The inputs' eigenbasis as their basis: Gaussian starts do not know one from another."""
    inputs = np.diag(np.sqrt(case["eigenvalues"]))
    return OneOutputProblem.from_arrays(inputs, inputs @ np.asarray(case["target"]))


def moment(case: Instance) -> float:
    """The time at which the law of isometric data with gamma_- has R, for |B_2| = n_1^(-1/2)."""
    gamma, size = float(np.min(case["eigenvalues"])), float(np.linalg.norm(case["target"]))
    grown = float(one.law_of_growth(case["R"], case["rho"] / gamma))
    return float(grown * np.sqrt(case["width"]) / (case["rho"] * size))


def observed(problem: OneOutputProblem, start: OneOutputStart, run: OneOutputRun) -> np.ndarray:
    """|r|, cos, sqrt(kappa) |U|, and the smallest eigenvalue of what never moves plus s."""
    clock = np.sqrt(start.kappa) * np.linalg.norm(run.state["U"], axis=1)
    least = float(np.linalg.eigvalsh(start.K)[0]) + run.state["s"]
    return np.stack([run.residual, run.cosine, clock, least], axis=1)


def check(case: Instance) -> list[Evidence]:
    """The residual from the cut on under its bound, how far it goes, and cos before and after."""
    problem = problem_of(case)
    start = one.start_of(case, problem)
    T, slow = moment(case), problem.slowest
    t = T + np.concatenate([np.linspace(0.0, 20.0, 21), [40.0]]) / slow
    values, known = one.run(
        problem, start, t, lambda run: observed(problem, start, run), regularization=case["rho"],
        cut_off=T if case["cut"] else None,
    )  # fmt: skip
    (first, cosine, clock, c), left, doubt = values[0], values[:, 0], known[:, 0]
    shift = 2 * np.sqrt(start.kappa * problem.curvatures[0]) * first / (c * slow)
    bound = np.exp(-c * slow * (t - T) / 2)
    return [
        at_most(r"$2Rd$, against $c$", 2 * clock * shift, c, known[0, 2] + known[0, 3]),
        at_most(r"$\lvert r(t)\rvert/\lvert r(T)\rvert$", left[1:-1] / first, bound[1:-1], doubt[1:-1] / first,
                scale=1.0, over=(t[1:-1] - T) * slow, axis="time since the cut * gamma_-"),
        at_most(r"$\lvert r\rvert$ late", left[-1] / first, END, doubt[-1] / first, scale=1.0),
        at_most(r"$\lvert\cos - \cos(T)\rvert$", np.abs(values[1:, 1] - cosine), shift,
                known[1:, 1] + known[0, 1], scale=1.0),
        at_least(r"$\cos$ in the end", values[-1, 1], ALIGNED, known[-1, 1]),
    ]  # fmt: skip


def narrow(draw: Draw) -> Instance:
    """Fewer than ten units."""
    return {**drawn(draw, draw.uniform(2.0, 9.0)), "R": draw.log_uniform(1.0, 2.0), "cut": True}


def early(draw: Draw) -> Instance:
    """A cut long before t = sqrt(n_1) (1 + rho / gamma) / (rho |P_*|)."""
    return {**sample(draw), "R": draw.log_uniform(0.01, 0.1)}


def uncut(draw: Draw) -> Instance:
    """Decay that goes on."""
    return {**sample(draw), "cut": False}


def _near(case: Instance) -> bool:
    size = float(np.linalg.norm(case["target"]))
    return bool(size + np.sqrt(len(case["target"])) <= NEAR * np.sqrt(case["width"]))


STATEMENT = Statement(
    id="song2021.cut-off",
    claim=(
        r"Wide Gaussian start, $\rho > 0$ until "
        r"$T \ge \sqrt{n_1}(\frac43 + \frac\rho{\gamma_-})/(\rho\lvert P_*\rvert)$, then 0; "
        r"at $T$ let $R = \sqrt\kappa\lvert U\rvert$, $c = \lambda_{\min}(M - \kappa U^\top U) + s$, "
        r"$d = 2\sqrt{\kappa\gamma_+}\lvert r\rvert/(c\gamma_-)$. Then $2Rd \le c$, which gives "
        r"$\lvert r(t)\rvert \le e^{-c\gamma_-(t-T)/2}\lvert r(T)\rvert$, and cos, at least .65, moves by less than "
        r"$d = O(n_1^{-1/2}\lvert P_*\rvert)$: aligned and interpolating."
    ),
    provenance="abstract",
    realises=("S3", "S4"),
    hypotheses=(
        Hypothesis("wide", rf"$\lvert P_*\rvert + \sqrt N \le {NEAR:g}\sqrt{{n_1}}$", _near),
        Hypothesis("late", "the law of isometric data has $R \\ge 1$ at $T$", lambda case: case["R"] >= 1),
        Hypothesis("cut", r"$\rho = 0$ after $T$", lambda case: case["cut"]),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("wide", r"$c$ is small, and $U$ moves by as much as it is.", narrow),
        Counterexample("late", r"cos is still about $n_1^{-1/2}$.", early),
        Counterexample("cut", "The residual stays at its plateau.", uncut),
    ),
    draws=Draws(default=4),
    note=(
        r"The rate is a theorem: $s$ falls by at most $R\sqrt\kappa\lvert U - U_T\rvert$, and as long as $M + sI "
        r"\succeq c/2$ that is at most $Rd$; it needs $2Rd \le c$ only, no width. That cos moves by less than $d$ "
        r"is the law of isometric data, $\cos = R/\sqrt{1 + R^2}$, and like .65 observed; changes up to .021 were "
        r"seen. $\gamma_\pm$ are the extreme eigenvalues, within a factor of 2."
    ),
)
