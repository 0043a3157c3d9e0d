"""Networks whose neighbouring layers share their inner singular bases, and feedback that shares them too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.randomness import stream
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AlignedNetwork:
    r"""An aligned network, :math:`W_l = U_l \Theta_l U_{l-1}^\top` with :math:`\Theta_l` rectangular diagonal.

    Attributes
    ----------
    bases
        U_0..U_L, orthogonal, each (n_l, n_l), dimensionless.
    strengths
        theta_{l,k}, (L, modes), of either sign; at most as many modes as the narrowest layer has units.
    """

    bases: tuple[Array, ...]
    strengths: Array

    def __post_init__(self) -> None:
        for node, basis in enumerate(self.bases):
            _check_orthogonal(basis, f"bases: U_{node}")
        depth, modes = self.strengths.shape
        if depth != len(self.bases) - 1 or modes > min(len(basis) for basis in self.bases):
            raise InputError(
                f"strengths: shape {self.strengths.shape} given, expected ({len(self.bases) - 1}, modes) with at most "
                f"{min(len(basis) for basis in self.bases)} modes, the units of the narrowest layer"
            )

    @property
    def modes(self) -> int:
        """Number of modes r."""
        return int(self.strengths.shape[1])

    @property
    def weights(self) -> list[Array]:
        """[W_1, ..., W_L], as ``start=`` of a simulation takes them."""
        ends = zip(self.bases[1:], self.bases[:-1], self.strengths, strict=True)
        return [_between(above, row, below) for above, below, row in ends]

    def shared_feedback(self, values: ArrayLike) -> list[Array]:
        r"""Feedback in the same bases, :math:`B_l = U_{l-1}\,\mathrm{diag}(b_l)\,U_l^\top`, l = 2..L.

        With the data criterion it keeps the strong invariance (I3) under feedback alignment at any step size, for any
        values and signs. Source: radhakrishnan2020.fa-invariance.

        Parameters
        ----------
        values
            b_{l,k}, of shape (), (L - 1,) or (L - 1, modes), dimensionless.

        Raises
        ------
        InputError
            Another shape.
        """
        table = _table(values, len(self.bases) - 2, self.modes, "values")
        ends = zip(self.bases[1:-1], self.bases[2:], table, strict=True)
        return [_between(below, row, above) for below, above, row in ends]


def aligned_network(
    task: Task,
    hidden: Sequence[int],
    strengths: ArrayLike,
    *,
    input_basis: ArrayLike | None = None,
    output_basis: ArrayLike | None = None,
    seed: int = 0,
) -> AlignedNetwork:
    """Draw an aligned network with random inner bases.

    Parameters
    ----------
    task
        Its modes give the outer bases, completed to orthogonal matrices.
    hidden
        Widths n_1..n_{L-1}.
    strengths
        theta_{l,k}, of shape (), (L,) or (L, modes), dimensionless. Without a number of modes: as many as fit through
        the narrowest layer.
    input_basis, output_basis
        Instead of the task's: orthonormal columns, (n_0, at least modes) and (n_L, at least modes).
    seed
        For the inner bases, which are drawn uniformly from the stream 'start'.

    Returns
    -------
    AlignedNetwork

    Raises
    ------
    InputError
        Widths, strengths or bases that do not fit.
    """
    for width in hidden:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise InputError(f"hidden: {hidden!r} given, expected whole numbers >= 1, one per hidden layer")
    rng = stream(seed, "start")
    given_input = task.modes.input_basis if input_basis is None else input_basis
    given_output = task.modes.output_basis if output_basis is None else output_basis
    inner = [_orthogonal(int(width), rng) for width in hidden]
    bases = (
        completed(given_input, task.n_inputs, "input_basis"),
        *inner,
        completed(given_output, task.n_outputs, "output_basis"),
    )
    shape = np.shape(strengths)
    modes = int(shape[1]) if len(shape) == 2 else min(len(basis) for basis in bases)
    return AlignedNetwork(bases, _table(strengths, len(bases) - 1, modes, "strengths"))


def completed(columns: ArrayLike, size: int, argument: str = "columns") -> Array:
    """An orthogonal matrix that begins with given orthonormal columns (size, any number).

    Raises
    ------
    InputError
        Columns of another length, or not orthonormal.
    """
    given = np.array(columns, dtype=float)
    if given.ndim != 2 or given.shape[0] != size or given.shape[1] > size:
        raise InputError(f"{argument}: shape {given.shape} given, expected ({size}, at most {size})")
    _check_orthogonal(given, argument)
    rest = np.linalg.svd(given)[0][:, given.shape[1] :]
    return np.concatenate([given, rest], axis=1)


def _between(target: Array, values: Array, source: Array) -> Array:
    modes = len(values)
    return np.asarray((target[:, :modes] * values) @ source[:, :modes].T)


def _orthogonal(size: int, rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))  # makes the distribution uniform


def _table(values: Any, rows: int, modes: int, argument: str) -> Array:
    try:
        given = np.asarray(values, dtype=float)
        table = np.broadcast_to(given[:, None] if given.ndim == 1 else given, (rows, modes))
    except (TypeError, ValueError) as problem:
        raise InputError(
            f"{argument}: shape {np.shape(values)} given, expected numbers of shape (), ({rows},) or ({rows}, {modes})"
        ) from problem
    if not np.isfinite(table).all():
        raise InputError(f"{argument}: expected finite numbers")
    return table.copy()


def _check_orthogonal(columns: Array, name: str) -> None:
    overlap = np.abs(columns.T @ columns - np.eye(columns.shape[1])).max(initial=0.0)
    if not overlap <= 1e-10:
        raise InputError(f"{name} has columns that are not orthonormal (off by {overlap:.1e})")
