"""In its own units every learning mode obeys one equation without parameters."""

from typing import Any

import numpy as np
import sympy as sp

from fa_dynamics.derive import derive
from fa_dynamics.modes import solve_modes
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
from fa_dynamics.theorems.girotti2021 import _chains as chains


def units(case: Instance) -> tuple[Any, float]:
    """rho_1..rho_L, and the unit of time rho_1 / (c_1 sigma)."""
    return chains.natural_sizes(case["correlation"], case["curvature"], case["feedback"]), chains.natural_time(case)


def sample(draw: Draw) -> Instance:
    """Depth 2..4, positive feedback, curvature and correlation over decades, starts of either sign."""
    depth = draw.integer(2, 4)
    case = {
        "curvature": draw.log_uniform(0.01, 100.0),
        "correlation": draw.log_uniform(0.01, 100.0),
        "feedback": draw.log_uniforms(depth - 1, 0.1, 10.0),
        "end": draw.log_uniform(0.1, 10.0),
    }
    scaled = draw.normals(depth)
    return case | {"scaled": scaled, "start": units(case)[0] * scaled}


def unscaled(draw: Draw) -> Instance:
    """The same numbers as weights, not as multiples of the mode's own units."""
    case = dict(sample(draw))
    return case | {"start": np.asarray(case["scaled"])}


def check(case: Instance) -> Evidence:
    """p / s of the mode beside the strength of the normal form at the scaled times."""
    depth = len(case["scaled"])
    t = np.linspace(0.0, case["end"], 20)
    start, scaled = (np.reshape(np.asarray(case[name], dtype=float), (-1, 1)) for name in ("start", "scaled"))
    feedback = np.reshape(np.asarray(case["feedback"], dtype=float), (-1, 1))
    own = solve_modes([case["correlation"]], case["curvature"], depth, "fa", start, feedback, t=units(case)[1] * t)
    form = solve_modes([1.0], 1.0, depth, "fa", scaled, np.ones_like(feedback), t=t)
    target = case["correlation"] / case["curvature"]
    # Units are powers with exponents below one: they are rounded by a few units in the last place, as inputs are.
    error = 10 * (own.error[:, 0] / target + form.error[:, 0]) + ROUND_OFF * np.abs(form.strength[:, 0])
    return equal("$p(t)/s$ and the normal form", own.strength[:, 0] / target, form.strength[:, 0], error, over=t)


def prove(depth: int) -> str:
    """Put theta_l = rho_l w_l into the derived chain; what is left of it has no parameter."""
    for layers in range(2, depth + 1):
        chain = derive(layers, "fa").chain()
        w = sp.symbols(f"w_1:{layers + 1}", real=True)
        sigma, curvature, first = sp.symbols("sigma lambda rho_1", positive=True)
        b = sp.symbols(f"b_2:{layers + 1}", positive=True)
        rho = [first]
        for factor in b:
            rho.append(rho[-1] ** 2 / factor)
        # The definition of rho_1 says that sigma = lambda rho_1 .. rho_L.
        ours = {"sigma": curvature * sp.prod(rho), "lambda": curvature}
        ours |= {f"b_{layer}": factor for layer, factor in enumerate(b, start=2)}
        ours |= {f"theta_{layer}": r * v for layer, (r, v) in enumerate(zip(rho, w, strict=True), start=1)}
        rate = sp.prod(b) * ours["sigma"] / first
        for layer, velocity in enumerate(chain.velocity.values()):
            given = velocity.subs({symbol: ours[symbol.name] for symbol in velocity.free_symbols}, simultaneous=True)
            left = sp.simplify(given / (rho[layer] * rate) - sp.prod(w[:layer]) * (1 - sp.prod(w)))
            if left != 0:
                raise Unproved(f"w_{layer + 1}' at depth {layers} leaves {left}")
        defined = (sigma / curvature * sp.prod(f ** (2 ** (layers - j) - 1) for j, f in enumerate(b, start=1))) ** (
            sp.Rational(1, 2**layers - 1)
        )
        if sp.simplify(sp.prod(rho).subs(first, defined) - sigma / curvature) != 0:
            raise Unproved(f"sigma = lambda rho_1 .. rho_L at depth {layers}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="girotti2021.normal-form",
    claim=(
        r"With $\rho_1 = [(\sigma/\lambda) \prod_j b_{j+1}^{2^{L-j}-1}]^{1/(2^L-1)}$, "
        r"$\rho_{l+1} = \rho_l^2 / b_{l+1}$, $\theta_l = \rho_l w_l$ and $t' = (c_1 \sigma / \rho_1) t$, the chain "
        r"reads $w_l' = w_1 \cdots w_{l-1} (1 - w_1 \cdots w_L)$: no parameter is left."
    ),
    provenance="ours",
    realises=("G1", "G3"),
    hypotheses=(
        Hypothesis(
            "positive",
            r"$\sigma, \lambda, b_l > 0$",
            lambda case: bool(min(case["correlation"], case["curvature"], *np.asarray(case["feedback"])) > 0),
        ),
        Hypothesis(
            "same start",
            r"$\theta_l(0) = \rho_l w_l(0)$",
            lambda case: bool(np.allclose(case["start"], units(case)[0] * case["scaled"], rtol=1e-12, atol=0)),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("same start", "modes that start from equal weights keep their parameters.", unscaled),
    ),
    prove=prove,
    draws=Draws(default=30),
)
