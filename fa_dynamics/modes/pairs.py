"""Numbers as sums of two floating-point numbers: sums and products with twice the digits.

Beside a ghost the error sigma - lambda p is a small difference of large terms, and its rounding decides how long the
passage takes. Sources: Knuth, The Art of Computer Programming 2, section 4.2.2; Dekker, Numerische Mathematik 18
(1971) 224.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPLIT = 2.0**27 + 1
"""Splits 53 digits into 26 and 27, whose products are exact."""


@dataclass(frozen=True, eq=False)
class Pair:
    """high + low, with `low` at most half a unit in the last place of `high`."""

    high: Array
    low: Array

    __array_ufunc__ = None  # so that arrays leave sums and products with a pair to it

    @classmethod
    def of(cls, numbers: Array) -> Pair:
        """Numbers as they are."""
        return cls(numbers, np.zeros_like(numbers))

    def __add__(self, other: Pair | Array | float) -> Pair:
        """Sum with a pair or with numbers."""
        if isinstance(other, Pair):
            total, rest = _sum(self.high, other.high)
            return _normal(total, rest + (self.low + other.low))
        total, rest = _sum(self.high, other)
        return _normal(total, rest + self.low)

    def __mul__(self, other: Pair | Array | float) -> Pair:
        """Product with a pair or with numbers."""
        if isinstance(other, Pair):
            product, rest = _product(self.high, other.high)
            return _normal(product, rest + (self.high * other.low + self.low * other.high))
        product, rest = _product(self.high, other)
        return _normal(product, rest + self.low * other)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Pair:
        """Turned."""
        return Pair(-self.high, -self.low)

    def __sub__(self, other: Pair | Array | float) -> Pair:
        """Difference to a pair or to numbers."""
        return self + -other

    def __rsub__(self, other: Array | float) -> Pair:
        """Difference of numbers to a pair."""
        return -self + other

    def __pow__(self, power: int) -> Pair:
        """Product of so many of it; for a whole number of at least 1."""
        if not isinstance(power, int) or power < 1:
            return NotImplemented
        return self if power == 1 else self * self ** (power - 1)

    def rounded(self) -> Array:
        """The nearest floating-point numbers."""
        return np.asarray(self.high + self.low)


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _product(a: Any, b: Any) -> tuple[Any, Any]:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a: Any) -> tuple[Any, Any]:
    large = SPLIT * a
    high = large - (large - a)
    return high, a - high


def _normal(high: Any, low: Any) -> Pair:
    total = high + low
    return Pair(total, low - (total - high))
