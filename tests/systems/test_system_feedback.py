"""Exact solutions of feedback alignment: times, tables, factor forms. girotti2021.md 4, 7, 8; classical.md 7, 8."""

import numpy as np
import pytest
from reference_systems import METHODS, Bases, System, all_methods, assert_reproduces, population, product, record
from scipy.integrate import solve_ivp
from scipy.special import hyp2f1

import fa_dynamics as fa

SIGMA = np.array([4.0, 2.0, 1.0, 0.5, 0.25])


def h3(xi):
    """t = 2 H_3(xi) / (lambda r^2) from zero, xi^3 = p / s."""
    logarithm = np.log((1 + xi + xi**2) / (1 - xi) ** 2) / 2
    return (logarithm + np.sqrt(3) * (np.arctan((2 * xi + 1) / np.sqrt(3)) - np.pi / 6)) / 3


def implicit_time(x, b, sigma, lam, k):
    """F(x) of x' = b sigma + lambda (k x - x^3) / 2, by partial fractions over the roots of the right-hand side."""
    rho = np.cbrt(b * sigma / lam)
    if abs(k - 3 * rho**2) < 1e-12:
        return 2 / lam * (np.log(np.abs((x + rho) / (2 * rho - x))) / (9 * rho**2) - 1 / (3 * rho * (x + rho)))
    roots = np.roots([1, 0, -k, -2 * b * sigma / lam])
    real = roots[np.abs(roots.imag) < 1e-9].real
    if len(real) == 3:
        weights = [1 / np.prod([own - other for other in real if other != own]) for own in real]
        return -2 / lam * sum(a * np.log(np.abs(x - own)) for a, own in zip(weights, real, strict=True))
    (star,) = real
    quadratic, omega = x**2 + star * x + star**2 - k, np.sqrt(0.75 * star**2 - k)
    angle = 1.5 * star / omega * np.arctan((x + star / 2) / omega)
    return 2 / (lam * (3 * star**2 - k)) * (-np.log(np.abs(x - star)) + np.log(quadratic) / 2 + angle)


def two_layer_time(name, b, sigma, lam, k, x0, t_end):
    """The measured theta_1 is put into the exact time."""
    bases = Bases.draw(5, (3, 4, 2), 1)
    t = np.linspace(0, t_end, 13)

    def time(run):
        x = bases.theta(run, 1)[:, 0]
        return implicit_time(x, b, sigma, lam, k) - implicit_time(x0, b, sigma, lam, k)

    return System(
        f"FA implicit time, {name}",
        bases.task([sigma], [lam]),
        4,
        "fa",
        bases.weights(np.array([[x0], [(x0**2 - k) / (2 * b)]])),
        t,
        time,
        t,
        feedback=bases.feedback(np.array([[b]])),
        margin=10,  # t(x) amplifies errors of x by 1 / velocity, up to tenfold on these stretches
    )


RHO = np.cbrt(1.4 * 0.9 / 0.7)  # b = 1.4, sigma = 0.9, lambda = 0.7
TIMES = [
    two_layer_time("one root, k > 0", 1.4, 0.9, 0.7, 1.5 * RHO**2, -1.5 * RHO, 2.5),
    two_layer_time("one root, k < 0", 1.4, 0.9, 0.7, -2.0, -0.3, 2.0),
    two_layer_time("three roots, to x_+", 1.4, 0.9, 0.7, 5.0 * RHO**2, 0.1, 1.0),
    two_layer_time("three roots, to x_-", 1.4, 0.9, 0.7, 5.0 * RHO**2, -4.0 * RHO, 0.4),
    two_layer_time("fold, from above", 1.4, 0.9, 0.7, 3 * RHO**2, 0.0, 1.0),
    two_layer_time("fold, creeping up from below", 1.4, 0.9, 0.7, 3 * RHO**2, -2.0 * RHO, 3.0),
    two_layer_time("zero start", 1.4, 0.9, 0.7, 0.0, 0.0, 1.3),
]


@all_methods
@pytest.mark.parametrize("system", TIMES, ids=str)
def test_two_layer_time(system, method, record_property):
    assert_reproduces(system, method, record_property)


