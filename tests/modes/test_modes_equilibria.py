"""Equilibria against hand formulas, exact root counts in rational arithmetic, and integration of typed chains."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fa_dynamics.errors import InputError
from fa_dynamics.modes import solve_modes
from fa_dynamics.modes.equilibria import equilibria
from fa_dynamics.modes.leaf import leaf_start
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.roots import refine

SIZES = st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 3))


def column(values):
    """The equilibria of the first mode, without padding."""
    return values[np.isfinite(values[:, 0]), 0]


def factors(feedback):
    """c_l = b_{l+1} .. b_L of feedback alignment, by hand."""
    return np.array([np.prod(feedback[layer:]) for layer in range(len(feedback) + 1)])


def integrate(theta, c, sigma, curvature, t_end):
    """The end of the chain dtheta_l/dt = c_l theta_1 .. theta_{l-1} (sigma - lambda p), typed by hand."""

    def velocity(_, y):
        error = sigma - curvature * np.prod(y)
        return [c[layer] * np.prod(y[:layer]) * error for layer in range(len(y))]

    return solve_ivp(velocity, (0, t_end), theta, method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]


def cubic(k, b, target):
    """Roots of x^3 - k x = 2 b s and p'(tau) there, for b s > 0, from the trigonometric formulas: dict by name."""
    rho = np.cbrt(b * target)
    a = 2 * np.sqrt(abs(k) / 3)
    if k < 0:
        return {"plus": a * np.sinh(np.arcsinh(b * target * (3 / -k) ** 1.5) / 3)}
    if k == 0:
        return {"plus": 2 ** (1 / 3) * rho}
    ratio = b * target / (k / 3) ** 1.5  # sigma / sigma_c
    if ratio > 1:
        return {"plus": a * np.cosh(np.arccosh(ratio) / 3)}
    psi = np.arccos(ratio) / 3
    names = {"plus": 0.0, "minus": 2 * np.pi / 3, "saddle": -2 * np.pi / 3}
    return {name: a * np.cos(psi + shift) for name, shift in names.items()}


@pytest.mark.parametrize(
    ("k", "sigma", "curvature", "b"),
    [(-5, 1, 1, 1), (-0.1, 4, 2, 0.5), (0, 1, 1, 1), (1, 4, 1, 1), (2.9, 1, 1, 1), (3.1, 1, 1, 1), (16, 4, 1, 1),
     (7, 0.3, 0.4, 2), (40, 1e-6, 1, 3)],
)  # fmt: skip
def test_cubic_of_two_layers(k, sigma, curvature, b):
    found = equilibria([sigma], curvature, 2, leaf_start([k], b), b)
    roots = cubic(k, b, sigma / curvature)
    names = ["minus", "saddle", "plus"] if len(roots) == 3 else ["plus"]
    expected = np.array([roots[name] for name in names])
    # the cosine of the middle root cancels where the root is small
    expected -= (expected**3 - k * expected - 2 * b * sigma / curvature) / (3 * expected**2 - k)
    np.testing.assert_allclose(found.weights[0, :, 0], expected, rtol=2e-14)
    np.testing.assert_allclose(found.weights[1, :, 0], sigma / curvature / expected, rtol=1e-13)
    np.testing.assert_allclose(found.tau[:, 0], expected / b, rtol=2e-14)
    np.testing.assert_allclose(found.slope[:, 0], (3 * expected**2 - k) / 2, rtol=1e-12)
    np.testing.assert_allclose(found.rate, curvature * found.slope)
    assert found.stability[:, 0].tolist() == (["stable", "unstable", "stable"] if len(roots) == 3 else ["stable"])
    if k > 0:
        critical = curvature / b * (k / 3) ** 1.5
        np.testing.assert_allclose(np.sort(found.fold_correlation[:, 0]), [-critical, critical], rtol=1e-13)
        np.testing.assert_allclose(found.fold_weights[0, :, 0], [-np.sqrt(k / 3), np.sqrt(k / 3)], rtol=1e-13)
    else:
        assert found.fold_tau.shape == (0, 1)
    edges = [-np.inf, *expected[1:-1], np.inf]
    stable = found.stability[:, 0] == "stable"
    np.testing.assert_allclose(found.basin_first_weight[0, stable, 0], edges[:-1], rtol=1e-12)
    np.testing.assert_allclose(found.basin_first_weight[1, stable, 0], edges[1:], rtol=1e-12)


