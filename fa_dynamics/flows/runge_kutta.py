"""SciPy's explicit Runge-Kutta methods, with the same steps and without the copies.

State and stages are rows of one matrix: a stage is one product of a row of the tableau with the rows above it, the
velocity writes straight into its row, and all output times within a step are one product. Steps, errors and dense
output are those of `scipy.integrate` up to round-off. The state may hold many members side by side: then each has an
error norm of its own and the worst decides, where SciPy's root mean square over the whole state would dilute one
among N by the square root of N.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import sqrt, ulp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError

Array = NDArray[np.float64]

EXPLICIT = ("DOP853", "RK45", "RK23")

SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR = 0.9, 0.2, 10.0
"""Of the step control; as in SciPy."""


class InPlace:
    """A velocity that can write into memory it is given.

    Parameters
    ----------
    into
        ``into(t, y, out)`` writes dy/dt to `out`.
    """

    def __init__(self, into: Callable[[float, Array, Array], None]) -> None:
        self.into = into

    def __call__(self, t: float, y: Array) -> Array:
        """dy/dt, in fresh memory: SciPy keeps references to what it is given."""
        out = np.empty_like(y)
        self.into(t, y, out)
        return out


@lru_cache(maxsize=64)
def runge_kutta(method: str, members: int = 1) -> Any:
    """An `OdeSolver` class that takes the steps of one of SciPy's explicit methods.

    Parameters
    ----------
    method
        'DOP853', 'RK45' or 'RK23'.
    members
        Number of equal parts of the flat state, one behind the other, each with its own error norm.
    """
    from scipy import integrate

    base = getattr(integrate, method)
    tableau = _Tableau(base)

    class RungeKutta(base):  # type: ignore[misc, valid-type]
        """See the module."""

        t: float
        h_abs: float
        y: Array
        f: Array

        def __init__(self, fun: Any, t0: float, y0: Array, t_bound: float, **options: Any) -> None:
            if t_bound < t0:
                raise InputError(f"t_bound: {t_bound!r} given, expected at least t0 = {t0!r}: forward in time")
            super().__init__(fun, t0, y0, t_bound, **options)
            self.into = fun.into if isinstance(fun, InPlace) else _copying(fun)
            self.rows = np.empty((1 + tableau.rows, self.n))
            self.row, self.stage = list(self.rows), np.empty((1, self.n))[0]
            self.above = [self.rows[: 1 + row] for row in range(len(self.rows))]
            self.rows[0], self.rows[1 + self.n_stages] = self.y, self.f
            self.f = self.row[1 + self.n_stages]
            self.K = self.rows[1 : 2 + self.n_stages]
            if method == "DOP853":
                self.K_extended = self.rows[1:]
            self.size = np.abs(self.y)
            self.error, self.scale = np.empty(self.n), np.empty(self.n)
            self.finite = True  # whether the error of every trial of the last step was
            self.extended_at: float | None = (
                None  # the end of the step for which the further stages of dense output are known
            )

        def _step_impl(self) -> tuple[bool, str | None]:
            t, rows, last = self.t, self.rows, self.n_stages
            smallest = 10 * ulp(t)
            length = float(min(max(self.h_abs, smallest), self.max_step))
            rows[0], rows[1] = self.y, rows[1 + last]
            y_new, size = np.empty(self.n), np.empty(self.n)
            rejected, self.finite = False, True
            while True:
                if length < smallest:
                    rows[1 + last] = rows[1]  # the velocity at t, as after an accepted step
                    return False, self.TOO_SMALL_STEP
                t_new = min(t + length, self.t_bound)
                length = t_new - t
                weights = tableau.stages * length
                weights[:, 0] = 1.0
                for stage in range(1, last):
                    np.dot(weights[stage, : stage + 1], self.above[stage], self.stage)
                    self.into(t + tableau.nodes[stage] * length, self.stage, self.row[1 + stage])
                np.dot(weights[last], self.above[last], y_new)
                self.into(t_new, y_new, self.row[1 + last])
                self.nfev += last
                np.maximum(self.size, np.abs(y_new, out=size), out=self.scale)
                self.scale *= self.rtol
                self.scale += self.atol
                norm = tableau.norm(self, length, members)
                if norm < 1:
                    factor = min(LARGEST_FACTOR, SAFETY * norm**self.error_exponent) if norm > 0 else LARGEST_FACTOR
                    self.h_abs = length * (min(1.0, factor) if rejected else factor)
                    break
                if not np.isfinite(norm):
                    self.finite = False
                    norm = np.inf
                length *= max(SMALLEST_FACTOR, SAFETY * norm**self.error_exponent)
                rejected = True
            self.h_previous, self.y_old, self.size = length, self.y, size
            self.t, self.y = t_new, y_new
            return True, None

        def between(self, times: Array, out: Array | None = None) -> Array:
            """The state at times within the last step, (times, states)."""
            if tableau.extra_nodes is not None and self.extended_at != self.t:
                self.extended_at = self.t
                for row, node in enumerate(tableau.extra_nodes, start=self.n_stages + 1):
                    weights = tableau.extra[row] * self.h_previous
                    weights[0] = 1.0
                    y = np.dot(weights[: row + 1], self.rows[: row + 1])
                    self.into(self.t_old + node * self.h_previous, y, self.rows[1 + row])
                self.nfev += len(tableau.extra_nodes)
            weights = tableau.dense(np.asarray((times - self.t_old) / self.h_previous)) * self.h_previous
            weights[:, 0] = 1.0
            return np.asarray(np.dot(weights, self.rows, out))

    RungeKutta.__name__ = RungeKutta.__qualname__ = method
    return RungeKutta


def _copying(fun: Callable[[float, Array], Array]) -> Callable[[float, Array, Array], None]:
    def into(t: float, y: Array, out: Array) -> None:
        out[:] = fun(t, y)

    return into


class _Tableau:
    """SciPy's coefficients, as weights of the rows (y, k_1, k_2, ...), to be multiplied by the step."""

    def __init__(self, base: Any) -> None:
        self.base, last = base, base.n_stages
        self.nodes = base.C.tolist()
        self.stages = np.zeros((last + 1, last + 1))
        self.stages[:last, 1:] = base.A[:, :last] if base.A.shape[1] >= last else _padded(base.A, last)
        self.stages[last, 1:] = base.B
        self.extra_nodes = getattr(base, "C_EXTRA", None)
        self.rows = last + 1
        if self.extra_nodes is None:
            self.powers = np.arange(1.0, 1 + base.P.shape[1])
            self.polynomials = np.concatenate([np.zeros((base.P.shape[1], 1)), base.P.T], axis=1)
        self.errors = [base.E] if self.extra_nodes is None else [base.E5, base.E3]
        if self.extra_nodes is not None:
            self.rows += len(self.extra_nodes)
            self.extra = {last + 1 + number: np.concatenate([[0.0], row]) for number, row in enumerate(base.A_EXTRA)}

    def norm(self, solver: Any, length: float, members: int) -> float:
        """Largest error norm of a member, in units of the tolerance."""
        squares = [_squares(np.dot(weights, solver.K, solver.error), solver.scale, members) for weights in self.errors]
        states = solver.n // members
        if len(squares) == 1:
            return length * sqrt(squares[0].max() / states)
        # the combined estimate of Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section II.10
        fifth, third = squares
        mixed = fifth + 0.01 * third
        share = np.divide(fifth, np.sqrt(mixed * states), out=mixed, where=mixed != 0)
        return float(length * share.max())

    def dense(self, position: Array) -> Array:
        """Weights of all rows at positions in [0, 1] of a step, (positions, rows); the first column is not used."""
        if self.extra_nodes is None:
            return np.asarray(position[:, None] ** self.powers @ self.polynomials)
        last = self.base.n_stages
        weights = np.zeros((len(position), 1 + self.rows))
        step, first, after = np.zeros((3, self.rows))
        step[:last], first[0], after[last] = self.base.B, 1.0, 1.0
        parts = [step, first - step, 2 * step - after - first, *self.base.D]
        for number, part in enumerate(reversed(parts)):
            weights[:, 1:] += part
            weights[:, 1:] *= (position if number % 2 == 0 else 1 - position)[:, None]
        return weights


def _padded(rows: Array, columns: int) -> Array:
    padded = np.zeros((len(rows), columns))
    padded[:, : rows.shape[1]] = rows
    return padded


def _squares(error: Array, scale: Array, members: int) -> Array:
    error /= scale
    if members == 1:
        return np.array([np.dot(error, error)])
    parts = error.reshape(members, -1)
    return np.asarray(np.einsum("ij,ij->i", parts, parts))
