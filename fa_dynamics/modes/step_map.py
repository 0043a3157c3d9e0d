"""Euler steps of the derived chain for many modes, starts and step sizes at once, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.chain import Chain
from fa_dynamics.derive.compile_chain import compile_chain

Array = NDArray[np.float64]
Codes = NDArray[np.int8]

OUTCOMES = ("monotone", "rises", "overshoots", "slow", "bounded", "diverges")
"""What happens to the error e = sigma - lambda p: it falls to zero and keeps its sign; grows on the way with the same
sign; changes sign on the way; still falls after the last step, outside the level; stays bounded and does not fall
(periodic, chaotic or at rest elsewhere); leaves every bound."""

MONOTONE, RISES, OVERSHOOTS, SLOW, BOUNDED, DIVERGES = range(6)

SETTLED = 1e-9
"""Of max(|sigma|, |e(0)|): an error that has come this close, and falls, is at rest."""

AWAY = 1e30
"""Weights beyond this never come back: where they are so large, each step multiplies their logarithm."""

LATE = 4
"""Blocks of the second half of an orbit, whose largest errors tell whether it still falls."""

SWEEP = 16
"""Steps after which finished orbits are laid aside."""


@dataclass(frozen=True, eq=False)
class Orbits:
    """Chains that are stepped, n of them.

    Attributes
    ----------
    chain
        The derived chain.
    start
        theta_1..theta_L, (L, n).
    feedback
        b_2..b_L, (L - 1, n): fixed, or the start of feedback that learns.
    correlation, curvature, step
        sigma, lambda > 0 and eta, (n,).
    """

    chain: Chain
    start: Array
    feedback: Array
    correlation: Array
    curvature: Array
    step: Array

    @property
    def state(self) -> list[Array]:
        """The variables that move, at the start."""
        learns = len(self.chain.state) > self.chain.depth
        return [*self.start, *self.feedback] if learns else list(self.start)

    @property
    def parameters(self) -> list[Array]:
        """Of the compiled chain: fixed feedback, sigma, lambda."""
        fixed = self.feedback if len(self.chain.state) == self.chain.depth else ()
        values = dict(zip(self.chain.feedback_rows, fixed, strict=False))
        values |= {str(self.chain.correlation): self.correlation, str(self.chain.curvature): self.curvature}
        return [values[name] for name in compile_chain(self.chain).parameters]


@dataclass(frozen=True, eq=False)
class Followed:
    """What became of orbits.

    Attributes
    ----------
    outcome
        Indices into `OUTCOMES`, (n,).
    steps
        First step from which on |p - s| <= (1 - level) |s|, (n,); inf if not by the last step.
    """

    outcome: Codes
    steps: Array

    @property
    def converges(self) -> NDArray[np.bool_]:
        """Whether each orbit goes to zero error."""
        return self.outcome <= SLOW


def orbit(orbits: Orbits, n_steps: int) -> Array:
    """States of all orbits after every step, (n_steps + 1, states, n)."""
    velocity = compile_chain(orbits.chain).velocity
    state, parameters = np.array(orbits.state), orbits.parameters
    states = [state]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n_steps):
            gain = velocity(*state, *parameters)
            state = np.array([own + orbits.step * moving for own, moving in zip(state, gain, strict=True)])
            states.append(state)
    return np.array(states)


def follow(orbits: Orbits, n_steps: int, level: float | Array = 0.99) -> Followed:
    """Take steps until every orbit is at rest, gone, or out of steps.

    Parameters
    ----------
    orbits
        What is stepped.
    n_steps
        Most steps, at least 16.
    level
        Of the step count, one for all or (n,).
    """
    velocity, depth = compile_chain(orbits.chain).velocity, orbits.chain.depth
    sigma, curvature, step = orbits.correlation, orbits.curvature, orbits.step
    state, parameters = orbits.state, orbits.parameters
    count = len(sigma)
    outcome, steps = np.full(count, BOUNDED, dtype=np.int8), np.full(count, np.inf)
    error = _error(state, depth, sigma, curvature)
    band = (1 - np.broadcast_to(np.asarray(level, dtype=float), (count,))) * np.abs(sigma)
    live = np.arange(count)
    sign, before = np.sign(error), np.abs(error)
    settled = SETTLED * np.maximum(np.abs(sigma), before)
    last_out = np.where(before > band, 0, -1)
    crossed, rose = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    late = np.zeros((LATE, count))
    block = max(1, n_steps // (2 * LATE))
    ended = np.where(before <= settled, MONOTONE, -1)
    with np.errstate(over="ignore", invalid="ignore"):
        for number in range(1, n_steps + 1):
            gain = velocity(*state, *parameters)
            state = [own + step * moving for own, moving in zip(state, gain, strict=True)]
            error = _error(state, depth, sigma, curvature)
            size = np.abs(error)
            away = ~(size <= AWAY * np.maximum(1.0, curvature))
            seen = size > settled
            crossed |= seen & (np.sign(error) != sign)
            rose |= seen & (size > before * (1 + 1e-12))
            last_out = np.where(size > band, number, last_out)
            rest = (size <= settled) & (size <= before)
            ended = np.where((ended < 0) & rest, np.where(crossed, OVERSHOOTS, np.where(rose, RISES, MONOTONE)), ended)
            ended = np.where((ended < 0) & away, DIVERGES, ended)
            if number > n_steps - LATE * block:
                row = (number - 1 - (n_steps - LATE * block)) // block
                late[row] = np.maximum(late[row], size)
            before = size
            if number % SWEEP == 0 or number == n_steps:
                done = ended >= 0
                outcome[live[done]] = ended[done]
                reached = done & (ended < SLOW)
                steps[live[reached]] = last_out[reached] + 1
                keep = ~done
                if not keep.any():
                    return Followed(outcome, steps)
                live, sigma, curvature, step = live[keep], sigma[keep], curvature[keep], step[keep]
                state = [own[keep] for own in state]
                parameters = [own[keep] for own in parameters]
                sign, before, settled, band = sign[keep], before[keep], settled[keep], band[keep]
                last_out, crossed, rose, ended = last_out[keep], crossed[keep], rose[keep], ended[keep]
                late = late[:, keep]
    inside = last_out < n_steps
    kind = np.where(crossed, OVERSHOOTS, np.where(rose, RISES, MONOTONE))
    outcome[live] = np.where(_falls(late), np.where(inside, kind, SLOW), BOUNDED)
    steps[live[inside]] = last_out[inside] + 1
    return Followed(outcome, steps)


def _error(state: Sequence[Array], depth: int, sigma: Array, curvature: Array) -> Array:
    strength = state[0]
    for weight in state[1:depth]:
        strength = strength * weight
    return np.asarray(sigma - curvature * strength)


def _falls(late: Array) -> NDArray[np.bool_]:
    """Whether the largest errors of successive blocks go to zero, as a power or exponentially.

    Towards a cycle they fall as well, but by logarithms that shrink by a factor from block to block; those of a power
    law shrink to no less than two thirds over the second half of an orbit.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        falls = -np.diff(np.log(late), axis=0)
    return np.asarray((falls > 1e-12).all(axis=0) & (falls[-1] > 0.5 * falls[0]))
