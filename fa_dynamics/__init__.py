"""Feedback alignment as dynamics: derive the flow, integrate it, read it mode by mode.

>>> import fa_dynamics as fa
>>> fa.derive(depth=2, rule="fa").velocity[1]
(Sigma_yx - W_2*W_1*Sigma_xx)*W_1.T
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fa_dynamics._version import __version__
from fa_dynamics.errors import DerivationError, InputError, IntegrationError, IntegrationWarning

if TYPE_CHECKING:
    from fa_dynamics import measures, modes, plots, starts, systems, tasks, theorems
    from fa_dynamics.derive import (
        Backpropagation,
        Chain,
        DirectFeedbackAlignment,
        FeedbackAlignment,
        FirstIntegrals,
        Flow,
        Invariant,
        KolenPollack,
        Rule,
        SignSymmetry,
        derive,
    )
    from fa_dynamics.flows.ensemble import Ensemble, simulate_ensemble
    from fa_dynamics.flows.iterate import iterate
    from fa_dynamics.flows.simulate import simulate
    from fa_dynamics.flows.trajectory import Trajectory
    from fa_dynamics.loading import load
    from fa_dynamics.modes import (
        Equilibria,
        ModeCurves,
        PhaseDiagram,
        Prediction,
        StepDiagram,
        StepSizes,
        equilibria,
        integrate_chain,
        leaf_start,
        phase_diagram,
        solve_modes,
        step_diagram,
        step_sizes,
    )
    from fa_dynamics.reproduce import Reproduction, reproduce
    from fa_dynamics.sweep import Sweep, sweep
    from fa_dynamics.systems.network import simulate_network
    from fa_dynamics.systems.network_iterate import iterate_network
    from fa_dynamics.systems.network_run import NetworkRun
    from fa_dynamics.tasks import Modes, Task
    from fa_dynamics.theorems import verify

_HOMES = {
    "derive": (
        "Backpropagation",
        "Chain",
        "DirectFeedbackAlignment",
        "FeedbackAlignment",
        "FirstIntegrals",
        "Flow",
        "Invariant",
        "KolenPollack",
        "Rule",
        "SignSymmetry",
        "derive",
    ),
    "flows": ("Ensemble", "Trajectory", "iterate", "simulate", "simulate_ensemble"),
    "loading": ("load",),
    "modes": (
        "Equilibria",
        "ModeCurves",
        "PhaseDiagram",
        "Prediction",
        "StepDiagram",
        "StepSizes",
        "equilibria",
        "integrate_chain",
        "leaf_start",
        "phase_diagram",
        "solve_modes",
        "step_diagram",
        "step_sizes",
    ),
    "reproduce": ("Reproduction", "reproduce"),
    "sweep": ("Sweep", "sweep"),
    "systems": ("NetworkRun", "iterate_network", "simulate_network"),
    "tasks": ("Modes", "Task"),
    "theorems": ("verify",),
}
"""Public names live in these rooms and are fetched at first use, so that the import loads neither SymPy nor SciPy."""

_WHERE = {name: room for room, names in _HOMES.items() for name in names}
_ROOMS = ("measures", "modes", "plots", "starts", "systems", "tasks", "theorems")

__all__ = [
    "Backpropagation",
    "Chain",
    "DerivationError",
    "DirectFeedbackAlignment",
    "Ensemble",
    "Equilibria",
    "FeedbackAlignment",
    "FirstIntegrals",
    "Flow",
    "InputError",
    "IntegrationError",
    "IntegrationWarning",
    "Invariant",
    "KolenPollack",
    "ModeCurves",
    "Modes",
    "NetworkRun",
    "PhaseDiagram",
    "Prediction",
    "Reproduction",
    "Rule",
    "SignSymmetry",
    "StepDiagram",
    "StepSizes",
    "Sweep",
    "Task",
    "Trajectory",
    "__version__",
    "derive",
    "equilibria",
    "integrate_chain",
    "iterate",
    "iterate_network",
    "leaf_start",
    "load",
    "measures",
    "modes",
    "phase_diagram",
    "plots",
    "reproduce",
    "simulate",
    "simulate_ensemble",
    "simulate_network",
    "solve_modes",
    "starts",
    "step_diagram",
    "step_sizes",
    "sweep",
    "systems",
    "tasks",
    "theorems",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(f"fa_dynamics.{_WHERE[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"fa_dynamics.{name}")
    else:
        raise AttributeError(f"module 'fa_dynamics' has no attribute {name!r}")
    globals()[name] = value
    return value


class _Face(ModuleType):
    """The package, in which the function `derive` keeps its name although a room is called the same.

    Python binds a subpackage to its parent whenever something imports it, which would replace the function.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _WHERE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __dir__() -> list[str]:
    return sorted(__all__)
