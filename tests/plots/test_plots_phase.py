"""Phase diagrams drawn: colours, folds, theorems, legend."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from fa_dynamics.modes.phase import phase_diagram
from fa_dynamics.plots.phase import plot_phase_diagram

TABLE = [4.0, 2.0, 1.0, 0.5, 0.25]


@pytest.fixture(scope="module")
def diagram():
    return phase_diagram(TABLE, points=40)


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []


def lines_of(axes, colour):
    """Vertices of contour lines of one colour, (n, 2)."""
    found = [
        path.vertices
        for contour in axes.collections
        if hasattr(contour, "get_paths") and len(contour.get_edgecolor())
        for path in contour.get_paths()
        if to_hex(contour.get_edgecolor()[0]) == colour and len(path.vertices)
    ]
    return np.concatenate(found)


def test_what_is_drawn(diagram):
    axes = plot_phase_diagram(diagram)
    mesh = axes.collections[0]
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan).reshape(40, 40), diagram.rank_correlation)
    assert mesh.get_clim() == (-1, 1)
    assert axes.get_xlabel() == r"start $\theta_{1}(0)$ (dimensionless)"
    assert axes.get_ylabel() == r"start $\theta_{2}(0)$ (dimensionless)"
    assert axes.get_xlim() == axes.get_ylim() == (-4, 4)
    bar = axes.figure.axes[1]
    assert "rank correlation" in bar.get_ylabel()
    assert "(dimensionless)" in bar.get_ylabel()
    words = legend_of(axes)
    assert [f"fold, s = {s:g}" for s in TABLE] == words[-5:]
    assert "principal first by theorem" in words


def test_folds_are_where_the_formula_says(diagram):
    """theta_1^2 - 2 theta_2 = 3 s^(2/3)."""
    axes = plot_phase_diagram(diagram)
    handles = {
        text.get_text(): line
        for text, line in zip(axes.get_legend().get_texts(), axes.get_legend().legend_handles, strict=True)
    }
    for s in TABLE:
        x, y = lines_of(axes, to_hex(handles[f"fold, s = {s:g}"].get_color())).T
        assert len(x) > 100
        np.testing.assert_allclose(x**2 - 2 * y, 3 * s ** (2 / 3), atol=1e-3)


def test_given_axes_and_method(diagram, tmp_path):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(12, 5))
    assert plot_phase_diagram(diagram, ax=left) is left
    assert diagram.plot(ax=right) is right
    figure.savefig(tmp_path / "two.png")
    assert (tmp_path / "two.png").stat().st_size > 20_000


def test_feedback_on_an_axis_and_simultaneous():
    axes = phase_diagram(TABLE, y="b_2", points=41).plot()
    assert axes.get_ylabel() == "feedback $b_{2}$ (dimensionless)"
    words = legend_of(axes)
    assert "simultaneous, within 1 %" in words
    assert "negligible first by theorem" in words
    assert "undefined: times tie, or none is learned" in words


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 3, "start": [0, 0, 2]},
        {"depth": 3, "rule": "dfa", "y": "c_2"},
        {"depth": 4, "x": "theta_4", "y": "b_2"},
        {"x_range": (0.5, 1), "y_range": (0.1, 0.2)},
        {"y": "b_2", "x_range": (0, 1e-3), "y_range": (-1e-3, 1e-3)},
    ],
)
def test_no_plane_is_too_odd(options, tmp_path):
    axes = phase_diagram([2.0, 0.0, -1.0], points=9, **options).plot()
    axes.figure.savefig(tmp_path / "phase.png")


def test_many_modes_are_thinned_out():
    axes = phase_diagram(np.linspace(0.5, 6, 40), points=9).plot()
    assert sum(words.startswith("fold") for words in legend_of(axes)) <= 8