def test_the_two_forms_of_the_zero_start_agree():
    b, sigma, lam = 1.4, 0.9, 0.7
    r = np.cbrt(2 * b * sigma / lam)
    xi = np.linspace(0.05, 0.95, 7)
    one = implicit_time(r * xi, b, sigma, lam, 0.0) - implicit_time(0.0, b, sigma, lam, 0.0)
    np.testing.assert_allclose(one, 2 / (lam * r**2) * h3(xi), rtol=1e-12)


@all_methods
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_zero_start_of_any_depth(depth, method, record_property):
    """t = x_* H_n(f^(1/n)) / (c_1 sigma) with p = f s, H_n(z) = z 2F1(1, 1/n; 1 + 1/n; z^n). girotti2021.md 8."""
    sigma, lam, n = np.array([2.0, 1.1, 0.6]), np.array([0.8, 1.5, 1.0]), 2**depth - 1
    b = np.array([[1.3, 0.9, 1.1], [0.8, 1.2, 1.0], [1.1, 1.0, 0.9]])[: depth - 1]
    bases = Bases.draw(depth, (3, *[4] * (depth - 1), 3), 3)
    leading = np.prod([(2 * b[j - 1]) ** -(2 ** (depth - j) - 1) for j in range(1, depth)], axis=0)
    x_star = (sigma / lam / leading) ** (1 / n)
    fraction, c1 = 0.5, b.prod(axis=0)
    z = fraction ** (1 / n)
    exact = x_star / (c1 * sigma) * z * hyp2f1(1, 1 / n, 1 + 1 / n, z**n)
    rtol, tolerance = METHODS[method]
    run = fa.simulate(
        bases.task(sigma, lam),
        [4] * (depth - 1),
        "fa",
        "zero",
        bases.feedback(b),
        t_end=float(exact.max() * 1.3),
        method=method,
        rtol=rtol,
        atol=rtol * 1e-3,
    )
    error = np.abs(run.learning_times(fraction) / exact - 1).max()
    record(record_property, f"FA zero start, half-times, L = {depth}", method, error)
    # Times are found on a degree-5 curve through the solver's own dense output, which DOP853 gives to order 7 only.
    assert error <= 10 * tolerance


@all_methods
def test_half_times_table(method, record_property):
    """classical.md 10: .469 .744 1.181 1.875 2.977 at lambda = b = 1."""
    rtol, tolerance = METHODS[method]
    task = fa.Task.from_spectrum(SIGMA)
    run = fa.simulate(task, 5, "fa", "zero", [np.eye(5)], t_end=4.0, method=method, rtol=rtol, atol=rtol * 1e-3)
    times = run.learning_times(0.5)
    np.testing.assert_allclose(times, [0.469, 0.744, 1.181, 1.875, 2.977], atol=1e-3)  # the printed figures
    exact = 2 * h3(0.5 ** (1 / 3)) * (2 * SIGMA) ** (-2 / 3)
    error = record(record_property, "FA half-times table", method, np.abs(times / exact - 1).max())
    assert error <= 10 * tolerance  # dense output, as above


TABLE = {
    # theta(0), times of 99 %, verdict: rows A, B, C, D, E of girotti2021.md 7
    "A": ((0.0, 0.0), [1.192, 1.893, 3.004, 4.769, 7.570], "principal-first"),
    "B": ((0.0, 5.0), [0.825, 0.893, 0.914, 0.919, 0.921], "principal-first"),
    "C": ((0.0, -5.0), [0.789, 1.015, 1.244, 1.469, 1.689], "principal-first"),
    "D": ((-4.0, 0.0), [0.342, 0.312, 0.299, 0.293, 0.291], "negligible-first"),
    "E": ((4.0, 0.0), [0.253, 0.269, 0.278, 0.283, 0.285], "principal-first"),
}


