"""Starts of feedback alignment from which stronger modes are learned first."""

import numpy as np

from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement
from fa_dynamics.theorems.girotti2021._ordering import factors, in_order, learned, learning_span, residuals

LEVELS = (0.1, 0.5, 0.99)
"""At which learning times are compared."""


def sides(case: Instance) -> np.ndarray:
    """The sign that every theta_l first takes from a zero start, for the sign that the targets share, (L,)."""
    c = np.sign(factors(case)[:, 0])
    signs: list[float] = []
    for factor in c:
        signs.append(float(factor * np.sign(case["correlation"][0]) * np.prod(signs)))
    return np.array(signs)


def sample(draw: Draw) -> Instance:
    """Depth 2 to 4 and 2 to 5 modes of one sign, feedback of any signs; some or all weights start at zero."""
    depth, modes, sign = draw.integer(2, 4), draw.integer(2, 5), draw.sign()
    size, zeros = draw.log_uniform(0.03, 30.0), draw.choice((0.0, 0.5, 1.0))
    case = {
        "curvature": draw.log_uniform(0.1, 10.0),
        "feedback": draw.log_uniforms(depth - 1, 0.1, 10.0) * draw.signs(depth - 1),
        "correlation": sign * np.cumprod(draw.log_uniforms(modes, 1.01, 10.0))[::-1] * draw.log_uniform(1e-3, 1.0),
    }
    start = np.abs(draw.normals(depth)) * size * sides({**case, "start": np.zeros(depth)})
    if depth == 2:
        start[1] *= draw.sign()
    return {**case, "start": np.where(draw.uniforms(depth) < zeros, 0.0, start)}


def opposed(draw: Draw) -> Instance:
    """Depth 2, theta_2 = 0, theta_1 on the other side and outside the fold; or depth 3, (-2, 0, 2)."""
    if draw.flip(0.3):
        strengths = 4.0 * np.array([1.0, draw.uniform(0.1, 0.9)])
        return {"curvature": 1.0, "feedback": [1.0, 1.0], "correlation": strengths, "start": [-2.0, 0.0, 2.0]}
    case = dict(sample(draw))
    sigma, b = np.asarray(case["correlation"]), draw.sign() * draw.log_uniform(0.1, 10.0)
    size = np.sqrt(3) * np.cbrt(abs(b * sigma[0]) / case["curvature"]) * draw.log_uniform(1.05, 5.0)
    return {**case, "feedback": [b], "start": [-np.sign(b * sigma[0]) * size, 0.0]}


def aligned(case: Instance) -> bool:
    """No theta_l(0) that counts is on the other side; at depth 2 theta_2 does not count."""
    on_side = np.asarray(case["start"]) * sides(case) >= 0
    return bool(on_side[0] and (len(on_side) == 2 or on_side.all()))


def check(case: Instance) -> list[Evidence]:
    """Residuals at common times and, from starts with p(0) s <= 0, also the learning times."""
    t = learning_span(case)
    v, error = residuals(case, t)
    pieces = [in_order("$v$ of a stronger mode, at most that of the next", v, error, over=t * case["curvature"])]
    if np.prod(case["start"]) * np.sign(case["correlation"][0]) <= 0:
        times, errors = learned(case, LEVELS)
        pieces.append(in_order("$T$ of a stronger mode, at most that of the next", times, errors))
    return pieces


STATEMENT = Statement(
    id="girotti2021.regularisation",
    claim=(
        r"Modes that share $\lambda$, $b$ and $\theta(0)$ are learned in the order of $\lvert\sigma\rvert$, the "
        r"strongest first at all times, if no $\theta_l(0)$ has the sign opposite to the one that $\theta_l$ takes "
        r"from a zero start (for $b_l > 0$, $\sigma > 0$: $\theta(0) \ge 0$); for $L = 2$, $b\sigma\theta_1(0) \ge 0$ "
        r"is enough."
    ),
    provenance="abstract",
    realises=("G5",),
    hypotheses=(
        Hypothesis("aligned start", r"$\theta(0)$ is zero or on the side of a zero start", aligned),
        Hypothesis(
            "one sign",
            r"all $\sigma$ have one sign",
            lambda case: bool(
                np.ptp(np.sign(case["correlation"])) == 0 and np.all(np.asarray(case["correlation"]) != 0)
            ),
        ),
        Hypothesis("feedback", r"all $b_l \ne 0$", lambda case: bool(np.all(np.asarray(case["feedback"]) != 0))),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("aligned start", r"$\theta_1(0) = -a$ far out, $\theta_2(0) = 0$: the order reverses.", opposed),
    ),
    draws=Draws(default=14),
    note=(
        r"The residuals $v = e/e(0)$ are in order from every such start; learning times only if $p(0)\sigma \le 0$, "
        r"since a weak mode may start near its target. $e(0) \ge 0$ is not needed."
    ),
)
