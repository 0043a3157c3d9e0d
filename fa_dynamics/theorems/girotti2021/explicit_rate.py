"""Two regions of starts from which the error falls exponentially from the first moment on, with a known rate."""

import numpy as np

from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    at_most,
)
from fa_dynamics.theorems.girotti2021 import _chains as chains


def sample(draw: Draw) -> Instance:
    """Both regions: two layers with k < 0 and all other signs free, or aligned starts of depth 2..4."""
    return two_layers(draw, -1.0) if draw.flip() else aligned(draw)


def two_layers(draw: Draw, side: float) -> Instance:
    """k of one sign, its size over decades around that of the target, theta_1 over decades around zero."""
    curvature, correlation, size = (float(value) for value in draw.log_uniforms(3, 0.01, 100.0))
    b, natural = draw.sign() * size, np.cbrt(size * correlation / curvature)
    k = side * natural**2 * draw.log_uniform(0.01, 100.0)
    x = draw.sign() * natural * draw.log_uniform(0.001, 10.0)
    while side > 0 and 3 * x * x > 0.9 * k:  # the error grows while 3 x^2 < k
        x /= 2
    case = {"curvature": curvature, "correlation": draw.sign() * correlation, "feedback": np.array([b])}
    return case | {"kind": "two layers", "start": np.array([x, (x * x - k) / (2 * b)])}


def aligned(draw: Draw) -> Instance:
    """Nothing negative: b_l > 0, theta(0) >= 0, e(0) >= 0."""
    case = chains.draw_chain(draw, positive=True)
    excess = case["curvature"] * case["start"].prod() / case["correlation"]
    if excess > 1:
        case["start"] = case["start"] * (draw.uniform() / excess) ** (1 / len(case["start"]))
    return case | {"kind": "aligned"}


def with_positive_k(draw: Draw) -> Instance:
    """The other sign of k."""
    return two_layers(draw, 1.0)


def with_negative_weight(draw: Draw) -> Instance:
    """A first weight below zero under positive ones: S falls on the way."""
    case = dict(aligned(draw))
    start = chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"])
    return case | {
        "start": np.concatenate([[-draw.uniform(0.5, 1.0)], draw.uniforms(len(start) - 1, 0.5, 1.5)]) * start
    }


def rate_of(case: Instance) -> float:
    """lambda |k| / 2, or lambda S(0)."""
    theta = np.asarray(case["start"], dtype=float)
    if case["kind"] == "two layers":
        k, _ = chains.first_integrals(theta, case["feedback"])
        return float(case["curvature"] * abs(k[0]) / 2)
    return float(case["curvature"] * chains.alignment_slope(theta, case["feedback"]))


def check(case: Instance) -> Evidence:
    """|e(t)| beside the bound, from a hundredth of its own time, or the mode's own, to many of it."""
    rate, own = rate_of(case), chains.natural_time(case)
    slow = max(rate, 0.1 / own)
    t = np.geomspace(1e-2 / slow, 15.0 / slow, 60)
    curves = chains.solve(case, np.concatenate([[0.0], t]))
    left, known = chains.errors(case, curves)
    (begin, left), (doubt, known) = ((values[0], values[1:]) for values in (left, known))
    bound = abs(begin) * np.exp(-rate * t)
    # The rate and e(0) in the bound carry round-off of their terms.
    theta = np.abs(np.asarray(case["start"], dtype=float))
    terms = case["curvature"] * chains.alignment_slope(theta, np.abs(case["feedback"])) * ROUND_OFF
    return at_most("$|e(t)|$", np.abs(left), bound, known + doubt + bound * terms * t, scale=abs(begin), over=t)


def _negative_k(case: Instance) -> bool:
    if case["kind"] != "two layers":
        return True
    k, _ = chains.first_integrals(np.asarray(case["start"], dtype=float), case["feedback"])
    return len(case["start"]) == 2 and bool(k[0] < 0)


def _aligned(case: Instance) -> bool:
    if case["kind"] != "aligned":
        return True
    start, feedback = np.asarray(case["start"], dtype=float), np.asarray(case["feedback"], dtype=float)
    left = case["correlation"] - case["curvature"] * start.prod()
    return bool((feedback > 0).all() and (start >= 0).all() and left >= 0)


STATEMENT = Statement(
    id="girotti2021.explicit-rate",
    claim=(
        r"(a) For $L = 2$ and $k < 0$, $|e(t)| \le |e(0)| e^{-\lambda |k| t / 2}$; (b) for $b_l > 0$, "
        r"$\theta(0) \ge 0$, $e(0) \ge 0$ at any depth, $|e(t)| \le e(0) e^{-\lambda S(0) t}$."
    ),
    provenance="abstract",
    realises=("G1",),
    hypotheses=(
        chains.CURVED,
        Hypothesis("negative k", r"for (a): $L = 2$, $2 b \theta_2(0) > \theta_1(0)^2$", _negative_k),
        Hypothesis("aligned start", r"for (b): $b_l > 0$, $\theta(0) \ge 0$, $e(0) \ge 0$", _aligned),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("negative k", "With $k > 0$ the error can grow first.", with_positive_k),
        Counterexample(
            "aligned start", r"With a negative $\theta_1(0)$, $S$ can fall and the bound fail.", with_negative_weight
        ),
    ),
    draws=Draws(40),
)
