"""The room: names, options, comparison with recorded numbers, tables, files."""

from __future__ import annotations

import json
from typing import Annotated

import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from fa_dynamics.errors import InputError
from fa_dynamics.reproduce import Allowed, Experiment, Findings, Reproduction, Table, find, names, reproduce
from fa_dynamics.reproduce.early_stopping import _minimum
from fa_dynamics.reproduce.options import RESERVED, options_of, settled
from fa_dynamics.reproduce.recorded import compare, last_place


def everything(
    report,
    *,
    count: int = 3,
    size: Annotated[float, Allowed("a number > 0", lambda value: value > 0)] = 1.5,
    kind: str = "plain",
    widths: tuple[int, ...] = (200, 1600),
    decays: Annotated[tuple[float, ...], Allowed("numbers >= 0", lambda value: value >= 0)] = (0.0, 0.2),
):
    data = xarray.Dataset({"width": ("draw", list(widths))})

    def draw(data):
        figure = Figure()
        figure.subplots().plot(data["width"])
        return figure

    records = [{"size": np.float64(size), "count": np.int64(count), "never": np.inf, "none": np.nan, "yes": np.True_}]
    return Findings(records, (Table("Title", ("a", "b"), (("x", "1"),)),), "it was seen.", data, draw)


TOY = Experiment("toy", "Nobody 1999", "the claim.", "the form.", everything)
OPTIONS = options_of(everything)


def test_every_experiment_is_complete():
    assert "girotti2021-table" in names()
    for name in names():
        experiment = find(name)
        assert experiment.name == name
        assert experiment.claim.endswith(".")
        assert experiment.form.endswith(".")
        assert name.split("-")[0] in experiment.form  # ids of statements
        assert not set(options_of(experiment.run)) & set(RESERVED)
        for option in options_of(experiment.run).values():
            assert settled(name, {option.name: option}, {option.name: option.default}) == {option.name: option.default}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("girotti2021-tabel", "did you mean 'girotti2021-table'"),
        ("table", "girotti2021-table"),
        ("", "known: "),
        ("options", "known: "),
        (3, "known: "),
        (None, "expected an experiment"),
    ],
)
def test_unknown_names_list_the_nearest(name, words):
    with pytest.raises(InputError, match=words) as caught:
        reproduce(name)
    assert str(caught.value).startswith("name: ")
    assert "\n" not in str(caught.value)


def test_unknown_options_are_refused_with_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"^levl: no option of 'girotti2021-table', it takes level, epsilon; did you"):
        reproduce("girotti2021-table", levl=0.5, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match=r"^levl: no option of 'toy', it takes no options$"):
        settled("toy", {}, {"levl": 1})


@pytest.mark.parametrize("level", [0, 1, -0.5, np.nan, np.inf, "half", None, True, [0.5], 1j])
def test_bad_levels_are_refused(level):
    with pytest.raises(InputError, match=r"^level: .* given, expected a number between 0 and 1$"):
        reproduce("girotti2021-table", level=level)


@pytest.mark.parametrize("epsilon", [0, -1e-9, 1e-13, 0.1])
def test_bad_distances_are_refused(epsilon):
    with pytest.raises(InputError, match=r"^epsilon: .* expected a number from 1e-12 to 1e-3$"):
        reproduce("girotti2021-table", epsilon=epsilon)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"count": np.int64(7)}, 7),
        ({"size": 2}, 2.0),
        ({"kind": "wide"}, "wide"),
        ({"widths": [1, 2]}, (1, 2)),
        ({"widths": np.array([4, 5])}, (4, 5)),
        ({"widths": 9}, (9,)),
        ({"decays": range(3)}, (0.0, 1.0, 2.0)),
    ],
)
def test_values_are_taken_as_their_kind(given, taken):
    (name,) = given
    value = settled("toy", OPTIONS, given)[name]
    assert value == taken
    assert type(value) is type(taken)
    if isinstance(taken, tuple):
        assert {type(part) for part in value} == {type(part) for part in taken}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"count": 1.0}, "a whole number"),
        ({"count": True}, "a whole number"),
        ({"count": [1]}, "a whole number"),
        ({"size": 0.0}, "a number > 0"),
        ({"size": np.nan}, "a number > 0"),
        ({"kind": 3}, "a word"),
        ({"widths": []}, "whole numbers"),
        ({"widths": [1, 2.5]}, "whole numbers"),
        ({"widths": "12"}, "whole numbers"),
        ({"decays": [0.1, -0.1]}, "numbers >= 0"),
        ({"decays": [[0.1]]}, "numbers >= 0"),
    ],
)
def test_values_of_another_kind_are_refused(given, expected):
    (name,) = given
    with pytest.raises(InputError, match=f"^{name}: .* given, expected {expected}$"):
        settled("toy", OPTIONS, given)


def test_defaults_fill_what_is_not_given():
    assert settled("toy", OPTIONS, {"count": 4}) == {
        "count": 4,
        "size": 1.5,
        "kind": "plain",
        "widths": (200, 1600),
        "decays": (0.0, 0.2),
    }


def without_default(report, *, count: int): ...
def odd_kind(report, *, table: dict[str, int] | None = None): ...
def taken_name(report, *, out: str = "here"): ...


@pytest.mark.parametrize("run", [without_default, odd_kind, taken_name])
def test_parameters_no_command_line_could_give_are_the_authors_mistake(run):
    with pytest.raises(TypeError, match="cannot have the parameter"):
        options_of(run)


