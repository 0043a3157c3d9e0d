"""Rates of finite steps: geometric from aligned starts, and asymptotically those of the flow from any other."""

from typing import Any

import numpy as np

from fa_dynamics.modes.step_theory import guaranteed_steps, linear_steps
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

ALIGNED_STEPS = 300
"""Enough for guaranteed steps to learn, or nearly."""

FEW = 8 * float(np.finfo(float).eps)
"""Round-off of an error, a difference of a product of four factors from a number."""

PORTIONS = np.array([1.0, 0.5, 0.125])
"""Of the step: the distance of the last slope from that of the flow at the smallest is compared with the others."""

SPREAD = 3.0
"""A smooth function of the step that vanishes with it, a eta + b eta^2, has |d(eta/8)| / (eta/8) at most 2.5 times the
larger of its values at 1 and 1/2."""

CLOSE = 0.05
"""Relative distance of the slopes at the largest two steps from that of the flow: this small, a step is short."""

EARLY, LATE = 1e-6, 1e-7
"""Errors |e| / |sigma| at which the factor of a step is read: the earlier tells how well it is known at the later."""

MOST_STEPS = 6000
"""Of an orbit that is followed to its rest."""

TRIES = 40
"""Of a sampler, until it gives up; three chains in four are drawn at once."""


def sample(draw: Draw) -> Instance:
    """Aligned and generic starts, depths 2 to 4, data and feedback over decades, all signs in the generic ones."""
    return aligned(draw) if draw.flip() else generic(draw)


def aligned(draw: Draw) -> dict[str, Any]:
    """A step that is guaranteed, or longer ones as far as the error keeps its sign."""
    for _ in range(TRIES):
        case = chains.draw_chain(draw, 2, 4, positive=True)
        share = draw.log_uniform(0.03, 10.0)
        if not error_at_start(case) > 0:
            continue
        first = chains.natural_time(case)
        guaranteed = float(guaranteed_steps(steps.chain_orbits(case, [first]))[0][0])
        case |= {"kind": "aligned", "step": share * guaranteed}
        for _ in range(TRIES):
            if keeps_sign(case):
                return case
            case["step"] /= 1.3
    raise RuntimeError("no step keeps the sign of the error")


def generic(draw: Draw) -> dict[str, Any]:
    """Any start whose limit is not close to a fold, and a step so short that the orbit is close to the flow."""
    for _ in range(TRIES):
        case = chains.draw_chain(draw, 2, 3)
        share = draw.log_uniform(0.02, 0.2)
        rate = flow_rate(case)
        unit = chains.natural_time(case)
        if not 0.3 < rate * unit < 30 or error_at_start(case) == 0:
            continue
        case |= {"kind": "generic", "step": share / rate}
        for _ in range(4):
            if is_short(case):
                return case
            case["step"] /= 2
    raise RuntimeError("no orbit ends at a slope near that of the flow")


def error_at_start(case: Instance) -> float:
    """e(0)."""
    return float(case["correlation"] - case["curvature"] * np.prod(np.asarray(case["start"], dtype=float)))


def flow_rate(case: Instance) -> float:
    """lambda S_* at the limit of the flow, from the package; 0 if it is not above zero."""
    found = 2 / linear_steps(steps.chain_orbits(case, [1.0]))[0]
    return float(found) if np.isfinite(found) else 0.0


def keeps_sign(case: Instance) -> bool:
    """Whether no error of the orbit is negative, up to rounding."""
    error, size = steps.errors_of(case, steps.stepped(case, [case["step"]], ALIGNED_STEPS))
    return bool(np.isfinite(error).all() and (error >= -ROUND_OFF * size).all())


def is_short(case: Instance) -> bool:
    """Whether the orbits at all portions come to rest, at slopes near that of the flow."""
    found = tails(case)
    if found is None:
        return False
    return bool((np.abs(found[2] / flow_rate(case) - 1) <= CLOSE).all())


def tails(case: Instance) -> tuple[Any, Any, Any] | None:
    """Factors of the error early and late in the tail, and lambda S late, for all portions of the step.

    None if an orbit does not come to rest within `MOST_STEPS`, or blows up.
    """
    weights = steps.stepped(case, PORTIONS * case["step"], MOST_STEPS)
    error, _ = steps.errors_of(case, weights)
    if not np.isfinite(error).all():
        return None
    last = np.abs(error) > np.array([EARLY, LATE])[:, None, None] * abs(case["correlation"])
    if last[:, -1].any() or not last.any(axis=1).all():
        return None
    late = MOST_STEPS - np.argmax(last[:, ::-1], axis=1)  # the last place outside each level, per portion
    portion = np.arange(len(PORTIONS))
    factor = error[np.minimum(late + 1, MOST_STEPS), portion] / error[late, portion]
    at_rest = weights[late[1], :, portion].T
    return factor[0], factor[1], case["curvature"] * chains.alignment_slope(at_rest, case["feedback"])


def check(case: Instance) -> list[Evidence]:
    """The geometric bound at every step, or the tails of three orbits."""
    return check_aligned(case) if case["kind"] == "aligned" else check_generic(case)