def test_fold_of_two_layers():
    """k = 3 rho^2: x_+ = 2 rho attracts, x = -rho attracts from below; exact in these numbers."""
    found = equilibria([1.0], start=[-1.0, -1.0])
    assert column(found.weights[0]).tolist() == [-1.0, 2.0]
    assert found.stability[:, 0].tolist() == ["semi-stable", "stable"]
    assert found.reached.tolist() == [0]  # a start on it stays
    np.testing.assert_array_equal(found.basin[:, :, 0], [[-np.inf, 0], [0, np.inf]])
    np.testing.assert_allclose(found.fold_correlation[:, 0], [1, -1])
    for x, index in ((-1.5, 0), (-0.5, 1)):
        beside = equilibria([1.0], start=[x, (x * x - 3) / 2])
        low, high = beside.basin[:, index, 0]
        assert low < 0 < high
        # from below a rounding decides whether the fold is crossed, here as for the solver
        rest = rest_ahead(beside.start, beside.factors, np.ones(1), np.ones(1))
        np.testing.assert_allclose(beside.tau[beside.reached[0], 0], rest[0], rtol=1e-6)
    mirrored = equilibria([-1.0], start=[1.0, -1.0])
    assert mirrored.stability[:, 0].tolist() == ["stable", "semi-stable"]
    np.testing.assert_array_equal(mirrored.basin[:, 1, 0], [0, np.inf])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
def test_rounded_fold_is_semi_stable_and_reached_as_by_the_solver(sigma):
    """k = 3 rho^2 up to rounding: the double root is listed, and the start goes where the solver goes."""
    found = equilibria([sigma], start=[-np.sqrt(3) * np.cbrt(sigma), 0.0])
    assert found.stability[:, 0].tolist() == ["semi-stable", "stable"]
    theta = found.start
    rest = rest_ahead(theta, found.factors, np.array([sigma]), np.ones(1))
    np.testing.assert_allclose(found.tau[found.reached[0], 0], rest[0], rtol=1e-6)
    assert ("crossed" in repr(found)) == (found.reached[0] == 1)
    for shift, count in ((1e-6, 3), (-1e-6, 1)):
        near = equilibria([sigma], start=[-np.sqrt(3) * np.cbrt(sigma) * (1 + shift), 0.0])
        assert near.count[0] == count
        assert "semi-stable" not in near.stability


@pytest.mark.parametrize("depth", range(1, 7))
@pytest.mark.parametrize("sigma", [1e-3, 0.0, -1e-4])
def test_chebyshev_chains_have_all_equilibria(depth, sigma):
    """b = 1/4, k = 1/2: theta_{l+1} = 2 theta_l^2 - 1, p = sin(2^L phi) / (2^L sin phi) with theta_1 = cos phi."""
    start = leaf_start(np.full(depth - 1, 0.5), 0.25) if depth > 1 else 0.0
    found = equilibria([sigma], 1.0, depth, start, 0.25)
    assert found.count[0] == 2**depth - 1
    assert (found.stability == "stable").sum() == 2 ** (depth - 1)
    assert (found.stability[::2] == "stable").all()
    assert (found.stability[1::2] == "unstable").all()
    phi = np.arccos(found.weights[0, :, 0])
    np.testing.assert_allclose(np.sin(2**depth * phi) / (2**depth * np.sin(phi)), sigma, atol=1e-13)
    assert found.fold_tau.shape == (2**depth - 2, 1)
    if sigma == 0:
        rising = np.cos(np.pi * np.arange(2**depth - 1, 0, -1) / 2**depth)
        np.testing.assert_allclose(found.weights[0, :, 0], rising, atol=1e-14)


