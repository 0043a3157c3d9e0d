"""Wait, count and compare."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np


def wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def kept(store: Path) -> int:
    """Finished runs in the journal."""
    return len(list(store.with_name(f"{store.name}.journal").glob("*.run")))


def descendants(pid: int) -> set[int]:
    """Processes below a process."""
    import psutil

    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def same(one, other) -> None:
    """All variables and coordinates have the same bits, and labels and attributes are the same."""
    a, b = one.data, other.data
    assert dict(a.sizes) == dict(b.sizes)
    assert list(a.variables) == list(b.variables)
    for name in a.variables:
        first, second = a[name].values, b[name].values
        assert first.dtype == second.dtype, name
        if first.dtype.kind in "fiu":
            assert np.ascontiguousarray(first).tobytes() == np.ascontiguousarray(second).tobytes(), name
        else:
            np.testing.assert_array_equal(first, second)
        assert a[name].attrs == b[name].attrs
    assert {k: v for k, v in a.attrs.items() if k != "spec"} == {k: v for k, v in b.attrs.items() if k != "spec"}
