"""Endings of iterated runs, what is recorded, files, and bad input."""

import matplotlib as mpl
import numpy as np
import pytest
from typed_flows import draw

import fa_dynamics as fa
from fa_dynamics.flows.iterate import iterate

mpl.use("Agg")

TASK = fa.Task.from_spectrum([2.0, 1.0])


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (None, range(11)),
        (3, [0, 5, 10]),
        (1, [10]),
        (100, range(11)),
        (2, [0, 10]),
        ([0, 1, 7], [0, 1, 7]),
        (np.array([4]), [4]),
    ],
)
def test_recorded_steps(record, kept):
    run = iterate(TASK, 2, "fa", step_size=0.1, n_steps=10, record=record)
    np.testing.assert_array_equal(run.steps.number, kept)
    assert len(run.t) == len(run.weights[0]) == len(run.explained_drift["Q_1"])
    assert len(run.curve.values) == 11


@pytest.mark.parametrize("count", [2, 7, 200, 201, 202])
def test_equally_spaced_records_have_their_number(count):
    run = iterate(TASK, 1, "fa", step_size=0.001, n_steps=1000, record=count)
    assert len(run.t) == count
    assert run.steps.number[0] == 0
    assert run.steps.number[-1] == 1000


def test_a_step_that_is_too_large_diverges_by_name():
    with pytest.warns(fa.IntegrationWarning, match=r"^diverged: at step \d+ .*lower the step size"):
        run = iterate(TASK, 4, "fa", "gaussian:0.5", step_size=3.0, n_steps=1000)
    assert run.status in ("diverged", "non-finite")
    assert run.solver["steps"] < 1000
    assert f"step {run.solver['steps']}" in repr(run)
    assert len(run.t) == len(run.loss)
    run.plot_modes()


def test_weights_beyond_numbers_are_named():
    with pytest.warns(fa.IntegrationWarning, match="^non-finite: at step 1 "):
        run = iterate(TASK, 2, "fa", "gaussian:1e200", step_size=1.0, n_steps=10)
    assert len(run.t) == 1
    assert np.isfinite(run.weights[0]).all()
    repr(run)


@pytest.mark.parametrize("batch", [None, 3])
def test_ctrl_c_keeps_what_is_there(batch, tmp_path):
    problem = draw(3, (3, 4, 2))

    def stop(fraction):
        if fraction > 0.4:
            raise KeyboardInterrupt

    with pytest.warns(fa.IntegrationWarning, match="^interrupted: stopped by hand after step"):
        run = iterate(problem.task, 4, "fa", step_size=0.01, n_steps=1000, batch_size=batch, progress=stop)
    whole = iterate(problem.task, 4, "fa", step_size=0.01, n_steps=1000, batch_size=batch)
    assert 400 < run.solver["steps"] < 420
    count = len(run.t)
    assert run.steps.number[-1] == run.solver["steps"] // 5 * 5
    np.testing.assert_array_equal(run.weights[1], whole.weights[1][:count])
    np.testing.assert_array_equal(run.unexplained_drift["Q_1"], whole.unexplained_drift["Q_1"][:count])
    np.testing.assert_array_equal(run.curve.values, whole.curve.values[: run.solver["steps"] + 1])
    assert repr(fa.load(run.save(tmp_path / "run.nc"))) == repr(run)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp", "sign"])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 3, 2)], ids=str)
def test_round_trip(rule, sizes, momentum, tmp_path):
    problem = draw(4, sizes)
    run = iterate(
        problem.task,
        problem.hidden,
        rule,
        problem.weights,
        problem.feedback(rule),
        step_size=0.02,
        n_steps=30,
        batch_size=4,
        momentum=momentum,
        record=7,
    )
    back = fa.load(run.save(tmp_path / "run.nc"))
    assert repr(back) == repr(run)
    for name in ("t", "loss", "mode_strength", "update_alignment", "weight_alignment", "balancedness"):
        np.testing.assert_array_equal(getattr(run, name), getattr(back, name), err_msg=name)
    np.testing.assert_array_equal(run.steps.number, back.steps.number)
    np.testing.assert_array_equal(run.curve.values, back.curve.values)
    np.testing.assert_array_equal(run.learning_times(), back.learning_times())
    for kind in ("explained_drift", "unexplained_drift", "invariant_drift"):
        one, two = getattr(run, kind), getattr(back, kind)
        assert list(one) == list(two)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    for name in ("step_size", "momentum", "batch_size", "left_out"):
        assert getattr(run.steps, name) == getattr(back.steps, name)


def test_flows_have_no_steps():
    run = fa.simulate(TASK, 2, "fa", t_end=1.0)
    assert run.steps is None
    assert dict(run.explained_drift) == dict(run.unexplained_drift) == {}
    assert "step_number" not in run.to_xarray()


def test_figures():
    run = iterate(TASK, 2, "fa", "gaussian:0.3", step_size=0.05, n_steps=100)
    for plot in (run.plot_modes, run.plot_loss, run.plot_alignment, run.plot_singular_values):
        assert plot().get_xlabel()
    import matplotlib.pyplot as plt

    plt.close("all")


BAD = {
    "step_size": [0, -1.0, np.nan, np.inf, "small", None, True],
    "n_steps": [0, -1, 1.5, None, "many", True, 10**12],
    "momentum": [-0.1, 1.0, 2, np.nan, "heavy", None, True, 1j],
    "batch_size": [1, 0, 2.5, "all", True],  # a population has no samples
    "record": [0, -1, [11], [-1], [2, 1], [1, 1], [], [0.5], "all", True, [[1]], [[1], [2, 3]]],
    "decay": [-0.1, [0.1] * 5, "some"],
    "task": ["digits", None],
    "hidden": [0, "ab"],
    "rule": ["fb"],
    "start": ["gausian"],
    "feedback": ["gausian"],
    "seed": [-1, 1.5],
    "progress": [3, "yes"],
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [pytest.param(argument, value, id=f"{argument}-{value!r}"[:50]) for argument in BAD for value in BAD[argument]],
)
def test_bad_input_names_the_argument(argument, value):
    arguments = {"task": TASK, "hidden": 2, "step_size": 0.1, "n_steps": 10} | {argument: value}
    with pytest.raises(fa.InputError) as caught:
        iterate(**arguments)
    assert str(caught.value).startswith(f"{argument}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, -1, 10, 2.5, True, "all"])
def test_batches_fit_the_samples(size):
    problem = draw(1, (3, 2))  # 9 samples
    with pytest.raises(fa.InputError, match=r"^batch_size: .* expected a whole number from 1 to 9"):
        iterate(problem.task, (), "fa", step_size=0.1, n_steps=2, batch_size=size)
