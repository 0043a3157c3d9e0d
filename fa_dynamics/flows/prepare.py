"""Everything about a run that can be wrong is found here, before anything is integrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.compile import CompiledFlow, compile_flow
from fa_dynamics.derive.flow import Flow, derive
from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.errors import InputError
from fa_dynamics.flows.solve import solver_class
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Bases, Gaussian, Slot, Start, StartLike, parse, resolve
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

DEFAULT_TIMES = 201
"""Output times if the user names none."""

DEFAULT_START, DEFAULT_FEEDBACK = Gaussian(0.01), Gaussian(1.0)
"""Families of start and feedback if the user names none."""

SMALLEST_RTOL = 100 * float(np.finfo(float).eps)
"""SciPy's solvers go no further."""

LARGEST_RUN = 16e9
"""Bytes that a run may need: beyond this the operating system would end it without a word."""

WORK_ARRAYS = 30
"""States that an explicit solver of order eight and the matrix products keep at a time."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What every run starts from, integrated or iterated.

    Attributes
    ----------
    task, compiled, sizes, rates
        What is learned, the compiled flow, n_0..n_L, and rho_1..rho_L or None.
    initial
        The matrices of the state at t = 0, in the order of ``compiled.names``.
    feedback
        Fixed feedback, and starts of feedback that learns, by name.
    seed, start, feedback_start
        Where the matrices came from.
    """

    task: Task
    compiled: CompiledFlow
    sizes: tuple[int, ...]
    rates: tuple[float, ...] | None
    initial: tuple[Array, ...]
    feedback: Mapping[str, Array]
    seed: int
    start: str
    feedback_start: str

    @property
    def flow(self) -> Flow:
        """The derived flow."""
        return self.compiled.flow

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the parameters of the compiled flow."""
        values: dict[str, Any] = {
            "Sigma_xx": np.ascontiguousarray(self.task.input_moment),
            "Sigma_yx": np.ascontiguousarray(self.task.cross_moment),
            **self.feedback,
        }
        rates = zip(self.flow.decay_rates, self.rates or (), strict=True)
        return values | {symbol.name: rate for symbol, rate in rates}


@dataclass(frozen=True, eq=False)
class Plan(Setting):
    """A run that is ready to be integrated.

    Attributes
    ----------
    times, t_end
        Output times and the last time.
    solver
        method, rtol, atol, max_step.
    """

    times: Array
    t_end: float
    solver: Mapping[str, Any]


def prepare(
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
) -> Plan:
    """Check the arguments of `simulate`, derive and compile the flow, and draw the matrices.

    Raises
    ------
    InputError
        Bad arguments, or a run larger than the memory that it may take.
    DerivationError
        The rule cannot be derived.
    """
    for value, argument in ((t_end, "t_end"), (rtol, "rtol"), (atol, "atol")):
        check_positive(value, argument)
    check_positive(max_step, "max_step", infinite=True)
    if rtol < SMALLEST_RTOL:
        raise InputError(f"rtol: {rtol!r} given, expected at least {SMALLEST_RTOL:.1e}, 100 units of round-off")
    times = _output_times(t_eval, t_end)
    setting = settle(task, hidden, rule, start, feedback, decay=decay, seed=seed, n_times=len(times))
    solver_class(method, sum(rows * columns for rows, columns in setting.compiled.shapes))
    return Plan(
        **vars(setting),
        times=times,
        t_end=float(t_end),
        solver={"method": method, "rtol": float(rtol), "atol": float(atol), "max_step": float(max_step)},
    )


def settle(
    task: Task,
    hidden: int | Sequence[int],
    rule: RuleLike,
    start: StartLike | None,
    feedback: StartLike | None,
    *,
    decay: float | Sequence[float] | None,
    seed: int,
    n_times: int,
) -> Setting:
    """Check what integrated and iterated runs have in common, derive and compile the flow, and draw the matrices.

    Raises
    ------
    InputError
        Bad arguments, or states at `n_times` output times that take more memory than a run may.
    DerivationError
        The rule cannot be derived.
    """
    if not isinstance(task, Task):
        raise InputError(f"task: {type(task).__name__} given, expected a Task, such as fa.tasks.named('digits')")
    chosen = find_rule(rule)
    sizes = _sizes(task, hidden)
    depth = len(sizes) - 1
    rates = _decay_rates(decay, depth)
    start_object = _start_object(start, "start", DEFAULT_START)
    feedback_object = _start_object(feedback, "feedback", DEFAULT_FEEDBACK)
    draws = stream(seed, "start"), stream(seed, "feedback")

    flow = derive(depth, chosen, decay=rates is not None)
    flow.invariants()
    _check_memory(sizes, n_times)
    compiled = compile_flow(flow, sizes)
    bases = mode_bases(task, sizes)
    weights = resolve(start_object, weight_slots(sizes), bases, draws[0], "start")
    slots = feedback_slots(flow, sizes)
    drawn = resolve(feedback_object, slots, bases, draws[1], "feedback")
    given = {slot.name: matrix for slot, matrix in zip(slots, drawn, strict=True)}
    return Setting(
        task=task,
        compiled=compiled,
        sizes=sizes,
        rates=rates,
        initial=(*weights, *(given[name] for name in compiled.names[depth:])),
        feedback=given,
        seed=int(seed),
        start=_describe(start_object),
        feedback_start=_describe(feedback_object) if slots else "none",
    )


def mode_bases(task: Task, sizes: Sequence[int]) -> Bases:
    """U_0 and U_L from the task's modes; hidden modes are single units."""

    def layers() -> tuple[Array, ...]:
        modes = task.modes
        hidden = [np.eye(width, len(modes.correlation)) for width in sizes[1:-1]]
        return modes.input_basis, *hidden, modes.output_basis

    return Bases(layers)


