"""Matrix flows of girotti2021-order: what starts them, what feeds back, and the scalar chains beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.measures import Order, effective_rank
from fa_dynamics.modes import ModeCurves, solve_modes
from fa_dynamics.randomness import stream
from fa_dynamics.starts import Bases, Gaussian, Orthogonal, Slot, Spectral, Start
from fa_dynamics.tasks import Task, named

Array = NDArray[np.float64]

SPECTRUM = (4.0, 2.0, 1.0, 0.5, 0.25)

TASKS = ("spectrum", "digits", "digits-labels", "hierarchy")
"""Tasks with joint modes of equal curvature: the orders that are predicted compare such modes."""

RTOL, ATOL = 1e-11, 1e-14
"""Of all runs: learning times shall agree with the exact chains to 1e-8."""

POINTS = 400
EARLIEST = 0.005
"""First output time after 0, as a part of the learning time of the first of the exact chains."""

LONGER, LONGER_GENERIC = 1.5, 6.0
"""A run lasts so many times the learning time of the last exact chain; feedback with a spread of singular
values slows some modes down."""

NO_TARGET = 1e-12
"""Modes whose target is below this fraction of the largest one are never learned."""

STRONGEST = 4.0
"""Of the spectrum to which the sizes of the starts in the notes belong; other tasks scale them."""


@dataclass(frozen=True)
class Case:
    """A start, and what feeds back.

    Attributes
    ----------
    name, title
        As in the notes' table, and in words.
    rule
        'bp' or 'fa'.
    theta
        theta_1(0)..theta_L(0) of every mode.
    feedback
        'aligned' (diagonal in the modes), 'orthogonal' or 'gaussian' (random, wide). In the last two the first layer
        starts as theta_1 B U V^T, aligned with the data through the feedback.
    related
        False: the first layer starts as |theta_1| times a random orthogonal matrix that knows nothing of the feedback.
    """

    name: str
    title: str
    rule: str
    theta: tuple[float, ...]
    feedback: str = "aligned"
    related: bool = True

    @property
    def exact(self) -> bool:
        """Whether the modes follow scalar chains."""
        return self.feedback in ("aligned", "orthogonal") and self.related


def cases(task: Task, bp_start: float) -> tuple[Case, ...]:
    """The starts of the notes for a spectrum whose strongest target is 4, and scaled alike for others.

    With b = 1 the weights of a mode of two layers scale as the cube root of its target, in three layers theta_1 as its
    seventh root r, theta_3 as r^4.
    """
    size = float(task.modes.target.max()) / STRONGEST
    a, ghost = 4.0 * np.cbrt(size), 2.726 * np.cbrt(size)
    seventh = size ** (1 / 7)
    return (
        Case("BP", "backpropagation, small balanced start", "bp", (bp_start, bp_start)),
        Case("A", "zero start", "fa", (0.0, 0.0)),
        Case("D", "anti-regularizing start", "fa", (-float(a), 0.0)),
        Case("F", "anti-regularizing start beside a fold", "fa", (-float(ghost), 0.0)),
        Case("H", "anti-regularizing start, three layers", "fa", (-2.0 * seventh, 0.0, 2.0 * seventh**4)),
        Case("A orthogonal", "zero start, random orthogonal B", "fa", (0.0, 0.0), "orthogonal"),
        Case("A Gaussian", "zero start, Gaussian B", "fa", (0.0, 0.0), "gaussian"),
        Case("D orthogonal", "start aligned through random orthogonal B", "fa", (-float(a), 0.0), "orthogonal"),
        Case("D Gaussian", "start aligned through Gaussian B", "fa", (-float(a), 0.0), "gaussian"),
        Case("D unrelated", "start of the same size unrelated to B", "fa", (-float(a), 0.0), "gaussian", False),
    )


@dataclass(frozen=True, eq=False)
class Learned:
    """A run, and what was learned when.

    Attributes
    ----------
    case, draw, run
        What was run; draws count from 0.
    width
        Of the hidden layers.
    times, order
        Learning times, (modes,), and their order.
    exact_times
        Of the scalar chains, (modes,); nan where the modes follow none.
    rank
        Effective rank of the end-to-end map, (time,).
    half_rank
        The same when the map first has half of its final norm.
    """

    case: Case
    draw: int
    run: Trajectory
    width: int
    times: Array
    order: Order
    exact_times: Array
    rank: Array
    half_rank: float

    @property
    def difference(self) -> float:
        """Largest relative difference of learning times from those of the scalar chains; nan where there are none."""
        both = np.isfinite(self.exact_times) & np.isfinite(self.times) & (self.exact_times > 0)
        if not both.any():
            return float("nan")
        return float((np.abs(self.times - self.exact_times)[both] / self.exact_times[both]).max())

    @property
    def progress(self) -> Array:
        """|P| / |P_*|, (time,), Frobenius norms."""
        size = np.linalg.norm(self.run.task.least_squares)
        return np.asarray(np.linalg.norm(self.run.end_to_end, axis=(1, 2)) / size)

    @property
    def final_rank(self) -> float:
        """Effective rank of the least-squares map, where every run ends."""
        return float(effective_rank(self.run.task.least_squares))

    @property
    def outside(self) -> float:
        """Largest share of the map outside the modes once it has a tenth of its final size."""
        return float(self.run.share_outside_modes[self.progress > 0.1].max(initial=0.0))


def posed(task: str, spectrum: Sequence[float]) -> Task:
    """The task of a name; 'spectrum' is the one given.

    Raises
    ------
    InputError
        Its modes are not joint, or their curvatures differ.
    """
    made = Task.from_spectrum(spectrum) if task == "spectrum" else named(task)
    modes = made.modes
    if not modes.jointly_diagonal or np.ptp(modes.curvature) > 1e-9 * modes.curvature.max():
        raise InputError(f"task: the modes of {task!r} are not joint or differ in curvature")
    return made


def chain(case: Case, task: Task, t: Sequence[float] | Array = (0.0,)) -> ModeCurves:
    """The scalar chains of the case, b = 1."""
    modes = task.modes
    theta = np.array(case.theta)[:, None]
    return solve_modes(modes.correlation, modes.curvature, len(case.theta), case.rule, theta, 1.0, t=t)


def learn(case: Case, task: Task, level: float, width: int, seed: int, draw: int) -> Learned:
    """Run a case, and read learning times, order and effective rank."""
    exact = chain(case, task)
    scalar_times = exact.learning_times(level)
    exact_times = scalar_times if case.exact else np.full_like(scalar_times, np.nan)
    there = task.modes.target > NO_TARGET * task.modes.target.max()
    last = float(exact.learning_times(max(level, 0.99))[there].max())
    t_end = (LONGER if case.exact else LONGER_GENERIC) * last
    hidden, start, feedback = _drawn(case, task, width, seed + draw)
    run = simulate(
        task,
        hidden,
        case.rule,
        start,
        feedback,
        t_end=t_end,
        t_eval=np.concatenate([[0.0], np.geomspace(EARLIEST * scalar_times[there].min(), t_end, POINTS - 1)]),
        rtol=RTOL,
        atol=ATOL,
        seed=seed + draw,
        progress=False,
        watch=True,
    )
    rank = effective_rank(run.end_to_end)
    grown = np.linalg.norm(run.end_to_end, axis=(1, 2)) >= 0.5 * np.linalg.norm(task.least_squares)
    half = float(rank[np.argmax(grown)]) if grown.any() else float("nan")
    return Learned(case, draw, run, hidden[0], run.learning_times(level), run.order(level), exact_times, rank, half)


def _drawn(case: Case, task: Task, width: int, seed: int) -> tuple[list[int], Start | list[Array], Start | list[Array]]:
    """Hidden widths, start and feedback."""
    if case.feedback == "aligned":
        modes = len(task.modes.correlation)
        return [modes] * (len(case.theta) - 1), Spectral(case.theta), Spectral(1.0)
    wide, outputs, inputs = max(width, task.n_outputs, task.n_inputs), task.n_outputs, task.n_inputs
    # Entries of variance 1 / width, so that B^T B is the identity on average, as it is for orthogonal columns.
    family = Orthogonal() if case.feedback == "orthogonal" else Gaussian(float(np.sqrt(outputs / wide)))
    bases = Bases((task.modes.input_basis, task.modes.output_basis))
    (back,) = family.draw([Slot("B_2", 1, 2, (wide, outputs))], bases, stream(seed, "feedback"))
    first = case.theta[0] * back @ task.modes.output_basis @ task.modes.input_basis.T
    if not case.related:
        slot = Slot("W_1", 1, 0, (wide, inputs))
        (first,) = Orthogonal(abs(case.theta[0])).draw([slot], bases, stream(seed, "start"))
    return [wide], [first, np.zeros((outputs, wide))], [back]


def all_learned(
    task: Task,
    level: float,
    widths: Sequence[int],
    draws: int,
    seed: int,
    bp_start: float,
    report: Callable[[float], None],
) -> list[Learned]:
    """Every case; those with Gaussian feedback at every width, as often as there are draws."""
    asked = []
    for case in cases(task, bp_start):
        random = case.feedback == "gaussian"
        for width in dict.fromkeys(widths) if random else (max(widths),):
            asked += [(case, width, draw) for draw in range(draws if random else 1)]
    found = []
    for count, (case, width, draw) in enumerate(asked, start=1):
        found.append(learn(case, task, level, width, seed, draw))
        report(count / len(asked))
    return found
