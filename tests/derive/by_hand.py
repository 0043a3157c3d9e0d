"""The right-hand sides typed by hand, sample by sample: a second opinion that shares no code with the package.

Forward activities, backward signals and outer products, as in any textbook. No second moments, no SymPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fa_dynamics.derive.compile import compile_flow

RULES = ("bp", "fa", "dfa", "sign", "kp")


@dataclass(frozen=True)
class Case:
    """Data, weights, every kind of feedback and decay rates at given sizes."""

    sizes: tuple[int, ...]
    inputs: np.ndarray
    targets: np.ndarray
    weights: list[np.ndarray]
    layered: dict[int, np.ndarray]  # B_l, l = 2..L
    direct: dict[int, np.ndarray]  # D_l, l = 1..L-1
    rates: list[float]

    @property
    def depth(self):
        return len(self.weights)

    def state(self, rule):
        """What moves, in the order of the package."""
        return [*self.weights, *(self.layered.values() if rule == "kp" else ())]

    def parameters(self):
        """By name, everything that any rule may ask for."""
        samples = self.inputs.shape[1]
        return {
            **{f"B_{layer}": matrix for layer, matrix in self.layered.items()},
            **{f"D_{layer}": matrix for layer, matrix in self.direct.items()},
            **{f"rho_{layer + 1}": rate for layer, rate in enumerate(self.rates)},
            "Sigma_xx": self.inputs @ self.inputs.T / samples,
            "Sigma_yx": self.targets @ self.inputs.T / samples,
        }


def draw(seed, sizes):
    """A random case; entries of a typical size such that no layer's signal dies out or explodes."""
    rng = np.random.default_rng(seed)
    depth, samples = len(sizes) - 1, 12

    def matrix(rows, columns):
        return rng.standard_normal((rows, columns)) / np.sqrt(columns)

    return Case(
        tuple(sizes),
        inputs=rng.standard_normal((sizes[0], samples)),
        targets=rng.standard_normal((sizes[-1], samples)),
        weights=[matrix(sizes[layer], sizes[layer - 1]) for layer in range(1, depth + 1)],
        layered={layer: matrix(sizes[layer - 1], sizes[layer]) for layer in range(2, depth + 1)},
        direct={layer: matrix(sizes[layer], sizes[-1]) for layer in range(1, depth)},
        rates=list(rng.uniform(0.1, 1.0, depth)),
    )


def loss(weights, case):
    """Half the mean squared error, analytic in complex weights (sums of squares, nothing conjugated)."""
    output = case.inputs
    for weight in weights:
        output = weight @ output
    return ((case.targets - output) ** 2).sum() / 2 / case.inputs.shape[1]


def velocity(rule, case, decay=False, targets=None):
    """Velocity of every matrix of the state."""
    activities = [case.inputs]
    for weight in case.weights:
        activities.append(weight @ activities[-1])
    error = ((case.targets if targets is None else targets) - activities[-1]) / case.inputs.shape[1]
    signal, moves = error, [error @ activities[-2].T]
    for layer in range(case.depth - 1, 0, -1):  # weights[layer] is the matrix above hidden layer number `layer`
        if rule == "bp":
            signal = case.weights[layer].T @ signal
        elif rule == "sign":
            signal = np.sign(case.weights[layer].T) @ signal
        elif rule in ("fa", "kp"):
            signal = case.layered[layer + 1] @ signal
        elif rule == "dfa":
            signal = case.direct[layer] @ error
        moves.insert(0, signal @ activities[layer - 1].T)
    if rule == "kp":
        moves += [move.T for move in moves[1:]]
    if decay:
        rates = case.rates + (case.rates[1:] if rule == "kp" else [])
        moves = [move - rate * matrix for move, rate, matrix in zip(moves, rates, case.state(rule), strict=True)]
    return moves


def package_velocity(flow, case):
    """What the package makes of the same case."""
    rule = flow.rule.name
    into = compile_flow(flow, case.sizes).bind(case.parameters(), np.empty)
    state = [matrix.copy() for matrix in case.state(rule)]
    out = [np.full(matrix.shape, np.nan) for matrix in state]
    into(state, out)
    return out


def size(rule, case, decay=False):
    """The size of a velocity, not deceived where target and output happen to cancel: the larger of both signs."""
    both = velocity(rule, case, decay) + velocity(rule, case, decay, targets=-case.targets)
    return max(np.abs(move).max() for move in both)


def assert_close(given, expected, scale, tolerance=1e-12):
    """Equal shapes, and equal entries to a fraction of the scale."""
    assert [matrix.shape for matrix in given] == [matrix.shape for matrix in expected]
    worst = max(np.abs(a - b).max() for a, b in zip(given, expected, strict=True))
    assert worst <= tolerance * scale, f"off by {worst / scale:.2e} of the scale"


def complex_step(function, matrices, directions):
    """Derivative of an analytic function along directions, exact to round-off: no difference is taken."""
    step = 1e-30
    moved = [matrix + 1j * step * direction for matrix, direction in zip(matrices, directions, strict=True)]
    return np.imag(function(moved)) / step
