"""Two layers from a small start: backpropagation waits on a plateau and is sharp, feedback alignment does neither."""

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive.rules import Backpropagation, FeedbackAlignment
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
    at_most,
    equal,
)
from fa_dynamics.theorems.girotti2021._ordering import in_order, learned, solve, targets

LEVELS = (0.1, 0.5, 0.9)

ARRIVED = 1e-4
"""|p - s| / |s| at the late time of `arrives`."""


def sample(draw: Draw) -> Instance:
    """2 to 4 modes of one sign, the weakest 1e2 to 1e12 times as strong as the start; b of any sign."""
    modes, sign, lam = draw.integer(2, 4), draw.sign(), draw.log_uniform(0.1, 10.0)
    strengths = draw.log_uniform(0.01, 10.0) * np.cumprod(draw.log_uniforms(modes, 1.01, 5.0))[::-1]
    epsilon = np.sqrt(strengths.min() / lam / draw.log_uniform(1.01e2, 1e12))
    return {
        "curvature": lam,
        "correlation": sign * strengths,
        "feedback": [draw.sign() * draw.log_uniform(0.1, 10.0)],
        "start": [epsilon, sign * epsilon],
    }


def at_zero(draw: Draw) -> Instance:
    """The saddle itself."""
    return {**sample(draw), "start": [0.0, 0.0]}


def wrong_side(draw: Draw) -> Instance:
    """One mode; p(0) has the sign opposite to its target."""
    case = sample(draw)
    return {**case, "correlation": case["correlation"][-1:], "start": [case["start"][0], -case["start"][1]]}


def unbalanced(draw: Draw) -> Instance:
    """theta_1 is 2 to 5 times theta_2."""
    case = sample(draw)
    return {**case, "start": [case["start"][0], case["start"][1] / draw.uniform(2.0, 5.0)]}


def large(draw: Draw) -> Instance:
    """p(0) is half of the weakest target or more: that mode is learned at once, the others are not."""
    case = sample(draw)
    size = np.sqrt(np.min(np.abs(targets(case))) * draw.uniform(0.5, 0.95))
    return {**case, "start": [size, size * np.sign(case["correlation"][0])]}


def sigmoid(f: NDArray[np.float64], case: Instance) -> NDArray[np.float64]:
    """Time of backpropagation from p(0) to f s: 1 / (2 sigma) ln (f (s - p(0)) / ((1 - f) p(0)))."""
    s, p = np.abs(targets(case)), np.abs(np.prod(case["start"]))
    return np.asarray(np.log(f * (s - p) / ((1 - f) * p)) / (2 * np.abs(case["correlation"])))


def cubic(f: NDArray[np.float64], case: Instance) -> NDArray[np.float64]:
    """Time of feedback alignment from zero to f s: 2 H_3(f^(1/3)) lambda^(-1/3) (2 b sigma)^(-2/3)."""
    z = np.cbrt(f)
    shape = (np.log((1 + z + z * z) / (1 - z) ** 2) / 2 + np.sqrt(3) * np.arctan(np.sqrt(3) * z / (2 + z))) / 3
    scale = np.cbrt(case["curvature"] * (2 * case["feedback"][0] * np.asarray(case["correlation"])) ** 2)
    return np.asarray(2 * shape / scale)


def arrives(case: Instance) -> list[Evidence]:
    """Both rules end at the target."""
    sigma = np.min(np.abs(case["correlation"]))
    slowest = 1 / np.cbrt(case["curvature"] * (case["feedback"][0] * sigma) ** 2)
    pieces = []
    for rule, start, late in (("bp", case["start"], 30 / sigma), ("fa", [0.0, 0.0], 15 * slowest)):
        curves = solve({**case, "start": start}, [late], rule)
        left = np.abs(curves.strength[0] / curves.target - 1)
        what = rf"$\lvert p/s - 1\rvert$ late, {rule}"
        pieces.append(at_most(what, left, ARRIVED, curves.error[0] / np.abs(curves.target)))
    return pieces


def check(case: Instance) -> list[Evidence]:
    """Times at three levels against both laws, their order, and where both end."""
    pieces = arrives(case)
    for rule, start, law in (("bp", case["start"], sigmoid), ("fa", [0.0, 0.0], cubic)):
        times, errors = learned({**case, "start": start}, LEVELS, rule)
        expected = law(np.array(LEVELS)[:, None], case)
        doubt = errors + ROUND_OFF * (np.abs(expected) + 1 / np.abs(case["correlation"]))
        pieces.append(equal(f"$T_f$ over the law, {rule}", times / expected, 1.0, doubt / np.abs(expected)))
        pieces.append(in_order(f"$T_f$ of a stronger mode, at most that of the next, {rule}", times, errors))
    return pieces


