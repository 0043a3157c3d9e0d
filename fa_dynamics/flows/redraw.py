"""Draw the start and the feedback of a prepared run again, with other seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.prepare import Setting, feedback_slots, mode_bases, weight_slots
from fa_dynamics.randomness import stream
from fa_dynamics.starts import StartLike, resolve

Array = NDArray[np.float64]


def redraw(
    setting: Setting, start: StartLike, feedback: StartLike, seeds: Sequence[int] | NDArray[np.int64]
) -> tuple[list[Array], dict[str, Array]]:
    """The matrices that `simulate` would draw with each of the seeds.

    Parameters
    ----------
    setting
        A prepared run.
    start, feedback
        Start objects, their text forms, or arrays, which are then the same for every seed.
    seeds
        One per member.

    Returns
    -------
    initial, fixed
        Start of every matrix of the state, and feedback that does not learn, by name; each (member, rows, columns).
    """
    bases = mode_bases(setting.task, setting.sizes)
    slots = {"start": weight_slots(setting.sizes), "feedback": feedback_slots(setting.flow, setting.sizes)}
    families = {"start": start, "feedback": feedback}
    drawn: dict[str, list[Array]] = {slot.name: [] for own in slots.values() for slot in own}
    for seed in seeds:
        for name, own in slots.items():
            matrices = resolve(families[name], own, bases, stream(int(seed), name), name)
            for slot, matrix in zip(own, matrices, strict=True):
                drawn[slot.name].append(matrix)
    stacked = {name: np.stack(matrices) for name, matrices in drawn.items()}
    state = setting.compiled.names
    return [stacked[name] for name in state], {name: value for name, value in stacked.items() if name not in state}
