"""What a sweep costs beside its runs: two cores, overhead, memory, Ctrl-C. Writes results/sweeps.md: python sweeps.py.

Every number is measured in processes of their own, which `sweeps_child.py` describes. A page says how much of the
machine other processes had meanwhile: on a busy machine wall-clock numbers are worth little.
"""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
PAGE = HERE / "results" / "sweeps.md"
REPEATS = 3
TINY_RUNS = 1000
INTERRUPTIONS = 8
MEMORY_RUNS = (100, 1000, 10_000)


@dataclass(frozen=True, eq=False)
class Measured:
    """A process that has ended: what it printed, its wall-clock time, and what others took of the machine."""

    told: dict[str, Any]
    wall: float
    others: float


def measured(what: str, *arguments: object) -> Measured:
    """Run one measurement of `sweeps_child.py`."""
    cpu, busy, began = _cpu_of_children(), _busy(), time.perf_counter()
    command = [sys.executable, str(HERE / "sweeps_child.py"), what, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = time.perf_counter() - began
    others = (_busy() - busy - (_cpu_of_children() - cpu)) / (wall * (os.cpu_count() or 1))
    return Measured(json.loads(done.stdout), wall, max(0.0, others))


def best(samples: Sequence[Measured], key: Callable[[Measured], float]) -> tuple[float, float]:
    """The smallest number of several measurements, and what others had of the machine during that one."""
    quickest = min(samples, key=key)
    return key(quickest), quickest.others


def efficiency(folder: Path) -> list[str]:
    """Two workers against one, with and without what is done once."""
    size = measured("calibrate").told
    one, two, apart = [], [], []
    for repeat in range(REPEATS):
        for workers, kept in ((1, one), (2, two)):
            kept.append(measured("sweep", workers, size["hidden"], size["draws"], folder / f"e{workers}-{repeat}.zarr"))
        apart.append(measured("apart", size["hidden"], size["draws"]))
    alone, together = (best(apart, lambda each, name=name: float(each.told[name])) for name in ("one", "two"))
    pairs = {
        "whole command, from start to end of the process": [best(kept, lambda each: each.wall) for kept in (one, two)],
        "from the first run on: runs, journal, store": [
            best(kept, lambda each: float(each.told["runs"])) for kept in (one, two)
        ],
        "bare loops in one process, in two that know nothing of each other": [alone, together],
    }
    used = [1e3 * min(each.told["cpu"] for each in kept) / size["draws"] for kept in (one, two)]
    return [
        f"## Two cores\n\n{size['draws']} runs that take {1e3 * size['seconds']:.0f} ms of processor time each "
        f"(`simulate`, one hidden layer of {size['hidden']}, strict defaults), smallest of {REPEATS} times. "
        "Efficiency: time with one worker / (2 x time with two). The last row is what this machine gives to anybody.\n",
        table(("", "one", "two", "efficiency", "taken by others"), [row(name, pair) for name, pair in pairs.items()]),
        f"Processor time per run of all processes together, from the first run on: {used[0]:.1f} ms with one worker, "
        f"{used[1]:.1f} ms with two ({used[0] / used[1]:.2f}). Where the cores have nothing else to do, this and the "
        "last runs, which one worker ends before the other, is all that there is to lose.\n",
    ]


def row(name: str, pair: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    """A row of the table of efficiencies."""
    (one, a), (two, b) = pair
    return name, f"{one:.2f} s", f"{two:.2f} s", f"**{one / (2 * two):.2f}**", f"{a:.0%}, {b:.0%}"


def overhead(folder: Path) -> list[str]:
    """Time per run of many tiny ones beyond the bare calls."""
    bare, one, two = [], [], []
    for repeat in range(REPEATS):
        bare.append(measured("bare"))
        for workers, kept in ((1, one), (2, two)):
            kept.append(measured("tiny", workers, TINY_RUNS, folder / f"o{workers}-{repeat}.zarr"))
    alone, others = best(bare, lambda each: 1e3 * float(each.told["per_run"]))
    rows = [("bare calls in a loop", f"{alone:.2f} ms", "", f"{alone:.2f} ms", "", f"{others:.0%}")]
    for workers, kept in ((1, one), (2, two)):
        wall, others = best(kept, lambda found: 1e3 * float(found.told["runs"]) / TINY_RUNS)
        used, _ = best(kept, lambda found: 1e3 * float(found.told["cpu"]) / TINY_RUNS)
        beyond = f"**{wall - alone / workers:.2f} ms**", f"**{used - alone:.2f} ms**"
        rows.append((f"workers={workers}", f"{wall:.2f} ms", beyond[0], f"{used:.2f} ms", beyond[1], f"{others:.0%}"))
    return [
        f"## Overhead\n\n{TINY_RUNS} runs that take next to nothing, each with mode strengths and learning times, "
        f"smallest of {REPEATS} times, from the first run on. Beyond: wall-clock time per run less that of the bare "
        "call divided by the workers; processor time of all processes less that of the bare call.\n",
        table(("", "wall clock per run", "beyond", "processor time per run", "beyond", "taken by others"), rows),
    ]


def memory(folder: Path) -> list[str]:
    """Peak resident memory of the parent and of the largest worker."""
    rows = []
    for count in MEMORY_RUNS:
        found = measured("tiny", 2, count, folder / f"m{count}.zarr").told
        rows.append((f"{count:,}", f"{found['parent_megabytes']:.0f} MB", f"{found['worker_megabytes']:.0f} MB"))
    return [
        "## Memory\n\nPeak resident memory of tiny runs with two workers, by the operating system's count. "
        "Nearly all of it is libraries.\n",
        table(("runs", "parent", "largest worker"), rows),
    ]


def interruption(folder: Path) -> list[str]:
    """Ctrl-C as a terminal sends it, to all processes of the command, at random moments."""
    rng, took = random.Random(0), []
    for number in range(INTERRUPTIONS):
        command = [sys.executable, str(HERE / "sweeps_child.py"), "command", str(folder / f"i{number}.zarr")]
        process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(1.0, 6.0))
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        began = time.perf_counter()
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        while any(_alive(each) for each in family[1:]):
            time.sleep(0.005)
        took.append(time.perf_counter() - began)
    return [
        f"## Ctrl-C\n\nSent to the command with two workers at {INTERRUPTIONS} random moments, 1 to 6 s after its "
        "start, until the last of its processes is gone.\n",
        f"Longest {max(took):.2f} s, median {sorted(took)[len(took) // 2]:.2f} s. After one second the command ends "
        "itself by force.\n",
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows)) + "\n"


