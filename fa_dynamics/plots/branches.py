"""Branches of equilibria over a conserved constant: stretches without folds, and the folds between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.equilibria import Equilibria, equilibria
from fa_dynamics.modes.folds import critical_strengths, fold_branches
from fa_dynamics.modes.leaf import leaf_start

Array = NDArray[np.float64]

GRID = 201
"""Values of k at which equilibria are counted first. Folds are found where the count changes from one to the next."""

FINE = 4001
"""Values of k at which the functions that are zero on folds are looked at, in search of folds that lie close together.
"""

NODES = 121
"""Values of k on every stretch between folds, denser towards its ends, where branches turn like square roots."""

CLOSE = 1e-12
"""Precision of a fold, relative to the range of k."""

ZERO = 1e-9
"""Folds closer to k = 0 than this part of the range are at 0."""

ROUNDS = 4
"""Repetitions with the points at which a count did not fit its stretch."""


class Branch(NamedTuple):
    """One equilibrium along a stretch of k without folds; both arrays are (nodes,)."""

    k: Array
    first_weight: Array
    stable: bool


class Fold(NamedTuple):
    """Where two branches meet; `opens` is +1 if they exist at larger k, -1 if at smaller."""

    k: float
    first_weight: float
    opens: int


@dataclass(frozen=True, eq=False)
class Family:
    """One mode on all leaves that differ in one constant from those of the start.

    Attributes
    ----------
    found
        Equilibria of the starts.
    mode
        Its column there.
    row
        The constant that is varied, counted from 0.
    constants, feedback
        k_1..k_{L-1} of the start, and b_2..b_L, both (L-1,).
    """

    found: Equilibria
    mode: int
    row: int
    constants: Array
    feedback: Array

    def starts(self, k: Array) -> Array:
        """A point on every leaf, (L, len(k))."""
        constants = np.repeat(self.constants[:, None], len(k), axis=1)
        constants[self.row] = k
        return leaf_start(constants, self.feedback)

    def at(self, k: Array) -> Equilibria:
        """One mode per value of k."""
        sigma, curvature = self.found.correlation[self.mode], self.found.curvature[self.mode]
        return equilibria(np.full(len(k), sigma), curvature, self.found.depth, self.starts(k), self.feedback)

    def grid(self, low: float, high: float) -> Array:
        """Values of k to count equilibria at: equally spaced ones, and one between any two folds that are known.

        Folds are zeros of `fold_branches`, one function per pair of critical values of p, so that two that lie close
        together are as a rule simple zeros of different functions.
        """
        k = np.linspace(low, high, FINE)
        factors = np.repeat(self.found.factors[:, [self.mode]], FINE, axis=1)
        squares = critical_strengths(self.starts(k), factors)
        zeros = [np.empty(0)]
        for value in fold_branches(squares, float(self.found.target[self.mode])):
            at = np.flatnonzero(value[1:] * value[:-1] < 0)
            zeros.append(k[at] + (k[at + 1] - k[at]) * value[at] / (value[at] - value[at + 1]))
        folds = np.sort(np.concatenate(zeros))
        return np.unique(np.concatenate([np.linspace(low, high, GRID), 0.5 * (folds[1:] + folds[:-1])]))

    def branches(self, low: float, high: float) -> tuple[list[Branch], list[Fold]]:
        """All branches and folds for k between two values."""
        grid = self.grid(low, high)
        for _ in range(ROUNDS):
            nodes = [_nodes(*stretch) for stretch in self._stretches(grid)]
            solved = self.at(np.concatenate(nodes))
            parts = [np.arange(begin, end) for begin, end in pairwise(np.cumsum([0, *map(len, nodes)]).tolist())]
            usual = [int(np.median(solved.count[part])) for part in parts]
            odd = [k[solved.count[part] != count] for k, part, count in zip(nodes, parts, usual, strict=True)]
            if not any(map(len, odd)):
                break
            grid = np.unique(np.concatenate([grid, *odd]))
        found: list[list[Branch]] = []
        for k, part, count in zip(nodes, parts, usual, strict=True):
            own = part[solved.count[part] == count]
            stable = (solved.stability[:count, own] == "stable").mean(axis=1) > 0.5
            x = solved.weights[0][:count, own]
            found.append([Branch(k[own - part[0]], x[i], bool(stable[i])) for i in range(count)])
        return [branch for several in found for branch in several], _folds(found, ZERO * (high - low))

    def _stretches(self, grid: Array) -> list[tuple[float, float]]:
        """Intervals of k without a change of the number of equilibria between values of the grid."""
        counts = self.at(grid).count
        precision = CLOSE * (grid[-1] - grid[0])
        changes: list[tuple[float, float]] = []
        at = np.flatnonzero(counts[1:] != counts[:-1])
        low, before, last, last_count = grid[at], counts[at], grid[at + 1], counts[at + 1]
        while len(low):
            high, after = last, last_count
            while (high - low > precision).any():
                middle = 0.5 * (low + high)
                count = self.at(middle).count
                same = count == before
                low, high = np.where(same, middle, low), np.where(same, high, middle)
                after = np.where(same, after, count)
            changes += zip(low.tolist(), high.tolist(), strict=True)
            more = (after != last_count) & (last - high > 4 * precision)
            low, before, last, last_count = high[more], after[more], last[more], last_count[more]
        edges = [float(grid[0]), *(edge for change in sorted(changes) for edge in change), float(grid[-1])]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(low, high) for low, high in pairs if high - low > 4 * precision]


def _nodes(low: float, high: float) -> Array:
    """Chebyshev points with both ends."""
    nodes = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.linspace(0, np.pi, NODES))
    nodes[0], nodes[-1] = low, high
    return nodes


def _folds(stretches: list[list[Branch]], zero: float) -> list[Fold]:
    """Pairs of branches that are born or die between neighbouring stretches; there are always some branches."""
    found = []
    for left, right in pairwise(stretches):
        opens = 1 if len(right) > len(left) else -1
        more = [branch.first_weight[0 if opens > 0 else -1] for branch in (right if opens > 0 else left)]
        k = 0.5 * float(left[0].k[-1] + right[0].k[0])
        gaps = np.abs(np.diff(more))
        for _ in range(abs(len(right) - len(left)) // 2):
            i = int(np.argmin(gaps))
            found.append(Fold(k if abs(k) > zero else 0.0, 0.5 * float(more[i] + more[i + 1]), opens))
            gaps[max(i - 1, 0) : i + 2] = np.inf
    return found
