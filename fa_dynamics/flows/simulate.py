"""simulate(...) -> Trajectory: the derived flow of a task, integrated with strict defaults."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.compile import CompiledFlow, compile_flow
from fa_dynamics.derive.flow import Flow, derive
from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.drift import suspicious_drift
from fa_dynamics.flows.solve import solve, solver_class
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.measures.linear import mode_strength_of_weights
from fa_dynamics.progress import Report, reporting
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Bases, Gaussian, Slot, Start, StartLike, parse, resolve
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

DEFAULT_TIMES = 201
"""Output times if the user names none."""

SMALL_PRODUCTS = 2e7
"""Multiply-adds per evaluation below which one BLAS thread beats two: the products are too short to share."""


def simulate(
    task: Task,
    hidden: int | Sequence[int] = (),
    rule: RuleLike = "fa",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    t_end: float,
    decay: float | Sequence[float] | None = None,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    t_eval: ArrayLike | None = None,
    max_step: float = np.inf,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> Trajectory:
    """Integrate the flow dW_l/dt = back_l E (W_{l-1}..W_1)^T - rho_l W_l of a deep linear network.

    Parameters
    ----------
    task
        What is learned; its second moments enter the flow.
    hidden
        Widths n_1..n_{L-1} of the hidden layers; the depth is their number plus one.
    rule
        A learning rule, its class, its short name or ``'file.py:ClassName'``.
    start
        A start object, its text form, or the arrays [W_1, ..., W_L]. Default: ``Gaussian(0.01)``.
    feedback
        The same for the feedback matrices of the rule: [B_2, ..., B_L], B_l of the shape of W_l^T; for DFA
        [D_1, ..., D_{L-1}], D_l of shape (n_l, n_L). Default: ``Gaussian(1.0)``, entries of variance 1/n_l.
    t_end
        Last time, > 0, in units of 1 / (curvature of the loss).
    decay
        Weight decay rho, one for all or one per layer; None for none.
    method, rtol, atol
        As in `scipy.integrate.solve_ivp`; `method` is a name or an `OdeSolver` class.
    t_eval
        Output times in [0, t_end], increasing. Default: 201 equally spaced ones.
    max_step
        Longest step that the solver may take.
    seed
        For the start and the feedback, which have streams of their own.
    progress
        True or False, or a function of the fraction done; None shows a bar on a terminal after two seconds.

    Returns
    -------
    Trajectory
        Also when the run ended early: ``status`` names how, ``message`` says what to change.

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early, or its first integrals drift more than the tolerances explain.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> task = fa.Task.from_spectrum([2.0, 1.0])
    >>> run = fa.simulate(task, hidden=2, rule="fa", start=fa.starts.Zero(), feedback=[[[1, 0], [0, 1]]], t_end=5.0)
    >>> run.learning_times(level=0.5).round(3)
    array([0.744, 1.181])
    """
    if not isinstance(task, Task):
        raise InputError(f"task: {type(task).__name__} given, expected a Task (see fa.tasks)")
    chosen = find_rule(rule)
    sizes = _sizes(task, hidden)
    depth = len(sizes) - 1
    rates = _decay_rates(decay, depth)
    _check_positive(t_end, "t_end")
    _check_positive(rtol, "rtol")
    _check_positive(atol, "atol")
    _check_positive(max_step, "max_step", infinite=True)
    times = _output_times(t_eval, t_end)

    flow = derive(depth, chosen, decay=rates is not None)
    compiled = compile_flow(flow, sizes)
    solver_class(method, sum(rows * columns for rows, columns in compiled.shapes))
    bases = mode_bases(task, sizes)
    start_object = _start_object(start, "start", Gaussian(0.01))
    feedback_object = _start_object(feedback, "feedback", Gaussian(1.0))
    weights = resolve(start_object, _weight_slots(sizes), bases, stream(seed, "start"), "start")
    slots = _feedback_slots(flow, sizes)
    drawn = resolve(feedback_object, slots, bases, stream(seed, "feedback"), "feedback") if slots or feedback else []
    given = {slot.name: matrix for slot, matrix in zip(slots, drawn, strict=True)}

    velocity, unpack = flat_velocity(compiled, parameters(flow, task, given, rates))
    initial = [*weights, *(given[name] for name in compiled.names[depth:])]
    modes = task.modes

    def strength(state: Array) -> Array:
        return mode_strength_of_weights(unpack(state)[:depth], modes.output_basis, modes.input_basis)

    began = time.perf_counter()
    with reporting(f"{chosen.name} flow", progress) as report, _threads(compiled.multiply_adds):
        solution = solve(
            velocity,
            np.concatenate([matrix.ravel() for matrix in initial]),
            times,
            float(t_end),
            strength,
            method=method,
            rtol=rtol,
            atol=atol,
            max_step=max_step,
            report=report,
        )
    seconds = time.perf_counter() - began

    history = _split(solution.y, compiled)
    run = Trajectory(
        task=task,
        flow=flow,
        sizes=sizes,
        t=solution.t,
        weights=tuple(history[name] for name in compiled.names[:depth]),
        feedback={name: history.get(name, matrix) for name, matrix in given.items()},
        decay=rates,
        curve=solution.curve,
        status=solution.status,
        message=solution.message,
        solver={
            "method": method if isinstance(method, str) else method.__name__,
            "rtol": float(rtol),
            "atol": float(atol),
            "steps": solution.n_steps,
            "evaluations": solution.n_evaluations,
            "seconds": round(seconds, 3),
        },
        seed=int(seed),
        start=_describe(start_object),
        feedback_start=_describe(feedback_object) if slots else "none",
    )
    if run.status != "completed":
        warnings.warn(f"{run.status}: {run.message}", IntegrationWarning, stacklevel=2)
    else:
        sentence = suspicious_drift(run)
        if sentence:
            warnings.warn(sentence, IntegrationWarning, stacklevel=2)
    return run


def flat_velocity(
    compiled: CompiledFlow, values: Mapping[str, Any]
) -> tuple[Callable[[float, Array], Array], Callable[[Array], list[Array]]]:
    """The velocity of a flat state, and the function that views a flat state as its matrices."""
    bound = compiled.bind(values, np.empty)
    ends = np.cumsum([rows * columns for rows, columns in compiled.shapes]).tolist()
    layout = list(zip([0, *ends[:-1]], ends, compiled.shapes, strict=True))

    def unpack(state: Array) -> list[Array]:
        return [state[first:last].reshape(shape) for first, last, shape in layout]

    def velocity(_: float, state: Array) -> Array:
        out = np.empty_like(state)
        bound(unpack(state), unpack(out))
        return out

    return velocity, unpack


def parameters(
    flow: Flow, task: Task, feedback: Mapping[str, Array], rates: tuple[float, ...] | None
) -> dict[str, Any]:
    """Values of the parameters of a compiled flow."""
    values: dict[str, Any] = {
        "Sigma_xx": np.ascontiguousarray(task.input_moment),
        "Sigma_yx": np.ascontiguousarray(task.cross_moment),
        **feedback,
    }
    return values | {symbol.name: rate for symbol, rate in zip(flow.decay_rates, rates or (), strict=True)}


def mode_bases(task: Task, sizes: Sequence[int]) -> Bases:
    """U_0 and U_L from the task's modes; hidden modes are single units."""
    modes = task.modes
    count = len(modes.correlation)
    hidden = [np.eye(width, count) for width in sizes[1:-1]]
    return Bases((modes.input_basis, *hidden, modes.output_basis))


