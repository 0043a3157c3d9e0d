"""Which chains move along one line, and can be solved exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.errors import DerivationError
from fa_dynamics.modes.backprop import BackpropMotion, follows_gradient
from fa_dynamics.modes.clock import Clock, clock_of
from fa_dynamics.modes.clocked import ClockMotion
from fa_dynamics.modes.motion import Motion

Array = NDArray[np.float64]

EXACT_DEPTH = 6
"""Deeper clocks are not used: the clock's polynomial has degree 2^L - 1, and beyond 63 double precision does not
separate its terms."""


def motion_of(chain: Chain, theta: Array, feedback: Array, sigma: Array, curvature: Array) -> Motion | None:
    """The motion of many modes along one line; None if the chain leaves more than one dimension.

    Parameters
    ----------
    chain
        From `Flow.chain`.
    theta, feedback
        (L, modes) and (L - 1, modes).
    sigma, curvature
        (modes,).
    """
    clock = _clock(chain)
    if clock is not None:
        return ClockMotion(theta, sigma, curvature, clock.numeric_factors(feedback))
    # Without curvature nothing stops backpropagation, which may leave every bound in finite time.
    if follows_gradient(chain) and (curvature > 0).all():
        return BackpropMotion(theta, sigma, curvature)
    return None


def _clock(chain: Chain) -> Clock | None:
    try:
        return clock_of(chain) if chain.depth <= EXACT_DEPTH else None
    except DerivationError:
        return None
