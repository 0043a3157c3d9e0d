"""A step loop around SciPy's solver classes: progress, interruption, and a named ending."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.flows.runge_kutta import EXPLICIT, runge_kutta
from fa_dynamics.flows.stability import REACH, LargestRate
from fa_dynamics.measures.curve import NODES, Curve

Array = NDArray[np.float64]
Velocity = Callable[[float, Array], Array]
Status = Literal["completed", "diverged", "stalled", "non-finite", "interrupted"]

BLOW_UP = 1e8
"""A run is called diverged when an entry exceeds this many times max(1, the largest entry at the start). Learning in
these systems moves weights by factors of at most a few thousand."""

RUNAWAY = 1e6
"""A run that found no step small enough is called diverged, rather than stalled, if its weights double within less than
this fraction of the time passed: a blow-up in finite time, not a jump of the velocity."""

METHODS = (*EXPLICIT, "Radau", "BDF", "LSODA")
"""Names of SciPy's methods."""

MAX_STEPS = 100_000
"""Accepted steps after which a run is called stalled."""

IMPLICIT_STATES = 5000
"""Implicit methods of SciPy store dense Jacobians; 5000 states take 200 MB and a factorisation of 40 Gflop a step."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What a step loop returns.

    Attributes
    ----------
    t
        Output times that were reached.
    y
        (times, states), or what was kept of them.
    t_last
        End of the last accepted step.
    curve
        The observed quantity between all accepted steps; None if none was to be observed.
    status, message
        How it ended, and one sentence on what that means and what to change.
    n_steps, n_evaluations
        Accepted steps, and evaluations of the velocity.
    """

    t: Array
    y: Array
    t_last: float
    curve: Curve | None
    status: Status
    message: str
    n_steps: int
    n_evaluations: int


def solver_class(method: Any, n_states: int, members: int = 1) -> Any:
    """The `OdeSolver` class of a name such as 'DOP853', or the class itself.

    Explicit methods are our own arrangement of SciPy's; `members` is the number of equal parts of their state that have
    an error norm each.

    Raises
    ------
    InputError
        Unknown method, or an implicit method for a state so large that its Jacobian is out of reach.
    """
    from scipy import integrate

    if isinstance(method, str):
        if method in EXPLICIT:
            return runge_kutta(method, members)
        if method not in METHODS:
            raise InputError(f"method: no method is called {method!r}; {nearest(method, METHODS)}")
        found = getattr(integrate, method)
    elif isinstance(method, type) and issubclass(method, integrate.OdeSolver):
        found = method
    else:
        raise InputError(f"method: {method!r} given, expected one of {', '.join(METHODS)} or an OdeSolver class")
    if issubclass(found, integrate.Radau | integrate.BDF | integrate.LSODA) and n_states > IMPLICIT_STATES:
        raise InputError(
            f"method: {found.__name__} needs a dense Jacobian of {n_states}^2 entries; use DOP853 or RK45 here"
        )
    return found


