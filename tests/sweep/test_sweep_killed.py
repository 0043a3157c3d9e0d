"""SIGKILL, Ctrl-C, dead workers, full disks: nothing that was finished is lost, and the end is the same."""

from __future__ import annotations

import errno
import os
import signal

import psutil
import pytest
from sweep_helpers import descendants, kept, same, wait_until

from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.sweep import perform as perform_module
from fa_dynamics.sweep import pool as pool_module
from fa_dynamics.sweep import sweep
from fa_dynamics.sweep.journal import Journal
from fa_dynamics.sweep.store import Store


def pauses(after: int, seconds: float) -> str:
    """Statements that let the process that keeps runs rest before each after the first so many: time to interfere."""
    return f"""
import time
from fa_dynamics.sweep.journal import Journal
def resting(self, done, real=Journal.write):
    if sum(1 for _ in self.runs()) >= {after}:
        time.sleep({seconds})
    real(self, done)
Journal.write = resting
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_sigkill_of_the_parent(workers, spec_file, start, tmp_path):
    spec, store = spec_file(draws=7), tmp_path / "killed.zarr"
    process = start(spec, "--out", store, "--workers", workers, first=pauses(3, 0.25))
    wait_until(lambda: kept(store) >= 3)
    children = descendants(process.pid)
    before = kept(store)
    process.kill()
    process.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children), 10)
    seen = []
    result = sweep(spec, store=store, progress=lambda done, of: seen.append(done))
    assert seen[0] > before  # finished runs were not run again
    assert result.complete
    assert not store.with_name("killed.zarr.journal").exists()
    same(result, sweep(spec, store=tmp_path / "undisturbed.zarr"))


@pytest.mark.parametrize("sent_to", [os.kill, os.killpg])
def test_ctrl_c_ends_soon_and_leaves_a_store_that_continues(sent_to, spec_file, start, tmp_path):
    """To the parent alone, as `kill` does; to all its processes, as a terminal does."""
    spec, store = spec_file(draws=12), tmp_path / "interrupted.zarr"
    process = start(spec, "--out", store, "--workers", 2, first=pauses(3, 0.25))
    wait_until(lambda: kept(store) >= 3)
    children = descendants(process.pid)
    sent_to(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=10)  # about one second on a computer with nothing else to do
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "interrupted: finished runs are kept, the same command continues" in told.splitlines()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children), 5)
    assert kept(store) >= 3
    same(sweep(spec, store=store), sweep(spec))


HANGS = """
from fa_dynamics.sweep import perform, pool
def hang(*arguments):
    print("hangs", flush=True)
    import time
    time.sleep(1000)
perform.settle_writes = pool._abandon = hang
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_what_does_not_end_by_itself(workers, spec_file, start, tmp_path):
    spec, store = spec_file(draws=12), tmp_path / "hanging.zarr"
    process = start(spec, "--out", store, "--workers", workers, first=HANGS + pauses(3, 0.25))
    wait_until(lambda: kept(store) >= 3)
    children = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=20)
    assert out.splitlines() == ["hangs"]
    assert process.returncode == 130
    assert "interrupted: finished runs are kept, the same command continues" in told.splitlines()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children), 10)
    same(sweep(spec, store=store), sweep(spec))


def test_ctrl_c_in_this_process(spec_file, tmp_path):
    spec, store = spec_file(), tmp_path / "interrupted.zarr"

    def interrupt(done, of):
        if done == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sweep(spec, store=store, progress=interrupt)
    assert kept(store) in (4, 5)
    same(sweep(spec, store=store), sweep(spec))


@pytest.fixture
def pools(monkeypatch):
    """Rounds of calls that were begun: one more for every pool that broke."""
    begun, real = [], pool_module._dispatched

    def counted(calls, count):
        begun.append(count)
        return real(calls, count)

    monkeypatch.setattr(pool_module, "_dispatched", counted)
    return begun


def test_a_worker_that_dies_is_replaced(pools, spec_file, tmp_path):
    spec, killed = spec_file(draws=5), []

    def kill_one(done, of):
        if done == 3 and not killed:
            killed.append(_worker())
            os.kill(killed[0], signal.SIGKILL)

    result = sweep(spec, workers=2, store=tmp_path / "dead.zarr", progress=kill_one)
    assert pools == [2, 2, 2]  # to get ready, runs, and the runs that the dead one left
    same(result, sweep(spec))


def test_a_worker_that_dies_before_its_first_run_is_replaced(pools, spec_file, tmp_path, monkeypatch):
    spec, real = spec_file(draws=2), perform_module.lay_out

    def kill_one(asked):
        os.kill(_worker(), signal.SIGKILL)
        return real(asked)

    monkeypatch.setattr(perform_module, "lay_out", kill_one)
    result = sweep(spec, workers=2, store=tmp_path / "dead.zarr")
    assert pools[:2] == [2, 2]
    same(result, sweep(spec))


