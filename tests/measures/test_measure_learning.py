"""Learning times of curves with known crossings, and every verdict on their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics import InputError
from fa_dynamics.measures import Curve, Order, learning_times, order_of_learning
from fa_dynamics.measures.curve import NODES

INF = np.inf


def curve_of(*functions, edges):
    edges = np.asarray(edges, dtype=float)
    times = edges[:-1, None] + np.diff(edges)[:, None] * NODES
    return Curve(edges, np.stack([function(times) for function in functions], axis=-1))


def test_exponential_approach():
    edges = np.linspace(0, 12, 121)
    curve = curve_of(lambda t: 2 * (1 - np.exp(-t)), lambda t: -3 * (1 - np.exp(-2 * t)), edges=edges)
    target = np.array([2.0, -3.0])
    for level in (0.1, 0.5, 0.9, 0.99):
        exact = -np.log(1 - level) / np.array([1, 2])
        np.testing.assert_allclose(learning_times(curve, target, level), exact, rtol=1e-9)


def test_default_level_is_one_half():
    curve = curve_of(lambda t: t, edges=[0, 1, 2])
    np.testing.assert_allclose(learning_times(curve, np.array([2.0])), [1.0], rtol=1e-14)
    np.testing.assert_allclose(learning_times(curve, np.array([2.0]), 0.75), [1.5], rtol=1e-14)


def test_never_learned():
    edges = np.linspace(0, 5, 11)
    curve = curve_of(lambda t: 0.4 + 0 * t, lambda t: t**2, lambda t: -t, edges=edges)
    # stays below; runs through and leaves; runs away
    np.testing.assert_array_equal(learning_times(curve, np.array([1.0, 1.0, 1.0])), [INF, INF, INF])


def test_there_at_once():
    curve = curve_of(lambda t: 1 + 0.1 * np.sin(t), edges=np.linspace(0, 5, 11))
    np.testing.assert_array_equal(learning_times(curve, np.array([1.0])), [0.0])


def test_leaves_and_returns():
    """p = 1 + cos(t) / (1 + t) ...: the last entry into the band counts."""
    edges = np.linspace(0, 30, 301)
    curve = curve_of(lambda t: 1 + np.cos(t) * np.exp(-t / 10), edges=edges)
    # |p - 1| = .2 for the last time: fine grid and bisection here
    t = np.linspace(0, 30, 3_000_001)
    outside = np.abs(np.cos(t) * np.exp(-t / 10)) > 0.2
    exact = t[np.flatnonzero(outside)[-1]]
    assert exact > 12
    (time,) = learning_times(curve, np.array([1.0]), 0.8)
    assert time == pytest.approx(exact, abs=1.1e-5)  # the grid above
    assert abs(np.cos(time) * np.exp(-time / 10)) == pytest.approx(0.2, abs=1e-9)


def test_overshoot_out_of_the_band():
    """Up through the target, above the band, and back: the return counts, from above."""
    curve = curve_of(lambda t: 4 * t - t**2, edges=np.linspace(0, 3.2, 9))  # 4 at t = 2, 2.56 at the end
    (time,) = learning_times(curve, np.array([2.0]), 0.5)  # within [1, 3]: leaves at t = 1, returns at 3
    assert time == pytest.approx(3.0, rel=1e-13)


def test_crossing_within_one_step():
    curve = curve_of(lambda t: t**5 / 16, edges=[0.0, 2.0])
    (time,) = learning_times(curve, np.array([2.0]), 0.5)
    assert time == pytest.approx(16 ** (1 / 5), rel=1e-12)


def test_target_zero():
    """Only exactly zero will do: a mode without target is there from the start or never."""
    flat = curve_of(lambda t: 0 * t, lambda t: np.exp(-t), edges=np.linspace(0, 5, 11))
    np.testing.assert_array_equal(learning_times(flat, np.zeros(2)), [0.0, INF])


def test_no_steps():
    empty = Curve(np.array([0.0]), np.empty((0, 6, 2)))
    np.testing.assert_array_equal(learning_times(empty, np.array([1.0, 2.0])), [INF, INF])


@pytest.mark.parametrize("level", [0, 1, -1, 1.5, np.nan, INF])
def test_levels_outside(level):
    with pytest.raises(InputError, match=r"level: .* between 0 and 1"):
        learning_times(curve_of(lambda t: t, edges=[0, 1]), np.array([1.0]), level)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.05, 0.95))
def test_definition(seed, level):
    """Inside from the learning time on, outside just before; for random smooth curves."""
    rng = np.random.default_rng(seed)
    a, w = rng.standard_normal(4), rng.uniform(0.5, 2, 4)
    edges = np.linspace(0, 10, 81)
    curve = curve_of(
        lambda t: 1 + sum(x * np.cos(y * t) for x, y in zip(a, w, strict=True)) * np.exp(-t / 2), edges=edges
    )
    (time,) = learning_times(curve, np.array([1.0]), level)
    t = np.linspace(0, 10, 2001)
    outside = t[np.abs(curve(t)[:, 0] - 1) > (1 - level) * (1 + 1e-12)]
    if time == INF:
        assert abs(curve(10.0)[0, 0] - 1) > (1 - level) * (1 - 1e-12)
    else:
        # a visit outside between two of the sample times may be missed by both; none of these waves is that short
        assert outside.size == 0 or outside.max() <= time + 1e-9
        if time > 0:
            assert abs(curve(time)[0, 0] - 1) == pytest.approx(1 - level, abs=1e-9)


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_mode_that_rests_on_the_edge_of_the_band(seed):
    """p = s / 2 up to round-off, for good: any time or none is an answer, an error is not."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.cumsum(rng.uniform(0.01, 2, 4))])
    curve = Curve(edges, 0.5 - 1e-16 * rng.standard_normal((4, 8, 1)))
    (time,) = learning_times(curve, np.array([1.0]), 0.5)
    assert time >= 0


