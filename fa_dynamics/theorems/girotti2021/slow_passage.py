"""Three places where the strongest mode is learned arbitrarily late: a fold, its ghost, and a repelling state."""

from typing import Any

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
    at_least,
    at_most,
)
from fa_dynamics.theorems.girotti2021._ordering import learned


def sample(draw: Draw) -> Instance:
    """All scales and signs: 0.1 to 2, or 10, outside the fold, 1e-6 to 0.1 above it, 1e-7 to 1e-2 beside a root."""
    part = draw.choice(("fold", "ghost", "repelling"))
    outside, above, beside = (
        draw.log_uniform(0.1, 2.0 if part == "fold" else 10.0),
        draw.log_uniform(1e-6, 0.1),
        draw.log_uniform(1e-4, 1e-2),
    )
    ratio = draw.log_uniform(1e-3, 0.9)
    lam, b, y = (draw.log_uniform(0.1, 10.0) for _ in range(3))
    if part == "fold":  # numbers that need no rounding: the last digit of k decides on which side of the fold it is
        lam, b, y = (2.0 ** round(np.log2(each)) for each in (lam, b, y))
        outside = max(round(64 * outside), 7) / 64
    case: dict[str, Any] = {
        "part": part,
        "curvature": lam,
        "feedback": [draw.sign() * b],
        "k": 3 * y * y,
        "delta": draw.log_uniform(1e-6, 0.1 if part == "repelling" else 0.5),
        "side": draw.sign(),
    }
    if part == "repelling":
        weak = {**case, "correlation": [case["side"] * ratio * fold(case)]}
        distances = draw.sign() * beside * min(gaps(weak)) * np.array([1.0, draw.log_uniform(1e-3, 0.1)])
        return {**weak, "root": "repelling", "distances": distances}
    top = fold(case) * (1.0 if part == "fold" else 1.0 + above)
    return {**case, "correlation": case["side"] * top * np.array([1.0, ratio]), "first": -y * (1 + outside)}


def fold(case: Instance) -> float:
    """sigma_c = (lambda / b) (k / 3)^(3/2)."""
    return float(case["curvature"] / np.abs(case["feedback"][0]) * (case["k"] / 3) ** 1.5)


def roots(case: Instance) -> np.ndarray:
    """x_-, x_s, x_+ below the fold, for b, sigma > 0, of the last mode: 2 sqrt(k / 3) cos(psi + ..)."""
    psi = np.arccos(np.abs(case["correlation"][-1]) / fold(case)) / 3
    return np.asarray(2 * np.sqrt(case["k"] / 3) * np.cos(psi + np.array([2, -2, 0]) * np.pi / 3))


def gaps(case: Instance) -> tuple[float, float]:
    """Distances of x_s from its neighbours."""
    low, middle, high = roots(case)
    return middle - low, high - middle


def placed(case: Instance, x: float) -> Instance:
    """The start with theta_1 = x on the leaf k, for b, sigma > 0; mirrored for other signs."""
    b = case["feedback"][0]
    return {**case, "start": [x * case["side"] * np.sign(b), (x * x - case["k"]) / (2 * b)]}


def place(case: Instance) -> bool:
    """Whether k and sigma are where the part of the claim wants them."""
    above = np.abs(case["correlation"][0]) / fold(case) - 1
    if case["part"] == "fold":
        return bool(above == 0)
    return bool(0 < above <= 0.11) if case["part"] == "ghost" else bool(above < 0)


def far_inside(draw: Draw) -> Instance:
    """A start on a leaf of k = 12 to 300 rho^2, where the claim for the fold would have the mode be late."""
    case = dict(sample(draw))
    while case["part"] != "fold":
        case = dict(sample(draw))
    return {**case, "delta": 1e-3, "correlation": np.asarray(case["correlation"]) * draw.log_uniform(1e-3, 0.1)}


def beside_stable(draw: Draw) -> Instance:
    """Beside x_+ or x_- instead of x_s."""
    case = dict(sample(draw))
    while case["part"] != "repelling":
        case = dict(sample(draw))
    return {**case, "root": draw.choice(("lower", "upper"))}