def _worker() -> int:
    """One of the processes that do runs."""
    children = psutil.Process().children()
    return next(child.pid for child in children if "joblib.externals.loky.backend.popen_loky_posix" in child.cmdline())


def test_workers_that_always_die_are_told(pools, tmp_path):
    rule = tmp_path / "rule.py"
    rule.write_text(
        "import os, sys\nfrom fa_dynamics.derive import FeedbackAlignment\n\n"
        "if 'joblib.externals.loky.backend.popen_loky_posix' in sys.orig_argv:\n    os._exit(1)\n\n"
        "class Mine(FeedbackAlignment):\n    name = 'mine'\n"
    )
    spec = {"task": {"spectrum": [1.0]}, "fixed": {"t_end": 1.0, "rule": f"{rule}:Mine"}, "draws": 4}
    with pytest.raises(IntegrationError, match="worker processes died 3 times in a row without finishing a run"):
        sweep(spec, workers=2, store=tmp_path / "dead.zarr")
    assert len(pools) == 4
    assert sweep(spec, store=tmp_path / "dead.zarr").counts == {"completed": 4}


@pytest.mark.parametrize(("place", "workers"), [("journal", 1), ("journal", 2), ("store", 1)])
def test_a_full_disk(place, workers, spec_file, tmp_path, monkeypatch):
    spec, store, calls = spec_file(), tmp_path / "full.zarr", []
    owner, method = {"journal": (Journal, "write"), "store": (Store, "compact")}[place]
    real = getattr(owner, method)

    def full(self, *arguments):
        calls.append(1)
        if place == "store" or len(calls) > 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, full)
        with pytest.raises(OSError, match="No space left"):
            sweep(spec, workers=workers, store=store)
    done = kept(store)
    assert done == (7 if place == "journal" else 20)
    seen = []
    result = sweep(spec, store=store, progress=lambda finished, of: seen.append(finished))
    assert len(seen) == 20 - done
    same(result, sweep(spec))


LONG = """
task = { spectrum = [2.0, 1.0] }
draws = 20
record = ["loss"]
fixed = { t_end = 4.0, t_eval = { linspace = [0, 4, 2001] }, rtol = 1e-4, atol = 1e-6 }
"""


@pytest.mark.parametrize(("largest", "runs"), [(500, 0), (10_000, 0), (100_000, 20)])
def test_files_that_are_cut_off(largest, runs, spec_file, start, tmp_path):
    """The operating system ends a write in the middle of a file: of the store's head, of the journal, of a chunk."""
    spec, store = spec_file(text=LONG), tmp_path / "cut.zarr"
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest}))"
    process = start(spec, "--out", store, first=limit)
    _, told = process.communicate(timeout=60)
    assert told.splitlines()[-1] == "fa-dynamics: failed: output cannot be written (File too large)"
    assert process.returncode == 1
    assert kept(store) == runs
    same(sweep(spec, store=store), sweep(spec))


def test_every_write_of_a_store_can_be_the_last(tmp_path, monkeypatch):
    """Stop at the k-th write of Zarr, for all k, as a full disk or a killed process would; then continue."""
    from zarr.storage import LocalStore

    spec = {
        "solver": "solve_modes",
        "task": {"spectrum": [2.0, 1.0]},
        "fixed": {"t": [0.0, 1.0]},
        "grid": {"feedback": [0.5, 1.0, 2.0]},
    }
    expected = sweep(spec)
    real, left = LocalStore.set, [0]

    async def limited(self, key, value, *rest, **more):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        await real(self, key, value, *rest, **more)

    stopped = 0
    for number in range(0, 60, 5):
        store = tmp_path / f"{number}.zarr"
        left[0] = number
        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, "set", limited)
            try:
                sweep(spec, store=store)
            except OSError:
                stopped += 1
        same(sweep(spec, store=store), expected)
    assert stopped > 5


def test_a_second_process_is_refused(spec_file, start, tmp_path):
    spec, store = spec_file(draws=12), tmp_path / "shared.zarr"
    process = start(spec, "--out", store, first=pauses(1, 1000))
    wait_until(lambda: kept(store) == 1)
    with pytest.raises(InputError, match="another process is working on"):
        sweep(spec, store=store)
    second = start(spec, "--out", store)
    _, told = second.communicate(timeout=30)
    assert second.returncode == 2
    assert told.startswith("fa-dynamics: error: store: another process is working on")
    process.kill()
    process.wait()
    assert sweep(spec, store=store).complete
