"""Bad use: one line on standard error that names what is wrong, exit code 2, nothing on standard output or on disk."""

from __future__ import annotations

import pytest

FILES = [
    ("absent.csv", ["absent.csv", "no such file"]),
    ("absent.npz", ["absent.npz", "no such file"]),
    ("X.npy,absent.npy", ["absent.npy", "no such file"]),
    ("", []),
    (".", ["is a directory"]),
    ("folder.csv", ["folder.csv", "is a directory"]),
    ("plain", ["plain", ".csv", ".npz"]),
    ("notes.txt", ["notes.txt", ".csv", ".npz"]),
    ("empty.csv", ["empty.csv", "empty"]),
    ("empty.npz", ["empty.npz", "empty"]),
    ("blank.csv", ["blank.csv", "blank"]),
    ("garbage.csv", ["garbage.csv", "UTF-8"]),
    ("garbage.npz", ["garbage.npz", "NumPy"]),
    ("garbage.nc", ["garbage.nc", "NetCDF"]),
    ("garbage.npy,Y.npy", ["garbage.npy", "NumPy"]),
    ("half_ok.npz", ["half_ok.npz", "NumPy"]),
    ("half_ok.nc", ["half_ok.nc", "NetCDF"]),
    ("half_X.npy,Y.npy", ["half_X.npy", "NumPy"]),
    ("X.npy", ["X.npy", "pair"]),
    ("X.npy,Y.npy,Y.npy", ["pair"]),
    ("rows.npz", ["29", "30"]),
    ("X.npy,short.npy", ["29", "30"]),
    ("rows.nc", ["29", "30"]),
    ("no_y.npz", ["no array Y", "there is X"]),
    ("no_y.nc", ["no array Y"]),
    ("transposed.nc", ["samples first"]),
    ("nan.npz", ["X", "nan", "row 3", "column 1"]),
    ("inf.npz", ["X", "inf", "row 3", "column 1"]),
    ("no_samples.npz", ["X", "0 samples"]),
    ("no_inputs.npz", ["X", "0 columns"]),
    ("three_dimensions.npz", ["X", "(1, 30, 3)", "2-D"]),
    ("scalars.npz", ["X", "()", "2-D"]),
    ("complex.npz", ["X", "complex", "real"]),
    ("pickled.npz", ["pickled.npz", "pickled"]),
    ("overflow.npz", ["X", "1e+150"]),
    ("labels.npz", ["Y", "text", "classes"]),
    ("one_sample.npz", ["X", "constant"]),
    ("constant.npz", ["X", "constant"]),
    ("constant.csv", ["X", "constant"]),
    ("one_row.csv", ["X", "constant"]),
    ("constant_targets.npz", ["Y", "constant"]),
    ("ragged.csv", ["ragged.csv", "row 6", "3 fields", "expected 5"]),
    ("header_only.csv", ["header_only.csv", "no rows"]),
    ("text.csv", ["text.csv", "row 6", "'c'", "'red'", "not numeric"]),
    ("missing.csv", ["row 6", "'c'", "missing"]),
    ("nan.csv", ["row 6", "'c'", "missing"]),
    ("inf.csv", ["row 6", "'c'", "finite"]),
    ("same_names.csv", ["'a'", "twice"]),
    ("one_column.csv", ["targets", "one_column.csv"]),
    ("kinds.csv", ["'kind'", "'p'", "classes"]),
    ("decimal_commas.csv", ["'1,5'", "decimal point"]),
]

OPTIONS = [
    (["--task", "digit"], ["task", "'digit'", "'digits'"]),
    (["--task", "nothing at all"], ["task", "iris"]),
    (["--task", ""], ["task", "iris"]),
    ([], ["task", "--task", "--data"]),
    (["--task", "iris", "--data", "ok.csv"], ["task", "--data"]),
    (["--task", "iris", "--targets", "a"], ["targets", "--data"]),
    (["--task", "iris", "--classes"], ["classes", "--data"]),
    (["--task", "iris", "--raw"], ["raw", "--data"]),
    (["--data", "ok.csv", "--targets", "w"], ["targets", "'w'", "known: a, b, c, y, z"]),
    (["--data", "ok.csv", "--targets", "y,y"], ["targets", "'y'", "twice"]),
    (["--data", "ok.csv", "--targets", "a,b,c,y,z"], ["targets", "all columns"]),
    (["--data", "ok.csv", "--targets", ""], ["targets", "''"]),
    (["--data", "ok.csv", "--targets", ","], ["targets", "''"]),
    (["--data", "no_header.csv", "--targets", "9"], ["targets", "'9'", "0 to 4"]),
    (["--data", "no_header.csv", "--targets", "-1"], ["targets", "'-1'", "0 to 4"]),
    (["--data", "kinds.csv", "--targets", "a,kind", "--classes"], ["classes", "2"]),
    (["--data", "ok.npz", "--targets", "a"], ["targets", "'a'"]),
    (["--data", "ok.npz", "--classes"], ["classes", "(30, 2)"]),
    (["--data", "one_label.npz", "--classes"], ["'a'", "two or more"]),
]

