"""The loop of finite steps: minibatches, heavy ball, and a named ending."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.flat import flat_velocity
from fa_dynamics.flows.iterate_account import Account, advanced
from fa_dynamics.flows.iterate_plan import StepPlan
from fa_dynamics.flows.solve import BLOW_UP, Status
from fa_dynamics.measures.linear import mode_strength_of_weights
from fa_dynamics.randomness import stream

Array = NDArray[np.float64]

REPORTS = 200
"""Times that progress is reported."""


@dataclass(frozen=True, eq=False)
class Taken:
    """What a loop of steps returns.

    Attributes
    ----------
    number
        Step numbers whose states were kept, (time,).
    states
        Every matrix of the state at those steps, each (time, rows, columns).
    strength
        Mode strengths at the start and after every step, (steps + 1, modes).
    explained, unexplained
        Drifts of first integrals at the kept steps, by name.
    status, message
        How it ended, and one sentence on what that means and what to change.
    n_steps
        Steps taken.
    """

    number: NDArray[np.int_]
    states: tuple[Array, ...]
    strength: Array
    explained: dict[str, Array]
    unexplained: dict[str, Array]
    status: Status
    message: str
    n_steps: int


def take_steps(plan: StepPlan, accounts: Sequence[Account], report: Callable[[float], None]) -> Taken:
    """Take the steps of a plan, as far as they go."""
    compiled, eta, modes = plan.compiled, plan.step_size, plan.task.modes
    depth = len(plan.sizes) - 1
    velocity, unpack = _velocities(plan)
    state = np.concatenate([matrix.ravel() for matrix in plan.initial])
    speed = np.zeros_like(state)
    limit = BLOW_UP * max(1.0, float(np.abs(state).max(initial=0.0)))
    states = tuple(np.empty((len(plan.record), *shape)) for shape in compiled.shapes)
    strength = np.empty((plan.n_steps + 1, len(modes.correlation)))
    explained, unexplained = ({each.name: np.empty(len(plan.record)) for each in accounts} for _ in range(2))
    books = list(accounts)
    status: Status = "completed"
    message = "took all steps."
    every = max(1, plan.n_steps // REPORTS)
    done = kept = -1

    def named(flat: Array) -> dict[str, Array]:
        return dict(plan.feedback) | dict(zip(compiled.names, unpack(flat), strict=True))

    def keep(step: int) -> None:
        """Note what is known after a step; counters go last, since a user may stop us anywhere."""
        nonlocal done, kept
        strength[step] = mode_strength_of_weights(unpack(state)[:depth], modes.output_basis, modes.input_basis)
        if plan.record[min(kept + 1, len(plan.record) - 1)] == step:
            for history, matrix in zip(states, unpack(state), strict=True):
                history[kept + 1] = matrix
            here = named(state) if books else {}
            for book in books:
                explained[book.name][kept + 1] = book.explained()
                unexplained[book.name][kept + 1] = book.unexplained(here)
            kept += 1
        done = step

    with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends the run by name
        try:
            keep(0)
            for step in range(1, plan.n_steps + 1):
                gain = velocity(state)
                speed = plan.momentum * speed + gain if plan.momentum else gain
                moved = eta * speed
                after = state + moved
                largest = max(after.max(), -after.min())
                if not np.isfinite(largest):
                    status, message = "non-finite", _ended(step, eta, "the weights left the range of numbers")
                    break
                if books:
                    parts = named(state), dict(zip(compiled.names, unpack(moved), strict=True)), named(after)
                    books = [advanced(book, plan.momentum, *parts) for book in books]
                state = after
                keep(step)
                if largest > limit:
                    status, message = "diverged", _ended(step, eta, f"an entry exceeded {limit:.1e}")
                    break
                if step % every == 0:
                    report(step / plan.n_steps)
        except KeyboardInterrupt:
            status = "interrupted"
            message = f"stopped by hand after step {max(done, 0)}; everything up to there is kept."
    kept += 1
    return Taken(
        number=plan.record[:kept],
        states=tuple(history[:kept] for history in states),
        strength=strength[: done + 1],
        explained={name: history[:kept] for name, history in explained.items()},
        unexplained={name: history[:kept] for name, history in unexplained.items()},
        status=status,
        message=message,
        n_steps=max(done, 0),
    )


def _velocities(plan: StepPlan) -> tuple[Callable[[Array], Array], Callable[[Array], list[Array]]]:
    """The velocity of a flat state, that of the next minibatch if there are any, and the view as matrices."""
    values = plan.parameters
    if plan.batch_size is None:
        whole, unpack = flat_velocity(plan.compiled, values)
        return lambda state: whole(0.0, state), unpack
    # The compiled function reads the moments from these arrays, so that a step writes to them and binds nothing again;
    # what is computed once for all steps is made of feedback alone.
    values |= {name: np.array(values[name]) for name in ("Sigma_xx", "Sigma_yx")}
    bound, unpack = flat_velocity(plan.compiled, values)
    batches = minibatches(plan)

    def velocity(state: Array) -> Array:
        inputs, targets = next(batches)
        np.divide(inputs.T @ inputs, len(inputs), out=values["Sigma_xx"])
        np.divide(targets.T @ inputs, len(inputs), out=values["Sigma_yx"])
        return bound(0.0, state)

    return velocity, unpack


def minibatches(plan: StepPlan) -> Iterator[tuple[Array, Array]]:
    """Inputs and targets of one minibatch after another, for ever; every epoch is a new permutation of the samples."""
    inputs, targets, size = plan.task.inputs, plan.task.targets, plan.batch_size
    assert inputs is not None
    assert targets is not None
    assert size is not None
    rng = stream(plan.seed, "data")
    while True:
        order = rng.permutation(len(inputs))
        for first in range(0, len(inputs), size):
            chosen = np.sort(order[first : first + size])  # all samples give the very moments of the task
            yield inputs[chosen], targets[chosen]


def _ended(step: int, eta: float, what: str) -> str:
    return (
        f"at step {step} (t = {step * eta:.6g}) {what}: lower the step size, the start or the feedback, or add weight "
        "decay."
    )