@pytest.mark.parametrize(("depth", "draws"), [(1, 5), (2, 12), (3, 12), (4, 6), (5, 2)])
def test_counts_and_places_by_exact_arithmetic(depth, draws):
    """Sturm counts and isolating intervals of the polynomial with the same rational coefficients."""
    rng = np.random.default_rng(depth)
    theta, b = rng.normal(size=(depth, draws)), rng.normal(size=(depth - 1, draws))
    sigma = rng.normal(size=draws)
    found = equilibria(sigma, 1.0, depth, theta, b)
    x = sp.Symbol("x")
    for mode in range(draws):
        below = sp.Poly(1, x, domain="QQ")
        for value, factor in zip(theta[:, mode], factors([sp.Rational(v) for v in b[:, mode]]), strict=True):
            weight = below.mul_ground(factor).integrate() + sp.Poly(sp.Rational(value), x, domain="QQ")
            below = below * weight
        exact = (below - sp.Poly(sp.Rational(sigma[mode]), x, domain="QQ")).intervals(eps=sp.Rational(1, 10**20))
        expected = [float((low + high) / 2) for (low, high), _ in exact]
        np.testing.assert_allclose(found.tau[: found.count[mode], mode], expected, rtol=1e-12)
        turning = below.diff(x).count_roots()
        assert np.isfinite(found.fold_tau[:, mode]).sum() == turning


def test_zeros_that_companion_eigenvalues_miss():
    """Degree 63: p(tau) - s changes its sign at tau = 5.6378, before the zero at 5.99 (60-digit arithmetic)."""
    theta = [0.08578624, 1.1589793, -0.46443523, -0.97557569, 0.08990855, -1.65528846]
    b = [-0.17289955, -0.7260803, 0.32640565, -2.07128555, 2.16619544]
    found = equilibria([0.0617233660845894], 1.0, 6, theta, b)
    assert found.tau[found.reached[0], 0] == pytest.approx(5.6378416709, rel=1e-9)
    end = integrate(theta, factors(b), 0.0617233660845894, 1.0, 1e4)
    np.testing.assert_allclose(found.weights[:, found.reached[0], 0], end, rtol=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_reached_equilibrium_by_integration(depth):
    rng = np.random.default_rng(10 + depth)
    seen = set()
    for _ in range(12):
        theta, b = rng.normal(size=depth) * 1.5, rng.choice([-1, 1], depth - 1) * rng.uniform(0.6, 1.5, depth - 1)
        sigma, curvature = rng.choice([-1, 1]) * rng.uniform(0.3, 2), rng.uniform(0.5, 2)
        found = equilibria([sigma], curvature, depth, theta, b)
        index = found.reached[0]
        if found.rate[index, 0] < 0.05:
            continue
        end = integrate(theta, factors(b), sigma, curvature, 40 / found.rate[index, 0] + 20)
        np.testing.assert_allclose(end, found.weights[:, index, 0], rtol=1e-6, atol=1e-7)
        assert found.basin[0, index, 0] < 0 < found.basin[1, index, 0]
        low, high = found.basin_first_weight[:, index, 0]
        assert low < theta[0] < high
        seen.add((int(found.count[0]), int(index)))
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("depth", "sigma", "start"), [(2, 1.0, [-3, 0]), (3, 0.01, [0, -1, 1]), (4, 0.003, [0, -1, 1, 1])]
)
def test_basins_by_integration(depth, sigma, start):
    """Starts on either side of every equilibrium, close to the ends of its basin, go to it."""
    b = np.full(depth - 1, 1.0 if depth == 2 else 0.25)
    found = equilibria([sigma], 1.0, depth, start, b)
    tau = column(found.tau)
    assert len(tau) >= 3
    for index in np.flatnonzero(found.stability[:, 0] == "stable"):
        low, high = found.basin[:, index, 0]
        span = tau[-1] - tau[0]
        ends = [low + 0.02 * (tau[index] - low) if np.isfinite(low) else tau[0] - 0.05 * span,
                high - 0.02 * (high - tau[index]) if np.isfinite(high) else tau[-1] + 0.05 * span]  # fmt: skip
        for end in ends:
            theta = found.weights_at(np.array([end]))[:, 0]
            last = integrate(theta, factors(b), sigma, 1.0, 60 / found.rate[index, 0])
            np.testing.assert_allclose(last, found.weights[:, index, 0], rtol=1e-5, atol=1e-6)
            assert equilibria([sigma], 1.0, depth, theta, b).reached[0] == index


