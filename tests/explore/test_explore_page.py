"""The picture, the verdict, the equations and the controls as text; the application run without a browser."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from fa_dynamics.explore import svg
from fa_dynamics.explore.equations import equations
from fa_dynamics.explore.picture import picture
from fa_dynamics.explore.presets import presets
from fa_dynamics.explore.solved import solve
from fa_dynamics.explore.state import RULES, State
from fa_dynamics.explore.verdict import times_table, verdicts

controls = pytest.importorskip("fa_dynamics.explore.controls", reason="needs marimo, the extra 'explore'")


def tree(html):
    return ElementTree.fromstring(f"<body>{html}</body>")


def circles(panel):
    return np.array([[float(circle.get(name)) for name in ("cx", "cy", "r")] for circle in panel.iter("circle")])


@pytest.mark.parametrize("name", list(presets()))
def test_pictures_are_well_formed_and_inside(name):
    page = tree(picture(solve(presets()[name]), 0.4))
    panels = list(page.iter("svg"))
    assert len(panels) == 3
    assert len({path.get("id") for path in page.iter("clipPath")}) == 3
    for panel in panels:
        texts = [text.text for text in panel.iter("text")]
        assert sum(("(" in text) for text in texts) == 2, texts  # both axes carry units
        assert all(len(line.get("points")) > 5 for line in panel.iter("polyline"))
        places = circles(panel)
        assert ((places[:, 0] > 0) & (places[:, 0] < svg.WIDTH) & (places[:, 1] > 0)).all()


def test_a_moment_moves_the_dots_along_the_curves():
    """At the end of the zero start every mode is at its target: dots stand on the dashed lines."""
    solved = solve(presets()["A"])
    first = next(tree(picture(solved, 1.0)).iter("svg"))
    moving = circles(first)
    moving = moving[moving[:, 2] == 5.0]
    panel_levels = [
        float(line.get("points").split()[0].split(",")[1])
        for line in first.iter("polyline")
        if line.get("stroke-dasharray")
    ]
    np.testing.assert_allclose(moving[:, 1], panel_levels, atol=0.5)
    start = circles(next(tree(picture(solved, 0.0)).iter("svg")))
    assert np.allclose(start[start[:, 2] == 5.0][:, 0], svg.LEFT)


def test_lines_that_share_an_axis_are_drawn_as_each_alone():
    panel = svg.Panel("p", (0.0, 10.0), (0.0, 1.0))
    x = np.linspace(0, 10, 401)
    y = 1 / (1 + np.exp(-np.array([8.0, 2.0, -1.0]) * (x[:, None] - 2)))
    y[:50, 1] = np.nan
    together = panel.lines(x, y, ["red", "green", "blue"])
    assert together == [
        panel.line(x, column, colour) for column, colour in zip(y.T, ["red", "green", "blue"], strict=True)
    ]
    assert all(10 < line.count(",") < 80 for line in together)
    for short in (0, 1, 2):
        assert panel.line(x[:short], y[:short, 0], "red").count(",") == short


def test_ticks():
    assert svg.ticks(0.0, 4.3).tolist() == [0, 1, 2, 3, 4]
    assert svg.ticks(-3e-5, 7e-5).tolist() == pytest.approx([-2e-5, 0, 2e-5, 4e-5, 6e-5])
    for low, high in ((0, 1e-6), (-1e6, 3e6), (0.3, 0.31), (5, 17)):
        assert 3 <= len(svg.ticks(low, high)) <= 11


def test_numbers_out_of_sight_stay_finite():
    panel = svg.Panel("p", (0.0, 1.0), (0.0, 1.0))
    places = panel.up(np.array([-1e300, 1e300]))
    assert np.abs(places).max() < 1e4
    assert panel.dot(np.nan, 0.0, "red") == panel.dot(0.0, np.inf, "red") == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("A", "principal modes first"), ("D", "negligible modes first"), ("G", "mixed order"), ("H", "order-convexity")],
)
def test_verdicts(name, words):
    solved = solve(presets()[name])
    assert words in "".join(tree(verdicts(solved)).itertext())
    rows = list(tree(times_table(solved)).iter("tr"))
    assert len(rows) == 4
    assert [len(row) for row in rows] == [len(solved.state.spectrum) + 1] * 4


def test_table_says_never_and_not_yet():
    frozen = State(start=(0.0, 0.0), feedback=(0.0,))
    assert "<td>never</td>" in times_table(solve(frozen))
    assert "<td>&gt; " in times_table(solve(replace(frozen, rule="sign")))


@pytest.mark.parametrize("rule", RULES)
def test_equations_are_derived(rule):
    flow, chain, laws = equations(3, rule)
    assert flow.count("&=") >= 4
    assert chain.count("&=") >= 3
    assert "mathrm{const}" in laws
    assert all(part.count("$$") in (0, 2) for part in (flow, chain, laws))
    assert "B_{2} B_{3} E" in equations(3, "fa")[0]
    assert "none" in equations(1, "fa")[2]


@pytest.mark.parametrize("name", list(presets()))
def test_controls_stand_for_the_state_they_are_set_to(name):
    """Bit for bit, although presets lie between the steps of the sliders."""
    base = presets()[name]
    layers, spectrum = controls.layer_sliders(base), controls.spectrum_sliders(base)
    own = controls.spectrum_text(base)
    assert controls.rule_menu(base).value == base.rule
    read = controls.state_of(base, "fa", base.depth, spectrum.value, own.value, layers.value, base.level, base.same)
    assert read == base


def test_controls_of_an_uneven_spectrum_and_a_new_depth():
    base = State(spectrum=(3.0, 1.0, -1.0), start=(7.5, -0.013), feedback=(-3.0,))
    layers, spectrum = controls.layer_sliders(base), controls.spectrum_sliders(base)
    own = controls.spectrum_text(base)
    read = controls.state_of(base, "fa", 4, spectrum.value, own.value, layers.value, 0.9, True)
    expected = State("fa", base.spectrum, (7.5, -0.013, 0.0, 0.0), (-3.0, 1.0, 1.0), 0.9, True)
    assert read == expected
    near = presets()["G"]
    layers = controls.layer_sliders(near)
    away = controls.state_of(near, "fa", 3, controls.spectrum_sliders(near).value, "", layers.value, 0.9, False)
    assert (away.distance, away.start, away.feedback) == (None, (0.0, 0.0, 0.0), (1.0, 1.0))


def test_the_application_runs_from_top_to_bottom():
    from fa_dynamics.explore.app import app

    outputs, names = app.run()
    assert names["solved"].state == presets()["A"]
    shown = " ".join(getattr(output, "text", "") for output in outputs)
    for part in ("<header>", "principal modes first", "<svg", "equations", "fa.solve_modes"):
        assert part in shown
