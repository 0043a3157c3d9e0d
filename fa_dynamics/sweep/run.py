"""One run, in any process: from its number to small arrays."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.lookup import find_rule
from fa_dynamics.sweep.axes import canonical
from fa_dynamics.sweep.observables import BETWEEN_STEPS, variables_of
from fa_dynamics.sweep.points import arguments_at, description, seed_of, values_at
from fa_dynamics.sweep.solvers import SOLVERS, build_task
from fa_dynamics.sweep.spec import Spec
from fa_dynamics.tasks import Task

STATUS = ("not run", "completed", "diverged", "stalled", "non-finite", "failed")
"""How a run ended, by its code in the store. 'failed': it raised an error; the others left a result."""

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class Work:
    """What all runs of a sweep share, as it is sent to workers."""

    spec: Spec
    files: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Done:
    """A finished run.

    Attributes
    ----------
    run
        Its number in the order of the store.
    status, message
        One of `STATUS`, and a sentence if there is something to say.
    arrays
        Observables by name; none if it failed.
    """

    run: int
    status: str
    message: str
    arrays: Mapping[str, NDArray[np.float64]]


def work_of(spec: Spec) -> Work:
    """What to send, with the files of the spec as they are now.

    The samples of a task stay at home unless minibatches are drawn from them.
    """
    task = spec.task
    if isinstance(task, Task) and not {"batch_size"} & {*spec.fixed, *(each.name for each in spec.grid)}:
        task = replace(task, inputs=None, targets=None)
    return Work(replace(spec, task=task, source=None), description(spec)["files"])


def do(work: Work, run: int) -> Done:
    """Run number `run`, with one BLAS thread: its numbers must not depend on where it runs.

    Whatever it raises is its result, with the reason; only an interruption is not.
    """
    spec = work.spec
    values, draw = values_at(spec, run)
    with _ONE_AT_A_TIME, _blas().limit(limits=1, user_api="blas"):
        try:
            task, arguments = _posed(work, values)
            watch = not BETWEEN_STEPS.isdisjoint(spec.record)
            ended = SOLVERS[spec.solver].run(task, arguments, seed_of(spec, values, draw), watch)
            if ended.status == "interrupted":
                raise KeyboardInterrupt
            kept = variables_of(spec.solver, spec.record, ended.result.depth)
            arrays = {
                name: np.asarray(each.read(ended.result, spec.level), dtype=np.float64) for name, each in kept.items()
            }
            return Done(run, ended.status, ended.message, arrays)
        except Exception as problem:  # whatever goes wrong in one run must not end the others
            return Done(run, "failed", f"{type(problem).__name__}: {' '.join(str(problem).split())}", {})


def warm(work: Work) -> None:
    """Load, derive and compile what the first run needs: a new process spends a second on it.

    Raises
    ------
    InputError, DerivationError
        What is wrong with the first point of the grid.
    """
    with _ONE_AT_A_TIME, _blas().limit(limits=1, user_api="blas"):
        SOLVERS[work.spec.solver].facts(*_posed(work, values_at(work.spec, 0)[0]))


def _posed(work: Work, values: Mapping[str, Any]) -> tuple[Task | None, dict[str, Any]]:
    """Task and arguments of the solver, made once per process."""
    given, arguments = arguments_at(work.spec, values)
    task = _task(canonical(given)) if isinstance(given, Mapping) else given
    if isinstance(rule := arguments.get("rule"), str):
        arguments["rule"] = _rule(rule, work.files.get(rule.rpartition(":")[0], ""))
    return task, arguments


@lru_cache(maxsize=1)
def _blas() -> Any:
    """Looking for the libraries takes milliseconds: once per process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@lru_cache(maxsize=8)
def _task(text: str) -> Task | None:
    import json

    return build_task(json.loads(text))


@lru_cache(maxsize=32)
def _rule(name: str, digest: str) -> Any:
    """A rule from a file is a new class at every import, for which everything would be derived again."""
    return find_rule(name)
