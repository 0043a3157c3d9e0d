"""The three functions that a sweep can call, each as: what it takes, a check that costs little, and a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.lookup import find_rule
from fa_dynamics.errors import InputError, nearest
from fa_dynamics.flows.drift import suspicious_drift
from fa_dynamics.flows.iterate import iterate, run_steps
from fa_dynamics.flows.iterate_plan import prepare_steps
from fa_dynamics.flows.prepare import Setting, prepare
from fa_dynamics.flows.simulate import run_plan, simulate
from fa_dynamics.modes.integrate import checked_times, layer_table
from fa_dynamics.modes.lines import chain_of
from fa_dynamics.modes.solve import solve_modes
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of a point of the grid before it is run.

    Attributes
    ----------
    times
        Output times, (time,).
    sizes
        n_0..n_L; the number of layers is one less. Of single modes: all 1.
    modes
        correlation, curvature and target of every mode, each (mode,).
    """

    times: Array
    sizes: tuple[int, ...]
    modes: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Ended:
    """A run: its result, how it ended, and a sentence if there is something to say."""

    result: Any
    status: str
    message: str


@dataclass(frozen=True, eq=False)
class Solver:
    """One of the functions: the public one, a check of its arguments, and a run with a seed.

    The last argument of `run` says whether something will be asked of it that is found between its steps.
    """

    function: Callable[..., Any]
    facts: Callable[[Task | None, Mapping[str, Any]], Facts]
    run: Callable[[Task | None, Mapping[str, Any], int, bool], Ended]


def _of_setting(setting: Setting, times: Array) -> Facts:
    modes = setting.task.modes
    table = {name: np.asarray(getattr(modes, name)) for name in ("correlation", "curvature", "target")}
    return Facts(times, setting.sizes, table)


def _flow_facts(task: Task | None, arguments: Mapping[str, Any]) -> Facts:
    assert task is not None
    plan = prepare(task, **arguments)
    return _of_setting(plan, plan.times)


def _flow_run(task: Task | None, arguments: Mapping[str, Any], seed: int, watch: bool) -> Ended:
    assert task is not None
    run = run_plan(prepare(task, **arguments, seed=seed), False, watch)
    return Ended(run, run.status, run.message if run.status != "completed" else suspicious_drift(run) or "")


def _step_facts(task: Task | None, arguments: Mapping[str, Any]) -> Facts:
    assert task is not None
    plan = prepare_steps(task, **arguments)
    return _of_setting(plan, np.asarray(plan.record * plan.step_size, dtype=np.float64))


def _step_run(task: Task | None, arguments: Mapping[str, Any], seed: int, watch: bool) -> Ended:
    assert task is not None
    run = run_steps(prepare_steps(task, **arguments, seed=seed), False)
    return Ended(run, run.status, run.message if run.status != "completed" else suspicious_drift(run) or "")


def _mode_arguments(task: Task | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    own = {} if task is None else {"correlation": task.modes.correlation, "curvature": task.modes.curvature}
    return {**own, **arguments}


def _mode_facts(task: Task | None, arguments: Mapping[str, Any]) -> Facts:
    given = {name: parameter.default for name, parameter in parameters_of("solve_modes").items()}
    given |= _mode_arguments(task, arguments)
    chain = chain_of(given["depth"], find_rule(given["rule"]))
    depth, times = given["depth"], checked_times(given["t"])
    correlation = layer_table(given["correlation"], np.size(given["correlation"]), 1, "correlation")[:, 0]
    count = len(correlation)
    curvature = layer_table(given["curvature"], count, 1, "curvature")[:, 0]
    if (curvature < 0).any():
        raise InputError(f"curvature: {curvature.min():g} given, expected numbers >= 0")
    layer_table(given["start"], depth, count, "start")
    layer_table(given["feedback"], chain.depth - 1, count, "feedback")
    target = np.where(curvature > 0, correlation / np.where(curvature > 0, curvature, 1.0), np.nan)
    return Facts(times, (1,) * (depth + 1), {"correlation": correlation, "curvature": curvature, "target": target})


def _mode_run(task: Task | None, arguments: Mapping[str, Any], seed: int, watch: bool) -> Ended:
    return Ended(solve_modes(**_mode_arguments(task, arguments)), "completed", "")


SOLVERS = {
    "simulate": Solver(simulate, _flow_facts, _flow_run),
    "iterate": Solver(iterate, _step_facts, _step_run),
    "solve_modes": Solver(solve_modes, _mode_facts, _mode_run),
}


OWN = ("task", "seed", "progress", "watch")
"""Arguments that follow from other keys of a sweep."""


@lru_cache(maxsize=8)
def parameters_of(solver: str) -> dict[str, inspect.Parameter]:
    """What may be fixed or varied: all arguments but those that the sweep itself decides."""
    signature = inspect.signature(SOLVERS[solver].function)
    return {name: given for name, given in signature.parameters.items() if name not in OWN}


def build_task(given: Mapping[str, Any] | Task | None) -> Task | None:
    """The task that a table of options stands for: ``name``, ``spectrum`` or ``data``, with options.

    Raises
    ------
    InputError
        An unknown option, or what the task itself refuses.
    """
    from fa_dynamics import tasks

    if given is None or isinstance(given, Task):
        return given
    options = dict(given)
    if "name" in options:
        return tasks.named(options.pop("name"), **options)
    if "spectrum" in options:
        return _called(Task.from_spectrum, options.pop("spectrum"), options, "a spectrum")
    return _called(tasks.load, options.pop("data"), options, "data")


def _called(build: Callable[..., Task], first: Any, options: Mapping[str, Any], what: str) -> Task:
    known = list(inspect.signature(build).parameters)[1:]
    for option in options:
        if option not in known:
            raise InputError(f"{option}: a task from {what} has no such option; {nearest(option, known)}")
    return build(first, **options)
