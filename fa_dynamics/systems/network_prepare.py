"""Everything about a nonlinear run that can be wrong is found here, before anything moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError
from fa_dynamics.flows.prepare import settle
from fa_dynamics.starts import Gaussian, StartLike
from fa_dynamics.systems.activations import Activation, find_activation
from fa_dynamics.systems.losses import Loss, find_loss
from fa_dynamics.systems.network_field import Model
from fa_dynamics.tasks import Task
from fa_dynamics.tasks.arguments import flag

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NetworkPlan:
    """A network that is ready to learn.

    Attributes
    ----------
    task, test
        Training samples, and samples that are only looked at, or None.
    model
        The network, its loss and its rule.
    initial
        The state at t = 0 by name; biases start at zero.
    seed, start, feedback_start
        Where the matrices came from.
    """

    task: Task
    test: Task | None
    model: Model
    initial: Mapping[str, Array]
    seed: int
    start: str
    feedback_start: str


def prepare_network(
    task: Task,
    hidden: int | Sequence[int],
    activation: Activation | str,
    rule: RuleLike,
    loss: Loss | str,
    start: StartLike | None,
    feedback: StartLike | None,
    biases: bool,
    decay: float | Sequence[float] | None,
    test: Task | None,
    n_times: int,
    seed: int,
) -> NetworkPlan:
    """Check the arguments that both front doors share, and draw the matrices.

    Raises
    ------
    InputError
        Bad arguments.
    DerivationError
        The rule cannot be derived.
    """
    _check_samples(task, "task")
    phi, found = find_activation(activation), find_loss(loss)
    assert task.targets is not None
    found.check(task.targets)
    if test is not None:
        _check_samples(test, "test")
        if (test.n_inputs, test.n_outputs) != (task.n_inputs, task.n_outputs):
            raise InputError(
                f"test: {test.n_inputs} inputs and {test.n_outputs} outputs given, expected {task.n_inputs} and "
                f"{task.n_outputs}, as in the task"
            )
        assert test.targets is not None
        found.check(test.targets)
    first = Gaussian(1.0) if start is None else start
    drawn = settle(task, hidden, rule, first, feedback, decay=decay, seed=seed, n_times=n_times)
    flow = derive(len(drawn.sizes) - 1, drawn.flow.rule)
    moving = {matrix.name for matrix in flow.state}
    fixed = {name: matrix for name, matrix in drawn.feedback.items() if name not in moving}
    model = Model(flow, drawn.sizes, phi, found, flag(biases, "biases"), drawn.rates, fixed)
    known = dict(zip(drawn.compiled.names, drawn.initial, strict=True))
    initial = {name: known.get(name, np.zeros(shape)) for name, shape in model.shapes.items()}
    return NetworkPlan(task, test, model, initial, drawn.seed, drawn.start, drawn.feedback_start)


def _check_samples(task: Task, argument: str) -> None:
    if not isinstance(task, Task):
        raise InputError(f"{argument}: {type(task).__name__} given, expected a Task, such as fa.tasks.named('digits')")
    if task.inputs is None or task.targets is None:
        raise InputError(
            f"{argument}: {task.name!r} has second moments only, and a nonlinear network needs samples; expected a "
            "task made by Task.from_arrays"
        )
