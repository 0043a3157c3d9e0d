"""What every step adds to the first integrals, added up over a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile import compile_invariant
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.derive.finite_step import compile_drift
from fa_dynamics.flows.drift import holding_laws
from fa_dynamics.flows.iterate_plan import StepPlan

Array = NDArray[np.float64]
Matrices = Mapping[str, Array]

WIDEST = 256
"""Hidden layer up to which its laws are accounted for: a step then costs n_l^2 n_{l-1} multiply-adds more per law."""


@dataclass(frozen=True, eq=False)
class Account:
    """One first integral, and what the steps so far have added to it.

    Attributes
    ----------
    name
        Of the first integral.
    law, drift
        Its value at named matrices, and what one step adds: ``drift(before, moved, after)``.
    initial, scale
        Q(0), and max(1, |Q(0)|).
    total
        What was added.
    carried, last
        With heavy ball: what the velocity of earlier steps adds, and the drift of the last step without it.
    """

    name: str
    law: Callable[[Matrices], Array]
    drift: Callable[[Matrices, Matrices, Matrices], Array]
    initial: Array
    scale: float
    total: Any = 0.0
    carried: Any = 0.0
    last: Any = 0.0

    def explained(self) -> float:
        """|total| / max(1, |Q(0)|)."""
        return float(np.linalg.norm(np.atleast_1d(self.total))) / self.scale

    def unexplained(self, matrices: Matrices) -> float:
        """|Q - Q(0) - total| / max(1, |Q(0)|)."""
        return float(np.linalg.norm(self.law(matrices) - self.initial - self.total)) / self.scale


def accounts_of(plan: StepPlan) -> tuple[list[Account], str]:
    """An account for every first integral of a run, and a sentence about those that have none."""
    initial = dict(plan.feedback) | dict(zip(plan.compiled.names, plan.initial, strict=True))
    accounts, wide, potentials = [], [], []
    for law in holding_laws(plan.flow, plan.feedback):
        if plan.sizes[law.layer] > WIDEST:
            wide.append(law.name)
        elif law.kind == "neuron" and plan.momentum:
            potentials.append(law.name)
        else:
            accounts.append(_account(plan, law, initial))
    sentences = []
    if wide:
        sentences.append(f"{', '.join(wide)}: layers of more than {WIDEST} units are not accounted for.")
    if potentials:
        sentences.append(f"{', '.join(potentials)}: laws from a potential are not accounted for with momentum.")
    return accounts, " ".join(sentences)


def _account(plan: StepPlan, law: Invariant, initial: Matrices) -> Account:
    outgoing = plan.sizes[min(law.layer + 1, plan.flow.depth)]
    value = compile_invariant(plan.flow, law, outgoing)
    with np.errstate(over="ignore", invalid="ignore"):  # a start that overflows its law ends the run at once
        start = value(initial)
        scale = max(1.0, float(np.linalg.norm(start)))
    return Account(law.name, value, compile_drift(plan.flow, law, outgoing), start, scale)


def advanced(account: Account, momentum: float, before: Matrices, moved: Matrices, after: Matrices) -> Account:
    """The account after one more step.

    Notes
    -----
    Let Q(W + D) - Q(W) = L(W, D) + q(D), L linear and q quadratic in the displacement D. Plain steps have L(W, D) = 0,
    since D is eta times a velocity along which Q is constant. Heavy ball has D+ = momentum D + eta G, hence
    L(W, D+) = momentum L(W, D), and L(W, D) = L(W - D, D) + 2 q(D) turns it into a recursion in q alone. It is the
    discrete form of Q'' + mu Q' = 2 W' W'^T, robertson2024.discrete-drift.
    """
    drift = account.drift(before, moved, after)
    carried = momentum * (account.carried + 2 * account.last) if momentum else 0.0
    total = account.total + carried + drift
    return Account(account.name, account.law, account.drift, account.initial, account.scale, total, carried, drift)
