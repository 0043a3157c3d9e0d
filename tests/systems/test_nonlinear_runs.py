"""Front doors of nonlinear networks: results, endings, files, classification, and one-line errors."""

import numpy as np
import pytest
import xarray
from typed_networks import typed_task

from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.starts import Gaussian
from fa_dynamics.systems.classification import accuracy, classes, digits, split
from fa_dynamics.systems.losses import find_loss
from fa_dynamics.systems.network import simulate_network
from fa_dynamics.systems.network_iterate import iterate_network
from fa_dynamics.tasks import Task

SHORT = {"t_end": 0.5, "t_eval": np.linspace(0, 0.5, 6)}


@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
def test_linear_networks_follow_the_linear_simulation(rule):
    """The same seed, start and feedback through two independent vector fields and one solver."""
    task = typed_task(0, n_samples=9)
    options = SHORT | {"start": Gaussian(0.5), "seed": 4, "decay": (0.1, 0.2, 0.0)}
    linear = simulate(task, (4, 5), rule, **options)
    network = simulate_network(task, (4, 5), "linear", rule, **options)
    for own, other in zip(network.weights, linear.weights, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-9)
    np.testing.assert_allclose(network.loss, linear.loss, rtol=1e-8)
    np.testing.assert_allclose(network.update_alignment, linear.update_alignment, atol=1e-7)
    np.testing.assert_allclose(network.weight_alignment, linear.weight_alignment, atol=1e-8)


@pytest.mark.parametrize("rule", ["fa", "kp"])
def test_small_steps_approach_the_flow(rule):
    task = typed_task(1)
    flow = simulate_network(task, 6, "tanh", rule, biases=True, **SHORT)
    errors = []
    for steps in (100, 200):
        run = iterate_network(task, 6, "tanh", rule, biases=True, step_size=0.5 / steps, n_steps=steps, records=6)
        np.testing.assert_allclose(run.t, flow.t, rtol=1e-12)
        errors.append(max(np.abs(a - b).max() for a, b in zip(run.weights, flow.weights, strict=True)))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_batches_and_epochs():
    task = typed_task(2, n_samples=10)
    run = iterate_network(task, 4, step_size=0.01, epochs=3, batch_size=4, records=7)
    assert run.solver["steps"] == 6  # two full batches an epoch
    np.testing.assert_allclose(run.t, 0.01 * np.arange(7))
    again = iterate_network(task, 4, step_size=0.01, epochs=3, batch_size=4, records=7)
    other = iterate_network(task, 4, step_size=0.01, epochs=3, batch_size=4, records=7, seed=1)
    np.testing.assert_array_equal(run.weights[0], again.weights[0])
    assert np.abs(run.weights[0] - other.weights[0]).max() > 1e-3
    whole = iterate_network(task, 4, step_size=0.01, n_steps=6, batch_size=10)
    plain = iterate_network(task, 4, step_size=0.01, n_steps=6)
    np.testing.assert_array_equal(whole.weights[1], plain.weights[1])
    assert iterate_network(task, 4, step_size=0.01, n_steps=2, ledger=False).explained_drift is None


def test_alignment_of_aligned_starts():
    task = typed_task(3)
    first = simulate_network(task, 4, "relu", "fa", t_end=0.1)
    aligned = simulate_network(task, 4, "relu", "fa", start=[first.weights[0][0], first.feedback["B_2"].T], t_end=0.1)
    np.testing.assert_allclose(aligned.weight_alignment[0], 1)
    np.testing.assert_allclose(aligned.update_alignment[0], 1)
    assert abs(first.weight_alignment[0, 0]) < 0.99
    np.testing.assert_allclose(first.update_alignment[:, 1], 1)  # the last layer gets the true gradient
    direct = simulate_network(task, (4, 4), "tanh", "dfa", t_end=0.1)
    assert np.isnan(direct.weight_alignment[:, 0]).all()
    assert np.isfinite(direct.weight_alignment[:, 1]).all()


