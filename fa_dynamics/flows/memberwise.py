"""Runge-Kutta methods whose step is decided by the worst member of an ensemble.

SciPy measures the error of a step by a root mean square over the whole state, in which one member among N is diluted by
the square root of N. Here every member has a norm of its own, and the largest decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np


@lru_cache(maxsize=64)
def memberwise(method: str, members: int) -> Any:
    """An `OdeSolver` class like SciPy's explicit Runge-Kutta method of that name, with one norm per member.

    Parameters
    ----------
    method
        'DOP853', 'RK45' or 'RK23'.
    members
        Number of equal parts of the flat state, one behind the other.
    """
    from scipy import integrate

    base = getattr(integrate, method)
    norm = _norm_853 if method == "DOP853" else _norm

    class Memberwise(base):  # type: ignore[misc, valid-type]
        def _estimate_error_norm(self, stages: Any, h: float, scale: Any) -> float:
            return norm(self, stages, h, scale.reshape(members, -1))

    Memberwise.__name__ = f"{method} over {members} members"
    return Memberwise


def _norm(solver: Any, stages: Any, h: float, scale: Any) -> float:
    error = h * np.dot(stages.T, solver.E).reshape(scale.shape) / scale
    return float(np.sqrt(np.mean(error**2, axis=1).max()))


def _norm_853(solver: Any, stages: Any, h: float, scale: Any) -> float:
    """The combined estimate of Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section II.10."""
    fifth, third = (np.dot(stages.T, weights).reshape(scale.shape) / scale for weights in (solver.E5, solver.E3))
    fifth, third = np.sum(fifth**2, axis=1), np.sum(third**2, axis=1)
    mixed = fifth + 0.01 * third
    share = np.divide(fifth, np.sqrt(mixed * scale.shape[1]), out=np.zeros_like(fifth), where=mixed > 0)
    return float(np.abs(h) * share.max())
