"""What a run of finite steps keeps beside the states: its settings, its step numbers, and an account of its drifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps W+ = W + eta V+ with V+ = momentum V + G, G the derived velocity.

    Attributes
    ----------
    step_size
        eta, 1 / curvature.
    number
        Step numbers of the output times, (time,); t = number * step_size.
    momentum
        Of heavy ball; 0 for plain steps.
    batch_size
        Samples per step, drawn without replacement in every epoch; None for all of them.
    explained, unexplained
        |sum of the derived drifts of all steps| and |Q(t) - Q(0) - that sum|, each over max(1, |Q(0)|), (time,), by
        name of the first integral. The second is round-off.
    left_out
        Why some first integrals are not accounted for; '' if all are.
    """

    step_size: float
    number: NDArray[np.int_]
    momentum: float
    batch_size: int | None
    explained: Mapping[str, Array]
    unexplained: Mapping[str, Array]
    left_out: str = ""


@dataclass(frozen=True, eq=False)
class StepCurve:
    """Mode strengths after every step; between steps there is nothing, and lines are drawn.

    Attributes
    ----------
    edges
        Times of the steps, (steps + 1,).
    values
        (steps + 1, modes).
    """

    edges: Array
    values: Array

    def sample(self, per_step: int = 1) -> tuple[Array, Array]:
        """Times and values of all steps; `per_step` is there for curves between steps, and has no meaning here."""
        return self.edges, self.values

    def learning_times(self, target: Array, level: float = 0.5) -> Array:
        """Time of the first step from which on |p - s| <= (1 - level) |s|, (modes,); inf if not by the last step.

        Raises
        ------
        InputError
            Level outside (0, 1).
        """
        if not 0 < level < 1:
            raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
        outside = ~(np.abs(self.values - target) <= (1 - level) * np.abs(target))
        reached = len(outside) - np.argmax(outside[::-1], axis=0)
        first = np.where(outside.any(axis=0), reached, 0)
        return np.where(first < len(outside), self.edges[np.minimum(first, len(outside) - 1)], np.inf)
