"""A mode under feedback alignment runs on one clock, of which all its weights are polynomials."""

from typing import Any

import numpy as np
import sympy as sp

from fa_dynamics.derive import derive
from fa_dynamics.modes import clock_of
from fa_dynamics.modes.polynomials import coefficients, weights_at
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


def sample(draw: Draw) -> Instance:
    """Depth 2..4, any signs, feedback of zero too, over times in which the chain is on its way."""
    case = chains.draw_chain(draw)
    dead = draw.uniforms(len(case["feedback"])) < 0.1
    case["feedback"] = np.where(dead, 0.0, case["feedback"])
    return case | {"rule": "fa", "end": draw.log_uniform(0.03, 10.0) * chains.natural_time(case)}


def with_backpropagation(draw: Draw) -> Instance:
    """The factors of the clock are those of the start, and would have to stay."""
    case = dict(sample(draw))
    start = chains.natural_sizes(case["correlation"], case["curvature"], np.ones(len(case["feedback"])))
    start = start * draw.uniforms(len(start), 0.5, 1.5)
    return case | {"rule": "bp", "start": start, "feedback": start[1:], "end": chains.natural_time(case)}


def check(case: Instance) -> list[Evidence]:
    """Weights of the integrated chain beside polynomials of its clock, and the highest power of the strength."""
    t = np.linspace(0.0, case["end"], 25)
    theta, error, tau, tau_error = chains.run(case, t, case["rule"])
    c = chains.clock_factors(case["feedback"])[:, None]
    start = np.asarray(case["start"], dtype=float)[:, None]
    claimed = np.array(weights_at(start, c, tau))
    # An uncertain clock moves theta_l by c_l theta_1 .. theta_{l-1} times as much.
    below = np.concatenate([np.ones((1, len(t))), np.cumprod(np.abs(claimed[:-1]), axis=0)])
    known = error + np.abs(c) * below * tau_error + ROUND_OFF * np.array(weights_at(np.abs(start), abs(c), abs(tau)))
    size = np.maximum(np.abs(theta).max(axis=1, keepdims=True), np.finfo(float).tiny)
    polynomial = equal(
        r"$\theta_l(t)$ and its polynomial of $\tau(t)$, relative",
        ((theta - claimed) / size).T[1:],
        0.0,
        (known / size).T[1:],
        scale=1.0,
        over=t[1:],
    )
    powers = coefficients(start[:, 0], c[:, 0])
    kappa: list[float] = []
    for layer, factor in enumerate(c[:, 0]):
        kappa.append(factor * 2.0**-layer * float(np.prod(kappa)))
    leading = float(np.prod(kappa))
    highest = equal(
        r"coefficient of $\tau^{2^L - 1}$ in $p$, relative to $\prod \kappa_l$",
        powers[-1] / (leading or 1.0),
        1.0 if leading else 0.0,
        ROUND_OFF * len(powers),
        scale=1.0,
    )
    return [polynomial, highest]


def prove(depth: int) -> str:
    """Degrees, the derivative with respect to the clock and the highest coefficient, with feedback as symbols."""
    for layers in range(2, depth + 1):
        chain = derive(layers, "fa").chain()
        tau = sp.Symbol("tau", real=True)
        ring = (tau, *chain.weights, *chain.feedback)
        below = sp.Poly(1, *ring)
        kappas: list[Any] = []
        for layer, weight in enumerate(clock_of(chain).polynomials):
            factor = sp.Mul(*chain.feedback[layer:])
            polynomial = sp.Poly(weight, *ring)
            if not (polynomial.diff(tau) - below * factor).is_zero:
                raise Unproved(f"d theta_{layer + 1}/d tau at L = {layers}")
            kappas.append(factor * sp.Rational(1, 2**layer) * sp.Mul(*kappas))
            highest = sp.Poly(weight, tau).LC()
            if polynomial.degree(tau) != 2**layer or sp.expand(highest - kappas[-1]) != 0:
                raise Unproved(f"the highest power of theta_{layer + 1} at L = {layers} is {highest}")
            below = below * polynomial if layer < layers - 1 else below
        product = sp.Mul(*kappas)
        nonzero = {b: sp.Symbol(b.name, real=True, nonzero=True) for b in chain.feedback}
        if not product.xreplace(nonzero).is_positive:
            raise Unproved(f"the sign of {product} at L = {layers}")
        powers = [2 ** (layers - j) - 1 for j in range(1, layers)]
        k = sp.Mul(*((2 * b) ** -power for b, power in zip(chain.feedback, powers, strict=True)))
        if sp.simplify(k * sp.Mul(*chain.feedback) ** (2**layers - 1) - product) != 0:
            raise Unproved(f"K c_1^n at L = {layers} is not {product}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="girotti2021.clock",
    claim=(
        r"With $\dot\tau = \sigma - \lambda p$, every $\theta_l$ is a polynomial of $\tau$ of degree $2^{l-1}$ at "
        r"most, with highest coefficient $\kappa_l = c_l 2^{1-l} \prod_{j<l} \kappa_j$; where no $b_l$ is zero, $p$ "
        r"has degree $2^L - 1$ and the positive highest coefficient $\prod_l \kappa_l = K c_1^{2^L - 1}$."
    ),
    provenance="ours",
    realises=("G1",),
    hypotheses=(
        Hypothesis("fixed feedback", "feedback that does not learn", lambda case: case["rule"] == "fa"),
        chains.CURVED,
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "fixed feedback",
            "Under backpropagation the factors $c_l$ change along with the weights.",
            with_backpropagation,
        ),
    ),
    prove=prove,
    draws=Draws(25),
    note=r"$K = \prod_{j<L} (2 b_{j+1})^{-(2^{L-j} - 1)}$ is the highest coefficient in powers of $\theta_1$.",
)
