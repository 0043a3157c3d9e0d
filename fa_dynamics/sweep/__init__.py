"""Grids and draws: many runs, workers, and a store that loses nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_dynamics.sweep.perform import sweep
    from fa_dynamics.sweep.plan import Estimate, estimate
    from fa_dynamics.sweep.result import Sweep, open_sweep
    from fa_dynamics.sweep.spec import Spec, read_spec

__all__ = ["Estimate", "Spec", "Sweep", "estimate", "open_sweep", "read_spec", "sweep"]

_HOMES = {
    "Estimate": "plan",
    "Spec": "spec",
    "Sweep": "result",
    "estimate": "plan",
    "open_sweep": "result",
    "read_spec": "spec",
    "sweep": "perform",
}
"""Fetched when used: a new worker has to watch its parent before it loads anything that takes seconds."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fa_dynamics.sweep' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fa_dynamics.sweep.{_HOMES[name]}"), name)
