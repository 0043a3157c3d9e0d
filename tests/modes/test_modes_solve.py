"""solve_modes: the initialisation table, the matrix flow, laws and orders of learning, symmetries, and bad input."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import hyp2f1

import fa_dynamics as fa
from fa_dynamics.errors import IntegrationError

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5, 0.25])

# girotti2021.md section 7: start, depth, T_1%, verdict
TABLE = {
    "A": ([0.0, 0.0], [1.192, 1.893, 3.004, 4.769, 7.570], "principal-first"),
    "B": ([0.0, 5.0], [0.825, 0.893, 0.914, 0.919, 0.921], "principal-first"),
    "C": ([0.0, -5.0], [0.789, 1.015, 1.244, 1.469, 1.689], "principal-first"),
    "D": ([-4.0, 0.0], [0.342, 0.312, 0.299, 0.293, 0.291], "negligible-first"),
    "E": ([4.0, 0.0], [0.253, 0.269, 0.278, 0.283, 0.285], "principal-first"),
    # one ulp to the resting side of the fold; on its other side the mode takes 4.6e7 to get past
    "D'": (
        [-np.sqrt(3) * 4 ** (1 / 3), 0.0],
        [2.744, 0.823, 0.692, 0.647, 0.627],
        "negligible-first",
    ),
    "F": ([-2.726, 0.0], [6.726, 0.846, 0.707, 0.659, 0.639], "negligible-first"),
    "H": ([-2.0, 0.0, 2.0], [1.001, 0.734, 0.658, 0.618, 0.597], "negligible-first"),
}


def solve(start, sigma=SPECTRUM, t=(1.0,), feedback=1.0, curvature=1.0, rule="fa"):
    return fa.solve_modes(sigma, curvature, len(start), rule, start, feedback, t=t)


@pytest.mark.parametrize("row", TABLE)
def test_initialisation_table(row):
    start, expected, verdict = TABLE[row]
    curves = solve(start)
    times = curves.learning_times(0.99)
    np.testing.assert_allclose(times, expected, rtol=0, atol=5.001e-4)  # three figures after the point
    assert curves.order(0.99).verdict == verdict
    assert curves.order(0.99).rank_correlation == pytest.approx(-1 if verdict == "principal-first" else 1)
    # the curve is in the band at that time, and on its edge
    at = np.sort(times)
    p = solve(start, t=at).strength[np.searchsorted(at, times), np.arange(5)]
    np.testing.assert_allclose(np.abs(p - SPECTRUM), 0.01 * SPECTRUM, rtol=1e-9)


def test_fold_at_small_errors():
    """Row D': the mode on the fold takes 31.7, no other more than 1.73."""
    times = solve(TABLE["D'"][0]).learning_times(1 - 1e-4)
    assert times[0] == pytest.approx(31.7, abs=0.05)
    assert times[1:].max() == pytest.approx(1.73, abs=0.005)


def test_leaving_a_repelling_rest():
    """Row G: learning time grows like ln(1 / epsilon) with the slope of the linearisation."""
    for sigma, slope in ((0.25, 0.3345), (0.5, 0.3381), (1.0, 0.3538), (2.0, 0.4553)):
        (rest,) = (r.real for r in np.roots([1, 0, -6, -2 * sigma]) if -1.4 < r.real < 0)
        x = rest + np.array([1e-6, 1e-8])
        curves = fa.solve_modes([sigma, sigma], 1.0, 2, start=[x, (x**2 - 6) / 2], t=[1.0])
        late = curves.learning_times(0.99)
        assert (late[1] - late[0]) / np.log(100) == pytest.approx(slope, rel=3e-3)  # start known to 1e-8


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_matrix_flow_of_aligned_starts(depth):
    rng = np.random.default_rng(depth)
    sigma, curvature, t = [2.0, 1.2, 0.5], [1.0, 0.7, 1.4], np.linspace(0, 4, 9)
    theta, b = rng.uniform(-0.8, 0.8, (depth, 3)), rng.uniform(0.5, 1.5, (depth - 1, 3))
    task = fa.Task.from_spectrum(sigma, curvature)
    run = fa.simulate(
        task, [3] * (depth - 1), "fa", fa.starts.Spectral(theta), fa.starts.Spectral(b),
        t_end=4.0, t_eval=t, rtol=1e-12, atol=1e-14,
    )  # fmt: skip
    modes = task.modes
    curves = fa.solve_modes(modes.correlation, modes.curvature, depth, "fa", theta, b, t=t)
    strength = np.einsum("ak,tab,bk->tk", modes.output_basis, run.end_to_end, modes.input_basis)
    np.testing.assert_allclose(strength, curves.strength, rtol=0, atol=1e-8)


