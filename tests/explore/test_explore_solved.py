"""What the page shows, against the recorded table, hand formulas and the code it offers to copy."""

import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.explore.presets import presets
from fa_dynamics.explore.snippet import snippet
from fa_dynamics.explore.solved import Landscape, backpropagation_start, solve
from fa_dynamics.explore.state import RULES, State
from fa_dynamics.modes.named_starts import rows


@pytest.mark.parametrize("name", list(presets()))
def test_presets_learn_as_recorded(name):
    solved, row = solve(presets()[name]), rows()[name]
    digits = [len(time.partition(".")[2]) for time in row.times]
    for time, text, places in zip(solved.chosen.times, row.times, digits, strict=True):
        assert time == pytest.approx(float(text), abs=0.51 * 10**-places)
    assert solved.chosen.order.verdict == row.verdict
    assert solved.chosen.curves.t[-1] >= solved.chosen.times.max()
    prediction = solved.chosen.prediction
    assert prediction is None or prediction.verdict == row.verdict


def test_balanced_backpropagation_by_the_logistic_law():
    """Two layers: T = ln((1/c - 1) level / (1 - level)) / (2 sigma) from p(0) = c sigma, c = 1e-3 (classical)."""
    state = State(spectrum=(3.0, 1.0, -0.5))
    expected = np.log(999 * 99) / (2 * np.abs(state.spectrum))
    np.testing.assert_allclose(solve(state).backpropagation.times, expected, rtol=1e-9)
    for depth in (1, 2, 3, 4):
        deep = State(spectrum=state.spectrum, start=(0.0,) * depth, feedback=(1.0,) * (depth - 1))
        theta = backpropagation_start(deep)
        np.testing.assert_allclose(theta.prod(axis=0), 1e-3 * np.array(state.spectrum), rtol=1e-14)
        np.testing.assert_allclose(np.abs(theta), np.abs(theta[:1]).repeat(depth, axis=0))


def test_balanced_backpropagation_is_not_moved_by_the_start():
    one, other = solve(State(start=(1.0, 0.0))), solve(State(start=(-2.0, 3.0)))
    assert one.backpropagation is other.backpropagation
    same = solve(State(start=(1.0, 0.0), same=True)).backpropagation
    np.testing.assert_array_equal(same.curves.start[0], 1.0)


def test_same_start_backpropagation_beside_itself():
    solved = solve(State(rule="bp", start=(1.0, 0.5), same=True))
    np.testing.assert_array_equal(solved.chosen.times, solved.backpropagation.times)


@pytest.mark.parametrize("rule", ["sign", "kp"])
def test_integrated_rules(rule):
    """The page's tolerances leave at least five digits of what the strict ones give."""
    state = State(rule=rule, start=(-1.0, 0.7, 0.3), feedback=(1.0, 0.8))
    solved = solve(state).chosen
    assert solved.curves.method == "integrated"
    feedback = np.array(state.feedback)[:, None]
    strict = fa.solve_modes(state.spectrum, 1.0, 3, rule, state.table, feedback, t=solved.curves.t)
    assert np.abs(strict.strength - solved.curves.strength).max() < 1e-5
    np.testing.assert_allclose(solved.times, strict.learning_times(0.99), rtol=1e-5)


@given(
    st.sampled_from(["fa", "dfa"]),
    st.lists(st.integers(-300, 300).map(lambda n: n / 100), min_size=1, max_size=4),
    st.lists(st.integers(-40, 40).map(lambda n: n / 20), min_size=3, max_size=3),
)
@settings(deadline=None, max_examples=20)
def test_modes_roll_downhill(rule, start, feedback):
    """dV/dt = -(dtau/dt)^2 <= 0 along every path, and slopes vanish at the equilibria."""
    state = State(rule, (2.0, 0.7, -1.0), tuple(start), tuple(feedback[: len(start) - 1]))
    landscape = solve(state).landscape
    if isinstance(landscape, str):
        assert "never moves" in landscape or "hardly moves" in landscape
        return
    size = 1 + np.nanmax(np.abs(landscape.path_height))
    assert (np.diff(landscape.path_height, axis=0) <= 1e-9 * size).all()
    assert np.abs(landscape.path_height[0]).max() <= 1e-12 * size


def test_potential_by_hand():
    """Two layers, b = 1, start (a, 0): theta_2 = (x^2 - a^2) / 2, so that V = (x^2 - a^2)^2 / 8 - sigma (x - a)."""
    state = State(spectrum=(2.0, 0.5), start=(1.5, 0.0))
    landscape = solve(state).landscape
    assert isinstance(landscape, Landscape)
    x = landscape.x[:, None]
    expected = (x**2 - 1.5**2) ** 2 / 8 - np.array(state.spectrum) * (x - 1.5)
    np.testing.assert_allclose(landscape.height, expected, atol=1e-12)
    roots = [np.sort(np.roots([0.5, 0, -(1.5**2) / 2, -sigma]).real[[0]]) for sigma in state.spectrum]
    assert all(np.isclose(landscape.rest[:, k], roots[k]).any() for k in range(2))


@pytest.mark.parametrize("rule", ["bp", "kp", "sign"])
def test_rules_without_a_line_have_no_potential(rule):
    assert "no line of its own" in solve(State(rule=rule, start=(1.0, 0.5))).landscape


def test_a_weight_that_hardly_moves():
    assert "theta_1 hardly moves" in solve(State(start=(1.0, 0.0), feedback=(1e-244,))).landscape


def test_nothing_moves():
    solved = solve(State(start=(0.0, 0.0), feedback=(0.0,), same=True))
    assert "never moves" in solved.landscape
    for learned in (solved.chosen, solved.backpropagation):
        assert np.isinf(learned.times).all()
        assert learned.order.verdict is None
    assert solve(State(spectrum=(0.0,))).chosen.curves.t[-1] > 0


@pytest.mark.parametrize(
    "state",
    [
        *(presets()[name] for name in ("A", "D'", "G", "H")),
        State("kp", (2.0, -1.0), (0.5, -1.0, 0.2), (1.0, 0.5), 0.9, same=True),
        State("dfa", (2.0,), (0.5,), ()),
    ],
    ids=lambda state: state.query()[:40],
)
def test_the_snippet_gives_the_page_again(state, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mpl, "use", lambda *_: None)
    solved = solve(state)
    names = {}
    with mpl.rc_context({"backend": "agg", "figure.max_open_warning": 0}):
        exec(compile(snippet(solved), "snippet", "exec"), names)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
    for learned, again in ((solved.chosen, names["chosen"]), (solved.backpropagation, names["backpropagation"])):
        np.testing.assert_allclose(again.learning_times(state.level), learned.times, rtol=1e-5)
        assert again.order(state.level).verdict == learned.order.verdict
        assert again.t[-1] == learned.curves.t[-1]
    wanted = {"modes.png"} | ({"landscape.png"} if isinstance(solved.landscape, Landscape) else set())
    assert {path.name for path in tmp_path.iterdir()} == wanted
    assert str(solved.chosen.order) in capsys.readouterr().out


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_rule_and_depth(rule, depth):
    state = State(rule, (3.0, 1.0), (0.4, -0.8, 1.1, 0.3)[:depth], (1.0, 0.7, -0.5)[: depth - 1])
    solved = solve(replace(state, level=0.8))
    assert np.isfinite(solved.chosen.curves.strength).all()
    assert solved.chosen.curves.rule.name == rule
