"""Time on the way to a rest where the speed is a cubic of the distance left, as with two layers: by partial fractions.

With s from 1 to 0 the part of the distance that is left, u = -log s, the speed relative to the distance is r q(s),
q = 1 + a s + b s^2, and

    r t = int_s^1 ds' / (s' q) = u - log(q(1) / q(s)) / 2 - a J / 2,    J = int_s^1 ds' / q.

In terms of d = 1 - s, J is (2 / k) arctan(k d / n) or (2 / k) artanh(k d / n), with k^2 = |a^2 - 4 b| and
n = 2 + a (1 + s) + 2 b s: neither roots nor differences of logarithms, so that no digits are lost at the start, nor
where roots meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.modes.roots import refine

Array = NDArray[np.float64]
Index = NDArray[np.int_]

KNOTS: Array = (1 - np.cos(np.pi * np.arange(7) / 6)) / 2
"""Parts of the way between which the inverse is interpolated for a first guess."""

SECOND, THIRD, STEP = 1e-4, 1e-9, 1e-3
"""Size of the corrections of second and third order to a step, relative to it, and its own, up to which the next is
below round-off."""

NEARLY_ALL = 0.8
"""Part of the points that have to be near, for the others to be stepped one by one, which costs four times as much."""

MORE = 3
"""Further steps, before what has bad guesses is bracketed."""

POINTS, LARGEST = 8192, 1024
"""Times and modes that are inverted together, and modes at most: what is computed for them stays in the second-level
cache."""

TINY = 1e-100
"""In the place of k = 0, where both functions are their arguments."""


@dataclass(frozen=True, eq=False)
class CubicTime:
    """Many modes on their way.

    Attributes
    ----------
    rate
        r, (modes,).
    linear, square
        a and b, (modes,); q > 0 on the way.
    end
        u where the way ends, (modes,).
    turns
        Whether q has no real zeros, and J is an arctangent; the same for all modes.
    """

    rate: Array
    linear: Array
    square: Array
    end: Array
    turns: bool

    def of(self, some: Index | slice) -> CubicTime:
        """Some of the modes."""
        return CubicTime(self.rate[some], self.linear[some], self.square[some], self.end[some], self.turns)

    def lasted(self, u: Array) -> Array:
        """Time times rate up to u, (..., modes)."""
        walked = -np.expm1(-u)
        return self._lasted(u, walked, 1 - walked)[0]

    def _lasted(self, u: Array, walked: Array, left: Array) -> tuple[Array, Array]:
        """Time times rate, and q."""
        a, b = self.linear, self.square
        outer = b * left
        outer += a
        q = left * outer
        q += 1
        outer += b
        outer *= walked
        outer /= q
        time = np.log1p(outer, out=outer)
        root = np.maximum(np.sqrt(np.abs(a * a - 4 * b)), TINY)
        n = (a + 2 * b) * left
        n += 2 + a
        k = root * walked
        integral = np.arctan2(k, n, out=k) if self.turns else np.arctanh(np.divide(k, n, out=k), out=k)
        integral *= 2 * a / root
        time += integral
        time *= -0.5
        time += u
        return time, q

    def positions(self, t: Array) -> tuple[Index, Index, Array]:
        """Where the modes are at increasing times, as long as they are on their way.

        Returns
        -------
        mode, time, u
            Modes, indices into `t`, and positions, (n,) each.
        """
        ends = self.lasted(self.end) / self.rate
        order = np.argsort(ends)
        counts = np.searchsorted(t, ends[order])
        modes, times, positions, near = [], [], [], []
        first = int(np.searchsorted(counts, 1))
        while first < len(order):
            sizes = counts[first : first + LARGEST]
            fitting = np.searchsorted(sizes * np.arange(1, len(sizes) + 1), POINTS, side="right")
            block = slice(first, first + max(1, int(fitting)))
            some, early = order[block], t[: counts[block][-1], None]
            u, sure = self.of(some)._near(early * self.rate[some])
            inside = early < ends[some]
            modes.append(np.broadcast_to(some, inside.shape)[inside])
            times.append(np.repeat(np.arange(len(inside)), np.count_nonzero(inside, axis=1)))
            positions.append(u[inside])
            near.append(sure[inside])
            first = block.stop
        if not modes:
            return order[:0], order[:0], ends[:0]
        mode, time, u = np.concatenate(modes), np.concatenate(times), np.concatenate(positions)
        far = np.flatnonzero(~np.concatenate(near))
        for _ in range(MORE):
            own = mode[far]
            u[far], sure = self.of(own)._stepped(u[far], t[time[far]] * self.rate[own])
            far = far[~sure]
        own = mode[far]
        u[far] = self.of(own)._refined(t[time[far]] * self.rate[own])
        return mode, time, u

    def _near(self, goal: Array) -> tuple[Array, NDArray[np.bool_]]:
        """u when time times rate is `goal` (times, modes), or at the end, and whether it is at round-off."""
        knots = KNOTS[:, None] * self.end
        passed = self.lasted(knots)
        goal = np.minimum(goal, passed[-1], out=goal)
        u, near = self._stepped(_interpolated(passed, knots, goal), goal)
        return self._stepped(u, goal) if np.count_nonzero(near) < NEARLY_ALL * near.size else (u, near)

    def _stepped(self, u: Array, goal: Array) -> tuple[Array, NDArray[np.bool_]]:
        """A step of fourth order from u, and whether the next would be below round-off."""
        a, b = self.linear, self.square
        walked = -np.expm1(-u)
        left = 1 - walked
        time, q = self._lasted(u, walked, left)
        ahead = np.subtract(goal, time, out=time)
        # its derivatives are q, -s q_s q and s q (q_s q + s q_ss q + s q_s^2)
        bend = 2 * b * left
        slope = bend + a
        bend *= left
        second = slope * left
        third = slope * (q + second)
        third *= left
        bend *= q
        third += bend
        second *= -0.5 * ahead
        third *= ahead * ahead
        third /= 6
        step = np.multiply(ahead, q, out=ahead)
        near = (np.abs(second) < SECOND) & (np.abs(third) < THIRD) & (np.abs(step) < STEP)
        second += third
        second += 1
        step *= second
        step += u
        return np.clip(step, 0.0, self.end, out=step), near

    def _refined(self, goal: Array) -> Array:
        """From anywhere, one `goal` for each mode."""

        def late(which: Index, u: Array) -> tuple[Array, Array]:
            walked = -np.expm1(-u)
            time, q = self.of(which)._lasted(u, walked, 1 - walked)
            return time - goal[which], 1 / q

        return refine(late, np.zeros_like(goal), self.end, np.full_like(goal, -1.0))


def _interpolated(passed: Array, knots: Array, goal: Array) -> Array:
    """By the polynomials with values `knots` at times `passed`, (knots, modes) each; within the knots."""
    differences = knots.copy()
    for level in range(1, len(knots)):
        differences[level:] = (differences[level:] - differences[level - 1 : -1]) / (passed[level:] - passed[:-level])
    value = np.broadcast_to(differences[-1], goal.shape).copy()
    for time, difference in zip(passed[-2::-1], differences[-2::-1], strict=True):
        value *= goal - time
        value += difference
    return np.asarray(np.clip(value, 0.0, knots[-1], out=value))


def least(linear: Array, square: Array) -> Array:
    """The smallest q on the way."""
    with np.errstate(all="ignore"):  # without a square there is no vertex
        vertex = -linear / (2 * square)
        bottom = np.where((square > 0) & (vertex > 0) & (vertex < 1), 1 + 0.5 * linear * vertex, 1.0)
    return np.minimum(np.minimum(1.0, 1 + linear + square), bottom)