def test_stability_is_the_sign_of_the_slope_by_finite_differences():
    rng = np.random.default_rng(3)
    for depth in (2, 3, 4):
        found = equilibria(
            rng.normal(size=30), 1.3, depth, rng.normal(size=(depth, 30)), rng.normal(size=(depth - 1, 30))
        )
        shift = 1e-6 * np.maximum(np.abs(found.tau), 1e-3)
        above, below = (found.weights_at(found.tau + sign * shift).prod(axis=0) for sign in (1, -1))
        slope = (above - below) / (2 * shift)
        real = np.isfinite(found.tau)
        size = np.abs(found.slope[real]).max()
        np.testing.assert_allclose(slope[real], found.slope[real], rtol=1e-4, atol=1e-8 * size)
        expected = np.where(found.slope[real] > 0, "stable", "unstable")
        assert (found.stability[real] == expected).all()
        assert (found.stability[~real] == "").all()
        target = np.broadcast_to(found.target, real.shape)[real]
        np.testing.assert_allclose(found.weights.prod(axis=0)[real], target, rtol=1e-13)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_count_laws(data):
    """Stable and unstable equilibria alternate, stable ones outside; p is at most of degree 2^L - 1."""
    depth = data.draw(st.integers(1, 5))
    theta = data.draw(st.lists(SIZES, min_size=depth, max_size=depth))
    b = data.draw(st.lists(SIZES, min_size=depth - 1, max_size=depth - 1))
    sigma = data.draw(SIZES)
    found = equilibria([sigma], 0.7, depth, theta, b)
    if found.kind[0] != "points":
        # one factor of p is zero for good
        c = factors(b)
        assert any(start == 0 and factor == 0 for start, factor in zip(theta, c, strict=True))
        assert (found.kind[0] == "everywhere") == (sigma == 0)
        assert (found.count[0], found.reached[0]) == (0, -1)
        return
    kinds = found.stability[:, 0].tolist()
    assert kinds.count("stable") - kinds.count("unstable") == 1
    assert len(kinds) + kinds.count("semi-stable") <= 2**depth - 1
    assert kinds.count("stable") + kinds.count("semi-stable") <= 2 ** (depth - 1)
    plain = [kind for kind in kinds if kind != "semi-stable"]
    assert plain == ["stable", "unstable"] * (len(plain) // 2) + ["stable"]
    tau = found.tau[:, 0]
    assert (np.diff(tau) > 0).all()
    # every tau but the unstable equilibria belongs to one basin: their ends are equilibria, and leave no gaps
    inside = np.concatenate([(tau[1:] + tau[:-1]) / 2, [tau[0] - 1, tau[-1] + 1]])
    low, high = found.basin[:, :, 0]
    attracted = (low[:, None] < inside) & (inside < high[:, None])
    assert (attracted.sum(axis=0) == 1).all()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_equivariance(data):
    """Signs of a hidden unit, the sign of the target, and the units of weights and time."""
    depth = data.draw(st.integers(2, 4))
    theta = np.array(data.draw(st.lists(SIZES, min_size=depth, max_size=depth)))
    b = np.array(data.draw(st.lists(SIZES.filter(bool), min_size=depth - 1, max_size=depth - 1)))
    sigma = data.draw(SIZES)
    found = equilibria([sigma], 1.0, depth, theta, b)
    signs = np.array(data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=depth + 1, max_size=depth + 1)))
    # unit l turns its sign: W_l -> e_l W_l e_{l-1}, B_l -> e_{l-1} B_l e_l
    turned = equilibria(
        [sigma * signs[-1] * signs[0]], 1.0, depth, theta * signs[1:] * signs[:-1], b * signs[1:-1] * signs[2:]
    )
    flip = signs[0] * signs[-1]
    tau, reached = column(turned.tau) * flip, turned.reached[0]
    order = slice(None) if flip > 0 else slice(None, None, -1)
    np.testing.assert_array_equal(tau[order], column(found.tau))
    assert turned.stability[order, 0].tolist() == found.stability[:, 0].tolist()
    assert (reached if flip > 0 else len(tau) - 1 - reached) == found.reached[0]
    # time in units of 1 / lambda, and the weights in those in which all b are 2^m times as large
    timed = equilibria([4 * sigma], 4.0, depth, theta, b)
    np.testing.assert_array_equal(timed.tau, found.tau)
    np.testing.assert_array_equal(timed.rate, 4 * found.rate)
    scaled = equilibria([sigma * 8.0**depth], 1.0, depth, 8 * theta, 8 * b)
    np.testing.assert_array_equal(scaled.weights, 8 * found.weights)
    assert scaled.stability.tolist() == found.stability.tolist()


