"""The zero-loss states of a mode: the cubic table of two layers, and their largest number at any depth."""

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from fa_dynamics.derive import derive
from fa_dynamics.modes import Equilibria, clock_of, equilibria, leaf_start
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
    is_true,
)
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _cubic as cubics

Array = NDArray[np.float64]
STABILITY = {1: ["stable"], 2: ["semi-stable", "stable"], 3: ["stable", "unstable", "stable"]}
"""Of the roots X ascending, by their number."""


def sample(draw: Draw) -> Instance:
    """Two layers in all rows of the table, or the leaf with most states at depth 2..5, in units of any size."""
    if draw.flip(0.3):
        return sharp_leaf(draw, 0.5)
    case, cubic = cubics.draw_cubic(draw)
    roots = [float(cubic.mirror * root) for root in cubic.roots]
    beyond = 10 * max(map(abs, roots))
    x = draw.uniform(-beyond, beyond)
    if len(roots) == 3 and draw.flip():  # close to the edge of the basins
        x = roots[1] + draw.sign() * draw.log_uniform(1e-6, 1.0) * abs(roots[1] - roots[0])
    return cubics.at(case, x, float(cubic.k)) | {"kind": "table"}


def sharp_leaf(draw: Draw, invariant: float) -> dict[str, Any]:
    """b_l = 1/4 and k_l = 1/2 (or another number) in units a_l: theta_{l+1} = a_{l+1} (2 (theta_l / a_l)^2 - 1)."""
    depth, unit = draw.integer(2, 5), 1.0
    curvature = draw.log_uniform(0.01, 100.0)
    units = draw.log_uniforms(depth, 0.1, 10.0)
    unit = float(units.prod())
    feedback = units[:-1] ** 2 / (4 * units[1:])
    target = draw.uniform(-0.9, 0.9) * unit / 2**depth
    start = leaf_start(invariant * units[:-1] ** 2, feedback)[:, 0]
    case = {"curvature": curvature, "correlation": curvature * target, "start": start, "feedback": feedback}
    return case | {"kind": "sharp", "units": units}


def generic_leaf(draw: Draw) -> Instance:
    """Another first integral."""
    return sharp_leaf(draw, draw.uniform(-0.5, 0.3))


def without_feedback(draw: Draw) -> Instance:
    """b_2 = 0 and theta_1(0) = 0: no way to learn."""
    case, _ = cubics.draw_cubic(draw, ("one",))
    return case | {"kind": "table", "feedback": np.zeros(1), "start": np.array([0.0, draw.uniform(-1.0, 1.0)])}


def check(case: Instance) -> list[Evidence]:
    """Number, place, stability and rate of all equilibria, and which of them the solution reaches."""
    found = equilibria(
        [case["correlation"]],
        case["curvature"],
        depth=len(case["start"]),
        start=np.reshape(case["start"], (-1, 1)),
        feedback=np.reshape(case["feedback"], (-1, 1)),
    )
    return _sharp(case, found) if case["kind"] == "sharp" else _table(case, found)


def _sharp(case: Instance, found: Equilibria) -> list[Evidence]:
    depth = len(case["start"])
    most = 2**depth
    counted = is_true(
        "$2^L - 1$ zero-loss states, $2^{L-1}$ of them stable",
        found.count[0] == most - 1 and int((found.stability == "stable").sum()) == most // 2,
    )
    units = np.asarray(case["units"], dtype=float)
    x = found.weights[0, :, 0] / units[0]
    target = case["correlation"] / case["curvature"] / units.prod()
    inside = bool((np.abs(x) < 1).all())
    phi = np.arccos(np.clip(x, -1, 1))
    gap = np.sin(most * phi) - most * target * np.sin(phi)
    known = ROUND_OFF * most**2 / np.maximum(np.sin(phi), 1 / most)
    return [counted, is_true("all within the interval", inside), equal("angles", gap, 0.0, known, scale=1.0)]


def _table(case: Instance, found: Equilibria) -> list[Evidence]:
    cubic = cubics.cubic_of(case)
    curvature, b = case["curvature"], abs(float(case["feedback"][0]))
    count, k = len(cubic.roots), float(cubic.k)
    if found.count[0] != count:
        return [is_true(f"{count} equilibria", False)]
    x = cubic.mirror * found.weights[0, :, 0]
    order = np.argsort(x)
    stability = [str(name) for name in found.stability[order, 0]]
    claimed = np.array([float(root) for root in cubic.roots])
    terms = np.abs(claimed) ** 3 + _size_of_k(case) * np.abs(claimed) + 2 * float(cubic.q)
    slope = 3 * claimed**2 - k
    if count == 2:  # the double root is a turning point of p, which moves with k as its square root does
        terms[0], slope[0] = _size_of_k(case), 6 * claimed[0]
    known = ROUND_OFF * (np.abs(claimed) + terms / np.abs(slope))
    result = [
        is_true("stability of the table", stability == STABILITY[count]),
        equal(r"$\theta_1$ at rest", x[order], claimed, known),
        equal(
            r"rate $\lambda S_*$",
            found.rate[order, 0],
            curvature * slope_of(claimed, k, count),
            curvature * (3 * np.abs(claimed) * known + ROUND_OFF * (claimed**2 + _size_of_k(case))),
        ),
    ]
    return result if count == 2 else [*result, _limit(case, cubic, claimed, slope / 2, b)]


