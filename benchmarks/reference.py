"""p(t) and its condition number to 100 digits and more, in FLINT's arithmetic, without code of the package.

The mathematics of the tests' reference in mpmath, against which `accuracy.py` checks it on a sample, but faster: with
e(tau) = sigma - lambda p(tau) and its roots r_k, time is t = sum_k log(1 - tau / r_k) / e'(r_k).
Derivatives by an input a need one more partial fraction, a dtau/da = e int_0^tau (a e_a / e^2) dtau.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from ensembles import Chain
from flint import acb, acb_poly, arb, arb_poly, ctx

BITS, MORE_BITS = 512, 3200
"""Of the arithmetic; the second where roots are multiple."""

ISOLATION = 8
"""Roots that are split by 2^-200 are told apart with so many times the bits."""

REST = 130
"""A distance of exp(-130) to the rest is none."""

NUDGE = 400
"""Multiple roots are split by a change of sigma by 2^-400 towards the start, which p feels as little."""


@dataclass(frozen=True, eq=False)
class Way:
    """A chain on its clock.

    Attributes
    ----------
    p, error
        p(tau) and e(tau).
    roots, residues
        Of 1 / e, roots with a conjugate only once, and how often they count; the root ahead comes first.
    changes
        For every input a that is not zero: a p_a(tau) and a e_a(tau).
    """

    p: arb_poly
    error: arb_poly
    roots: list[acb]
    residues: list[acb]
    counts: list[int]
    changes: list[tuple[arb_poly, arb_poly]]
    bits: int


def strength_polynomial(theta: list[arb], feedback: list[arb]) -> arb_poly:
    """p(tau): theta_l(tau) = theta_l(0) + c_l int theta_1..theta_{l-1} dtau."""
    below = arb_poly([1])
    for level, start in enumerate(theta):
        below = below * (below.integral() * prod(feedback[level:], start=arb(1)) + start)
    return below


def way_of(chain: Chain) -> Way | None:
    """The clock of a chain, its roots and the effect of its inputs; None for one that starts at rest."""
    exact = [Fraction(float(value)) for value in (*chain.theta, chain.sigma, chain.curvature)]
    if exact[-2] == exact[-1] * prod(exact[:-2]):
        return None
    for bits, nudged in ((BITS, False), (MORE_BITS, False)):
        try:
            return _way(chain, bits, nudged)
        except ValueError:  # roots whose sizes differ by many decades need more digits, multiple ones the nudge
            continue
    return _way(chain, MORE_BITS, nudged=True)


def _way(chain: Chain, bits: int, nudged: bool) -> Way:
    ctx.prec = bits
    depth = len(chain.theta)
    inputs = [arb(float(value)) for value in (*chain.theta, *chain.feedback, chain.sigma, chain.curvature)]
    if nudged:
        product = prod(inputs[:depth], start=arb(1))
        direction = 1 if inputs[-2] > inputs[-1] * product else -1
        size = abs(inputs[-2]) + abs(inputs[-1] * product)
        inputs[-2] = inputs[-2] - direction * size * arb(2) ** -NUDGE

    def clock(values: list[arb]) -> tuple[arb_poly, arb_poly]:
        p = strength_polynomial(values[:depth], values[depth:-2])
        return p, values[-2] - values[-1] * p

    p, error = (trimmed(one) for one in clock(inputs))
    changes = []
    step = arb(2) ** -(bits // 3)
    for which, value in enumerate(inputs):
        if value != 0:
            moved = clock([*inputs[:which], value * (1 + step), *inputs[which + 1 :]])
            changes.append((trimmed((moved[0] - p) * (1 / step)), trimmed((moved[1] - error) * (1 / step))))
    if error.degree() < 1:
        return Way(p, error, [], [], [], changes, bits)
    roots = _roots(error, bits)
    direction = 1 if error[0] > 0 else -1
    real = [root for root in roots if abs(root.imag) < abs(root.real) * arb(2) ** -(bits // 3)]
    first = min((root for root in real if root.real * direction > 0), key=lambda root: abs(float(root.real)))
    pairs = [root for root in roots if root not in real and root.imag > 0]
    ordered = [first, *(root for root in real if root is not first), *pairs]
    ordered = [acb(root.real) if root in real else root for root in ordered]
    derivative = error.derivative()
    residues = [1 / acb_poly(derivative)(root) for root in ordered]
    counts = [1] * len(real) + [2] * len(pairs)
    if sum(counts) != error.degree():
        raise ValueError("real and complex roots cannot be told apart")
    return Way(p, error, ordered, residues, counts, changes, bits)


def trimmed(poly: arb_poly) -> arb_poly:
    """The midpoints, without leading zeros."""
    values = [value.mid() for value in poly.coeffs()]
    while len(values) > 1 and values[-1] == 0:
        values.pop()
    return arb_poly(values)


def _roots(error: arb_poly, bits: int) -> list[acb]:
    """All roots to relative precision: isolated in a variable in which the end coefficients have the same size."""
    degree = error.degree()
    scale = arb(2) ** round(float((abs(error[0]) / abs(error[degree])).log() / arb(2).log()) / degree)
    scaled = arb_poly([(value * scale**power).mid() for power, value in enumerate(error.coeffs())])
    complex_poly, slope = acb_poly(scaled), acb_poly(scaled.derivative())
    found = []
    for root in acb_poly(scaled).roots(2.0**-60, maxprec=ISOLATION * bits):
        middle = acb(root.real.mid(), root.imag.mid())
        for _ in range(200):
            step = complex_poly(middle) / slope(middle)
            middle = acb((middle - step).real.mid(), (middle - step).imag.mid())
            if abs(step) < abs(middle) * arb(2) ** -(bits // 2):
                break
        else:
            raise ValueError("a root cannot be refined")
        found.append(middle * scale)
    return found


def _tau(way: Way, u: arb) -> arb:
    return (-way.roots[0].real * (-u).expm1()).mid()


def _elapsed(way: Way, u: arb, tau: arb) -> arb:
    """t at which the distance to the rest is exp(-u) of what it was."""
    total = -way.residues[0].real * u
    for root, residue, count in zip(way.roots[1:], way.residues[1:], way.counts[1:], strict=True):
        total += count * (residue * (1 - tau / root).log()).real
    return total.mid()


def own_time(way: Way | None, chain: Chain) -> float:
    """Time in which the distance of the clock to its rest falls by e; that of the first change without a rest."""
    if way is None:
        return 1.0 / chain.curvature if chain.curvature else 1.0
    ctx.prec = way.bits
    if not way.roots:
        ends = (
            [abs(float(root.real)) + abs(float(root.imag)) for root in acb_poly(way.p).roots()]
            if len(way.p) > 1
            else []
        )
        return min((end for end in ends if end > 0), default=1.0) / abs(float(way.error[0]))
    return float(_elapsed(way, arb(1), _tau(way, arb(1))))


def evaluate(way: Way | None, chain: Chain, t: list[float]) -> list[tuple[float, float, float]]:
    """(p, what p loses as a float, sum over inputs a of |a dp/da|) at the times t."""
    if way is None:
        exact = prod(Fraction(float(value)) for value in chain.theta)
        high = float(exact)
        return [(high, float(exact - Fraction(high)), len(chain.theta) * abs(high))] * len(t)
    ctx.prec = way.bits
    return [_evaluate(way, time) for time in t]


def strengths(way: Way | None, chain: Chain, t: list[float]) -> list[float]:
    """p at the times t, correctly rounded but for rare ties."""
    if way is None:
        return [float(prod(Fraction(float(value)) for value in chain.theta))] * len(t)
    ctx.prec = way.bits
    return [float(way.p(_position(way, arb(time))[0]).mid()) for time in t]


def _position(way: Way, goal: arb) -> tuple[arb, arb | None]:
    """tau and u at a time; no u without a rest."""
    if not way.roots:
        return way.error[0] * goal, None
    u = arb(0) if goal == 0 else _inverse(way, goal)
    return _tau(way, u), u


def _evaluate(way: Way, time: float) -> tuple[float, float, float]:
    tau, u = _position(way, arb(time))
    value = way.p(tau)
    high = float(value.mid())
    low = float((value - arb(high)).mid())
    slope, velocity = way.p.derivative()(tau), way.error(tau)
    rested = u is not None and float(u) >= REST
    total = arb(0)
    for strength, error in way.changes:
        moved = -error(tau) / way.error.derivative()(tau) if rested else velocity * _travelled(way, error, tau, u)
        total += abs(strength(tau) + slope * moved)
    return high, low, float(total.mid())


def _travelled(way: Way, change: arb_poly, tau: arb, u: arb | None) -> arb:
    """int_0^tau change / e^2 dtau."""
    if u is None:
        return change.integral()(tau) / way.error[0] ** 2
    if tau == 0:
        return arb(0)
    total = arb(0)
    first, second = acb_poly(way.error.derivative()), acb_poly(way.error.derivative().derivative())
    change, slope = acb_poly(change), acb_poly(change.derivative())
    for k, (root, residue, count) in enumerate(zip(way.roots, way.residues, way.counts, strict=True)):
        squared = residue * residue
        double = change(root) * squared
        single = (slope(root) - change(root) * second(root) / first(root)) * squared
        left = root * (-u).exp() if k == 0 else root - tau
        log = acb(-u) if k == 0 else (1 - tau / root).log()
        total += count * (double * tau / (root * left) + single * log).real
    return total.mid()


def _inverse(way: Way, goal: arb) -> arb:
    """u at a time: Newton's method inside a bracket, REST if it is later than that."""
    low, high = arb(0), arb(REST)
    if _elapsed(way, high, _tau(way, high)) < goal:
        return high
    rest = abs(way.roots[0].real)
    u = (goal * abs(way.error[0]) / rest).mid()
    if not 0 < u < high:
        u = high / 2
    precise = arb(2) ** -160
    for _ in range(2000):
        tau = _tau(way, u)
        gap = _elapsed(way, u, tau) - goal
        low, high = (u, high) if gap < 0 else (low, u)
        step = (gap * abs(way.error(tau)) / (rest * (-u).exp())).mid()
        following = u - step
        if abs(step) <= precise * u:
            return following.mid()
        if not (low < following < high):
            following = (low + high) / 2 if low > 0 else high / 16
            if high - low <= precise * high:
                return following.mid()
        u = following.mid()
    raise AssertionError("the reference did not converge")
