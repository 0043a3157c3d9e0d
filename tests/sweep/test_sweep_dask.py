"""A real scheduler and two real workers on loopback, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
from sweep_helpers import kept, same, wait_until

from fa_dynamics.errors import InputError
from fa_dynamics.sweep import cluster as cluster_module
from fa_dynamics.sweep import sweep

distributed = pytest.importorskip("distributed")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(stack: ExitStack, log, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return process


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    port = _free_port()
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "dask.log").open("wb"))
        scheduler = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
        _start(stack, log, "dask_scheduler", *scheduler)
        worker = (address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        folder = ("--local-directory", str(tmp_path))
        yield address, [_start(stack, log, "dask_worker", *worker, *folder) for _ in range(2)], tmp_path / "dask.log"


LONG = """
task = { spectrum = [4.0, 2.0, 1.0] }
draws = 7
record = ["learning_times", "loss"]
fixed = { t_end = 1000.0, t_eval = { linspace = [0, 1000, 9] }, hidden = 3 }
grid = { rule = ["fa", "bp"] }
"""


def test_a_killed_worker_changes_nothing(cluster, spec_file, tmp_path):
    address, workers, log = cluster
    wait_until(lambda: log.read_text().count("Starting established connection to") >= 2)
    spec, store, killed = spec_file(text=LONG), tmp_path / "cluster.zarr", []

    def kill_one(done, of):
        if done >= 3 and not killed:
            assert kept(store) == done
            with distributed.Client(address, set_as_default=False) as other:
                assert len(other.processing()) == 2
                assert all(other.processing().values())  # the one that is killed has runs in its hands
            os.kill(workers[0].pid, signal.SIGKILL)
            killed.append(done)

    result = sweep(spec, store=store, scheduler=address, progress=kill_one)
    assert killed == [3]
    assert workers[0].wait(10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert result.complete
    same(result, sweep(spec))


def test_no_scheduler(spec_file, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "TIMEOUT", 1)
    with pytest.raises(InputError, match=r"scheduler: nothing answers at 'tcp://127.0.0.1:"):
        sweep(spec_file(), store=tmp_path / "none.zarr", scheduler=f"tcp://127.0.0.1:{_free_port()}")
    with pytest.raises(InputError, match="scheduler: nothing answers at"):
        sweep(spec_file(), store=tmp_path / "none.zarr", scheduler="nonsense:port")