def test_files_and_repr(tmp_path):
    task = typed_task(4, "softmax", n_samples=9)
    run = iterate_network(
        task, 4, "relu", "kp", "softmax", step_size=0.1, n_steps=10, biases=True, test=task, records=3
    )
    path = run.save(tmp_path / "run.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["W_1"], run.weights[0])
        np.testing.assert_array_equal(data["B_2"], run.feedback["B_2"])
        np.testing.assert_allclose(data["test_accuracy"], data["accuracy"])
        np.testing.assert_allclose(data["explained_drift_1"], data["neuron_drift_1"], atol=1e-13)
        assert all({"description", "units"} <= set(data[name].attrs) for name in data.data_vars)
        assert data.attrs["activation"] == "relu"
    text = repr(run)
    for part in ("'kp'", "3-4-3", "relu", "softmax", "biases", "completed", "accuracy", "test", "a law of the flow"):
        assert part in text
    with pytest.raises(InputError, match=r"^path: .* ends in \.nc"):
        run.save(tmp_path / "run.txt")


def test_endings():
    task = typed_task(5)
    with pytest.warns(IntegrationWarning, match="lower the step size"):
        run = iterate_network(task, 4, "squared-relu", step_size=5.0, n_steps=100)
    assert run.status in ("diverged", "non-finite")
    assert len(run.t) == len(run.weights[0])
    assert "diverged" in repr(run) or "non-finite" in repr(run)


def test_accuracy_typed():
    targets = np.eye(3)[[0, 1, 2, 2]]
    outputs = np.array([[3, 1, 0], [0, 1, 5], [0, 0, 1], [1, 2, 3]])
    assert accuracy(outputs, targets) == 0.75
    assert accuracy(np.array([[0.2], [-3.0]]), np.array([[1.0], [1.0]])) == 0.5
    assert classes(np.array([[0.5, 0.5]])) is None
    assert np.isnan(accuracy(outputs[:1], np.array([[0.2, 0.3, 0.5]])))


def test_digits_are_split_by_class():
    train, test = digits(0.25, 3)
    assert train.n_samples + test.n_samples == 1797
    assert train.inputs.min() == 0
    assert train.inputs.max() == 1
    for part in (train, test):
        assert set(np.unique(part.targets)) == {0, 1}
        np.testing.assert_array_equal(part.targets.sum(axis=1), 1)
    whole = train.targets.sum(axis=0) + test.targets.sum(axis=0)
    np.testing.assert_array_equal(test.targets.sum(axis=0), np.round(0.25 * whole))
    again, other = digits(0.25, 3)[1], digits(0.25, 4)[1]
    np.testing.assert_array_equal(test.inputs, again.inputs)
    assert not np.array_equal(test.inputs, other.inputs)
    rows = {row.tobytes() for row in train.inputs}
    assert sum(row.tobytes() in rows for row in test.inputs) <= 2  # some images are there twice


def test_splits_that_cannot_be():
    labels = np.array([1.0, 1, 1, 1, -1, -1])[:, None]
    task = Task.from_arrays(np.arange(12.0).reshape(6, 2), labels)
    train, test = split(task, 0.5)
    assert sorted(test.targets.ravel()) == [-1, 1, 1]
    assert train.n_samples == 3
    with pytest.raises(InputError, match=r"^test_fraction: 0.1 of the 2 samples of class '0' leaves none for test"):
        split(task, 0.1)
    with pytest.raises(InputError, match=r"leaves none for training"):
        split(task, 0.9)
    for bad in (0, 1, -0.5, np.nan, "half", True):
        with pytest.raises(InputError, match=r"^test_fraction: .* expected a number between 0 and 1$"):
            split(task, bad)
    with pytest.raises(InputError, match="are no classes"):
        split(typed_task(0))
    with pytest.raises(InputError, match="no samples"):
        split(Task.from_spectrum([1.0]))


GOOD = {"task": typed_task(0), "hidden": 4, "t_end": 1.0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hidden": 0}, r"hidden: 0 given, expected whole numbers >= 1"),
        ({"hidden": (4, 0.5)}, r"hidden: .* expected whole numbers >= 1"),
        ({"activation": "rellu"}, r"activation: .*did you mean 'relu'"),
        ({"activation": "relu:3"}, r"activation: no activation is called 'relu:3'"),
        ({"activation": "leaky-relu:x"}, r"activation: .* as in 'leaky-relu:0.2'"),
        ({"activation": 3}, r"activation: 3 given"),
        ({"loss": "softmx"}, r"loss: .*did you mean 'softmax'"),
        ({"loss": "softmax"}, r"loss: 'softmax' with the target .* expected one-hot rows"),
        ({"loss": "logistic"}, r"loss: 3 outputs given, expected one output with labels -1 and \+1"),
        ({"loss": "logistic", "task": typed_task(0, n_outputs=1)}, r"loss: the label .* of sample 0 given"),
        ({"loss": "softmax", "task": typed_task(0, "logistic")}, r"loss: 'softmax' with 1 output given"),
        ({"task": Task.from_spectrum([2.0, 1.0])}, r"task: 'spectrum' has second moments only"),
        ({"task": 3}, r"task: int given, expected a Task"),
        ({"test": typed_task(0, n_outputs=2)}, r"test: 3 inputs and 2 outputs given, expected 3 and 3"),
        ({"rule": "fb"}, r"rule: no rule is called 'fb'"),
        ({"biases": "no"}, r"biases: given 'no'; expected True or False"),
        ({"decay": -1}, r"decay: -1 given"),
        ({"t_end": 0}, r"t_end: 0 given"),
        ({"rtol": 1e-16}, r"rtol: 1e-16 given"),
        ({"rtol": "tight"}, r"rtol: 'tight' given"),
        ({"method": "RK4"}, r"method: no method is called 'RK4'"),
        ({"start": [[[1.0]]]}, r"start: 1 matrices given, expected 2"),
        ({"seed": -1}, r"seed: -1 given"),
    ],
)
def test_bad_use_is_one_line(given, words):
    with pytest.raises(InputError, match=f"^{words}") as caught:
        simulate_network(**(GOOD | given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"step_size": 0}, r"step_size: 0 given"),
        ({"momentum": 1}, r"momentum: 1 given, expected a number from 0 to below 1"),
        ({"n_steps": None}, r"n_steps: give either n_steps or epochs"),
        ({"epochs": 3}, r"n_steps: give either n_steps or epochs"),
        ({"batch_size": 8}, r"batch_size: 8 given, expected at most the 7 samples"),
        ({"batch_size": 0}, r"batch_size: given 0"),
        ({"n_steps": 1.5}, r"n_steps: given 1.5"),
        ({"records": 1}, r"records: given 1"),
    ],
)
def test_bad_steps_are_one_line(given, words):
    with pytest.raises(InputError, match=f"^{words}"):
        iterate_network(typed_task(0), 4, **({"step_size": 0.1, "n_steps": 5} | given))


def test_bad_scales():
    for bad in (0, -1.0, np.inf, np.nan, True, "1"):
        with pytest.raises(InputError, match=r"^scale: .* expected a finite number > 0$"):
            find_loss("squared").of_scaled_output(bad)