def test_order_principal_first():
    order = order_of_learning(np.array([1.0, 2.0, 4.0]), np.array([3.0, 2.0, 1.0]))
    assert order == Order(-1.0, "principal-first", "t")
    assert str(order) == "principal-first (rank correlation -1.00, times in t)"


def test_order_negligible_first():
    assert order_of_learning(np.array([4.0, 2.0, 1.0]), np.array([3.0, 2.0, 1.0])) == Order(
        1.0, "negligible-first", "t"
    )


def test_order_mixed():
    order = order_of_learning(np.array([1.0, 4.0, 2.0]), np.array([3.0, 2.0, 1.0]))
    assert order.verdict == "mixed"
    assert order.rank_correlation == pytest.approx(-1 / 3, rel=1e-12)


def test_order_looks_at_sizes_of_targets():
    assert order_of_learning(np.array([1.0, 2.0, 4.0]), np.array([-3.0, 2.0, -1.0])).verdict == "principal-first"


def test_order_simultaneous():
    """Times within 1 % of their median, whichever of them came first."""
    target = np.array([3.0, 2.0, 1.0])
    order = order_of_learning(np.array([1.0, 1.004, 1.008]), target)
    assert order.verdict == "simultaneous"
    assert order.rank_correlation == -1.0
    assert order_of_learning(np.array([1.0, 1.004, 1.012]), target).verdict == "principal-first"
    assert order_of_learning(np.array([0.0, 0.0, 0.0]), target) == Order(None, "simultaneous", "t")
    assert order_of_learning(np.array([2.0, 2.0, 2.0]), target) == Order(None, "simultaneous", "t")


def test_order_without_two_modes():
    nothing = Order(None, None, "t")
    assert order_of_learning(np.array([1.0]), np.array([1.0])) == nothing
    assert order_of_learning(np.array([]), np.array([])) == nothing
    assert order_of_learning(np.array([1.0, 2.0]), np.array([1.0, 0.0])) == nothing
    assert order_of_learning(np.array([INF, INF]), np.array([2.0, 1.0])) == nothing
    assert str(nothing) == "no verdict (rank correlation undefined, times in t)"


