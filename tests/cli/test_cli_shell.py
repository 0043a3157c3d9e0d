"""The command in a shell: help, pipes, narrow terminals, interruption, and a missing scikit-learn."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import warnings

import psutil
import pytest

import fa_dynamics as fa
from fa_dynamics.errors import IntegrationWarning

COMMANDS = ["demo", "derive", "explore", "iterate", "modes", "reproduce", "simulate", "sweep", "tasks", "verify"]


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example(call, name, flag):
    outcome = call(name, flag)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Example: fa-dynamics {name}" in " ".join(outcome.out.split())


def test_help_of_the_whole_names_every_command(call):
    outcome = call("--help")
    assert (outcome.code, outcome.err) == (0, "")
    for name in COMMANDS:
        assert name in outcome.out


def test_version(call):
    outcome = call("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{fa.__version__}\n", "")


@pytest.mark.parametrize("width", [40, 60])
def test_tables_fit_a_narrow_terminal_without_colour(shell, width):
    outcome = shell("tasks", COLUMNS=str(width), NO_COLOR="1")
    assert (outcome.code, outcome.err) == (0, "")
    assert "\x1b" not in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= width
    assert "teacher" in outcome.out


def test_ascii_only_output(shell):
    outcome = shell("tasks", PYTHONIOENCODING="ascii")
    assert (outcome.code, outcome.err) == (0, "")
    assert "teacher" in outcome.out


def test_an_error_is_one_line_in_a_narrow_shell_too(shell):
    assert "python" in shell("derive", "--format", "pyton", COLUMNS="30").complaint


def test_output_closed_by_its_reader_leaves_no_traceback(popen):
    process = popen("derive", "--depth", 20, "--format", "python")
    process.stdout.close()
    with process.stderr:
        said = process.stderr.read()
    assert process.wait(timeout=60) in (0, 1)
    assert said == ""


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_a_full_disk_behind_standard_output_is_one_line(options):
    code = "from fa_dynamics.cli import main; main()"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, "tasks", *options], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def wait_for(condition, seconds=30.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.05)


def test_ctrl_c_keeps_what_was_integrated(popen, tmp_path):
    out = tmp_path / "out"
    with popen("simulate", "--task", "teacher", "--hidden", "300,300", "--t-end", "1e6", "--out", out) as process:
        try:
            wait_for(out.is_dir)
            used = psutil.Process(process.pid).cpu_times
            enough = used().user + 3.0  # compiled, and some steps taken, however busy the machine is
            wait_for(lambda: used().user > enough)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "KeyboardInterrupt" not in stderr
    assert sorted(path.name for path in out.iterdir()) == ["fa.nc", "modes.png"]
    run = fa.load(out / "fa.nc")
    assert run.status == "interrupted"
    assert "stopped by hand" in stdout


def interrupted(simulate):
    """`simulate` with a user who presses Ctrl-C in the middle."""

    def stop(fraction):
        if fraction > 0.3:
            raise KeyboardInterrupt

    def run(*arguments, **options):
        return simulate(*arguments, **(options | {"progress": stop}))

    return run


def test_ctrl_c_in_the_demo_writes_nothing_and_exits_with_130(call, monkeypatch, tmp_path):
    import fa_dynamics.demo

    calls = []
    stopped = interrupted(fa_dynamics.demo.run_plan)
    monkeypatch.setattr(fa_dynamics.demo, "run_plan", lambda *a, **k: calls.append(1) or stopped(*a, **k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)
        outcome = call("demo", "--out", tmp_path / "out")
    assert outcome.code == 130
    assert len(calls) == 1, "the other panels were integrated although the user wants to stop"
    assert outcome.out == ""
    assert not list(tmp_path.rglob("*.*"))


@pytest.fixture(scope="session")
def without_sklearn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(
        "import sys\n\n\nclass Block:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'sklearn':\n            raise ModuleNotFoundError(name)\n\n\n"
        "sys.meta_path.insert(0, Block())\n",
        encoding="utf-8",
    )
    return str(folder)


@pytest.mark.parametrize("arguments", [["demo"], ["simulate", "--task", "iris"]], ids=" ".join)
def test_real_data_without_scikit_learn(shell, without_sklearn, tmp_path, arguments):
    complaint = shell(*arguments, "--out", tmp_path, PYTHONPATH=without_sklearn).complaint
    assert "scikit-learn" in complaint
    assert "fa_dynamics[data]" in complaint
    assert not list(tmp_path.rglob("*.*"))


def test_everything_else_works_without_scikit_learn(shell, without_sklearn, tmp_path):
    given = ["--task", "teacher", "--hidden", 3, "--t-end", 1, "--json", "--out", tmp_path]
    outcome = shell("simulate", *given, PYTHONPATH=without_sklearn)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["task"] == "teacher"
