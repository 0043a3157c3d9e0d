"""The continuous-time flow of a two-layer network with one output, in reduced coordinates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.solve import Solution, Status, solve
from fa_dynamics.progress import Report, ignore
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_batch import LIFTED, REDUCED, SCALARS, cosine_of, members_of, nonnegative, stacked
from fa_dynamics.systems.one_output_code import compiled

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OneOutputRun:
    """A flow in reduced coordinates.

    Attributes
    ----------
    problem, start
        What was learned, from where.
    regularization, cut_off
        Decay rate rho of the second layer, or its function of time, and the time after which it was 0.
    t : ndarray, shape (times,)
        Output times, in units of 1 / (eigenvalue of X X^T).
    state : mapping of str to ndarray
        Coordinates by name: rows (times, r), scalars (times,).
    status, message
        How it ended, and one sentence on it.
    """

    problem: OneOutputProblem
    start: OneOutputStart
    regularization: float | Callable[[float], float]
    cut_off: float
    t: Array
    state: Mapping[str, Array]
    status: Status
    message: str

    @property
    def P(self) -> Array:
        """End-to-end map in the eigenbasis of the inputs, (times, r)."""
        return self.state["P"]

    @cached_property
    def cosine(self) -> Array:
        """Weight alignment cos(W_2^T, B_2), (times,), dimensionless."""
        return cosine_of(self.state["s"], self.state["q"], self.start.kappa)

    @cached_property
    def residual(self) -> Array:
        """|P X - Y|, (times,)."""
        return self.problem.residual(self.P)

    @cached_property
    def invariant_drift(self) -> Mapping[str, float]:
        r"""Largest drift of the two first integrals of the flow without decay, relative to the size of their terms.

        's' is :math:`s-\frac\kappa2|U|^2`; 'P', the vector clock, is :math:`P-UM-sU+\kappa|U|^2U`. Empty with
        decay, after whose end they are constant again but not at their first value.
        """
        if self.regularization:
            return {}
        kappa, U, P, s = self.start.kappa, self.state["U"], self.P, self.state["s"][:, None]
        norm = np.sum(U**2, axis=1, keepdims=True)
        return {
            "s": _drift([s, -kappa / 2 * norm]),
            "P": _drift([P, -U @ self.start.K, -s * U]),  # U M = U K + kappa |U|^2 U
        }

    def __repr__(self) -> str:
        rho = "rho(t)" if callable(self.regularization) else f"rho = {self.regularization:g}"
        return (
            f"<OneOutputRun: width {self.start.width}, {rho} until {self.cut_off:g}, "
            f"t to {self.t[-1]:g}; residual {self.residual[-1]:.3g}, cosine {self.cosine[-1]:.4g}; {self.status}>"
        )


def flow_one_output(
    problem: OneOutputProblem,
    start: OneOutputStart,
    *,
    t_end: float,
    regularization: float | Callable[[float], float] = 0.0,
    cut_off: float | None = None,
    t_eval: ArrayLike | None = None,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    lift: bool = False,
    report: Report = ignore,
) -> OneOutputRun:
    r"""Integrate feedback alignment with one output, :math:`\dot W_1=B_2E,\ \dot W_2=EW_1^\top-\rho W_2`.

    .. math:: \dot U=E,\quad \dot P=E(K+\kappa U^\top U+sI)-\rho P,\quad \dot s=\kappa EU^\top-\rho s,\quad
              \dot q=2EP^\top-2\rho q

    derived from the full flow, at no cost of the width. Source: song2021.exact-reduction.

    Parameters
    ----------
    problem, start
        Data, and a draw of the weights.
    t_end : float
        Last time, > 0, in units of 1 / (eigenvalue of X X^T): the sum convention of `OneOutputProblem`.
    regularization : float or callable
        Decay rate rho of the second layer, >= 0, or a function of time that returns it and is smooth up to the cut.
    cut_off : float, optional
        Time in [0, t_end] after which rho = 0: the flow is integrated in two legs.
    t_eval : array_like, optional
        Increasing output times in [0, t_end]; 201 equally spaced ones by default.
    method, rtol, atol
        As in SciPy. Long runs with decay are stiff: use ``method="Radau"``.
    lift : bool
        Also carry D, a, g, z, which give the full weights back; see `full_weights`.
    report
        Is told the fraction done.

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early.
    """
    pairs = members_of(problem, start)
    rho = regularization if callable(regularization) else float(nonnegative(regularization, "regularization", 1)[0])
    if not (np.isfinite(t_end) and t_end > 0):
        raise InputError(f"t_end: {t_end!r} given, expected a time > 0")
    if cut_off is not None and not 0 <= cut_off <= t_end:
        raise InputError(f"cut_off: {cut_off!r} given, expected a time from 0 to the end, {t_end:g}")
    times = np.linspace(0, t_end, 201) if t_eval is None else np.atleast_1d(np.asarray(t_eval, dtype=float))
    if times.ndim != 1 or not times.size or (np.diff(times) <= 0).any() or not (0 <= times[0] <= times[-1] <= t_end):
        raise InputError(f"t_eval: {t_eval!r} given, expected increasing times in [0, {t_end:g}]")
    names = LIFTED if lift else REDUCED
    parameters, first = stacked(pairs, names)
    ends = np.cumsum([0, *(part.shape[1] for part in first)])
    places = {name: slice(a, b) for name, a, b in zip(names, ends[:-1], ends[1:], strict=True)}
    code = compiled(names, False)
    turn = (t_end if cut_off is None else float(cut_off)) if rho else 0.0

    def leg(y0: Array, rate: float | Callable[[float], float], begin: float, end: float, when: Array) -> Solution:
        def velocity(t: float, y: Array) -> Array:
            now = nonnegative(rate(begin + t), "regularization", 1)[0] if callable(rate) else rate
            parts = code(parameters | {"rho": now}, [y[None, place] for place in places.values()])
            moved: Array = np.concatenate(parts, axis=1)[0]
            return moved

        return solve(
            velocity,
            y0,
            np.minimum(when - begin, end - begin),
            end - begin,
            lambda _, y: y[:0],  # nothing to observe between the steps
            method=method,
            rtol=rtol,
            atol=atol,
            report=lambda part: report((begin + part * (end - begin)) / t_end),
        )

    y0 = np.concatenate([part[0] for part in first])
    solved: list[Array] = []
    solution: Solution | None = None
    if turn > 0:
        solution = leg(y0, rho, 0.0, turn, np.append(times[times < turn], turn))
        solved.append(solution.y[: np.count_nonzero(times <= turn)])
        y0 = solution.y[-1]
    if turn < t_end and (solution is None or solution.status == "completed"):
        solution = leg(y0, 0.0, turn, t_end, times[times > turn] if turn > 0 else times)
        solved.append(solution.y)
    assert solution is not None
    y = np.concatenate(solved)
    if solution.status != "completed":
        warnings.warn(f"{solution.status}: {solution.message}", IntegrationWarning, stacklevel=2)
    state = {name: y[:, place.start] if name in SCALARS else y[:, place] for name, place in places.items()}
    return OneOutputRun(problem, start, rho, turn, times[: len(y)], state, solution.status, solution.message)


def full_weights(
    problem: OneOutputProblem, state: Mapping[str, Any], W_1: Array, W_2: Array, B_2: Array
) -> tuple[Array, Array]:
    """The weights themselves, from those at the start and the coordinates of one moment.

    W_1 = W_1(0) + B_2 D and W_2 = a W_2(0) + g W_1(0)^T + z B_2^T.

    Parameters
    ----------
    problem
        Its eigenbasis turns rows into inputs.
    state
        D and g, (r,), and a and z of one member at one time; made with ``lift=True``.
    W_1, W_2, B_2
        At the start, (n_1, n_0), (1, n_1) and (n_1, 1).

    Raises
    ------
    InputError
        The run was not made with ``lift=True``.
    """
    missing = [name for name in ("D", "a", "g", "z") if name not in state]
    if missing:
        raise InputError(f"state: {', '.join(missing)} missing, expected those of a run with lift=True")
    D, g = (np.asarray(state[name])[None, : problem.rank] @ problem.basis.T for name in ("D", "g"))
    return W_1 + B_2 @ D, state["a"] * W_2 + g @ W_1.T + state["z"] * B_2.T


def _drift(terms: list[Array]) -> float:
    total = np.sum(np.broadcast_arrays(*terms), axis=0)
    scale = max(float(np.abs(term).max()) for term in terms)
    return float(np.abs(total - total[0]).max() / scale) if scale > 0 else 0.0
