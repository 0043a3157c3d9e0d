"""Closed mode solutions of gradient flow: the sigmoid, its deep and unbalanced relatives. classical.md 1-5."""

import numpy as np
import pytest
from reference_systems import (
    METHODS,
    Bases,
    System,
    all_methods,
    assert_reproduces,
    orthonormal,
    population,
    product,
    record,
    simulate,
)
from scipy.linalg import expm
from scipy.special import hyp2f1

import fa_dynamics as fa


def sigmoid(t, p0, sigma, lam):
    growth = np.exp(2 * sigma * t)
    return sigma * p0 * growth / (sigma + lam * p0 * (growth - 1))


def saxe():
    """One mode, curvature other than 1, random bases, wider layers than modes."""
    bases, sigma, lam, p0 = Bases.draw(1, (4, 5, 3), 1), 1.3, 0.4, 0.01
    t = np.linspace(0, 6, 25)
    return System(
        "Saxe sigmoid, lambda = 0.4",
        bases.task([sigma], [lam]),
        5,
        "bp",
        bases.weights(np.full((2, 1), np.sqrt(p0))),
        t,
        bases.strengths,
        sigmoid(t, p0, sigma, lam)[:, None],
    )


def coloured_two_layers():
    """Unequal curvatures that commute with the targets: every mode has a sigmoid of its own."""
    sigma, lam, p0 = np.array([3.0, 1.7, 0.8]), np.array([0.5, 2.5, 1.2]), np.array([1e-3, 2e-2, 5e-3])
    bases = Bases.draw(2, (5, 4, 3), 3)
    t = np.linspace(0, 5, 21)
    return System(
        "coloured input, two layers, three curvatures",
        bases.task(sigma, lam),
        4,
        "bp",
        bases.weights(np.sqrt([p0, p0])),
        t,
        bases.strengths,
        sigmoid(t[:, None], p0, sigma, lam),
    )


def coloured_one_layer():
    """Any input moment: P = P* + (P0 - P*) exp(-Sxx t)."""
    rng = np.random.default_rng(3)
    half = rng.standard_normal((4, 4))
    moment, target, begin = half @ half.T / 4, rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    t = np.linspace(0, 4, 9)
    expected = np.array([target + (begin - target) @ expm(-moment * time) for time in t])
    return System(
        "coloured input, one layer", population(moment, target), (), "bp", [begin], t, lambda r: r.weights[0], expected
    )


def deep(depth, lam):
    """The deep balanced mode, compared in time: the measured p is put into the exact t(p)."""
    sigma, p0 = 1.1, 0.05
    s, m = sigma / lam, 2 / depth - 1
    bases = Bases.draw(depth, (3, *[4] * (depth - 1), 3), 1)

    def potential(p):
        return p**m / (s * m) * hyp2f1(1, m, m + 1, p / s)

    end = (potential(0.9 * s) - potential(p0)) / (depth * lam)  # closer to s, t(p) amplifies the errors of p
    t = np.linspace(0, end, 17)

    def time(run):
        return (potential(bases.strengths(run)[:, 0]) - potential(p0)) / (depth * lam)

    return System(
        f"deep balanced mode, L = {depth} (error in t)",
        bases.task([sigma], [lam]),
        [4] * (depth - 1),
        "bp",
        bases.weights(np.full((depth, 1), p0 ** (1 / depth))),
        t,
        time,
        t,
        margin=10,  # t(p) amplifies errors of p: tenfold at 0.9 s, and at the slow start
    )


def unbalanced(zeta, s=1.6, p0=0.05):
    """theta_2^2 - theta_1^2 = zeta, white input. The flow of p knows zeta^2 only, so the formula is used at |zeta|."""
    theta_1 = np.sqrt((-zeta + np.sqrt(zeta**2 + 4 * p0**2)) / 2)
    bases = Bases.draw(7, (3, 4, 2), 1)
    size, k = abs(zeta), np.sqrt(zeta**2 + 4 * s**2)
    t = np.linspace(0, 6 / k, 17)
    plus, minus = (-size + k) / (2 * s), (-size - k) / (2 * s)
    x0 = np.tanh(np.arcsinh(2 * p0 / size) / 2)
    ratio = (x0 - plus) / (x0 - minus) * np.exp(-k * t)
    x = (plus - minus * ratio) / (1 - ratio)
    return System(
        f"unbalanced mode, zeta = {zeta:+g}",
        bases.task([s], [1.0]),
        4,
        "bp",
        bases.weights(np.array([[theta_1], [p0 / theta_1]])),
        t,
        bases.strengths,
        (size * x / (1 - x**2))[:, None],
    )


SYSTEMS = [
    saxe(),
    coloured_two_layers(),
    coloured_one_layer(),
    deep(3, 0.6),
    deep(4, 1.5),
    unbalanced(0.7),
    unbalanced(-0.7),
    unbalanced(30.0),
]


@all_methods
@pytest.mark.parametrize("system", SYSTEMS, ids=str)
def test_mode_solution(system, method, record_property):
    assert_reproduces(system, method, record_property)


@pytest.mark.parametrize("system", [saxe(), coloured_two_layers()], ids=str)
def test_mode_strength_of_the_run_is_the_one_read_here(system):
    run = simulate(system, "DOP853")
    own = system.read(run)
    np.testing.assert_allclose(run.mode_strength[:, : own.shape[1]], own, rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.mode_strength[:, own.shape[1] :], 0, rtol=0, atol=1e-13)  # modes without target