@pytest.mark.parametrize("basis", ["coordinates", "rotated"])
@pytest.mark.parametrize("row", TABLE)
def test_initialisation_table(row, basis):
    theta, printed, verdict = TABLE[row]
    bases = Bases((np.eye(5),) * 3) if basis == "coordinates" else Bases.draw(3, (6, 7, 5), 5)
    run = fa.simulate(
        bases.task(SIGMA, 1.0),
        len(bases.layers[1]),
        "fa",
        bases.weights(np.full((2, 5), np.array(theta)[:, None])),
        bases.feedback(np.ones((1, 5))),
        t_end=9.0,
    )
    np.testing.assert_allclose(run.learning_times(0.99), printed, rtol=0, atol=5.1e-4)  # half of the last printed digit
    order = run.order(0.99)
    assert order.verdict == verdict
    assert order.rank_correlation == pytest.approx(1.0 if verdict == "negligible-first" else -1.0, abs=1e-12)


def test_three_layers_learn_negligible_modes_first():
    """Row H: L = 3, theta(0) = (-2, 0, 2), b = 1."""
    bases = Bases.draw(4, (5, 6, 5, 7), 5)
    run = fa.simulate(
        bases.task(SIGMA, 1.0),
        [6, 5],
        "fa",
        bases.weights(np.array([[-2.0], [0.0], [2.0]]) * np.ones(5)),
        bases.feedback(np.ones((2, 5))),
        t_end=3.0,
    )
    np.testing.assert_allclose(run.learning_times(0.99), [1.001, 0.734, 0.658, 0.618, 0.597], rtol=0, atol=5.1e-4)
    assert run.order(0.99).verdict == "negligible-first"


def draw_task(rng, inputs, outputs):
    half = rng.standard_normal((inputs, inputs + 2))
    return population(half @ half.T / (inputs + 2), rng.standard_normal((outputs, inputs)))


def coefficients(run, factors):
    """A_l of W_1 = F_1 A_1, W_l = F_l A_l F_{l-1}^T, W_L = A_L F_{L-1}^T, and the largest part without this form."""
    depth, worst, found = run.depth, 0.0, []
    for layer in range(1, depth + 1):
        weight = run.weights[layer - 1]
        left = factors[layer - 1] if layer < depth else np.eye(weight.shape[1])
        right = factors[layer - 2] if layer > 1 else np.eye(weight.shape[2])
        a = np.linalg.pinv(left) @ weight @ np.linalg.pinv(right.T)
        worst = max(worst, np.abs(left @ a @ right.T - weight).max() / max(1.0, np.abs(weight).max()))
        found.append(a)
    return found, worst


def factor_flow(task, grams, t):
    """The reduced flow dA_l/dt = E (A_{l-1} Delta_{l-2} A_{l-2} .. A_1)^T typed by hand, for L = 3."""
    outputs, inputs = task.cross_moment.shape
    cut = [outputs * inputs, outputs * inputs + outputs**2]

    def velocity(_, y):
        a1, a2, a3 = (p.reshape(outputs, -1) for p in np.split(y, cut))
        whole = a3 @ grams[1] @ a2 @ grams[0] @ a1
        e = task.cross_moment - whole @ task.input_moment
        return np.concatenate([m.ravel() for m in (e, e @ a1.T, e @ (a2 @ grams[0] @ a1).T)])

    size = outputs * inputs + 2 * outputs**2
    done = solve_ivp(velocity, (0, t[-1]), np.zeros(size), "DOP853", t, rtol=1e-11, atol=1e-14)
    return [p.reshape(outputs, -1, len(t)).transpose(2, 0, 1) for p in np.split(done.y, cut)]


