"""The time that two layers take, in closed form."""

from typing import Any

import numpy as np

from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_least, equal
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _cubic as cubics


def sample(draw: Draw) -> Instance:
    """All four cases, starts on both sides of every root, and places on most of the way to rest."""
    case, cubic = cubics.draw_cubic(draw)
    roots = [float(cubic.mirror * root) for root in cubic.roots]
    reach = 3 * max(map(abs, roots))
    x = 0.0 if draw.flip(0.2) else draw.uniform(-reach, reach)
    begun = cubics.at(case, x, float(cubic.k))
    return begun | {"way": np.sort(draw.uniforms(6, 0.01, 0.999))}


def beyond_rest(draw: Draw) -> Instance:
    """Places on the other side of the rest: the primitive is real there too, and its time is wrong."""
    case = dict(sample(draw))
    return case | {"way": np.sort(draw.uniforms(6, 1.001, 1.5))}


def check(case: Instance) -> Evidence:
    """p at the times that the closed form gives for places on the way, beside p at these places."""
    cubic = cubics.cubic_of(case)
    start = cubic.mirror * float(case["start"][0])
    rest = float(_rest(cubic, start))
    x = start + np.asarray(case["way"]) * (rest - start)
    t = np.array([float(cubics.elapsed(cubic, case["curvature"], start, place)) for place in x])
    if (np.diff(t) <= 0).any() or t[0] <= 0:
        return at_least("times of places along the way", np.diff(t, prepend=0.0), 0.0)
    curves = chains.solve(case, t)
    b, k = float(case["feedback"][0]), float(cubic.k)
    claimed = cubic.mirror * x * (x * x - k) / (2 * b)
    terms = np.abs(x) * (x * x + float(case["start"][0]) ** 2 + abs(2 * b * case["start"][1])) / abs(2 * b)
    # Rounding of x on the way to the rest and of t, which p follows with its own velocity.
    slope = np.abs(3 * x * x - k) / abs(2 * b)
    velocity = slope * np.abs(b * (case["correlation"] - case["curvature"] * claimed))
    known = curves.error[:, 0] + np.finfo(float).eps * (8 * terms + velocity * t)
    return equal("$p$ at the time $F(x) - F(x_0)$", curves.strength[:, 0], claimed, known, over=t)


def _rest(cubic: cubics.Cubic, start: float) -> Any:
    """The root ahead of a start."""
    roots = cubic.roots
    if len(roots) == 1:
        return roots[0]
    if len(roots) == 2:
        return roots[0] if start < roots[0] else roots[1]
    return roots[0] if start < roots[1] else roots[2]


STATEMENT = Statement(
    id="girotti2021.implicit-time",
    claim=(
        r"Two layers pass $x = \theta_1$ at the time $F(x) - F(x_0)$, with $F$ in closed form in each of four cases: "
        r"one root, three roots, the fold, and from zero."
    ),
    provenance="ours",
    realises=("G3",),
    hypotheses=(
        chains.SHALLOW,
        chains.CURVED,
        chains.FED_BACK,
        Hypothesis(
            "on the way",
            "$x$ lies between the start and its rest",
            lambda case: bool(np.all((np.asarray(case["way"]) > 0) & (np.asarray(case["way"]) < 1))),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("on the way", "Beyond the rest the formula gives a time too, a wrong one.", beyond_rest),
    ),
    draws=Draws(25),
    note="The closed form is evaluated with forty digits. From zero it is the case of one root with $k = 0$.",
)
