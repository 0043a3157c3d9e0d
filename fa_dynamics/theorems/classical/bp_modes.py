"""Closed mode solutions of gradient flow: sigmoid, deep, unbalanced; and the closed flow of balanced products."""

from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

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
    equal,
)
from fa_dynamics.theorems.robertson2024._linear import matrices, velocities

Array = NDArray[np.float64]
MODES = ("sigmoid", "deep", "unbalanced")


def sample(draw: Draw) -> Instance:
    """Modes over decades of correlation, curvature and start; balanced products of depths 2..4 in random bases."""
    kind = draw.choice([*MODES, "product"])
    case = {"kind": kind, "depth": draw.integer(3, 5) if kind == "deep" else 2, "mix": 0.0}
    if kind == "product":
        return {**case, **balanced(draw)}
    curvature = 1.0 if kind == "unbalanced" else draw.log_uniform(0.1, 10.0)
    correlation = draw.log_uniform(0.1, 10.0)
    part = draw.log_uniform(1e-3, 3.0)
    zeta = draw.sign() * draw.log_uniform(0.01, 30.0) if kind == "unbalanced" else 0.0
    return {**case, "curvature": curvature, "correlation": correlation, "part": part, "zeta": zeta, "sign": draw.sign()}


def balanced(draw: Draw) -> dict[str, object]:
    """W_l = U_l S^(1/L) U_{l-1}^T with distinct singular values over a decade, and coloured data."""
    depth, size = draw.integer(2, 4), draw.integer(1, 3)
    values = draw.log_uniform(0.1, 3.0) * np.geomspace(1.0, draw.uniform(0.05, 0.6), size)
    bases = [
        draw.orthogonal(size + (0 if place in (0, depth) else draw.integer(0, 1)), size) for place in range(depth + 1)
    ]
    start = [above * values ** (1 / depth) @ below.T for below, above in pairwise(bases)]
    samples = size + draw.integer(0, 4)
    return {
        "depth": depth,
        "sizes": [len(basis) for basis in bases],
        "start": start,
        "inputs": draw.normals((samples, size)),
        "targets": draw.normals((samples, size)),
    }


def is_balanced(case: Instance) -> bool:
    """The two ends of every inner node fit: theta_2^2 - theta_1^2 = zeta, or W_{l+1}^T W_{l+1} = W_l W_l^T."""
    if case["kind"] != "product":
        return bool(case["mix"] == 0.0)
    weights = matrices(case["start"])
    return all(np.allclose(upper.T @ upper, lower @ lower.T, rtol=0, atol=1e-12) for lower, upper in pairwise(weights))


def check(case: Instance) -> Evidence | list[Evidence]:
    """The mode solver beside the closed form, or the package's velocity beside the closed flow."""
    return check_product(case) if case["kind"] == "product" else check_mode(case)


def check_mode(case: Instance) -> Evidence:
    """p(t) on both sides; of deep modes at times t(p) of given p."""
    depth, sigma, curvature = case["depth"], case["correlation"], case["curvature"]
    target = sigma / curvature
    first = case["part"] * target
    end = 6.0 / (depth * sigma * max(first, target) ** (1 - 2 / depth) * min(1.0, case["part"]) ** (1 - 2 / depth))
    t = np.linspace(0.0, end, 21)
    if case["kind"] == "unbalanced":
        zeta = case["zeta"]
        t = np.linspace(0.0, 8.0 / np.sqrt(zeta**2 + 4 * target**2), 21)
        # theta_1^2 and theta_2^2 are those of the larger one and of p over it, which loses no digits.
        large = np.sqrt((abs(zeta) + np.hypot(zeta, 2 * first)) / 2)
        start = [first / large, large] if zeta > 0 else [large, first / large]
        expected = unbalanced(t, first, target, zeta)
    elif depth == 2:
        start = [np.sqrt(first)] * 2
        expected = sigmoid(t, first, target, sigma)
    else:
        start = [first ** (1 / depth)] * depth
        expected = first + (target - first) * np.linspace(0.0, 0.98, 21)
        t = deep_time(expected, first, target, depth) / (depth * curvature)
    start[-1] *= case["sign"] * (1 + case["mix"])
    curves = solve_modes(
        [case["sign"] * sigma], curvature=curvature, depth=depth, rule="bp", start=np.reshape(start, (-1, 1)), t=t
    )
    size = max(first, target)
    # Of the closed form: round-off of t(p), or of R near x_+, carried by the slope; the logarithm of the start counts.
    rounding = ROUND_OFF * size * (10 + abs(np.log(case["part"])))
    if case["kind"] == "unbalanced":
        rounding *= 1 + abs(case["zeta"]) / min(first, target)
    return equal(
        f"$p(t)$, {case['kind']} mode",
        case["sign"] * curves.strength[:, 0],
        expected,
        curves.error[:, 0] + rounding,
        scale=size,
        over=t,
    )


def sigmoid(t: Array, first: float, target: float, sigma: float) -> Array:
    """sigma p0 e^(2 sigma t) / (sigma + lambda p0 (e^(2 sigma t) - 1)), without overflow."""
    return np.asarray(first * target / (first - (first - target) * np.exp(-2 * sigma * t)))