def check(case: Instance) -> list[Evidence]:
    """Learning times, in units of 1 / (lambda k / 3)."""
    unit = case["curvature"] * case["k"] / 3
    if case["part"] == "repelling":
        return repelled(case, unit)
    delta, y = case["delta"], np.sqrt(case["k"] / 3)
    times, errors = (unit * part[0] for part in learned(placed(case, case["first"]), [1 - delta]))
    away = -case["first"] / y - 1
    if case["part"] == "fold":
        low, high = np.sqrt(2 / (3 * delta)), np.sqrt(2 / (3 * delta))
        low -= 2 / (3 * away) + 2 / 9 * np.log(1 + 4.2 / np.sqrt(delta))
    else:
        passage = np.pi / np.sqrt(1.5 * (np.abs(case["correlation"][0]) / fold(case) - 1))
        low, high = passage - 2 / (3 * away), passage + 2 / 9 * np.log(1 / delta) + 0.36
    above = np.abs(case["correlation"][0]) / fold(case) - 1
    doubt = errors[0] + (ROUND_OFF / above * high if case["part"] == "ghost" else ROUND_OFF * high)
    x, start = roots(case)[0], case["first"]
    slope = (3 * min(x * x, start * start) - case["k"]) / (2 * y * y)
    begin = np.abs(start * (start**2 - case["k"]) / (x * (x * x - case["k"])) - 1)
    weak = max(np.log(begin / delta), 0.0) / slope
    return [
        at_least(f"{case['part']}: $T$ of the strong mode", times[0], low, doubt, scale=high),
        at_most(f"{case['part']}: $T$ of the strong mode", times[0], high, doubt),
        at_most(r"$T$ of the weak mode", times[1], weak, errors[1], scale=high),
    ]


def repelled(case: Instance, unit: float) -> list[Evidence]:
    """How much later a mode is that starts nearer to the root, against the logarithm of the two distances."""
    place = {"lower": 0, "repelling": 1, "upper": 2}[case["root"]]
    x, far_near = roots(case)[place], np.asarray(case["distances"])
    found = [learned(placed(case, x + distance), [1 - case["delta"]]) for distance in far_near]
    (far, e_far), (near, e_near) = (tuple(unit * part[0, 0] for part in pair) for pair in found)
    rate = (case["k"] - 3 * roots(case)[1] ** 2) / 2 / (case["k"] / 3)
    far_distance, near_distance = np.abs(far_near)
    expected = np.log(far_distance / near_distance) / rate
    bent = 1.03 * (far_distance - near_distance) * sum(1 / gap for gap in gaps(case)) / rate
    doubt = e_far + e_near + ROUND_OFF * np.sqrt(case["k"]) / near_distance / rate
    what = r"delay by a nearer start, against $\ln(\epsilon_2/\epsilon_1)/(\lambda \lvert S \rvert)$"
    return [at_most(what, np.abs(near - far - expected), bent, doubt, scale=expected)]


STATEMENT = Statement(
    id="girotti2021.slow-passage",
    claim=(
        r"$L = 2$, $b, \sigma > 0$, $y = \sqrt{k/3}$, $\sigma_c = \lambda y^3 / b$, $\theta_1(0) = -(1 + z) y$, and "
        r"$T_\delta$ the time after which $\lvert p - s\rvert \le \delta s$, $\delta \le \frac12$. On the fold, "
        r"$\sigma = \sigma_c$, $\lambda y^2 T_\delta = \sqrt{2/(3\delta)}$ but for at most "
        r"$\frac2{3z} + \frac29\ln(1 + 4.2\delta^{-1/2})$ less. Up to 11 % above, "
        r"$T_\delta = \pi [\frac32 \lambda y (b\sigma - \lambda y^3)]^{-1/2}$, but for $-\frac2{3z}$ to "
        r"$.36 + \frac29\ln\frac1\delta$ in units of $1/(\lambda y^2)$. Weaker modes are in time: "
        r"$T_\delta \le \ln(\lvert 1 - p(0)/s\rvert/\delta)/(\lambda \min(S_*, S(0)))$. Beside the repelling $x_s$, "
        r"$dT/d\ln(1/\epsilon) \to [\lambda(\frac k2 - \frac32 x_s^2)]^{-1}$."
    ),
    provenance="abstract",
    realises=("G4",),
    hypotheses=(
        Hypothesis("place", r"$\sigma = \sigma_c$; or $\sigma$ just above; or, beside $x_s$, below $\sigma_c$", place),
        Hypothesis(
            "repelling",
            r"$\theta_1(0) = x_s + \epsilon$, of the middle root",
            lambda case: case["part"] != "repelling" or case["root"] == "repelling",
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("place", r"$k \gg 3\varrho^2$: no delay.", far_inside),
        Counterexample("repelling", r"Beside $x_\pm$ the mode stays learned.", beside_stable),
    ),
    draws=Draws(default=30),
    note=(
        r"The bounds on the fold and beside $x_s$ follow from $\dot z = -\frac12 \lambda z^2 (3y + z)$ and from the "
        r"partial fractions of $1/\dot x$; the constant .36 is $\frac29(\ln\frac{27}2 - 1)$, the limit at the fold, "
        r"and observed to be the largest. At finite $\epsilon$ nearly equal modes may be swapped."
    ),
)
