"""`simulate` and `tasks`: what goes in, what comes out."""

from __future__ import annotations

import numpy as np
import pytest

import fa_dynamics as fa

EVERY_RULE = ["bp", "fa", "dfa", "sign", "kp"]


def simulated(call, out, *arguments, code=0):
    outcome = call("simulate", *arguments, "--json", "--out", out)
    assert (outcome.code, outcome.err) == (code, "")
    return outcome.json


def test_a_named_task_with_every_rule(call, tmp_path):
    given = ["--task", "hierarchy", "--hidden", "6,6", "--rule", ",".join(EVERY_RULE), "--start", "gaussian:0.3"]
    found = simulated(call, tmp_path, *given, "--t-end", 3)
    assert list(found["rules"]) == EVERY_RULE
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"{r}.nc" for r in EVERY_RULE), "modes.png"])
    for record in found["rules"].values():
        assert record["status"] == "completed"
        assert max(record["invariant_drift"].values()) < 1e-7


def test_the_default_end_lets_the_strong_modes_be_learned(call, tmp_path):
    found = simulated(call, tmp_path, "--task", "digits", "--hidden", 64, "--rule", "fa,bp")
    for record in found["rules"].values():
        assert None not in record["learning_time"][:30]
    for rule, record in found["rules"].items():
        np.testing.assert_array_equal(fa.load(tmp_path / f"{rule}.nc").mode_strength[-1], record["learned"])


@pytest.mark.parametrize(
    "data", ["ok.npz", "X.npy,Y.npy", "ok.nc", "ok.csv --targets y,z", "no_header.csv --targets 3,4"]
)
def test_the_same_data_from_every_kind_of_file(call, files, monkeypatch, tmp_path, data):
    monkeypatch.chdir(files)
    file, *options = data.split()
    common = ["--hidden", 3, "--rule", "fa", "--t-end", 5]
    found = simulated(call, tmp_path / "a", "--data", file, *options, *common)
    expected = simulated(call, tmp_path / "b", "--data", "ok.npz", *common)
    np.testing.assert_allclose(found["rules"]["fa"]["target"], expected["rules"]["fa"]["target"], rtol=1e-12)
    np.testing.assert_allclose(found["rules"]["fa"]["learned"], expected["rules"]["fa"]["learned"], rtol=1e-7)


def test_the_last_column_is_the_target_by_default_and_that_is_said(call, files, tmp_path):
    outcome = call("simulate", "--data", files / "ok.csv", "--hidden", 2, "--t-end", 1, "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "target column: z, the last one" in outcome.out


@pytest.mark.parametrize("file", ["kinds.csv", "labels.npz"])
def test_labels_become_one_hot(call, files, tmp_path, file):
    found = simulated(call, tmp_path, "--data", files / file, "--classes", "--hidden", 3, "--t-end", 1)
    assert len(found["rules"]["fa"]["target"]) == 3


def test_raw_data_stay_as_they_are(call, files, tmp_path):
    given = ["--data", files / "ok.npz", "--hidden", 3, "--t-end", 1, "--rule", "fa"]
    simulated(call, tmp_path, *given, "--raw")
    task = fa.load(tmp_path / "fa.nc").task
    with np.load(files / "ok.npz") as arrays:
        np.testing.assert_allclose(task.input_moment, arrays["X"].T @ arrays["X"] / 30, rtol=1e-12, atol=1e-14)


def test_seeds_reproduce_and_differ(call, tmp_path):
    given = ["--task", "teacher", "--hidden", 4, "--t-end", 2]
    first, second, other = (
        simulated(call, tmp_path / name, *given, "--seed", seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first == second
    assert first["rules"]["fa"]["learned"] != other["rules"]["fa"]["learned"]


def test_a_large_seed_is_as_good_as_a_small_one(call, tmp_path):
    simulated(call, tmp_path, "--task", "teacher", "--hidden", 2, "--t-end", 1, "--seed", 2**70, "--rule", "fa")
    assert fa.load(tmp_path / "fa.nc").seed == 2**70


def test_saved_runs_hold_the_printed_numbers(call, tmp_path):
    given = ["--task", "teacher", "--hidden", 4, "--t-end", 20, "--rule", "kp", "--decay", "0.01,0.02", "--seed", 5]
    found = simulated(call, tmp_path, *given, "--level", 0.9)["rules"]["kp"]
    run = fa.load(tmp_path / "kp.nc")
    np.testing.assert_array_equal(run.mode_strength[-1], found["learned"])
    times = [None if np.isinf(time) else time for time in run.learning_times(0.9)]
    assert times == found["learning_time"]
    assert (run.seed, run.decay, run.t[-1]) == (5, (0.01, 0.02), 20.0)


def test_the_printed_table_says_what_was_done(call, tmp_path):
    outcome = call("simulate", "--task", "iris", "--hidden", 4, "--t-end", 5, "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("Learning times", "no joint modes", "widths 4-4-3", "seed 0", "Gaussian(scale=0.01)", str(tmp_path)):
        assert word in outcome.out


def test_a_run_that_never_moves_learns_nothing_and_warns_of_nothing(call, tmp_path):
    given = ["--task", "hierarchy", "--hidden", 2, "--rule", "fa", "--start", "zero", "--feedback", "zero"]
    record = simulated(call, tmp_path, *given, "--t-end", 1)["rules"]["fa"]
    assert set(record["learning_time"]) == {None}
    assert record["verdict"] is None


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--feedback", "gaussian:1e200"], {"stalled", "non-finite", "diverged"}),
        (["--start", "gaussian:1e200"], {"stalled", "non-finite", "diverged"}),
        (["--rtol", "10"], {"diverged", "non-finite", "completed"}),
        (["--rtol", "0.5"], {"diverged", "non-finite", "completed"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_run_that_ends_early_is_kept_with_a_sentence_and_exit_code_1(call, files, tmp_path, options, status):
    given = ["--data", files / "ok.npz", "--hidden", 2, "--rule", "fa", *options]
    outcome = call("simulate", *given, "--json", "--out", tmp_path)
    assert "Traceback" not in outcome.err
    for line in outcome.err.splitlines():
        assert line.startswith("fa-dynamics: "), line
        assert "encountered in" not in line, line
    record = outcome.json["rules"]["fa"]
    assert record["status"] in status
    assert outcome.code == (0 if record["status"] == "completed" else 1)
    assert fa.load(tmp_path / "fa.nc").status == record["status"]


def test_tasks_lists_what_simulate_knows(call):
    outcome = call("tasks")
    known = call("tasks", "--json").json
    assert (outcome.code, outcome.err) == (0, "")
    assert list(known) == list(fa.tasks.names())
    for name in known:
        assert name in outcome.out
