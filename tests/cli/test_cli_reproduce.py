"""`fa-dynamics reproduce`: JSON, text, files, options of experiments, and bad use."""

from __future__ import annotations

import pytest
import xarray

import fa_dynamics.cli.reproduce as command
from fa_dynamics.reproduce.options import options_of

NAME = "girotti2021-table"
KEYS = {
    "row": str,
    "quantity": str,
    "level": (float, type(None)),
    "sigma": (float, type(None)),
    "unit": str,
    "ours": (float, str, type(None)),
    "recorded": (float, str, type(None)),
    "relative_difference": (float, type(None)),
    "agrees": (bool, type(None)),
    "recorded_in": (str, type(None)),
    "statement": str,
}


def test_json_is_a_list_of_flat_records(call, tmp_path):
    outcome = call("reproduce", "--level", "0.9", NAME, "--json", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    records = outcome.json
    for record in records:
        assert list(record) == list(KEYS)
        for key, kinds in KEYS.items():
            assert isinstance(record[key], kinds), (key, record)
    assert {record["level"] for record in records if record["quantity"] == "order of learning"} == {0.9}
    assert {"A", "B", "C", "D", "D'", "E", "F", "G", "H"} <= {record["row"] for record in records}
    with xarray.open_dataset(tmp_path / f"{NAME}.nc", engine="h5netcdf") as data:
        assert data.attrs["level"] == 0.9
    assert (tmp_path / f"{NAME}.png").stat().st_size > 10_000


def test_text_has_table_sentences_and_place(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = call("reproduce", NAME)
    assert (outcome.code, outcome.err) == (0, "")
    for words in ("Learning times", "recorded", "principal-first (-1.00)", "Paper: ", "Here:  ", "Seen:  "):
        assert words in outcome.out
    folder = tmp_path / "fa-dynamics-reproduce" / NAME
    assert f"wrote {NAME}.png, {NAME}.nc to {folder}" in outcome.out
    assert sorted(path.name for path in folder.iterdir()) == [f"{NAME}.nc", f"{NAME}.png"]
    assert max(map(len, outcome.out.splitlines())) <= 120 + len(str(folder))


def test_list(call):
    outcome = call("reproduce", "--list")
    assert outcome.code == 0
    assert NAME in outcome.out
    assert "--level 0.99  (a number between 0 and 1)" in outcome.out
    entries = {entry["name"]: entry for entry in call("reproduce", "--list", "--json").json}
    assert entries[NAME]["options"] == {"level": 0.99, "epsilon": 1e-9}
    assert set(entries[NAME]) == {"name", "paper", "claim", "form", "options"}


def test_help_has_an_example(call):
    outcome = call("reproduce", "--help")
    assert outcome.code == 0
    for words in ("Example:", "--list", "--json", "--out", "fa-dynamics-reproduce/NAME"):
        assert words in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["name", "--list"]),
        (["girotti2021-tabel"], ["name", "did you mean 'girotti2021-table'"]),
        ([""], ["name", "''", NAME]),
        ([NAME, NAME], ["name", "one experiment"]),
        ([NAME, "--levl", "0.5"], ["levl", "level, epsilon", "did you mean 'level'"]),
        ([NAME, "--seed", "0"], ["seed", "level, epsilon"]),
        ([NAME, "--level"], ["level", "no value"]),
        ([NAME, "--level", "half"], ["level", "'half'", "a number between 0 and 1"]),
        ([NAME, "--level", ""], ["level", "''", "a number between 0 and 1"]),
        ([NAME, "--level", "0.5,0.6"], ["level", "'0.5,0.6'", "a number between 0 and 1"]),
        ([NAME, "--level", "-1"], ["level", "-1", "a number between 0 and 1"]),
        ([NAME, "--level=2"], ["level", "2.0", "a number between 0 and 1"]),
        ([NAME, "--level", "nan"], ["level", "a number between 0 and 1"]),
        ([NAME, "--level", "0.5", "--level=0.6"], ["level", "twice"]),
        ([NAME, "--epsilon", "1"], ["epsilon", "1e-12 to 1e-3"]),
        (["--list", NAME], ["list", NAME]),
        (["--list", "--level", "1"], ["list", "--level 1"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_bad_use_is_one_line_and_writes_nothing(call, tmp_path, arguments, words):
    complaint = call("reproduce", *arguments, "--out", tmp_path / "out").complaint
    for word in words:
        assert word in complaint, complaint
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(call, tmp_path):
    (tmp_path / "file").touch()
    complaint = call("reproduce", NAME, "--out", tmp_path / "file").complaint
    assert complaint.startswith("out: ")


def lists(
    report,
    *,
    widths: tuple[int, ...] = (200,),
    regularization: tuple[float, ...] = (0.0,),
    draws: int = 10,
    size: float = 1.0,
    label: str = "a",
    step_size: float = 0.1,
): ...


def test_options_of_all_kinds_are_read():
    options = options_of(lists)
    given = ["--widths", "200,1600", "--regularization=0,0.2,0.5", "toy", "--draws", "3", "--size", "-1e-3"]
    plain, texts = command._split([*given, "--label", "x,y", "--step-size", "0.5"])
    assert plain == ["toy"]
    assert {name: command._value(options[name], text) for name, text in texts.items()} == {
        "widths": (200, 1600),
        "regularization": (0.0, 0.2, 0.5),
        "draws": 3,
        "size": -1e-3,
        "label": "x,y",
        "step_size": 0.5,
    }
    with pytest.raises(ValueError, match=r"^draws: '2.5' given, expected a whole number$"):
        command._value(options["draws"], "2.5")
    with pytest.raises(ValueError, match=r"^widths: '2,,3' given, expected whole numbers$"):
        command._value(options["widths"], "2,,3")
