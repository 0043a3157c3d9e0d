"""Initial weights and feedback matrices, by name.

The same families serve both: a weight W_l is n_l x n_{l-1}, feedback B_l is n_{l-1} x n_l, and each object only needs
to know the shape of a matrix and the bases of the layers at its two ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError, nearest

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Slot:
    """A matrix to be drawn: it maps layer `source` to layer `target`.

    Attributes
    ----------
    name
        'W_1', 'B_2', ...
    target, source
        Layers 0..L whose units are its rows and its columns.
    shape
        (n_target, n_source).
    """

    name: str
    target: int
    source: int
    shape: tuple[int, int]


class Bases:
    """Orthonormal mode bases U_0..U_L of every layer, U_l of shape (n_l, modes).

    U_0 and U_L are the task's singular bases; hidden modes are single units. (A hidden layer narrower than the number
    of modes carries the first n_l of them.) Any other choice of hidden bases is an orthogonal change of basis, under
    which equivariant rules give the same curves.

    Parameters
    ----------
    layers
        U_0..U_L, or a function that finds them: most starts do not ask.
    """

    def __init__(self, layers: tuple[Matrix, ...] | Callable[[], tuple[Matrix, ...]]) -> None:
        self._given = layers

    @cached_property
    def layers(self) -> tuple[Matrix, ...]:
        """U_0..U_L."""
        return self._given() if callable(self._given) else self._given


class Start(ABC):
    """A family of matrices to start from (or to feed back)."""

    @abstractmethod
    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """One matrix per slot."""


@dataclass(frozen=True)
class Zero(Start):
    """All entries exactly zero."""

    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """Zeros."""
        return [np.zeros(slot.shape) for slot in slots]


@dataclass(frozen=True)
class Gaussian(Start):
    """Independent normal entries of standard deviation scale / sqrt(fan-in), fan-in = number of columns.

    For feedback B_l with scale 1 that is a variance of 1/n_l.

    Parameters
    ----------
    scale
        Dimensionless, >= 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_scale(self.scale)

    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """Normal entries."""
        return [rng.standard_normal(slot.shape) * (self.scale / np.sqrt(slot.shape[1])) for slot in slots]


