"""`fa-dynamics sweep`."""

from __future__ import annotations

import json
import sys

import pytest
from sweep_helpers import same

from fa_dynamics.sweep import open_sweep, sweep
from fa_dynamics.sweep import shown as shown_module
from fa_dynamics.sweep import solvers as solvers_module


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        from fa_dynamics.cli import main

        monkeypatch.setattr(sys, "argv", ["fa-dynamics", "sweep", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_command_is_the_function(call, spec_file, tmp_path):
    spec, store, figure = spec_file(draws=2), tmp_path / "store.zarr", tmp_path / "figure.png"
    code, out, err = call(spec, "--out", store, "--json", "--figure", figure)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["counts"] == {"completed": 8}
    assert found["shape"] == {"rule": 2, "hidden": 2, "draw": 2}
    assert found["not_completed"] == []
    assert figure.read_bytes().startswith(b"\x89PNG")
    same(open_sweep(store), sweep(spec))
    code, out, err = call(spec, "--out", store)
    assert code == 0
    assert "8 completed" in out
    assert "sweep:" not in err  # nothing was left to do


def test_a_dry_run_prints_a_plan(call, spec_file, tmp_path):
    spec, store = spec_file(draws=50), tmp_path / "store.zarr"
    code, out, err = call(spec, "--out", store, "--dry-run", "--workers", 2)
    assert (code, err) == (0, "")
    assert out.startswith("200 runs: 2 rule x 2 hidden x 50 draw")
    assert "with workers=2" in out
    plan = json.loads(call(spec, "--dry-run", "--json")[1])
    assert (plan["runs"], plan["workers"]) == (200, 1)
    assert not store.exists()


def test_progress_tells_rate_and_time_left(call, spec_file, tmp_path, monkeypatch):
    monkeypatch.setattr(shown_module, "LINE", 0.0)
    code, _, err = call(spec_file(draws=2), "--out", tmp_path / "store.zarr")
    lines = err.splitlines()
    assert code == 0
    assert len(lines) == 8
    assert lines[3].startswith("sweep: 4 of 8 runs (50 %), ")
    assert lines[3].endswith(" left")


def test_bad_use_is_one_line(call, spec_file, tmp_path):
    good = 'task = "iris"\nfixed = { t_end = 1.0 }\n'
    cases = (
        (good + "draws = 0", "line 3: draws: 0 given"),
        (good + "grid = { hidden = [0] }", "line 3: grid.hidden: 0 given, expected whole numbers >= 1"),
        ("draws =", "no TOML"),
        ("", "task: missing"),
    )
    for text, message in cases:
        code, out, err = call(spec_file(text=text), "--out", tmp_path / "store.zarr")
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert message in err
    assert not (tmp_path / "store.zarr").exists()


def test_failed_runs_end_with_exit_code_1(call, spec_file, tmp_path, monkeypatch):
    def fail(*plan):
        raise ArithmeticError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(solvers_module, "run_plan", fail)
        code, out, _ = call(spec_file(draws=3), "--out", tmp_path / "store.zarr")
    assert code == 1
    assert "12 failed" in out
    assert "reason ArithmeticError: on purpose" in out
    assert "and 2 more" in out
    code, out, _ = call(spec_file(draws=3), "--out", tmp_path / "store.zarr", "--retry-failed")
    assert code == 0
    assert "12 completed" in out