NUMBERS = [
    (["--hidden", "0"], ["hidden", "0", ">= 1"]),
    (["--hidden", "-3"], ["hidden", "-3", ">= 1"]),
    (["--hidden", "a"], ["hidden", "'a'", "32,32"]),
    (["--hidden", "8.5"], ["hidden", "'8.5'", "whole"]),
    (["--hidden", "4,nan"], ["hidden", "'4,nan'", "whole"]),
    (["--hidden", "4,0"], ["hidden", "0", ">= 1"]),
    (["--rule", "fo"], ["rule", "'fo'", "file.py:ClassName"]),
    (["--rule", "kpp"], ["rule", "'kpp'", "did you mean 'kp'"]),
    (["--rule", ""], ["rule", "''", "fa"]),
    (["--rule", "fa,"], ["rule", "''"]),
    (["--rule", "fa,fa"], ["rule", "twice"]),
    (["--rtol", "0"], ["rtol", "0.0", "> 0"]),
    (["--rtol", "-1"], ["rtol", "-1.0", "> 0"]),
    (["--rtol", "nan"], ["rtol", "nan", "> 0"]),
    (["--rtol", "inf"], ["rtol", "inf", "finite"]),
    (["--atol", "0"], ["atol", "0.0", "> 0"]),
    (["--atol", "-1e-9"], ["atol", "-1e-09", "> 0"]),
    (["--atol", "nan"], ["atol", "nan", "> 0"]),
    (["--t-end", "0"], ["t_end", "0.0", "> 0"]),
    (["--t-end", "-1"], ["t_end", "-1.0", "> 0"]),
    (["--t-end", "nan"], ["t_end", "nan", "> 0"]),
    (["--t-end", "inf"], ["t_end", "inf", "finite"]),
    (["--method", "rk45"], ["method", "'rk45'", "did you mean 'RK45'"]),
    (["--method", "Euler?"], ["method", "DOP853"]),
    (["--method", ""], ["method", "''", "DOP853"]),
    (["--method", "Radau", "--hidden", "2000"], ["method", "Radau", "Jacobian"]),
    (["--level", "0"], ["level", "0.0", "between 0 and 1"]),
    (["--level", "1"], ["level", "1.0", "between 0 and 1"]),
    (["--level", "-0.5"], ["level", "-0.5", "between 0 and 1"]),
    (["--level", "nan"], ["level", "nan", "between 0 and 1"]),
    (["--level", "50"], ["level", "50.0", "between 0 and 1"]),
    (["--seed", "-1"], ["seed", "-1", ">= 0"]),
    (["--decay", "-1"], ["decay", "-1.0", ">= 0"]),
    (["--decay", "nan"], ["decay", "nan", ">= 0"]),
    (["--decay", "inf"], ["decay", "inf", ">= 0"]),
    (["--decay", "a"], ["decay", "'a'", "numbers"]),
    (["--decay", ""], ["decay"]),
    (["--decay", "1,2,3"], ["decay", "2 of them"]),
    (["--start", "gauss:1"], ["start", "'gauss'", "did you mean 'gaussian'"]),
    (["--start", ""], ["start", "''", "gaussian"]),
    (["--start", "gaussian=1"], ["start", "'gaussian=1'", "did you mean 'gaussian'"]),
    (["--start", "gaussian:a"], ["start", "'gaussian:a'", "numbers"]),
    (["--start", "gaussian:1,2"], ["start", "'gaussian:1,2'"]),
    (["--start", "zero:1"], ["start", "'zero:1'"]),
    (["--start", "spectral:a"], ["start", "'spectral:a'"]),
    (["--feedback", "orthogonl:1"], ["feedback", "did you mean 'orthogonal'"]),
    (["--feedback", "orthogonal:x"], ["feedback", "'orthogonal:x'"]),
    # The number behind the colon is wrong: which of the two options is meant?
    (["--start", "gaussian:-1"], ["start", "-1", ">= 0"]),
    (["--start", "gaussian:nan"], ["start", "nan", ">= 0"]),
    (["--start", "balanced:-1"], ["start", "-1", ">= 0"]),
    (["--start", "spectral:nan"], ["start", "finite"]),
    (["--start", "spectral:1,2,3"], ["start", "3", "2"]),
    (["--start", "spectral"], ["start"]),
    (["--feedback", "orthogonal:-1"], ["feedback", "-1", ">= 0"]),
    (["--feedback", "spectral:1,2"], ["feedback", "2", "1"]),
    (["--hidden", "8,,8"], ["hidden", "'8,,8'"]),
    (["--hidden", "9" * 23], ["hidden"]),
    (["--hidden", "1" + "0" * 13], ["hidden"]),
]


