"""The residual falls exponentially, at a rate known before learning begins, whatever is to be learned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_flow import OneOutputRun
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
    at_most,
    equal,
)
from fa_dynamics.theorems.song2021 import _one_output as one

Array = NDArray[np.float64]

SIGMAS = 5.0
"""Standard deviations of mu for Gaussian starts: W_2 B_2 has 1 / sqrt(n_1), |Pi W_1^T b|^2 / 2 has x / sqrt(2 n_1)."""

LONGEST = 300.0
"""Most units of the fastest rate that a run is followed; a rate far below that promises little until then."""


def mu(case: Instance, problem: OneOutputProblem) -> float:
    """The claim's rate, from the weights themselves."""
    first, back = (np.asarray(case[name], dtype=float) for name in ("W_1", "B_2"))
    unit = back / np.linalg.norm(back)
    on_range = first @ problem.basis
    beside = on_range - unit @ (unit.T @ on_range)
    least = np.linalg.eigvalsh(beside.T @ beside)[0]
    return float(least + np.vdot(case["W_2"], back) - np.sum((unit.T @ on_range) ** 2) / 2)


def sample(draw: Draw) -> Instance:
    """Targets of any size and direction, and the worst ones, which let the clock end at zero, where the bound is sharp.

    A quarter of the cases have W_1 with a multiple of the identity beside B_2, for which the bound is reached; a
    fifth are Gaussian starts of 2 to 40 units per sample.
    """
    kind = "gaussian" if draw.flip(0.2) else "given"
    if kind == "gaussian":
        samples, ratio = draw.integer(10, 40), draw.log_uniform(2.0, 40.0)
        width, seed = int(samples * ratio), draw.seed()
        return {"kind": kind, "seed": seed, "samples": samples, "width": width, "rho": 0.0}
    worst, flat = draw.flip(), draw.flip(0.25)
    while True:
        case = one.draw_case(draw, widths=(2, 3, 8, 40), explained=True)
        if flat:
            case = flattened(draw, case)
        problem = one.problem_of(case)
        if mu(case, problem) <= 1e-2:
            continue
        start = one.start_of(case, problem)
        if worst:
            case["targets"] = to_rest_at_zero(case, problem, start)
        return {"kind": kind, **case}


def flattened(draw: Draw, case: dict[str, Any]) -> dict[str, Any]:
    """The same with W_1^T (I - b b^T) W_1 a multiple of the identity, if the layer is wide enough for that."""
    inputs, back = np.shape(case["inputs"])[1], np.asarray(case["B_2"])
    width = inputs + 1 + draw.integer(0, 3)
    back = draw.normals((width, 1)) * np.linalg.norm(back) / np.sqrt(width)
    frame = draw.orthogonal(width, inputs + 1)
    frame -= back @ (back.T @ frame) / (back.T @ back)
    left, _, right = np.linalg.svd(frame, full_matrices=False)
    isometry = left[:, :inputs] @ right[:inputs, :inputs]
    along = draw.normals((1, inputs), 0.3)
    size, upper = draw.log_uniform(0.3, 3.0), draw.normals((1, width))
    return {**case, "W_1": size * isometry + back @ along, "W_2": upper, "B_2": back}


def to_rest_at_zero(case: Instance, problem: OneOutputProblem, start: OneOutputStart) -> Array:
    """Targets that are met where U = 0: by the vector clock P - P_0 = -U_0 A - kappa |U_0|^2 U_0 / 2 there."""
    U = start.U
    limit = start.P - U @ one.clock_matrix(start) - start.kappa / 2 * (U @ U) * U
    return np.asarray(np.asarray(case["inputs"]) @ (problem.basis @ limit))


def check(case: Instance) -> list[Evidence]:
    """The residual under its bound and, for Gaussian starts, mu beside its wide limit."""
    if case["kind"] == "gaussian":
        return gaussian(case)
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    rate = mu(case, problem)
    terms = abs(start.s) + float(np.linalg.norm(start.M, 2))
    pieces = [equal(r"$\mu$, of the package and of the claim", start.guaranteed_rate, rate, ROUND_OFF * terms)]
    return pieces + decay(problem, start, rate, float(case["rho"]))


def decay(problem: OneOutputProblem, start: OneOutputStart, rate: float, rho: float) -> list[Evidence]:
    """|r| over exp(-mu gamma_- t) |r(0)|, and the smallest eigenvalue of M + s."""
    end = min(7.0 / (abs(rate) * problem.slowest), LONGEST / one.speed(problem, start))
    t = np.linspace(0.0, end, 36)

    def measure(run: OneOutputRun) -> Array:
        U, identity = run.state["U"], np.eye(problem.rank)
        curvature = start.K + start.kappa * U[:, :, None] * U[:, None, :] + run.state["s"][:, None, None] * identity
        return np.stack([run.residual / run.residual[0], np.linalg.eigvalsh(curvature)[:, 0]], axis=1)

    values, known = one.run(problem, start, t, measure, regularization=rho)
    values, known, t = values[1:], known[1:], t[1:]
    bound = np.exp(-rate * problem.slowest * t)
    what = r"$\lvert r(t)\rvert / \lvert r(0)\rvert$ over $e^{-\mu\gamma_- t}$"
    terms = abs(rate) + float(np.linalg.norm(start.M, 2))
    return [
        at_most(what, values[:, 0] / bound, 1.0, known[:, 0] / bound, over=t * problem.slowest, axis=r"time * gamma_-"),
        at_least("smallest eigenvalue of $M + sI$", values[:, 1], rate, known[:, 1] + ROUND_OFF * terms, scale=terms),
    ]


