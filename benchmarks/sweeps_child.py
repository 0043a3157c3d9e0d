"""One measurement of `sweeps.py`, in a process of its own: prints JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STRENGTHS = [4.0, 2.0, 1.0, 0.5]
HIDDEN = (32, 64, 96, 128, 192, 256, 384)
LONG_ENOUGH = 0.055
"""Seconds that a run of the test of two cores takes at least."""

TOTAL = 9.0
"""Seconds of all of its runs."""


def heavy(hidden: int, draws: int) -> dict[str, Any]:
    """Runs that take some time."""
    fixed = {"t_end": 30.0, "t_eval": {"linspace": [0.0, 30.0, 31]}, "hidden": hidden}
    task = {"spectrum": STRENGTHS}
    return {"task": task, "fixed": fixed, "draws": draws, "record": ["learning_times", "rank_correlation"]}


def light(draws: int) -> dict[str, Any]:
    """Runs that take next to nothing."""
    fixed = {"t_end": 0.5, "t_eval": [0.25, 0.5], "hidden": 2, "rtol": 1e-4, "atol": 1e-6}
    record = ["learning_times", "mode_strength"]
    return {"task": {"spectrum": [2.0, 1.0]}, "fixed": fixed, "draws": draws, "record": record}


def bare(spec: dict[str, Any], count: int, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds per run of calls in a loop, without a sweep; what is done once comes before."""
    import fa_dynamics as fa

    task = fa.Task.from_spectrum(spec["task"]["spectrum"])
    times = spec["fixed"]["t_eval"]
    arguments = dict(spec["fixed"])
    if isinstance(times, dict):
        import numpy as np

        arguments["t_eval"] = np.linspace(*times["linspace"])

    def one(seed: int) -> None:
        run = fa.simulate(task, **arguments, seed=seed, progress=False)
        run.learning_times(0.5)
        _ = run.order(0.5) if "rank_correlation" in spec["record"] else run.mode_strength

    one(0)
    began = clock()
    for seed in range(count):
        one(seed)
    return (clock() - began) / count


def swept(spec: dict[str, Any], workers: int, store: str) -> dict[str, float]:
    """A sweep: seconds from when its runs begin until the store is complete; processor time of these; peak memory."""
    import fa_dynamics as fa
    from fa_dynamics.sweep import perform

    began, cpu, peak, real = [0.0], [0.0, 0.0], [0.0], perform.local_runs

    def timed(*arguments: Any) -> Any:
        began[0], cpu[0] = time.perf_counter(), _processor_time()
        return real(*arguments)

    def watch(done: int, of: int) -> None:
        if done == of:
            peak[0] = max((_peak(pid) for pid in _workers()), default=0.0)
            cpu[1] = _processor_time()

    perform.local_runs = timed
    result = fa.sweep(spec, workers=workers, store=store, progress=watch)
    ended = time.perf_counter()
    assert result.counts == {"completed": spec["draws"]}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = {"runs": ended - began[0], "count": spec["draws"], "cpu": cpu[1] - cpu[0]}
    return {**times, "parent_megabytes": own, "worker_megabytes": peak[0]}


def calibrated() -> dict[str, float]:
    """A width of the hidden layer whose runs are long enough, and how many of them to do."""
    for hidden in HIDDEN:
        seconds = min(bare(heavy(hidden, 1), 5) for _ in range(2))
        if seconds > LONG_ENOUGH:
            break
    return {"hidden": hidden, "seconds": seconds, "draws": 2 * int(TOTAL / seconds / 2)}


def apart(hidden: int, draws: int) -> dict[str, float]:
    """Bare loops: one process does all runs; two processes do half of them each, at the same time."""
    command = [sys.executable, __file__, "loop", str(hidden)]
    found = {}
    for count, name in ((1, "one"), (2, "two")):
        started = [
            subprocess.Popen([*command, str(draws // count)], stdout=subprocess.PIPE, text=True) for _ in range(count)
        ]
        found[name] = max(json.loads(process.communicate()[0])["seconds"] for process in started)
    return found


def main(what: str, *given: str) -> None:
    """Measure what is named."""
    if what == "command":
        return command(Path(given[0]))
    if what == "calibrate":
        told: dict[str, Any] = calibrated()
    elif what == "sweep":
        told = swept(heavy(int(given[1]), int(given[2])), int(given[0]), given[3])
    elif what == "tiny":
        told = swept(light(int(given[1])), int(given[0]), given[2])
    elif what == "bare":
        told = {"per_run": bare(light(1), 1000)}
    elif what == "loop":
        told = {"seconds": bare(heavy(int(given[0]), 1), int(given[1]), time.perf_counter) * int(given[1])}
    else:
        told = apart(int(given[0]), int(given[1]))
    print(json.dumps(told))


def command(store: Path) -> None:
    """A sweep by the command line, too long to end by itself."""
    from fa_dynamics.cli import main as run

    spec = store.with_suffix(".toml")
    spec.write_text(f"task = {{ spectrum = {STRENGTHS} }}\ndraws = 5000\nfixed = {{ t_end = 30.0, hidden = 32 }}\n")
    sys.argv = ["fa-dynamics", "sweep", str(spec), "--out", str(store), "--workers", "2"]
    run()


def _workers() -> list[int]:
    import psutil

    children = psutil.Process().children()
    return [child.pid for child in children if "popen_loky_posix" in " ".join(child.cmdline())]


def _processor_time() -> float:
    """Of this process and its children, in seconds."""
    import psutil

    children = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + sum(each.user + each.system for each in children)


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(*sys.argv[1:])
