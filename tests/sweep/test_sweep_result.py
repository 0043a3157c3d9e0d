"""What is in a store: the numbers of single runs, whatever did them, with labels, reasons and quantiles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sweep_helpers import same

import fa_dynamics as fa
from fa_dynamics.errors import InputError
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.sweep import layout as layout_module
from fa_dynamics.sweep import open_sweep, read_spec, sweep
from fa_dynamics.sweep import solvers as solvers_module
from fa_dynamics.sweep import store as store_module
from fa_dynamics.sweep.layout import Layout, block_shape, lay_out
from fa_dynamics.sweep.store import Store

TASK = {"spectrum": [3.0, 1.0]}


def test_runs_are_those_of_simulate(tmp_path):
    names = ["mode_strength", "loss", "learning_times", "weight_alignment", "update_alignment", "effective_rank"]
    names += ["interlayer_alignment", "balancedness", "share_outside_modes", "weights", "rank_correlation"]
    names += ["invariant_drift", "singular_values"]
    spec = {
        "task": TASK,
        "fixed": {"t_end": 3.0, "t_eval": [1.0, 3.0], "start": fa.starts.Gaussian(0.5)},
        "grid": {"rule": [fa.FeedbackAlignment(), "kp"], "hidden": [4, [3, 5]]},
        "draws": 2,
        "record": names,
        "level": 0.7,
    }
    result = sweep(spec, store=tmp_path / "all.zarr")
    data = result.data
    assert data["hidden"].values.tolist() == ["4", "3,5"]
    assert result.counts == {"completed": 8}
    np.testing.assert_array_equal(data["target"], [3.0, 1.0])
    for rule, hidden, draw in ((0, 0, 1), (1, 1, 0)):
        at = data.isel(rule=rule, hidden=hidden, draw=draw)
        run = fa.simulate(
            fa.Task.from_spectrum([3.0, 1.0]),
            [4, [3, 5]][hidden],
            ["fa", "kp"][rule],
            fa.starts.Gaussian(0.5),
            t_end=3.0,
            t_eval=[1.0, 3.0],
            seed=int(at["seed"]),
        )
        depth = run.depth
        for name in names[:2] + names[5:6] + names[8:9]:
            np.testing.assert_array_equal(at[name], getattr(run, name))
        np.testing.assert_array_equal(at["learning_times"], run.learning_times(0.7))
        assert float(at["rank_correlation"]) == run.order(0.7).rank_correlation
        np.testing.assert_array_equal(at["update_alignment"][:, :depth], run.update_alignment)
        np.testing.assert_array_equal(at["weight_alignment"][:, : depth - 1], run.weight_alignment)
        np.testing.assert_array_equal(at["balancedness"][:, : depth - 1], run.balancedness)
        np.testing.assert_array_equal(at["invariant_drift"], np.max(list(run.invariant_drift.values()), axis=0))
        for layer, weight in enumerate(run.weights, start=1):
            kept = at[f"W_{layer}"].values
            np.testing.assert_array_equal(kept[:, : weight.shape[1], : weight.shape[2]], weight)
            assert np.isnan(kept).sum() == kept.size - weight.size
            values = at["singular_values"].sel(layer=layer).values
            np.testing.assert_array_equal(values[:, : min(weight.shape[1:])], run.singular_values(layer))
        assert np.isnan(at["update_alignment"][:, depth:]).all()


def test_runs_are_those_of_iterate():
    X = np.random.default_rng(0).standard_normal((12, 3))
    task = fa.Task.from_arrays(X, X[:, :2] @ np.diag([1.0, 2.0]))
    fixed = {"n_steps": 20, "batch_size": 4, "record": 5}
    spec = {"solver": "iterate", "task": task, "fixed": fixed, "grid": {"step_size": [0.02, 0.05]}, "draws": 2}
    data = sweep(spec).data
    for i, step_size in enumerate((0.02, 0.05)):
        at = data.isel(step_size=i, draw=1)
        run = iterate(task, step_size=step_size, n_steps=20, batch_size=4, record=5, seed=int(at["seed"]))
        np.testing.assert_array_equal(at["mode_strength"], run.mode_strength)
        np.testing.assert_array_equal(at["times"], run.t)  # no common times: they belong to the step size


def test_runs_are_those_of_solve_modes():
    spec = {
        "solver": "solve_modes",
        "fixed": {"correlation": [2.0, -1.0], "t": {"linspace": [0.0, 2.0, 5]}},
        "grid": {"depth": [1, 2, 3], "curvature": [1.0, 2.0]},
        "record": ["strength", "error", "limit", "learning_times", "weights"],
    }
    data = sweep(spec).data
    at = data.sel(depth=3, curvature=2.0).isel(draw=0)
    curves = fa.solve_modes([2.0, -1.0], 2.0, 3, t=np.linspace(0, 2, 5))
    for name in ("strength", "error", "limit"):
        np.testing.assert_array_equal(at[name], getattr(curves, name))
    np.testing.assert_array_equal(at["weights"], curves.weights)
    np.testing.assert_array_equal(at["target"], [1.0, -0.5])
    assert np.isnan(data["weights"].sel(depth=1).isel(layer=2)).all()


def test_who_does_the_runs_changes_nothing(spec_file):
    spec, alone = spec_file(draws=3), sweep(spec_file(draws=3))
    same(sweep(spec, workers=lambda f, runs: map(f, list(runs)[::-1])), alone)
    with ThreadPoolExecutor(3) as pool:
        same(sweep(spec, workers=pool.map), alone)
    same(sweep(spec, workers=2), alone)


def test_failures_are_kept_with_their_reason_and_tried_again(tmp_path):
    rule = tmp_path / "rule.py"
    rule.write_text(
        "from fa_dynamics.derive import FeedbackAlignment\n\nclass Mine(FeedbackAlignment):\n    name = 'mine'\n\n"
    )
    store = tmp_path / "failed.zarr"
    spec = {
        "task": TASK,
        "fixed": {"t_end": 2.0, "rule": f"{rule}:Mine"},
        "grid": {"hidden": [2, 3]},
        "draws": 2,
    }
    from fa_dynamics.sweep.solvers import run_plan as real

    def fragile(plan, *rest):
        if plan.sizes[1] == 3:
            raise ValueError("no\nluck")
        return real(plan, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solvers_module, "run_plan", fragile)
        result = sweep(spec, store=store)
        assert result.counts == {"completed": 2, "failed": 2}
        first, second = result.failures()
        assert (first["hidden"], first["draw"], second["draw"]) == (3, 0, 1)
        assert (first["status"], first["reason"]) == ("failed", "ValueError: no luck")
        assert np.isnan(result.data["loss"].sel(hidden=3)).all()
        assert int(result.summary()["completed"].sel(hidden=3)) == 0
        assert np.isnan(result.summary()["learning_times"].sel(hidden=3)).all()
    assert sweep(spec, store=store).counts == {"completed": 2, "failed": 2}
    repaired = sweep(spec, store=store, retry_failed=True)
    same(repaired, sweep(spec))
    rule.write_text(rule.read_text() + "    # another rule\n")
    with pytest.raises(InputError, match="holds another sweep: files was"):
        sweep(spec, store=store)


def test_a_run_that_diverges_is_a_result():
    spec = {"solver": "iterate", "task": TASK, "fixed": {"step_size": 5.0, "n_steps": 400}, "record": ["loss"]}
    result = sweep(spec)
    assert set(result.counts) <= {"diverged", "non-finite"}
    assert np.isfinite(result.data["loss"][0, :3]).all()
    assert np.isnan(result.data["loss"][0, -1])
    assert result.failures()[0]["reason"]


@pytest.mark.parametrize("room", [1, 2, 3, 5, 7, 12, 40, 1000])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4), (3, 1), (1, 1), (1, 6, 1)])
def test_blocks_are_consecutive_runs_and_chunks(room, shape, monkeypatch):
    monkeypatch.setattr(layout_module, "BLOCK_RUNS", room)
    spec = read_spec({"task": TASK, "fixed": {"t_end": 1.0}, "draws": shape[-1], "grid": _axes(shape[:-1])})
    block = block_shape(spec, Layout({}, {}, {}))
    store = Store(None, None, spec.shape, block, ())
    covered = np.zeros(spec.shape, dtype=int)
    for runs in {store.block_of(run) for run in range(store.runs)}:
        assert all(store.block_of(run) == runs for run in runs)
        region = store.region(runs)
        covered[region] += 1
        assert covered[region].size == len(runs) <= max(1, room)
        for part, size in zip(region, block, strict=True):
            assert part.start % size == 0
            assert part.stop - part.start <= size
    assert (covered == 1).all()


def _axes(shape):
    names = ("hidden", "rtol")
    values = ([1, 2, 3, 4, 5, 6], [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8])
    return {name: own[:size] for name, own, size in zip(names, values, shape, strict=False)}


def test_quantiles_are_by_rank():
    fixed = {"t_end": 1.0, "t_eval": [1.0]}
    result = sweep({"task": TASK, "fixed": fixed, "grid": {"rule": ["fa", "bp"], "hidden": [3, 6]}, "draws": 7})
    summary = result.summary(levels=[0.0, 0.1, 0.5, 0.9, 1.0])
    assert summary["learning_times"].dims == ("rule", "hidden", "quantile", "mode")
    expected = np.quantile(
        result.data["learning_times"].values, [0.0, 0.1, 0.5, 0.9, 1.0], axis=2, method="inverted_cdf"
    )
    np.testing.assert_array_equal(summary["learning_times"], np.moveaxis(expected, 0, 2))
    assert np.isinf(summary["learning_times"]).any()  # too early for some
    assert (summary["completed"] == 7).all()
    with pytest.raises(InputError, match="levels"):
        result.summary(levels=[2.0])


def test_figures(spec_file):
    from fa_dynamics.plots.sweep import plot_sweep

    result = sweep(spec_file(draws=4))
    figure = result.plot()
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("rule fa", "rule bp")
    assert left.get_xlabel() == "hidden"
    assert left.get_ylabel() == "learning times (1 / curvature)"
    line = left.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), [3, 6])
    median = result.summary()["learning_times"].sel(rule="fa", quantile=0.5, mode=1)
    np.testing.assert_array_equal(line.get_ydata(), median)
    assert len(result.plot("loss").axes) == 4
    assert len(result.plot("loss", x="hidden").axes) == 2
    assert len(plot_sweep(result.data, "rank_correlation", "rule").axes) == 2
    with pytest.raises(InputError, match="x: 'widths' given"):
        result.plot(x="widths")
    with pytest.raises(InputError, match="observable: 'lost' was not recorded; did you mean 'loss'"):
        result.plot("lost")


def test_stores_of_others_are_left_alone(spec_file, tmp_path):
    spec, store = spec_file(draws=1), tmp_path / "store.zarr"
    sweep(spec, store=store)
    with pytest.raises(InputError, match=r"holds another sweep: draws was 1, now 2; name another store"):
        sweep(spec_file(draws=2), store=store)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for path, message in (("mine", "exists and is no store of a sweep"), ("mine/thesis.tex", "is a file")):
        with pytest.raises(InputError, match=message):
            sweep(spec, store=tmp_path / path)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="is no store of a sweep"):
        open_sweep(tmp_path / "mine")


def test_other_versions_are_refused(spec_file, tmp_path, monkeypatch):
    spec, store = spec_file(draws=1), tmp_path / "store.zarr"
    sweep(spec, store=store)
    monkeypatch.setattr(store_module, "versions", lambda: {"numpy": "0.1"})
    with pytest.raises(InputError, match=r"was begun with .*the same numbers cannot be promised"):
        sweep(spec, store=store)


def test_an_open_store_reads_when_used(spec_file, tmp_path):
    store = tmp_path / "lazy.zarr"
    sweep(spec_file(draws=2), store=store)
    result = open_sweep(store)
    assert not result.data["loss"].variable._in_memory
    assert result.complete
    assert "20 runs" not in repr(result)
    assert repr(result).startswith("Sweep of simulate: 2 rule x 2 hidden x 2 draw")


def test_memory_of_layout_only_depends_on_points(spec_file):
    few, many = (lay_out(read_spec(spec_file(draws=draws))) for draws in (2, 2000))
    assert few.sizes == many.sizes