def test_direct_feedback_is_feedback_with_free_factors():
    fa = equilibria([0.3, -1], 1.0, 3, [0.5, -1, 2], [0.7, -1.1])
    dfa = equilibria([0.3, -1], 1.0, 3, [0.5, -1, 2], [0.7 * -1.1, -1.1], rule="dfa")
    np.testing.assert_allclose(dfa.tau, fa.tau, rtol=1e-13)
    assert dfa.rule.name == "dfa"
    # a first layer that moves beneath a frozen one: theta_1 = tau, theta_2 = 2, theta_3 = tau^2, p = 2 tau^3
    free = equilibria([2.0], 1.0, 3, [0, 2, 0], [1.0, 0.0], rule="dfa")
    np.testing.assert_allclose(free.tau, [[1.0]])
    assert free.fold_tau.size == 0


def test_frozen_layers():
    """b_2 = 0: theta_1 = 1/2 is frozen, theta_2 = 2 + tau / 2, theta_3 = -1 + tau + tau^2 / 8."""
    found = equilibria([0.4], 1.0, 3, [0.5, 2, -1], [0, 1.0])
    tau = np.roots(np.polysub(0.5 * np.polymul([0.5, 2], [1 / 8, 1, -1]), [0.4]))
    np.testing.assert_allclose(column(found.tau), np.sort(tau.real[np.abs(tau.imag) < 1e-9]), rtol=1e-12)
    assert np.isnan(found.basin_first_weight).all()
    assert (column(found.weights[0]) == 0.5).all()
    nothing = equilibria([1, 0], 1.0, 3, [0, 0, 2], 0.0)
    assert nothing.kind.tolist() == ["none", "everywhere"]
    assert nothing.reached.tolist() == [-1, -1]
    assert nothing.tau.shape == (0, 2)
    assert "no equilibrium" in repr(nothing)
    assert "every point" in repr(nothing)
    mixed = equilibria([1, 1], 1.0, 2, [[0.0, 1.0], [0.0, 0.0]], 0.0)
    assert mixed.kind.tolist() == ["none", "points"]
    np.testing.assert_allclose(mixed.weights[:, 0, 1], [1, 1])


def test_zero_target():
    found = equilibria([0.0], start=[1.0, 0.0])  # theta_1 = -1, 0, 1
    np.testing.assert_allclose(column(found.weights[0]), [-1, 0, 1], atol=1e-15)
    assert found.reached[0] == 2
    assert found.tau[2, 0] == 0
    flat = equilibria([0.0])  # p = theta_1^3 / 2
    assert flat.stability.tolist() == [["stable"]]
    assert (flat.tau[0, 0], flat.slope[0, 0], flat.fold_tau.size) == (0, 0, 0)


