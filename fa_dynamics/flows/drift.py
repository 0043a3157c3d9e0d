"""First integrals along a trajectory: how far they drift, and whether the tolerances explain it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_invariant
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.derive.flow import Flow

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory

Array = NDArray[np.float64]

SUSPICIOUS = 1e3
"""A drift is suspicious beyond this many times rtol * (size of the terms of the law) + atol. Measured drifts of
explicit methods on these flows stay below 30 times."""

ROUNDED = 100.0
"""Times the round-off of every step that a drift may have which the steps do not explain."""

CHECKED_TIMES, CHECKED_NUMBERS = 17, 100_000
"""Output times at which every run looks at its drift, and weights times output times that it looks at, if that is less
(but three times at least). The full history is computed when asked for."""


def holding_laws(flow: Flow, feedback: Mapping[str, Array]) -> tuple[Invariant, ...]:
    """The verified first integrals of a flow that hold with given feedback matrices, by name."""

    def holds(law: Invariant) -> bool:
        if law.needs is None:
            return True
        matrix = feedback[law.needs]
        return bool(np.linalg.matrix_rank(matrix) == matrix.shape[1])

    return tuple(law for law in flow.invariants() if holds(law))


@np.errstate(over="ignore", invalid="ignore")  # weights of a diverged run may overflow; inf or nan comes out
def invariant_drift(run: Trajectory, times: NDArray[np.int_] | None = None) -> dict[str, Array]:
    """|Q(t) - Q(0)| / max(1, |Q(0)|) of every first integral that holds at the run's sizes, by name.

    Parameters
    ----------
    run
        A trajectory.
    times
        Indices of output times; all by default.
    """
    chosen = np.arange(len(run.t)) if times is None else times
    drifts = {}
    for invariant in run.invariants:
        law = compile_invariant(run.flow, invariant, run.sizes[min(invariant.layer + 1, run.flow.depth)])
        matrices = run.matrices_in_own_bases if _turns_with_its_matrices(invariant) else run.matrices
        start = law(matrices(None))
        scale = max(1.0, float(np.linalg.norm(start)))
        drifts[invariant.name] = np.array([np.linalg.norm(law(matrices(i)) - start) for i in chosen]) / scale
    return drifts


@lru_cache(maxsize=256)
def _turns_with_its_matrices(law: Invariant) -> bool:
    """Whether an orthogonal change of basis leaves the norm of a law alone: it is a polynomial in plain matrices."""
    words = w.expand(law.expression) if law.kind == "matrix" else {(None,): 1}
    return all(isinstance(w.split_transpose(factor)[0], MatrixSymbol) for word in words for factor in word)


def suspicious_drift(run: Trajectory) -> str | None:
    """A sentence if some first integral drifts more than the tolerances, or the steps, explain, else None."""
    if len(run.t) == 0:
        return None
    if run.steps is not None:
        return _unexplained(run)
    weights = sum(above * below for above, below in pairwise(run.sizes))
    count = int(np.clip(CHECKED_NUMBERS / weights, 3, CHECKED_TIMES))
    chosen = np.unique(np.linspace(0, len(run.t) - 1, count).astype(int))
    size = max(float(norms.max()) for norms in run.history.squared_norms(chosen))
    allowed = SUSPICIOUS * (run.solver["rtol"] * max(1.0, size) + run.solver["atol"])
    for name, drift in invariant_drift(run, chosen).items():
        if drift.max() > allowed:
            return (
                f"first integral {name} drifted by {drift.max():.1e} of its size, more than rtol = "
                f"{run.solver['rtol']:.0e} explains (up to {allowed:.1e}): tighten rtol, or use another method"
            )
    return None


def _unexplained(run: Trajectory) -> str | None:
    """The same for finite steps, whose drift is known but for round-off."""
    assert run.steps is not None
    size = max(float(norms.max()) for norms in run.history.squared_norms(np.arange(len(run.t))))
    allowed = ROUNDED * float(np.finfo(float).eps) * (1 + int(run.steps.number[-1])) * max(1.0, size)
    for name, drift in run.unexplained_drift.items():
        if drift.max() > allowed:
            return (
                f"first integral {name} drifted by {drift.max():.1e} of its size beyond what its steps add up to, and "
                f"round-off explains {allowed:.1e}: its rule is not what its law says"
            )
    return None