def refused(call, out, *arguments):
    complaint = call(*arguments, "--out", out).complaint
    assert not list(out.rglob("*")), "something was written"
    return complaint


def contains(complaint, words):
    for word in words:
        assert word in complaint, complaint


@pytest.mark.parametrize(("file", "words"), FILES, ids=lambda value: value if isinstance(value, str) else "")
def test_bad_data_files_are_refused(call, files, monkeypatch, tmp_path, file, words):
    monkeypatch.chdir(files)
    contains(refused(call, tmp_path / "out", "simulate", "--data", file, "--hidden", 2), words)


@pytest.mark.parametrize(("options", "words"), OPTIONS, ids=lambda value: " ".join(value))
def test_bad_choices_of_a_task_are_refused(call, files, monkeypatch, tmp_path, options, words):
    monkeypatch.chdir(files)
    contains(refused(call, tmp_path / "out", "simulate", *options, "--hidden", 2), words)


@pytest.mark.parametrize(("options", "words"), NUMBERS, ids=lambda value: " ".join(value))
def test_bad_values_are_refused(call, files, tmp_path, options, words):
    given = ["--rule", "fa", *options, "--data", files / "ok.npz"]
    contains(refused(call, tmp_path / "out", "simulate", *given), words)


@pytest.mark.parametrize("command", [["demo"], ["simulate", "--task", "hierarchy", "--hidden", 2]], ids=lambda c: c[0])
@pytest.mark.parametrize("place", ["{files}/plain", "{files}/plain/below", "/proc/nowhere", "/dev/null"])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(call, files, command, place):
    place = place.format(files=files)
    contains(call(*command, "--out", place).complaint, ["out", place, "cannot be written"])


def test_a_rule_refused_late_leaves_no_results_of_the_rules_before_it(call, files, tmp_path):
    given = ["--data", files / "ok.npz", "--hidden", 2, "--rule", "bp,fa", "--feedback", "spectral:1,2,3"]
    refused(call, tmp_path / "out", "simulate", *given)


def test_a_refused_run_leaves_no_folder_behind(call, files, tmp_path):
    refused(call, tmp_path / "out", "simulate", "--data", files / "ok.npz", "--rtol", "-1")
    assert not (tmp_path / "out").exists()


def test_demo_refuses_a_negative_seed(call, tmp_path):
    contains(refused(call, tmp_path / "out", "demo", "--seed", "-1"), ["seed", "-1", ">= 0"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--depth", "0"], ["depth", "0", ">= 1"]),
        (["--depth", "-1"], ["depth", "-1", ">= 1"]),
        (["--format", "pyton"], ["format", "'pyton'", "did you mean 'python'"]),
        (["--format", ""], ["format", "latex, python, text"]),
        (["--format", "python", "--json"], ["format", "--json"]),
        (["--format", "python", "--chain"], ["format", "--chain"]),
        (["--rule", "fa,bp"], ["rule", "'fa,bp'"]),
        (["--rule", "FA"], ["rule", "'FA'"]),
        (["--rule", "sign", "--chain"], ["sign", "signed permutations"]),
        (["--chain", "--invariants", "--degree", "0"], ["degree", "0", ">= 1"]),
        (["--chain", "--invariants", "--degree", "-1"], ["degree", "-1", ">= 1"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_derive_refuses(call, options, words):
    contains(call("derive", *options).complaint, words)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["simulat"],
        ["derive", "--nonsense"],
        ["derive", "--depth", "three"],
        ["derive", "--depth", "1.5"],
        ["demo", "--seed", "x"],
        ["simulate", "--rtol", "small"],
        ["simulate", "--hidden"],
        ["tasks", "extra"],
    ],
    ids=" ".join,
)
def test_usage_errors_of_typer_exit_with_2_and_one_box(call, arguments):
    outcome = call(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("Error") == 1
    assert "Traceback" not in outcome.err


def test_the_nearest_command_is_named(call):
    assert "simulate" in call("simulat").err


def test_json_changes_nothing_about_errors(call, tmp_path):
    contains(refused(call, tmp_path / "out", "simulate", "--task", "digit", "--json"), ["task", "'digits'"])
