"""Two layers from zero, in finite steps: monotone, and learned after a number of steps that is known beforehand."""

import math
from typing import Any

import numpy as np

from fa_dynamics.modes.step_theory import guaranteed_steps
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
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _steps as steps

SHORTEST = 0.01
"""Of the largest step allowed: shorter ones are closer to the flow, and take more steps in the same proportion."""

LOWEST, FARTHEST = 0.55, 1.045
"""Of the factors of the error, and of theta_1 in units of its limit r."""


def radius(case: Instance) -> float:
    """r = (2 |b sigma| / lambda)^(1/3), the size of theta_1 at the limit of the flow."""
    return float(np.cbrt(2 * abs(np.asarray(case["feedback"])[0] * case["correlation"]) / case["curvature"]))


def largest_step(case: Instance) -> float:
    """1 / (4 lambda r^2)."""
    return float(1 / (4 * case["curvature"] * radius(case) ** 2))


def chain(draw: Draw) -> dict[str, Any]:
    """Data and feedback over decades, all signs, from zero, with the error that is to be reached."""
    within = draw.log_uniform(1e-8, 0.5)
    curvature, correlation = draw.log_uniforms(2, 0.01, 100.0)
    feedback = draw.log_uniforms(1, 0.1, 10.0) * draw.signs(1)
    case = {"curvature": float(curvature), "correlation": draw.sign() * float(correlation)}
    return case | {"start": [0.0, 0.0], "feedback": feedback, "within": within}


def sample(draw: Draw) -> Instance:
    """Every fourth step is the largest one."""
    share = 1.0 if draw.flip(0.25) else draw.log_uniform(SHORTEST, 1.0)
    case = chain(draw)
    return case | {"step": share * largest_step(case)}


def bound(case: Instance) -> float:
    """Steps that suffice."""
    unit = case["step"] * case["curvature"] * radius(case) ** 2
    return float((4.18 + 1.06 * math.log(1 / (2 * case["within"]))) / unit)


def check(case: Instance) -> list[Evidence]:
    """The error step by step as long as it is larger than asked for, theta_1, and the number of steps."""
    allowed, target = bound(case), abs(case["correlation"])
    theta = steps.stepped(case, [case["step"]], math.ceil(allowed) + 1)[:, :, 0]
    raw, size = steps.errors_of(case, theta[:, :, None])
    error, fine = raw[:, 0] * np.sign(case["correlation"]), ROUND_OFF * size
    inside = [np.append(np.flatnonzero(error <= case["within"] * target + sign * fine), np.inf)[0] for sign in (1, -1)]
    last = int(min(inside[1], len(error) - 1))
    now, then = error[:last], error[1 : last + 1]
    number = np.arange(1.0, last + 1)
    ahead = theta[: last + 1, 0] * np.sign(np.asarray(case["feedback"])[0] * case["correlation"])
    guaranteed, _ = guaranteed_steps(steps.chain_orbits(case, [case["step"]]))
    place: dict[str, Any] = {"over": number, "axis": "step", "scale": target}
    return [
        at_most("$e_{k+1} - e_k$", then - now, 0.0, fine, **place),
        at_least(r"$e_{k+1} - 0.55\, e_k$", then - LOWEST * now, 0.0, fine, **place),
        equal("$e_1$ and $e_0$", error[1], error[0], fine),
        at_least(r"$\theta_1$", ahead, 0.0, 0.0, scale=radius(case)),
        at_most(r"$\theta_1$", ahead, FARTHEST * radius(case), ROUND_OFF * radius(case)),
        at_most("steps", inside[0], allowed, float(np.nan_to_num(inside[1] - inside[0]))),
        equal("the step that the package guarantees", guaranteed[0], largest_step(case), ROUND_OFF * guaranteed[0]),
    ]


def overshooting(draw: Draw) -> Instance:
    """Between the largest monotone step of the normal form, .3805, and the largest convergent one, .6461."""
    case = chain(draw) | {"within": 1e-3}
    return case | {"step": draw.uniform(0.4, 0.62) * chains.natural_time(case)}


def from_elsewhere(draw: Draw) -> Instance:
    """theta_2 of the wrong sign: the product moves the wrong way first."""
    case = dict(sample(draw))
    sizes = chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"])
    wrong = -np.sign(np.asarray(case["feedback"])[0]) * sizes[1] * draw.uniform(0.3, 2.0)
    return case | {"start": [0.0, float(wrong)]}


STATEMENT = Statement(
    id="girotti2021.discrete-zero-start",
    claim=(
        r"Two layers from zero with steps $\eta \le 1 / (4 \lambda r^2)$, $r = (2 |b_2 \sigma| / \lambda)^{1/3}$: the "
        r"error keeps its sign and never grows, each step multiplies it by a factor in $(0.55, 1]$, the first by 1, "
        r"$\theta_1$ has the sign of $b_2 \sigma$ and $|\theta_1| \le 1.045\, r$, and "
        r"$|e_k| \le \delta |\sigma|$ for $\delta \le \frac12$ after at most "
        r"$[4.18 + 1.06 \ln \frac{1}{2 \delta}] / (\eta \lambda r^2)$ steps."
    ),
    provenance="abstract",
    realises=("G2",),
    hypotheses=(
        Hypothesis(
            "zero start", r"$\theta_1(0) = \theta_2(0) = 0$", lambda case: not np.any(np.asarray(case["start"]))
        ),
        Hypothesis(
            "step",
            r"$\eta \le 1 / (4 \lambda r^2)$",
            lambda case: case["step"] <= largest_step(case) * (1 + 4 * float(np.finfo(float).eps)),
        ),
        Hypothesis("level", r"$\delta \le \frac12$", lambda case: case["within"] <= 0.5),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("zero start", "A second weight of the wrong sign: the error grows first.", from_elsewhere),
        Counterexample("step", "Larger steps overshoot.", overshooting),
    ),
    draws=Draws(40),
    note=(
        "Steps down to a hundredth of the largest are drawn, errors down to 1e-8. The bound on the number of steps is "
        "loose by about a factor of 1.6 at least."
    ),
)
