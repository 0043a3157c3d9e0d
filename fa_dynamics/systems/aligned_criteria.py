"""When the data let alignment be a strong invariant (I3): whether some bases do, and whether given bases do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.systems.aligned import completed
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

ROUND_OFF = 1e-10
"""Largest commutator or defect that counts as zero: moments carry 1e-15, near-equal singular values lose some of it."""


def data_criterion(task: Task) -> float:
    r"""Relative size of :math:`[\Sigma_{xx}, \Sigma_{yx}^\top\Sigma_{yx}]`, dimensionless.

    Zero iff bases exist that make both moments diagonal, so that networks aligned with them keep all their bases
    under gradient descent with any step size. Source: radhakrishnan2020.data-criterion.
    """
    return task.modes.commutator


def strong_invariance_possible(task: Task, tolerance: float = ROUND_OFF) -> bool:
    """Whether the data criterion is at most `tolerance`."""
    return data_criterion(task) <= tolerance


@dataclass(frozen=True, eq=False)
class BasisCriterion:
    r"""How far given bases are from keeping r modes apart.

    Attributes
    ----------
    curvature, correlation
        lambda_k = v_k^T Sigma_xx v_k and sigma_k = u_k^T Sigma_yx v_k, (r,).
    defect
        (r,), dimensionless: the largest of :math:`|\Sigma_{xx}v_k - \lambda_k v_k|/|\Sigma_{xx}|`,
        :math:`|\Sigma_{yx}v_k - \sigma_k u_k|/|\Sigma_{yx}|` and
        :math:`|\Sigma_{yx}^\top u_k - \sigma_k v_k|/|\Sigma_{yx}|`, in spectral norms.
    """

    curvature: Array
    correlation: Array
    defect: Array

    def holds(self, tolerance: float = ROUND_OFF) -> bool:
        """Whether every defect is at most `tolerance`: then I3 holds at any step size."""
        return bool((self.defect <= tolerance).all())


def basis_criterion(task: Task, input_basis: ArrayLike, output_basis: ArrayLike, modes: int) -> BasisCriterion:
    r"""The exact criterion for I3 with given bases and r = `modes` active modes.

    For each k <= r: :math:`\Sigma_{xx}v_k=\lambda_kv_k`, :math:`\Sigma_{yx}v_k=\sigma_ku_k`,
    :math:`\Sigma_{yx}^\top u_k=\sigma_kv_k`. With a bottleneck, r < min(n_0, n_L), the rest of the moments need not be
    diagonal in any basis. Necessary as well if every theta_{l,k}(0) differs from zero and every p_k moves at t = 0.
    Source: radhakrishnan2020.strong-invariance.

    Parameters
    ----------
    task
        What is learned.
    input_basis, output_basis
        Orthonormal columns v_k and u_k, (n_0, at least r) and (n_L, at least r).
    modes
        r = min_l n_l of the network.

    Raises
    ------
    InputError
        Bases that are not orthonormal or too narrow.
    """
    v, u = completed(input_basis, task.n_inputs, "input_basis"), completed(output_basis, task.n_outputs, "output_basis")
    if isinstance(modes, bool) or not isinstance(modes, int | np.integer) or not 1 <= modes <= min(len(v), len(u)):
        raise InputError(f"modes: {modes!r} given, expected 1..{min(len(v), len(u))}")
    v, u = v[:, :modes], u[:, :modes]
    pushed, forward, backward = task.input_moment @ v, task.cross_moment @ v, task.cross_moment.T @ u
    curvature, correlation = (v * pushed).sum(axis=0), (u * forward).sum(axis=0)
    parts = [
        _relative(pushed - curvature * v, task.input_moment),
        _relative(forward - correlation * u, task.cross_moment),
        _relative(backward - correlation * v, task.cross_moment),
    ]
    return BasisCriterion(curvature, correlation, np.max(parts, axis=0))


def _relative(residuals: Array, moment: Array) -> Array:
    size = np.linalg.norm(moment, 2)
    return np.asarray(np.linalg.norm(residuals, axis=0) / (size if size > 0 else 1.0))