def check_aligned(case: Instance) -> list[Evidence]:
    """0 <= e_k <= (1 - eta lambda S_0)^k e_0; and e_k >= 0 at the step that the package guarantees."""
    guaranteed, _ = guaranteed_steps(steps.chain_orbits(case, [case["step"]]))
    own = guaranteed[0] if np.isfinite(guaranteed[0]) else case["step"]
    error, size = steps.errors_of(case, steps.stepped(case, [case["step"], own], ALIGNED_STEPS))
    first = error_at_start(case)
    slope = chains.alignment_slope(np.asarray(case["start"], dtype=float)[:, None], case["feedback"])[0]
    number = np.arange(ALIGNED_STEPS + 1.0)
    bound = (1 - case["step"] * case["curvature"] * slope) ** number * first
    fine = ROUND_OFF * max(size, first)
    return [
        at_most("$e_k$", error[:, 0], bound, fine, over=number, axis="step", scale=first),
        at_least("$e_k$", error[:, 0], 0.0, fine, scale=first),
        at_least("$e_k$ at the guaranteed step", error[:, 1], 0.0, fine, scale=first),
    ]


def check_generic(case: Instance) -> list[Evidence]:
    """The last factor is 1 - eta lambda S at the orbit's own limit, whose slope tends to that of the flow."""
    found = tails(case)
    if found is None:
        return [at_most(r"orbits that do not come to rest", 1.0, 0.0, scale=1.0)]
    early, late, slope = found
    eta = PORTIONS * case["step"]
    rounding = FEW / LATE
    rate = flow_rate(case)
    distance = np.abs((1 - late) / eta / rate - 1)
    error = (np.abs(late - early) + rounding) / (eta * rate)
    worst = SPREAD * PORTIONS[2] * max(distance[0] / PORTIONS[0], distance[1] / PORTIONS[1])
    known = error[2] + SPREAD * PORTIONS[2] * max(error[0] / PORTIONS[0], error[1] / PORTIONS[1])
    return [
        equal("the factor and its limit", late, 1 - eta * slope, np.abs(late - early) + rounding, scale=1.0),
        at_most(r"distance of $S_\infty$ from that of the flow at $\eta/8$", distance[2], worst, known, scale=1.0),
    ]


def opposed(draw: Draw) -> Instance:
    """A first weight below zero, large enough for the slope to fall."""
    while True:
        case = chains.draw_chain(draw, 2, 2, positive=True)
        sizes = chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"])
        case["start"] = np.array([-draw.uniform(0.5, 1.5), draw.uniform(0.2, 1.0)]) * sizes
        case |= {"kind": "aligned", "step": 0.01 * chains.natural_time(case)}
        if keeps_sign(case):
            return case


def too_long(draw: Draw) -> Instance:
    """An aligned start with a step that makes the error change its sign."""
    while True:
        case = chains.draw_chain(draw, 2, 3, positive=True)
        case |= {"kind": "aligned", "step": draw.uniform(0.5, 0.8) * chains.natural_time(case)}
        if error_at_start(case) > 0 and not keeps_sign(case):
            return case


def far_from_the_flow(draw: Draw) -> Instance:
    """h = .5 in the normal form, starts from [-3, 3]^2."""
    while True:
        case = chains.draw_chain(draw, 2, 2)
        sizes = chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"])
        case["start"] = draw.uniforms(2, -3.0, 3.0) * sizes
        case |= {"kind": "generic", "step": 0.5 * chains.natural_time(case)}
        if flow_rate(case) > 0 and not is_short(case):
            return case


def has_slope(case: Instance) -> bool:
    """Generic starts only."""
    return case["kind"] == "aligned" or flow_rate(case) > 0


def is_aligned(case: Instance) -> bool:
    """Positive feedback, no negative weight, no overshoot; of a generic start nothing is asked."""
    start, feedback = np.asarray(case["start"], dtype=float), np.asarray(case["feedback"], dtype=float)
    good = (start >= 0).all() and (feedback > 0).all() and error_at_start(case) >= 0
    return case["kind"] != "aligned" or bool(good)


STATEMENT = Statement(
    id="girotti2021.discrete-rates",
    claim=(
        r"(a) If $b_l > 0$, $\theta(0) \ge 0$, $e_0 \ge 0$ and the step keeps $e_k \ge 0$, then "
        r"$0 \le e_k \le (1 - \eta \lambda S(0))^k e_0$. (b) From any start whose flow has a limit with $S_* > 0$ and "
        r"for short enough steps, the error goes to 0 by a factor that tends to $1 - \eta \lambda S_\infty$, with "
        r"$S_\infty = S_* + O(\eta)$."
    ),
    provenance="abstract",
    realises=("G2",),
    hypotheses=(
        chains.CURVED,
        chains.FED_BACK,
        Hypothesis("aligned start", r"(a) $b_l > 0$, $\theta(0) \ge 0$, $e_0 \ge 0$", is_aligned),
        Hypothesis("nondegenerate limit", "(b) $S_* > 0$", has_slope),
        Hypothesis(
            "short step",
            r"(a) $e_k \ge 0$ (b) orbits at $\eta$, $\eta/2$ and $\eta/8$ end at slopes within 5 % of that of the flow",
            lambda case: keeps_sign(case) if case["kind"] == "aligned" else is_short(case),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("aligned start", "A first weight below zero: the slope falls, and the bound fails.", opposed),
        Counterexample("short step", "(a) A longer step: the error changes its sign.", too_long),
        Counterexample(
            "short step", "(b) Steps of $h = 0.5$: many starts end elsewhere, or nowhere.", far_from_the_flow
        ),
    ),
    draws=Draws(12),
    note=(
        "How short is short enough depends on the start, without a uniform bound. Also checked: the step that the "
        "package guarantees for aligned starts keeps the error nonnegative. Depths 2 to 4 in (a), 2 and 3 in (b)."
    ),
)
