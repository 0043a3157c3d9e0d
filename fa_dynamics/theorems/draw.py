"""Where the samplers of statements get their numbers: uniform numbers in, everything else made from them.

A generator supplies the numbers of a random draw; an adversary supplies them from a point of the unit cube, which a
global optimiser can move. A sampler cannot tell the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """Random numbers of the kinds that samplers need.

    Attributes
    ----------
    numbers
        ``numbers(n)`` gives the next n numbers, uniform on (0, 1).
    """

    numbers: Callable[[int], Array]

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number between `low` and `high`."""
        return low + (high - low) * float(self.numbers(1)[0])

    def log_uniform(self, low: float, high: float) -> float:
        """A number between `low` > 0 and `high`, its logarithm uniform: decades are equally likely."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return min(low + int(self.uniform() * (high - low + 1)), high)

    def sign(self) -> float:
        """-1.0 or 1.0."""
        return -1.0 if self.uniform() < 0.5 else 1.0

    def flip(self, probability: float = 0.5) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def uniforms(self, shape: int | tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Array:
        """An array of numbers between `low` and `high`."""
        return low + (high - low) * self.numbers(int(np.prod(shape))).reshape(shape)

    def log_uniforms(self, shape: int | tuple[int, ...], low: float, high: float) -> Array:
        """An array of numbers, decades equally likely."""
        return np.asarray(np.exp(self.uniforms(shape, math.log(low), math.log(high))))

    def signs(self, shape: int | tuple[int, ...]) -> Array:
        """An array of -1.0 and 1.0."""
        return np.where(self.uniforms(shape) < 0.5, -1.0, 1.0)

    def normals(self, shape: int | tuple[int, ...], scale: float = 1.0) -> Array:
        """Independent normal numbers of standard deviation `scale`."""
        from scipy.special import ndtri

        return scale * np.asarray(ndtri(self.numbers(int(np.prod(shape))))).reshape(shape)

    def orthogonal(self, size: int, columns: int | None = None) -> Array:
        """`columns` (default: all) orthonormal columns of a uniformly distributed orthogonal matrix."""
        q, r = np.linalg.qr(self.normals((size, size if columns is None else columns)))
        return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))

    def seed(self) -> int:
        """A seed for code that draws for itself."""
        return self.integer(0, 2**31 - 1)


def from_generator(rng: np.random.Generator) -> Draw:
    """Numbers of a generator; 0, of which a normal number would be infinite, is left out."""
    return Draw(lambda count: np.maximum(rng.random(count), np.finfo(float).tiny))


def from_point(point: Any, rng: np.random.Generator) -> Draw:
    """Numbers of a point of the unit cube, then, when it is used up, those of a generator."""
    place = np.clip(np.asarray(point, dtype=float), 1e-12, 1 - 1e-12)
    used = 0

    def numbers(count: int) -> Array:
        nonlocal used
        own = place[used : used + count]
        used += count
        return np.concatenate([own, np.maximum(rng.random(count - len(own)), np.finfo(float).tiny)])

    return Draw(numbers)
