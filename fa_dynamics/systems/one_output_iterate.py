"""Iterate many one-output networks at once, each with its own data, width and decay, at no cost of the width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.progress import Report, ignore
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_batch import (
    LIFTED,
    REDUCED,
    SCALARS,
    cosine_of,
    members_of,
    nonnegative,
    stacked,
    whole,
)
from fa_dynamics.systems.one_output_code import compiled

Array = NDArray[np.float64]

BLOCK = 100
"""Steps between two reports of progress and two looks for members that diverged, at most."""


RUNAWAY = 1e6
"""A member whose residual is this many times its scale at the start is called diverged."""


@dataclass(frozen=True)
class Plateau:
    """Stop when the mean squared residual has once changed little between two checks, but not too early.

    The test is latched: one success at any check counts, even if it comes before `least` and the residual moves again
    afterwards. This is how the recorded runs of Song, Xu, Lafferty end. Source: `song2021.md` section 8.

    Attributes
    ----------
    least
        Steps to take at least, one number or one per member.
    every
        Steps between two checks.
    change
        Of the mean squared residual between two checks, below which the test succeeds.
    latched
        Whether a success before `least` counts; if not, only checks from there on do.
    """

    least: ArrayLike
    every: int = 1000
    change: float = 1e-3
    latched: bool = True


@dataclass(frozen=True, eq=False)
class OneOutputIteration:
    """Where every member ended, and what was recorded on the way.

    Attributes
    ----------
    problems, starts
        One per member.
    steps : ndarray, shape (members,)
        Steps taken.
    state : mapping of str to ndarray
        Coordinates at the end: rows (members, r), scalars (members,); rows are filled up with zeros where a
        member's rank is lower than the largest.
    diverged : ndarray of bool, shape (members,)
        Whether the residual left the finite numbers, or exceeded 1e6 times the larger of its first value and |P_* X|.
    record_steps : ndarray, shape (records,)
        Steps at which something was recorded.
    cosine, residual : ndarray, shape (records, members)
        cos(W_2^T, B_2) and |P X - Y| there; nan after a member's end.
    """

    problems: tuple[OneOutputProblem, ...]
    starts: tuple[OneOutputStart, ...]
    steps: NDArray[np.int64]
    state: Mapping[str, Array]
    diverged: NDArray[np.bool_]
    record_steps: NDArray[np.int64]
    cosine: Array
    residual: Array

    @property
    def final_cosine(self) -> Array:
        """cos(W_2^T, B_2) at the end, (members,), dimensionless."""
        kappa = np.array([start.kappa for start in self.starts])
        return cosine_of(self.state["s"], self.state["q"], kappa)

    @property
    def final_residual(self) -> Array:
        """|P X - Y| at the end, (members,)."""
        ends = zip(self.problems, self.state["P"], strict=True)
        return np.array([float(problem.residual(P[: problem.rank])) for problem, P in ends])


def iterate_one_output(
    problems: OneOutputProblem | Sequence[OneOutputProblem],
    starts: OneOutputStart | Sequence[OneOutputStart],
    *,
    step_size: float,
    regularization: ArrayLike | Callable[[float], ArrayLike] = 0.0,
    cut_off: int | None = None,
    n_steps: int | None = None,
    stop: Plateau | None = None,
    record_every: int | None = None,
    lift: bool = False,
    report: Report = ignore,
) -> OneOutputIteration:
    r"""Feedback alignment with a finite step, :math:`W_l \leftarrow W_l + \eta\dot W_l`, in reduced coordinates.

    Identical to updating the full weights, all layers at once from the old ones; the step is derived from the flow.
    Members that are done leave the batch. Source: song2021.exact-reduction.

    Parameters
    ----------
    problems, starts
        One per member; a single one serves all.
    step_size : float
        :math:`\eta`, in the sum convention of `OneOutputProblem`.
    regularization : array_like, shape () or (members,), or callable
        Decay rate :math:`\rho` of the second layer, or a function of the time :math:`\eta\cdot`\ step that returns it.
    cut_off : int, optional
        Step from which on :math:`\rho=0`.
    n_steps : int, optional
        Steps to take, or with `stop` the most to take (default 1,000,000).
    stop : Plateau, optional
        Ends each member by itself.
    record_every : int, optional
        Steps between two records; only the ends by default.
    lift : bool
        Also carry what gives the full weights back.
    report
        Is told the fraction done; with `stop`, of the least number of steps.

    Raises
    ------
    InputError
        Bad numbers, or numbers of members that do not fit.
    """
    pairs = members_of(problems, starts)
    count = len(pairs)
    moving = regularization if callable(regularization) else None
    rates = np.zeros(count) if callable(regularization) else nonnegative(regularization, "regularization", count)
    if not (np.isfinite(step_size) and step_size > 0):
        raise InputError(f"step_size: {step_size!r} given, expected a number > 0")
    if n_steps is None and stop is None:
        raise InputError("n_steps: None given, expected a number of steps, or a stop rule")
    limit = whole(1_000_000 if n_steps is None else n_steps, "n_steps")
    every = limit if record_every is None else min(whole(record_every, "record_every"), limit)
    if cut_off is not None and not 0 <= cut_off <= limit:
        raise InputError(f"cut_off: {cut_off!r} given, expected a step from 0 to the last one, {limit}")
    if stop is None:
        check, least = 0, np.full(count, limit)
    else:
        check = whole(stop.every, "stop.every")
        least = np.minimum(np.ceil(nonnegative(stop.least, "stop.least", count)).astype(np.int64), limit)

    names = LIFTED if lift else REDUCED
    code = compiled(names, True)
    parameters, state = stacked(pairs, names)
    parameters |= {"rho": rates[:, None], "eta": float(step_size)}
    target = parameters["Sigma_yx"] / np.where(parameters["Sigma_xx"] > 0, parameters["Sigma_xx"], 1.0)
    floor = np.array([problem.unexplained for problem, _ in pairs])
    samples = np.array([problem.n_samples for problem, _ in pairs])
    kappa = np.array([start.kappa for _, start in pairs])
    allowed = np.array([_runaway(problem, start) for problem, start in pairs])

    inside = np.arange(count)
    ends = [np.zeros_like(part) for part in state]
    steps, diverged = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    settled, last = np.zeros(count, dtype=bool), np.full(count, np.inf)
    whens: list[int] = []
    seen: list[Array] = []
    done = 0
    while True:
        square = np.sum((state[1] - target[inside]) ** 2 * parameters["Sigma_xx"], axis=1) + floor[inside]
        if stop is not None and done % check == 0:
            mean = square / samples[inside]
            counts = stop.latched | (done >= least[inside])
            settled[inside] |= (np.abs(mean - last[inside]) < stop.change) & counts
            last[inside] = mean
        lost = ~(square <= allowed[inside])
        leaving = lost | (done >= limit) | (settled[inside] & (done >= least[inside]))
        if done % every == 0 or leaving.any():
            row = np.full((2, count), np.nan)
            row[:, inside] = cosine_of(state[2][:, 0], state[3][:, 0], kappa[inside]), np.sqrt(square)
            whens.append(done)
            seen.append(row)
        if leaving.any():
            gone = inside[leaving]
            for end, part in zip(ends, state, strict=True):
                end[gone] = part[leaving]
            steps[gone], diverged[gone] = done, lost[leaving]
            inside, state = inside[~leaving], [part[~leaving] for part in state]
            parameters = {
                name: value[~leaving] if isinstance(value, np.ndarray) else value for name, value in parameters.items()
            }
            if not len(inside):
                break
        if cut_off is not None and done >= cut_off:
            parameters["rho"], moving = np.zeros_like(parameters["rho"]), None
        later = [limit, every * (done // every + 1), done + BLOCK, *least[inside]]
        later += [check * (done // check + 1)] if check else []
        later += [cut_off] if cut_off is not None else []
        upto = min(int(mark) for mark in later if mark > done)
        with np.errstate(over="ignore", invalid="ignore"):  # a member that diverges leaves at the next mark
            for step in range(done, upto):
                if moving is not None:
                    rates = nonnegative(moving(step * step_size), "regularization", count)
                    parameters["rho"] = rates[inside, None]
                state = code(parameters, state)
        done = upto
        report(min(1.0, done / float(least.max())))
    report(1.0)
    history = np.array(seen)
    return OneOutputIteration(
        tuple(problem for problem, _ in pairs),
        tuple(start for _, start in pairs),
        steps,
        {name: end[:, 0] if name in SCALARS else end for name, end in zip(names, ends, strict=True)},
        diverged,
        np.array(whens, dtype=np.int64),
        history[:, 0],
        history[:, 1],
    )


def _runaway(problem: OneOutputProblem, start: OneOutputStart) -> float:
    """Squared residual above which a member counts as diverged."""
    scale = max(float(problem.residual(start.P)), float(np.sqrt(problem.correlations @ problem.target)))
    return (RUNAWAY * max(scale, 1e-100)) ** 2
