"""Closed forms of special modes: a second opinion on `solve_modes`, and something to put on a blackboard."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.modes.integrate import layer_table

Array = NDArray[np.float64]


def two_layer_backpropagation(
    correlation: ArrayLike, curvature: ArrayLike, start: ArrayLike, t: ArrayLike
) -> NDArray[np.float64]:
    """p(t) of two layers under backpropagation, from any start.

    With zeta = theta_2^2 - theta_1^2 (conserved) and q = p + sqrt(p^2 + zeta^2 / 4), dq/dt = 2 sigma q - lambda (q^2 -
    zeta^2 / 4) is a Riccati equation, and p = (q - zeta^2 / (4 q)) / 2. For zeta = 0 (balanced weights) it is the
    sigmoid of Saxe, McClelland and Ganguli (2014), otherwise the lambda-balanced solution of Domine et al. (2024), in a
    form without differences.

    Parameters
    ----------
    correlation, curvature
        sigma and lambda > 0, broadcast to (modes,).
    start
        theta_1, theta_2, broadcast to (2, modes).
    t
        Times, (time,), 1 / curvature.

    Returns
    -------
    ndarray
        (time, modes).

    Raises
    ------
    InputError
        Shapes that do not broadcast, values that are not finite, curvature <= 0.

    Notes
    -----
    Source: `classical.md` 1 and 4.
    """
    sigma, lam = _spectrum(correlation, curvature)
    theta = layer_table(start, 2, len(sigma), "start")
    times = np.atleast_1d(np.asarray(t, dtype=float))[:, None]
    mirror = np.where(sigma < 0, -1.0, 1.0)  # p and sigma change sign together
    p, s = mirror * theta[0] * theta[1], np.abs(sigma) / lam
    quarter = ((theta[1] - theta[0]) * (theta[1] + theta[0]) / 2) ** 2
    root = np.sqrt(p * p + quarter)
    q = np.where(p >= 0, p + root, quarter / np.where(p < 0, root - p, 1.0))
    half = np.sqrt(s * s + quarter)
    upper = s + half
    lower = quarter / np.where(upper > 0, upper, 1.0)
    decayed, grown = np.exp(-2 * lam * half * times), -np.expm1(-2 * lam * half * times)
    numerator, denominator = q * (upper + lower * decayed) + quarter * grown, q * grown + lower + upper * decayed
    # All terms are positive. Where both vanish there is neither target nor imbalance: p' = -2 lambda p^2.
    bare = upper == 0
    moved = np.where(bare, q / (1 + lam * q * times), numerator / np.where(bare, 1.0, denominator))
    strength = (moved - np.where(moved > 0, quarter / np.where(moved > 0, moved, 1.0), 0.0)) / 2
    # Balanced weights of the wrong sign have q = 0: they stay balanced, and fall into the saddle.
    falling = (q == 0) & (p < 0)
    fallen = s * p * decayed / np.where(falling, s - p * grown, 1.0)
    return np.asarray(mirror * np.where(falling, np.where(s > 0, fallen, p / (1 - 2 * lam * p * times)), strength))


def balanced_time(strength: ArrayLike, begin: float, correlation: float, curvature: float, depth: int) -> Array:
    """Time at which balanced weights under backpropagation reach a strength.

    dp/dt = L p^(2 - 2/L) (sigma - lambda p), so that t = (G(p) - G(p_0)) / (L lambda) with m = 2/L - 1 and G(p) = p^m /
    (s m) 2F1(1, m; m + 1; p / s) for L >= 3; for L = 2, G(p) = ln(p / (s - p)) / s.

    Parameters
    ----------
    strength, begin
        p and p_0, both in (0, s).
    correlation, curvature
        sigma and lambda > 0.
    depth
        L >= 2.

    Raises
    ------
    InputError
        Values outside these ranges.

    Notes
    -----
    Source: `classical.md` 3.
    """
    from scipy.special import hyp2f1

    s = correlation / curvature
    p = np.asarray(strength, dtype=float)
    for name, values in (("strength", p), ("begin", np.asarray(begin))):
        if not np.all((values > 0) & (values < s)):
            raise InputError(f"{name}: {values} given, expected numbers between 0 and s = {s:g}")
    if depth < 2:
        raise InputError(f"depth: {depth!r} given, expected 2 or more")
    if depth == 2:
        return np.asarray(np.log(p * (s - begin) / (begin * (s - p))) / (2 * correlation))
    m = 2 / depth - 1

    def primitive(x: Array | float) -> Array:
        return np.asarray(np.power(x, m) / (s * m) * hyp2f1(1.0, m, m + 1, np.asarray(x) / s))

    return np.asarray((primitive(p) - primitive(begin)) / (depth * curvature))


def zero_start_time(
    fraction: ArrayLike, correlation: ArrayLike, curvature: ArrayLike = 1.0, depth: int = 2, feedback: ArrayLike = 1.0
) -> NDArray[np.float64]:
    """Time at which feedback alignment from zero has learned a fraction of its target.

    With n = 2^L - 1, K = prod_{j=1}^{L-1} (2 b_{j+1})^(-(2^(L-j) - 1)), c_1 = b_2 .. b_L and x* = (sigma / (lambda
    K))^(1/n): T = x* / (c_1 sigma) H_n(f^(1/n)), H_n(z) = z 2F1(1, 1/n; 1 + 1/n; z^n).

    Parameters
    ----------
    fraction
        f = p / s in (0, 1), broadcast with the modes.
    correlation, curvature
        sigma != 0 and lambda > 0, (modes,).
    depth
        L >= 1.
    feedback
        b_2..b_L, nonzero, broadcast to (L - 1, modes).

    Returns
    -------
    ndarray
        (modes,), 1 / curvature.

    Raises
    ------
    InputError
        Values outside these ranges.

    Notes
    -----
    Source: girotti2021.zero-start-law.
    """
    from scipy.special import hyp2f1

    sigma, lam = _spectrum(correlation, curvature)
    b = layer_table(feedback, depth - 1, len(sigma), "feedback")
    part = np.asarray(fraction, dtype=float)
    if not np.all((part > 0) & (part < 1)):
        raise InputError(f"fraction: {part} given, expected numbers between 0 and 1")
    if (b == 0).any() or (sigma == 0).any():
        raise InputError("feedback: zero feedback or correlation never leaves the start; expected nonzero numbers")
    n = 2**depth - 1
    exponents = 2.0 ** np.arange(depth - 1, 0, -1) - 1
    # x* and c_1 sigma have the same sign, so that sizes will do.
    logs = np.log(np.abs(sigma) / lam) + (exponents[:, None] * np.log(2 * np.abs(b))).sum(axis=0)
    rest = np.exp(logs / n)
    return np.asarray(
        rest / (np.abs(sigma) * np.abs(b).prod(axis=0)) * part ** (1 / n) * hyp2f1(1.0, 1 / n, 1 + 1 / n, part)
    )


def _spectrum(correlation: ArrayLike, curvature: ArrayLike) -> tuple[Array, Array]:
    count = max(np.size(correlation), np.size(curvature))
    sigma = layer_table(correlation, count, 1, "correlation")[:, 0]
    lam = layer_table(curvature, count, 1, "curvature")[:, 0]
    if (lam <= 0).any():
        raise InputError(f"curvature: {lam.min():g} given, expected numbers > 0")
    return sigma, lam