def _weight_slots(sizes: Sequence[int]) -> list[Slot]:
    return [Slot(f"W_{layer}", layer, layer - 1, (sizes[layer], sizes[layer - 1])) for layer in range(1, len(sizes))]


def _feedback_slots(flow: Flow, sizes: Sequence[int]) -> list[Slot]:
    layer_of = {symbol: layer for layer, symbol in enumerate(flow.network.sizes)}
    slots = []
    for matrix in flow.feedback:
        target, source = (layer_of[size] for size in matrix.shape)
        slots.append(Slot(matrix.name, target, source, (sizes[target], sizes[source])))
    return slots


def _split(states: Array, compiled: CompiledFlow) -> dict[str, Array]:
    ends = np.cumsum([rows * columns for rows, columns in compiled.shapes])[:-1]
    parts = np.split(states, ends, axis=1)
    return {
        name: part.reshape(len(states), *shape)
        for name, part, shape in zip(compiled.names, parts, compiled.shapes, strict=True)
    }


def _sizes(task: Task, hidden: int | Sequence[int]) -> tuple[int, ...]:
    widths = (hidden,) if isinstance(hidden, int | np.integer) else tuple(hidden)
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise InputError(f"hidden: {hidden!r} given, expected whole numbers >= 1, one per hidden layer")
    return (task.n_inputs, *(int(width) for width in widths), task.n_outputs)


def _decay_rates(decay: float | Sequence[float] | None, depth: int) -> tuple[float, ...] | None:
    if decay is None:
        return None
    rates = np.asarray(decay, dtype=float)
    if rates.shape not in ((), (depth,)) or not np.isfinite(rates).all() or (rates < 0).any():
        raise InputError(f"decay: {decay!r} given, expected a number >= 0, or {depth} of them")
    return tuple(float(rate) for rate in np.broadcast_to(rates, (depth,)))


def _check_positive(value: Any, argument: str, infinite: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{argument}: {value!r} given, expected a number > 0")
    if not value > 0 or not (infinite or np.isfinite(value)):
        raise InputError(f"{argument}: {value!r} given, expected a {'' if infinite else 'finite '}number > 0")


def _output_times(t_eval: ArrayLike | None, t_end: float) -> Array:
    if t_eval is None:
        return np.linspace(0.0, t_end, DEFAULT_TIMES)
    times = np.atleast_1d(np.asarray(t_eval, dtype=float))
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all():
        raise InputError(f"t_eval: shape {times.shape} given, expected finite times of shape (times,)")
    if times[0] < 0 or times[-1] > t_end or (np.diff(times) <= 0).any():
        raise InputError(f"t_eval: expected increasing times within [0, t_end = {t_end}]")
    return times


def _start_object(given: StartLike | None, argument: str, default: Start) -> StartLike:
    if given is None:
        return default
    return parse(given, argument) if isinstance(given, str) else given


def _describe(given: StartLike) -> str:
    return repr(given) if isinstance(given, Start) else "given arrays"


def _threads(multiply_adds: float) -> Any:
    from contextlib import nullcontext

    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas") if multiply_adds < SMALL_PRODUCTS else nullcontext()
