"""Mode-learning curves of solved chains, side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.plots.curves import plot_curve_panels

SPECTRUM = [4.0, 2.0, -1.0]
T = np.linspace(0, 4, 41)


def solved(rule, sigma=SPECTRUM, **options):
    return fa.solve_modes(sigma, 1.0, 2, rule, t=T, **{"start": 0.1} | options)


def test_what_is_drawn():
    curves = [solved("fa"), solved("bp")]
    figure = plot_curve_panels(curves, ["feedback alignment", "backpropagation"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["feedback alignment", "backpropagation"]
    for axes, one in zip(figure.axes, curves, strict=True):
        drawn = {line.get_label(): line for line in axes.lines if line.get_label().startswith("mode")}
        assert list(drawn) == ["mode 1", "mode 2", "mode 3"]
        for mode, line in enumerate(drawn.values()):
            np.testing.assert_array_equal(line.get_xdata(), T)
            np.testing.assert_array_equal(line.get_ydata(), one.strength[:, mode])
        levels = [line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 2]
        assert set(SPECTRUM) <= set(levels)
        assert axes.get_xlim() == (0, 4)
        assert "time" in axes.get_xlabel().lower()
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    assert "mode strength" in left.get_ylabel()
    assert right.get_ylabel() == ""
    assert left.get_legend() is None
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["mode 1", "mode 2", "mode 3"]


def test_one_panel_and_no_window():
    figure = plot_curve_panels([solved("fa")], ["fa"])
    assert len(figure.axes) == 1
    assert figure.axes[0].get_legend() is not None
    assert plt.get_fignums() == []


def test_many_modes_are_thinned_out(tmp_path):
    figure = plot_curve_panels([solved("fa", np.linspace(1, 5, 200))], ["fa"])
    assert len(figure.axes[0].lines) < 60
    figure.savefig(tmp_path / "many.png")
    assert (tmp_path / "many.png").stat().st_size > 5000


def test_mode_without_target(tmp_path):
    """Curvature 0: no target line is visible, and nothing warns."""
    curves = fa.solve_modes([1.0, 1.0], [1.0, 0.0], t=T)
    plot_curve_panels([curves], ["fa"]).savefig(tmp_path / "one.png")


def test_titles_must_match():
    with pytest.raises(ValueError, match="zip"):
        plot_curve_panels([solved("fa")], ["fa", "bp"])
