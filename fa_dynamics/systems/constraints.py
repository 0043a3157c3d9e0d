"""The derived flow, projected on the spaces of the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError, nearest
from fa_dynamics.flows.flat import flat_velocity
from fa_dynamics.flows.prepare import Plan, prepare
from fa_dynamics.starts import Start, StartLike, parse
from fa_dynamics.systems.layer_spaces import LayerSpace
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]
Metric = Literal["raw", "orthonormal"]

OUTSIDE = 1e-10
"""|W - Proj W| / |W| up to which a given matrix counts as lying in its space: round-off of how it was made."""

DENSE = 200_000
"""Entries up to which the basis of all layers is faster as a dense array."""


@dataclass(frozen=True, eq=False)
class Constraint:
    r"""A network whose layers stay in linear spaces, ready to be moved.

    The unconstrained velocity :math:`V_l` of a rule is derived and compiled; the constraint only projects it:

    .. math:: \dot\theta_j = \langle A_j, V_l\rangle \ (\text{raw}), \qquad
              \dot\theta_j = \langle A_j, V_l\rangle / n_j \ (\text{orthonormal}).

    In the second metric a step of size :math:`\eta` is
    :math:`W_l^+ = \mathrm{Proj}_{\mathcal S_l}(W_l + \eta V_l)`; in the first every direction is weighted with its
    :math:`n_j`. Source: radhakrishnan2020.projected-gd.

    Attributes
    ----------
    plan
        The unconstrained run: task, compiled flow, feedback, output times, solver.
    spaces
        One per layer.
    metric
        'raw' or 'orthonormal'.
    start
        theta of all layers at the start, one after the other.
    velocity
        d theta / dt of such a vector, in units of theta times curvature.
    """

    plan: Plan
    spaces: tuple[LayerSpace, ...]
    metric: Metric
    start: Array
    velocity: Callable[[Array], Array]

    def split(self, states: Array) -> tuple[Array, ...]:
        """Coefficients of every layer, (time, d_l), of stacked vectors (time, all d)."""
        ends = np.cumsum([space.n_coefficients for space in self.spaces])[:-1]
        return tuple(np.ascontiguousarray(part) for part in np.split(states, ends, axis=1))


def constrain(
    task: Task,
    spaces: Sequence[LayerSpace],
    rule: RuleLike,
    start: StartLike,
    feedback: StartLike | None,
    metric: Metric,
    **settings: Any,
) -> Constraint:
    """Check the arguments, derive and compile the flow, and project it.

    Raises
    ------
    InputError
        Bad arguments; a given matrix outside its space; a rule whose feedback learns.
    """
    if not isinstance(task, Task):
        raise InputError(f"task: {type(task).__name__} given, expected a Task, such as fa.tasks.named('digits')")
    if metric not in ("raw", "orthonormal"):
        raise InputError(f"metric: no metric is called {metric!r}; {nearest(str(metric), ('raw', 'orthonormal'))}")
    checked = _checked_spaces(task, spaces)
    hidden = tuple(space.shape[0] for space in checked[:-1])
    given, within = _start(start, checked)
    plan = prepare(task, hidden, rule, given, feedback, **settings)
    if len(plan.compiled.names) > len(checked):
        raise InputError(
            f"rule: the feedback of {plan.flow.rule.name!r} learns, expected a rule with fixed feedback or none "
            "('bp', 'fa', 'dfa', 'sign'): what a space of layers means for matrices of its own is not defined"
        )
    for layer, (space, weight) in enumerate(zip(checked, plan.initial, strict=True), start=1):
        if within and space.distance(weight) > OUTSIDE:
            raise InputError(
                f"start: W_{layer} lies outside its space ({space.name}) by {float(space.distance(weight)):.2g} of its "
                "size, expected a matrix in it, such as space.project(W)"
            )
    initial = [space.coefficients(weight) for space, weight in zip(checked, plan.initial, strict=True)]
    return Constraint(plan, checked, metric, np.concatenate(initial), _velocity(plan, checked, metric))


def _velocity(plan: Plan, spaces: Sequence[LayerSpace], metric: Metric) -> Callable[[Array], Array]:
    """The compiled flow between the coefficients and back."""
    from scipy import sparse

    unconstrained, _ = flat_velocity(plan.compiled, plan.parameters)
    basis: Any = sparse.block_diag([space.basis for space in spaces], format="csr")
    basis = basis.toarray() if basis.shape[0] * basis.shape[1] <= DENSE else sparse.csr_array(basis)
    layers = basis.T if isinstance(basis, np.ndarray) else basis.T.tocsr()
    norms = np.concatenate([space.norms for space in spaces])
    rate = np.ones_like(norms) if metric == "raw" else 1 / norms

    def velocity(theta: Array) -> Array:
        return np.asarray(rate * (basis @ unconstrained(0.0, layers @ theta)))

    return velocity


def _checked_spaces(task: Task, spaces: Any) -> tuple[LayerSpace, ...]:
    if not isinstance(spaces, Sequence) or not spaces or not all(isinstance(each, LayerSpace) for each in spaces):
        raise InputError("spaces: expected a list of LayerSpace, one per layer, such as [toeplitz(5), toeplitz(5)]")
    for layer, (below, above) in enumerate(pairwise(spaces), start=1):
        if above.shape[1] != below.shape[0]:
            raise InputError(
                f"spaces: layer {layer + 1} takes {above.shape[1]} inputs, expected {below.shape[0]}, the outputs of "
                f"layer {layer}"
            )
    ends = (spaces[-1].shape[0], spaces[0].shape[1])
    if ends != (task.n_outputs, task.n_inputs):
        raise InputError(
            f"spaces: they map {ends[1]} inputs to {ends[0]} outputs, expected {task.n_inputs} to {task.n_outputs}, "
            f"as the task {task.name!r} has"
        )
    return tuple(spaces)


def _start(given: StartLike, spaces: Sequence[LayerSpace]) -> tuple[StartLike, bool]:
    """What `prepare` understands, and whether the matrices have to lie in their spaces already."""
    if isinstance(given, str):
        given = parse(given, "start")
    if isinstance(given, Start):
        return given, False
    if not isinstance(given, Sequence | np.ndarray) or len(given) != len(spaces):
        raise InputError(f"start: expected a start object, its name, or {len(spaces)} matrices or coefficient vectors")
    pairs = zip(given, spaces, strict=True)
    return [_as_matrix(each, space, layer) for layer, (each, space) in enumerate(pairs, start=1)], True


def _as_matrix(given: ArrayLike, space: LayerSpace, layer: int) -> ArrayLike:
    try:
        array = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"start: W_{layer} is neither a matrix nor a vector of numbers") from problem
    if array.ndim != 1:
        return array
    if array.shape != (space.n_coefficients,):
        raise InputError(
            f"start: {array.size} coefficients given for layer {layer}, expected {space.n_coefficients} ({space.name})"
        )
    return space.matrix(array)
