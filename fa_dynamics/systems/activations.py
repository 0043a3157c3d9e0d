"""Activations of hidden units: value, slope, and the degree of homogeneity that decides which laws hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError, nearest

Array = NDArray[np.float64]

LEAK = 0.1
"""Slope of 'leaky-relu' on the negative side if nobody names one."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function phi of the fields z of a layer.

    Attributes
    ----------
    name
        Short name, as it can be asked for.
    value, slope
        phi(z) and phi'(z) of an array. At a kink any slope between the two sides will do.
    degree
        nu with z phi'(z) = nu phi(z) for all z: phi(c z) = c^nu phi(z) for c > 0. None if there is no such number.
    kinked
        Whether the slope jumps somewhere; velocities of a flow then jump where a field passes zero.

    Notes
    -----
    Source: `notation.md` section 2; robertson2024.neuron-law.
    """

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    degree: float | None
    kinked: bool = False

    @property
    def order(self) -> float:
        """The number nu that laws are written with: the degree, and 1 where there is none."""
        return 1.0 if self.degree is None else self.degree

    def defect(self, z: Array) -> Array:
        """z phi'(z) - nu phi(z), zero for a homogeneous activation. Source: robertson2024.pointwise-identity."""
        if self.degree is not None:
            return np.zeros_like(z)
        return z * self.slope(z) - self.value(z)


def _identity(z: Array) -> Array:
    return z


def _leaky(z: Array, leak: float) -> Array:
    return np.where(z > 0, z, leak * z)


def _leaky_slope(z: Array, leak: float) -> Array:
    return np.where(z > 0, 1.0, leak)


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _step(z: Array) -> Array:
    return (z > 0).astype(np.float64)


def _squared_relu(z: Array) -> Array:
    return np.maximum(z, 0.0) ** 2


def _squared_relu_slope(z: Array) -> Array:
    return 2 * np.maximum(z, 0.0)


def _tanh_slope(z: Array) -> Array:
    return np.asarray(1 - np.tanh(z) ** 2)


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def _sigmoid_slope(z: Array) -> Array:
    return np.asarray(0.25 * (1 - np.tanh(0.5 * z) ** 2))


def _normal(z: Array) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


def _gelu(z: Array) -> Array:
    return z * _normal(z)


def _gelu_slope(z: Array) -> Array:
    return np.asarray(_normal(z) + z * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def leaky_relu(leak: float = LEAK) -> Activation:
    """max(z, 0) + leak * min(z, 0), of degree 1.

    Raises
    ------
    InputError
        The leak is no finite number.
    """
    if isinstance(leak, bool) or not isinstance(leak, int | float | np.number) or not np.isfinite(leak):
        raise InputError(f"activation: leaky-relu with slope {leak!r} given, expected a finite number")
    slope = float(leak)
    return Activation(f"leaky-relu:{slope:g}", partial(_leaky, leak=slope), partial(_leaky_slope, leak=slope), 1, True)


_KNOWN: dict[str, Activation] = {
    each.name: each
    for each in (
        Activation("linear", _identity, np.ones_like, 1),
        Activation("relu", _relu, _step, 1, True),
        Activation("squared-relu", _squared_relu, _squared_relu_slope, 2),
        Activation("tanh", np.tanh, _tanh_slope, None),
        Activation("sigmoid", _sigmoid, _sigmoid_slope, None),
        Activation("gelu", _gelu, _gelu_slope, None),
    )
}


def activation_names() -> tuple[str, ...]:
    """Short names; 'leaky-relu' takes its slope behind a colon, as in 'leaky-relu:0.2'."""
    return (*_KNOWN, "leaky-relu")


def find_activation(activation: Activation | str) -> Activation:
    """The activation that a name stands for; an `Activation` of one's own is passed through.

    Raises
    ------
    InputError
        Unknown name, or no number behind the colon of a leaky rectifier.
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str):
        raise InputError(f"activation: {activation!r} given, expected an Activation or one of {_listed()}")
    name, colon, number = activation.strip().partition(":")
    if name == "leaky-relu":
        try:
            return leaky_relu(float(number)) if colon else leaky_relu()
        except ValueError as problem:
            raise InputError(
                f"activation: {activation!r} given, expected a finite slope, as in 'leaky-relu:0.2'"
            ) from problem
    if name not in _KNOWN or colon:
        close = nearest(name.lower(), activation_names())
        raise InputError(f"activation: no activation is called {activation!r}; {close}")
    return _KNOWN[name]


def _listed() -> str:
    return ", ".join(activation_names())
