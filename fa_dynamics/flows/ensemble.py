"""simulate_ensemble(...) -> Ensemble: many draws of weights and feedback in one solve, each as accurate as alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics import measures
from fa_dynamics.derive.flow import Flow
from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError
from fa_dynamics.flows.ensemble_solve import Part, curves_of, solve_members
from fa_dynamics.flows.prepare import DEFAULT_FEEDBACK, DEFAULT_START, prepare
from fa_dynamics.flows.redraw import redraw
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.progress import Report, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.tasks import Task

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that a summary shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Many runs of one shape, which differ in the draw of weights and feedback.

    Attributes
    ----------
    task, flow, sizes
        As of a single run.
    seeds
        Seed of every member, (draw,): ``simulate(..., seed=seeds[i])`` is member i alone.
    t
        Output times, (time,).
    mode_strength
        (draw, time, mode); nan after a member has ended early.
    loss
        (draw, time); nan after a member has ended early.
    weights
        W_1..W_L, each (draw, time, n_l, n_{l-1}), or None if they were not asked for.
    status, message
        How each member ended, (draw,).
    parts
        Groups of members that were integrated together.
    arguments
        Of `simulate`, for running a member alone.
    seconds
        Of work.
    """

    task: Task
    flow: Flow
    sizes: tuple[int, ...]
    seeds: NDArray[np.int64]
    t: Array
    mode_strength: Array
    loss: Array
    weights: tuple[Array, ...] | None
    status: tuple[str, ...]
    message: tuple[str, ...]
    parts: tuple[Part, ...]
    arguments: Mapping[str, Any]
    seconds: float

    @property
    def draws(self) -> int:
        """Number of members."""
        return len(self.seeds)

    @cached_property
    def curves(self) -> tuple[measures.Curve, ...]:
        """Mode strengths between the accepted steps of every part, found by integrating once more."""
        return curves_of(self.parts)

    def __getstate__(self) -> dict[str, Any]:
        """With the curves in the place of the functions that find them, which cannot be pickled."""
        return self.__dict__ | {"curves": self.curves, "parts": tuple(replace(p, watched=None) for p in self.parts)}

    @cached_property
    def completed(self) -> NDArray[np.bool_]:
        """Which members reached the last time, (draw,)."""
        return np.array([status == "completed" for status in self.status])

    def learning_times(self, level: float = 0.5) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (draw, mode).

        inf if not by the end of the run; nan for members that ended early. Found between the accepted steps.
        """
        target = self.task.modes.target
        times = np.full((self.draws, len(target)), np.nan)
        for part, curve in zip(self.parts, self.curves, strict=True):
            if part.status == "completed":
                found = measures.learning_times(curve, np.tile(target, len(part.members)), level)
                times[part.members] = found.reshape(len(part.members), len(target))
        return times

    def order(self, level: float = 0.5) -> tuple[measures.Order, ...]:
        """Rank correlation of target and learning time, and the verdict, of every member."""
        modes = self.task.modes
        return tuple(
            measures.order_of_learning(np.where(np.isnan(times), np.inf, times), modes.target, modes.curvature)
            for times in self.learning_times(level)
        )

    def quantiles(self, levels: ArrayLike = LEVELS, learned: float = 0.5) -> Array:
        """Quantiles of the learning times over the members that completed, (level, mode); inf counts as late."""
        times = self.learning_times(learned)[self.completed]
        if not len(times):
            raise InputError("quantiles: no member completed")
        # By rank: an interpolation between a finite and an infinite time would be neither.
        return np.asarray(np.quantile(times, np.asarray(levels, dtype=float), axis=0, method="inverted_cdf"))

    def member(self, draw: int) -> Trajectory:
        """Member `draw`, run again alone, with every observable."""
        if isinstance(draw, bool) or not isinstance(draw, int | np.integer) or not 0 <= draw < self.draws:
            raise InputError(f"draw: {draw!r} given, expected 0..{self.draws - 1}")
        return simulate(self.task, **self.arguments, seed=int(self.seeds[draw]))

    def to_xarray(self) -> xarray.Dataset:
        """Mode strengths, losses and learning times by name (dims draw, time, mode)."""
        import xarray

        data: dict[str, Any] = {
            "mode_strength": (("draw", "time", "mode"), self.mode_strength),
            "loss": (("draw", "time"), self.loss),
            "learning_time": (("draw", "mode"), self.learning_times()),
            "target": (("mode",), self.task.modes.target),
            "seed": (("draw",), self.seeds),
            "status": (("draw",), list(self.status)),
        }
        for layer, weight in enumerate(self.weights or (), start=1):
            data[f"W_{layer}"] = (("draw", "time", f"unit_{layer}", f"unit_{layer - 1}"), weight)
        coordinates = {"time": self.t, "mode": np.arange(1, len(self.task.modes.target) + 1)}
        notes = {"equations": self.flow.text(), "rule": self.flow.rule.name, "sizes": list(self.sizes)}
        return xarray.Dataset(data, coordinates, attrs=notes)

    def __repr__(self) -> str:
        counts = {status: self.status.count(status) for status in dict.fromkeys(self.status)}
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        return (
            f"Ensemble of {self.draws} draws of {self.flow.rule.name!r} on {self.task.name!r}: widths "
            f"{'-'.join(map(str, self.sizes))}\n  {told} at t = {self.t[-1]:g}; {self.seconds:.3g} s, "
            f"start {self.arguments['start']!r}, feedback {self.arguments['feedback']!r}"
        )


def simulate_ensemble(
    task: Task,
    hidden: int | Sequence[int] = (),
    rule: RuleLike = "fa",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    draws: int,
    t_end: float,
    decay: float | Sequence[float] | None = None,
    method: str = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    t_eval: ArrayLike | None = None,
    keep_weights: bool = False,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> Ensemble:
    """Integrate `draws` members that differ in their random start and feedback, together.

    Every member keeps its own error norm, and the worst of them decides each step, so that all are as accurate as if
    they ran alone: SciPy's root mean square over the whole state would dilute one member among many. A member that
    cannot go on is taken out; the others do not feel it. Large ensembles are integrated in groups, by as many threads
    as BLAS may use, up to four; what comes out does not depend on their number.

    Parameters
    ----------
    task, hidden, rule, start, feedback, t_end, decay, rtol, atol, t_eval
        As of `simulate`.
    draws
        Number of members.
    method
        'DOP853', 'RK45' or 'RK23'.
    keep_weights
        Keep the weights at all output times, (draw, time, n_l, n_{l-1}) numbers per layer.
    seed
        Member i has a seed of its own, made from this one and i; more draws leave the first ones as they are.
    progress
        True or False, or a function of the fraction done; None shows a bar on a terminal after two seconds.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        Bad arguments.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> task = fa.Task.from_spectrum([2.0, 1.0])
    >>> many = fa.simulate_ensemble(task, hidden=4, draws=20, t_end=20.0)
    >>> many.learning_times(level=0.5).shape
    (20, 2)
    """
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 1:
        raise InputError(f"draws: {draws!r} given, expected a whole number >= 1")
    if method not in ("DOP853", "RK45", "RK23"):
        raise InputError(f"method: {method!r} given, expected DOP853, RK45 or RK23: explicit methods")
    family = DEFAULT_START if start is None else start
    backward = DEFAULT_FEEDBACK if feedback is None else feedback
    given: dict[str, Any] = {
        "hidden": hidden,
        "rule": rule,
        "start": family,
        "feedback": backward,
        "t_end": t_end,
        "decay": decay,
    }
    given |= {"t_end": t_end, "decay": decay, "method": method, "rtol": rtol, "atol": atol, "t_eval": t_eval}
    seeds = member_seeds(seed, int(draws))
    plan = prepare(task, **given, seed=int(seeds[0]))
    began = time.perf_counter()
    initial, fixed = redraw(plan, family, backward, seeds)
    with reporting(f"{plan.flow.rule.name} ensemble", progress) as report:
        parts, strength, loss, weights = solve_members(plan, initial, fixed, keep_weights, report)
    ends = [("interrupted", "stopped by hand before its end.")] * len(seeds)
    for part in parts:
        for member in part.members:
            ends[member] = (part.status, part.message)
    return Ensemble(
        task=task,
        flow=plan.flow,
        sizes=plan.sizes,
        seeds=seeds,
        t=plan.times,
        mode_strength=strength,
        loss=loss,
        weights=weights,
        status=tuple(status for status, _ in ends),
        message=tuple(message for _, message in ends),
        parts=parts,
        arguments=given,
        seconds=time.perf_counter() - began,
    )


def member_seeds(seed: int, draws: int) -> NDArray[np.int64]:
    """One seed per member, from the seed of the ensemble and the member's number."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: {seed!r} given, expected a whole number >= 0")
    sequences = (np.random.SeedSequence((int(seed), member)) for member in range(draws))
    return np.array([sequence.generate_state(1)[0] for sequence in sequences], dtype=np.int64)
