"""Bifurcation diagrams and potential landscapes: what is drawn is what is there."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fa_dynamics.errors import InputError
from fa_dynamics.modes import solve_modes
from fa_dynamics.modes.equilibria import equilibria
from fa_dynamics.modes.leaf import leaf_start
from fa_dynamics.plots.bifurcation import plot_bifurcation
from fa_dynamics.plots.branches import Family
from fa_dynamics.plots.landscape import plot_landscape


def curves(axes, style=None):
    """Lines with many points, in data coordinates."""
    lines = [line for line in axes.lines if len(line.get_xdata()) > 20 and line.get_linestyle() != "None"]
    return [
        (line.get_xdata(), line.get_ydata(), line.get_linestyle())
        for line in lines
        if style in (None, line.get_linestyle())
    ]


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_branches_of_two_layers_lie_on_the_cubic():
    sigma, curvature, b = 1.5, 0.5, 2.0
    axes = plot_bifurcation([sigma], curvature, 2, [-3.0, 1.0], b, k=(-10, 20))
    drawn = curves(axes)
    assert len(drawn) == 4
    for k, x, style in drawn:
        np.testing.assert_allclose(k, x**2 - 2 * b * sigma / (curvature * x), rtol=1e-9, atol=1e-9)
        slope = (3 * x**2 - k) / 2
        inside = slice(1, -1)
        assert ((slope[inside] > 0) == (style == "-")).all()
    # the folds join a solid and a dashed line
    fold = 3 * (b * sigma / curvature) ** (2 / 3)
    ends = [(k[0], x[0]) for k, x, _ in drawn if abs(k[0] - fold) < 1e-6]
    np.testing.assert_allclose(ends, [(fold, -np.sqrt(fold / 3))] * 2 + [(fold, 2 * np.sqrt(fold / 3))], atol=1e-4)
    assert [text.get_text() for text in axes.texts] == [f"$k = {fold:.4g}$"]
    vertical = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert vertical[0].get_xdata() == [9 - 2 * b, 9 - 2 * b]
    assert axes.get_xlim() == (-10, 20)
    assert "k_1" in axes.get_xlabel()
    assert "dimensionless" in axes.get_xlabel()
    assert "theta_1" in axes.get_ylabel()
    assert names(axes) == ["stable", "unstable", "start", "comes to rest", "fold"]


@pytest.mark.parametrize("layer", [1, 2])
def test_branches_of_three_layers_are_equilibria(layer):
    start = np.array([-2.0, 0.3, 2.0])
    axes = plot_bifurcation([1.0], 1.0, 3, start, 1.0, layer=layer)
    own = start[:-1] ** 2 - 2 * start[1:]
    drawn = curves(axes)
    assert len(drawn) >= 4
    for k, x, style in drawn:
        constants = np.repeat(own[:, None], len(k), axis=1)
        constants[layer - 1] = k
        second = (x**2 - constants[0]) / 2
        third = (second**2 - constants[1]) / 2
        np.testing.assert_allclose(x * second * third, 1.0, rtol=1e-6)
        slope = second * third + x**2 * third + (x * second) ** 2
        assert ((slope[3:-3] > 0) == (style == "-")).all()
    assert f"k_{layer}" in axes.get_xlabel()


def test_folds_are_where_the_count_changes():
    found = equilibria([0.01], 1.0, 4, [0, -1, 1, 1], 0.25)
    own = np.full(3, 0.5)
    branches, folds = Family(found, 0, 1, own, np.full(3, 0.25)).branches(-0.25, 0.75)
    assert len(folds) == 5
    for fold in folds:
        k = np.repeat(own[:, None], 2, axis=1)
        k[1] = fold.k - fold.opens * 1e-7, fold.k + fold.opens * 1e-7
        around = equilibria([0.01, 0.01], 1.0, 4, leaf_start(k, 0.25), 0.25)
        assert around.count[1] - around.count[0] == 2
        gap = np.abs(around.weights[0, :, 1] - fold.first_weight)
        assert (np.sort(gap)[:2] < 1e-3).all()
    assert sum(branch.stable for branch in branches) > sum(not branch.stable for branch in branches)


def test_folds_that_lie_close_together_are_found():
    """Two of the five lie between neighbours of 201 values of k from -60 to 60, which both count three equilibria."""
    b, start = np.array([0.986, 0.308, 1.227]), np.array([-0.878, -0.709, 0.88, -0.995])
    own = start[:-1] ** 2 - 2 * b * start[1:]
    family = Family(equilibria([1.0], 1.0, 4, start, b), 0, 1, own, b)
    folds = sorted(fold.k for fold in family.branches(-60, 60)[1])
    near = sorted(fold.k for fold in family.branches(-1, 2)[1])  # 40 times as fine
    assert len(near) == 5
    np.testing.assert_allclose(folds, near, atol=1e-9)
    assert 0 < folds[1] - folds[0] < 120 / 200
    around = family.at(np.array([-0.6, folds[0] - 1e-6, 0.5 * (folds[0] + folds[1]), folds[1] + 1e-6, 0.0])).count
    assert around.tolist() == [3, 3, 1, 3, 3]


def test_grid_without_a_target_or_folds():
    """No correlation, and no fold: the equally spaced values alone."""
    for sigma, k in ((0.0, (-3, 3)), (1.0, (-3, 1))):
        family = Family(equilibria([sigma]), 0, 0, np.zeros(1), np.ones(1))
        np.testing.assert_array_equal(family.grid(*k), np.linspace(*k, 201))


def test_pitchfork_and_several_modes(tmp_path):
    axes = plot_bifurcation([0.0])
    assert [text.get_text() for text in axes.texts] == ["$k = 0$"]
    assert len(curves(axes)) == 4
    axes = plot_bifurcation([4.0, 1.0], start=[-4.0, 0.0])
    assert names(axes)[:2] == ["mode 1, fold at $k = $7.56", "mode 2, fold at $k = $3"]
    assert not axes.texts  # labels on the branches would lie over each other
    axes.figure.savefig(tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 5000
    _, given = plt.subplots()
    assert plot_bifurcation([1.0], ax=given) is given
    assert "fold" not in names(plot_bifurcation([1.0], k=(-3, 1)))


def test_landscape_is_the_potential_and_the_way_goes_down():
    axes = plot_landscape([4.0], 2.0, 2, [-2.0, 0.3], 0.5)
    x, v = curves(axes)[0][:2]
    # theta_1 = -2 + tau / 2, theta_2 = 0.3 + (theta_1^2 - 4) / (2 b), V = lambda theta_2^2 / 2 - sigma tau
    theta = 0.3 + (x**2 - 4)
    np.testing.assert_allclose(v, theta**2 - 0.3**2 - 4 * 2 * (x + 2), rtol=1e-10, atol=1e-10)
    way = curves(axes)[1][1]
    assert way[0] == 0
    assert (np.diff(way) <= 1e-12).all()
    dots = next(line for line in axes.lines if len(line.get_xdata()) == 41)
    learned = solve_modes([4.0], 2.0, 2, "fa", [-2.0, 0.3], 0.5, t=[0.0]).learning_times(0.99)[0]
    expected = solve_modes([4.0], 2.0, 2, "fa", [-2.0, 0.3], 0.5, t=np.linspace(0, learned, 41)).weights[0, :, 0]
    np.testing.assert_allclose(dots.get_xdata(), expected)
    assert "theta_1" in axes.get_xlabel()
    assert "potential" in axes.get_ylabel()


def test_landscape_marks_equilibria():
    axes = plot_landscape([1.0], start=[-3.0, 0.0])
    found = equilibria([1.0], start=[-3.0, 0.0])
    single = [line for line in axes.lines if len(line.get_xdata()) == 1]
    marked = {float(line.get_xdata()[0]): line for line in single}
    assert set(found.weights[0, :, 0]) <= set(marked)
    assert marked[found.weights[0, 1, 0]].get_marker() == "x"
    sizes = [marked[x].get_markersize() for x in found.weights[0, :, 0]]
    assert sizes[0] > sizes[1] == sizes[2]
    assert names(axes) == ["start", "equal time steps", "comes to rest", "stable", "unstable"]
    low, high = axes.get_ylim()
    assert all(low < line.get_ydata()[0] < high for line in single)


@pytest.mark.parametrize(
    ("sigma", "depth", "start"),
    [([4, 1], 2, 0.0), ([4, 1], 2, [0, -5]), ([4, 1], 2, [-2.726, 0]), ([4, 1], 3, [-2, 0, 2]), ([1.0], 1, 0.0),
     ([0.0], 2, 0.0), ([0.0], 2, [1.0, 1.0]), ([3.0], 2, [-1, -3]), ([1.0], 2, [-1, -1]),
     (np.linspace(1, 2, 20), 2, 0.1)],
)  # fmt: skip
def test_landscapes_draw(sigma, depth, start, tmp_path):
    axes = plot_landscape(sigma, 1.0, depth, start)
    axes.figure.savefig(tmp_path / "one.png")
    assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    if len(sigma) == 20:
        assert sum(name.startswith("mode") for name in names(axes)) == 7


def test_landscape_over_the_first_weight_that_moves():
    """b_2 = 0 freezes theta_1 = 1/2; theta_2 = 1 + tau / 2."""
    axes = plot_landscape([1.0], 1.0, 3, [0.5, 1, 1], [0, 1.0], t=[0.0, 0.5, 1.0])
    assert "theta_2" in axes.get_xlabel()
    x, v = curves(axes)[0][:2]
    tau = 2 * (x - 1)
    np.testing.assert_allclose(v, ((1 + tau / 2 + tau**2 / 8) ** 2 - 1) / 2 - tau, rtol=1e-10, atol=1e-10)
    _, given = plt.subplots()
    assert plot_landscape([1.0], rule="dfa", ax=given) is given


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (plot_landscape, {"feedback": 0.0}, "start: the strength of mode 1 never moves"),
        (plot_landscape, {"correlation": [1, 1], "start": 1.0, "feedback": [[0.0, 1.0]]}, "feedback: the first weight"),
        (plot_landscape, {"t": [1.0, 0.0]}, "t: expected increasing"),
        (plot_landscape, {"rule": "bp"}, "rule: 'bp'"),
        (plot_bifurcation, {"depth": 1}, "depth: 1 given"),
        (plot_bifurcation, {"feedback": 0.0}, "feedback: 0 given"),
        (plot_bifurcation, {"layer": 2}, "layer: 2 given, expected a whole number from 1 to 1"),
        (plot_bifurcation, {"layer": 0}, "layer: 0 given"),
        (plot_bifurcation, {"k": (2, 1)}, "k: "),
        (plot_bifurcation, {"k": 3.0}, "k: "),
        (plot_bifurcation, {"k": (0, np.inf)}, "k: "),
        (plot_bifurcation, {"curvature": 0.0}, "curvature"),
    ],
)
def test_bad_use(function, arguments, words):
    with pytest.raises(InputError, match=words):
        function(**{"correlation": [1.0]} | arguments)
    assert plt.get_fignums() == []