@pytest.mark.parametrize("rule", ["fa", "dfa"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_weights_of_a_typed_chain(rule, depth):
    rng = np.random.default_rng(depth)
    theta, b, t = rng.uniform(-1, 1, (depth, 1)), rng.uniform(-1.5, 1.5, (depth - 1, 1)), np.linspace(0, 5, 11)
    c = [np.prod(b[layer:]) for layer in range(depth)] if rule == "fa" else [*b[:, 0], 1.0]
    curves = fa.solve_modes(-1.3, 0.8, depth, rule, theta, b, t=t)
    assert curves.method == "exact"

    def velocity(_, y):
        error = -1.3 - 0.8 * np.prod(y)
        return [c[layer] * np.prod(y[:layer]) * error for layer in range(depth)]

    done = solve_ivp(velocity, (0, 5), theta[:, 0], "DOP853", t, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(curves.weights[:, :, 0], done.y, rtol=0, atol=1e-9)
    np.testing.assert_allclose(curves.weights.prod(axis=0), curves.strength, rtol=0, atol=1e-13)


@pytest.mark.parametrize("level", [0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-6])
@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_zero_start_law(depth, level):
    """T_f = x_* / (c_1 sigma) H_n(f^(1/n)). girotti2021.md 8."""
    rng = np.random.default_rng(depth)
    sigma, lam, b = rng.uniform(0.2, 4, 5), rng.uniform(0.5, 2, 5), rng.uniform(0.4, 1.6, (depth - 1, 5))
    n = 2**depth - 1
    K = np.prod([(2 * b[j - 1]) ** -(2.0 ** (depth - j) - 1) for j in range(1, depth)], axis=0)
    rest, z = (sigma / (lam * K)) ** (1 / n), level ** (1 / n)
    law = rest / (b.prod(axis=0) * sigma) * z * hyp2f1(1, 1 / n, 1 + 1 / n, level)
    curves = fa.solve_modes(sigma, lam, depth, feedback=b, t=[1.0])
    # p is known to 1e-16, hence the last millionth of its way to 1e-10.
    np.testing.assert_allclose(curves.learning_times(level), law, rtol=1e-10 if level < 0.9999 else 1e-9)


@pytest.mark.parametrize("depth", [6, 7, 8, 9, 10])
def test_zero_start_law_of_deep_chains(depth):
    """The same law with b = 1: by the clock at degree 63, by integration beyond."""
    n, sigma = 2**depth - 1, np.array([1.0, 2.0])
    rest = (sigma * 2.0 ** (n - depth)) ** (1 / n)
    curves = fa.solve_modes(sigma, 1.0, depth, t=[1.0, 1.9, 2.5])
    assert curves.method == ("exact" if depth == 6 else "integrated")
    for level in (0.1, 0.5, 0.99):
        law = rest / sigma * level ** (1 / n) * hyp2f1(1, 1 / n, 1 + 1 / n, level)
        # An integration at rtol 1e-12 per step, read off polynomials between its steps.
        np.testing.assert_allclose(curves.learning_times(level), law, rtol=1e-9 if depth == 6 else 1e-7)
    assert curves.error.max() < (1e-8 if depth == 6 else 1e-5)


PAIRS = 10_000
ORDER_TIMES = np.concatenate([[0.0], np.logspace(-2, 2, 6)])


def compared(theta, b, lam, strong, weak):
    """v_alpha - v_beta of pairs of modes with v = e / e(0), (time, pairs)."""
    v = []
    for sigma in (strong, weak):
        curves = fa.solve_modes(sigma, lam, len(theta), start=theta, feedback=b, t=ORDER_TIMES)
        v.append((sigma - lam * curves.strength) / (sigma - lam * theta.prod(axis=0)))
    return v[0] - v[1]


def violations(difference, theta, b, lam, strong, weak):
    """Pairs whose difference is positive by more than the error bounds, computed only where it is positive."""
    some = np.flatnonzero((difference > 0).any(axis=0))
    allowed = np.zeros((len(ORDER_TIMES), len(some)))
    for sigma in (strong[some], weak[some]):
        curves = fa.solve_modes(sigma, lam[some], len(theta), start=theta[:, some], feedback=b[:, some], t=ORDER_TIMES)
        start = np.abs(sigma - lam[some] * theta[:, some].prod(axis=0))
        rounding = 4 * 2.0**-52 * (np.abs(sigma) + lam[some] * np.abs(curves.strength))
        allowed += (lam[some] * curves.error + rounding) / start
    assert np.median(allowed) < 1e-12  # the bounds do not decide
    return some[(difference[:, some] > allowed).any(axis=0)]


@pytest.mark.parametrize("depth", [2, 3])
def test_aligned_starts_learn_principal_modes_first(depth):
    """T8 (a): v_alpha <= v_beta for all t."""
    rng = np.random.default_rng(depth)
    lam, b = 10 ** rng.uniform(-0.5, 0.5, PAIRS), 10 ** rng.uniform(-0.5, 0.5, (depth - 1, PAIRS))
    theta = rng.uniform(0, 1.5, (depth, PAIRS))
    above = 0.0 if depth == 2 else lam * theta.prod(axis=0)  # e(0) >= 0 is needed beyond two layers
    weak = above + 10 ** rng.uniform(-2, 1, PAIRS)
    strong = weak * 10 ** rng.uniform(0.01, 1, PAIRS)
    if depth == 2:
        theta[1] = rng.uniform(-3, 3, PAIRS)
    difference = compared(theta, b, lam, strong, weak)
    assert len(violations(difference, theta, b, lam, strong, weak)) == 0
    assert (difference.min(axis=0) < -1e-9).mean() > 0.95


def test_anti_regularising_starts_learn_negligible_modes_first():
    """T8 (b): theta(0) = (-a, 0), sigma_alpha <= (lambda / b) (a / sqrt 3)^3, and v_alpha >= v_beta for all t."""
    rng = np.random.default_rng(8)
    lam, b = 10 ** rng.uniform(-0.5, 0.5, PAIRS), 10 ** rng.uniform(-0.5, 0.5, (1, PAIRS))
    a = rng.uniform(0.5, 4, PAIRS)
    strong = lam / b[0] * (a / np.sqrt(3)) ** 3 * rng.uniform(0.01, 1, PAIRS)
    weak = strong * 10 ** rng.uniform(-2, -0.01, PAIRS)
    theta = np.array([-a, 0 * a])
    difference = compared(theta, b, lam, strong, weak)
    assert len(violations(-difference, theta, b, lam, strong, weak)) == 0
    assert (difference.max(axis=0) > 1e-9).mean() > 0.95


def test_crossing_modes_obey_neither():
    """T8 (c): x(0) < 0, attracted to x_+."""
    rng = np.random.default_rng(9)
    x, k = -rng.uniform(0.2, 2, 500), rng.uniform(-1, 2, 500)
    fold = (np.maximum(k, 0) / 3) ** 1.5
    weak = fold + rng.uniform(0.02, 2, 500)
    strong = weak * rng.uniform(1.1, 3, 500)
    one = np.ones(500)
    difference = compared(np.array([x, (x**2 - k) / 2]), one[None], one, strong, weak)
    assert (difference.max(axis=0) > 1e-6).any()  # some negligible mode is ahead for a while
    assert (difference.min(axis=0) < -1e-6).any()  # some principal mode is
    assert ((difference.max(axis=0) > 1e-6) & (difference.min(axis=0) < -1e-6)).any()  # both, one after the other


@cache
def returning(depth):
    """Curves that may enter their band more than once, on a fine sample."""
    rng = np.random.default_rng([depth, 3])
    count = 25
    theta, b = rng.uniform(-2, 2, (depth, count)), rng.choice([-1, 1], (depth - 1, count)) * rng.uniform(0.5, 1.5)
    sigma = rng.choice([-1, 1], count) * rng.uniform(0.1, 3, count)
    return theta, b, sigma, fa.solve_modes(sigma, 1.0, depth, start=theta, feedback=b, t=np.linspace(0, 60, 6001))


@pytest.mark.parametrize("level", [1e-9, 0.05, 0.5, 0.9, 0.99, 1 - 1e-9])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_learning_time_is_the_last_entry(depth, level):
    """Against a fine sample, also of curves that enter their band more than once."""
    theta, b, sigma, curves = returning(depth)
    t = curves.t
    times = curves.learning_times(level)
    assert np.isfinite(times).all()
    excess = np.abs(curves.strength - sigma) - (1 - level) * np.abs(sigma)
    close = 4e-13 * np.maximum(np.abs(sigma), 1)
    for mode, time in enumerate(times):
        assert (excess[t > time, mode] <= close[mode]).all(), (mode, time)
    if level > 0.999:
        return
    moving = np.flatnonzero(times > 0)
    when = np.unique(np.concatenate([times[moving] * (1 - 1e-6), times[moving]]))
    edge = fa.solve_modes(sigma, 1.0, depth, start=theta, feedback=b, t=when).strength
    for mode in moving:
        band, at = (1 - level) * abs(sigma[mode]), np.searchsorted(when, times[mode])
        assert abs(abs(edge[at, mode] - sigma[mode]) - band) < 1e-10
        early = np.searchsorted(when, times[mode] * (1 - 1e-6))
        assert abs(edge[early, mode] - sigma[mode]) > band * (1 - 1e-10)


@pytest.mark.parametrize("beyond", [1e-4, 1e-8, 1e-12])
@pytest.mark.parametrize("x", [-0.7, -0.63, -0.9, -0.99])
def test_short_excursions(x, beyond):
    """A band that ends just below a maximum of p is left for a moment only, between samples of any grid.

    With b = 1/2 and k = 3, p = theta_1^3 - 3 theta_1, and theta_1 falls through the maximum p = 2 at -1 to where p = s.
    """
    s, step = 1.5, np.sqrt(beyond * 0.5 / 3)  # p = 2 - 3 (theta_1 + 1)^2 near the maximum
    curves = fa.solve_modes([s], 1.0, 2, "fa", [x, x * x - 3], 0.5, t=[1.0])
    edge = quad(lambda z: 2 / (z**3 - 3 * z - s), -1 - step, x, epsabs=1e-13)[0]
    level = 1 - (0.5 / s) * (1 - beyond)
    assert curves.learning_times(level)[0] == pytest.approx(edge, abs=1e-2 * step + 1e-9)
    assert curves.learning_times(1 - 0.5 / s * (1 + 1e-9))[0] == 0  # the band a little wider is never left


def test_learning_times_of_special_modes():
    sigma = [1.0, 0.0, 0.0, 1.0, 1.0]
    theta = [[2.0, 0.5, 0.0, 0.0, 0.0], [0.5, 0.4, 0.3, 0.2, 0.2]]
    b = [[1.0, 1.0, 1.0, 0.0, 1.0]]
    curves = fa.solve_modes(sigma, [1, 1, 1, 1, 0], 2, start=theta, feedback=b, t=[0.0, 1.0])
    times = curves.learning_times()
    assert times[0] == 0  # starts at its target
    assert times[1] == np.inf  # approaches zero, of which no fraction is left
    assert times[2] == 0  # is zero
    assert times[3] == np.inf  # theta_1 = 0 is frozen
    assert times[4] == np.inf  # has no target
    np.testing.assert_array_equal(curves.limit, [1.0, 0.0, 0.0, 0.0, np.inf])
    np.testing.assert_array_equal(curves.target, [1.0, 0.0, 0.0, 1.0, np.nan])


def test_limit_and_late_strength():
    rng = np.random.default_rng(5)
    sigma, lam = rng.uniform(-2, 2, 20), rng.uniform(0.5, 2, 20)
    curves = fa.solve_modes(sigma, lam, 3, start=rng.uniform(-1, 1, (3, 20)), feedback=[0.8, -1.2], t=[0.0, 1e9])
    np.testing.assert_allclose(curves.limit, sigma / lam, rtol=1e-15)
    np.testing.assert_allclose(curves.strength[-1], sigma / lam, rtol=1e-9)
    assert curves.weights.shape == (3, 2, 20)
    assert curves.strength.shape == curves.error.shape == (2, 20)


def test_order_in_the_clock_of_each_mode():
    sigma, lam = np.array([2.0, 1.0, 0.5]), np.array([1.0, 2.0, 0.5])
    curves = fa.solve_modes(sigma, lam, 2, start=[-4.0, 0.0], t=[1.0])
    assert curves.order().clock == "lambda*t"
    assert solve([0.0, 0.0]).order().clock == "t"
    assert "principal-first" in repr(solve([0.0, 0.0]))


def test_mirror_symmetries():
    rng = np.random.default_rng(4)
    theta, b, sigma, t = rng.uniform(-1, 1, (2, 9)), rng.uniform(0.5, 2, (1, 9)), rng.uniform(-2, 2, 9), [0.1, 1, 5]
    curves = fa.solve_modes(sigma, 0.7, 2, start=theta, feedback=b, t=t)
    mirror = fa.solve_modes(sigma, 0.7, 2, start=-theta, feedback=-b, t=t)
    np.testing.assert_allclose(mirror.strength, curves.strength, rtol=1e-14)
    np.testing.assert_allclose(mirror.learning_times(), curves.learning_times(), rtol=1e-13)
    other = fa.solve_modes(-sigma, 0.7, 2, start=[-theta[0], theta[1]], feedback=b, t=t)
    np.testing.assert_allclose(other.strength, -curves.strength, rtol=1e-14)


def test_scaling_of_time():
    """(lambda, sigma) at t is (1, s) at lambda t."""
    t = np.array([0.3, 1.0, 4.0])
    slow = fa.solve_modes([0.4, 0.2], 0.1, 3, start=[0.3, -0.2, 0.5], t=10 * t)
    fast = fa.solve_modes([4.0, 2.0], 1.0, 3, start=[0.3, -0.2, 0.5], t=t)
    np.testing.assert_allclose(slow.strength, fast.strength, rtol=1e-11)


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("size", [1e-12, 1e-160, 1e-300])
def test_starts_of_any_smallness(depth, size):
    """Feedback alignment leaves zero at once: nothing depends on the last powers of ten of the start."""
    t = [0.0, 0.5, 1.0, 3.0, 10.0]
    small, zero = (fa.solve_modes([2.0, -1.0], depth=depth, start=start, t=t) for start in (size, 0.0))
    np.testing.assert_allclose(small.strength, zero.strength, rtol=0, atol=1e-11)
    assert (abs(small.strength - zero.strength) <= small.error + 10 * depth * size).all()


@pytest.mark.parametrize(
    "given",
    [
        {"depth": 3, "feedback": 1e160},
        {"depth": 3, "feedback": 1e200},
        {"start": 1e155},
        {"start": 1e200, "feedback": 1e-320},
        {"curvature": 1e-320},
    ],
)
def test_numbers_beyond_the_range(given):
    with pytest.raises(IntegrationError, match="leave the range of floating-point numbers"):
        fa.solve_modes([1.0], **{"start": 0.1, "t": [0.0, 1.0]} | given)


def test_infinitely_long_after():
    assert fa.solve_modes([1.0], start=0.1, t=[0.0, 1e308]).strength[-1, 0] == 1


def test_modes_do_not_feel_each_other():
    rng = np.random.default_rng(6)
    theta, sigma, t = rng.uniform(-2, 2, (3, 7)), rng.uniform(-2, 2, 7), [0.0, 0.4, 2.0, 1e3]
    together = fa.solve_modes(sigma, 1.0, 3, start=theta, t=t)
    for mode in range(7):
        alone = fa.solve_modes(sigma[mode], 1.0, 3, start=theta[:, mode], t=t)
        np.testing.assert_allclose(alone.strength[:, 0], together.strength[:, mode], rtol=1e-13, atol=1e-15)


def test_many_times():
    """More than fit into one chunk of the inversion."""
    t = np.linspace(0, 5, 20_000)
    curves = solve([0.0, 0.0], t=t)
    some = slice(1, None, 1999)
    np.testing.assert_allclose(solve([0.0, 0.0], t=t[some]).strength, curves.strength[some], rtol=1e-13, atol=1e-16)
    assert (np.diff(curves.strength, axis=0) >= -1e-15).all()


@pytest.mark.parametrize("sigma", [3.0, 0.4, -1.2])
def test_sigmoid_of_backpropagation(sigma):
    """classical.md 1: p = sigma p_0 e^(2 sigma t) / (sigma + lambda p_0 (e^(2 sigma t) - 1)) when balanced."""
    lam, p0, t = 0.8, 1e-3, np.linspace(0, 8, 33)
    size = abs(sigma)
    curves = fa.solve_modes(sigma, lam, 2, "bp", start=[np.sqrt(p0), np.sign(sigma) * np.sqrt(p0)], t=t)
    growth = np.exp(2 * size * t)
    exact = np.sign(sigma) * size * p0 * growth / (size + lam * p0 * (growth - 1))
    assert curves.method == "exact"
    np.testing.assert_allclose(curves.strength[:, 0], exact, rtol=1e-12)
    half = np.log(0.5 * size / lam * (size / lam - p0) / (p0 * 0.5 * size / lam)) / (2 * size)
    assert curves.learning_times()[0] == pytest.approx(half, rel=1e-12)
    assert curves.limit[0] == sigma / lam


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize(("rule", "depth"), [("kp", 2), ("kp", 3)])
def test_error_estimate_of_integrated_rules(rule, depth, tolerance):
    rng = np.random.default_rng(depth)
    theta, b, sigma = rng.uniform(0.1, 0.8, (depth, 3)), rng.uniform(0.3, 1.2, (depth - 1, 3)), [2.0, 1.0, -0.5]
    t = np.linspace(0.5, 4, 8)
    curves = fa.solve_modes(sigma, 1.0, depth, rule, theta, b, t=t, rtol=tolerance, atol=tolerance / 1000)
    assert curves.method == "integrated"
    for mode in range(3):

        def velocity(_, y, mode=mode):
            weights, back = y[:depth], y[depth:]
            error = sigma[mode] - np.prod(weights)
            moves = [np.prod(back[layer:]) * np.prod(weights[:layer]) * error for layer in range(depth)]
            return [*moves, *moves[1:]]

        begin = [*theta[:, mode], *b[:, mode]]
        done = solve_ivp(velocity, (0, 4), begin, "DOP853", t, rtol=1e-13, atol=1e-15)
        true = np.abs(curves.strength[:, mode] - done.y[:depth].prod(axis=0))
        assert true.max() <= curves.error[:, mode].max() + 1e-12  # the yardstick errs as well
        assert curves.error[:, mode].max() < 1000 * tolerance


BAD = {
    "correlation not finite": ({"correlation": [1.0, np.nan]}, "correlation"),
    "correlation in words": ({"correlation": ["strong"]}, "correlation"),
    "curvature not finite": ({"curvature": np.inf}, "curvature"),
    "curvature negative": ({"curvature": [1.0, -0.5]}, "curvature"),
    "curvatures for other modes": ({"curvature": [1.0, 1.0, 1.0]}, "curvature"),
    "correlation in two dimensions": ({"correlation": [[1.0, 2.0], [3.0, 4.0]]}, "correlation"),
    "start not finite": ({"start": [np.nan, 0.0]}, "start"),
    "start of the wrong depth": ({"start": [0.0, 0.0, 0.0]}, "start"),
    "start for other modes": ({"start": np.zeros((2, 5))}, "start"),
    "start in words": ({"start": "zero"}, "start"),
    "feedback not finite": ({"feedback": -np.inf}, "feedback"),
    "feedback of the wrong depth": ({"feedback": [1.0, 1.0, 1.0]}, "feedback"),
    "depth 0": ({"depth": 0}, "0"),
    "depth -1": ({"depth": -1}, "-1"),
    "depth 1.5": ({"depth": 1.5}, "1.5"),
    "times unsorted": ({"t": [1.0, 0.5]}, "t:"),
    "times twice": ({"t": [1.0, 1.0]}, "t:"),
    "times negative": ({"t": [-1.0, 0.5]}, "t:"),
    "times not finite": ({"t": [0.0, np.inf]}, "t:"),
    "no times": ({"t": []}, "t:"),
    "rule unknown": ({"rule": "backprop"}, "rule"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    changed, argument = BAD[case]
    good = {"correlation": [2.0, 1.0], "t": [1.0]}
    with pytest.raises(fa.InputError, match=argument):
        fa.solve_modes(**good | changed)


def test_no_modes():
    """Either a refusal or empty curves, but nothing in between."""
    try:
        curves = fa.solve_modes([], t=[1.0])
    except fa.InputError:
        return
    assert curves.strength.shape == (1, 0)
    assert curves.learning_times().shape == (0,)
    assert curves.error.shape == (1, 0)
    repr(curves)


@pytest.mark.parametrize("rule", ["fa", "bp"])
@pytest.mark.parametrize("level", [0, 1, -0.5, 2, np.nan])
def test_bad_level(rule, level):
    with pytest.raises(fa.InputError, match="level"):
        solve([0.1, 0.1], rule=rule).learning_times(level)


def test_integrated_mode_without_curvature_is_never_learned():
    """It has no target, which must not read as one that was met from the start."""
    curves = fa.solve_modes([1.0, 2.0], [0.0, 1.0], rule="bp", start=0.3, t=[1.0, 3.0])
    flat, curved = curves.learning_times()
    assert flat == np.inf
    assert 0 < curved < 3


@pytest.mark.parametrize("rule", ["fa", "bp"])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("exponent", [-900, -660, -530, -260, 260, 530, 660, 1000])
def test_error_in_any_unit_of_time(rule, depth, exponent):
    """Rates of 1e-271 to 1e301 have the error of ordinary ones: nothing overflows on the way to it."""
    start, t = np.array([0.3, -0.2, 0.5])[:depth, None], np.array([0.0, 0.1, 1.0, 3.0, 30.0])

    def solved(pace):
        return fa.solve_modes([2.0 * pace, 0.0], 1.5 * pace, depth, rule, start=start, t=t / pace)

    plain, fast = solved(1.0), solved(2.0**exponent)
    np.testing.assert_allclose(fast.strength, plain.strength, rtol=1e-13)
    np.testing.assert_allclose(fast.error, plain.error, rtol=1e-6)


@pytest.mark.parametrize("rule", ["fa", "bp"])
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-160, 1e-80, 1e80, 1e160, 1e200, 1e300])
@pytest.mark.parametrize("start", [0.3, 1e-300, 1e-160, 1e160])
def test_error_of_any_target(rule, size, start):
    """Of a single layer, dtheta/dt = size - theta, whose solution is known."""
    t = np.array([0.0, 1e-200, 1e-3, 1.0, 10.0, 1e3, 1e300])
    curves = fa.solve_modes([size], 1.0, 1, rule, start=start, t=t)
    expected = size * -np.expm1(-t) + start * np.exp(-t)
    true = np.abs(curves.strength[:, 0] - expected)
    rounding = 4 * np.finfo(float).eps * np.abs(expected)  # of what is expected
    assert (true <= curves.error[:, 0] + rounding).all()
    assert curves.error.max() < 1e-10 * max(size, start)


@pytest.mark.parametrize(
    ("depth", "size"), [(2, 1e-300), (2, 1e-160), (2, 1e200), (2, 1e300), (3, 1e-300), (3, 1e-160), (3, 1e160)]
)
def test_error_of_any_target_from_zero(depth, size):
    """Feedback alignment from zero: a target in other units, at a time in other units, is the same curve."""
    unit = size ** (1 / (2**depth - 1))  # of the clock
    t = np.array([0.0, 0.3, 1.0, 3.0, 30.0])
    plain = fa.solve_modes([1.0], 1.0, depth, start=0.0, t=t)
    scaled = fa.solve_modes([size], 1.0, depth, start=0.0, t=t * (unit / size))
    # powers of far numbers have fewer digits
    np.testing.assert_allclose(scaled.strength / size, plain.strength, rtol=1e-11)
    np.testing.assert_allclose(scaled.error / size, plain.error, rtol=0.1)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("zeros", [["b"], ["b", "sigma"], ["sigma"]], ids="+".join)
def test_modes_without_feedback_or_target_do_not_touch_the_others(depth, zeros):
    """Their series has no second term, and nothing to compare it with."""
    t, sigma, b = np.linspace(0, 6, 25), np.array([4.0, 2.0, 1.0]), np.ones((depth - 1, 3))
    if "b" in zeros:
        b[-1, 2] = 0.0
    if "sigma" in zeros:
        sigma[2] = 0.0
    together = fa.solve_modes(sigma, 1.0, depth, "fa", 0.3, b, t=t)
    for mode in range(3):
        alone = fa.solve_modes(sigma[mode], 1.0, depth, "fa", 0.3, b[:, mode], t=t)
        assert (np.abs(together.strength[:, mode] - alone.strength[:, 0]) <= 2 * alone.error[:, 0]).all()
        np.testing.assert_allclose(together.weights[:, :, mode], alone.weights[:, :, 0], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(together.weights.prod(axis=0), together.strength, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("power", [-60, -33, 0, 40])
def test_integrated_chains_in_any_units(power):
    """Weights by g and curvature by g^-2 leave the clock as it is."""
    g, t = 2.0**power, [0.5, 5.0, 20.0]
    plain = fa.solve_modes([1.0, 0.5], 1.0, 2, "kp", 0.1, 0.1, t=t)
    scaled = fa.solve_modes([1.0, 0.5], 1 / g**2, 2, "kp", 0.1 * g, 0.1 * g, t=t, atol=1e-13 * g)
    np.testing.assert_allclose(scaled.strength / g**2, plain.strength, rtol=0, atol=1e-11)


def test_integrated_chains_may_grow_and_take_long():
    """Without curvature theta grows like cosh, to 1e8 and beyond; long after, an implicit method takes over."""
    grown = fa.solve_modes([1.0], 0.0, 2, "kp", 0.5, 1.0, t=[20.0])
    # theta_1' = b, theta_2' = b' = theta_1 with lambda = 0 and sigma = 1
    theta_1, b = 0.5 * np.cosh(20.0) + 1.0 * np.sinh(20.0), 1.0 * np.cosh(20.0) + 0.5 * np.sinh(20.0)
    expected = theta_1 * (b - 0.5)  # theta_2 - b stays
    assert grown.strength[0, 0] == pytest.approx(expected, rel=1e-9)
    late = fa.solve_modes([4.0, 2.0, 1.0], 1.0, 2, "kp", 0.1, t=[1.0, 1e5])
    np.testing.assert_allclose(late.strength[1], [4.0, 2.0, 1.0], rtol=1e-10)
    soon = fa.solve_modes([4.0, 2.0, 1.0], 1.0, 2, "kp", 0.1, t=[1.0])
    np.testing.assert_allclose(late.strength[0], soon.strength[0], rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_without_curvature_p_may_leave_the_range_of_numbers(depth):
    curves = fa.solve_modes([1.0, 1.0], [0.0, 1.0], depth, start=0.3, t=[1.0, 1e150, 1e290])
    assert curves.strength[2, 0] == pytest.approx(1e290) if depth == 1 else np.isinf(curves.strength[2, 0])
    assert (curves.error[:, 0] >= 2.0**-52 * curves.strength[:, 0]).all()
    np.testing.assert_allclose(curves.strength[1:, 1], 1.0, rtol=1e-14)
    assert (curves.error[:, 1] < 1e-12).all()
