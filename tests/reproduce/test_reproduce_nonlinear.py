"""Experiments on nonlinear networks: small versions, with opinions typed here beside their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from fa_dynamics.errors import InputError
from fa_dynamics.randomness import stream
from fa_dynamics.reproduce import nonlinear_conservation, reproduce
from fa_dynamics.reproduce.nonlinear_conservation import drifts
from fa_dynamics.reproduce.nonlinear_kernel import INPUTS, SAMPLES, STEP, learn_wide, unit_sphere_task


def described(data):
    return all({"description", "units"} <= set(data[name].attrs) for name in data.data_vars)


@pytest.fixture(scope="module")
def multiclass():
    return reproduce("robertson2024-multiclass", mixtures=(0.0, 1.0), seeds=3)


def by(records, **where):
    (found,) = [record for record in records if all(record[key] == value for key, value in where.items())]
    return found


def test_better_aligned_starts_classify_better(multiclass):
    accuracy = [by(multiclass.records, start=f"FA, a = {a}", quantity="test accuracy") for a in (0, 1)]
    assert accuracy[1]["ours"] > accuracy[0]["ours"] + 0.02
    assert accuracy[0]["recorded"] == 0.884
    assert all(abs(each["ours"] - each["recorded"]) < 3 * each["spread"] + 0.01 for each in accuracy)
    weights = "initial weight alignment, mean of layers"
    assert by(multiclass.records, start="FA, a = 1", quantity=weights)["ours"] == pytest.approx(1)
    assert abs(by(multiclass.records, start="FA, a = 0", quantity=weights)["ours"]) < 0.1
    update = "final update alignment, layer 1"
    assert by(multiclass.records, start="BP, a = 1", quantity=update)["ours"] == pytest.approx(1)
    final = by(multiclass.records, start="FA, a = 0", quantity=update)
    assert final["ours"] > 0.2  # it aligns by itself
    for record in multiclass.records:
        if record["quantity"] == "largest unexplained drift":
            assert record["largest"] < 1e-13
    smallest = multiclass.dataset["smallest_drift"].sel(start=["FA, a = 0", "FA, a = 1"])
    assert float(smallest.min()) > -1e-13


def test_multiclass_figure_and_files(multiclass):
    assert described(multiclass.dataset)
    figure = multiclass.figure()
    assert isinstance(figure, Figure)
    assert all("(" in axes.get_xlabel() and "(" in axes.get_ylabel() for axes in figure.axes)
    other = reproduce("robertson2024-multiclass", mixtures=(0.0,), seeds=2, epochs=1, batch_size=200)
    assert all(record["recorded"] is None for record in other.records)  # recorded for another setting
    assert "ahead in 0 of 2" in other.sentences[2]


def test_wide_network_typed():
    """The first steps, the kernel and the bound of a wide network from formulas typed here."""
    width, seed = 60, 2
    run = learn_wide("tanh", width, seed, 3)
    task = unit_sphere_task(seed)
    x, y = task.inputs, task.targets[:, 0]
    assert x.shape == (SAMPLES, INPUTS)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1)
    rng = stream(seed, "start")
    w, v = rng.standard_normal((width, INPUTS)), rng.standard_normal((1, width))[0]
    b = stream(seed, "feedback").standard_normal((width, 1))[:, 0]
    for step in range(4):
        h = np.tanh(x @ w.T)
        r = h @ v / np.sqrt(width) - y
        assert run.residual[step] == pytest.approx(np.linalg.norm(r), rel=1e-10)
        if step == 0:
            kernel = h @ h.T / width
            assert run.smallest == pytest.approx(np.linalg.eigvalsh(kernel)[0], rel=1e-9)
        moved_w = np.einsum("s,k,sk,sj->kj", r, b, 1 - h**2, x) / np.sqrt(width)
        v, w = v - STEP * h.T @ r / np.sqrt(width), w - STEP * moved_w
        if step == 2:
            assert run.cosine[-1] == pytest.approx(v @ b / np.linalg.norm(v) / np.linalg.norm(b), rel=1e-9)
    assert run.bound[2] == pytest.approx(run.residual[0] * (1 - 0.05 * run.smallest) ** 2)


def test_chunks_are_one_run():
    """A look at the weights in between changes nothing."""
    long = learn_wide("relu", 50, 1, 70)
    assert long.looks.tolist() == [0, 50, 70]
    assert len(long.residual) == 71
    short = learn_wide("relu", 50, 1, 20)
    np.testing.assert_allclose(long.residual[:21], short.residual, rtol=1e-12)


def test_wide_networks_do_not_align():
    found = reproduce("song2021-nonlinear", widths=(40, 200, 800), draws=3, steps=300)
    for activation in ("tanh", "relu"):
        rises = [by(found.records, activation=activation, width=width)["rise"] for width in (40, 200, 800)]
        assert rises[0] > 2 * rises[1] > 4 * rises[2] / 1.5
        for width in (200, 800):
            record = by(found.records, activation=activation, width=width)
            assert record["draws_within_bound"] == 3
            assert record["final_residual"] < 0.05
    assert described(found.dataset)
    assert (found.dataset["residual"] <= found.dataset["bound"] * (1 + 1e-12)).sel(width=800).all()
    figure = found.figure()
    assert len(figure.axes) == 3
    with pytest.raises(InputError, match=r"^widths: .* expected whole numbers from 20 to 20000$"):
        reproduce("song2021-nonlinear", widths=(10,))


def test_laws_of_every_activation_and_rule(monkeypatch):
    monkeypatch.setattr(nonlinear_conservation, "TIMES", 41)  # only the integral of the defect gains by more; see below
    found = reproduce("robertson2024-laws", t_end=0.2)
    flows = [record for record in found.records if "matrix_drift" in record]
    assert len(flows) == 50
    assert all(record["agrees"] for record in flows if record["status"] == "completed")
    assert sum(record["status"] == "completed" for record in flows) >= 45
    for record in flows:
        expected = {"tanh": "no no"}.get(record["activation"], "yes yes")
        if record["rule"] == "dfa" and record["activation"] not in ("linear", "tanh"):
            expected = "no yes"
        assert record["law_predicted"] == expected
        if record["activation"] == "linear":
            assert record["matrix_drift"] is None or record["matrix_drift"] < 1e-7
        elif record["matrix_drift"] is not None:
            assert record["matrix_drift"] > 1e-3
        if record["step_unexplained"] is not None:
            assert record["step_unexplained"] < 1e-12 * max(1, record["step_drift"])
    narrow, wide = (by(found.records, rule=f"dfa {word}") for word in ("bottleneck", "wide"))
    assert narrow["neuron_drift"] > 1e3 * wide["neuron_drift"]
    assert described(found.dataset)
    assert len(found.figure().axes) == 4


def test_defects_integrate_to_drifts():
    """tanh: the drift of a neuron is minus the integral of the pointwise defect, better with a finer grid."""
    found = drifts("tanh", "fa", True, 1, 0.3)
    assert max(found.neuron) > 1e-3
    assert max(found.unintegrated) < 1e-5 * max(found.neuron)
