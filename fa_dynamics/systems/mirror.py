"""One output from a zero start: feedback alignment is mirror descent, in a potential that depth and feedback decide.

What depends on depth and feedback, the power and chi, comes from the derived flow: see `mirror_reduction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive import derive
from fa_dynamics.errors import InputError, IntegrationError
from fa_dynamics.systems.mirror_reduction import reduction

if TYPE_CHECKING:
    from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MirrorPotential:
    r"""The potential of the mirror flow :math:`\frac{d}{dt}\nabla\psi(P) = E` of one output from zero.

    .. math:: \psi(P) = \frac{n}{n+1}\chi^{-1/n}|P|^{(n+1)/n}, \qquad
              \psi^*(u) = \frac{\chi}{n+1}|u|^{n+1}, \qquad P = \nabla\psi^*(u) = \chi|u|^{n-1}u .

    Maps and their duals are rows: arrays of shape (..., n_0).

    Attributes
    ----------
    depth
        L, with n = 2^L - 1.
    chi
        chi_L > 0, from `reduction`.

    Notes
    -----
    Source: robertson2024.mirror-flow.
    """

    depth: int
    chi: float

    @property
    def power(self) -> int:
        """The odd number n = 2^L - 1."""
        return (1 << self.depth) - 1

    def value(self, end_to_end: ArrayLike) -> Array:
        """psi(P), (...,)."""
        size, n = _size(end_to_end)[..., 0], self.power
        return np.asarray(n / (n + 1) * (size ** (n + 1) / self.chi) ** (1 / n))

    def dual(self, end_to_end: ArrayLike) -> Array:
        """u = grad psi(P), (..., n_0); 0 at P = 0."""
        given, size, n = np.asarray(end_to_end, dtype=float), _size(end_to_end), self.power
        direction = np.divide(given, size, out=np.zeros_like(given), where=size > 0)
        return np.asarray((size / self.chi) ** (1 / n) * direction)

    def conjugate(self, dual: ArrayLike) -> Array:
        """psi*(u) = sup_P <u, P> - psi(P), (...,)."""
        return np.asarray(self.chi / (self.power + 1) * _size(dual)[..., 0] ** (self.power + 1))

    def primal(self, dual: ArrayLike) -> Array:
        """P = grad psi*(u), (..., n_0): a polynomial in u, since n - 1 is even."""
        given = np.asarray(dual, dtype=float)
        return np.asarray(self.chi * (given**2).sum(axis=-1, keepdims=True) ** ((self.power - 1) // 2) * given)

    def divergence(self, reference: ArrayLike, end_to_end: ArrayLike) -> Array:
        """Bregman divergence psi(Q) - psi(P) - <grad psi(P), Q - P> >= 0 of a reference Q from P, (...,)."""
        other, given = np.asarray(reference, dtype=float), np.asarray(end_to_end, dtype=float)
        linear = (self.dual(given) * (other - given)).sum(axis=-1)
        return np.asarray(self.value(other) - self.value(given) - linear)

    def loss_bound(self, reference: ArrayLike, t: ArrayLike) -> Array:
        """psi(Q) / t, above loss(P(t)) - loss(Q) of every run from zero, every convex loss and every map Q; inf at 0.

        Integrate d/dt divergence(Q, P) = <grad loss(P), Q - P> <= loss(Q) - loss(P), and use that the loss falls.
        """
        times = np.asarray(t, dtype=float)
        bound = np.divide(self.value(reference), times, out=np.full_like(times, np.inf), where=times > 0)
        return np.asarray(bound)


def _size(rows: ArrayLike) -> Array:
    return np.asarray(np.linalg.norm(np.asarray(rows, dtype=float), axis=-1, keepdims=True))


def mirror_potential(feedback: Sequence[ArrayLike]) -> MirrorPotential:
    """The potential that fixed feedback B_2..B_L gives to a network with one output.

    Parameters
    ----------
    feedback
        [B_2, ..., B_L], B_l of shape (n_{l-1}, n_l), n_L = 1; empty for one layer.

    Raises
    ------
    InputError
        Shapes that do not fit, more than one output, or feedback that does not reach the first layer (C_1 = 0).
    """
    matrices = [np.asarray(matrix, dtype=float) for matrix in feedback]
    if any(matrix.ndim != 2 or not np.isfinite(matrix).all() for matrix in matrices):
        raise InputError("feedback: expected finite matrices [B_2, ..., B_L]")
    for below, above in pairwise(matrices):
        if below.shape[1] != above.shape[0]:
            raise InputError(
                f"feedback: shapes {below.shape} and {above.shape} given, expected (n_(l-1), n_l) in a row"
            )
    if matrices and matrices[-1].shape[1] != 1:
        raise InputError(
            f"feedback: {matrices[-1].shape[1]} outputs given, expected 1: with more there is no potential"
        )
    depth = len(matrices) + 1
    found = reduction(depth)
    grams = [float((reduce(np.matmul, matrices[layer:]) ** 2).sum()) for layer in range(depth - 1)]
    chi = float(found.chi.subs(dict(zip(found.betas, grams, strict=True))))
    if not (np.isfinite(chi) and chi > 0):
        raise InputError(f"feedback: chi = {chi:g}, expected feedback whose product B_2..B_L is not zero")
    return MirrorPotential(depth, chi)


@dataclass(frozen=True, eq=False)
class MirrorRun:
    """The reduced flow of one output from zero.

    Attributes
    ----------
    t
        Times, (time,).
    dual, end_to_end
        u and P = chi |u|^(n-1) u, (time, n_0).
    """

    t: Array
    dual: Array
    end_to_end: Array


def mirror_flow(
    task: Task,
    potential: MirrorPotential,
    *,
    t_eval: ArrayLike,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
) -> MirrorRun:
    """Integrate du/dt = E(P(u)) from u = 0: n_0 numbers instead of all weights.

    E(P) is the velocity of a derived network of one layer at the map P.

    Parameters
    ----------
    task
        With one output.
    potential
        Of the feedback; see `mirror_potential`.
    t_eval
        Increasing times >= 0, the last one > 0.
    method, rtol, atol
        As in SciPy.

    Raises
    ------
    InputError
        More than one output, or bad times.
    IntegrationError
        The solver did not finish.

    Notes
    -----
    Source: robertson2024.mirror-flow.
    """
    from fa_dynamics.derive.compile import compile_flow
    from fa_dynamics.flows.flat import flat_velocity
    from fa_dynamics.flows.solve import solve

    if task.n_outputs != 1:
        raise InputError(f"task: {task.n_outputs} outputs given, expected 1: with more there is no mirror flow")
    times = np.atleast_1d(np.asarray(t_eval, dtype=float))
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or times[0] < 0 or times[-1] <= 0:
        raise InputError(f"t_eval: shape {times.shape} given, expected finite times >= 0 with a last one > 0")
    if (np.diff(times) <= 0).any():
        raise InputError("t_eval: expected increasing times")
    compiled = compile_flow(derive(1, "fa"), (task.n_inputs, 1))
    error, _ = flat_velocity(compiled, {"Sigma_xx": task.input_moment, "Sigma_yx": task.cross_moment})

    def velocity(t: float, u: Array) -> Array:
        return error(t, potential.primal(u))

    found = solve(
        velocity,
        np.zeros(task.n_inputs),
        times,
        float(times[-1]),
        lambda _, u: potential.primal(u),
        method=method,
        rtol=rtol,
        atol=atol,
    )
    if found.status != "completed":
        raise IntegrationError(f"{found.status}: {found.message}")
    return MirrorRun(found.t, found.y, potential.primal(found.y))
