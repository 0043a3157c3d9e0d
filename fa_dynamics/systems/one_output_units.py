"""The one place where mean losses, the authors' code and the sum loss of the one-output system meet.

Source: `notation.md` section 6.
"""

from __future__ import annotations

from typing import NamedTuple


class Rates(NamedTuple):
    """A step size (or a time), and the decay rate of the second layer."""

    step_size: float
    regularization: float


def sum_from_mean(step_size: float, regularization: float, n_samples: int) -> Rates:
    """From the loss 1/2 mean (y - P x)^2, the house's, to 1/2 sum (y - P x)^2: times / N, rates * N."""
    return Rates(step_size / n_samples, regularization * n_samples)


def mean_from_sum(step_size: float, regularization: float, n_samples: int) -> Rates:
    """The way back."""
    return Rates(step_size * n_samples, regularization / n_samples)


def sum_from_code(step_size: float, regularization: float, n_samples: int) -> Rates:
    """From the code of Song, Xu, Lafferty, which minimises mean (y - P x)^2 without 1/2, to 1/2 sum (y - P x)^2.

    eta = 2 eta_code / N and rho = N lambda_code / 2, so that eta rho = eta_code lambda_code.
    """
    return Rates(2 * step_size / n_samples, regularization * n_samples / 2)
