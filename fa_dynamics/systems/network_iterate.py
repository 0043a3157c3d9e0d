"""iterate_network(...) -> NetworkRun: the same networks and rules with finite steps, minibatches and momentum."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.prepare import DEFAULT_TIMES, check_positive
from fa_dynamics.flows.solve import BLOW_UP
from fa_dynamics.progress import Report, reporting
from fa_dynamics.randomness import stream
from fa_dynamics.starts import StartLike
from fa_dynamics.systems.activations import Activation
from fa_dynamics.systems.losses import Loss
from fa_dynamics.systems.network import collected, packed
from fa_dynamics.systems.network_field import evaluate, velocity
from fa_dynamics.systems.network_laws import hidden_laws
from fa_dynamics.systems.network_ledger import booked, opened
from fa_dynamics.systems.network_prepare import NetworkPlan, prepare_network
from fa_dynamics.systems.network_run import NetworkRun
from fa_dynamics.tasks import Task
from fa_dynamics.tasks.arguments import count, flag

Array = NDArray[np.float64]


def iterate_network(
    task: Task,
    hidden: int | Sequence[int],
    activation: Activation | str = "relu",
    rule: RuleLike = "fa",
    loss: Loss | str = "squared",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    step_size: float,
    n_steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    momentum: float = 0.0,
    biases: bool = False,
    decay: float | Sequence[float] | None = None,
    test: Task | None = None,
    records: int = DEFAULT_TIMES,
    ledger: bool = True,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> NetworkRun:
    r"""Train a deep network by finite steps, all arrays at once from the old ones.

    .. math:: V \leftarrow \mu V + \dot W, \qquad W \leftarrow W + \eta V

    with the velocity of `simulate_network` on a minibatch. Momentum mu = 0 is gradient descent; feedback that learns
    moves by the same steps.

    Parameters
    ----------
    task, hidden, activation, rule, loss, start, feedback, biases, decay, test, progress
        As in `simulate_network`.
    step_size
        eta > 0, in units of time.
    n_steps, epochs
        How long: either steps, or passes over all samples.
    batch_size
        Samples a step, drawn without replacement and shuffled anew for every epoch; the samples that do not fill a
        batch are left out of that epoch, since a small batch takes a step as long as a full one. None for all samples.
    momentum
        mu in [0, 1), dimensionless (heavy ball, from rest).
    records
        Number of recorded states, equally spaced in steps, the first and the last among them.
    ledger
        Keep the account behind ``explained_drift``; it costs one product of two layers' entries a step.
    seed
        For the start, the feedback and the order of samples, which have streams of their own.

    Returns
    -------
    NetworkRun
        With ``t`` = step size times steps, and ``explained_drift``: for feedback alignment without momentum and decay
        1/2 eta^2 sum |g_i|^2, in general every cause, to round-off. Source: robertson2024.discrete-drift.

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early.
    """
    check_positive(step_size, "step_size")
    if isinstance(momentum, bool) or not isinstance(momentum, int | float | np.number) or not 0 <= momentum < 1:
        raise InputError(f"momentum: {momentum!r} given, expected a number from 0 to below 1")
    if (n_steps is None) == (epochs is None):
        raise InputError("n_steps: give either n_steps or epochs, and not both")
    records = count(records, "records", 2)
    plan = prepare_network(task, hidden, activation, rule, loss, start, feedback, biases, decay, test, records, seed)
    assert task.targets is not None
    samples = len(task.targets)
    batch = samples if batch_size is None else count(batch_size, "batch_size")
    if batch > samples:
        raise InputError(f"batch_size: {batch} given, expected at most the {samples} samples of the task")
    per_epoch = samples // batch
    steps = count(epochs, "epochs") * per_epoch if n_steps is None else count(n_steps, "n_steps")
    kept = flag(ledger, "ledger")
    run = _iterate(plan, float(step_size), steps, batch, float(momentum), records, kept, progress)
    if run.status != "completed":
        warnings.warn(f"{run.status}: {run.message}", IntegrationWarning, stacklevel=2)
    return run


def _iterate(
    plan: NetworkPlan,
    step_size: float,
    steps: int,
    batch: int,
    momentum: float,
    records: int,
    ledger: bool,
    progress: bool | Report | None,
) -> NetworkRun:
    from threadpoolctl import threadpool_limits

    model, task = plan.model, plan.task
    assert task.inputs is not None
    assert task.targets is not None
    recorded = set(np.unique(np.linspace(0, steps, records).round().astype(int)).tolist())
    laws = hidden_laws(model) if ledger else ()
    accounts = opened(model) if ledger else ()
    state = {name: plan.initial[name] for name in model.shapes}
    limit = BLOW_UP * max(1.0, max(float(np.abs(value).max()) for value in state.values()))
    moved: dict[str, Array] | None = None
    done, kept, totals = [0], [packed(state, model)], [[account.total for account in accounts]]
    status, message = "completed", "took the last step."
    began = time.perf_counter()
    label = f"{model.flow.rule.name} steps, {model.activation.name}"
    batches = _batches(len(task.inputs), batch, stream(plan.seed, "data"))
    with (
        reporting(label, progress) as report,
        threadpool_limits(1, user_api="blas"),
        np.errstate(over="ignore", invalid="ignore"),
    ):
        try:
            for step in range(1, steps + 1):
                chosen = next(batches)
                seen = evaluate(model, state, task.inputs[chosen], task.targets[chosen])
                push = velocity(model, state, seen)
                before, moved_before = state, moved
                moved = push if moved_before is None else {k: momentum * moved_before[k] + push[k] for k in push}
                state = {name: before[name] + step_size * moved[name] for name in before}
                largest = max(float(np.abs(value).max()) for value in state.values())
                if not np.isfinite(largest):
                    status, message = "non-finite", _advice(step, "entries are no longer finite")
                    break
                accounts = tuple(
                    booked(model, law, account, seen, before, state, moved, moved_before, step_size, momentum)
                    for law, account in zip(laws, accounts, strict=True)
                )
                if step in recorded or largest > limit:
                    done.append(step)
                    kept.append(packed(state, model))
                    totals.append([account.total for account in accounts])
                if largest > limit:
                    status, message = "diverged", _advice(step, f"an entry exceeds {limit:.1e}")
                    break
                report(step / steps)
        except KeyboardInterrupt:
            status, message = "interrupted", f"stopped by hand after step {done[-1]}; everything up to there is kept."
    facts: dict[str, Any] = {
        "step_size": step_size,
        "momentum": momentum,
        "batch_size": batch,
        "steps": steps,
        "seconds": round(time.perf_counter() - began, 3),
    }
    explained = tuple(np.array(column) for column in zip(*totals, strict=True)) if ledger else None
    t = step_size * np.array(done, dtype=float)
    return collected(plan, t, np.array(kept), explained, status, message, facts)


def _advice(step: int, what: str) -> str:
    return f"at step {step} {what}: lower the step size, the start or the feedback."


def _batches(samples: int, batch: int, rng: np.random.Generator) -> Iterator[Any]:
    """Indices of minibatches for ever; all samples as they are if a batch holds them all."""
    while True:
        if batch == samples:
            yield slice(None)
            continue
        order = rng.permutation(samples)
        for first in range(0, samples - batch + 1, batch):
            yield order[first : first + batch]
