"""An explicit step size for gradient descent of aligned networks, with the rate that it guarantees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError

Array = NDArray[np.float64]

EQUAL = 1e-12
"""Relative spread of a mode's |theta_l| up to which its layers count as equal."""


@dataclass(frozen=True, eq=False)
class ExplicitStep:
    r"""A step size eta with a guarantee.

    Attributes
    ----------
    step_size
        eta, in units of 1 / curvature: the smallest of the modes' bounds.
    bounds
        Largest step size that each mode allows, (modes,).
    contraction
        varrho_k, (modes,): each step multiplies :math:`|s_k - p_k|` by at most :math:`1 - \varrho_k`, dimensionless.
    """

    step_size: float
    bounds: Array
    contraction: Array

    @property
    def rate(self) -> float:
        """varrho, the contraction of the slowest mode, dimensionless."""
        return float(self.contraction.min())

    def excess_bound(self, excess: float, steps: ArrayLike) -> Array:
        r"""Bound :math:`(1-\varrho)^{2t}(\ell_0-\ell_*)` on :math:`\ell_t-\ell_*` after t steps."""
        return np.asarray((1.0 - self.rate) ** (2 * np.asarray(steps, dtype=float)) * excess)


def explicit_step(curvature: ArrayLike, target: ArrayLike, strengths: ArrayLike) -> ExplicitStep:
    r"""The step size below which no mode of an aligned network overshoots, and how fast it then learns.

    For each mode with target :math:`s > 0`, weights :math:`\theta_l(0) > 0` and :math:`p = \prod_l\theta_l`:

    - general layers, :math:`p(0)\le s`: :math:`\eta\le[\lambda s^2\sum_l\theta_l(0)^{-2}]^{-1}`;
    - equal layers, :math:`p(0)\le s`: :math:`\eta\le[L\lambda s^{2-2/L}]^{-1}`;
    - equal layers, :math:`p(0)>s`: :math:`\eta\le[2\lambda L p(0)^{2-2/L}]^{-1}`;

    with :math:`\varrho = \eta L\lambda p(0)^{2-2/L}` in the first two cases, :math:`\tfrac34\eta L\lambda s^{2-2/L}`
    in the third. Then :math:`p_k` moves monotonically towards its target and never passes it, and
    :math:`\ell_t-\ell_*\le(1-\varrho)^{2t}(\ell_0-\ell_*)`. Source: radhakrishnan2020.learning-rate.

    This is a law of exactly aligned networks. Between modes j and k the curvature is
    :math:`\lambda_k\sum_l s_j^{2(L-l)/L}s_k^{2(l-1)/L}`; where it exceeds :math:`2/\eta`, round-off between the modes
    grows exponentially.

    Parameters
    ----------
    curvature, target
        lambda_k > 0 and s_k > 0 of the active modes, (modes,).
    strengths
        theta_{l,k}(0) > 0, (L, modes).

    Raises
    ------
    InputError
        Shapes that do not fit, numbers that are not positive, or a mode that starts above its target with unequal
        layers.

    Examples
    --------
    >>> step = explicit_step([1.0, 1.0], [2.0, 1.0], [[0.5, 0.5], [0.5, 0.5]])
    >>> step.step_size, step.rate
    (0.25, 0.125)
    """
    theta = _positive(strengths, "strengths")
    if theta.ndim != 2 or theta.size == 0:
        raise InputError(f"strengths: shape {theta.shape} given, expected (layers, modes)")
    depth, modes = theta.shape
    lam, s = (np.broadcast_to(_positive(v, n), modes) for v, n in _fitting(curvature, target, modes))
    p = theta.prod(axis=0)
    equal = np.ptp(theta, axis=0) <= EQUAL * theta.max(axis=0)
    above = p > s * (1 + EQUAL)
    if (above & ~equal).any():
        mode = int(np.argmax(above & ~equal)) + 1
        raise InputError(
            f"strengths: mode {mode} starts at p = {p[mode - 1]:.6g} above its target {s[mode - 1]:.6g} with unequal "
            "layers, expected p(0) <= target, or equal layers"
        )
    power = 2 - 2 / depth
    general = lam * s**2 * (theta**-2.0).sum(axis=0)
    sharpness = np.where(above, 2 * depth * lam * p**power, np.where(equal, depth * lam * s**power, general))
    step_size = float(1 / sharpness.max())
    contraction = step_size * depth * lam * np.where(above, 0.75 * s**power, p**power)
    return ExplicitStep(step_size, 1 / sharpness, contraction)


def _fitting(curvature: ArrayLike, target: ArrayLike, modes: int) -> list[tuple[ArrayLike, str]]:
    for value, argument in ((curvature, "curvature"), (target, "target")):
        if np.shape(value) not in ((), (modes,)):
            raise InputError(f"{argument}: shape {np.shape(value)} given, expected () or ({modes},), one per mode")
    return [(curvature, "curvature"), (target, "target")]


def _positive(value: ArrayLike, argument: str) -> Array:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {value!r} given, expected numbers > 0") from problem
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise InputError(f"{argument}: expected finite numbers > 0")
    return array
