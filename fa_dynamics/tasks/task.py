"""What is learned: second moments of inputs and targets, with or without the samples behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arrays import Array, frozen, numeric
from fa_dynamics.tasks.modes import Modes, joint_modes
from fa_dynamics.tasks.prepare import prepare
from fa_dynamics.tasks.spectrum import spectrum_moments
from fa_dynamics.tasks.validate import check_moments, check_shapes
from fa_dynamics.tasks.words import plural

#: Eigenvalues of a second moment below this fraction of the largest one are null directions: the moment
#: is rounded to about 1e-15, and the worst shipped raw data (breast cancer) reach down to 1e-12.
NULL_TOLERANCE = 1e-13
#: A best loss below this fraction of tr E[y y^T] is the round-off of a subtraction and is returned as 0.
LOSS_ROUND_OFF = 1e-14


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    r"""A regression task, as its second moments (means over samples, not centred unless asked).

    The loss is :math:`\ell(P) = \tfrac12 \mathbb E|y - P x|^2`. Build a task by `from_arrays` or
    `from_spectrum`.

    Attributes
    ----------
    name : str
        Short name.
    input_moment : ndarray, shape (n_0, n_0)
        :math:`\Sigma_{xx} = \mathbb E[x x^\top]`, in units of input squared.
    cross_moment : ndarray, shape (n_L, n_0)
        :math:`\Sigma_{yx} = \mathbb E[y x^\top]`, in units of output times input.
    output_moment : ndarray, shape (n_L, n_L)
        :math:`\Sigma_{yy} = \mathbb E[y y^\top]`, in units of output squared.
    n_samples : int or None
        Number of samples; None for a population.
    inputs, targets : ndarray, shapes (n_samples, n_0) and (n_samples, n_L), or None
        The arrays X and Y after preparation; None for a population.
    description : str
        Where the task comes from and what was done to it.
    image_shape : tuple of int or None
        Shape of the images that the raw inputs are.
    input_map : ndarray, shape (n_0, n_raw), or None
        T of the whitening :math:`x = T (x_{\rm raw} - \text{mean})`; None if not whitened.
    output_names : tuple of str or None
        A name for each output.

    Raises
    ------
    InputError
        Shapes that do not fit, entries that are not finite, or moments that no distribution has.
    """

    name: str
    input_moment: Array
    cross_moment: Array
    output_moment: Array
    n_samples: int | None = None
    inputs: Array | None = None
    targets: Array | None = None
    description: str = ""
    image_shape: tuple[int, int] | None = None
    input_map: Array | None = None
    output_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for field in ("input_moment", "cross_moment", "output_moment", "inputs", "targets", "input_map"):
            value = getattr(self, field)
            if value is not None:
                array = frozen(numeric(value, field))
                if array.ndim != 2 or array.size == 0:
                    raise InputError(f"{field}: given shape {array.shape}; expected 2-D and not empty")
                object.__setattr__(self, field, array)
        check_shapes(self)
        check_moments(self)

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        centre: bool | tuple[bool, bool] = False,
        whiten: bool = False,
        unit_variance: bool = False,
        name: str = "arrays",
        description: str = "",
        image_shape: tuple[int, int] | None = None,
        output_names: tuple[str, ...] | None = None,
    ) -> Task:
        r"""Build a task from samples: :math:`\Sigma_{xx} = X^\top X/n`, :math:`\Sigma_{yx} = Y^\top X/n`.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_raw)
            Inputs, one row per sample, in any units.
        Y : array_like, shape (n_samples, n_L) or (n_samples,)
            Targets; one dimension is one output.
        centre : bool or (bool, bool)
            Subtract the means of the columns, of both arrays or of (inputs, targets).
        whiten : bool
            Map the inputs by :math:`\Lambda^{-1/2} V^\top` on the range of their second moment, which becomes
            the identity. Directions with a singular value of X below `RANK_TOLERANCE` (1e-10) times the
            largest are left out and counted in `null_directions`. Centring stays its own option.
        unit_variance : bool
            Scale the targets by one factor such that :math:`\operatorname{tr}\mathbb E[y y^\top] = 1`.
        name, description, image_shape, output_names
            Kept in the task; what was done to the data is appended to the description.

        Returns
        -------
        Task
            With the prepared arrays in `inputs` and `targets`.

        Raises
        ------
        InputError
            Arrays that are not tables of finite numbers, different numbers of rows, no sample or no column,
            nothing left to whiten or to scale.
        """
        ready = prepare(X, Y, centre=centre, whiten=whiten, unit_variance=unit_variance)
        n = ready.inputs.shape[0]
        return cls(
            name=name,
            input_moment=ready.inputs.T @ ready.inputs / n,
            cross_moment=ready.targets.T @ ready.inputs / n,
            output_moment=ready.targets.T @ ready.targets / n,
            n_samples=n,
            inputs=ready.inputs,
            targets=ready.targets,
            description=f"{description} {ready.sentence}".strip(),
            image_shape=image_shape,
            input_map=ready.input_map,
            output_names=output_names,
        )

    @classmethod
    def from_spectrum(
        cls,
        correlations: ArrayLike,
        curvatures: ArrayLike = 1.0,
        n_inputs: int | None = None,
        n_outputs: int | None = None,
        name: str = "spectrum",
    ) -> Task:
        r"""Build a population whose joint modes are the coordinate axes.

        .. math:: \Sigma_{xx} = \operatorname{diag}(\lambda),\quad
                  \Sigma_{yx} = \operatorname{diag}(\sigma),\quad
                  \Sigma_{yy} = \Sigma_{yx}\Sigma_{xx}^+\Sigma_{yx}^\top ,

        so that the best attainable loss is 0.

        Parameters
        ----------
        correlations : array_like, shape (modes,)
            :math:`\sigma_k`, of either sign, in any order (`modes` sorts them and moves signs into V).
        curvatures : array_like, shape () or (modes,)
            :math:`\lambda_k \ge 0`; 0 only where the correlation is 0; ratios up to 1e12.
        n_inputs, n_outputs : int, optional
            At least, and by default, the number of modes. An extra input has curvature 1 and no correlation,
            an extra output is always 0.
        name : str
            Short name.

        Returns
        -------
        Task
            Without samples.

        Raises
        ------
        InputError
            Not finite, negative curvature, zero curvature with a correlation, or shapes that do not fit.
        """
        input_moment, cross_moment, output_moment = spectrum_moments(correlations, curvatures, n_inputs, n_outputs)
        count = plural(np.size(correlations), "prescribed mode")
        words = f"Population with {count} along the coordinate axes."
        return cls(name, input_moment, cross_moment, output_moment, description=words)

    @property
    def n_inputs(self) -> int:
        """Number of inputs n_0."""
        return int(self.cross_moment.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number of outputs n_L."""
        return int(self.cross_moment.shape[0])

    @property
    def null_directions(self) -> int:
        """Number of null directions of the raw inputs that whitening left out (0 if not whitened)."""
        return 0 if self.input_map is None else int(self.input_map.shape[1] - self.input_map.shape[0])

    @cached_property
    def input_axes(self) -> tuple[Array, Array]:
        r"""Eigenvalues (n_0,), ascending, and eigenvectors (n_0, n_0) of :math:`\Sigma_{xx}`."""
        eigenvalues, vectors = np.linalg.eigh(self.input_moment)
        return frozen(eigenvalues), frozen(vectors)

    @cached_property
    def input_rank(self) -> int:
        """Rank of the input moment: eigenvalues above `NULL_TOLERANCE` (1e-13) times the largest."""
        return int(np.linalg.matrix_rank(self.input_moment, rtol=NULL_TOLERANCE, hermitian=True))

    @cached_property
    def least_squares(self) -> Array:
        r"""Least-squares map of least norm :math:`P_* = \Sigma_{yx}\Sigma_{xx}^+`, shape (n_L, n_0)."""
        inverse = np.linalg.pinv(self.input_moment, rtol=NULL_TOLERANCE, hermitian=True)
        return frozen(self.cross_moment @ inverse)

    @cached_property
    def best_loss(self) -> float:
        r"""Least attainable loss, in units of output squared.

        .. math:: \ell_* = \tfrac12(\operatorname{tr}\Sigma_{yy} - \operatorname{tr} P_*\Sigma_{yx}^\top)

        Exactly 0 where the difference is below `LOSS_ROUND_OFF` (1e-14) of
        :math:`\operatorname{tr}\Sigma_{yy}`: it is then made of round-off, and its sign means nothing.
        """
        total = float(np.trace(self.output_moment))
        rest = total - float(np.sum(self.least_squares * self.cross_moment))
        return 0.5 * rest if rest > LOSS_ROUND_OFF * total else 0.0

    def loss(self, P: Any) -> float:
        r"""Loss of a linear map, from the moments, in units of output squared.

        .. math:: \ell(P) = \tfrac12\mathbb E|y - P x|^2
                  = \ell_* + \tfrac12\|(P - P_*)\Sigma_{xx}^{1/2}\|_F^2

        The second form never turns negative and stays accurate as P approaches P_*, where the expanded square
        loses every digit.

        Parameters
        ----------
        P : array_like, shape (n_L, n_0)
            End-to-end map.

        Returns
        -------
        float
            At least `best_loss`.

        Raises
        ------
        InputError
            P has another shape or is not finite.
        """
        given = numeric(P, "P")
        if given.shape != self.cross_moment.shape:
            raise InputError(f"P: given shape {given.shape}; expected {self.cross_moment.shape}")
        return float(self.losses(given))

    def losses(self, maps: Array) -> Array:
        """Losses of many maps, (..., n_L, n_0) -> (...); of maps that are not finite, inf or nan."""
        # entries of a diverged map may overflow
        with np.errstate(over="ignore", invalid="ignore"):
            excess = (maps - self.least_squares).reshape(-1, self.n_inputs) @ self._input_root
            flat = excess.reshape(*maps.shape[:-2], self.cross_moment.size)
            return np.asarray(self.best_loss + 0.5 * np.einsum("...i,...i->...", flat, flat))

    @cached_property
    def _input_root(self) -> Array:
        eigenvalues, vectors = np.linalg.eigh(self.input_moment)
        return frozen(vectors * np.sqrt(np.maximum(eigenvalues, 0.0)))

    @cached_property
    def modes(self) -> Modes:
        """Joint modes and their defect; see `Modes`."""
        return joint_modes(self.input_moment, self.cross_moment)

    def __repr__(self) -> str:
        samples = "population" if self.n_samples is None else plural(self.n_samples, "sample")
        missing = plural(self.null_directions, "null direction")
        left_out = f", {missing} left out" if self.null_directions else ""
        return (
            f"<Task {self.name!r}: {plural(self.n_inputs, 'input')} of rank {self.input_rank}{left_out}, "
            f"{plural(self.n_outputs, 'output')}, {samples}\n"
            f"  {plural(self.modes.correlation.size, 'mode')}; {self.modes.defect_sentence()}\n"
            f"  {self.description}>"
        )
