"""Kill a sweep at random moments, continue it, and compare with an undisturbed one: python kill_many_times.py 20.

Not a test by itself: it takes minutes. `test_sweep_killed.py` has a few repetitions.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import COMMAND, SPEC
from sweep_helpers import descendants, kept, same

from fa_dynamics.sweep import open_sweep, sweep


def main(repetitions: int, workers: int = 2, draws: int = 10) -> None:
    """Every repetition: kill until it is complete, at a moment drawn anew each time."""
    import psutil

    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.toml"
        spec.write_text(SPEC % {"draws": draws}, encoding="utf-8")
        began = time.monotonic()
        expected = sweep(spec)
        whole = time.monotonic() - began
        kills, slowest = 0, 0.0
        for repetition in range(repetitions):
            store = Path(folder) / f"{repetition}.zarr"
            command = [sys.executable, "-c", COMMAND, "sweep", spec, "--out", store, "--workers", workers]
            patience = 3 + whole
            while True:
                process = subprocess.Popen(
                    list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                try:
                    process.wait(rng.uniform(3, patience))
                except subprocess.TimeoutExpired:
                    before, children = kept(store), descendants(process.pid)
                    process.kill()
                    process.wait()
                    kills, died = kills + 1, time.monotonic()
                    while any(psutil.pid_exists(pid) for pid in children):
                        time.sleep(0.01)
                    slowest = max(slowest, time.monotonic() - died)
                    assert kept(store) >= before or not store.with_name(f"{store.name}.journal").exists()
                    patience *= 1.3  # so that it ends some time
                    continue
                assert process.returncode == 0
                break
            same(open_sweep(store), expected)
            print(f"{repetition + 1}: identical after {kills} kills; workers ended within {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
