"""Step sizes by a scalar loop typed here, theorems on random chains, and diagrams."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.modes.step_diagram import step_diagram
from fa_dynamics.modes.step_map import OUTCOMES, Orbits, follow, orbit
from fa_dynamics.modes.step_sizes import first_failure, orbits_of, step_sizes
from fa_dynamics.modes.step_theory import ALIGNED, ZERO_START, guaranteed_steps

mpl.use("Agg")


def typed(theta, b, sigma, curvature, eta, n_steps=6000):
    """Errors of the typed chain of feedback alignment; stops when it leaves every bound or is at rest."""
    theta, depth, errors = list(map(float, theta)), len(theta), []
    c = [float(np.prod(b[layer:])) for layer in range(depth)]
    for _ in range(n_steps + 1):
        e = sigma - curvature * float(np.prod(theta))
        errors.append(e)
        if abs(e) < 1e-10 or abs(e) > 1e12:
            break
        below = [float(np.prod(theta[:layer])) for layer in range(depth)]
        theta = [t + eta * c[layer] * below[layer] * e for layer, t in enumerate(theta)]
    return np.array(errors)


def converges(*arguments):
    return abs(typed(*arguments)[-1]) < 1e-9


def is_monotone(*arguments):
    errors = typed(*arguments)
    seen = errors[np.abs(errors) > 1e-9]
    return abs(errors[-1]) < 1e-9 and (np.sign(seen) == np.sign(errors[0])).all() and (np.diff(np.abs(seen)) <= 0).all()


def bisected(test, low, high):
    assert test(low)
    assert not test(high)
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if test(middle) else (low, middle)
    return low


CASES = [
    ((0.0, 0.0), (1.0,), 1.0, 1.0),
    ((0.0, 0.0), (0.6,), 3.0, 2.0),
    ((0.3, 0.2), (1.4,), 0.7, 1.0),
    ((0.2, 0.1, 0.3), (0.8, 1.2), 2.0, 1.0),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_thresholds_by_a_typed_loop(case):
    theta, b, sigma, curvature = case
    given_feedback = np.array(b)[:, None]
    found = step_sizes([sigma], curvature, len(theta), "fa", np.array(theta)[:, None], given_feedback)
    for name, test in (("monotone", is_monotone), ("convergent", converges)):
        ours = float(getattr(found, name)[0])
        limit = bisected(lambda eta, test=test: test(*case, eta), 0.9 * ours, 1.1 * ours)
        assert ours == pytest.approx(limit, rel=1e-3)
        for part in np.linspace(0.05, 0.98, 12):
            assert test(*case, part * ours)


def test_normal_form_from_zero():
    """girotti2021.discrete-zero-start: one number in h for all modes."""
    rng = np.random.default_rng(0)
    found = step_sizes(rng.uniform(0.2, 5, 4), rng.uniform(0.3, 3, 4), feedback=rng.uniform(0.3, 2, (1, 4)))
    recorded = {"guaranteed": 0.1575, "monotone": 0.3805, "convergent": 0.6461, "linear": 0.840}
    for name, h in recorded.items():
        values = found.normal[name]
        np.testing.assert_allclose(values, h, rtol=0, atol=5.1e-4 if name == "linear" else 5.1e-5)
        np.testing.assert_allclose(values, values[0], rtol=1e-7)
    assert found.theorem == (ZERO_START,) * 4
    np.testing.assert_allclose(
        found.linear,
        2 / (1.5 * found.curvature * np.cbrt(2 * found.feedback[0] * found.correlation / found.curvature) ** 2),
        rtol=1e-10,
    )


def test_backpropagation_from_a_balanced_start():
    """2 / (lambda L s^(2 - 2/L)), the sharpness of the balanced minimum."""
    for depth in (2, 3):
        found = step_sizes([2.0], 1.5, depth, "bp", 0.3)
        size = (2.0 / 1.5) ** (2 - 2 / depth)
        assert found.linear[0] == pytest.approx(2 / (1.5 * depth * size), rel=1e-7)
        assert found.convergent[0] == pytest.approx(found.linear[0], rel=1e-3)
        assert np.isnan(found.guaranteed[0])
        assert found.theorem == ("",)


def test_nothing_leaves_the_saddle():
    found = step_sizes([1.0], rule="bp", start=0.0)
    assert found.convergent[0] == found.monotone[0] == 0
    assert np.isnan(found.linear[0])


@pytest.mark.parametrize("rule", ["kp", "sign", "dfa"])
def test_other_rules(rule):
    found = step_sizes([2.0, 0.5], rule=rule, start=0.2, feedback=0.7)
    assert (found.monotone > 0).all()
    assert (found.monotone < found.convergent).all()
    repr(found)
    found.to_dataset()


def test_a_flow_that_rises_has_no_monotone_step():
    found = step_sizes([2.0], start=np.array([[0.0], [-3.0]]))
    assert found.monotone[0] == 0
    assert found.convergent[0] > 0


# Zero or of ordinary size: the exact solver of the limit overflows at depth 1 for starts of 1e-169.
small = st.one_of(st.just(0.0), st.floats(1e-6, 1.2))
aligned = st.integers(1, 4).flatmap(
    lambda depth: st.tuples(
        st.lists(small, min_size=depth, max_size=depth),
        st.lists(st.floats(0.3, 2), min_size=depth - 1, max_size=depth - 1),
        st.floats(0.2, 5),
        st.floats(0.3, 3),
    )
)


@settings(deadline=None, max_examples=150)
@given(aligned, st.floats(0.05, 1.0))
def test_the_guaranteed_step_keeps_the_sign_of_the_error(case, part):
    theta, b, sigma, curvature = case
    if sigma - curvature * np.prod(theta) <= 1e-3:
        return
    depth = len(theta)
    orbits = orbits_of([sigma], curvature, depth, "fa", np.array(theta)[:, None], np.array(b).reshape(-1, 1))
    (step,), (name,) = guaranteed_steps(orbits)
    assert name in (ALIGNED, ZERO_START)
    assert step > 0
    errors = typed(theta, b, sigma, curvature, part * step, 400)
    assert (errors >= -1e-12 * sigma).all()
    assert (np.diff(errors) <= 1e-12 * sigma).all()
    # the rate of T6: e_k <= (1 - eta lambda S_0)^k e_0
    c = [float(np.prod(b[layer:])) for layer in range(depth)]
    S = sum(c[k] * np.prod(theta[:k]) ** 2 * np.prod(theta[k + 1 :]) for k in range(depth))
    bound = errors[0] * (1 - part * step * curvature * S) ** np.arange(len(errors))
    assert (errors <= bound + 1e-9 * sigma).all()


def test_depth_one_in_closed_form():
    """e+ = (1 - eta lambda) e."""
    found = step_sizes([2.0], 4.0, 1, start=0.1)
    assert found.monotone[0] == pytest.approx(0.25, rel=1e-6)
    assert found.convergent[0] == pytest.approx(0.5, rel=1e-6)
    assert found.guaranteed[0] == pytest.approx(0.25, rel=1e-9)
    assert found.linear[0] == pytest.approx(0.5, rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.02, 1.0), st.floats(0.3, 2.0), st.sampled_from([1.0, -1.0]))
def test_orbits_and_outcomes_by_a_typed_loop(x, y, eta, b, sign):
    orbits = orbits_of([sign * 1.3], 0.8, 2, "fa", np.array([[x], [y]]), b)
    orbits = Orbits(orbits.chain, orbits.start, orbits.feedback, orbits.correlation, orbits.curvature, np.array([eta]))
    errors = typed((x, y), (b,), sign * 1.3, 0.8, eta, 60)
    states = orbit(orbits, len(errors) - 1)
    ours = sign * 1.3 - 0.8 * states[:, 0, 0] * states[:, 1, 0]
    np.testing.assert_allclose(ours[:20], errors[:20], rtol=1e-6, atol=1e-9)
    found = follow(orbits, 4000)
    if np.abs(typed((x, y), (b,), sign * 1.3, 0.8, eta)[-1]) > 1e11:
        assert OUTCOMES[found.outcome[0]] == "diverges"
    elif converges((x, y), (b,), sign * 1.3, 0.8, eta):
        assert found.converges[0]


def test_step_counts_by_a_typed_loop():
    etas = np.array([0.02, 0.1, 0.3, 0.5])
    orbits = orbits_of(np.full(4, 2.0), 1.0, 2, "fa", 0.0, 1.0)
    orbits = Orbits(orbits.chain, orbits.start, orbits.feedback, orbits.correlation, orbits.curvature, etas / 2)
    levels = np.array([0.5, 0.9, 0.99, 0.999])
    found = follow(orbits, 4000, levels)
    for eta, level, steps in zip(etas / 2, levels, found.steps, strict=True):
        outside = np.flatnonzero(np.abs(typed((0, 0), (1,), 2.0, 1.0, eta)) > (1 - level) * 2.0)
        assert steps == outside[-1] + 1


def test_first_failure_finds_windows_and_both_scales():
    limits = np.array([1.0, 1e-3, 50.0])
    np.testing.assert_allclose(first_failure(lambda eta: eta <= limits, np.ones(3)), limits, rtol=1e-7)
    window = first_failure(lambda eta: (eta < 0.7) | ((eta > 0.8) & (eta < 1.5)), np.ones(1))
    np.testing.assert_allclose(window, 0.7, rtol=1e-7)
    assert first_failure(lambda eta: eta > 0, np.ones(1)) == np.inf
    assert first_failure(lambda eta: eta < 0, np.ones(1)) == 0


def test_cycles_are_bounded_and_slow_ones_converge():
    """Depth 1 with eta lambda = 2 swaps for ever; just below, it converges slowly."""
    orbits = orbits_of(np.ones(4), 1.0, 1, "fa", 0.0, 1.0)
    steps = np.array([2.0, 1.9999, 2.001, 1e-4])
    found = follow(Orbits(orbits.chain, orbits.start, orbits.feedback, *[np.ones(4)] * 2, steps), 2000)
    assert [OUTCOMES[code] for code in found.outcome] == ["bounded", "slow", "bounded", "slow"]


def test_diagram_agrees_with_step_sizes(tmp_path):
    found = step_diagram(x="correlation", x_range=(0.5, 4), step_range=(0.01, 1.0), points=60)
    own = step_sizes(found.x_values[::20])
    spacing = found.step_size[1] - found.step_size[0]
    for name in ("monotone", "convergent"):
        below = getattr(own, name) - getattr(found, name)[::20]
        known = getattr(found, name)[::20] < found.step_size[-1]  # the axis ends below some limits
        assert known.any()
        assert ((below >= 0) & (below <= spacing * 1.001))[known].all()
    np.testing.assert_allclose(found.linear[::20], own.linear, rtol=1e-12)
    assert sum(found.shares.values()) == pytest.approx(1)
    data = found.to_dataset()
    data.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    axes = found.plot()
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "diverges" in words
    assert any("linear theory" in word for word in words)
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("curvature", 0.0),
        ("curvature", [-1.0]),
        ("correlation", []),
        ("correlation", [np.nan]),
        ("correlation", "big"),
        ("start", np.zeros((3, 1))),
        ("feedback", np.inf),
        ("rule", "fb"),
        ("depth", 0),
        ("n_steps", 10),
        ("n_steps", 1e3),
    ],
)
def test_bad_input(name, value):
    with pytest.raises(fa.InputError, match=f"^{name}: "):
        step_sizes(**({"correlation": [1.0]} | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "theta_3"),
        ("x_range", (1.0, 1.0)),
        ("x_range", "all"),
        ("step_range", (0.0, 1.0)),
        ("step_range", (1.0,)),
        ("points", 1),
        ("level", 1.0),
        ("n_steps", 3),
        ("correlation", [1.0, 2.0]),
    ],
)
def test_bad_input_of_diagrams(name, value):
    with pytest.raises(fa.InputError, match=f"^{name}: "):
        step_diagram(**{name: value})
