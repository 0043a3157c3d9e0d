"""Right-hand sides, losses and conserved matrices typed by hand in second moments: a second opinion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

import fa_dynamics as fa

MATRIX_RULES = ("bp", "fa", "dfa", "kp")
"""Equivariant under all orthogonal changes of basis."""


@dataclass(frozen=True)
class Problem:
    """Samples (rows), weights and every kind of feedback at given sizes."""

    sizes: tuple[int, ...]
    X: np.ndarray
    Y: np.ndarray
    weights: list[np.ndarray]
    layered: list[np.ndarray]  # B_2..B_L
    direct: list[np.ndarray]  # D_1..D_{L-1}

    @property
    def depth(self):
        return len(self.weights)

    @property
    def hidden(self):
        return list(self.sizes[1:-1])

    @property
    def task(self):
        return fa.Task.from_arrays(self.X, self.Y)

    @property
    def input_moment(self):
        return self.X.T @ self.X / len(self.X)

    @property
    def cross_moment(self):
        return self.Y.T @ self.X / len(self.X)

    def feedback(self, rule):
        """What `simulate` wants: a list, or None for rules without matrices of their own."""
        if self.depth == 1:
            return None
        return {"fa": self.layered, "kp": self.layered, "dfa": self.direct}.get(rule)


def draw(seed, sizes, scale=0.7):
    """A problem whose flows move by order one in unit time."""
    rng = np.random.default_rng(seed)
    depth, samples = len(sizes) - 1, 3 * max(sizes)

    def matrix(rows, columns, factor=scale):
        return rng.standard_normal((rows, columns)) * factor / np.sqrt(columns)

    return Problem(
        tuple(sizes),
        X=rng.standard_normal((samples, sizes[0])),
        Y=rng.standard_normal((samples, sizes[-1])),
        weights=[matrix(sizes[j + 1], sizes[j]) for j in range(depth)],
        layered=[matrix(sizes[j], sizes[j + 1], 1.0) for j in range(1, depth)],
        direct=[matrix(sizes[j], sizes[-1], 1.0) for j in range(1, depth)],
    )


def simulate(problem, rule, t_end=1.0, **options):
    """The package's run of a problem; keyword arguments go to `fa.simulate`."""
    chosen = {"start": problem.weights, "feedback": problem.feedback(rule)} | options
    return fa.simulate(problem.task, problem.hidden, rule, t_end=t_end, **chosen)


def chain(matrices, size):
    """Product of matrices, the last leftmost; the identity of a size if there are none."""
    return reduce(lambda below, matrix: matrix @ below, matrices, np.eye(size))


def velocity(rule, weights, feedback, input_moment, cross_moment, rates=None):
    """Velocity of W_1..W_L, and of B_2..B_L for kp. `feedback` is B_2..B_L or D_1..D_{L-1}."""
    depth = len(weights)
    error = cross_moment - chain(weights, len(input_moment)) @ input_moment
    moves = []
    for j in range(depth):  # weights[j] is W_{j+1}
        if rule == "bp":
            stand_in = [weight.T for weight in weights[j + 1 :]]
        elif rule == "sign":
            stand_in = [np.sign(weight).T for weight in weights[j + 1 :]]
        elif rule == "dfa":
            stand_in = [feedback[j]] if j < depth - 1 else []
        else:
            stand_in = (feedback or [])[j:]
        back = chain(stand_in[::-1], len(cross_moment))
        moves.append(back @ error @ chain(weights[:j], len(input_moment)).T)
    if rule == "kp":
        moves += [move.T for move in moves[1:]]
    if rates is not None:
        state = [*weights, *(feedback if rule == "kp" else [])]
        both = [*rates, *(rates[1:] if rule == "kp" else [])]
        moves = [move - rate * matrix for move, rate, matrix in zip(moves, both, state, strict=True)]
    return moves


def flat(matrices):
    return np.concatenate([matrix.ravel() for matrix in matrices])


def unflat(state, like):
    parts = np.split(state, np.cumsum([matrix.size for matrix in like])[:-1])
    return [part.reshape(matrix.shape) for part, matrix in zip(parts, like, strict=True)]


def sample_loss(weights, X, Y):
    """Half the mean squared error over the samples; analytic in complex weights."""
    residual = Y.T - chain(weights, X.shape[1]) @ X.T
    return (residual**2).sum() / 2 / len(X)


def gradient(weights, X, Y):
    """Gradient of the sample loss entry by entry, by complex steps: exact to round-off, no formula involved."""
    result = []
    for j, weight in enumerate(weights):
        slope = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            moved = [matrix.astype(complex) for matrix in weights]
            moved[j][place] += 1e-30j
            slope[place] = np.imag(sample_loss(moved, X, Y)) / 1e-30
        result.append(slope)
    return result


def conserved(rule, weights, feedback):
    """Every matrix that stays constant, typed; for DFA those whose D_{l+1} has full column rank."""
    laws = []
    for j in range(len(weights) - 1):
        below, above = weights[j], weights[j + 1]
        if rule == "bp":
            laws.append(below @ below.T - above.T @ above)
        elif rule == "kp":
            laws += [below @ below.T - feedback[j] @ feedback[j].T, feedback[j] - above.T]
        else:
            if rule == "fa" or j == len(weights) - 2:
                stand_in = feedback[j]
            elif feedback[j + 1].shape[0] >= feedback[j + 1].shape[1]:
                stand_in = feedback[j] @ np.linalg.pinv(feedback[j + 1])
            else:
                continue
            laws.append(below @ below.T - stand_in @ above - above.T @ stand_in.T)
    return laws


def moving_feedback(run, rule, problem, index):
    """B_2..B_L of a run at one time (or what it was given)."""
    if rule == "kp":
        return [run.feedback[f"B_{layer}"][index] for layer in range(2, problem.depth + 1)]
    return problem.feedback(rule)
