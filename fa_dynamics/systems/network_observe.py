"""What a network does at each recorded moment: loss, accuracy, updates beside true gradients, pointwise defects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fa_dynamics import measures
from fa_dynamics.systems.classification import accuracy
from fa_dynamics.systems.network_field import Model, State, evaluate, forward
from fa_dynamics.systems.network_laws import identity_defect
from fa_dynamics.tasks import Task

if TYPE_CHECKING:
    from fa_dynamics.systems.network_run import NetworkRun

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observed:
    """Quantities that need a pass over all samples, at every recorded time.

    Attributes
    ----------
    loss, accuracy
        (time,) of the training samples; accuracy is nan without classes.
    update_alignment
        (time, layer).
    defect
        Per hidden layer (time, n_l).
    """

    loss: Array
    accuracy: Array
    update_alignment: Array
    defect: tuple[Array, ...]


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def observe(run: NetworkRun) -> Observed:
    """Evaluate the network on its training samples at every recorded time, under its rule and under BP."""
    model, task = run.model, run.task
    assert task.inputs is not None
    assert task.targets is not None
    truth = model.with_rule("bp")
    count, depth = len(run.t), model.depth
    loss, right = np.empty(count), np.empty(count)
    cosines = np.empty((count, depth))
    defects = tuple(np.empty((count, width)) for width in model.sizes[1:-1])
    for index in range(count):
        state = run.state(index)
        matrices = {**model.fixed, **state}
        own = evaluate(model, state, task.inputs, task.targets)
        true = evaluate(truth, state, task.inputs, task.targets)
        loss[index] = model.loss.value(own.outputs, task.targets)
        right[index] = accuracy(own.outputs, task.targets)
        for layer in range(1, depth + 1):
            cosines[index, layer - 1] = measures.update_alignment(own.gradient(layer), true.gradient(layer))
        for layer in range(1, depth):
            stand_in = model.way_back.stand_in(layer + 1, matrices)
            defects[layer - 1][index] = identity_defect(model, layer, own, stand_in)
    return Observed(loss, right, cosines, defects)


@np.errstate(over="ignore", invalid="ignore")  # as above
def score(model: Model, state: State, task: Task) -> tuple[float, float]:
    """Loss and accuracy (nan without classes) of a network on samples."""
    assert task.inputs is not None
    assert task.targets is not None
    outputs = forward(model, state, task.inputs)[0][-1]
    return model.loss.value(outputs, task.targets), accuracy(outputs, task.targets)
