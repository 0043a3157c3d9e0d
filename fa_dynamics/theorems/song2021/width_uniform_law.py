"""How alignment grows under constant regularisation: one law for all widths, in the time t / sqrt(n_1)."""

from typing import Any

import numpy as np

from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.song2021 import _one_output as one

NEAR = 0.05
"""Largest (|P_*| + sqrt(N)) / sqrt(n_1): how much alignment the first, fast learning alone brings."""

FORGOTTEN = 0.01
"""Largest e^(-rho t) sqrt(n_1) / |P_*|: what is left of W_2(0) beside what learning put there."""

ERROR = 0.02
"""Of cos, and relative of the residual."""


def sample(draw: Draw) -> Instance:
    """Wide Gaussian starts on isometric data; R from a half to four, rho from gamma / 10 to 10 gamma."""
    while True:
        case = unchecked(draw, draw.log_uniform(3e3, 4e4))
        if _near(case) and _forgotten(case):
            return case


def unchecked(draw: Draw, width: float) -> dict[str, Any]:
    """Without regard to what the law needs."""
    samples, R, part = draw.integer(1, 12), draw.log_uniform(0.5, 4.0), draw.log_uniform(0.1, 10.0)
    size, gamma = draw.log_uniform(1.0, 10.0), draw.log_uniform(0.01, 100.0)
    along = draw.normals(samples)
    return {
        "eigenvalues": np.full(samples, gamma), "target": size * along / np.linalg.norm(along), "width": int(width),
        "seed": draw.seed(), "rho": part * gamma, "R": R,
    }  # fmt: skip


def problem_of(case: Instance) -> OneOutputProblem:
    """The inputs' eigenbasis as their basis: Gaussian starts do not know one from another."""
    inputs = np.diag(np.sqrt(case["eigenvalues"]))
    return OneOutputProblem.from_arrays(inputs, inputs @ np.asarray(case["target"]))


def _time(case: Instance) -> float:
    """The time at which the law has R, for |B_2| = n_1^(-1/2)."""
    gamma, size = float(np.min(case["eigenvalues"])), float(np.linalg.norm(case["target"]))
    grown = float(one.law_of_growth(case["R"], case["rho"] / gamma))
    return float(grown * np.sqrt(case["width"]) / (case["rho"] * size))


def _near(case: Instance) -> bool:
    size = float(np.linalg.norm(case["target"]))
    return bool(size + np.sqrt(len(case["target"])) <= NEAR * np.sqrt(case["width"]))


def _forgotten(case: Instance) -> bool:
    size = float(np.linalg.norm(case["target"]))
    return bool(np.log(np.sqrt(case["width"]) / size / FORGOTTEN) <= case["rho"] * _time(case))


def solved(growth: float, rho_over_gamma: float) -> float:
    """R of the law: the real root of R^3 / 3 + (1 + rho / gamma) R = growth."""
    roots = np.roots([1 / 3, 0.0, 1 + rho_over_gamma, -growth])
    return float(roots[np.argmin(np.abs(roots.imag))].real)


def check(case: Instance) -> list[Evidence]:
    """cos and |r| at the time at which the law has R, with the |B_2| that was drawn."""
    problem = problem_of(case)
    start = one.start_of(case, problem)
    rho, gamma, size = case["rho"], problem.slowest, float(np.linalg.norm(problem.target))
    t = np.array([_time(case)])

    def measure(run: OneOutputRun) -> np.ndarray:
        return np.stack([run.cosine, run.residual], axis=1)

    values, known = one.run(problem, start, t, measure, stiff=True, regularization=rho)
    R = solved(rho * size * np.sqrt(start.kappa) * t[0], rho / gamma)
    cosine, residual = R / np.sqrt(1 + R**2), rho * size / (np.sqrt(gamma) * (1 + rho / gamma + R**2))
    apart = np.abs(values[0] / [1.0, residual] - [cosine, 1.0])
    doubt = known[0] / [1.0, residual]
    return [
        at_most(r"$\lvert\cos - R/\sqrt{1+R^2}\rvert$", apart[0], ERROR, doubt[0], scale=1.0),
        at_most(r"$\lvert r\rvert$, relative to the law", apart[1], ERROR * RESIDUAL, doubt[1], scale=1.0),
    ]


RESIDUAL = 2.0
"""How much worse the law of the residual is than that of cos."""


def narrow(draw: Draw) -> Instance:
    """Eight to thirty units."""
    while True:
        case = unchecked(draw, draw.uniform(8.0, 30.0))
        if _forgotten(case) and not _near(case):
            return case


def anisotropic(draw: Draw) -> Instance:
    """Eigenvalues over one and a half decades: the vector equation is needed."""
    while True:
        case = unchecked(draw, draw.log_uniform(3e3, 4e4))
        count = len(case["target"])
        spread = np.min(case["eigenvalues"]) * draw.log_uniforms(count, 1.0, 30.0)
        case["eigenvalues"] = spread
        if count > 2 and _near(case) and _forgotten(case):
            return case


def remembered(draw: Draw) -> Instance:
    """A time that is shorter than 1 / rho."""
    while True:
        case = unchecked(draw, draw.log_uniform(3e3, 4e4))
        case["R"] = draw.uniform(0.1, 0.5) * np.linalg.norm(case["target"]) / np.sqrt(case["width"])
        if _near(case) and not _forgotten(case):
            return case


STATEMENT = Statement(
    id="song2021.width-uniform-law",
    claim=(
        r"Isometric data, constant $\rho$, wide Gaussian start that is forgotten: "
        r"$(1 + \frac\rho\gamma)R + \frac{R^3}3 = \rho\lvert P_*\rvert\lvert B_2\rvert t$ gives "
        r"$\cos = R/\sqrt{1+R^2}$ to .02 and $\lvert r\rvert = \rho\lvert P_*\rvert/(\sqrt\gamma(1 + \frac\rho\gamma + "
        r"R^2))$ to 4 %; as $\lvert B_2\rvert \simeq n_1^{-1/2}$, $t/\sqrt{n_1}$ is the natural time."
    ),
    provenance="observed",
    realises=("S4",),
    hypotheses=(
        Hypothesis("isometric", r"$\Sigma_{xx} = \gamma\Pi_x$", lambda case: np.ptp(case["eigenvalues"]) == 0),
        Hypothesis("wide", rf"$\lvert P_*\rvert + \sqrt N \le {NEAR:g}\sqrt{{n_1}}$", _near),
        Hypothesis("forgotten", rf"$e^{{-\rho t}}\sqrt{{n_1}} \le {FORGOTTEN:g}\lvert P_*\rvert$", _forgotten),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("wide", r"Few units: fast learning alone aligns, and fluctuations are of order one.", narrow),
        Counterexample("isometric", "Other data turn $U$ while it grows.", anisotropic),
        Counterexample("forgotten", r"A fixed, short time: $\cos \sim n_1^{-1/2}$.", remembered),
    ),
    draws=Draws(default=5),
    note=r"A quasi-static argument, supported by numbers: at $n_1 = 12800$ to 1 or 2 %.",
)