@dataclass(frozen=True)
class Orthogonal(Start):
    """Scale times a uniformly random (semi-)orthogonal matrix: all singular values equal `scale`.

    Parameters
    ----------
    scale
        Dimensionless, >= 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_scale(self.scale)

    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """Haar-distributed orthonormal rows or columns."""
        return [self.scale * _semi_orthogonal(slot.shape, rng) for slot in slots]


@dataclass(frozen=True)
class Balanced(Start):
    """A balanced start W_l = U_l S^(1/L) U_{l-1}^T: W_{l+1}^T W_{l+1} = W_l W_l^T at all widths.

    Parameters
    ----------
    strength
        Singular values of the end-to-end map, one for all, dimensionless, >= 0.
    aligned
        True: U_0 and U_L are the task's bases, so that every mode starts at p = strength. False: all bases random.
    """

    strength: float = 1e-3
    aligned: bool = True

    def __post_init__(self) -> None:
        _check_scale(self.strength, "strength")

    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """Singular values strength^(1/L) in bases that neighbouring layers share."""
        # Only modes that fit through the narrowest layer: others could not be balanced on both of its sides.
        rank = min(min(basis.shape) for basis in bases.layers)
        layers = [basis[:, :rank] for basis in bases.layers]
        if not self.aligned:
            layers = [_semi_orthogonal((basis.shape[0], rank), rng) for basis in layers]
        root = self.strength ** (1 / len(slots))
        return [root * layers[slot.target] @ layers[slot.source].T for slot in slots]


@dataclass(frozen=True)
class Spectral(Start):
    """Matrices that are diagonal in the task's bases: W_l = U_l diag(theta_l) U_{l-1}^T, B_l = U_{l-1} diag(b_l) U_l^T.

    Parameters
    ----------
    values
        One number for all, one per matrix (theta_1..theta_L, or b_2..b_L), or one per matrix and mode; dimensionless.
    """

    values: ArrayLike = field(default=0.0)

    def __post_init__(self) -> None:
        try:
            values = np.asarray(self.values, dtype=float)
        except (TypeError, ValueError) as problem:
            raise InputError(f"values: {self.values!r} given, expected numbers") from problem
        if values.ndim > 2 or not np.isfinite(values).all():
            raise InputError(
                f"values: shape {values.shape} given, expected finite numbers of shape (), (matrices,) "
                "or (matrices, modes)"
            )

    def draw(self, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator) -> list[Matrix]:
        """Diagonal in the bases of the layers at both ends."""
        modes = bases.layers[0].shape[1]
        values = np.asarray(self.values, dtype=float)
        columns = values[:, None] if values.ndim == 1 else values
        try:
            table = np.broadcast_to(columns, (len(slots), modes))
        except ValueError as problem:
            raise InputError(
                f"values: shape {values.shape} given, expected (), ({len(slots)},) for {slots[0].name}.."
                f"{slots[-1].name}, or ({len(slots)}, {modes}) with one per mode"
            ) from problem
        return [
            (bases.layers[slot.target] * row) @ bases.layers[slot.source].T
            for slot, row in zip(slots, table, strict=True)
        ]

    def __repr__(self) -> str:
        values = np.asarray(self.values)
        return f"Spectral({values.tolist() if values.size <= 8 else f'values of shape {values.shape}'})"


StartLike = Start | str | Sequence[ArrayLike]
"""A start object, its text form such as 'gaussian:0.01', or the arrays themselves."""

_FAMILIES: dict[str, Callable[..., Start]] = {
    "zero": Zero,
    "gaussian": Gaussian,
    "orthogonal": Orthogonal,
    "balanced": Balanced,
    "balanced-random": lambda strength=1e-3: Balanced(strength, aligned=False),
    "spectral": lambda *values: Spectral(values[0] if len(values) == 1 else values),
}


def parse(text: str, argument: str = "start") -> Start:
    """A start from its text form: a family, and its numbers behind a colon.

    Examples
    --------
    >>> parse("gaussian:0.01")
    Gaussian(scale=0.01)
    >>> parse("spectral:-4,0")
    Spectral([-4.0, 0.0])

    Raises
    ------
    InputError
        Unknown family, or something else than numbers behind the colon.
    """
    family, _, numbers = text.partition(":")
    if family not in _FAMILIES:
        raise InputError(f"{argument}: no family is called {family!r}; {nearest(family, _FAMILIES)}")
    try:
        values = [float(number) for number in numbers.split(",")] if numbers.strip() else []
        if family == "spectral" and not values:
            raise InputError(f"{argument}: 'spectral' given, expected its numbers too, as in 'spectral:1'")
        return _FAMILIES[family](*values)
    except InputError as problem:
        prefix = "" if str(problem).startswith(argument) else f"{argument}: {text!r}: "
        raise InputError(f"{prefix}{problem}") from problem
    except (TypeError, ValueError) as problem:
        raise InputError(
            f"{argument}: {text!r} given, expected {family} with its numbers, as in 'gaussian:0.01'"
        ) from (problem)


def resolve(
    given: StartLike, slots: Sequence[Slot], bases: Bases, rng: np.random.Generator, argument: str
) -> list[Matrix]:
    """The matrices that an argument stands for: drawn, or the given arrays, checked.

    Raises
    ------
    InputError
        Wrong number of arrays, a wrong shape (which matrix, given and expected), or an entry that is not finite.
    """
    if isinstance(given, str):
        given = parse(given, argument)
    if isinstance(given, Start):
        try:
            return given.draw(slots, bases, rng) if slots else []
        except InputError as problem:
            raise InputError(f"{argument}: {problem}") from problem
    if not isinstance(given, Sequence | np.ndarray) or (isinstance(given, np.ndarray) and given.ndim == 0):
        raise InputError(f"{argument}: {given!r} given, expected a start object, its name, or a list of matrices")
    names = ", ".join(slot.name for slot in slots) or "none"
    if len(given) != len(slots):
        raise InputError(f"{argument}: {len(given)} matrices given, expected {len(slots)} ({names})")
    return [_checked(matrix, slot, argument) for matrix, slot in zip(given, slots, strict=True)]


def _checked(given: Any, slot: Slot, argument: str) -> Matrix:
    try:
        matrix = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {slot.name} is no matrix of numbers") from problem
    if matrix.shape != slot.shape:
        raise InputError(
            f"{argument}: {slot.name} has shape {matrix.shape}, expected {slot.shape} "
            f"(n_{slot.target}, n_{slot.source})"
        )
    if not np.isfinite(matrix).all():
        raise InputError(f"{argument}: {slot.name} has entries that are not finite")
    return matrix


def _check_scale(value: float, name: str = "scale") -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{name}: {value!r} given, expected a number")
    if not (np.isfinite(value) and value >= 0):
        raise InputError(f"{name}: {value!r} given, expected a finite number >= 0")


def _semi_orthogonal(shape: tuple[int, int], rng: np.random.Generator) -> Matrix:
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform
    return q if rows >= columns else q.T