def solve(
    velocity: Velocity,
    y0: Array,
    t_eval: Array,
    t_end: float,
    observe: Callable[[float, Array], Array] | None = None,
    *,
    record: Callable[[Array, Array], Array] | None = None,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    max_step: float = np.inf,
    max_steps: int = MAX_STEPS,
    members: int = 1,
    largest: float | None = None,
    jacobian: Callable[[float, Array], Array] | None = None,
    report: Callable[[float], None] = lambda fraction: None,
) -> Solution:
    """Integrate dy/dt = velocity(t, y) from 0 to t_end.

    Parameters
    ----------
    velocity
        Returns a fresh array at each call, since SciPy keeps references to what it returned; or is an `InPlace`.
    y0
        State at t = 0.
    t_eval
        Increasing output times in [0, t_end].
    t_end
        Last time, > 0.
    observe
        A vector quantity of time and state, recorded between all accepted steps. Each step then costs the evaluations
        of its dense output, and eight observations.
    record
        What to keep at output times (times,) of states (times, states), (times, numbers); all of it by default.
    method, rtol, atol, max_step
        As in SciPy.
    max_steps
        Accepted steps after which the run is called stalled.
    members
        Equal parts of the state that do not feel each other; explicit methods give each an error norm of its own.
    largest
        Size of an entry beyond which the run is called diverged. Default: `BLOW_UP` times max(1, the largest entry at
        the start).
    jacobian
        Of the velocity, (states, states), for implicit methods; these take differences without it.
    report
        Is told the fraction of time done, after each step.
    """
    make = solver_class(method, y0.size, members)
    times = t_eval.tolist()
    first_kept = y0[None] if record is None else record(np.zeros(1), y0[None])
    states = np.empty((len(t_eval), first_kept.shape[1]))
    done = 1 if t_eval.size and t_eval[0] == 0 else 0
    states[:done] = first_kept
    edges = [0.0]
    values: list[Array] = []
    limit = BLOW_UP * max(1.0, float(np.abs(y0).max(initial=0.0))) if largest is None else largest
    status: Status = "completed"
    message = "reached the last time."
    solver, rate = None, None
    # Trial stages of a step that is then rejected may overflow, here and below; accepted states are checked.
    with np.errstate(over="ignore", invalid="ignore"):
        at_left = observe(0.0, y0) if observe is not None else np.empty(0)
        first = velocity(0.0, y0)
    if not np.isfinite(first).all():
        curve = Curve(np.array([0.0]), np.empty((0, len(NODES), at_left.size))) if observe is not None else None
        return Solution(t_eval[:done], states[:done], 0.0, curve, "non-finite", _non_finite(0.0), 0, 1)
    watched = _Watched(velocity)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            explicit = hasattr(make, "between")
            fun = velocity if explicit else watched
            given = {"jac": jacobian} if jacobian is not None and not explicit else {}
            solver = make(fun, 0.0, y0, t_end, rtol=rtol, atol=atol, max_step=max_step, **given)
            rate = _largest_rate(solver, velocity, members)
            while solver.status == "running":
                if rate is not None:
                    solver.max_step = min(max_step, rate.longest_step(solver.t, solver.y, solver.f, solver.h_abs))
                reason = _step(solver, watched)
                if solver.status == "failed" or reason is not None:
                    finite = solver.finite if explicit else watched.finite
                    status, message = _failure(velocity, solver, str(reason), finite)
                    break
                # one pass: the largest entry is not finite if any is not
                size = float((solver.size if explicit else np.abs(solver.y)).max())
                if not np.isfinite(size):
                    status, message = "non-finite", _non_finite(solver.t)
                    break
                upto = bisect_right(times, solver.t, done)
                if upto > done:
                    between = _between(solver, t_eval[done:upto], states[done:upto] if record is None else None)
                    if not np.isfinite(between).all():
                        status, message = "non-finite", _non_finite(solver.t)
                        break
                    if record is not None:
                        states[done:upto] = record(t_eval[done:upto], between)
                    done = upto
                if observe is not None:
                    inner = solver.t_old + (solver.t - solver.t_old) * NODES[1:-1]
                    at_right = observe(solver.t, solver.y)
                    values.append(np.stack([at_left, *map(observe, inner, _between(solver, inner)), at_right]))
                    at_left = at_right
                edges.append(float(solver.t))
                report(solver.t / t_end)
                if size > limit:
                    status = "diverged"
                    message = (
                        f"at t = {solver.t:.6g} an entry exceeded {limit:.1e}: lower the start or the feedback, add "
                        "weight decay, or end earlier."
                    )
                    break
                if len(edges) > max_steps:
                    status = "stalled"
                    message = (
                        f"{max_steps} steps reached only t = {solver.t:.6g}: loosen rtol, end earlier, or, if the "
                        "problem is stiff and small, use method='Radau'."
                    )
                    break
    except KeyboardInterrupt:
        status = "interrupted"
        message = f"stopped by hand at t = {edges[-1]:.6g}; everything up to there is kept."
    # an interruption may fall between the lines that belong to one step
    kept = min(done, int(np.searchsorted(t_eval, edges[-1], side="right")))
    steps = len(edges) - 1
    curve = None
    if observe is not None:
        steps = min(len(values), steps)
        shape = (steps, len(NODES), at_left.size)
        curve = Curve(np.array(edges[: steps + 1]), np.array(values[:steps]).reshape(shape))
    evaluations = (solver.nfev if solver is not None else 0) + (rate.evaluations if rate is not None else 0)
    return Solution(t_eval[:kept], states[:kept], edges[steps], curve, status, message, steps, evaluations)


class _Watched:
    """The velocity, which remembers whether it was finite since it was last asked to forget."""

    def __init__(self, velocity: Velocity) -> None:
        self.velocity = velocity
        self.finite = True

    def __call__(self, t: float, y: Array) -> Array:
        value = self.velocity(t, y)
        if self.finite and not np.isfinite(value).all():
            self.finite = False
        return value


def _largest_rate(solver: Any, velocity: Velocity, members: int) -> LargestRate | None:
    """Of an explicit method's steps; others need none."""
    from scipy import integrate

    for name, reach in REACH.items():
        if isinstance(solver, getattr(integrate, name)):
            return LargestRate(velocity, solver.n, members, reach)
    return None


def _between(solver: Any, times: Array, out: Array | None = None) -> Array:
    """The state at times within the last step, (times, states)."""
    if hasattr(solver, "between"):
        return np.asarray(solver.between(times, out))
    found = np.atleast_2d(solver.dense_output()(times).T)
    if out is not None:
        out[:] = found
    return found


def _step(solver: Any, watched: _Watched) -> str | None:
    """Take a step; a reason if it failed."""
    watched.finite = True
    try:
        reason = solver.step()
    except (ValueError, np.linalg.LinAlgError) as problem:
        if watched.finite:
            raise
        return str(problem)  # implicit methods factorise matrices that are not finite
    return str(reason) if solver.status == "failed" else None


def _failure(velocity: Velocity, solver: Any, reason: str, finite: bool) -> tuple[Status, str]:
    speed, size = np.abs(velocity(solver.t, solver.y)).max(), np.abs(solver.y).max()
    if np.isfinite(speed) and speed * solver.t > RUNAWAY * size:
        return "diverged", (
            f"the weights grow without bound near t = {solver.t:.6g} (largest entry {size:.1e}): lower the start or "
            "the feedback, add weight decay, or end earlier."
        )
    if not finite:
        return "non-finite", _non_finite(solver.t)
    return "stalled", (
        f"no step is small enough at t = {solver.t:.6g} ({reason.rstrip('.')}): the velocity jumps or explodes "
        "there; loosen rtol, or end before that time."
    )


def _non_finite(time: float) -> str:
    return f"the velocity is not finite near t = {time:.6g}: look at the start, the feedback and the rule there."
