"""Joint modes of a pair of second moments, and how far they are from being joint."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fa_dynamics.tasks.arrays import Array, frozen
from fa_dynamics.tasks.signs import leading_signs

#: Singular values of the cross moment closer than this fraction of the largest one count as equal. Moments of
#: data split equal values by 1e-14; at a true gap of 1e-10 the vectors of an SVD still carry six digits.
EQUAL_TOLERANCE = 1e-10
#: Singular values of the cross moment below this fraction of the largest one count as zero (round-off 1e-15).
ZERO_TOLERANCE = 1e-12
#: Defect and leak up to here count as joint diagonality: what the round-off of an SVD can cause at a gap of
#: `EQUAL_TOLERANCE`, and an error of one part in a million in a scalar mode equation.
JOINT_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class Modes:
    r"""Modes of a task: :math:`\Sigma_{yx} = U \operatorname{diag}(\sigma) V^\top` with their curvatures.

    There are ``K = min(n_0, n_L)`` modes, in descending order of correlation; equal correlations in
    descending order of curvature. If the moments commute, the basis is joint:
    :math:`V^\top \Sigma_{xx} V = \operatorname{diag}(\lambda)`, and every mode evolves
    on its own if the start and the feedback are aligned with the basis.

    Attributes
    ----------
    correlation : ndarray, shape (K,)
        :math:`\sigma_k \ge 0`, in units of output times input.
    curvature : ndarray, shape (K,)
        :math:`\lambda_k = v_k^\top \Sigma_{xx} v_k \ge 0`, in units of input squared.
    target : ndarray, shape (K,)
        :math:`s_k = \sigma_k/\lambda_k` (0 where the curvature is 0), in units of output per input.
    input_basis : ndarray, shape (n_0, K)
        V, orthonormal columns, dimensionless.
    output_basis : ndarray, shape (n_L, K)
        U, orthonormal columns, dimensionless; the leading entry of each is positive.
    defect : ndarray, shape (K,)
        :math:`\|(I - V V^\top)\Sigma_{xx} v_k\| / \|\Sigma_{xx} v_k\|`: the fraction that leaves the modes,
        dimensionless; 0 where it cannot be told from round-off.
    leak : float
        Largest :math:`|v_j^\top \Sigma_{xx} v_k| / \sqrt{\lambda_j \lambda_k}` over :math:`j \ne k`:
        the coupling between two modes, dimensionless.
    commutator : float
        :math:`\|[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}]\|_F / (\|\Sigma_{xx}\|_F
        \|\Sigma_{yx}^\top \Sigma_{yx}\|_F)`, dimensionless; 0 if either moment is zero.
    """

    correlation: Array
    curvature: Array
    target: Array
    input_basis: Array
    output_basis: Array
    defect: Array
    leak: float
    commutator: float

    @property
    def jointly_diagonal(self) -> bool:
        """Whether every defect and the leak (dimensionless) are at most `JOINT_TOLERANCE`."""
        return bool(self.defect.max(initial=0.0) <= JOINT_TOLERANCE and self.leak <= JOINT_TOLERANCE)

    def defect_sentence(self) -> str:
        """One line to print above every table of modes: may the modes be read one by one?

        Returns
        -------
        str
            Names the largest defect, the leak and the commutator, all dimensionless.
        """
        defect = self.defect.max(initial=0.0)
        numbers = f"defect {defect:.2g}, leak {self.leak:.2g}, commutator {self.commutator:.2g}"
        if self.jointly_diagonal:
            return f"joint modes ({numbers}): they decouple if start and feedback are aligned with them"
        return f"no joint modes ({numbers}): the modes are coupled, scalar mode curves are approximate"

    def __repr__(self) -> str:
        return f"<Modes: {self.correlation.size}; {self.defect_sentence()}>"


def joint_modes(input_moment: Array, cross_moment: Array) -> Modes:
    r"""Find the joint modes of two second moments.

    A singular value decomposition of :math:`\Sigma_{yx}` fixes the vectors up to rotations among equal
    singular values. That freedom is used up: among equal nonzero values U and V are rotated alike, among the
    inputs without correlation V alone, such that :math:`V^\top \Sigma_{xx} V` is diagonal there. So the joint
    basis is found whenever :math:`\Sigma_{xx}` and :math:`\Sigma_{yx}^\top \Sigma_{yx}` commute; if they do
    not, `defect` and `leak` of the result tell how much is missing.

    Parameters
    ----------
    input_moment : ndarray, shape (n_0, n_0)
        :math:`\Sigma_{xx}`, symmetric and positive semidefinite.
    cross_moment : ndarray, shape (n_L, n_0)
        :math:`\Sigma_{yx}`.

    Returns
    -------
    Modes
        ``min(n_0, n_L)`` modes. Without correlation, the directions of largest curvature come first.
    """
    n_modes = min(cross_moment.shape)
    left, sigma, right_t = np.linalg.svd(cross_moment, full_matrices=False)
    # the largest sum of a row bounds the largest eigenvalue, which would take as long as everything else
    round_off = input_moment.shape[0] * np.finfo(float).eps * np.linalg.norm(input_moment, np.inf)
    rank = int(np.count_nonzero(sigma > ZERO_TOLERANCE * sigma[0]))
    if rank < n_modes:  # only then are inputs without correlation among the modes
        left, sigma, right_t = np.linalg.svd(cross_moment)
    right = right_t.T
    for members in _clusters(sigma[:rank], EQUAL_TOLERANCE * sigma[0]):
        rotation = _diagonalising(right[:, members], input_moment, round_off)
        left[:, members] = left[:, members] @ rotation
        right[:, members] = right[:, members] @ rotation
    if rank < n_modes:
        rest = slice(rank, None)
        right[:, rest] = right[:, rest] @ _diagonalising(right[:, rest], input_moment, round_off)

    output_basis, input_basis = left[:, :n_modes], right[:, :n_modes]
    signs = leading_signs(output_basis)
    output_basis = output_basis * signs
    # Without correlation the two signs are independent.
    signs[rank:] = leading_signs(input_basis[:, rank:])
    input_basis = input_basis * signs
    correlation = np.where(np.arange(n_modes) < rank, sigma, 0.0)

    pushed = input_moment @ input_basis
    coupling = input_basis.T @ pushed
    curvature = np.maximum(np.diag(coupling), 0.0)
    target = np.divide(correlation, curvature, out=np.zeros(n_modes), where=curvature > 0.0)
    outside = np.linalg.norm(pushed - input_basis @ coupling, axis=0)
    return Modes(
        correlation=frozen(correlation),
        curvature=frozen(curvature),
        target=frozen(target),
        input_basis=frozen(input_basis),
        output_basis=frozen(output_basis),
        defect=frozen(_ratio(outside, np.linalg.norm(pushed, axis=0), round_off)),
        leak=_leak(coupling, curvature, round_off),
        commutator=_commutator(input_moment, cross_moment),
    )


def _clusters(sigma: Array, tolerance: float) -> list[slice]:
    """Runs of neighbours, in a descending sequence, that differ by at most `tolerance`."""
    edges = [0, *(int(i) + 1 for i in np.flatnonzero(-np.diff(sigma) > tolerance)), sigma.size]
    return [slice(a, b) for a, b in pairwise(edges) if b - a > 1]


def _diagonalising(basis: Array, moment: Array, round_off: float) -> Array:
    """Rotation R such that (basis R)^T moment (basis R) is diagonal and descends."""
    block = basis.T @ moment @ basis
    diagonal = np.diag(block)
    if np.abs(block - np.diag(diagonal)).max(initial=0.0) <= round_off:
        # Diagonal already: only the order is left, and coordinate vectors stay coordinate vectors.
        permutation: Array = np.eye(diagonal.size)[:, np.argsort(-diagonal, kind="stable")]
        return permutation
    rotation: Array = np.linalg.eigh(block)[1][:, ::-1]
    return rotation


def _ratio(part: Array, whole: Array, round_off: float) -> Array:
    """`part / whole` after the round-off of `part` is taken off; 0 where nothing remains."""
    above: Array = np.maximum(part - round_off, 0.0)
    return np.divide(above, whole, out=np.zeros_like(above), where=above > 0.0)


def _leak(coupling: Array, curvature: Array, round_off: float) -> float:
    """Largest normalised off-diagonal entry."""
    off = np.abs(coupling - np.diag(np.diag(coupling)))
    root = np.sqrt(curvature)
    whole = np.outer(root, root)
    # Cauchy-Schwarz: no coupling where a curvature is zero; what is left there is round-off.
    off[whole == 0.0] = 0.0
    return float(_ratio(off, whole, round_off).max(initial=0.0))


def _commutator(input_moment: Array, cross_moment: Array) -> float:
    """Relative Frobenius norm of the commutator; factors are scaled first: no square underflows."""
    scale_x, scale_yx = np.linalg.norm(input_moment), np.linalg.norm(cross_moment)
    if scale_x == 0.0 or scale_yx == 0.0:
        return 0.0
    a, c = input_moment / scale_x, cross_moment / scale_yx
    product = (a @ c.T) @ c  # its transpose is the product in the other order
    return float(np.linalg.norm(product - product.T) / np.linalg.norm(c @ c.T))
