"""A grid over any argument, against calls of the function itself."""

from __future__ import annotations

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.sweep import sweep
from fa_dynamics.sweep.solvers import parameters_of

X = np.random.default_rng(0).standard_normal((12, 2))
EYE = [[1.0, 0.0], [0.0, 1.0]]
FIXED = {
    "simulate": {"hidden": 2, "t_end": 1.0, "t_eval": [0.5], "rtol": 1e-4, "atol": 1e-6},
    "iterate": {"hidden": 2, "step_size": 0.1, "n_steps": 4},
    "solve_modes": {"correlation": [2.0, 1.0], "t": [0.0, 1.0], "start": 0.1},
}
VALUES = {
    "simulate": {
        "hidden": [2, [2, 3], []],
        "rule": ["bp", "fa", "dfa", "sign", "kp"],
        "start": ["gaussian:0.1", "zero", [EYE, EYE]],
        "feedback": ["gaussian:1", "orthogonal", [EYE]],
        "t_end": [0.5, 1.0],
        "decay": [0.0, 0.1, [0.1, 0.2]],
        "method": ["RK45", "DOP853"],
        "rtol": [1e-3, 1e-5],
        "atol": [1e-3, 1e-6],
        "t_eval": [[0.1, 0.5], [0.2, 0.3, 0.4]],
        "max_step": [0.1, 0.2],
    },
    "iterate": {
        "hidden": [2, 3],
        "rule": ["bp", "fa"],
        "start": ["gaussian:0.1", "zero"],
        "feedback": ["gaussian:1", "orthogonal"],
        "step_size": [0.1, 0.2],
        "n_steps": [3, 5],
        "momentum": [0.0, 0.5],
        "batch_size": [4, 6],
        "decay": [0.0, 0.1],
        "record": [1, 2, [0, 3]],
    },
    "solve_modes": {
        "correlation": [2.0, [2.0, 1.0]],
        "curvature": [1.0, [1.0, 2.0]],
        "depth": [2, 3],
        "rule": ["fa", "bp", "dfa"],
        "start": [0.1, [0.1, 0.2]],
        "feedback": [1.0, [[1.0, 2.0]]],
        "t": [[0.0, 1.0], [0.0, 1.0, 2.0]],
        "rtol": [1e-4, 1e-10],
        "atol": [1e-4, 1e-13],
    },
}


@pytest.mark.parametrize(("solver", "name"), [(solver, name) for solver in VALUES for name in VALUES[solver]])
def test_any_argument_can_vary(solver, name):
    fixed = {key: value for key, value in FIXED[solver].items() if key != name}
    spec = {"solver": solver, "fixed": fixed, "grid": {name: VALUES[solver][name]}}
    task = fa.Task.from_arrays(X, X @ np.diag([1.0, 2.0]))
    if solver != "solve_modes":
        spec |= {"task": task, "record": ["mode_strength", "end_to_end"]}
    data = sweep(spec).data.isel(draw=0)
    assert (data["status"] == 1).all()
    for index, value in enumerate(VALUES[solver][name]):
        at, own = data.isel({name: index}), {**fixed, name: value}
        if solver == "solve_modes":
            pairs = [(at["strength"], fa.solve_modes(**own).strength)]
        else:
            run = getattr(fa, solver)(task, **own, seed=int(at["seed"]), progress=False)
            pairs = [(at["mode_strength"], run.mode_strength), (at["end_to_end"], run.end_to_end)]
        for kept, expected in pairs:
            np.testing.assert_array_equal(kept.values[tuple(map(slice, expected.shape))], expected)
            assert np.isnan(kept.values).sum() == kept.size - expected.size


@pytest.mark.parametrize("solver", VALUES)
def test_no_argument_is_left_out(solver):
    assert set(VALUES[solver]) == set(parameters_of(solver))


@pytest.mark.parametrize("record", ["learning_times", "loss"])
def test_runs_watch_what_is_found_between_steps_only_if_it_is_kept(record, monkeypatch):
    from fa_dynamics.sweep import solvers

    told, real = [], solvers.run_plan

    def spy(plan, progress, watch):
        told.append(watch)
        return real(plan, progress, watch)

    monkeypatch.setattr(solvers, "run_plan", spy)
    sweep({"task": {"spectrum": [2.0, 1.0]}, "fixed": FIXED["simulate"], "record": record})
    assert told == [record == "learning_times"]