def prove(depth: int) -> str:
    """Balanced weights stay so and obey p' = 2 p (sigma - lambda p); both times have the right derivatives in p."""
    p, s, z = sp.symbols("p s z", positive=True)
    chain = chain_of(2, Backpropagation())
    (one, first), (two, second) = chain.velocity.items()
    kept = sp.expand(two * second - one * first)
    balanced = {one: sp.sqrt(p), two: sp.sqrt(p)}
    growth = (first * two + second * one).subs(balanced) - 2 * p * (chain.correlation - chain.curvature * p)
    bp_time = sp.diff(sp.log(p / (s - p)) / 2, p) - s / (2 * p * (s - p))
    # d(T s)/ds: T falls with s if ln X > s / (s - p(0)); for f >= 1/10 and p(0) <= s / 100, X >= 11 and that is 100/99.
    f, far = sp.symbols("f X", positive=True)
    later = sp.diff(sp.log(f * (s - p) / ((1 - f) * p)) / s, s) - (s / (s - p) - sp.log(far)) / s**2
    late = later.subs(far, f * (s - p) / ((1 - f) * p))
    if not sp.log(11) > sp.Rational(100, 99):
        raise Unproved("ln 11 > 100 / 99")
    chain = chain_of(2, FeedbackAlignment())
    (one, first), (two, second) = chain.velocity.items()
    parabola = sp.expand(chain.feedback[0] * second - one * first)
    shape = (sp.log((1 + z + z**2) / (1 - z) ** 2) / 2 + sp.sqrt(3) * sp.atan(sp.sqrt(3) * z / (2 + z))) / 3
    fa_time = sp.diff(shape, z) - 1 / (1 - z**3)
    for what, left in (
        ("d(theta_2^2 - theta_1^2)/dt", kept),
        ("p' - 2 p (sigma - lambda p)", growth),
        ("dT/dp of the sigmoid", bp_time),
        ("dT/ds of the sigmoid", late),
        ("d(b theta_2 - theta_1^2 / 2)/dt", parabola),
        ("dH_3/dz - 1/(1 - z^3)", fa_time),
    ):
        if sp.simplify(left) != 0:
            raise Unproved(f"{what} = {left}, expected 0")
    return "L = 2"


STATEMENT = Statement(
    id="girotti2021.gd-comparison",
    claim=(
        r"Two layers: from $\lvert\theta_1\rvert = \lvert\theta_2\rvert = \epsilon$ backpropagation reaches "
        r"$p = fs$ at $\frac{1}{2\sigma}\ln\frac{f(s-\epsilon^2)}{(1-f)\epsilon^2}$, after a plateau of "
        r"$\frac1\sigma\ln\frac1\epsilon$ but within $\frac{\ln 81}{2\sigma}$ from 10 to 90 %; feedback "
        r"alignment from zero at $2 H_3(f^{1/3}) \lambda^{-1/3} (2b\sigma)^{-2/3}$. "
        r"For $f \ge \frac1{10}$ both learn the strongest mode first; they end at $s$."
    ),
    provenance="ours",
    realises=("G0", "G3"),
    hypotheses=(
        Hypothesis("off the saddle", r"$\theta(0) \ne 0$", lambda case: bool(np.any(np.asarray(case["start"]) != 0))),
        Hypothesis(
            "balanced",
            r"$\lvert\theta_1(0)\rvert = \lvert\theta_2(0)\rvert$",
            lambda case: abs(case["start"][0]) == abs(case["start"][1]),
        ),
        Hypothesis(
            "side",
            r"$p(0)\sigma \ge 0$",
            lambda case: bool(np.all(np.prod(case["start"]) * np.asarray(case["correlation"]) >= 0)),
        ),
        Hypothesis(
            "small",
            r"$\lvert p(0)\rvert \le \lvert s\rvert / 100$",
            lambda case: bool(np.all(100 * abs(np.prod(case["start"])) <= np.abs(targets(case)))),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("off the saddle", r"Backpropagation exactly at zero never leaves.", at_zero, check=arrives),
        Counterexample("side", r"Backpropagation falls into the saddle.", wrong_side, check=arrives),
        Counterexample("balanced", r"Unbalanced weights leave the plateau sooner.", unbalanced),
        Counterexample("small", r"A mode that starts near its target is learned before stronger ones.", large),
    ),
    prove=prove,
    draws=Draws(default=12),
    note=r"Recorded at $T_{50\%}$, $\epsilon = 10^{-3}$, $\lambda = b = 1$, $\sigma = 4, 2, 1, \frac12, \frac14$: "
    r"1.90 3.63 6.91 13.1 24.9 and, from zero, .469 .744 1.18 1.88 2.98.",
)
