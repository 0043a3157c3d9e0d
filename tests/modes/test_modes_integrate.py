"""integrate_chain: exact solutions, a typed chain mode by mode, the full matrix flow, and bad input."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import fa_dynamics as fa
from fa_dynamics.measures import learning_times as times_of_curve
from fa_dynamics.modes import groups, integrate_chain
from fa_dynamics.modes.integrate import solve_chain

RULES = ("bp", "fa", "dfa", "kp", "sign")


def chain_of(rule, depth, decay=False):
    basis = "coordinates" if rule == "sign" else "joint"
    return fa.derive(depth, rule, decay=decay).chain(basis)


def typed(rule, theta, b, sigma, lam, rates=None):
    """Velocity of theta_1..theta_L, and b_2..b_L for kp, of one mode. For dfa, b is c_1..c_{L-1}."""
    depth, error = len(theta), sigma - lam * prod(theta)
    moves = []
    for j in range(depth):
        if rule == "bp":
            back = prod(theta[j + 1 :])
        elif rule == "sign":
            back = prod(np.sign(theta[j + 1 :]))
        elif rule == "dfa":
            back = b[j] if j < depth - 1 else 1.0
        else:
            back = prod(b[j:])
        moves.append(back * error * prod(theta[:j]))
    state = list(theta)
    if rule == "kp":
        moves, state = moves + moves[1:], state + list(b)
    if rates is not None:
        both = [*rates, *(rates[1:] if rule == "kp" else [])]
        moves = [move - rate * value for move, rate, value in zip(moves, both, state, strict=True)]
    return np.array(moves)


def loop(rule, start, b, sigma, lam, t, rates=None, method="DOP853"):
    """One solve_ivp a mode."""
    depth, modes = start.shape
    history = np.empty((depth, len(t), modes))
    for k in range(modes):
        begin = np.concatenate([start[:, k], b[:, k]]) if rule == "kp" else start[:, k]

        def move(_, y, k=k):
            return typed(rule, y[:depth], y[depth:] if rule == "kp" else b[:, k], sigma[k], lam[k], rates)

        done = solve_ivp(move, (0, t[-1]), begin, method, t, rtol=1e-11, atol=1e-14)
        history[:, :, k] = done.y[:depth]
    return history


def drawn(seed, depth, modes=4):
    rng = np.random.default_rng(seed)
    return {
        "start": rng.uniform(-0.8, 0.8, (depth, modes)),
        "feedback": rng.uniform(0.5, 1.5, (max(depth - 1, 0), modes)),
        "correlation": rng.uniform(0.3, 2.0, modes),
        "curvature": rng.uniform(0.5, 1.5, modes),
    }


def test_sigmoid_of_backpropagation():
    sigma, lam, p0, t = np.array([3.0, 1.0, 0.4]), np.array([1.0, 0.5, 2.0]), 1e-3, np.linspace(0, 8, 33)
    theta = integrate_chain(chain_of("bp", 2), sigma, lam, np.sqrt(p0), 0.0, t)
    growth = np.exp(2 * sigma * t[:, None])
    exact = sigma * p0 * growth / (sigma + lam * p0 * (growth - 1))
    assert theta.shape == (2, 33, 3)
    np.testing.assert_allclose(theta[0] * theta[1], exact, rtol=0, atol=1e-8)  # rtol 1e-10, growth from 1e-3
    np.testing.assert_allclose(theta[0], theta[1], atol=1e-12)


def test_one_layer():
    t = np.linspace(0, 4, 9)
    for rule in RULES:
        (theta,) = integrate_chain(chain_of(rule, 1), [2.0, 1.0], 0.5, [[0.3, -1.0]], (), t)
        exact = np.array([4.0, 2.0]) + np.array([-3.7, -3.0]) * np.exp(-0.5 * t[:, None])
        np.testing.assert_allclose(theta, exact, rtol=0, atol=1e-8)  # rtol 1e-10


def test_decay_of_one_layer():
    t = np.linspace(0, 4, 9)
    (theta,) = integrate_chain(chain_of("fa", 1, decay=True), 2.0, 0.5, 0.3, (), t, decay=0.25)
    np.testing.assert_allclose(theta[:, 0], 2 / 0.75 + (0.3 - 2 / 0.75) * np.exp(-0.75 * t), rtol=0, atol=1e-8)


def test_polynomial_clock_of_feedback_alignment():
    """theta_2 = (theta_1^2 - k) / (2 b) all along, and theta_1 ends at the root of the cubic. girotti2021.md 4."""
    b, sigma, lam, start = 0.7, 1.2, 0.8, np.array([[0.5], [-0.4]])
    theta = integrate_chain(chain_of("fa", 2), sigma, lam, start, b, np.linspace(0, 60, 31))
    k = start[0] ** 2 - 2 * b * start[1]
    np.testing.assert_allclose(theta[1], (theta[0] ** 2 - k) / (2 * b), atol=1e-9)
    roots = np.roots([1, 0, -k[0], -2 * b * sigma / lam])
    (root,) = roots[np.abs(roots.imag) < 1e-9].real
    assert theta[0, -1, 0] == pytest.approx(root, rel=1e-9)


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
@settings(deadline=None, max_examples=6)
@given(depth=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_loop_of_typed_chains(rule, decay, depth, seed):
    given_, t = drawn(seed, depth), np.linspace(0, 3, 5)
    rates = [0.3, 0.1, 0.2, 0.05][:depth] if decay else None
    options = {"decay": rates} if decay else {}
    theta = integrate_chain(chain_of(rule, depth, decay), t=t, **given_, **options)
    exact = loop(rule, given_["start"], given_["feedback"], given_["correlation"], given_["curvature"], t, rates)
    # rtol 1e-10 per component; chains amplify what happens before they settle tenfold or so
    np.testing.assert_allclose(theta, exact, rtol=0, atol=1e-7 * max(1, np.abs(exact).max()))


def test_sign_chain_in_coordinates():
    given_, t = drawn(3, 3), np.linspace(0, 0.4, 5)
    given_["start"] = np.abs(given_["start"]) + 0.4  # no weight changes its sign on the way
    theta = integrate_chain(chain_of("sign", 3), t=t, **given_)
    exact = loop("sign", given_["start"], given_["feedback"], given_["correlation"], given_["curvature"], t)
    assert (exact > 0).all()
    np.testing.assert_allclose(theta, exact, rtol=0, atol=1e-8)  # rtol 1e-10


@pytest.mark.parametrize("decay", [None, 0.2])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
@pytest.mark.parametrize("depth", [2, 3])
def test_radau_with_the_derived_jacobian(depth, rule, decay):
    given_, t = drawn(5, depth), np.linspace(0, 4, 5)
    chain, options = chain_of(rule, depth, decay is not None), {} if decay is None else {"decay": decay}
    explicit = integrate_chain(chain, t=t, **given_, **options)
    implicit = integrate_chain(chain, t=t, **given_, **options, method="Radau", rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(implicit, explicit, rtol=0, atol=1e-6)  # Radau at rtol 1e-9 errs by some 1e-8


@pytest.mark.parametrize("method", ["DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA"])
def test_every_method(method):
    given_, t = drawn(6, 2), np.linspace(0, 2, 4)
    exact = loop("fa", given_["start"], given_["feedback"], given_["correlation"], given_["curvature"], t)
    theta = integrate_chain(chain_of("fa", 2), t=t, **given_, method=method, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(theta, exact, rtol=0, atol=2e-5)  # multistep methods err by a hundred times their rtol


def test_stiff_modes():
    """Curvatures over eight orders of magnitude: Radau gets there with the derived Jacobian."""
    lam = np.array([1e6, 1.0, 1e-2])
    theta = integrate_chain(chain_of("fa", 2), lam * 2.0, lam, 0.5, 1.0, [50.0], method="Radau", rtol=1e-8, atol=1e-11)
    p = theta[0, 0] * theta[1, 0]
    assert p[:2] == pytest.approx(2.0, abs=1e-6)
    slow = integrate_chain(chain_of("fa", 2), [0.02], [0.01], 0.5, 1.0, [50.0])
    assert p[2] == pytest.approx(np.prod(slow[:, 0, 0]), rel=1e-5)  # rtol 1e-8 of Radau


@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_full_matrix_flow_on_an_aligned_start(depth, rule):
    """Data, weights and feedback diagonal in shared bases: the matrix flow is these chains."""
    given_, t, modes = drawn([7, depth], depth, 3), np.linspace(0, 3, 7), 3
    rng = np.random.default_rng(depth)
    bases = [np.linalg.qr(rng.standard_normal((4, modes)))[0] for _ in range(depth + 1)]
    sigma, lam = given_["correlation"], given_["curvature"]
    rest = np.eye(4) - bases[0] @ bases[0].T
    moment, best = (bases[0] * lam) @ bases[0].T + rest, (bases[-1] * (sigma / lam)) @ bases[0].T
    task = fa.Task("aligned", moment, best @ moment, best @ moment @ best.T)
    weights = [(bases[j + 1] * row) @ bases[j].T for j, row in enumerate(given_["start"])]
    if rule == "dfa":
        feedback = [(bases[j + 1] * row) @ bases[-1].T for j, row in enumerate(given_["feedback"])]
    else:
        feedback = [(bases[j + 1] * row) @ bases[j + 2].T for j, row in enumerate(given_["feedback"])]
    run = fa.simulate(
        task, [4] * (depth - 1), rule, weights, None if rule == "bp" else feedback,
        t_end=3.0, t_eval=t, rtol=1e-12, atol=1e-14,
    )  # fmt: skip
    theta = integrate_chain(chain_of(rule, depth), t=t, **given_, rtol=1e-12, atol=1e-14)
    for j in range(depth):
        diagonal = np.einsum("ak,tab,bk->tk", bases[j + 1], run.weights[j], bases[j])
        np.testing.assert_allclose(diagonal, theta[j], rtol=0, atol=1e-8)
        outside = run.weights[j] - np.einsum("ak,tk,bk->tab", bases[j + 1], diagonal, bases[j])
        np.testing.assert_allclose(outside, 0, atol=1e-8)
    strength = np.einsum("ak,tab,bk->tk", bases[-1], run.end_to_end, bases[0])
    np.testing.assert_allclose(strength, theta.prod(axis=0), rtol=0, atol=1e-8)


def test_modes_do_not_feel_each_other():
    given_, t = drawn(9, 3, 5), np.linspace(0, 3, 4)
    together = integrate_chain(chain_of("fa", 3), t=t, **given_)
    for k in range(5):
        alone = integrate_chain(
            chain_of("fa", 3),
            given_["correlation"][k],
            given_["curvature"][k],
            given_["start"][:, k],
            given_["feedback"][:, k],
            t,
        )
        # other steps, rtol 1e-10
        np.testing.assert_allclose(together[:, :, k], alone[:, :, 0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["DOP853", "Radau"])
def test_groups_of_modes_are_put_together_in_order(method, monkeypatch):
    """Modes, curves and learning times, over three groups of two, the last of one mode only; and the fraction done."""
    given_, t, told = drawn(11, 2, 5), np.linspace(0, 3, 4), []
    one = solve_chain(chain_of("kp", 2), t=t, **given_, method=method, watch=False)
    assert one.curves == ()
    monkeypatch.setattr(groups, "TOGETHER", 2)
    monkeypatch.setattr(groups, "TOGETHER_IMPLICIT", 2)
    many = solve_chain(chain_of("kp", 2), t=t, **given_, method=method, report=told.append)
    np.testing.assert_allclose(many.weights, one.weights, rtol=0, atol=1e-8)
    assert [curve.values.shape[2] for curve in many.curves] == [2, 2, 1]
    between = np.concatenate([curve(t) for curve in many.curves], axis=1)
    np.testing.assert_allclose(between, many.weights.prod(axis=0), rtol=0, atol=1e-8)
    target = many.weights[:, 2].prod(axis=0)  # p at t = 2, so that its last tenth is passed before
    times = many.learning_times(target, 0.9)
    assert times[4] == times_of_curve(many.curves[2], target[4:], 0.9)[0]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_tolerance_holds_for_the_worst_of_many_modes():
    """One mode that moves among 999 at rest: a root mean square over all would forgive it forty times the error."""
    sigma, start, t = np.zeros(1000), np.zeros((2, 1000)), np.linspace(0.2, 5, 25)
    sigma[0], start[0, 0] = 1.0, 0.5
    many = integrate_chain(chain_of("fa", 2), sigma, 1.0, start, 1.0, t, method="RK45", rtol=1e-5, atol=1e-8)
    exact = integrate_chain(chain_of("fa", 2), 1.0, 1.0, [0.5, 0.0], 1.0, t, rtol=1e-12, atol=1e-14)
    # rtol, twice; 3e-6 measured, as for the mode alone, and 2e-4 without the division
    np.testing.assert_allclose(many[:, :, 0], exact[:, :, 0], rtol=0, atol=2e-5)


def test_broadcasting():
    chain, t = chain_of("fa", 3), [0.0, 0.5]
    full = integrate_chain(
        chain, [2.0, 1.0], [1.0, 1.0], [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], [[2.0, 2.0], [3.0, 3.0]], t
    )
    same = integrate_chain(chain, [2.0, 1.0], 1.0, [0.1, 0.2, 0.3], [2.0, 3.0], t)
    np.testing.assert_array_equal(full, same)
    assert integrate_chain(chain, 1.0, 1.0, 0.1, 1.0, t).shape == (3, 2, 1)
    two, rows = chain_of("fa", 2), np.array([[2.0, 3.0]])
    one_row = integrate_chain(two, [2.0, 1.0], 1.0, [0.1, 0.2], rows[0], t)  # of feedback there is one row: of modes
    np.testing.assert_array_equal(one_row, integrate_chain(two, [2.0, 1.0], 1.0, [0.1, 0.2], rows, t))
    assert integrate_chain(chain, 1.0, [1.0, 2.0], 0.1, 1.0, 0.5).shape == (3, 1, 2)
    np.testing.assert_array_equal(full[:, 0], [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])


def test_time_zero_only():
    theta = integrate_chain(chain_of("fa", 2), [2.0, 1.0], 1.0, [0.1, 0.2], 1.0, [0.0])
    np.testing.assert_array_equal(theta, [[[0.1, 0.1]], [[0.2, 0.2]]])


def test_zero_feedback_freezes_what_is_below():
    """b_2 = 0: theta_1 stays, theta_2 is one layer with input theta_1."""
    t = np.linspace(0, 6, 5)
    theta = integrate_chain(chain_of("fa", 2), 1.5, 0.8, [0.6, 0.0], 0.0, t)
    np.testing.assert_array_equal(theta[0, :, 0], 0.6)
    exact = 1.5 / 0.8 / 0.6 * (1 - np.exp(-0.8 * 0.36 * t))
    np.testing.assert_allclose(theta[1, :, 0], exact, rtol=0, atol=1e-8)  # rtol 1e-10


def test_coupled_pair_linearised():
    """A second opinion on the Jacobian: near the rest point the chain is its exponential."""
    chain, b, sigma, lam = chain_of("fa", 2), 0.8, 1.1, 0.9
    rest = integrate_chain(chain, sigma, lam, [0.5, 0.1], b, [200.0], rtol=1e-12)[:, 0, 0]
    x, y = rest
    jacobian = -lam * np.array([[b * y, b * x], [x * y, x * x]])
    kick = 1e-5 * np.array([1.0, -2.0])
    theta = integrate_chain(chain, sigma, lam, rest + kick, b, [1.0], rtol=1e-12, atol=1e-15)[:, 0, 0]
    np.testing.assert_allclose(theta - rest, expm(jacobian) @ kick, atol=1e-9)  # the square of the kick


def test_parameters_that_were_fixed_in_the_chain():
    """Feedback that `Chain.at` has replaced by a number is not asked for; the others keep their own row."""
    chain, t = chain_of("fa", 3), [0.0, 1.0]
    whole = integrate_chain(chain, 1.0, 1.0, [0.1, 0.2, 0.3], [2.0, 3.0], t)
    np.testing.assert_allclose(integrate_chain(chain.at(b_3=3), 1.0, 1.0, [0.1, 0.2, 0.3], [2.0, 3.0], t), whole)
    np.testing.assert_allclose(integrate_chain(chain.at(b_2=2), 1.0, 1.0, [0.1, 0.2, 0.3], [2.0, 3.0], t), whole)


BAD = {
    "times that decrease": ({"t": [2.0, 1.0]}, "t"),
    "negative times": ({"t": [-1.0, 1.0]}, "t"),
    "times that are not finite": ({"t": [0.0, np.inf]}, "t"),
    "no times": ({"t": []}, "t"),
    "times in words": ({"t": "soon"}, "t"),
    "start of the wrong depth": ({"start": [0.1, 0.2]}, "start"),
    "start for other modes": ({"start": np.ones((3, 5))}, "start"),
    "start in words": ({"start": "zero"}, "start"),
    "start that is not finite": ({"start": np.nan}, "start"),
    "feedback of the wrong depth": ({"feedback": [1.0, 1.0, 1.0]}, "feedback"),
    "correlation and curvature of different lengths": ({"curvature": [1.0, 2.0, 3.0]}, "curvature"),
    "no modes": ({"correlation": []}, "correlation: no modes"),
    "decay of the wrong depth": ({"decay": [0.1, 0.2]}, "decay"),
    "unknown method": ({"method": "RK54"}, "method"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    changed, argument = BAD[case]
    good = {"correlation": [2.0, 1.0], "curvature": 1.0, "start": 0.1, "feedback": 1.0, "t": [1.0]}
    with pytest.raises(fa.InputError, match=argument):
        integrate_chain(chain_of("fa", 3, decay=True), **good | changed)


def test_explosion_is_an_error():
    """A chain that leaves every bound in finite time cannot be integrated past it."""
    with pytest.raises(fa.IntegrationError, match="could not be integrated to t = 50: diverged"):
        integrate_chain(
            chain_of("fa", 2), 1.0, -1.0, 0.5, 1.0, [50.0]
        )  # negative curvature: p runs away as 1 / (T - t)
