"""Where the first layer cannot go, and the interpolator that this leaves: minimum norm from W_1(0) = 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory
    from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


def moves_within_inputs(rule: RuleLike, depth: int = 2, *, decay: bool = False) -> bool:
    """Whether every row of dW_1/dt is in the span of the inputs, for all weights, read from the derived flow.

    It is if every word of the velocity ends in Sigma_xx or Sigma_yx, whose rows are combinations of inputs. True for
    every rule that only replaces what comes back, false with weight decay.

    Parameters
    ----------
    rule, depth, decay
        As of `derive`.

    Notes
    -----
    Source: robertson2024.minimum-norm.
    """
    from fa_dynamics.derive import derive
    from fa_dynamics.derive import words as w

    flow = derive(depth, rule, decay=decay)
    network = flow.network
    velocity = w.expand(flow.state_velocity[network.W(1)])
    return all(word and word[-1] in (network.input_moment, network.cross_moment) for word in velocity)


def input_projector(task: Task) -> Array:
    """Pi_x, the orthogonal projector on the span of the inputs (range of Sigma_xx), (n_0, n_0), dimensionless."""
    values, vectors = np.linalg.eigh(task.input_moment)
    kept = vectors[:, len(values) - task.input_rank :]
    return np.asarray(kept @ kept.T)


def minimum_norm_map(task: Task) -> Array:
    """The least-squares map of least Frobenius norm, Y X^+, (n_L, n_0), in units of output per input.

    With samples by the singular value decomposition of the inputs themselves (`numpy.linalg.pinv`), which keeps twice
    the digits of the moments; without samples Sigma_yx Sigma_xx^+.
    """
    if task.inputs is None or task.targets is None:
        return np.asarray(task.least_squares)
    return np.asarray((np.linalg.pinv(task.inputs, rcond=1e-10) @ task.targets).T)


def interpolation_limit(task: Task, weights: Sequence[ArrayLike], first_start: ArrayLike) -> Array:
    r"""The map that a run which fits its data ends at.

    .. math:: P_\infty = Y X^+ + W_L\cdots W_2(\infty)\,W_1(0)(I - \Pi_x) .

    Parameters
    ----------
    task
        With its samples or moments.
    weights
        W_2..W_L at the end; empty for one layer.
    first_start
        W_1(0), (n_1, n_0).

    Returns
    -------
    ndarray
        (n_L, n_0), in units of output per input.

    Raises
    ------
    InputError
        Shapes that do not fit.

    Notes
    -----
    Holds at any end with E = 0 of any flow that `moves_within_inputs`; from W_1(0) = 0 it is the interpolator of least
    norm, at every depth, width and feedback. Source: robertson2024.minimum-norm.
    """
    start = np.asarray(first_start, dtype=float)
    outside = start @ (np.eye(task.n_inputs) - input_projector(task)) if start.shape[-1:] == (task.n_inputs,) else None
    if start.ndim != 2 or outside is None:
        raise InputError(f"first_start: shape {start.shape} given, expected (n_1, n_0 = {task.n_inputs})")
    term = outside
    for layer, weight in enumerate(weights, start=2):
        matrix = np.asarray(weight, dtype=float)
        if matrix.ndim != 2 or matrix.shape[1] != term.shape[0]:
            raise InputError(f"weights: W_{layer} has shape {matrix.shape}, expected (n_{layer}, {term.shape[0]})")
        term = matrix @ term
    if term.shape[0] != task.n_outputs:
        raise InputError(f"weights: they end in {term.shape[0]} units, expected n_L = {task.n_outputs}")
    return np.asarray(minimum_norm_map(task) + term)


def limit_of_run(run: Trajectory) -> Array:
    """`interpolation_limit` of a run, with its own last weights above the first layer, (n_L, n_0)."""
    return interpolation_limit(run.task, [weight[-1] for weight in run.weights[1:]], run.initial["W_1"])
