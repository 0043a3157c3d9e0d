"""Every figure: what it takes, what it returns, what is drawn and how it is named."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import fa_dynamics as fa
from fa_dynamics import plots
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.plots.style import layer_styles, rank_colours, spread

SPECTRUM = [2.0, 1.0, 0.5]
UNITS = ("dimensionless", "learning rate", "curvature", "output")


def simulated(task, hidden=(4, 4), rule="fa", t_end=6.0, **options):
    return fa.simulate(task, hidden, rule, fa.starts.Gaussian(0.2), t_end=t_end, rtol=1e-7, atol=1e-9, **options)


@pytest.fixture(scope="module")
def run():
    return simulated(fa.Task.from_spectrum(SPECTRUM))


@pytest.fixture(scope="module")
def backprop():
    return simulated(fa.Task.from_spectrum(SPECTRUM), rule="bp")


@pytest.fixture(scope="module")
def single():
    """One mode, one layer."""
    return simulated(fa.Task.from_spectrum([2.0]), hidden=())


@pytest.fixture(scope="module")
def pictures():
    """A task whose modes are images."""
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((40, 6)) @ np.diag([3, 2, 1.5, 1, 0.8, 0.5])
    task = fa.Task.from_arrays(pixels, pixels, centre=True, whiten=True, unit_variance=True, image_shape=(2, 3))
    return simulated(task, hidden=(6,))


@pytest.fixture(scope="module")
def theory(run):
    return run.t, run.mode_strength * 1.01


DRAW = {
    "modes": plots.plot_modes,
    "loss": plots.plot_loss,
    "alignment": plots.plot_alignment,
    "singular values": plots.plot_singular_values,
    "learning times": lambda run, **options: plots.plot_learning_times(
        run.learning_times(), run.task.modes.target, **options
    ),
}


@pytest.fixture(params=DRAW)
def draw(request):
    return DRAW[request.param]


def texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def dashed(line):
    return line.get_linestyle() not in ("-", "None") or line.is_dashed()


def level_lines(axes):
    """Horizontal lines across the whole width."""
    return [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]


def curves(axes):
    return [line for line in axes.lines if list(line.get_xdata()) != [0, 1]]


def test_new_axes_by_default(draw, run):
    axes = draw(run)
    assert isinstance(axes, Axes)
    assert axes.figure.number in plt.get_fignums()


def test_given_axes_are_used_and_returned(draw, run):
    figure = Figure()
    given = figure.add_subplot()
    assert draw(run, ax=given) is given
    assert given.lines
    assert not plt.get_fignums()


def test_both_axes_are_named_with_units(draw, run):
    axes = draw(run)
    for label in (axes.get_xlabel(), axes.get_ylabel()):
        assert any(f"({text}" in label or f"/ {text}" in label for text in UNITS), label


def test_a_single_mode_and_a_single_layer_are_drawn_without_warnings(draw, single):
    draw(single).figure.canvas.draw()


def test_methods_of_a_run_draw_the_same(run):
    for method, function in (
        (run.plot_modes, plots.plot_modes),
        (run.plot_loss, plots.plot_loss),
        (run.plot_alignment, plots.plot_alignment),
        (run.plot_singular_values, plots.plot_singular_values),
    ):
        pairs = zip(method().lines, function(run).lines, strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())


def test_one_curve_and_one_target_line_per_mode(run):
    axes = plots.plot_modes(run)
    assert texts(axes) == ["mode 1", "mode 2", "mode 3"]
    assert [line.get_ydata()[0] for line in level_lines(axes)] == SPECTRUM
    for mode, (curve, target) in enumerate(zip(curves(axes), level_lines(axes), strict=True)):
        assert curve.get_color() == target.get_color()
        assert target.get_linewidth() < curve.get_linewidth()
        t, strength = curve.get_data()
        np.testing.assert_allclose(np.interp(run.t, t, strength), run.mode_strength[:, mode], atol=0.02)
        assert (t[0], t[-1]) == (0.0, run.t[-1])


def test_modes_can_be_chosen_and_their_legend_left_out(run):
    axes = plots.plot_modes(run, modes=[3, 1], legend=False)
    assert [line.get_ydata()[0] for line in level_lines(axes)] == [SPECTRUM[2], SPECTRUM[0]]
    assert axes.get_legend() is None


def test_relative_curves_have_one_target(run):
    axes = plots.plot_modes(run, relative=True)
    assert "dimensionless" in axes.get_ylabel()
    assert [line.get_ydata()[0] for line in level_lines(axes)] == [1.0, 1.0, 1.0]
    assert [curve.get_ydata()[-1] for curve in curves(axes)] == pytest.approx([1, 1, 1], abs=0.05)


def test_relative_curves_of_a_mode_without_target_stay_finite():
    axes = plots.plot_modes(simulated(fa.Task.from_spectrum([1.0, 0.0]), t_end=2.0), relative=True)
    assert all(np.isfinite(line.get_ydata()).all() for line in axes.lines)


def test_theory_is_dashed_and_on_top(run, theory):
    axes = plots.plot_modes(run, theory=theory)
    drawn = curves(axes)
    assert len(drawn) == 6
    for mode, (simulation, prediction) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
        assert not dashed(simulation)
        assert dashed(prediction)
        assert prediction.get_color() != simulation.get_color()
        assert prediction.get_linewidth() < simulation.get_linewidth()
        np.testing.assert_array_equal(prediction.get_ydata(), theory[1][:, mode])


@pytest.mark.parametrize("modes", [[0], [4], [-1], [1, 99], ["1"], [1.5], [None], 2])
def test_modes_out_of_range_are_refused(run, modes):
    with pytest.raises(InputError, match="modes"):
        plots.plot_modes(run, modes=modes)
    with pytest.raises(InputError, match="modes"):
        plots.plot_panels([run], ["run"], modes=modes)


def test_a_refused_mode_leaves_no_figure_open(run):
    with pytest.raises(InputError):
        plots.plot_modes(run, modes=[99])
    assert not plt.get_fignums()


@pytest.mark.parametrize("count", range(1, 9))
def test_up_to_eight_modes_are_all_shown(count):
    assert spread(count) == list(range(1, count + 1))


@pytest.mark.parametrize("count", [9, 15, 61, 1000])
def test_of_many_modes_about_eight_are_shown_from_the_first_to_the_last(count):
    chosen = spread(count)
    assert chosen[0] == 1
    assert chosen[-1] == count
    assert 7 <= len(chosen) <= 8
    assert chosen == sorted(set(chosen))


def test_loss_is_logarithmic_and_above_the_best(run):
    axes = plots.plot_loss(run)
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(axes.lines[0].get_ydata()[0], run.loss[0] - run.task.best_loss)
    assert axes.get_ylabel() != plots.plot_loss(run, excess=False).get_ylabel()


def test_alignment_shows_both_kinds_and_keeps_within_one(run):
    axes = plots.plot_alignment(run)
    assert texts(axes) == [
        "update, layer 1",
        "update, layer 2",
        "weights, layer 2",
        "update, layer 3",
        "weights, layer 3",
    ]
    low, high = axes.get_ylim()
    assert low <= -1
    assert high >= 1


def test_alignment_without_a_stand_in_leaves_it_out():
    axes = plots.plot_alignment(simulated(fa.Task.from_spectrum(SPECTRUM), rule="dfa"))
    assert "weights, layer 2" not in texts(axes)
    assert "weights, layer 3" in texts(axes)


def test_update_alignment_is_not_drawn_where_it_is_solver_error():
    """At the end of this run both updates are error of the solver, so that their angle means nothing."""
    task = fa.Task.from_spectrum([4, 2, 1, 0.5])
    run = fa.simulate(task, (6, 6), "fa", fa.starts.Gaussian(0.1), t_end=20.0)
    axes = plots.plot_alignment(run)
    first = next(line for line in axes.lines if line.get_label() == "update, layer 1")
    t, cosine = first.get_data()
    late = cosine[t > 8]
    assert np.abs(np.diff(late[np.isfinite(late)])).max(initial=0.0) < 0.05


def test_singular_values_of_every_layer(run):
    axes = plots.plot_singular_values(run, count=2)
    assert texts(axes) == ["layer 1", "layer 2", "layer 3"]
    assert len(axes.lines) == 6
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), run.singular_values(1)[:, 0])
    assert len({line.get_linestyle() for line in axes.lines}) == 3


@pytest.mark.parametrize("count", [0, -1])
def test_no_singular_values_are_refused(run, count):
    with pytest.raises(InputError, match="count"):
        plots.plot_singular_values(run, count=count)


def test_learning_times_leave_out_what_is_never_learned():
    axes = plots.plot_learning_times(np.array([1.0, 2.0, np.inf, 3.0]), np.array([4.0, -2.0, 1.0, 0.0]))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[4.0, 1.0], [2.0, 2.0]])


def test_learning_times_that_are_all_infinite_draw_empty_axes():
    plots.plot_learning_times(np.array([np.inf]), np.array([1.0])).figure.canvas.draw()


def overlap(labels):
    boxes = [label.get_window_extent() for label in labels if label.get_text() and label.get_visible()]
    return any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_tick_labels_of_learning_times_do_not_overlap():
    target = np.geomspace(0.0137, 0.386, 40)
    axes = plots.plot_learning_times(target ** (-2 / 3), target)
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
    assert not overlap([tick.label1 for tick in ticks if low <= tick.get_loc() <= high])


def covered(axes, box):
    """Whether a curve of some axes passes through a box of the canvas."""
    for line in curves(axes):
        points = axes.transData.transform(np.column_stack([np.asarray(v, dtype=float) for v in line.get_data()]))
        points = points[np.isfinite(points).all(axis=1)]
        fine = np.concatenate([np.linspace(a, b, 20) for a, b in itertools.pairwise(points)])
        if (
            (fine[:, 0] > box.x0) & (fine[:, 0] < box.x1) & (fine[:, 1] > box.y0) & (fine[:, 1] < box.y1)
        ).any():  # fmt: skip
            return True
    return False


@pytest.mark.parametrize("name", ["modes", "alignment", "singular values"])
def test_legends_do_not_cover_curves(name):
    run = simulated(fa.Task.from_spectrum([4, 2, 1, 0.5]), hidden=(6, 6, 6), t_end=15.0)
    axes = DRAW[name](run)
    axes.figure.canvas.draw()
    assert not covered(axes, axes.get_legend().get_window_extent())


def test_panels_stand_side_by_side_on_one_scale(run, backprop):
    figure = plots.plot_panels([run, backprop], ["one", "two"], notes=["a", "b"])
    assert isinstance(figure, Figure)
    left, right = figure.axes
    assert [axes.get_title("left") for axes in (left, right)] == ["one\na", "two\nb"]
    assert left.get_ylim() == right.get_ylim()
    assert "output per input" in left.get_ylabel()
    for axes in (left, right):
        assert "learning rate" in axes.get_xlabel()
        assert len(curves(axes)) == 3
    assert texts(right) == ["mode 1", "mode 2", "mode 3"]
    assert not plt.get_fignums()


def test_panels_with_images_have_them_as_legend(pictures):
    figure = plots.plot_panels([pictures, pictures], ["one", "two"], modes=[1, 2, 5])
    left, right, *strip = figure.axes
    assert left.get_legend() is None
    assert right.get_legend() is None
    assert [axes.get_xlabel().split("\n")[0] for axes in strip] == ["mode 1", "mode 2", "mode 5"]
    for axes, curve in zip(strip, curves(left), strict=True):
        assert to_rgb(axes.spines["top"].get_edgecolor()) == to_rgb(curve.get_color())
        np.testing.assert_array_equal(np.shape(axes.images[0].get_array()), (2, 3))


def test_panels_on_a_logarithmic_time_axis(run, backprop):
    figure = plots.plot_panels([run, backprop], ["one", "two"], relative=True, log_time=True)
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert axes.get_xlim()[1] == run.t[-1]
        assert "learning rate" in axes.get_xlabel()
    assert "dimensionless" in figure.axes[0].get_ylabel()


def test_panels_with_theory_name_both_kinds_of_lines(run, backprop, theory):
    figure = plots.plot_panels([run, backprop], ["one", "two"], theory=[theory, None])
    left, right = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["full matrix flow", "derived mode equations"]
    assert len(curves(left)) == 6
    assert len(curves(right)) == 3
    assert len([line for line in curves(left) if dashed(line)]) == 3


@pytest.mark.parametrize("which", ["single panel", "theory of the second only"])
def test_panels_with_theory_name_modes_and_theory_whatever_their_number(run, backprop, theory, which):
    if which == "single panel":
        figure = plots.plot_panels([run], ["one"], theory=[theory])
    else:
        figure = plots.plot_panels([run, backprop], ["one", "two"], theory=[None, theory])
    found = [
        text.get_text()
        for axes in figure.axes
        for legend in axes.findobj(mpl.legend.Legend)
        for text in legend.get_texts()
    ] + [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "mode 3" in found
    assert any("derived" in text for text in found)


@pytest.mark.parametrize("log_time", [False, True])
def test_panels_of_a_run_that_was_stopped_at_once(log_time):
    """Such a run has one output time, 0, which has no place on a logarithmic axis."""

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.warns(IntegrationWarning, match="interrupted"):
        run = fa.simulate(fa.Task.from_spectrum([1.0]), 1, t_end=1e3, progress=stop)
    assert len(run.t) == 1
    plots.plot_panels([run], ["stopped"], log_time=log_time).canvas.draw()


@pytest.mark.parametrize(("runs", "titles"), [(0, []), (1, []), (1, ["a", "b"])])
def test_panels_need_a_run_and_a_title_each(run, runs, titles):
    with pytest.raises(InputError):
        plots.plot_panels([run] * runs, titles)


def lightness(colour):
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 116 * luminance ** (1 / 3) - 16


@pytest.mark.parametrize("count", [2, 4, 8])
def test_colours_stay_apart_in_grey_and_on_white(count):
    grey = [lightness(colour) for colour in rank_colours(count)]
    assert np.diff(grey).min() > 5
    assert grey[-1] < 90


def test_layers_differ_in_more_than_colour():
    styles = layer_styles(6)
    assert len({style["linestyle"] for style in styles[:4]}) == 4
    assert len({(style["linestyle"], tuple(style["color"])) for style in styles}) == 6
