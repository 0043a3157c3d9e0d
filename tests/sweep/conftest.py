"""Small sweeps, and processes to kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """
task = { spectrum = [4.0, 2.0, 1.0] }
draws = %(draws)d
record = ["learning_times", "loss", "rank_correlation"]
paired = ["rule"]

[fixed]
t_end = 8.0
t_eval = { linspace = [0, 8, 9] }

[grid]
rule = ["fa", "bp"]
hidden = [3, 6]
"""

COMMAND = "from fa_dynamics.cli import main; main()"


@pytest.fixture
def spec_file(tmp_path):
    def write(draws: int = 5, text: str = SPEC) -> Path:
        path = tmp_path / "spec.toml"
        path.write_text(text % {"draws": draws} if "%(draws)d" in text else text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def start():
    """Start the command, after some statements, as a group of processes; kill what is left of it in the end."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: object, first: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{first}\n{COMMAND}", "sweep", *map(str, arguments)],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()
