"""Two-layer networks with one output: what is learned, and what of a draw of the weights matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

NULL = 1e-13
"""Eigenvalues of X X^T below this fraction of the largest are null directions."""

CHUNK = 4096
"""Rows of W_1 that are in memory at a time; the numbers drawn do not depend on it."""


@dataclass(frozen=True, eq=False)
class OneOutputProblem:
    r"""Least squares with one output, in the eigenbasis of :math:`\Sigma_{xx}` and on its range only.

    The loss is :math:`\tfrac12\sum_i (y_i - P x_i)^2`, a **sum** over samples: time and step size have the unit
    1 / (eigenvalue of :math:`XX^\top`), rho its inverse. Everything off the range stays as it is: E lies in it.

    Attributes
    ----------
    curvatures : ndarray, shape (r,)
        Nonzero eigenvalues of :math:`\Sigma_{xx} = XX^\top`, descending; r is the rank of X.
    correlations : ndarray, shape (r,)
        :math:`\Sigma_{yx} = YX^\top` in the eigenbasis.
    basis : ndarray, shape (n_0, r)
        The eigenvectors.
    unexplained : float
        Least attainable :math:`|PX - Y|^2`; 0 if the data can be interpolated.
    n_samples : int
        Number of samples N.
    """

    curvatures: Array
    correlations: Array
    basis: Array
    unexplained: float
    n_samples: int

    @classmethod
    def from_arrays(cls, X: ArrayLike, y: ArrayLike) -> OneOutputProblem:
        """From samples: rows of X (N, n_0), and one target each (N,).

        Raises
        ------
        InputError
            Shapes that do not fit, no samples, entries that are not finite, or inputs that are all zero.
        """
        inputs, targets = _finite(X, "X"), _finite(y, "y")
        if inputs.ndim != 2 or not inputs.size:
            raise InputError(f"X: shape {inputs.shape} given, expected (samples, inputs), both at least 1")
        if targets.shape not in ((len(inputs),), (len(inputs), 1)):
            raise InputError(f"y: shape {targets.shape} given, expected ({len(inputs)},), one target per row of X")
        left, sizes, basis = np.linalg.svd(inputs, full_matrices=False)
        rank = _rank(sizes**2, "X")
        left, sizes, basis = left[:, :rank], sizes[:rank], basis[:rank]
        along = left.T @ targets.ravel()
        rest = float(np.sum((targets.ravel() - left @ along) ** 2))
        tiny = 1e-28 * float(np.sum(targets**2))
        return cls(sizes**2, sizes * along, basis.T, rest if rest > tiny else 0.0, len(inputs))

    @classmethod
    def from_task(cls, task: Task) -> OneOutputProblem:
        """From the second moments of a task, which are means: they are multiplied by the number of samples.

        A population counts as one sample. `one_output_units` converts times, steps and decay rates.

        Raises
        ------
        InputError
            More than one output.
        """
        if task.n_outputs != 1:
            raise InputError(f"task: {task.n_outputs} outputs given, expected 1")
        samples = task.n_samples or 1
        curvatures, basis = np.linalg.eigh(samples * task.input_moment)
        curvatures, basis = curvatures[::-1], basis[:, ::-1]
        rank = _rank(curvatures, "task")
        kept = np.ascontiguousarray(basis[:, :rank])
        correlations = samples * (task.cross_moment[0] @ kept)
        return cls(curvatures[:rank].copy(), correlations, kept, 2 * samples * task.best_loss, samples)

    @property
    def rank(self) -> int:
        """Rank r of X."""
        return len(self.curvatures)

    @property
    def n_inputs(self) -> int:
        """Number of inputs n_0."""
        return len(self.basis)

    @property
    def target(self) -> Array:
        """Least-squares map P_* in the eigenbasis, (r,)."""
        return self.correlations / self.curvatures

    @property
    def slowest(self) -> float:
        """gamma_-, the smallest nonzero eigenvalue of X X^T."""
        return float(self.curvatures[-1])

    def residual(self, P: Array) -> Array:
        """|P X - Y| for maps in the eigenbasis, (..., r) -> (...)."""
        excess = np.sum((P - self.target) ** 2 * self.curvatures, axis=-1)
        size: Array = np.sqrt(excess + self.unexplained)
        return size

    def __repr__(self) -> str:
        return (
            f"<OneOutputProblem: {self.n_samples} samples of {self.n_inputs} inputs, rank {self.rank}, eigenvalues of "
            f"X X^T from {self.slowest:.4g} to {self.curvatures[0]:.4g}, |P_*| = {np.linalg.norm(self.target):.4g}>"
        )


@dataclass(frozen=True, eq=False)
class OneOutputStart:
    r"""All that a draw of weights and feedback means for the dynamics, whatever the width.

    Attributes
    ----------
    width : int
        n_1.
    kappa : float
        :math:`|B_2|^2`.
    U, P : ndarray, shape (r,)
        :math:`B_2^\top W_1/\kappa` and :math:`W_2W_1` in the eigenbasis of the inputs.
    M : ndarray, shape (r, r)
        :math:`W_1^\top W_1` there.
    s, q : float
        :math:`W_2B_2` and :math:`|W_2|^2`.
    """

    width: int
    kappa: float
    U: Array
    P: Array
    M: Array
    s: float
    q: float

    @cached_property
    def K(self) -> Array:
        r"""What of M never moves, :math:`M-\kappa U^\top U = W_1^\top(I-\hat b\hat b^\top)W_1`."""
        return self.M - self.kappa * np.outer(self.U, self.U)

    @property
    def cosine(self) -> float:
        """Weight alignment cos(W_2^T, B_2), dimensionless."""
        return float(self.s / np.sqrt(self.kappa * self.q)) if self.q > 0 else float("nan")

    @property
    def guaranteed_rate(self) -> float:
        r"""mu: without decay the residual falls at least as :math:`e^{-\mu\gamma_-t}`, whatever the target.

        .. math:: \mu = \lambda_{\min}(K) + s - \tfrac12\kappa|U|^2

        May be negative, and then promises nothing. Source: song2021.exponential-rate.
        """
        return float(np.linalg.eigvalsh(self.K)[0] + self.s - self.kappa * self.U @ self.U / 2)


def reduced_start(problem: OneOutputProblem, W_1: ArrayLike, W_2: ArrayLike, B_2: ArrayLike) -> OneOutputStart:
    """The reduced coordinates of given weights.

    Parameters
    ----------
    problem
        Its inputs' eigenbasis.
    W_1, W_2, B_2
        (n_1, n_0), (1, n_1) and (n_1, 1).

    Raises
    ------
    InputError
        Shapes that do not fit, entries that are not finite, or feedback that is zero.
    """
    lower, upper, back = _finite(W_1, "W_1"), _finite(W_2, "W_2"), _finite(B_2, "B_2")
    if lower.ndim != 2 or lower.shape[1] != problem.n_inputs:
        raise InputError(f"W_1: shape {lower.shape} given, expected (n_1, {problem.n_inputs})")
    width = len(lower)
    for name, matrix, shape in (("W_2", upper, (1, width)), ("B_2", back, (width, 1))):
        if matrix.shape != shape:
            raise InputError(f"{name}: shape {matrix.shape} given, expected {shape}")
    return _contracted(problem, upper[0], back[:, 0], iter([lower]))


def gaussian_start(
    problem: OneOutputProblem, width: int, start: np.random.Generator, feedback: np.random.Generator
) -> OneOutputStart:
    """Normal weights in the paper's parametrisation: variances 1/n_1 of W_1, 1 of W_2, 1/n_1^2 of B_2.

    Draws W_2 and then W_1 from `start`, in chunks of rows: nothing of size n_1 x n_0 is ever in memory. The draw is
    `gaussian_weights` of generators in the same states.

    Raises
    ------
    InputError
        Width below 1.
    """
    width = checked_width(width)
    back = feedback.standard_normal(width) / width
    upper = start.standard_normal(width)
    return _contracted(problem, upper, back, _rows(width, problem.n_inputs, start))


def gaussian_weights(
    width: int, n_inputs: int, start: np.random.Generator, feedback: np.random.Generator
) -> tuple[Array, Array, Array]:
    """W_1 (n_1, n_0), W_2 (1, n_1) and B_2 (n_1, 1) of the same draw as `gaussian_start`."""
    width = checked_width(width)
    back = feedback.standard_normal(width) / width
    upper = start.standard_normal(width)
    return np.concatenate(list(_rows(width, n_inputs, start))), upper[None], back[:, None]


def checked_width(width: int) -> int:
    """A number of hidden units.

    Raises
    ------
    InputError
        It is no whole number >= 1.
    """
    if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
        raise InputError(f"width: {width!r} given, expected a whole number >= 1")
    return int(width)


def _rows(width: int, n_inputs: int, generator: np.random.Generator) -> Iterator[Array]:
    for first in range(0, width, CHUNK):
        yield generator.standard_normal((min(CHUNK, width - first), n_inputs)) / np.sqrt(width)


def _contracted(problem: OneOutputProblem, upper: Array, back: Array, rows: Iterator[Array]) -> OneOutputStart:
    kappa = float(back @ back)
    if kappa == 0:
        raise InputError("B_2: all entries are zero given, expected feedback that sends something back")
    P, clock = np.zeros(problem.rank), np.zeros(problem.rank)
    M = np.zeros((problem.rank, problem.rank))
    first = 0
    for chunk in rows:
        part, last = chunk @ problem.basis, first + len(chunk)
        M += part.T @ part
        P += upper[first:last] @ part
        clock += back[first:last] @ part
        first = last
    return OneOutputStart(len(back), kappa, clock / kappa, P, M, float(upper @ back), float(upper @ upper))


def _rank(eigenvalues: Array, name: str) -> int:
    rank = int(np.count_nonzero(eigenvalues > NULL * eigenvalues[0])) if eigenvalues[0] > 0 else 0
    if rank == 0:
        raise InputError(f"{name}: all inputs are zero, expected at least one that is not")
    return rank


def _finite(values: ArrayLike, name: str) -> Array:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{name}: no array of numbers given") from problem
    if not np.isfinite(array).all():
        raise InputError(f"{name}: entries that are not finite given")
    return array
