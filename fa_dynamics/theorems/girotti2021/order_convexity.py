"""Modes that share start and feedback are ordered at all times where the clock's polynomial is convex, or concave."""

import numpy as np

from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.girotti2021._ordering import (
    curvatures,
    drawn,
    learning_span,
    mode_of,
    residuals,
    signs_of_curvature,
    targets,
)


def candidate(draw: Draw, depth: int, first: str) -> Instance:
    """All of both signs, weights and feedback over two decades, targets and their distance over three."""
    lam, weak = draw.log_uniform(0.1, 10.0), draw.sign() * draw.log_uniform(0.03, 30.0)
    strong = weak + draw.log_uniform(0.03, 30.0)
    start = draw.normals(depth) * draw.log_uniform(0.1, 10.0)
    zeros = draw.uniforms(depth) < 0.15
    return {
        "first": first,
        "clock": "lambda t",
        "curvature": [lam, lam],
        "correlation": [strong * lam, weak * lam],
        "start": np.where(zeros, 0.0, start),
        "feedback": draw.log_uniforms(depth - 1, 0.1, 10.0) * draw.signs(depth - 1),
    }


def sample(draw: Draw) -> Instance:
    """Depth 2 to 4, convex and concave in equal parts, sometimes with two different curvatures."""
    first, depth = draw.choice(("larger", "smaller")), draw.integer(2, 4)
    other = draw.log_uniform(0.1, 10.0) if draw.flip(0.3) else 1.0
    case = drawn(lambda draw: candidate(draw, depth, first), one_sign, draw)
    (strong, weak), (lam, _) = case["correlation"], case["curvature"]
    return {**case, "curvature": [lam, lam * other], "correlation": [strong, weak * other]}


def one_sign(case: Instance) -> bool:
    """p'' has the sign that puts this mode first."""
    convex, concave = signs_of_curvature(case)
    return convex if case["first"] == "larger" else concave


def turning(draw: Draw) -> Instance:
    """Depth 2: both modes cross theta_1 = 0, where p'' = 3 b theta_1 changes its sign."""
    b, a, lam = draw.log_uniform(0.3, 3.0), draw.log_uniform(0.3, 3.0), draw.log_uniform(0.1, 10.0)
    fold = (a / np.sqrt(3)) ** 3 / b
    correlation = [lam * fold * draw.uniform(4.0, 20.0), lam * fold * draw.uniform(1.2, 3.0)]
    return {
        "first": "larger",
        "clock": "lambda t",
        "curvature": [lam, lam],
        "correlation": correlation,
        "start": [-a, 0.0],
        "feedback": [b],
    }


def at_equal_times(draw: Draw) -> Instance:
    """The larger target has the smaller curvature, and times are not multiplied by it."""
    case = drawn(lambda draw: candidate(draw, 2, "larger"), one_sign, draw)
    (strong, weak), (lam, _) = case["correlation"], case["curvature"]
    return {**case, "clock": "t", "curvature": [lam, 1e3 * lam], "correlation": [strong, 1e3 * weak]}


def from_two_starts(draw: Draw) -> Instance:
    """Depth 2: the smaller target starts where it is learned almost at once."""
    s = draw.log_uniform(0.1, 10.0)
    return {
        "first": "larger",
        "clock": "lambda t",
        "curvature": [1.0, 1.0],
        "correlation": [2 * s, s],
        "start": [[0.0, 0.0], [0.0, draw.uniform(20.0, 40.0) * s ** (2 / 3)]],
        "feedback": [1.0],
    }


def check(case: Instance) -> Evidence:
    """The residuals of the two modes at equal lambda t, or at equal t where the case asks for it."""
    x = learning_span({**case, "correlation": targets(case), "curvature": 1.0})
    lam = curvatures(case) if case["clock"] == "lambda t" else np.full(2, curvatures(case).min())
    if lam[0] == lam[1]:
        v, error = residuals(case, x / lam[0])
    else:
        v, error = (
            np.hstack(part) for part in zip(*(residuals(mode_of(case, k), x / lam[k]) for k in (0, 1)), strict=True)
        )
    first, second = (0, 1) if case["first"] == "larger" else (1, 0)
    what = f"$v$ of the mode with the {case['first']} target, at most that of the other"
    return at_most(what, v[:, first], v[:, second], error.sum(axis=1), over=x, axis="lambda * t (dimensionless)")


STATEMENT = Statement(
    id="girotti2021.order-convexity",
    claim=(
        r"Of two modes that share $b$ and $\theta(0)$, with targets $s_\alpha > s_\beta$ and $v = e / e(0)$: if "
        r"$p''(\tau) \ge 0$ on the interval that both clocks visit, $v_\alpha \le v_\beta$ at all equal $\lambda t$; "
        r"if $p'' \le 0$ there, $v_\alpha \ge v_\beta$."
    ),
    provenance="abstract",
    realises=("G4", "G5"),
    hypotheses=(
        Hypothesis("one sign", r"$p'' \ge 0$, or $p'' \le 0$, on the interval visited", one_sign),
        Hypothesis(
            "shared start", r"both modes start at the same $\theta(0)$", lambda case: np.ndim(case["start"]) == 1
        ),
        Hypothesis(
            "own clock",
            r"times are compared as $\lambda t$",
            lambda case: case["clock"] == "lambda t" or np.ptp(curvatures(case)) == 0,
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("one sign", r"The modes cross $\theta_1 = 0$: their residuals cross too.", turning),
        Counterexample(
            "shared start", r"The smaller target starts in the lazy regime, and overtakes.", from_two_starts
        ),
        Counterexample("own clock", r"The larger target has the smaller curvature: it is late in $t$.", at_equal_times),
    ),
    draws=Draws(default=20),
    note=r"With $e(0) = 0$ there is no $v$. The sign of $p''$ is certified by Bernstein coefficients.",
)
