"""A polynomial of degree 7 per step: exact for such polynomials, and honest at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from fa_dynamics.measures import Curve
from fa_dynamics.measures.curve import NODES

steps = st.lists(st.floats(0.01, 3.0), min_size=1, max_size=6)
seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=60)


def edges_of(widths):
    return np.concatenate([[0.0], np.cumsum(widths)])


def curve_of(function, edges):
    times = edges[:-1, None] + np.diff(edges)[:, None] * NODES
    return Curve(edges, np.array(function(times)).transpose(1, 2, 0))


def polynomials(seed, degree=7):
    """Two modes, of order one within about the unit of time."""
    rng = np.random.default_rng(seed)
    both = [Polynomial(rng.standard_normal(degree + 1), domain=[0, 5]) for _ in range(2)]
    return lambda t: [p(t) for p in both]


def test_nodes():
    """Chebyshev-Lobatto: the ends, symmetric, increasing."""
    np.testing.assert_allclose(NODES, np.sin(np.pi * np.arange(8) / 14) ** 2, atol=1e-15)
    assert (NODES[0], NODES[-1]) == (0.0, 1.0)
    assert (np.diff(NODES) > 0).all()


@quick
@given(widths=steps, seed=seeds)
def test_exact_for_polynomials_of_degree_7(widths, seed):
    edges, function = edges_of(widths), polynomials(seed)
    curve = curve_of(function, edges)
    t = np.sort(np.random.default_rng([seed, 1]).uniform(0, edges[-1], 50))
    expected = np.array(function(t)).T
    # The polynomial itself reaches (t/2.5 - 1)^7 at the far end, up to 1e6 for 18 units of time.
    np.testing.assert_allclose(curve(t), expected, rtol=0, atol=1e-13 * max(1.0, np.abs(curve.values).max()) * 10)


@quick
@given(widths=steps, seed=seeds)
def test_exact_at_nodes_and_edges(widths, seed):
    edges = edges_of(widths)
    values = np.random.default_rng(seed).standard_normal((len(widths), 8, 2))
    values[1:, 0] = values[:-1, -1]
    curve = Curve(edges, values)
    np.testing.assert_array_equal(curve(edges[:-1]), values[:, 0])
    np.testing.assert_array_equal(curve(edges[-1]), values[-1, -1:])
    times = edges[:-1, None] + np.diff(edges)[:, None] * NODES
    # A time within a step is known to 1e-16 of the time since 0; the slope between the nodes is 100 at most.
    np.testing.assert_allclose(curve(times[:, 1:-1].ravel()), values[:, 1:-1].reshape(-1, 2), atol=1e-10)


@quick
@given(widths=steps, seed=seeds, per_step=st.integers(1, 20))
def test_sample(widths, seed, per_step):
    edges, function = edges_of(widths), polynomials(seed)
    curve = curve_of(function, edges)
    t, values = curve.sample(per_step)
    assert t.shape == (len(widths) * per_step + 1,)
    assert values.shape == (len(t), 2)
    assert (np.diff(t) > 0).all()
    np.testing.assert_array_equal(t[::per_step], edges)
    size = max(1.0, np.abs(curve.values).max())
    np.testing.assert_allclose(values, np.array(function(t)).T, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(values, curve(t), rtol=0, atol=1e-12 * size)


def test_degree_8_is_not_exact():
    """The tests above would notice another degree."""
    edges = np.array([0.0, 5.0])
    function = lambda t: [Polynomial([0, 0, 0, 0, 0, 0, 0, 0, 1.0], domain=[0, 5])(t)]  # noqa: E731
    curve = curve_of(function, edges)
    t = np.linspace(0, 5, 33)
    error = np.abs(curve(t)[:, 0] - function(t)[0]).max()
    # x^8 minus its interpolant in x in [-1, 1] is the node polynomial, (x^2 - 1) U_6(x) / 64, at most 1/64 or so
    assert 0.003 < error < 0.017


def test_smooth_function_of_small_steps():
    """The error of a step h is about h^8 / 8! / 2^15 of the eighth derivative."""
    edges = np.linspace(0, 3, 7)
    curve = curve_of(lambda t: [np.exp(-t), np.sin(t)], edges)
    t = np.linspace(0, 3, 501)
    error = np.abs(curve(t) - np.array([np.exp(-t), np.sin(t)]).T).max()
    assert error <= 1e-11  # .5^8 / 40320 / 2^15 = 3e-12
    assert error >= 1e-14


def test_one_time_and_many():
    curve = curve_of(polynomials(0), np.array([0.0, 1.0, 2.0]))
    assert curve(0.5).shape == (1, 2)
    assert curve(np.array([0.5, 1.5, 2.0])).shape == (3, 2)
    np.testing.assert_allclose(curve([0.5])[0], curve(0.5)[0], atol=0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_long_after_the_start(offset):
    edges = np.array([0.0, 1.0, 1.5]) + offset
    curve = curve_of(lambda t: [(t - offset) ** 5], edges)
    t = np.linspace(offset, offset + 1.5, 40)
    # a time 1000 is known to 1e-13, and the slope is 25
    np.testing.assert_allclose(curve(t)[:, 0], (t - offset) ** 5, rtol=0, atol=1e-13 + 1e-14 * offset)