@all_methods
@pytest.mark.parametrize("rule", ["dfa", "fa"])
def test_factor_form(rule, method, record_property):
    """From zero the weights stay in the factors D_l (DFA) or C_l (FA), and only the Gram matrices matter."""
    rng = np.random.default_rng(8)
    task, hidden = draw_task(rng, 4, 3), [5, 6]
    if rule == "dfa":
        feedback = [rng.standard_normal((width, 3)) / np.sqrt(3) for width in hidden]
        factors = feedback
    else:
        feedback = [rng.standard_normal((5, 6)) / np.sqrt(6), rng.standard_normal((6, 3)) / np.sqrt(3)]
        factors = [feedback[0] @ feedback[1], feedback[1]]
    rtol, tolerance = METHODS[method]
    t = np.linspace(0, 1.5, 7)
    run = fa.simulate(
        task, hidden, rule, "zero", feedback, t_end=1.5, t_eval=t, method=method, rtol=rtol, atol=rtol * 1e-3
    )
    found, outside = coefficients(run, factors)
    assert outside <= 1e-11  # an exact property of every Runge-Kutta step, whatever its tolerance
    typed = factor_flow(task, [f.T @ f for f in factors], t)
    size = max(np.abs(a).max() for a in typed)
    error = max(np.abs(a - b).max() for a, b in zip(found, typed, strict=True)) / size
    record(record_property, f"{rule.upper()} factor form, L = 3", method, error)
    assert error <= 10 * tolerance  # undoing the factors divides by their singular values, about 0.3


@all_methods
def test_symmetric_part_of_the_alignment_from_zero(method, record_property):
    """Lillicrap et al.: W_1 W_1^T = B_2 W_2 + (B_2 W_2)^T >= 0 from zero; its antisymmetric part does not vanish."""
    rng = np.random.default_rng(9)
    task, feedback = draw_task(rng, 4, 3), rng.standard_normal((6, 3)) / np.sqrt(3)
    rtol, tolerance = METHODS[method]
    run = fa.simulate(task, 6, "fa", "zero", [feedback], t_end=6.0, method=method, rtol=rtol, atol=rtol * 1e-3)
    product_ = feedback @ run.weights[1]
    symmetric = (product_ + product_.transpose(0, 2, 1)) / 2
    scale = np.abs(symmetric).max()
    gram = run.weights[0] @ run.weights[0].transpose(0, 2, 1)
    error = np.abs(2 * symmetric - gram).max() / scale
    record(record_property, "Lillicrap: W_1 W_1^T = 2 sym(B_2 W_2)", method, error)
    assert error <= tolerance
    assert np.linalg.eigvalsh(symmetric).min() >= -tolerance * scale
    assert np.linalg.eigvalsh(symmetric[-1]).max() > 0.1
    antisymmetric = (product_ - product_.transpose(0, 2, 1)) / 2
    assert np.abs(antisymmetric[-1]).max() > 0.01


@all_methods
@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_bottleneck(rule, method, record_property):
    """Fewer hidden units than targets: BP keeps the largest modes, FA a sketch that its feedback chose."""
    rng = np.random.default_rng(10)
    bases = Bases.draw(10, (5, 4), 4)
    values = np.array([3.0, 2.0, 1.0, 0.5])
    target = (bases.layers[1] * values) @ bases.layers[0].T
    task, width = population(np.eye(5), target), 2
    feedback = rng.standard_normal((width, 4)) / 2 if rule == "fa" else None
    start = [0.05 * rng.standard_normal((width, 5)), 0.05 * rng.standard_normal((4, width))]
    rtol, tolerance = METHODS[method]
    run = fa.simulate(
        task,
        width,
        rule,
        start,
        None if feedback is None else [feedback],
        t_end=200.0,  # what is left decays at the rates of the limit, at least .15 here: e^-30
        t_eval=[0.0, 200.0],
        method=method,
        rtol=rtol,
        atol=rtol * 1e-3,
    )
    if rule == "bp":
        expected, rest = (bases.layers[1][:, :2] * values[:2]) @ bases.layers[0][:, :2].T, values[2:]
        excess = (rest**2).sum() / 2
    else:
        seen = (feedback @ target).T
        projector = seen @ np.linalg.solve(seen.T @ seen, seen.T)
        expected = target @ projector
        excess = ((target - expected) ** 2).sum() / 2
        assert excess > (values[2:] ** 2).sum() / 2
    error = np.abs(product(run)[-1] - expected).max() / np.abs(expected).max()
    record(record_property, f"bottleneck limit, {rule.upper()}", method, error)
    assert error <= 10 * tolerance  # at rest the solver hovers about the limit within its tolerance
    assert run.loss[-1] == pytest.approx(excess, rel=100 * tolerance)
