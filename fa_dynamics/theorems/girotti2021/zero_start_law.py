"""How long feedback alignment takes from zero: a hypergeometric law, which depth sharpens."""

import numpy as np
import sympy as sp

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
    at_least,
    at_most,
    equal,
)
from fa_dynamics.theorems.girotti2021._ordering import learned, solve

LEVELS = (0.1, 0.5, 0.9)

WIDTHS = {2: 1.194, 3: 0.564, 4: 0.278, 5: 0.138, 6: 0.069}
"""(T_.9 - T_.1) / T_.5 by depth, as recorded, to three decimals."""


def sample(draw: Draw) -> Instance:
    """Depth 1 to 6 and two modes of any sign; correlation, curvature and feedback over two to four decades."""
    depth = draw.integer(1, 6)
    return {
        "curvature": draw.log_uniform(0.01, 100.0),
        "correlation": draw.log_uniforms(2, 0.01, 100.0) * draw.signs(2),
        "level": draw.uniform(0.01, 0.999),
        "start": [0.0] * depth,
        "feedback": draw.log_uniforms(depth - 1, 0.1, 10.0) * draw.signs(depth - 1),
    }


def opposed(draw: Draw) -> Instance:
    """Depth 2, theta_1 on the other side, a tenth to one natural scale from zero."""
    b, s = draw.log_uniform(0.1, 10.0), draw.log_uniform(0.1, 10.0)
    start = [-np.cbrt(b * s) * draw.log_uniform(0.1, 1.0), 0.0]
    return {"curvature": 1.0, "correlation": [s, s / 2], "level": 0.5, "start": start, "feedback": [b]}


def without_feedback(draw: Draw) -> Instance:
    """b_2 = 0: theta_1 is frozen at zero."""
    case = dict(opposed(draw))
    return {**case, "start": [0.0, 0.0], "feedback": [0.0]}


def law(case: Instance, level: float) -> np.ndarray:
    """T = x* / (c_1 sigma) H_n(f^(1/n)) of every mode; x* and c_1 sigma have one sign, so that sizes will do."""
    from scipy.special import hyp2f1

    b, sigma = np.abs(case["feedback"]), np.abs(case["correlation"])
    n = 2 ** (len(b) + 1) - 1
    powers = 2.0 ** np.arange(len(b), 0, -1) - 1
    rest = np.exp((np.log(sigma / case["curvature"]) + np.sum(powers * np.log(2 * b))) / n)
    shape = level ** (1 / n) * hyp2f1(1.0, 1 / n, 1 + 1 / n, level)
    return np.asarray(rest / (np.prod(b) * sigma) * shape)


def check(case: Instance) -> list[Evidence]:
    """Learning times of both modes at four levels, and how wide a curve is for its half-time."""
    levels = (*LEVELS, case["level"])
    times, errors = learned(case, levels)
    expected = np.array([law(case, level) for level in levels])
    pieces = [equal("$T_f$ over the law", times / expected, 1.0, errors / expected + ROUND_OFF)]
    recorded = WIDTHS.get(len(case["feedback"]) + 1)
    if recorded is not None:
        width = (times[2] - times[0]) / times[1]
        pieces.append(at_most("width, less that recorded", np.abs(width - recorded), 6e-4, 3 * errors[2] / times[1]))
    return pieces


def never_learned(case: Instance) -> Evidence:
    """Without feedback the law has no value; after 1e6 natural times half of the target should be there."""
    target = np.abs(case["correlation"])
    curves = solve(case, [1e6 / np.min(target)])
    return at_least(r"$\lvert p \rvert$ late", np.abs(curves.strength[-1]), target / 2, curves.error[-1])


def prove(depth: int) -> str:
    """From zero the clock's polynomial is K (c_1 tau)^n, so that T is the integral of dz / (1 - z^n), which is H_n."""
    n, k = sp.symbols("n k", positive=True)
    coefficient = sp.rf(1 / n, k) / sp.rf(1 + 1 / n, k)  # (1)_k / k! is 1
    if sp.simplify(sp.gammasimp(coefficient) - 1 / (n * k + 1)) != 0:
        raise Unproved(f"H_n has the coefficients {coefficient}, expected 1 / (n k + 1)")
    tau = sp.Symbol("tau")
    for layers in range(1, depth + 1):
        chain = chain_of(layers, FeedbackAlignment())
        c = clock_of(chain).factors
        p = sp.S.One
        for factor in c:
            p *= sp.integrate(factor * p, (tau, 0, tau))
        power = 2**layers - 1
        inverse = sp.Mul(*((2 * b) ** (2 ** (layers - 1 - j) - 1) for j, b in enumerate(chain.feedback)))
        left = sp.simplify(p - (c[0] * tau) ** power / inverse)
        if left != 0:
            raise Unproved(f"at depth {layers}, p - K (c_1 tau)^n = {left}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="girotti2021.zero-start-law",
    claim=(
        r"From $\theta(0) = 0$, $p = f s$ is reached at $T_f = \frac{x_*}{c_1\sigma} H_n(f^{1/n})$ with $n = 2^L - 1$, "
        r"$x_* = (s/K)^{1/n}$, $K = \prod_j (2b_{j+1})^{-(2^{L-j}-1)}$, "
        r"$H_n(z) = z\,{}_2F_1(1, \frac1n; 1 + \frac1n; z^n)$: so $T_f \propto \sigma^{-(1-1/n)}$, and "
        r"$(T_{.9} - T_{.1})/T_{.5}$ depends on depth only."
    ),
    provenance="abstract",
    realises=("G3", "G5"),
    hypotheses=(
        Hypothesis("zero start", r"$\theta(0) = 0$", lambda case: bool(np.all(np.asarray(case["start"]) == 0))),
        Hypothesis("feedback", r"all $b_l \ne 0$", lambda case: bool(np.all(np.asarray(case["feedback"]) != 0))),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("zero start", r"A small opposed start comes late.", opposed),
        Counterexample("feedback", r"$b_2 = 0$: nothing is learned.", without_feedback, check=never_learned),
    ),
    prove=prove,
    draws=Draws(default=14),
    note=r"Recorded widths for $L = 2, .., 6$: 1.194, .564, .278, .138, .069.",
)
