"""Losses of samples: mean values, the output error that a rule sends back, and which targets each takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, nearest

Array = NDArray[np.float64]

PROBABILITY_TOLERANCE = 1e-9
"""Round-off allowed in rows of probabilities that have to add up to 1."""


@dataclass(frozen=True)
class Loss:
    """A loss, as a mean over samples of a function of one output and one target.

    Attributes
    ----------
    name
        Short name, as it can be asked for.
    each
        Loss of every sample, (n_samples,), from outputs and targets, both (n_samples, n_L).
    error
        Its derivative with respect to the outputs, (n_samples, n_L): delta_L, with the sign of a gradient.
    check
        Raises an InputError for targets that the loss does not take.

    Notes
    -----
    Source: `notation.md` section 2; all laws hold for any loss (robertson2024.pointwise-identity).
    """

    name: str
    each: Callable[[Array, Array], Array]
    error: Callable[[Array, Array], Array]
    check: Callable[[Array], None]

    def value(self, outputs: Array, targets: Array) -> float:
        """The mean over samples."""
        return float(self.each(outputs, targets).mean())

    def of_scaled_output(self, scale: float) -> Loss:
        """The same loss of `scale` times the output, a network of another parametrisation.

        With f = a h_L the output error of the last layer is a times that of f, and nothing else changes: every
        law that holds for any loss holds for this one.

        Parameters
        ----------
        scale
            a, dimensionless, finite and > 0; n_1^(-1/2) for networks in the kernel parametrisation.

        Raises
        ------
        InputError
            The scale is no finite number > 0.
        """
        if isinstance(scale, bool) or not isinstance(scale, int | float | np.number) or not 0 < scale < np.inf:
            raise InputError(f"scale: {scale!r} given, expected a finite number > 0")
        a = float(scale)
        return Loss(
            f"{self.name} of {a:.6g} x output",
            lambda outputs, targets: self.each(a * outputs, targets),
            lambda outputs, targets: a * self.error(a * outputs, targets),
            self.check,
        )


def _squared(outputs: Array, targets: Array) -> Array:
    return np.asarray(0.5 * ((outputs - targets) ** 2).sum(axis=1))


def _squared_error(outputs: Array, targets: Array) -> Array:
    return outputs - targets


def _log_probabilities(outputs: Array) -> Array:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _cross_entropy(outputs: Array, targets: Array) -> Array:
    return np.asarray(-(targets * _log_probabilities(outputs)).sum(axis=1))


def _cross_entropy_error(outputs: Array, targets: Array) -> Array:
    return np.exp(_log_probabilities(outputs)) - targets


def _logistic(outputs: Array, targets: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, -targets * outputs)[:, 0])


def _logistic_error(outputs: Array, targets: Array) -> Array:
    return np.asarray(-targets * 0.5 * (1 - np.tanh(0.5 * targets * outputs)))


def _exponential(outputs: Array, targets: Array) -> Array:
    return np.asarray(np.exp(-targets * outputs)[:, 0])


def _exponential_error(outputs: Array, targets: Array) -> Array:
    return np.asarray(-targets * np.exp(-targets * outputs))


def _any_target(targets: Array) -> None:
    """Every finite target will do."""


def _probabilities(targets: Array) -> None:
    if targets.shape[1] < 2:
        raise InputError("loss: 'softmax' with 1 output given, expected two classes or more (or loss='logistic')")
    wrong = (targets < 0).any(axis=1) | (np.abs(targets.sum(axis=1) - 1) > PROBABILITY_TOLERANCE)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"loss: 'softmax' with the target {np.array2string(targets[row], precision=3, threshold=6)} of sample {row}"
            " given, expected one-hot rows, or probabilities that add up to 1"
        )


def _signs(targets: Array) -> None:
    if targets.shape[1] != 1:
        raise InputError(f"loss: {targets.shape[1]} outputs given, expected one output with labels -1 and +1")
    wrong = np.abs(targets[:, 0]) != 1
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"loss: the label {targets[row, 0]:g} of sample {row} given, expected -1 or +1")


_KNOWN: dict[str, Loss] = {
    each.name: each
    for each in (
        Loss("squared", _squared, _squared_error, _any_target),
        Loss("softmax", _cross_entropy, _cross_entropy_error, _probabilities),
        Loss("logistic", _logistic, _logistic_error, _signs),
        Loss("exponential", _exponential, _exponential_error, _signs),
    )
}


def loss_names() -> tuple[str, ...]:
    """'squared' 1/2|f - y|^2; 'softmax' cross-entropy; 'logistic' and 'exponential' of one output, labels +-1."""
    return tuple(_KNOWN)


def find_loss(loss: Loss | str) -> Loss:
    """The loss that a name stands for; a `Loss` of one's own is passed through.

    Raises
    ------
    InputError
        Unknown name.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in _KNOWN:
        raise InputError(f"loss: no loss is called {loss!r}; {nearest(str(loss).lower(), _KNOWN)}")
    return _KNOWN[loss]
