"""A user's own files: what is read, and every refusal."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fa_dynamics.errors import InputError
from fa_dynamics.tasks import load

EXAMPLES = Path(__file__).parents[2] / "examples"
X = np.arange(12.0).reshape(4, 3) ** 2
Y = np.array([1.0, 0.0, 2.0, 5.0])


def written(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,2,3\n4,5,6.5\n",
        "a;b;c\n1;2;3\n4;5;6.5\n",
        "a\tb\tc\r\n1\t2\t3\r\n4\t5\t6.5\r\n",
        "\ufeffa, b, c\n\n1, 2, 3\n4, 5, 6.5\n\n",
        '"a","b","c"\n"1","2","3"\n4,5,6.5',
    ],
)
def test_tables_with_a_header(tmp_path, text):
    task = load(written(tmp_path, text))
    np.testing.assert_array_equal(task.inputs, [[1, 2], [4, 5]])
    np.testing.assert_array_equal(task.targets, [[3], [6.5]])
    assert task.output_names == ("c",)
    assert "target column: c, the last one" in task.description
    assert task.name == "data"


def test_table_without_a_header(tmp_path):
    path = written(tmp_path, "1,2,3\n4,5,6\n")
    task = load(path)
    np.testing.assert_array_equal(task.targets, [[3], [6]])
    assert "target column: column 2, the last one" in task.description
    for targets in ("0,2", (0, 2), ["0", 2]):
        task = load(path, targets=targets)
        np.testing.assert_array_equal(task.targets, [[1, 3], [4, 6]])
        np.testing.assert_array_equal(task.inputs, [[2], [5]])
    np.testing.assert_array_equal(load(path, targets=0).targets, [[1], [4]])


def test_columns_by_name(tmp_path):
    path = written(tmp_path, 'id,a,b,"x,y"\nr1,1,2,3\nr2,4,5,6\n')
    task = load(path, targets="b, a", inputs="x,y")
    np.testing.assert_array_equal(task.targets, [[2, 1], [5, 4]])
    np.testing.assert_array_equal(task.inputs, [[3], [6]])
    assert task.output_names == ("b", "a")
    assert "target columns: b, a." in task.description


def test_labels_become_one_hot(tmp_path):
    task = load(written(tmp_path, "5,1,setosa\n6,2,virginica\n7,3,setosa\n"), classes=True)
    assert task.output_names == ("setosa", "virginica")
    np.testing.assert_array_equal(task.targets, [[1, 0], [0, 1], [1, 0]])
    task = load(written(tmp_path, "a,digit\n5,10\n6,9\n7,10\n"), classes=True, centre=(False, True))
    assert task.output_names == ("9", "10")
    np.testing.assert_allclose(task.targets.sum(axis=0), 0.0, atol=1e-15)


def test_names_that_look_like_missing_values(tmp_path):
    task = load(written(tmp_path, "RI,Na,Mg\n1.5,13,4\n1.6,12,3\n"), targets="Na")
    np.testing.assert_array_equal(task.targets, [[13], [12]])


def test_options_reach_the_task(tmp_path):
    path = written(tmp_path, "a,b,c\n1,2,3\n4,5,6.5\n7,9,1\n2,2,2\n")
    task = load(path, centre=True, whiten=True, unit_variance=True)
    np.testing.assert_allclose(task.input_moment, np.eye(2), atol=1e-13)
    assert task.output_moment[0, 0] == pytest.approx(1.0, rel=1e-12)


def test_arrays(tmp_path):
    np.savez(tmp_path / "d.npz", X=X, Y=Y)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "Y.npy", Y)
    pair = (tmp_path / "X.npy", tmp_path / "Y.npy")
    for source in (tmp_path / "d.npz", pair, f"{pair[0]}, {pair[1]}", str(tmp_path / "d.npz")):
        task = load(source)
        np.testing.assert_array_equal(task.inputs, X)
        np.testing.assert_array_equal(task.targets[:, 0], Y)
    assert "X.npy and Y.npy" in load(pair).description


def test_labels_in_arrays(tmp_path):
    labels = np.array(["b", "a", "b", "a"])
    np.savez(tmp_path / "text.npz", X=X, Y=labels)
    np.savez(tmp_path / "bytes.npz", X=X, Y=labels.astype("S1"))
    np.savez(tmp_path / "column.npz", X=X, Y=np.array([[10], [9], [10], [9]]))
    for name, classes in (("text.npz", "ab"), ("bytes.npz", "ab"), ("column.npz", ("9", "10"))):
        task = load(tmp_path / name, classes=True)
        assert task.output_names == tuple(classes)
        np.testing.assert_array_equal(task.targets[:, 0], [0, 1, 0, 1])
    refused(lambda: load(tmp_path / "text.npz"), "Y", "text", "classes=True")
    np.savez(tmp_path / "two.npz", X=X, Y=X)
    refused(lambda: load(tmp_path / "two.npz", classes=True), "classes", "(4, 3)")
    np.savez(tmp_path / "nan.npz", X=X, Y=np.array([0, 1, np.nan, 1]))
    refused(lambda: load(tmp_path / "nan.npz", classes=True), "Y", "nan", "row 2")
    np.savez(tmp_path / "one.npz", X=X, Y=np.ones(4, int))
    refused(lambda: load(tmp_path / "one.npz", classes=True), "Y", "one class only", "'1'")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("a,b\n1,2\n3\n", {}, ("row 3", "1 fields", "expected 2")),
        ("a,b\n1,2\n3,4,5\n", {}, ("row 3", "3 fields", "expected 2")),
        ("a,b,c\n1,2,3\n4,x,6\n7,y,9\n", {}, ("row 3", "'b'", "'x'", "not numeric", "inputs=")),
        ("a,b,c\n1,2,3\n4,5,six\n", {}, ("row 3", "'c'", "'six'", "classes=True")),
        ("1,2,3\n4,5,six\n", {}, ("row 2", "'column 2'", "'six'")),
        ("a,b\n\n1,2\n,4\n", {}, ("row 4", "'a'", "missing")),
        ("a,b\n1,2\n3,NA\n", {}, ("row 3", "'b'", "missing", "'NA'")),
        ("nan,2\n3,4\n", {}, ("row 1", "'column 0'", "missing")),
        ("a,b\n1,2\n3,inf\n", {}, ("row 3", "'inf'", "finite")),
        ("a,b\n1,2\n3,1_0\n", {}, ("row 3", "'1_0'", "not numeric")),
        ("a;b\n1,5;2\n", {}, ("row 2", "'1,5'", "decimal point")),
        ("a,b\n1,2\n", {"targets": "c"}, ("targets", "'c'", "known: a, b")),
        ("mass,yield\n1,2\n", {"targets": "yeild"}, ("targets", "'yeild'", "did you mean 'yield'")),
        ("mass,yield\n1,2\n", {"inputs": "mas"}, ("inputs", "'mas'", "did you mean 'mass'")),
        ("a,b,c\n1,2,3\n", {"targets": "b,b"}, ("targets", "'b' twice")),
        ("a,b,c\n1,2,3\n", {"inputs": ["a", "a"]}, ("inputs", "'a' twice")),
        ("a,b,c\n1,2,3\n", {"inputs": "a,c"}, ("inputs", "'c'", "is a target")),
        ("a,b\n1,2\n", {"targets": "a,b"}, ("targets", "all columns", "input")),
        ("a\n1\n", {}, ("targets", "all columns", "which has 1")),
        ("a,b\n1,2\n", {"targets": []}, ("targets", "given none")),
        ("a,b\n1,2\n", {"targets": 1}, ("targets", "no column 1")),
        ("1,2\n3,4\n", {"targets": "b"}, ("targets", "'b'", "no header", "0 to 1")),
        ("1,2\n3,4\n", {"targets": 2}, ("targets", "2", "0 to 1")),
        ("1,2\n3,4\n", {"targets": -1}, ("targets", "-1", "0 to 1")),
        ("1,2\n3,4\n", {"targets": 0.5}, ("targets", "0.5", "0 to 1")),
        ("a,b\n", {}, ("header", "no rows")),
        ("\n \n", {}, ("blank lines",)),
        ("a,,c\n1,2,3\n", {}, ("column 1", "no name")),
        ("a,b,a\n1,2,3\n", {}, ("'a'", "twice in the header")),
        ("1.2x,3\n4,5\n", {}, ("row 1", "'1.2x'", "above a number")),
        ("a,b,c\n1,2,3\n", {"targets": "b,c", "classes": True}, ("classes", "2 target columns", "one column")),
        ("a,b\n1,x\n2,\n", {"classes": True}, ("row 3", "'b'", "missing", "label")),
        ("a,b\n1,x\n2,x\n", {"classes": True}, ("b", "one class only", "'x'")),
        ("a,b\n1,2\n", {"classes": "yes"}, ("classes", "'yes'", "True or False")),
        ("a,b\n1,2\n", {"whiten": 1}, ("whiten", "True or False")),
    ],
)
def test_table_refusals(tmp_path, text, options, words):
    path = written(tmp_path, text)
    refused(lambda: load(path, **options), *words)


def test_file_refusals(tmp_path):
    refused(lambda: load(tmp_path / "none.csv"), "none.csv", "no such file")
    refused(lambda: load(tmp_path), str(tmp_path), "directory")
    (tmp_path / "folder.csv").mkdir()
    refused(lambda: load(tmp_path / "folder.csv"), "directory")
    refused(lambda: load(written(tmp_path, "")), "data.csv", "empty")
    refused(lambda: load(tmp_path / "data.csv" / "x.csv"), "x.csv", "cannot be opened")
    refused(lambda: load(written(tmp_path, "x", "data.xlsx")), "data.xlsx", ".csv", ".npz", ".nc", "npy")
    refused(lambda: load(3), "path", "3", ".csv")
    refused(lambda: load(()), "path", "nothing")
    refused(lambda: load((tmp_path / "a.csv", tmp_path / "b.csv")), "path", "a.csv", "pair")
    (tmp_path / "latin.csv").write_bytes(b"a,b\n\xe9,2\n")
    refused(lambda: load(tmp_path / "latin.csv"), "latin.csv", "UTF-8")
    refused(lambda: load(written(tmp_path, "a," + "x" * 200_000 + "\n1,2\n")), "data.csv", "field")


def test_array_refusals(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "short.npy", Y[:3])
    np.save(tmp_path / "object.npy", np.array([1, "a", None, {}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "names.npz", inputs=X, Y=Y)
    np.savez(tmp_path / "object.npz", X=X, Y=np.array([1, "a", None, {}], dtype=object))
    np.savez(tmp_path / "good.npz", X=X, Y=Y)
    x = tmp_path / "X.npy"
    refused(lambda: load(x), "X.npy", "alone", "pair")
    refused(lambda: load((x, x, x)), "path", "pair")
    refused(lambda: load((x, tmp_path / "none.npy")), "none.npy", "no such file")
    refused(lambda: load((x, tmp_path / "short.npy")), "Y", "3 rows", "4")
    refused(lambda: load((x, tmp_path / "object.npy")), "object.npy", "pickled")
    refused(lambda: load(tmp_path / "object.npz"), "object.npz", "pickled")
    refused(lambda: load(tmp_path / "names.npz"), "no array X", "inputs, Y")
    refused(lambda: load(tmp_path / "good.npz", targets="a"), "targets", "'a'", "table")
    refused(lambda: load(tmp_path / "good.npz", inputs="a"), "inputs", "table")
    refused(lambda: load(written(tmp_path, "hello", "text.npz")), "text.npz", "NumPy")
    refused(lambda: load((x, written(tmp_path, "hello", "text.npy"))), "text.npy", "NumPy")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:200])
    refused(lambda: load(tmp_path / "cut.npz"), "cut.npz", "cannot be read")
    (tmp_path / "array.npz").write_bytes(x.read_bytes())
    refused(lambda: load(tmp_path / "array.npz"), "single array")
    (tmp_path / "archive.npy").write_bytes((tmp_path / "good.npz").read_bytes())
    refused(lambda: load((x, tmp_path / "archive.npy")), "archive.npy", "archive by its content")


def test_example_is_what_its_script_makes():
    specification = importlib.util.spec_from_file_location("make", EXAMPLES / "make_measurements.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (EXAMPLES / "measurements.csv").read_text(encoding="utf-8") == module.table()
    targets = "growth_mm_per_day,water_use_l_per_day"
    task = load(EXAMPLES / "measurements.csv", targets=targets, centre=True, whiten=True, unit_variance=True)
    assert (task.n_samples, task.n_inputs, task.n_outputs) == (120, 6, 2)
    # Linear mixtures plus noise: much is explained, not all.
    assert 0.001 < 2 * task.best_loss < 0.3
