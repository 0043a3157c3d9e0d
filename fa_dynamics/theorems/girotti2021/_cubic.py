"""The closed forms of two layers, x^3 - k x = 2 b sigma / lambda with x = theta_1, evaluated with forty digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf, workdps

from fa_dynamics.theorems.draw import Draw
from fa_dynamics.theorems.statement import Instance

DIGITS = 40

FOLD = 1e-12
"""Relative distance of k from 3 rho^2 below which floating-point inputs lie on the fold."""


@dataclass(frozen=True, eq=False)
class Cubic:
    """One mode of two layers, mirrored such that b sigma >= 0.

    Attributes
    ----------
    k
        First integral.
    q
        |b sigma| / lambda = rho^3.
    mirror
        Sign of b sigma: X = mirror * theta_1.
    roots
        Zeros of X^3 - k X = 2 q, ascending: X_+, or X_-, X_s, X_+, or -rho, 2 rho on the fold.
    """

    k: Any
    q: Any
    mirror: int
    roots: tuple[Any, ...]

    @property
    def rho(self) -> Any:
        """q^(1/3)."""
        return mp.cbrt(self.q)


def cubic_of(case: Instance) -> Cubic:
    """The cubic on the leaf of a start, its roots by the formulas of Cardano and Viete."""
    with workdps(DIGITS):
        (x, y), (b,) = (map(mpf, map(float, case[name])) for name in ("start", "feedback"))
        k = x * x - 2 * b * y
        signed = b * mpf(case["correlation"]) / mpf(case["curvature"])
        q = abs(signed)
        rho = mp.cbrt(q)
        size = 2 * mp.sqrt(abs(k) / 3)
        if q > 0 and abs(k / (3 * rho**2) - 1) < FOLD:
            roots = [-rho, 2 * rho]
        elif k > 3 * rho**2:
            psi = mp.acos(q / (k / 3) ** mpf(1.5)) / 3
            roots = [size * mp.cos(psi + turn * 2 * mp.pi / 3) for turn in (1, -1, 0)]
        elif k > 0:
            roots = [size * mp.cosh(mp.acosh(q / (k / 3) ** mpf(1.5)) / 3)]
        elif k < 0:
            roots = [size * mp.sinh(mp.asinh(q * (3 / abs(k)) ** mpf(1.5)) / 3)]
        else:
            roots = [mp.cbrt(2) * rho]
        return Cubic(k, q, -1 if signed < 0 else 1, tuple(roots))


def elapsed(cubic: Cubic, curvature: float, start: Any, x: Any) -> Any:
    """The time F(x) - F(start) that the closed form says X takes, in the case that the cubic belongs to."""
    with workdps(DIGITS):
        return _primitive(cubic, mpf(curvature), mpf(x)) - _primitive(cubic, mpf(curvature), mpf(start))


def _primitive(cubic: Cubic, curvature: Any, x: Any) -> Any:
    k, roots = cubic.k, cubic.roots
    if len(roots) == 3:
        below, middle, above = roots
        pairs = ((below, middle, above), (middle, above, below), (above, below, middle))
        return -2 / curvature * sum(mp.log(abs(x - a)) / ((a - b) * (a - c)) for a, b, c in pairs)
    if len(roots) == 2:
        rho = cubic.rho
        return 2 / curvature * (mp.log(abs((x + rho) / (2 * rho - x))) / (9 * rho**2) - 1 / (3 * rho * (x + rho)))
    (rest,) = roots
    omega = mp.sqrt(mpf(0.75) * rest**2 - k)
    quadratic = x * x + rest * x + rest * rest - k
    bracket = -mp.log(abs(x - rest)) + mp.log(quadratic) / 2 + 3 * rest / (2 * omega) * mp.atan((x + rest / 2) / omega)
    return 2 / (curvature * (3 * rest**2 - k)) * bracket


def draw_cubic(draw: Draw, kinds: tuple[str, ...] = ("one", "three", "fold", "zero")) -> tuple[dict[str, Any], Cubic]:
    """A mode of two layers on a leaf below, above or on the fold, near it and far, with theta_1 still zero."""
    kind = draw.choice(kinds)
    away = draw.log_uniform(1e-6, 1e2)
    curvature, correlation, size = (float(value) for value in draw.log_uniforms(3, 0.01, 100.0))
    side = draw.sign() * correlation, draw.sign() * size
    rho = np.cbrt(size * correlation / curvature)
    ratio = {"three": 1 + away, "fold": 1.0, "one": 1 - away, "zero": 0.0}[kind]
    case = {"curvature": curvature, "correlation": side[0], "feedback": np.array([side[1]])}
    return at(case, 0.0, 3 * rho**2 * ratio), cubic_of(at(case, 0.0, 3 * rho**2 * ratio))


def at(case: Instance, x: float, k: float) -> dict[str, Any]:
    """The same mode with theta_1 = x on the leaf k."""
    return dict(case) | {"start": np.array([x, (x * x - k) / (2 * float(case["feedback"][0]))])}