def head() -> str:
    """What it ran on."""
    listing = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in listing if line.startswith("model name")), platform.machine())
    packages = ", ".join(f"{name} {version(name)}" for name in ("fa_dynamics", "numpy", "scipy", "joblib", "zarr"))
    return (
        f"# What a sweep costs beside its runs\n\n{model}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, {packages}. One BLAS thread per process. Made by `python benchmarks/sweeps.py`. "
        "'Taken by others': the share of the machine's processor time that went to processes of others meanwhile; "
        "wall-clock times are to be trusted where it is small.\n"
    )


def main() -> None:
    """All of it; `python sweeps.py efficiency memory` prints single parts and writes nothing."""
    parts = {"efficiency": efficiency, "overhead": overhead, "memory": memory, "interruption": interruption}
    chosen = sys.argv[1:] or list(parts)
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": f"{name}/pycache"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # workers of an installed package do not compile it either
        measured("tiny", 2, 10, Path(name) / "first.zarr")
        page = [head(), *(line for part in chosen for line in parts[part](Path(name)))]
    print("\n".join(page))
    if not sys.argv[1:]:
        PAGE.write_text("\n".join(page), encoding="utf-8")


def _alive(process: psutil.Process) -> bool:
    """Whether it still does anything: an ended process may stay listed until the system takes notice."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _busy() -> float:
    """Seconds that the processors of this machine have worked, all together."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)


def _cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