def test_modes_that_are_never_learned_come_last_and_tie():
    target = np.array([4.0, 3.0, 2.0, 1.0])
    order = order_of_learning(np.array([1.0, 2.0, INF, INF]), target)
    assert order.rank_correlation == pytest.approx(-5 / 6, rel=1e-12)
    assert order.verdict == "mixed"
    assert order_of_learning(np.array([1.0, INF]), target[:2]) == Order(-1.0, "principal-first", "t")
    assert order_of_learning(np.array([INF, 1.0]), target[:2]) == Order(1.0, "negligible-first", "t")


def test_ties_of_targets_and_of_times():
    """Equal up to 1e-6: modes that differ by the integration error are the same."""
    times, target = np.array([1.0, 1.0 + 3e-7, 2.0]), np.array([2.0, 2.0 * (1 + 3e-7), 1.0])
    order = order_of_learning(times, target)
    assert order.rank_correlation == pytest.approx(-1, abs=1e-12)
    assert order.verdict == "principal-first"
    different = order_of_learning(np.array([1.0, 1.0001, 2.0]), np.array([2.0, 2.0002, 1.0]))
    assert different.rank_correlation == pytest.approx(-1 / 3, rel=1e-12)
    only_targets = order_of_learning(np.array([1.0, 1.5, 2.0]), np.array([2.0, 2.0, 1.0]))
    assert only_targets.rank_correlation == -1.0  # modes of equal target have no order to be in
    assert only_targets.verdict == "principal-first"
    assert order_of_learning(np.array([1.0, 2.0]), np.array([1.0, 1.0])).rank_correlation is None


def test_zero_targets_are_left_out():
    times, target = np.array([1.0, INF, 2.0]), np.array([2.0, 0.0, 1.0])
    assert order_of_learning(times, target) == Order(-1.0, "principal-first", "t")


def test_clock_of_the_curvature():
    """A mode (lambda, sigma) at time t is the mode (1, s) at time lambda t."""
    times, target = np.array([1.0, 0.5]), np.array([2.0, 1.0])
    assert order_of_learning(times, target).verdict == "negligible-first"
    assert order_of_learning(times, target, np.array([1.0, 4.0])) == Order(-1.0, "principal-first", "lambda*t")
    assert order_of_learning(times, target, np.array([3.0, 3.0])) == Order(1.0, "negligible-first", "t")
    assert order_of_learning(times, target, np.array([3.0, 3.0 * (1 + 1e-12)])).clock == "t"
    assert order_of_learning(times, target, np.array([1.0, 2.0])) == Order(None, "simultaneous", "lambda*t")


def test_clock_of_a_mode_without_curvature():
    """Curvature 0 has target 0 and is never learned: 0 * inf is not asked for."""
    times, target, curvature = np.array([1.0, 1.5, INF]), np.array([2.0, 1.0, 0.0]), np.array([1.0, 2.0, 0.0])
    assert order_of_learning(times, target, curvature) == Order(-1.0, "principal-first", "lambda*t")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=2, max_size=7))
def test_correlation_is_over_pairs_of_different_targets(pairs):
    times, target = np.array(pairs, dtype=float).T
    order = order_of_learning(times, target)
    concordant = [np.sign(t1 - t2) * np.sign(s1 - s2) for i, (t1, s1) in enumerate(pairs) for t2, s2 in pairs[:i]]
    untied = [
        sum(x[k] != y[k] for i, x in enumerate(pairs) for y in pairs[:i])  # Somers' D, typed
        for k in (0, 1)
    ]
    if min(untied) == 0:
        assert order.rank_correlation is None
        assert order.verdict in ("simultaneous", "mixed")
    else:
        assert order.rank_correlation == pytest.approx(sum(concordant) / untied[1], abs=1e-12)
        if order.verdict == "principal-first":
            assert order.rank_correlation == pytest.approx(-1, abs=1e-12)
        if order.verdict == "negligible-first":
            assert order.rank_correlation == pytest.approx(1, abs=1e-12)


def test_arguments_are_left_alone():
    times, target, curvature = np.array([1.0, 2.0]), np.array([2.0, -1.0]), np.array([1.0, 2.0])
    order_of_learning(times, target, curvature)
    np.testing.assert_array_equal(times, [1.0, 2.0])
    np.testing.assert_array_equal(target, [2.0, -1.0])
