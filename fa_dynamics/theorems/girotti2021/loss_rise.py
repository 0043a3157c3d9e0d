"""Feedback alignment may unlearn before it learns: the loss rises where the alignment slope S is negative."""

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.derive.rules import FeedbackAlignment
from fa_dynamics.modes import clock_of
from fa_dynamics.modes.lines import chain_of
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    Unproved,
    equal,
)
from fa_dynamics.theorems.girotti2021._ordering import solve

ZOOMS, POINTS = 3, 60


def sample(draw: Draw) -> Instance:
    """All signs and scales of the start (0, theta_2); and any state of a chain of depth 1 to 5."""
    depth = draw.integer(1, 5)
    b, c = draw.sign() * draw.log_uniform(0.1, 10.0), draw.log_uniform(0.1, 10.0)
    return {
        "curvature": draw.log_uniform(0.1, 10.0),
        "correlation": [draw.sign() * draw.log_uniform(0.01, 100.0)],
        "start": [0.0, -np.sign(b) * c],
        "feedback": [b],
        "state": draw.normals(depth, 2.0),
        "state_feedback": draw.log_uniforms(depth - 1, 0.1, 10.0) * draw.signs(depth - 1),
    }


def supported(draw: Draw) -> Instance:
    """theta_2(0) has the sign of b."""
    case = dict(sample(draw))
    return {**case, "start": [0.0, -case["start"][1]]}


def moving(draw: Draw) -> Instance:
    """theta_1(0) is beyond the place of the dip, so that p only rises."""
    case = dict(sample(draw))
    b, c = case["feedback"][0], -case["start"][1]
    side = np.sign(b * case["correlation"][0])
    return {**case, "start": [side * np.sqrt(2 * b * c / 3) * draw.uniform(1.1, 2.0), -c]}


def slope(theta: Any, b: Any) -> Any:
    """S = sum_l c_l (theta_1 .. theta_{l-1})^2 theta_{l+1} .. theta_L."""
    total: Any = 0
    for layer in range(len(theta)):
        term: Any = 1
        for factor in (*b[layer:], *theta[:layer], *theta[:layer], *theta[layer + 1 :]):
            term = term * factor
        total = total + term
    return total


def dip(case: Instance) -> tuple[float, float]:
    """The smallest p sign(sigma), and its error: the rest of the curve between the last three points, and p's own."""
    t = np.concatenate([[0.0], solve(case, [0.0]).learning_times(0.5)[0] * np.geomspace(1e-6, 1.0, POINTS)])
    side = np.sign(case["correlation"][0])
    for zoom in range(ZOOMS + 1):
        curves = solve(case, t)
        p: NDArray[np.float64] = side * curves.strength[:, 0]
        place = int(np.clip(np.argmin(p), 1, len(t) - 2))
        if zoom < ZOOMS:
            t = np.linspace(t[place - 1], t[place + 1], POINTS)
    return p.min(), p[place - 1 : place + 2].max() - p.min() + curves.error[:, 0].max()


def check(case: Instance) -> list[Evidence]:
    """The dip of the curve, and the velocity of the loss at one state."""
    lowest, error = dip(case)
    c = np.abs(case["start"][1])
    depth = -2 / 3 * c * np.sqrt(2 * np.abs(case["feedback"][0]) * c / 3)
    theta, b = np.asarray(case["state"], dtype=float), np.asarray(case["state_feedback"], dtype=float)
    sigma, lam = case["correlation"][0], case["curvature"]
    velocity = np.array(compile_chain(chain_of(len(theta), FeedbackAlignment())).velocity(*theta, *b, sigma, lam))
    e = sigma - lam * theta.prod()
    gradient = -e * np.array([np.delete(theta, layer).prod() for layer in range(len(theta))])
    size = (np.abs(sigma) + np.abs(lam * theta.prod())) ** 2 * slope(np.abs(theta), np.abs(b))
    return [
        equal(r"smallest $p \operatorname{sign} \sigma$", lowest, depth, error),
        equal(
            r"$\dot\ell$ against $-S e^2$", gradient @ velocity, -slope(theta, b) * e**2, ROUND_OFF * size, scale=size
        ),
    ]


def prove(depth: int) -> str:
    """dl/dt = -S e^2 for every chain, and the minimum of the clock's cubic from (0, -c), which is before any p > 0."""
    for layers in range(1, depth + 1):
        chain = chain_of(layers, FeedbackAlignment())
        loss = (chain.correlation - chain.curvature * chain.strength) ** 2 / (2 * chain.curvature)
        rate = sum(sp.diff(loss, weight) * velocity for weight, velocity in chain.velocity.items())
        left = sp.expand(rate + slope(chain.weights, chain.feedback) * 2 * chain.curvature * loss)
        if left != 0:
            raise Unproved(f"at depth {layers}, dl/dt + S e^2 = {left}")
    chain = chain_of(2, FeedbackAlignment())
    b, c, tau = sp.symbols("b c tau", positive=True)
    named = {chain.weights[0]: 0, chain.weights[1]: -c, chain.feedback[0]: b}
    p = sp.Mul(*(each.subs(named) for each in clock_of(chain).polynomials))
    (variable,) = p.free_symbols - {b, c}
    turning = sp.solve(sp.diff(p.subs(variable, tau), tau), tau)
    if len(turning) != 1 or sp.simplify(p.subs(variable, turning[0]) + sp.Rational(2, 3) * c * sp.sqrt(2 * b * c / 3)):
        raise Unproved(f"for tau > 0 the slope of p = {p} vanishes at {turning}")
    return f"L <= {depth}; dip for L = 2"


STATEMENT = Statement(
    id="girotti2021.loss-rise",
    claim=(
        r"A mode's loss obeys $\dot\ell = -S e^2$, so that it rises if and only if $S < 0$; for $L = 2$ and "
        r"$\theta(0) = (0, -c)$ with $bc > 0$, $p \operatorname{sign}\sigma$ first falls to "
        r"$-\frac23 \lvert c\rvert \sqrt{2bc/3}$, whatever $\sigma \ne 0$."
    ),
    provenance="ours",
    realises=("G4", "R2"),
    hypotheses=(
        Hypothesis("first weight", r"$\theta_1(0) = 0$", lambda case: case["start"][0] == 0),
        Hypothesis("opposed", r"$b\,\theta_2(0) < 0$", lambda case: case["feedback"][0] * case["start"][1] < 0),
        Hypothesis("target", r"$\sigma \ne 0$", lambda case: case["correlation"][0] != 0),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("opposed", r"$b\theta_2(0) > 0$, so $k < 0$ and $S > 0$: $p$ only rises.", supported),
        Counterexample("first weight", r"$\theta_1(0)$ beyond $\sqrt{k/3}$: $p$ only rises.", moving),
    ),
    prove=prove,
    draws=Draws(default=20),
)
