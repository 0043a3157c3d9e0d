"""What happened in a run with constrained layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics import measures
from fa_dynamics.derive.flow import Flow
from fa_dynamics.errors import InputError
from fa_dynamics.measures import invariance
from fa_dynamics.systems.layer_spaces import LayerSpace
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

CHUNK = 64e6
"""Bytes of weights that a history reads at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class ConstrainedRun:
    """The trajectory of a network whose layers stay in linear spaces.

    Attributes
    ----------
    task, flow
        What was learned, and the derived unconstrained flow.
    spaces, metric
        The space of every layer, and the metric, 'orthonormal' (projected descent) or 'raw'.
    t
        Output times, (time,), in units of 1 / curvature; for steps, their number times the step size.
    steps
        Number of steps at each output time; None for a flow.
    coefficients
        theta of every layer, each (time, d_l); ``coefficients[0]`` belongs to W_1.
    feedback
        Fixed feedback matrices by name.
    status, message
        How it ended, and what to change.
    solver
        Method, step size or tolerances, seconds.
    seed, start
        What the run started from.
    """

    task: Task
    flow: Flow
    spaces: tuple[LayerSpace, ...]
    metric: str
    t: Array
    steps: NDArray[np.int_] | None
    coefficients: tuple[Array, ...]
    feedback: Mapping[str, Array]
    status: str
    message: str
    solver: Mapping[str, Any]
    seed: int
    start: str

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.spaces)

    def weights(self, layer: int) -> Array:
        """W_layer, (time, n_l, n_{l-1}), made from its coefficients; layer 1..L.

        Raises
        ------
        InputError
            No such layer.
        """
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not 1 <= layer <= self.depth:
            raise InputError(f"layer: {layer!r} given, expected 1..{self.depth}")
        return self.spaces[layer - 1].matrix(self.coefficients[layer - 1])

    def weights_at(self, index: int) -> list[Array]:
        """W_1..W_L at one output time."""
        return [space.matrix(theta[index]) for space, theta in zip(self.spaces, self.coefficients, strict=True)]

    @cached_property
    def loss(self) -> Array:
        """1/2 E|y - P x|^2, (time,), in units of output squared."""
        return self.over_time(lambda weights: np.array([self.task.loss(p) for p in measures.end_to_end(weights)]))

    @cached_property
    def commutator_defect(self) -> Array:
        """Commutator defect of W_l and W_{l+1}, (time, hidden layer), dimensionless; 0 where aligned."""
        return self._over_nodes(measures.commutator_defect)

    @cached_property
    def traceless_commutator_defect(self) -> Array:
        """The same of the traceless parts, (time, hidden layer); nan beside a multiple of an isometry."""
        return self._over_nodes(invariance.traceless_commutator_defect)

    @cached_property
    def network_alignment_defect(self) -> Array:
        """Zero iff the whole network is aligned, (time,); see `measures.invariance.network_alignment_defect`."""
        return self.over_time(invariance.network_alignment_defect)

    @cached_property
    def row_max_alignment(self) -> Array:
        """Row-max measure of W_l and W_{l+1}, (time, hidden layer); never read it without `row_max_chance`."""
        return self._over_nodes(invariance.row_max_alignment)

    @property
    def row_max_chance(self) -> Array:
        """What the row-max measure gives for layers that have nothing to do with each other, (hidden layer,)."""
        sizes = [(space.shape[0], min(space.shape)) for space in self.spaces[:-1]]
        return np.array([invariance.row_max_chance(size, columns) for size, columns in sizes])

    def over_time(self, measure: Callable[[Sequence[Array]], Array]) -> Array:
        """A function of [W_1, ..., W_L], each (times, n_l, n_{l-1}), at all output times, a few at a time."""
        entries = sum(space.shape[0] * space.shape[1] for space in self.spaces)
        length = max(1, int(CHUNK / (8.0 * entries)))
        parts = []
        for first in range(0, len(self.t), length):
            chosen = slice(first, first + length)
            weights = [s.matrix(theta[chosen]) for s, theta in zip(self.spaces, self.coefficients, strict=True)]
            parts.append(np.asarray(measure(weights)))
        return np.concatenate(parts)

    def _over_nodes(self, measure: Callable[[Array, Array], Array]) -> Array:
        def nodes(weights: Sequence[Array]) -> Array:
            columns = [measure(lower, upper) for lower, upper in pairwise(weights)]
            return np.array(columns).T.reshape(len(weights[0]), self.depth - 1)

        return self.over_time(nodes)

    def __repr__(self) -> str:
        names = ", ".join(space.name for space in self.spaces)
        pace = f"{self.steps[-1]} steps of {self.solver['step_size']:g}" if self.steps is not None else "a flow"
        return "\n".join(
            [
                f"ConstrainedRun of {self.flow.rule.name!r} on {self.task.name!r}: {names}; {self.metric} metric",
                f"  {self.status} at t = {self.t[-1]:g} ({pace}): {self.message}",
                f"  loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g} (best {self.task.best_loss:.4g})",
                f"  start {self.start}, seed {self.seed}",
            ]
        )
