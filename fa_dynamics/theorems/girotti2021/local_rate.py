"""How a mode comes to rest: exponentially, with the rate of its limit, or, on a fold, like 1 / t^2."""

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes import equilibria
from fa_dynamics.modes.polynomials import coefficients
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
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _cubic as cubics

Array = NDArray[np.float64]

STEEP, FAR = 0.02, 0.01
"""Smallest slope S_* in natural units of a limit that counts as nondegenerate, and smallest |e(0)| / |sigma|."""

LEVELS = 1e-4, 1e-7
"""Of |e| / |sigma|, between which a rate is fitted."""


def sample(draw: Draw) -> Instance:
    """A limit of any depth that is no fold, or two layers that come down on their fold."""
    if draw.flip(0.3):
        return on_fold(draw)
    while True:
        case = chains.draw_chain(draw) | {"kind": "nondegenerate"}
        if _nondegenerate(case):
            return case


def on_fold(draw: Draw) -> Instance:
    """k = 3 rho^2, and a start beyond the double root."""
    case, cubic = cubics.draw_cubic(draw, ("fold",))
    x = -float(cubic.rho) * (1 + draw.log_uniform(0.1, 10.0))
    return cubics.at(case, cubic.mirror * x, float(cubic.k)) | {"kind": "fold"}


def fold_as_any(draw: Draw) -> Instance:
    """The same, taken for a limit like others, where rounding has not put it on the far side of the fold."""
    while True:
        case = dict(on_fold(draw)) | {"kind": "nondegenerate"}
        if not _nondegenerate(case):
            return case


def limit_of(case: Instance) -> Array:
    """theta_1..theta_L at the equilibrium that the start reaches."""
    found = equilibria(
        [case["correlation"]],
        case["curvature"],
        depth=len(case["start"]),
        start=np.reshape(case["start"], (-1, 1)),
        feedback=np.reshape(case["feedback"], (-1, 1)),
    )
    return np.asarray(found.weights[:, found.reached[0], 0])


def check(case: Instance) -> list[Evidence]:
    """The rate between two levels of the error, or t^2 e late on a fold; bounds hold what is left of the approach."""
    return _fold(case) if case["kind"] == "fold" else _rate(case)


def _rate(case: Instance) -> list[Evidence]:
    """The mean of lambda S(tau) on the last part of the way, and how far S can be from S_* there."""
    rest, c = limit_of(case), chains.clock_factors(case["feedback"])
    slope = float(chains.alignment_slope(rest, case["feedback"]))
    from_start = chains.solve(case, [0.0])
    begin, end = (float(from_start.learning_times(1 - level)[0]) for level in LEVELS)
    curves = chains.solve(case, [begin, end])
    left, known = chains.errors(case, curves)
    fitted = np.log(left[0] / left[1]) / (end - begin)
    doubt = np.sum(known / np.abs(left)) / (end - begin)
    # S - S_* is a polynomial of the distance to rest along the clock, which shrinks.
    away, last = np.abs((curves.weights[0, :, 0] - rest[0]) / c[0])
    powers = np.abs(coefficients(rest, c))
    k = np.arange(2, len(powers))
    spread = float((k * powers[2:] * away ** (k - 1)).sum()) / abs(slope)
    scale = case["curvature"] * slope
    # A root that is not the limit would make the first bound wide; the second one is then far too narrow.
    unit = chains.natural_time(case) * abs(case["correlation"])
    rounded = (2 * known[1] / scale + ROUND_OFF * np.abs(rest[0] / c[0])) / unit
    return [
        at_most(r"fitted rate over $\lambda S_*$, minus 1", abs(fitted / scale - 1), spread, doubt / scale, scale=1.0),
        at_most("distance to the limit", last / unit, 2 * abs(left[1]) / scale / unit, rounded, scale=1.0),
    ]


def _fold(case: Instance) -> list[Evidence]:
    """e^(-1/2) grows by A = (3 lambda b rho / 2)^(1/2) per time, and by at most delta / 2 rho of it more."""
    cubic = cubics.cubic_of(case)
    rho, b, curvature = float(cubic.rho), abs(float(case["feedback"][0])), case["curvature"]
    growth = np.sqrt(1.5 * curvature * b * rho)
    begin, end = 1e2 / (curvature * rho**2), 1e4 / (curvature * rho**2)
    curves = chains.solve(case, [begin, end])
    left, known = chains.errors(case, curves)
    over = -cubic.mirror * curves.weights[0, 0, 0] / rho - 1
    measured, doubt = abs(left[1]) * (growth * end) ** 2, known[1] * (growth * end) ** 2
    high = 1 / (1 - begin / end) ** 2
    low = 1 / (1 / (np.sqrt(abs(left[0])) * growth * end) + 1 + over / 2) ** 2
    what = r"$e t^2$ over $2 / (3 \lambda b \varrho)$"
    return [at_most(what, measured, high, doubt, scale=1.0), at_least(what, measured, low, doubt, scale=1.0)]


def check_fit(case: Instance) -> Evidence:
    """Whether an exponential that was fitted at some time still fits twice as late."""
    own = 100 * chains.natural_time(case)
    curves = chains.solve(case, [own, 2 * own, 4 * own])
    left, known = chains.errors(case, curves)
    first, second = np.log(left[0] / left[1]), np.log(left[1] / left[2]) / 2
    doubt = float(np.sum(known / np.abs(left))) / first
    return at_most("change of a fitted rate", abs(second / first - 1), 0.01, doubt, scale=1.0)


def _nondegenerate(case: Instance) -> bool:
    if case["kind"] == "fold":
        return True
    slope = case["curvature"] * chains.alignment_slope(limit_of(case), case["feedback"]) * chains.natural_time(case)
    left = case["correlation"] - case["curvature"] * np.prod(case["start"])
    return bool(slope > STEEP and abs(left) > FAR * abs(case["correlation"]))


def _on_fold(case: Instance) -> bool:
    if case["kind"] != "fold":
        return True
    cubic = cubics.cubic_of(case)
    return len(cubic.roots) == 2 and cubic.mirror * float(case["start"][0]) < -float(cubic.rho)


STATEMENT = Statement(
    id="girotti2021.local-rate",
    claim=(
        r"At a limit with $S_* > 0$ the error falls like $e^{-\lambda S_* t}$; on the fold of two layers, from below, "
        r"$e\,t^2 \to 2 / (3 \lambda b \varrho)$ with $\varrho^3 = b \sigma / \lambda$ (mirrored where negative)."
    ),
    provenance="abstract",
    realises=("G1",),
    hypotheses=(
        chains.CURVED,
        chains.FED_BACK,
        Hypothesis("nondegenerate", rf"$S_* > {STEEP}$ in natural units; the start is not at rest", _nondegenerate),
        Hypothesis("on the fold", r"$L = 2$, $k = 3\varrho^2$, $\theta_1(0) < -\varrho$", _on_fold),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("nondegenerate", "On the fold every exponential fit fails.", fold_as_any, check_fit),
    ),
    draws=Draws(20),
    note=(
        r"Checked at finite times with the remainder as bound: $|S - S_*| \le \sum_{k \ge 2} k |a_k| "
        r"|\tau - \tau_*|^{k-1}$, $a_k$ the coefficients of $p$ around its rest; on the fold $e^{-1/2}$ grows by "
        r"$\sqrt{3 \lambda b \varrho / 2}$ to $1 + \delta / 2\varrho$ times that per unit of time, "
        r"$\delta = -\varrho - \theta_1$."
    ),
)
