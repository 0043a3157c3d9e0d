"""Every refusal is one line that names the argument, what was given and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

from fa_dynamics.errors import InputError
from fa_dynamics.tasks import Task, hierarchy, teacher

X = np.arange(12.0).reshape(6, 2) ** 2
Y = np.arange(6.0)[:, np.newaxis]


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.arange(3.0), ("X", "(3,)", "2-D")),
        (np.zeros((2, 2, 2)), ("X", "(2, 2, 2)", "2-D")),
        (np.array([["a", "b"]] * 6), ("X", "real numbers")),
        (np.full((6, 2), 1j), ("X", "complex", "real numbers")),
        (np.full((6, 2), None), ("X", "object", "real numbers")),
        ([[1.0], [1.0, 2.0]], ("X", "different lengths")),
        (np.where(np.eye(6, 2), np.nan, X), ("X", "nan", "row 0, column 0")),
        (np.where(X[4, 1] == X, -np.inf, X), ("X", "-inf", "row 4, column 1", "finite")),
        (np.zeros((0, 2)), ("X", "0 samples")),
        (np.zeros((6, 0)), ("X", "0 columns")),
        (X[:5], ("Y", "6 rows", "5")),
        (np.ma.masked_equal(X, 4.0), ("X", "masked")),
        (np.full((6, 2), 1e200), ("X", "1e+200", "overflows")),
    ],
)
def test_inputs(bad, words):
    refused(lambda: Task.from_arrays(bad, Y), *words)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((6, 1, 1)), ("Y", "1-D or 2-D")),
        (np.array(list("abcdef")), ("Y", "real numbers")),
        (np.array([0, 1, 2, np.nan, 4, 5]), ("Y", "nan", "position 3")),
        (3.0, ("Y", "()")),
        (np.zeros((6, 0)), ("Y", "0 columns")),
    ],
)
def test_targets(bad, words):
    refused(lambda: Task.from_arrays(X, bad), *words)


def test_nothing_left_to_whiten_or_scale():
    constant = np.full((6, 2), 0.1)
    refused(lambda: Task.from_arrays(constant, Y, centre=True, whiten=True), "whiten", "constant", "no range")
    refused(lambda: Task.from_arrays(X[:1], Y[:1], centre=True, whiten=True), "whiten", "no range")
    refused(lambda: Task.from_arrays(X, 0 * Y, unit_variance=True), "unit_variance", "zero")
    refused(lambda: Task.from_arrays(X, 0 * Y + 0.1, centre=True, unit_variance=True), "unit_variance", "constant")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"whiten": "no"}, ("whiten", "'no'", "True or False")),
        ({"centre": 1}, ("centre", "True or False")),
        ({"centre": (True, True, False)}, ("centre", "3 flags", "pair")),
        ({"centre": (True, "x")}, ("centre[1]", "'x'")),
        ({"unit_variance": None}, ("unit_variance", "None")),
        ({"image_shape": (3, 3)}, ("image_shape", "2 pixels")),
        ({"output_names": ("a", "b")}, ("output_names", "2", "1")),
    ],
)
def test_options(options, words):
    refused(lambda: Task.from_arrays(X, Y, **options), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, np.nan],), ("correlations", "nan", "finite")),
        (([1.0], np.inf), ("curvatures", "inf", "finite")),
        (([],), ("correlations", "(0,)")),
        (([[1.0]],), ("correlations", "(1, 1)")),
        ((["a"],), ("correlations", "real numbers")),
        (([1.0, 2.0, 3.0], [1.0, 2.0]), ("curvatures", "(2,)", "(3,)")),
        (([1.0, 2.0], [1.0, -1.0]), ("curvatures", "-1", "mode 1", "negative")),
        (([1.0, 2.0], [1.0, 0.0]), ("curvatures", "0 in mode 1", "positive")),
        (([1.0, 2.0], 1.0, 1), ("n_inputs", "at least 2")),
        (([1.0, 2.0], 1.0, 2, 1), ("n_outputs", "at least 2")),
        (([1.0], 1.0, 1.5), ("n_inputs", "1.5", "integer")),
        (([1.0, 1.0], [1e-9, 1e9]), ("curvatures", "1e+12")),
    ],
)
def test_spectrum(arguments, words):
    refused(lambda: Task.from_spectrum(*arguments), *words)


def test_spectrum_allows_what_is_possible():
    task = Task.from_spectrum([1.0, 0.0], [2.0, 0.0], n_inputs=3, n_outputs=4)
    np.testing.assert_array_equal(task.input_moment, np.diag([2.0, 0.0, 1.0]))
    assert task.cross_moment.shape == (4, 3)
    assert task.cross_moment.sum() == task.cross_moment[0, 0] == 1.0
    np.testing.assert_array_equal(task.output_moment, np.diag([0.5, 0.0, 0.0, 0.0]))
    assert task.best_loss == 0.0
    assert task.n_samples is None
    assert task.inputs is None
    assert Task.from_spectrum(3.0).n_inputs == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input_moment": np.eye(3)}, ("input_moment", "(3, 3)", "2 by 2")),
        ({"output_moment": np.eye(2)}, ("output_moment", "1 by 1")),
        ({"cross_moment": np.zeros(2)}, ("cross_moment", "(2,)")),
        ({"input_moment": [[1.0, 0.5], [0.0, 1.0]]}, ("input_moment", "not symmetric")),
        ({"input_moment": [[1.0, np.nan], [np.nan, 1.0]]}, ("input_moment", "nan")),
        ({"input_moment": np.diag([1.0, -1.0])}, ("no distribution", "-1")),
        ({"output_moment": [[0.5]]}, ("no distribution", "semidefinite")),
        ({"n_samples": 5, "inputs": np.ones((4, 2))}, ("inputs", "(4, 2)", "5 by 2")),
        ({"n_samples": 5, "targets": np.ones((5, 2))}, ("targets", "5 by 1")),
        ({"input_map": np.ones((3, 4))}, ("input_map", "2 by any")),
    ],
)
def test_fields(fields, words):
    good = {"input_moment": np.eye(2), "cross_moment": np.array([[1.0, 0.0]]), "output_moment": np.eye(1)}
    assert Task("good", **good).best_loss == 0.0
    refused(lambda: Task("bad", **(good | fields)), *words)


def test_loss_of_a_wrong_map():
    task = Task.from_spectrum([1.0, 2.0])
    refused(lambda: task.loss(np.eye(3)), "P", "(3, 3)", "(2, 2)")
    refused(lambda: task.loss([[np.nan, 0], [0, 0]]), "P", "nan")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hierarchy(levels=1), ("levels", "at least 2")),
        (lambda: hierarchy(branching=1), ("branching", "at least 2")),
        (lambda: hierarchy(levels=10**9), ("levels", "4096 leaves")),
        (lambda: teacher(n_inputs=0), ("n_inputs", "at least 1")),
        (lambda: teacher(rank=6), ("rank", "6", "at most")),
        (lambda: teacher(noise=-1.0), ("noise", "-1.0")),
        (lambda: teacher(noise=[1.0, 2.0]), ("noise", "one standard deviation")),
        (lambda: teacher(input_spectrum=[1.0, 2.0]), ("input_spectrum", "20 inputs")),
        (lambda: teacher(input_spectrum=0.0), ("input_spectrum", "positive")),
        (lambda: teacher(n_samples=0), ("n_samples", "at least 1")),
        (lambda: teacher(seed=-1), ("seed", "-1")),
        (lambda: teacher(seed="a"), ("seed", "'a'")),
    ],
)
def test_synthetic(call, words):
    refused(call, *words)
