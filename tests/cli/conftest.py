"""Run the command line in this process or in one of its own, and a folder full of good and bad files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ERROR = "fa-dynamics: error: "


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        def refuse(word: str) -> Any:
            raise AssertionError(f"{word} is no strict JSON")

        return json.loads(self.out, parse_constant=refuse)

    @property
    def complaint(self) -> str:
        """The one line of a refusal, after checking that it is one."""
        assert self.code == 2, self
        assert self.out == "", self.out
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith(ERROR), self.err
        return lines[0].removeprefix(ERROR)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process. Whatever escapes `main` but SystemExit would be a traceback: it fails the test."""

    def run(*arguments: object) -> Outcome:
        from fa_dynamics.cli import main

        monkeypatch.setattr(sys, "argv", ["fa-dynamics", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


def command(*arguments: object) -> list[str]:
    code = "from fa_dynamics.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment(**settings: str) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return plain | {"PYTHONWARNINGS": "default"} | settings


@pytest.fixture(scope="session")
def shell():
    """Run a command in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None, **settings: str) -> Outcome:
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=100,
            cwd=cwd,
            env=environment(**settings),
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def popen():
    """Start a command and leave it running."""

    def start(*arguments: object, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**settings),
        )

    return start


@pytest.fixture(scope="session")
def demo_run(shell, tmp_path_factory):
    """One run of the demo in a process of its own: outcome and folder."""
    folder = tmp_path_factory.mktemp("demo") / "made" / "when needed"
    return shell("demo", "--json", "--out", folder), folder


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with data files, good and bad."""
    import xarray

    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    Y = X @ rng.standard_normal((3, 2))
    hole, pole = X.copy(), X.copy()
    hole[3, 1], pole[3, 1] = np.nan, -np.inf
    archives: dict[str, dict[str, Any]] = {
        "ok": {"X": X, "Y": Y},
        "one_output": {"X": X, "Y": Y[:, 0]},
        "rows": {"X": X, "Y": Y[:29]},
        "no_y": {"X": X},
        "nan": {"X": hole, "Y": Y},
        "inf": {"X": pole, "Y": Y},
        "no_samples": {"X": X[:0], "Y": Y[:0]},
        "one_sample": {"X": X[:1], "Y": Y[:1]},
        "constant": {"X": np.ones_like(X), "Y": Y},
        "constant_targets": {"X": X, "Y": np.ones_like(Y)},
        "three_dimensions": {"X": X[None], "Y": Y},
        "complex": {"X": X + 1j, "Y": Y},
        "pickled": {"X": np.array([{}, 1], dtype=object), "Y": Y},
        "scalars": {"X": np.float64(1.0), "Y": np.float64(2.0)},
        "no_inputs": {"X": X[:, :0], "Y": Y},
        "overflow": {"X": X * 1e200, "Y": Y},
        "labels": {"X": X, "Y": np.array(["a", "b", "c"] * 10)},
        "one_label": {"X": X, "Y": np.array(["a"] * 30)},
    }
    for name, arrays in archives.items():
        np.savez(folder / f"{name}.npz", **arrays)
    for name, array in (("X", X), ("Y", Y), ("short", Y[:29])):
        np.save(folder / f"{name}.npy", array)
    netcdf = {
        "ok": {"X": (("sample", "input"), X), "Y": (("sample", "output"), Y)},
        "rows": {"X": (("sample", "input"), X), "Y": (("other", "output"), Y[:29])},
        "no_y": {"X": (("sample", "input"), X)},
        "transposed": {"X": (("input", "sample"), X.T), "Y": (("sample", "output"), Y)},
    }
    for name, variables in netcdf.items():
        xarray.Dataset(variables).to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    garbage = bytes(range(256)) * 20
    for name in ("garbage.csv", "garbage.npz", "garbage.nc", "garbage.npy"):
        (folder / name).write_bytes(garbage)
    for name in ("ok.npz", "ok.nc", "X.npy"):
        whole = (folder / name).read_bytes()
        (folder / f"half_{name}").write_bytes(whole[: len(whole) // 2])

    rows = [",".join(f"{value:.17g}" for value in (*x, *y)) for x, y in zip(X, Y, strict=True)]
    kinds = [f"{x[0]},{x[1]},{x[2]},{'pqr'[i % 3]}" for i, x in enumerate(X)]
    tables = {
        "ok": ["a,b,c,y,z", *rows],
        "no_header": rows,
        "ragged": ["a,b,c,y,z", *rows[:4], "1,2,3"],
        "header_only": ["a,b,c,y,z"],
        "text": ["a,b,c,y,z", *rows[:4], "1,2,red,3,4"],
        "missing": ["a,b,c,y,z", *rows[:4], "1,2,,3,4"],
        "nan": ["a,b,c,y,z", *rows[:4], "1,2,nan,3,4"],
        "inf": ["a,b,c,y,z", *rows[:4], "1,2,inf,3,4"],
        "same_names": ["a,a,c,y,z", *rows],
        "one_column": ["a", "1", "2", "3"],
        "kinds": ["a,b,c,kind", *kinds],
        "constant": ["a,b,y", *(f"1,2,{i}" for i in range(9))],
        "one_row": ["a,b,y", "1,2,3"],
        "decimal_commas": ["a;b;y", "1,5;2;3", "1,7;2;4"],
        "blank": ["", "  ", ""],
    }
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "empty.npz").write_bytes(b"")
    (folder / "notes.txt").write_text("1", encoding="utf-8")
    (folder / "plain").write_text("a regular file", encoding="utf-8")
    (folder / "folder.csv").mkdir()
    return folder


@pytest.fixture(scope="session")
def rule_file(tmp_path_factory):
    """Write a file with a rule class `Mine`, or any other source."""
    folder = tmp_path_factory.mktemp("rules")
    made: dict[str, Path] = {}

    def write(body: str) -> Path:
        if body not in made:
            path = folder / f"rule_{len(made)}.py"
            head = "import sympy as sp\nfrom fa_dynamics.derive import Rule\n\n"
            path.write_text(head + textwrap.dedent(body), encoding="utf-8")
            made[body] = path
        return made[body]

    return write