def gaussian(case: Instance) -> list[Evidence]:
    """mu of one Gaussian start, and the flow if it is positive."""
    samples, width = case["samples"], case["width"]
    rng = np.random.default_rng([int(case["seed"]), 0])
    inputs = rng.standard_normal((samples, 3 * samples))
    problem = OneOutputProblem.from_arrays(inputs, inputs @ rng.standard_normal(3 * samples))
    start = one.start_of(case, problem)
    x = np.sqrt(samples / width)
    apart = abs(start.guaranteed_rate - ((1 - x) ** 2 - x**2 / 2))
    # The smallest eigenvalue itself is known to samples^(-2/3).
    allowed = SIGMAS * np.sqrt((1 + x**2 / 2) / width) + 3 * x * (1 - x) ** (4 / 3) * samples ** (-2 / 3)
    pieces = [at_most(r"$\mu$ less $(1-x)^2 - \frac12 x^2$", apart, allowed)]
    return pieces + (decay(problem, start, start.guaranteed_rate, 0.0) if start.guaranteed_rate > 0.1 else [])


def narrow(draw: Draw) -> Instance:
    """One hidden unit, W_2 against B_2, and the top eigenvector to learn: mu < 0, and the error rises as mu gamma_+."""
    spread, back, against = draw.log_uniform(4.0, 30.0), draw.log_uniform(0.3, 3.0), draw.log_uniform(0.3, 3.0)
    inputs = np.diag([np.sqrt(spread), 1.0])
    first = 0.01 * draw.normals((1, 2))
    return {
        "kind": "given", "inputs": inputs, "targets": inputs @ (-against / back * first[0] + [0.1 * against, 0.0]),
        "W_1": first, "W_2": [[-against / back]], "B_2": [[back]], "rho": 0.0,
    }  # fmt: skip


def with_decay(draw: Draw) -> Instance:
    """Constant decay: the residual stays at its ridge value."""
    while True:
        case = dict(sample(draw))
        if case["kind"] == "given":
            return {**case, "rho": one.problem_of(case).slowest * draw.log_uniform(0.3, 3.0)}


def unexplained(draw: Draw) -> Instance:
    """Data that no map interpolates."""
    while True:
        case = dict(sample(draw))
        if case["kind"] == "given":
            inputs, targets = np.asarray(case["inputs"]), np.asarray(case["targets"])
            more = np.append(targets, targets[-1] + np.linalg.norm(targets) + 1.0)
            return {**case, "inputs": np.vstack([inputs, inputs[-1:]]), "targets": more}


def _positive(case: Instance) -> bool:
    return case["kind"] == "gaussian" or mu(case, one.problem_of(case)) > 0


def _explained(case: Instance) -> bool:
    return case["kind"] == "gaussian" or one.problem_of(case).unexplained == 0


STATEMENT = Statement(
    id="song2021.exponential-rate",
    claim=(
        r"$L = 2$, $n_2 = 1$, $\rho = 0$, $\hat b = B_2/\lvert B_2\rvert$, $\mu = "
        r"\lambda_{\min}(W_1^\top(I - \hat b\hat b^\top)W_1\vert_{\mathrm{range}\,\Sigma_{xx}}) + W_2B_2 - "
        r"\frac12\lvert\Pi_xW_1^\top\hat b\rvert^2$ at the start: $M + sI \succeq \mu$ for all times, and if "
        r"$\mu > 0$, $\lvert r(t)\rvert \le e^{-\mu\gamma_-t}\lvert r(0)\rvert$ for every target that can be met; for "
        r"Gaussian starts and $x = \sqrt{N/n_1}$, $\mu = (1-x)^2 - \frac12x^2 + O(n_1^{-1/2})$."
    ),
    provenance="abstract",
    realises=("S3",),
    hypotheses=(
        one.NO_DECAY,
        Hypothesis("positive rate", r"$\mu > 0$ (no demand where only $\mu$ is measured)", _positive),
        Hypothesis("row space", "$r(0)$ lies in the row space of $X$", _explained),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "positive rate",
            r"A narrow network with $\mu < 0$: the error rises, as "
            r"$e^{\lvert\mu\rvert\gamma_+t}$, not as $e^{\lvert\mu\rvert\gamma_-t}$.",
            narrow,
        ),
        Counterexample("no decay", r"$\rho > 0$: the residual stays at a plateau.", with_decay),
        Counterexample("row space", "What cannot be met does not fall.", unexplained),
    ),
    draws=Draws(default=20),
    false_alarm=2e-5,
    note=(
        r"With $\mu < 0$ even the sign of the exponent is of no use with $\gamma_-$. The bound is reached where "
        r"$U = 0$. Gaussian starts: within five standard deviations, "
        r"$5\sqrt{(1 + x^2/2)/n_1}$, and the fluctuation of the smallest eigenvalue."
    ),
)