def slope_of(x: Array, k: float, count: int) -> Array:
    """S_* = (3 x^2 - k) / 2, which is zero at the semi-stable root of the fold."""
    slope = 0.5 * (3 * x**2 - k)
    return np.where(np.arange(len(x)) == 0, 0.0, slope) if count == 2 else slope


def _size_of_k(case: Instance) -> float:
    x, y = (abs(float(value)) for value in case["start"])
    return x * x + 2 * abs(float(case["feedback"][0])) * y


def _limit(case: Instance, cubic: cubics.Cubic, claimed: Array, slopes: Array, b: float) -> Evidence:
    """theta_1 so late that all exponentials of the roots have died out, beside the root of its basin."""
    x = cubic.mirror * float(case["start"][0])
    goal = 0 if len(claimed) == 1 or x < claimed[1] else 2
    # Just below the fold a ghost holds a mode for a thousand of its own times.
    late = (80.0 / np.abs(slopes).min() + 1e5 / float(cubic.rho) ** 2) / case["curvature"]
    curves = chains.solve(case, [0.0, late])
    reached = cubic.mirror * curves.weights[0, -1, 0]
    known = b * curves.error[-1, 0] / slopes[goal] + ROUND_OFF * np.abs(claimed).max()
    return equal(r"$\theta_1(\infty)$", reached, claimed[goal], known, scale=float(np.abs(claimed).max()))


def check_learning(case: Instance) -> Evidence:
    """The error after a long time."""
    curves = chains.solve(case, [0.0, 1e8 * chains.natural_time(case)])
    left, known = chains.errors(case, curves)
    return at_most("$|e|$ late", abs(left[-1]), 1e-6 * abs(case["correlation"]), known[-1])


def _is_sharp(case: Instance) -> bool:
    if case["kind"] != "sharp":
        return True
    units = np.asarray(case["units"], dtype=float)
    k, _ = chains.first_integrals(np.asarray(case["start"], dtype=float), case["feedback"])
    return bool(np.allclose(k / units[:-1] ** 2, 0.5, rtol=1e-12, atol=0))


def prove(depth: int) -> str:
    """Degrees bound the number of zeros, Chebyshev polynomials attain it; the discriminant gives the cubic's table."""
    tau, x, k, s = sp.symbols("tau x k s", real=True)
    for layers in range(2, depth + 1):
        chain = derive(layers, "fa").chain()
        quarter = dict.fromkeys(chain.feedback, sp.Rational(1, 4))
        leaf: list[Any] = [sp.S.Zero]
        for _ in range(layers - 1):
            leaf.append((leaf[-1] ** 2 - sp.Rational(1, 2)) / (2 * sp.Rational(1, 4)))
        start = dict(zip(chain.weights, leaf, strict=True))
        p = sp.Mul(*(weight.subs(quarter | start) for weight in clock_of(chain).polynomials))
        # theta_1 = c_1 tau here; with x = cos(phi) p is sin(2^L phi) / (2^L sin(phi)).
        in_x = sp.expand(p.subs(tau, x * 4 ** (layers - 1)))
        if sp.expand(in_x - sp.chebyshevu(2**layers - 1, x) / 2**layers) != 0:
            raise Unproved(f"p on the sharp leaf at L = {layers} is {in_x}")
        zeros = sp.Poly(in_x - sp.Rational(1, 2 ** (layers + 1)), x).count_roots()
        if zeros != 2**layers - 1 or sp.Poly(p, tau).LC() <= 0:
            raise Unproved(f"{zeros} zeros on the sharp leaf at L = {layers}")
    chain = derive(2, "fa").chain()
    (b,), (first, second) = chain.feedback, chain.weights
    on_leaf = sp.numer(sp.together(chain.strength.subs({second: (first**2 - k) / (2 * b)}) - s))
    rest = sp.discriminant(on_leaf, first) - 4 * (k**3 - 27 * (b * s) ** 2)
    if sp.expand(rest) != 0:
        raise Unproved(f"discriminant of {on_leaf}")
    return f"counts for L <= {depth}, folds for L = 2"


STATEMENT = Statement(
    id="girotti2021.fixed-points",
    claim=(
        r"For $L = 2$, number, place, stability and basins of the equilibria follow the table of the cubic "
        r"$\theta_1^3 - k \theta_1 = 2 b \sigma / \lambda$; at any depth a leaf has at most $2^L - 1$ zero-loss "
        r"states, at most $2^{L-1}$ of them stable, and $b_l = \frac14$, $k_l = \frac12$, $|s| < 2^{-L}$ has as many."
    ),
    provenance="ours",
    realises=("G1", "G3"),
    hypotheses=(
        chains.CURVED,
        chains.FED_BACK,
        Hypothesis("sharp leaf", r"for the largest number: $b_l = \frac14$, $k_l = \frac12$ up to units", _is_sharp),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "feedback",
            r"$b = 0$ freezes $\theta_1$; at $\theta_1(0) = 0$ it never learns.",
            without_feedback,
            check_learning,
        ),
        Counterexample("sharp leaf", "Other first integrals give fewer states.", generic_leaf),
    ),
    prove=prove,
    draws=Draws(50),
    note=(
        r"Rows: one root $x_+$ for $k < 3\varrho^2$, three for $k > 3\varrho^2$ with the edge of the basins at the "
        r"middle one, a semi-stable one at $-\varrho$ on the fold; $\varrho^3 = b\sigma/\lambda$, mirrored where "
        r"negative."
    ),
)
