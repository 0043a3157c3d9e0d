"""What a rule sends back and how it updates, at every output time of a trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile import compile_expression, compile_flow
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import DerivationError

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory

Array = NDArray[np.float64]


def feedback_in_place_of(run: Trajectory, layer: int) -> Array | None:
    """What stands in the place of W_layer^T, (time, n_{layer-1}, n_layer); None where the rule has no such thing."""
    try:
        expression = run.flow.rule.feedback(run.flow.network, layer)
    except DerivationError:
        return None
    return _history(run, expression)


def backward_product(run: Trajectory, layer: int) -> Array:
    """C_l, what stands in the place of (W_L..W_{l+1})^T, (time, n_l, n_L)."""
    if layer == run.depth:
        return np.broadcast_to(np.eye(run.sizes[-1]), (len(run.t), run.sizes[-1], run.sizes[-1]))
    return _history(run, run.flow.rule.backward(run.flow.network, layer))


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def updates(run: Trajectory, rule: RuleLike) -> list[Array]:
    """The velocity of every layer under a rule at the weights of the run, without decay, each (time, n_l, n_{l-1})."""
    flow = derive(run.depth, rule)
    compiled = compile_flow(flow, run.sizes)
    moments = {"Sigma_xx": run.task.input_moment, "Sigma_yx": run.task.cross_moment}
    fixed = {name: matrix for name, matrix in run.feedback.items() if matrix.ndim == 2}
    bound = compiled.bind(moments | fixed, np.empty)
    histories = [np.empty((len(run.t), *shape)) for shape in compiled.shapes]
    for index in range(len(run.t)):
        matrices = run.matrices(index)
        bound([matrices[name] for name in compiled.names], [history[index] for history in histories])
    return histories[: run.depth]


def _history(run: Trajectory, expression: Any) -> Array:
    evaluate = compile_expression(expression)
    sizes = dict(zip(run.flow.network.sizes, run.sizes, strict=True))
    history = np.empty((len(run.t), *(sizes[size] for size in expression.shape)))
    for index in range(len(run.t)):
        history[index] = evaluate(run.matrices(index))
    return history
