"""Tasks by name: facts about the real data, the tree and the teacher."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fa_dynamics import tasks
from fa_dynamics.errors import InputError


@pytest.fixture(scope="module")
def pixels():
    datasets = pytest.importorskip("sklearn.datasets")
    return datasets.load_digits()


def test_digits_facts(pixels):
    task = tasks.digits()
    assert (task.n_samples, task.n_inputs, task.n_outputs, task.null_directions) == (1797, 61, 64, 3)
    assert np.trace(task.output_moment) == pytest.approx(1.0, rel=1e-12)
    assert task.image_shape == (8, 8)
    assert task.input_map.shape == (61, 64)
    assert task.best_loss == 0.0
    modes = task.modes
    assert modes.jointly_diagonal
    np.testing.assert_allclose(modes.curvature, 1.0, atol=1e-10)
    principal = np.linalg.svd(pixels.data - pixels.data.mean(axis=0), compute_uv=False)[:61]
    np.testing.assert_allclose(modes.target, principal / np.linalg.norm(principal), rtol=1e-10)


def test_digits_labels(pixels):
    task = tasks.digits("labels")
    assert task.output_names == tuple("0123456789")
    np.testing.assert_allclose(task.modes.curvature, 1.0, atol=1e-10)
    assert task.modes.correlation[8] > 0.1
    assert task.modes.correlation[9] == 0.0
    shares = np.bincount(pixels.target) / 1797
    np.testing.assert_allclose(task.output_moment, np.diag(shares) - np.outer(shares, shares), atol=1e-14)


def test_digits_raw(pixels):
    labels = tasks.digits(target="labels", whiten=False)
    assert labels.n_inputs == 64
    assert labels.input_map is None
    assert not labels.modes.jointly_diagonal
    images = tasks.digits(whiten=False)
    assert images.modes.jointly_diagonal
    np.testing.assert_allclose(images.modes.target[:61], images.modes.target[0], rtol=1e-8)
    variances = np.linalg.eigvalsh(np.cov(pixels.data.T, bias=True))[::-1]
    np.testing.assert_allclose(images.modes.curvature, variances, atol=1e-10)


def test_digits_target_is_checked():
    with pytest.raises(InputError, match="target: given 'pixel'; expected 'pixels' or 'labels'"):
        tasks.digits("pixel")


@pytest.mark.parametrize(
    ("name", "samples", "inputs", "outputs"),
    [
        ("iris", 150, 4, 3),
        ("wine", 178, 13, 3),
        ("breast-cancer", 569, 30, 2),
        ("diabetes", 442, 10, 1),
        ("linnerud", 20, 3, 3),
    ],
)
def test_tables(name, samples, inputs, outputs):
    pytest.importorskip("sklearn")
    plain, white = tasks.named(name), tasks.named(name, whiten=True)
    for task in (plain, white):
        assert (task.n_samples, task.n_inputs, task.n_outputs) == (samples, inputs, outputs)
        assert len(task.output_names) == outputs
    np.testing.assert_allclose(np.diag(plain.input_moment), 1.0, rtol=1e-12)
    np.testing.assert_allclose(plain.inputs.mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(plain.targets.mean(axis=0), 0.0, atol=1e-13)
    assert not plain.modes.jointly_diagonal
    assert white.modes.jointly_diagonal
    assert white.best_loss == pytest.approx(plain.best_loss, rel=1e-9)


def test_standardised_targets_have_unit_total_variance():
    pytest.importorskip("sklearn")
    task = tasks.linnerud()
    np.testing.assert_allclose(np.diag(task.output_moment), 1 / 3, rtol=1e-12)
    assert np.trace(tasks.diabetes().output_moment) == pytest.approx(1.0, rel=1e-12)


def test_missing_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r'pip install "fa_dynamics\[data\]"'):
        tasks.iris()


def test_names_and_descriptions():
    assert tuple(tasks.describe()) == tasks.names()
    assert {"digits", "digits-labels", "iris", "breast-cancer", "hierarchy", "teacher"} <= set(tasks.names())
    for name in tasks.names():
        task = tasks.named(name)
        assert task.name == name
        assert "\n" not in tasks.describe()[name]
    assert tasks.named("hierarchy", levels=3).n_inputs == 4
    assert tasks.named("digits-labels", whiten=False).input_map is None


def test_unknown_names_and_options():
    with pytest.raises(InputError, match="did you mean 'digits'"):
        tasks.named("digit")
    with pytest.raises(InputError, match=r"known: .*teacher"):
        tasks.named("zzz")
    with pytest.raises(InputError, match=r"levls: .*did you mean 'levels'"):
        tasks.named("hierarchy", levls=3)
    with pytest.raises(InputError, match="whiten: given 'yes'"):
        tasks.named("iris", whiten="yes")


@pytest.mark.parametrize(("levels", "branching"), [(2, 2), (4, 2), (3, 3), (2, 5)])
def test_hierarchy_modes_follow_the_docstring(levels, branching):
    task = tasks.hierarchy(levels, branching)
    items = branching ** (levels - 1)
    assert task.n_inputs == items
    assert task.n_outputs == (branching**levels - 1) // (branching - 1)
    expected = [np.sqrt((branching**levels - 1) / (branching - 1))]
    for depth in range(levels - 1):
        s = np.sqrt((branching ** (levels - 1 - depth) - 1) / (branching - 1))
        expected += [s] * (branching**depth * (branching - 1))
    modes = task.modes
    assert len(expected) == modes.target.size == items
    np.testing.assert_allclose(modes.target, expected, rtol=1e-12)
    np.testing.assert_allclose(modes.curvature, 1 / items, rtol=1e-12)
    np.testing.assert_allclose(modes.correlation, np.array(expected) / items, rtol=1e-12)
    assert modes.jointly_diagonal
    # Every item has one property per level, the root among them.
    np.testing.assert_array_equal(task.targets.sum(axis=1), levels)
    np.testing.assert_array_equal(task.targets[:, task.output_names.index("root")], 1.0)


def test_teacher_rank_and_streams():
    task = tasks.teacher(8, 6, rank=2, seed=5)
    assert np.count_nonzero(task.modes.correlation) == 2
    assert task.best_loss == 0.0
    np.testing.assert_array_equal(task.cross_moment, tasks.teacher(8, 6, rank=2, seed=5).cross_moment)
    assert not np.array_equal(task.cross_moment, tasks.teacher(8, 6, rank=2, seed=6).cross_moment)
    noiseless, noisy = (tasks.teacher(8, 6, n_samples=40, noise=s, seed=5) for s in (0.0, 0.3))
    np.testing.assert_array_equal(noiseless.inputs, noisy.inputs)
    np.testing.assert_allclose(noiseless.least_squares, tasks.teacher(8, 6, seed=5).least_squares, rtol=1e-9)
    assert np.std(noisy.targets - noiseless.targets) == pytest.approx(0.3, rel=0.15)


def test_teacher_entries_have_variance_one_over_inputs():
    for rank in (None, 3):
        weights = tasks.teacher(100, 80, rank=rank, seed=1).least_squares
        assert np.var(weights) * 100 == pytest.approx(1.0, rel=0.25)


def test_importing_tasks_loads_numpy_only():
    code = (
        "import sys, fa_dynamics.tasks; "
        "print([m for m in ('scipy', 'xarray', 'sklearn', 'pandas', 'sympy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
