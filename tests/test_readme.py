"""What the README says: its Python runs, its commands and options exist, its links lead somewhere."""

import importlib
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from fa_dynamics.cli import COMMANDS
from fa_dynamics.cli.app import app
from fa_dynamics.reproduce import names

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
LINES = sorted(set(re.findall(r"fa-dynamics [^\n`#]+", TEXT)))


def test_the_example_is_five_lines_and_runs(capsys):
    assert len([line for line in CODE.splitlines() if line and not line.startswith("import")]) == 5
    scope = {}
    exec(compile(CODE, "README.md", "exec"), scope)
    shown = capsys.readouterr().out
    assert "dW_1/dt = B_2*B_3*E" in shown
    assert "principal-first" in shown
    assert scope["run"].weights[0].shape[1:] == (64, 61)
    assert scope["curves"].strength.shape == (2, 3)


@pytest.mark.parametrize("line", LINES)
def test_commands_and_options_exist(line):
    _, name, *words = shlex.split(line)
    assert name in COMMANDS
    importlib.import_module(f"fa_dynamics.cli.{name}")
    options = {option for each in typer.main.get_command(app).commands[name].params for option in each.opts}
    assert {word for word in words if word.startswith("--")} <= options
    if name == "reproduce" and not words[0].startswith("--"):
        assert words[0] in names()
    for word in words:
        if word.startswith("examples/"):
            assert (ROOT / word).exists()


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)(?:`|    )", TEXT))
    assert named
    assert named <= targets


def test_links_lead_somewhere():
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    local = [link for link in links if not link.startswith("http")]
    assert len(local) > 10
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_python_is_as_new_as_the_readme_says():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert f"Python {needed.removeprefix('>=')} or newer" in TEXT
