"""Random scalar chains, one function per kind of place: what the benchmarks of exact modes draw.

A chain is dtheta_l/dt = c_l theta_1..theta_{l-1} (sigma - lambda p), p = theta_1..theta_L, c_l = b_{l+1}..b_L. With the
clock dtau/dt = sigma - lambda p it is a polynomial p(tau), and rests where p(tau) = sigma / lambda. A place is a region
of starts, feedback and correlation where some way of solving this loses digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

Array = NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True, eq=False)
class Chain:
    """Inputs of one mode: theta_1..theta_L, b_2..b_L, sigma, lambda."""

    theta: Array
    feedback: Array
    sigma: float
    curvature: float


def draw(place: str, depth: int, seed: int, number: int) -> Chain:
    """The chain that (place, depth, seed, number) names; no other chain has to be drawn first."""
    rng = np.random.default_rng([seed, depth, list(PLACES).index(place), number])
    return PLACES[place](rng, depth)


def spread(rng: Generator, decades: float, size: int | None = None) -> Array:
    """Either sign, log-uniform over so many decades around 1."""
    sign = rng.choice([-1.0, 1.0], size)
    return np.asarray(sign * 10.0 ** rng.uniform(-decades / 2, decades / 2, size))


def clock_weights(theta: Array, feedback: Array) -> list[Polynomial]:
    """theta_1(tau)..theta_L(tau)."""
    factors = np.append(np.cumprod(feedback[::-1])[::-1], 1.0)
    below, weights = Polynomial([1.0]), []
    for start, factor in zip(theta, factors, strict=True):
        weights.append(start + factor * below.integ())
        below = below * weights[-1]
    return weights


def strength(theta: Array, feedback: Array) -> Polynomial:
    """p(tau)."""
    return Polynomial(np.prod(clock_weights(theta, feedback)).coef)


def wide(rng: Generator, depth: int) -> Chain:
    """Both signs of everything, six decades of sigma, four of theta, three of b, two of lambda."""
    theta, feedback = spread(rng, 4, depth), spread(rng, 3, depth - 1)
    return Chain(theta, feedback, float(spread(rng, 6)), abs(float(spread(rng, 2))))


def generic(rng: Generator, depth: int) -> Chain:
    """Of order one: normal theta, |b| uniform in [0.3, 1.5], |sigma| log-uniform in [0.1, 4], lambda = 1."""
    theta, size = rng.normal(size=depth), rng.uniform(0.3, 1.5, depth - 1)
    feedback = size * rng.choice([-1.0, 1.0], depth - 1)
    return Chain(theta, feedback, float(rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.1), np.log(4)))), 1.0)


def _at_fold(rng: Generator, depth: int, side: float) -> Chain:
    """Sigma a relative 1e-16 to 1e-1 beside an extremum of lambda p(tau) that is the first one the clock meets."""
    while True:
        chain = generic(rng, depth)
        p = strength(chain.theta, chain.feedback)
        extrema = p.deriv().roots()
        extrema = extrema[np.abs(extrema.imag) < 1e-9 * np.abs(extrema)].real
        for turn in rng.permutation(extrema):
            way = np.sign(turn)
            path = way * p(np.linspace(0, turn, 400)[:-1])
            if len(path) and way * p(turn) > path.max() and abs(turn) > 1e-3:
                aside = side * way * np.sign(p(turn)) * 10.0 ** rng.uniform(-16, -1)
                return Chain(chain.theta, chain.feedback, float(p(turn) * (1 + aside)), 1.0)


def ghost(rng: Generator, depth: int) -> Chain:
    """Just past a fold: the clock all but stops where the pair of rests was, then goes on."""
    return _at_fold(rng, depth, 1.0)


def fold(rng: Generator, depth: int) -> Chain:
    """Just before a fold: two rests close together, the clock stops at the first."""
    return _at_fold(rng, depth, -1.0)


def _dyadic(rng: Generator, size: int) -> Array:
    """Numbers with so few digits that products of four are exact."""
    return np.asarray(rng.choice([-1.0, 1.0], size) * rng.integers(1, 24, size) / 8)


def equilibrium(rng: Generator, depth: int) -> Chain:
    """Started exactly at rest, stable or not."""
    theta = _dyadic(rng, depth)
    return Chain(theta, _dyadic(rng, depth - 1), float(theta.prod()), 1.0)


def unstable(rng: Generator, depth: int) -> Chain:
    """Started 1e-16 to 1e-2 away from an unstable rest."""
    while True:
        chain = generic(rng, depth)
        if strength(chain.theta, chain.feedback).deriv()(0.0) < 0:
            aside = 1 + float(spread(rng, 0)) * 10.0 ** rng.uniform(-16, -2)
            return Chain(chain.theta, chain.feedback, float(chain.theta.prod()) * aside, 1.0)


def multiple_root(rng: Generator, depth: int) -> Chain:
    """A root of sigma - lambda p that is multiple to the last digit, ahead or behind."""
    if depth == 2 and rng.random() < 0.7:  # with x = theta_1 + b tau, p = x (x^2 - 3 k^2) / (2 b): folds at x = +-k
        k, x = (int(value) / 4 for value in rng.integers(1, 12, 2))
        b, sign = float(2.0 ** rng.integers(-2, 3)), rng.choice([-1.0, 1.0], 3)
        k, x, b = k * sign[0], x * sign[1], b * sign[2]
        return Chain(np.array([x, (x * x - 3 * k * k) / (2 * b)]), np.array([b]), -(k**3) / b, 1.0)
    feedback = rng.choice([-1.0, 1.0], depth - 1) * 2.0 ** rng.integers(-2, 3, depth - 1)
    away = float(_dyadic(rng, 1)[0])
    theta = np.array([weight(away) for weight in clock_weights(np.zeros(depth), feedback)])
    return Chain(theta, feedback, 0.0, 1.0)  # p = const (tau + away)^(2^L - 1)


def no_target(rng: Generator, depth: int) -> Chain:
    """Sigma = 0."""
    chain = wide(rng, depth)
    return Chain(chain.theta, chain.feedback, 0.0, chain.curvature)


def weak_feedback(rng: Generator, depth: int) -> Chain:
    """At least one feedback weight of 1e-12 to 1e-3."""
    chain = wide(rng, depth)
    feedback = chain.feedback.copy()
    weak = rng.random(depth - 1) < 0.5
    weak[rng.integers(depth - 1)] = True
    feedback[weak] = np.sign(feedback[weak]) * 10.0 ** rng.uniform(-12, -3, weak.sum())
    return Chain(chain.theta, feedback, chain.sigma, chain.curvature)


def no_feedback(rng: Generator, depth: int) -> Chain:
    """At least one feedback weight of zero: the layers below it stand still."""
    chain = wide(rng, depth)
    feedback = chain.feedback.copy()
    gone = rng.random(depth - 1) < 0.3
    gone[rng.integers(depth - 1)] = True
    feedback[gone] = 0.0
    return Chain(chain.theta, feedback, chain.sigma, chain.curvature)


def zero_weights(rng: Generator, depth: int) -> Chain:
    """Some of the theta, or all, start at zero."""
    chain = wide(rng, depth)
    theta = np.where(rng.random(depth) < 0.6, 0.0, chain.theta)
    return Chain(theta, chain.feedback, chain.sigma, chain.curvature)


def far_clock(rng: Generator, depth: int) -> Chain:
    """A start |tau| = 3 to 300 back along the chain: p(tau) is a small difference of large terms where it rests."""
    chain = generic(rng, depth)
    back = float(rng.choice([-1, 1])) * 10.0 ** rng.uniform(0.5, 2.5)
    theta = np.array([weight(back) for weight in clock_weights(chain.theta, chain.feedback)])
    return Chain(theta, chain.feedback, chain.sigma, 1.0)


def scaled(rng: Generator, depth: int) -> Chain:
    """A chain of order one in other units: theta_l over thirty decades, time over forty."""
    chain = generic(rng, depth)
    unit = 10.0 ** rng.uniform(-15, 15, depth)
    below = np.concatenate([[1.0], np.cumprod(unit)[:-1]])
    ratio = unit / below
    pace = 10.0 ** rng.uniform(-20, 20)
    factors = np.append(np.cumprod(chain.feedback[::-1])[::-1], 1.0) * ratio / ratio[-1]
    speed = ratio[-1] * pace
    return Chain(chain.theta * unit, factors[:-1] / factors[1:], float(chain.sigma * speed), float(speed / unit.prod()))


def no_curvature(rng: Generator, depth: int) -> Chain:
    """Lambda = 0: the clock runs uniformly and p grows for ever."""
    chain = generic(rng, depth)
    return Chain(chain.theta, chain.feedback, chain.sigma, 0.0)


PLACES: dict[str, Callable[[Generator, int], Chain]] = {
    "wide": wide,
    "generic": generic,
    "ghost": ghost,
    "fold": fold,
    "equilibrium": equilibrium,
    "unstable": unstable,
    "multiple root": multiple_root,
    "no target": no_target,
    "weak feedback": weak_feedback,
    "no feedback": no_feedback,
    "zero weights": zero_weights,
    "far clock": far_clock,
    "scaled": scaled,
    "no curvature": no_curvature,
}
"""New places go last: the seed of a chain counts them."""


def workload(depth: int, modes: int, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """theta (L, modes), b (L-1, modes), sigma, lambda of the speed benchmark: generic starts, feedback of both signs.

    theta is standard normal, |b| uniform in [0.3, 1.5] with either sign, sigma log-uniform in [0.1, 4], lambda = 1.
    """
    rng = np.random.default_rng([seed, depth])
    sigma = np.exp(rng.uniform(np.log(0.1), np.log(4), modes))
    theta = rng.normal(size=(depth, modes))
    feedback = rng.choice([-1.0, 1.0], (depth - 1, modes)) * rng.uniform(0.3, 1.5, (depth - 1, modes))
    return theta, feedback, sigma, np.ones(modes)
