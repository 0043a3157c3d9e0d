"""One tester for every reference solution: build, simulate with one method, measure the error, assert, record.

Nothing in here asks the package for a formula; the bases that read a map are the ones that built the task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fa_dynamics as fa

METHODS = {"DOP853": (1e-11, 1e-9), "RK45": (1e-9, 1e-7), "RK23": (1e-7, 1e-5)}
"""Method -> (rtol, largest error allowed, relative to the largest reference value).

A hundred times rtol: the solvers hold the error of one step at rtol; some 10 to 100 of those add up, or are amplified
while a mode grows out of its small start. rtol is what each order reaches in at most a few thousand steps."""

all_methods = pytest.mark.parametrize("method", METHODS)


@dataclass(frozen=True)
class System:
    """A run with a known answer.

    `read` takes what is compared out of a run; `expected` has the same shape. `margin` multiplies the tolerance, and
    has its reason where it is set.
    """

    name: str
    task: Any
    hidden: Any
    rule: str
    start: Any
    t: np.ndarray
    read: Callable[[Any], np.ndarray]
    expected: np.ndarray
    feedback: Any = None
    margin: float = 1.0
    options: dict = field(default_factory=dict)

    def __str__(self):
        return self.name


def simulate(system, method):
    rtol, _ = METHODS[method]
    return fa.simulate(
        system.task,
        system.hidden,
        system.rule,
        system.start,
        system.feedback,
        t_end=float(system.t[-1]),
        t_eval=system.t,
        method=method,
        rtol=rtol,
        atol=rtol * 1e-5,  # small starts (1e-3) keep their relative accuracy
        **system.options,
    )


def assert_reproduces(system, method, record_property):
    """Simulate, compare, record; the run is returned for further questions."""
    run = simulate(system, method)
    assert run.status == "completed"
    np.testing.assert_array_equal(run.t, system.t)
    given, expected = np.asarray(system.read(run)), np.asarray(system.expected)
    assert given.shape == expected.shape
    error = record(record_property, system.name, method, np.abs(given - expected).max() / np.abs(expected).max())
    assert error <= METHODS[method][1] * system.margin
    return run


def record(record_property, name, method, error):
    """Show an error with -s, and keep it in the report."""
    record_property("system", name)
    record_property("method", method)
    record_property("error", float(error))
    print(f"[measured] {name:55s} {method:7s} {error:.1e}")
    return error


def orthonormal(rng, rows, columns):
    """Uniformly random orthonormal columns."""
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    return q * np.sign(np.diag(r))


def population(input_moment, least_squares):
    """The noiseless task y = P x: its joint second moment is positive semidefinite."""
    cross = least_squares @ input_moment
    return fa.Task("population", input_moment, cross, cross @ least_squares.T)


@dataclass(frozen=True)
class Bases:
    """Random orthonormal mode bases U_0..U_L of layers with the given numbers of units."""

    layers: tuple[np.ndarray, ...]

    @classmethod
    def draw(cls, seed, sizes, modes):
        rng = np.random.default_rng(seed)
        return cls(tuple(orthonormal(rng, size, modes) for size in sizes))

    def task(self, correlation, curvature):
        """sigma and lambda in the modes; every other input has curvature 1 and nothing to say."""
        inputs, outputs = self.layers[0], self.layers[-1]
        correlation, curvature = np.broadcast_arrays(np.asarray(correlation, float), np.asarray(curvature, float))
        rest = np.eye(len(inputs)) - inputs @ inputs.T
        return population((inputs * curvature) @ inputs.T + rest, (outputs * (correlation / curvature)) @ inputs.T)

    def weights(self, theta):
        """W_l = U_l diag(theta_l) U_{l-1}^T from theta (layers, modes)."""
        return [(upper * row) @ lower.T for lower, upper, row in zip(self.layers, self.layers[1:], theta, strict=False)]

    def feedback(self, b):
        """B_l = U_{l-1} diag(b_l) U_l^T, l = 2..L, from b (layers - 1, modes)."""
        return [(lower * row) @ upper.T for lower, upper, row in zip(self.layers[1:], self.layers[2:], b, strict=False)]

    def strengths(self, run):
        """u_k^T P v_k at every time, the product of the weights taken here."""
        return np.einsum("ok,toi,ik->tk", self.layers[-1], product(run), self.layers[0])

    def theta(self, run, layer):
        """Diagonal of U_l^T W_l U_{l-1}."""
        return np.einsum("ak,tab,bk->tk", self.layers[layer], run.weights[layer - 1], self.layers[layer - 1])


def product(run):
    """P at every time."""
    result = run.weights[0]
    for weight in run.weights[1:]:
        result = weight @ result
    return result