def weight_slots(sizes: Sequence[int]) -> list[Slot]:
    """The weights W_1..W_L of a network of these sizes n_0..n_L."""
    return [Slot(f"W_{layer}", layer, layer - 1, (sizes[layer], sizes[layer - 1])) for layer in range(1, len(sizes))]


def feedback_slots(flow: Flow, sizes: Sequence[int]) -> list[Slot]:
    """The feedback matrices that a flow asks for, at these sizes n_0..n_L."""
    layer_of = {symbol: layer for layer, symbol in enumerate(flow.network.sizes)}
    slots = []
    for matrix in flow.feedback:
        target, source = (layer_of[size] for size in matrix.shape)
        slots.append(Slot(matrix.name, target, source, (sizes[target], sizes[source])))
    return slots


def _sizes(task: Task, hidden: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(hidden, int | np.integer | Sequence | np.ndarray) or isinstance(hidden, str):
        raise InputError(f"hidden: {hidden!r} given, expected whole numbers >= 1, one per hidden layer")
    widths = (hidden,) if isinstance(hidden, int | np.integer) else tuple(hidden)
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise InputError(f"hidden: {hidden!r} given, expected whole numbers >= 1, one per hidden layer")
    return (task.n_inputs, *(int(width) for width in widths), task.n_outputs)


def _decay_rates(decay: float | Sequence[float] | None, depth: int) -> tuple[float, ...] | None:
    if decay is None:
        return None
    rates = _numbers(decay, "decay")
    if rates.shape not in ((), (depth,)) or not np.isfinite(rates).all() or (rates < 0).any():
        raise InputError(f"decay: {decay!r} given, expected a number >= 0, or {depth} of them")
    return tuple(float(rate) for rate in np.broadcast_to(rates, (depth,)))


def _numbers(given: Any, argument: str) -> Array:
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {given!r} given, expected numbers") from problem


def check_positive(value: Any, argument: str, infinite: bool = False) -> None:
    """Refuse what is no number > 0.

    Raises
    ------
    InputError
        Naming the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{argument}: {value!r} given, expected a number > 0")
    if not value > 0 or not (infinite or np.isfinite(value)):
        raise InputError(f"{argument}: {value!r} given, expected a {'' if infinite else 'finite '}number > 0")


def _output_times(t_eval: ArrayLike | None, t_end: float) -> Array:
    if t_eval is None:
        return np.linspace(0.0, t_end, DEFAULT_TIMES)
    times = np.atleast_1d(_numbers(t_eval, "t_eval"))
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


def _check_memory(sizes: Sequence[int], n_times: int) -> None:
    states = sum(rows * columns for rows, columns in zip(sizes[1:], sizes[:-1], strict=True))
    needed = 8.0 * states * (n_times + WORK_ARRAYS)
    if needed > LARGEST_RUN:
        raise InputError(
            f"hidden: widths {'-'.join(map(str, sizes))} mean {states:.3g} weights, which at {n_times} output times "
            f"take {needed / 1e9:.3g} GB, expected at most {LARGEST_RUN / 1e9:.0f} GB: fewer units, or fewer times"
        )
