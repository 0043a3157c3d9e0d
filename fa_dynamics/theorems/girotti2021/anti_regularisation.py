"""Starts of feedback alignment from which weaker modes are learned first, at all times."""

from typing import Any

import numpy as np

from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement
from fa_dynamics.theorems.girotti2021._ordering import in_order, learned, learning_span, residuals

LEVELS = (0.1, 0.5, 0.99)
"""At which learning times are compared."""


def fold(case: Instance) -> float:
    """The largest |sigma| with a zero-loss state on the side of the start: (lambda / |b|) (|theta_1(0)| / sqrt 3)^3."""
    b, a = np.abs(case["feedback"])[0], np.abs(case["start"])[0]
    return float(case["curvature"] / b * (a / np.sqrt(3)) ** 3)


def spectrum(draw: Draw, near: float) -> Instance:
    """2 to 5 modes of one sign, the strongest at `near` times the fold; all scales and signs."""
    modes, b = draw.integer(2, 5), draw.sign() * draw.log_uniform(0.1, 10.0)
    case: dict[str, Any] = {
        "curvature": draw.log_uniform(0.1, 10.0),
        "feedback": [b],
        "start": [draw.sign() * draw.log_uniform(0.1, 10.0), 0.0],
    }
    ratios = np.cumprod(draw.log_uniforms(modes - 1, 1.01, 10.0))
    strengths = near * fold(case) / np.concatenate([[1.0], ratios])
    return {**case, "correlation": -np.sign(b * case["start"][0]) * strengths}


def sample(draw: Draw) -> Instance:
    """The strongest mode from far below the fold up to one part in 1e5 below it."""
    gap = draw.log_uniform(1e-5, 1.0) if draw.flip() else 1.0 - draw.log_uniform(1e-4, 1.0)
    return spectrum(draw, 1.0 - gap * (1 - 1e-9))


def mirrored(draw: Draw) -> Instance:
    """theta_1(0) = +a: the side of a zero start."""
    case = dict(sample(draw))
    return {**case, "start": [-case["start"][0], 0.0]}


def around_the_fold(draw: Draw) -> Instance:
    """The weakest mode just above the fold, where it is slow, and the others far above."""
    case = dict(spectrum(draw, 1.0))
    others = np.sort(draw.log_uniforms(len(case["correlation"]) - 1, 10.0, 100.0))[::-1]
    strengths = fold(case) * np.append(others, draw.uniform(1.01, 1.1))
    return {**case, "correlation": np.sign(case["correlation"][0]) * strengths}


def lazy(draw: Draw) -> Instance:
    """theta_2(0) on the side of b, so large that k < 0."""
    case = dict(sample(draw))
    (b,), a = case["feedback"], case["start"][0]
    return {**case, "start": [a, draw.uniform(1.0, 3.0) * a * a / b]}


def check(case: Instance) -> list[Evidence]:
    """Residuals at common times, and learning times, from the weakest mode to the strongest."""
    t = learning_span(case)
    v, error = (part[:, ::-1] for part in residuals(case, t))
    times, errors = (part[:, ::-1] for part in learned(case, LEVELS))
    return [
        in_order("$v$ of a weaker mode, at most that of the next", v, error, over=t * case["curvature"]),
        in_order("$T$ of a weaker mode, at most that of the next", times, errors),
    ]


STATEMENT = Statement(
    id="girotti2021.anti-regularisation",
    claim=(
        r"For $L = 2$, $\theta_2(0) = 0$ and $b\sigma\theta_1(0) < 0$, modes that share $\lambda$, $b$ and "
        r"$\theta(0)$ are learned weakest first, at all times and every level, if "
        r"$\lvert\sigma\rvert \le (\lambda / \lvert b\rvert)(\lvert\theta_1(0)\rvert / \sqrt 3)^3$ for all of them."
    ),
    provenance="abstract",
    realises=("G4",),
    hypotheses=(
        Hypothesis("second weight", r"$\theta_2(0) = 0$", lambda case: case["start"][1] == 0),
        Hypothesis(
            "opposed start",
            r"$b \sigma \theta_1(0) < 0$",
            lambda case: bool(np.all(np.asarray(case["correlation"]) * case["feedback"][0] * case["start"][0] < 0)),
        ),
        Hypothesis(
            "below the fold",
            r"$\lvert\sigma\rvert \le (\lambda/\lvert b\rvert)(\lvert\theta_1(0)\rvert/\sqrt3)^3$",
            lambda case: bool(np.max(np.abs(case["correlation"])) <= fold(case)),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("opposed start", r"$\theta_1(0) = +a$: the strongest mode is first.", mirrored),
        Counterexample(
            "below the fold", r"The fold is passed inside the spectrum: no longer in order.", around_the_fold
        ),
        Counterexample("second weight", r"$k < 0$: the strongest mode is first in the end.", lazy),
    ),
    draws=Draws(default=14),
    note=r"Recorded for $\lambda = b = 1$, $\theta(0) = (-4, 0)$, $\sigma = 4, 2, 1, \frac12, \frac14$: "
    r"$T_{1\%} = .342, .312, .299, .293, .291$.",
)