def test_start_on_an_equilibrium_and_next_to_it():
    """x^3 - k x = 2 sigma with k = 7, sigma = 3: x = -2, -1, 3, where -1 is unstable."""
    for index, x in enumerate((-2.0, -1.0, 3.0)):
        theta = np.array([x, (x * x - 7) / 2])
        found = equilibria([3.0], start=theta)
        assert found.reached[0] == index
        assert found.tau[index, 0] == 0
        np.testing.assert_allclose(column(found.weights[0]), [-2, -1, 3], rtol=1e-15)
        assert solve_modes([3.0], start=theta, t=[5.0]).weights[0, 0, 0] == x
    for ulps in range(-4, 5):
        x = -1.0 + ulps * np.spacing(1.0)
        theta = np.array([x, -3.0])
        found = equilibria([3.0], start=theta)
        pushed = np.sign(3.0 - theta.prod())
        assert found.reached[0] == 1 + int(pushed)
        assert found.count[0] == 3
        rest = pushed * rest_ahead(theta[:, None], found.factors, np.array([3.0]), np.ones(1))[0]
        assert found.tau[found.reached[0], 0] == pytest.approx(rest, rel=1e-13, abs=1e-15)


def test_reached_where_solved_modes_end():
    rng = np.random.default_rng(8)
    for depth in (1, 2, 3, 4):
        theta, b, sigma = rng.normal(size=(depth, 20)), rng.normal(size=(depth - 1, 20)), rng.normal(size=20)
        found = equilibria(sigma, 1.0, depth, theta, b)
        modes = np.arange(20)
        rest = np.sign(sigma - theta.prod(axis=0)) * rest_ahead(theta, found.factors, sigma, np.ones(20))
        np.testing.assert_allclose(found.tau[found.reached, modes], rest, rtol=1e-11)
        fast = found.rate[found.reached, modes] > 0.05
        ends = solve_modes(sigma, 1.0, depth, "fa", theta, b, t=[1000.0]).weights[:, 0, :]
        np.testing.assert_allclose(
            found.weights[:, found.reached, modes][:, fast], ends[:, fast], rtol=1e-9, atol=1e-12
        )


def test_potential_falls_along_the_flow():
    found = equilibria([1.0, -0.5], [1.0, 2.0], 3, [[-2, 1], [0, 0.3], [2, -1]], [[1, 0.5], [-0.8, 1]])
    tau = np.linspace(-1.5, 1.5, 7)[:, None] * np.ones(2)
    step = 1e-5
    force = -(found.potential(tau + step) - found.potential(tau - step)) / (2 * step)
    np.testing.assert_allclose(
        force, found.correlation - found.curvature * found.weights_at(tau).prod(axis=0), rtol=1e-6
    )
    last = found.weights_at(tau)[-1]
    closed = found.curvature * (last**2 - found.start[-1] ** 2) / 2 - found.correlation * tau
    np.testing.assert_allclose(found.potential(tau), closed, rtol=1e-12, atol=1e-13)


def test_modes_are_independent_and_padded():
    starts = np.array([[-3.0, 0.0, -1.0], [0.0, 0.0, -1.0]])
    together = equilibria([1.0, 1.0, 1.0], start=starts)
    assert together.tau.shape == (3, 3)
    assert together.count.tolist() == [3, 1, 2]
    for mode in range(3):
        alone = equilibria([1.0], start=starts[:, mode])
        np.testing.assert_array_equal(column(alone.tau), together.tau[: together.count[mode], mode])
        assert alone.reached[0] == together.reached[mode]
    sigma = np.linspace(-1, 1, 600)
    critical = 3**-1.5  # of k = 1
    np.testing.assert_array_equal(equilibria(sigma, start=[-1.0, 0.0]).count, np.where(np.abs(sigma) < critical, 3, 1))


def test_representations():
    text = repr(equilibria([1.0, 0.2], start=[-3.0, 0.0]))
    assert "depth 2" in text
    assert text.count("<- reached") == 2
    assert "folds at sigma = 5.1962, -5.1962" in text
    assert max(len(line) for line in text.splitlines()) < 120
    summary = repr(equilibria(np.ones(9), start=[-3.0, 0.0]))
    assert "3 equilibria per mode" in summary
    assert "9 stable" in summary


