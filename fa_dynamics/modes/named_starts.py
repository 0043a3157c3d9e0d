"""Nine starts of feedback alignment that have names, and what the notes recorded of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPECTRUM = (4.0, 2.0, 1.0, 0.5, 0.25)

LEVEL, EPSILON = 0.99, 1e-9
"""Of the recorded learning times, and of the start of row G."""

COMMON = 6.0
"""The first integral k = theta_1^2 - 2 theta_2 that all modes of row G share."""

# Row D' stands on the fold, a = sqrt(3) * 4^(1/3), where the strongest mode creeps towards the double root from below.
# In floating point nobody can tell on which side of the fold that is; `solve_modes` takes it to be on it.
FOLD = -float(np.sqrt(3) * np.cbrt(4))


@dataclass(frozen=True)
class Row:
    """A start, and what the notes recorded for it.

    Attributes
    ----------
    name, title
        The letter of the table, and the start in words.
    start
        theta_1..theta_L, one number or one per mode each.
    times
        Recorded learning times at level 0.99, one per sigma, as they were written down.
    verdict
        Recorded order of learning.
    statement
        Which the row bears out.
    sigma
        Correlations; curvature and feedback are 1.
    """

    name: str
    title: str
    start: tuple[float | tuple[float, ...], ...]
    times: tuple[str, ...]
    verdict: str
    statement: str
    sigma: tuple[float, ...] = SPECTRUM

    @property
    def table(self) -> Array:
        """theta_l(0), (L, modes)."""
        return np.array([np.broadcast_to(theta, len(self.sigma)) for theta in self.start], dtype=float)


def rows(epsilon: float = EPSILON) -> dict[str, Row]:
    """The table of the notes, by letter; row G at its own distance from the repelling state."""
    early, late = "girotti2021.regularisation", "girotti2021.anti-regularisation"
    slow, convex = "girotti2021.slow-passage", "girotti2021.order-convexity"
    first, last, weaker = "principal-first", "negligible-first", SPECTRUM[1:]
    table = (
        Row("A", "zero", (0.0, 0.0), ("1.192", "1.893", "3.004", "4.769", "7.570"), first, early),
        Row("B", "(0, 5)", (0.0, 5.0), (".825", ".893", ".914", ".919", ".921"), first, early),
        Row("C", "(0, -5)", (0.0, -5.0), (".789", "1.015", "1.244", "1.469", "1.689"), first, early),
        Row("D", "(-4, 0)", (-4.0, 0.0), (".342", ".312", ".299", ".293", ".291"), last, late),
        Row("E", "(4, 0)", (4.0, 0.0), (".253", ".269", ".278", ".283", ".285"), first, early),
        Row("D'", "on the fold", (FOLD, 0.0), ("2.744", ".823", ".692", ".647", ".627"), last, slow),
        Row("F", "(-2.726, 0)", (-2.726, 0.0), ("6.726", ".846", ".707", ".659", ".639"), last, slow),
        Row(
            "G", "near repelling", repelling(weaker, epsilon), ("10.45", "8.58", "8.43", "8.51"), "mixed", slow, weaker
        ),
        Row("H", "(-2, 0, 2)", (-2.0, 0.0, 2.0), ("1.001", ".734", ".658", ".618", ".597"), last, convex),
    )
    return {row.name: row for row in table}


def repelling(sigma: Sequence[float], epsilon: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """theta_1 = x_s + epsilon next to the repelling zero-loss state of every mode, and theta_2 from the common k.

    x_s is the middle root of x^3 - k x = 2 sigma. Source: girotti2021.fixed-points.
    """
    folded = (COMMON / 3) ** 1.5
    angle = np.arccos(np.asarray(sigma) / folded) / 3 - 2 * np.pi / 3
    x = 2 * np.sqrt(COMMON / 3) * np.cos(angle) + epsilon
    return tuple(x.tolist()), tuple(((x**2 - COMMON) / 2).tolist())