def unbalanced(t: Array, first: float, target: float, zeta: float) -> Array:
    """p = zeta x / (1 - x^2) with x the solution of a Riccati equation; it depends on |zeta| only.

    Far from balance x differs little from its rest, hence the extended precision.
    """
    size, p0, s = np.abs(np.asarray([zeta, first, target], dtype=np.longdouble))
    rate = np.hypot(size, 2 * s)
    plus, minus = 2 * s / (size + rate), -(size + rate) / (2 * s)
    x0 = np.tanh(np.arcsinh(2 * p0 / size) / 2)
    ratio = (x0 - plus) / (x0 - minus) * np.exp(-rate * t)
    x = (plus - minus * ratio) / (1 - ratio)
    return np.asarray(size * x / (1 - x**2), dtype=float)


def deep_time(p: Array, first: float, target: float, depth: int) -> Array:
    """G(p) - G(p0), p[0] = p0, with G(x) = x^m / (s m) 2F1(1, m; m + 1; x / s), m = 2/L - 1."""
    from scipy.special import hyp2f1

    power = 2 / depth - 1
    if first < target / 2:
        potential = p**power / (target * power) * hyp2f1(1, power, power + 1, p / target)
        return np.asarray(potential - potential[0])
    # In y with s - x = (s - p0) e^(-y) the integrand is x^(m - 1), which is smooth there.
    nodes, weights = np.polynomial.legendre.leggauss(40)
    last = np.log((target - first) / (target - p))[:, None]
    x = target - (target - first) * np.exp(-last * (1 + nodes) / 2)
    return np.asarray((x ** (power - 1)) @ weights * last[:, 0] / 2)


def check_product(case: Instance) -> list[Evidence]:
    """One evaluation of dP/dt, and of the rates of the singular values."""
    weights, depth = matrices(case["start"]), case["depth"]
    moved = velocities("bp", case, weights, [])
    error = task_error(case, weights)
    rate = sum(product([*weights[:layer], moved[layer], *weights[layer + 1 :]]) for layer in range(depth))
    left, values, right = np.linalg.svd(product(weights))
    closed = sum(
        (left * values ** (2 * layer / depth))
        @ left.T
        @ error
        @ (right.T * values ** (2 * (depth - 1 - layer) / depth))
        @ right
        for layer in range(depth)
    )
    gain = depth * float(values[0]) ** (2 - 2 / depth)
    inputs, targets = np.linalg.norm(case["inputs"]), np.linalg.norm(case["targets"])
    terms = float(inputs * (targets + values[0] * inputs)) / len(case["inputs"])  # of E, which may cancel
    size = float(np.linalg.norm(error)) * gain
    rounding = 16 * ROUND_OFF * terms * gain * float(1 + values[0] / values[-1])
    slopes = np.diag(left.T @ rate @ right.T)
    stated = depth * values ** (2 - 2 / depth) * np.diag(left.T @ error @ right.T)
    return [
        equal(r"$\dot P$ and the closed flow", np.ravel(rate), np.ravel(closed), rounding, scale=size),
        equal(r"$\dot\varsigma_r$", slopes, stated, rounding, scale=size),
    ]


def task_error(case: Instance, weights: list[Array]) -> Array:
    """E = Sigma_yx - P Sigma_xx."""
    inputs, targets = np.asarray(case["inputs"]), np.asarray(case["targets"])
    return np.asarray((targets - inputs @ product(weights).T).T @ inputs / len(inputs))


def product(weights: list[Array]) -> Array:
    """W_L .. W_1."""
    return reduce(lambda below, weight: weight @ below, weights)


def lopsided(draw: Draw) -> Instance:
    """One weight larger than balance allows."""
    case = dict(sample(draw))
    factor = draw.uniform(0.2, 0.8)
    if case["kind"] == "product":
        case["start"] = [*case["start"][:-1], (1 + factor) * case["start"][-1]]
    return {**case, "mix": factor}


STATEMENT = Statement(
    id="classical.bp-modes",
    claim=(
        r"Under gradient flow balanced modes follow the sigmoid $\dot p = 2 p (\sigma - \lambda p)$, its deep relative "
        r"$\dot p = L p^{2 - 2/L} (\sigma - \lambda p)$, and with $\theta_2^2 - \theta_1^2 = \zeta$, $\lambda = 1$, "
        r"$\dot p = \sqrt{\zeta^2 + 4 p^2} (s - p)$; the product of balanced layers closes, "
        r"$\dot P = \sum_j (P P^\top)^{(j-1)/L} E (P^\top P)^{(L-j)/L}$, with "
        r"$\dot\varsigma_r = L \varsigma_r^{2 - 2/L} u_r^\top E v_r$."
    ),
    provenance="classical",
    realises=("A1", "A5"),
    hypotheses=(Hypothesis("balanced", r"balanced, or $\zeta$-balanced, start", is_balanced),),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("balanced", "Another invariant: another curve, and $P$ does not close.", lopsided),
    ),
    draws=Draws(default=60),
    note="Saxe et al. 2014, Gidel et al. 2019, Arora et al. 2018, Domine et al. 2024.",
)