@settings(deadline=None)
@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), st.integers(1, 8))
def test_a_number_agrees_with_itself_written_to_any_figures(value, figures):
    text = f"{value:.{figures - 1}e}"
    assert compare(value, text)["agrees"]
    assert not compare(value + 1.01 * last_place(text), text)["agrees"]
    assert not compare(value - 1.01 * last_place(text), text)["agrees"]


def test_comparisons():
    assert compare(0.16249, ".163")["agrees"] is False
    assert compare(2.3159e-4, "2.3e-4")["agrees"] is True
    assert compare(1.01, "1.00")["relative_difference"] == pytest.approx(0.01)
    assert compare("mixed", "mixed")["agrees"] is True
    assert compare("mixed", "principal-first") == {
        "ours": "mixed",
        "recorded": "principal-first",
        "relative_difference": None,
        "agrees": False,
    }
    assert compare(np.inf, "1.0")["agrees"] is False
    assert compare(1.0, None) == {"ours": 1.0, "recorded": None, "relative_difference": None, "agrees": None}


def test_tables_are_aligned():
    text = str(Table("Times (s)", ("row", "t"), (("A", "1.25"), ("long", "10")), 1))
    assert text.splitlines() == ["Times (s)", "row      t", "----------", "A     1.25", "long    10"]


def test_records_are_strict_json_and_the_repr_has_everything():
    options = settled("toy", OPTIONS, {})
    found = Reproduction(TOY, options, everything(lambda fraction: None, **options))
    assert json.loads(found.to_json()) == [{"size": 1.5, "count": 3, "never": None, "none": None, "yes": True}]
    text = repr(found)
    for part in ("toy (Nobody 1999): count = 3, size = 1.5", "Title", "the claim.", "the form.", "it was seen."):
        assert part in text
    assert found.dataset.attrs["options"] == json.dumps(options)


def test_saved_files_open_again(tmp_path):
    options = settled("toy", OPTIONS, {"widths": (1, 2, 3)})
    found = Reproduction(TOY, options, everything(lambda fraction: None, **options))
    written = found.save(tmp_path / "made" / "when needed")
    assert [path.name for path in written] == ["toy.png", "toy.nc"]
    with Image.open(written[0]) as picture:
        assert picture.width > 500
    with xarray.open_dataset(written[1], engine="h5netcdf") as data:
        assert data["width"].values.tolist() == [1, 2, 3]
        assert data.attrs["claim"] == "the claim."
        assert data.attrs["seen"] == "it was seen."
        assert "version_fa_dynamics" in data.attrs
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^out: "):
        found.save(tmp_path / "file")


def test_files_of_the_table(tmp_path):
    """The dataset says what the records say, everything in it is described, and the figure is drawn from it alone."""
    from fa_dynamics.plots.initialisation import plot_initialisations

    fractions = []
    found = reproduce("girotti2021-table", out=tmp_path, progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["girotti2021-table.nc", "girotti2021-table.png"]
    with Image.open(tmp_path / "girotti2021-table.png") as picture:
        assert picture.width > 1500
        assert np.count_nonzero(np.bincount(np.asarray(picture.convert("L")).ravel())) > 50
    with xarray.open_dataset(tmp_path / "girotti2021-table.nc", engine="h5netcdf") as file:
        data = file.load()
    assert all({"description", "units"} <= set(data[name].attrs) for name in data.data_vars)
    for record in found.records:
        if record["quantity"] == "learning time" and record["level"] == 0.99:
            place = {"row": record["row"], "mode": 1 + [4, 2, 1, 0.5, 0.25].index(record["sigma"])}
            assert float(data["learning_time"].sel(place)) == record["ours"]
            assert float(data["recorded_learning_time"].sel(place)) == record["recorded"]
        if record["quantity"] == "best test error":
            assert float(data["best_test_error"].sel(stopped_row=record["row"])) == record["ours"]
    assert np.isnan(data["learning_time"].sel(row="G", mode=1))
    assert (data["best_test_error"] <= data["test_error"].min("time") * (1 + 1e-9)).all()
    assert data["start"].sel(row="H").values[:, 0].tolist() == [-2.0, 0.0, 2.0]
    figure = plot_initialisations(data)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert "(" in axes.get_xlabel()
    assert "learning rate" in figure.axes[0].get_ylabel()
    assert "output squared" in figure.axes[2].get_ylabel()


def test_the_deepest_of_several_dips_is_refined():
    """Two dips whose samples lie in the wrong order."""
    t = np.linspace(0, 10, 101)

    def error(time):
        return 2 - np.exp(-4000 * (time - 2.05) ** 2) - 0.99 * np.exp(-(((time - 7.0) / 0.5) ** 2))

    assert _minimum(error, t, error(t), 2.0) == pytest.approx((7.0, 1.01), abs=1e-6)  # the narrow one is not sampled

    def smooth(time):
        return 2 - np.exp(-((time - 2.05) ** 2)) - 0.999 * np.exp(-((time - 7.0) ** 2))

    assert smooth(np.array([2.0]))[0] > smooth(np.array([7.0]))[0]
    assert _minimum(smooth, t, smooth(t), 2.0) == pytest.approx((2.05, 1.0), abs=1e-6)


def test_a_stop_at_the_start_and_none_at_all():
    t = np.linspace(0, 10, 101)
    assert _minimum(lambda time: 1 + time, t, 1 + t, 11.0) == (0.0, 1.0)
    assert _minimum(lambda time: 1 + np.exp(-time), t, 1 + np.exp(-t), 1.0) == (np.inf, 1.0)
