"""The clock: polynomials that SymPy integrates, their nested form, their derivatives, and which rules have one."""

from math import prod

import numpy as np
import pytest
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.errors import DerivationError
from fa_dynamics.modes import clock_of
from fa_dynamics.modes import polynomials as poly

TAU = sp.Symbol("tau", real=True)


def clock(depth, rule="fa"):
    return clock_of(fa.derive(depth, rule).chain("joint"))


def drawn(depth, count=40):
    rng = np.random.default_rng(depth)
    theta, c = rng.uniform(-1.5, 1.5, (2, depth, count))
    c[-1] = 1.0
    return theta, c, rng.uniform(-1.5, 1.5, count)


@pytest.mark.parametrize("rule", ["fa", "dfa"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_polynomials_satisfy_their_equation(depth, rule):
    found = clock(depth, rule)
    below = sp.S.One
    for start, factor, weight in zip(found.chain.weights, found.factors, found.polynomials, strict=True):
        assert sp.expand(sp.diff(weight, TAU) - factor * below) == 0
        assert weight.subs(TAU, 0) == start
        below = sp.expand(below * weight)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_degree_and_leading_coefficient(depth):
    """deg p = 2^L - 1 and the leading coefficient is positive, whatever the signs. girotti2021.md 3."""
    found = clock(depth)
    rng = np.random.default_rng(depth)
    for _ in range(20):
        chain = found.chain
        numbers = {s: sp.Rational(int(v), 7) for s, v in zip(chain.weights, rng.integers(-9, 10, depth), strict=True)}
        signs = rng.choice([-1, 1], depth - 1) * rng.integers(1, 9, depth - 1)
        numbers |= {s: sp.Rational(int(v), 5) for s, v in zip(chain.feedback, signs, strict=True)}
        weights = [sp.Poly(weight.subs(numbers), TAU) for weight in found.polynomials]
        assert [weight.degree() for weight in weights] == [2**layer for layer in range(depth)]
        strength = prod(weights)
        assert strength.degree() == 2**depth - 1
        assert strength.LC() > 0


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_nested_form(depth):
    theta, c, tau = drawn(depth)
    found = clock(depth, "dfa")
    symbols = [*found.chain.weights, *found.chain.feedback, TAU]
    evaluate = sp.lambdify(symbols, list(found.polynomials), modules="numpy")
    expected = evaluate(*theta, *c[:-1], tau)
    for nested, expanded in zip(poly.weights_at(theta, c, tau), expected, strict=True):
        scale = np.maximum(np.abs(expanded), 1.0)  # the powers of tau that are added up are of order one
        np.testing.assert_allclose(nested / scale, expanded / scale, rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_coefficients(depth):
    theta, c, tau = drawn(depth)
    powers = poly.coefficients(theta, c)
    assert powers.shape == (2**depth, len(tau))
    nested = poly.strength(poly.weights_at(theta, c, tau))
    expanded = (powers * tau ** np.arange(2**depth)[:, None]).sum(axis=0)
    size = np.abs(powers * tau ** np.arange(2**depth)[:, None]).sum(axis=0)
    np.testing.assert_array_less(np.abs(nested - expanded), 1e-13 * size + 1e-300)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_slope_and_secant(depth):
    theta, c, tau = drawn(depth)
    h = 1e-6

    def p(where):
        return poly.strength(poly.weights_at(theta, c, where))

    slope = poly.slope(poly.weights_at(theta, c, tau), c)
    np.testing.assert_allclose(slope, (p(tau + h) - p(tau - h)) / (2 * h), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(poly.secant(theta, c, tau) * tau, p(tau) - p(0 * tau), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(poly.secant(theta, c, 0 * tau), poly.slope(theta, c), rtol=1e-14)
    # no cancellation: for tiny tau the secant is the slope, where the difference has no digit left
    np.testing.assert_allclose(poly.secant(theta, c, 1e-18 * tau), poly.slope(theta, c), rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_tangents(depth):
    theta, c, tau = drawn(depth)
    tangents = poly.tangents(theta, c, tau)
    assert len(tangents) == 2 * depth
    h = 1e-6
    for index, tangent in enumerate(tangents):
        ends = []
        for step in (h, -h):
            moved = np.concatenate([theta, c])
            moved[index] += step
            ends.append(poly.strength(poly.weights_at(moved[:depth], moved[depth:], tau)))
        np.testing.assert_allclose(tangent, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "options", "basis"),
    [
        ("bp", {}, "joint"),
        ("kp", {}, "joint"),
        ("sign", {}, "coordinates"),
        ("fa", {"decay": True}, "joint"),
        ("dfa", {"decay": True}, "joint"),
    ],
)
@pytest.mark.parametrize("depth", [2, 3])
def test_rules_without_clock(rule, options, basis, depth):
    chain = fa.derive(depth, rule, **options).chain(basis)
    with pytest.raises(DerivationError, match="has no clock"):
        clock_of(chain)


def test_one_layer_always_has_a_clock():
    for rule in ("bp", "fa", "dfa"):
        assert clock(1, rule).factors == (1,)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_factors(depth):
    direct = clock(depth, "dfa")
    assert direct.factors == (*direct.chain.feedback, 1)
    layered = clock(depth)
    feedback = layered.chain.feedback
    assert layered.factors == tuple(sp.Mul(*feedback[layer:]) for layer in range(depth))
    b = np.random.default_rng(0).uniform(-2, 2, (depth - 1, 3))
    expected = [np.prod(b[layer:], axis=0) for layer in range(depth)]
    np.testing.assert_allclose(layered.numeric_factors(b), expected, rtol=1e-15)
    np.testing.assert_array_equal(direct.numeric_factors(b), [*b, np.ones(3)])