def test_leaf_start():
    np.testing.assert_allclose(leaf_start([0.5, 0.5], 0.25), [[0], [-1], [1]])
    k, b = np.array([[1.0, -2.0], [0.3, 4.0]]), np.array([0.5, -2.0])
    theta = leaf_start(k, b)
    assert theta.shape == (3, 2)
    np.testing.assert_allclose(theta[:-1] ** 2 - 2 * b[:, None] * theta[1:], k)
    assert leaf_start([1.0], [[1.0, 2.0, 4.0]]).shape == (2, 3)
    given_start = np.array([-2.0, 0.5, 2.0])
    moved = leaf_start(given_start[:-1] ** 2 - 2 * b * given_start[1:], b)
    here, there = (equilibria([1.0], 1.0, 3, start, b) for start in (given_start, moved))
    np.testing.assert_allclose(here.weights, there.weights, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"curvature": 0.0}, "curvature: 0 given"),
        ({"curvature": -1.0}, "curvature: -1 given"),
        ({"depth": 0}, "depth: 0 given"),
        ({"depth": 7}, "depth: 7 given"),
        ({"depth": 2.0}, "depth: 2.0 given"),
        ({"depth": True}, "depth: True given"),
        ({"correlation": []}, "correlation: no modes"),
        ({"correlation": [np.nan]}, "correlation: expected finite"),
        ({"correlation": "a"}, "correlation"),
        ({"start": [1, 2, 3]}, "start: shape"),
        ({"start": [np.inf, 0]}, "start: expected finite"),
        ({"feedback": [1, 2]}, "feedback: shape"),
        ({"rule": "bp"}, "rule: 'bp' given, expected one with fixed feedback"),
        ({"rule": "kp"}, "rule: 'kp' given"),
        ({"rule": "sign"}, "rule: 'sign' given"),
        ({"rule": "fb"}, "fa"),
        ({"start": 1e200, "depth": 3}, "start: .* beyond the range"),
    ],
)
def test_bad_use(arguments, words):
    with pytest.raises(InputError, match=words) as caught:
        equilibria(**{"correlation": [1.0]} | arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("invariants", "feedback", "words"),
    [([], 1.0, "invariants: shape"), (1.0, 1.0, "invariants: shape"), (["x"], 1.0, "invariants"),
     ([1.0], 0.0, "feedback: 0 given"), ([1.0, np.nan], 1.0, "invariants: expected finite"),
     ([1.0, 2.0], [1.0, 2.0, 3.0], "feedback: shape"), ([1.0], "b", "feedback")],
)  # fmt: skip
def test_bad_leaf(invariants, feedback, words):
    with pytest.raises(InputError, match=words):
        leaf_start(invariants, feedback)


def test_refine_finds_the_last_digit_from_any_first_guess():
    rng = np.random.default_rng(4)
    cubes, part = 10.0 ** rng.uniform(-3, 3, 3000), rng.uniform(0, 1, 3000)
    roots = np.cbrt(cubes)
    low, high = roots * rng.uniform(0, 1, 3000), roots * rng.uniform(1, 30, 3000)

    def function(which, x):
        return x**3 - cubes[which], 3 * x**2

    found = refine(function, low, high, -np.ones(3000), low + part * (high - low))
    np.testing.assert_allclose(found, roots, rtol=3e-16)


@pytest.mark.parametrize("root", [1e-3, 1e-20, 1e-60, 1e-100])
def test_refine_does_not_take_nothing_for_a_root_that_is_small_beside_its_bracket(root):
    def function(which, x):
        return x * (1 + x) - root, 1 + 2 * x

    found = refine(function, np.zeros(1), np.ones(1), -np.ones(1))
    np.testing.assert_allclose(found, root / (0.5 + np.sqrt(0.25 + root)), rtol=1e-15)


def test_refine_finds_simple_and_multiple_zeros():
    def function(which, x):
        values = np.where(which == 0, x**3 - 2, -((x - 1) ** 5))
        return values, np.where(which == 0, 3 * x**2, -5 * (x - 1) ** 4)

    found = refine(function, np.array([0.0, -3.0]), np.array([50.0, 4.0]), np.array([-1.0, 1.0]))
    np.testing.assert_allclose(found[0], 2 ** (1 / 3), rtol=1e-15)
    # steps are a fifth of the distance to a zero of order five: at three units in the last place they stand still
    np.testing.assert_allclose(found[1], 1, rtol=4e-15)
