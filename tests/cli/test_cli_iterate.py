"""`iterate`: what goes in, what comes out."""

from __future__ import annotations

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.flows.iterate import iterate


def test_every_rule_with_minibatches(call, tmp_path):
    rules = ["bp", "fa", "dfa", "sign", "kp"]
    given = ["--task", "iris", "--hidden", "6,5", "--rule", ",".join(rules), "--start", "gaussian:0.3", "--seed", 4]
    outcome = call("iterate", *given, "--steps", 60, "--batch-size", 30, "--json", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json
    assert (found["n_steps"], found["batch_size"], found["momentum"]) == (60, 30, 0.0)
    assert list(found["rules"]) == rules
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"{r}.nc" for r in rules), "modes.png"])
    for rule, record in found["rules"].items():
        assert (record["status"], record["steps"], record["not_accounted_for"]) == ("completed", 60, "")
        assert max(record["unexplained_drift"].values()) < 1e-13
        assert set(record["explained_drift"]) == set(record["invariant_drift"])
        np.testing.assert_array_equal(fa.load(tmp_path / f"{rule}.nc").mode_strength[-1], record["learned"])


def test_the_command_is_the_function(call, tmp_path):
    given = ["--hidden", 4, "--rule", "kp", "--step-size", 0.02, "--steps", 50, "--momentum", 0.5, "--record", 6]
    call("iterate", "--task", "teacher", *given, "--decay", "0.01,0.02", "--seed", 2, "--out", tmp_path)
    run = iterate(
        fa.tasks.named("teacher"),
        4,
        "kp",
        step_size=0.02,
        n_steps=50,
        momentum=0.5,
        record=6,
        decay=[0.01, 0.02],
        seed=2,
    )
    back = fa.load(tmp_path / "kp.nc")
    np.testing.assert_array_equal(back.weights[0], run.weights[0])
    np.testing.assert_array_equal(back.steps.number, [0, 10, 20, 30, 40, 50])


def test_the_table(call, tmp_path):
    outcome = call("iterate", "--task", "hierarchy", "--hidden", 4, "--rule", "fa", "--steps", 40, "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("Learning times", "step 40", "Euler", "unexplained", str(tmp_path)):
        assert word in outcome.out


def test_too_large_a_step_is_kept_with_a_sentence_and_exit_code_1(call, tmp_path):
    given = ["--task", "teacher", "--hidden", 4, "--rule", "fa", "--step-size", 100, "--json", "--out", tmp_path]
    outcome = call("iterate", *given)
    assert outcome.code == 1
    assert outcome.err.startswith("fa-dynamics: warning: fa: ")
    assert "lower the step size" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert outcome.json["rules"]["fa"]["status"] in ("diverged", "non-finite")


def test_help_has_an_example(call):
    outcome = call("iterate", "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Example: fa-dynamics iterate" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        (["--step-size", 0], "step_size"),
        (["--step-size", "nan"], "step_size"),
        (["--steps", 0], "n_steps"),
        (["--momentum", 1], "momentum"),
        (["--batch-size", 10_000], "batch_size"),
        (["--record", 0], "record"),
        (["--level", 2], "level"),
        (["--rule", "fa,fa"], "rule"),
        (["--decay", "x"], "decay"),
    ],
    ids=str,
)
def test_bad_use_is_one_line_and_writes_nothing(call, tmp_path, options, argument):
    out = tmp_path / "new"
    assert call("iterate", "--task", "iris", *options, "--out", out).complaint.startswith(f"{argument}: ")
    assert not out.exists()


def test_a_population_has_no_minibatches(call, tmp_path):
    complaint = call("iterate", "--task", "teacher", "--batch-size", 2, "--out", tmp_path / "new").complaint
    assert complaint.startswith("batch_size: ")