def test_the_unbalanced_solution_has_both_limits():
    """The formula itself: zeta -> 0 is the sigmoid, |zeta| -> infinity is exponential."""
    near = unbalanced(1e-6)
    # The two differ by terms of relative size (zeta / p0)^2 = 4e-10, and x - 1 loses digits at small zeta.
    np.testing.assert_allclose(near.expected[:, 0], sigmoid(near.t, 0.05, 1.6, 1.0), rtol=1e-7)
    far = unbalanced(1e4)
    lazy = 1.6 + (0.05 - 1.6) * np.exp(-1e4 * far.t)
    np.testing.assert_allclose(far.expected[:, 0], lazy, rtol=1e-6)  # corrections of order (s / zeta)^2


@all_methods
def test_incremental_learning(method, record_property):
    """Gidel et al.: with p0 = e^(-2D), at t = D t' exactly the modes with sigma t' > 1 are there. classical.md 2."""
    big, sigma, lam = 12.0, np.array([4.0, 2.0, 1.0]), np.array([1.0, 2.0, 0.5])
    s = sigma / lam
    scaled = np.array([0.375, 0.75, 1.5])  # |sigma t' - 1| >= 1/4 everywhere, >= 1/2 at its own stage
    bases = Bases.draw(11, (4, 3, 5), 3)
    run = fa.simulate(
        bases.task(sigma, lam),
        3,
        "bp",
        bases.weights(np.full((2, 3), np.exp(-big))),
        t_end=big * 1.5,
        t_eval=big * scaled,
        method=method,
        rtol=METHODS[method][0],
        atol=METHODS[method][0] * np.exp(-big),
    )
    strength, error = product(run), 0.0
    for stage, time in enumerate(scaled, start=1):
        kept = np.arange(3) < stage
        plateau = (bases.layers[-1] * (s * kept)) @ bases.layers[0].T
        # Exactly: p = s / (1 + (s/p0 - 1) e^(-2 sigma t)), so that both sides of the switch are exponentially close.
        bound = (np.where(kept, s**2, 1.0) * np.exp(-2 * big * np.abs(sigma * time - 1))).max()
        distance = np.linalg.norm(strength[stage - 1] - plateau, 2)
        assert distance <= 1.01 * bound + METHODS[method][1]
        assert bound < 0.011
        error = max(error, distance)
    record(record_property, "incremental learning (distance to the plateau)", method, error)


def test_switching_times_in_the_limit():
    """t_k / D -> 1 / sigma_k, and the package's learning times are the exact t(p = s/2)."""
    sigma, p0 = np.array([3.0, 2.0, 1.0]), np.exp(-2 * 30.0)
    bases = Bases.draw(12, (3, 3, 3), 3)
    start = bases.weights(np.full((2, 3), np.exp(-30.0)))
    run = fa.simulate(bases.task(sigma, 1.0), 3, "bp", start, t_end=40.0, rtol=1e-12, atol=1e-25)
    times = run.learning_times(0.5)
    exact = np.log((sigma - p0) / p0) / (2 * sigma)
    # When the first mode is there the last has grown to e^-20 = 2e-9; rtol holds errors at 1e-12 of the entries, in
    # which the modes are mixed: a part in 2000 of the last mode, 1e-5 of its time, were all steps to err alike (4e-10
    # measured).
    np.testing.assert_allclose(times, exact, rtol=1e-7)
    np.testing.assert_allclose(times / 30.0 * sigma, 1, atol=np.log(3) / 60 + 1e-6)
    assert run.order().verdict == "principal-first"


def test_one_layer_learns_equal_curvatures_together():
    bases = Bases.draw(5, (3, 3), 3)
    run = fa.simulate(bases.task([5.0, 2.0, 1.0], 0.8), (), "bp", [np.zeros((3, 3))], t_end=9.0)
    np.testing.assert_allclose(run.learning_times(0.9), np.log(10) / 0.8, rtol=1e-8)  # default rtol 1e-9
    assert run.order().verdict == "simultaneous"


@pytest.mark.parametrize("depth", [2, 3])
def test_balanced_end_to_end_flow_closes(depth, record_property):
    """dP/dt = sum_j (P P^T)^((j-1)/L) E (P^T P)^((L-j)/L), for coloured data and no common modes. classical.md 5."""
    rng = np.random.default_rng(depth)
    half = rng.standard_normal((3, 3))
    moment, target = half @ half.T / 3 + 0.2 * np.eye(3), rng.standard_normal((3, 3))
    bases = [orthonormal(rng, 3, 3) for _ in range(depth + 1)]
    singular = np.array([0.9, 0.6, 0.35])
    begin = [(bases[j + 1] * singular ** (1 / depth)) @ bases[j].T for j in range(depth)]
    run = fa.simulate(
        population(moment, target), [3] * (depth - 1), "bp", begin, t_end=1.0, t_eval=[0.0, 0.35, 1.0], rtol=1e-11
    )
    for index in range(3):
        weights = [weight[index] for weight in run.weights]
        whole = np.linalg.multi_dot(weights[::-1])
        e = (target - whole) @ moment
        rate = np.zeros((3, 3))
        for layer in range(depth):
            above = np.linalg.multi_dot([np.eye(3), np.eye(3), *weights[layer + 1 :][::-1]])
            below = np.linalg.multi_dot([np.eye(3), np.eye(3), *weights[:layer][::-1]])
            rate += above @ (above.T @ e @ below.T) @ below
        u, values, vt = np.linalg.svd(whole)
        closed = sum(
            (u * values ** (2 * (j - 1) / depth)) @ u.T @ e @ (vt.T * values ** (2 * (depth - j) / depth)) @ vt
            for j in range(1, depth + 1)
        )
        error = np.linalg.norm(closed - rate) / np.linalg.norm(rate)
        record(record_property, f"balanced end-to-end flow closes, L = {depth}", "DOP853", error)
        assert error <= 1e-9
    assert run.balancedness.max() <= 1e-9
