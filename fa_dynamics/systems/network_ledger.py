r"""Why the quantities q of a neuron move under finite steps: an account that is exact to round-off.

Heavy-ball steps :math:`V \leftarrow \mu V + \dot W,\ W \leftarrow W + \eta V` change q of a hidden layer by

.. math:: q^+ - q = \eta Y + \tfrac12\eta^2\|v\|^2
          - \nu\,[\Psi^+ - \Psi - \eta\operatorname{diag}(B_{l+1}V_{l+1})]

with v the rows of the step (and of its bias) and :math:`Y = \langle w, v\rangle - \nu\operatorname{diag}(B V_{l+1})`,
which the pointwise identity turns into a recursion,

.. math:: Y = \mu\,[Y_- + \eta\|v_-\|^2 - \nu\operatorname{diag}((B - B_-)V_{l+1,-})]
          - \text{defect} - \rho_l\|w\|^2 + \nu\rho_{l+1}\operatorname{diag}(BW_{l+1}).

For feedback alignment without momentum and decay only :math:`\tfrac12\eta^2\|g\|^2` is left. Source: derived here from
robertson2024.pointwise-identity; robertson2024.discrete-drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.systems.network_field import Evaluation, Model, State
from fa_dynamics.systems.network_laws import HiddenLaw, identity_defect

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Entry:
    """The account of one hidden layer at one step.

    Attributes
    ----------
    total
        What q has been moved by since the start, (n_l,).
    first_order
        Y of the last step, (n_l,).
    stand_in
        B_{l+1} at the last step.
    """

    total: Array
    first_order: Array
    stand_in: Array | None


def opened(model: Model) -> tuple[Entry, ...]:
    """Accounts of all hidden layers before the first step."""
    widths = model.sizes[1:-1]
    return tuple(Entry(np.zeros(width), np.zeros(width), None) for width in widths)


def booked(
    model: Model,
    law: HiddenLaw,
    entry: Entry,
    seen: Evaluation,
    before: State,
    after: State,
    moved: Mapping[str, Array],
    moved_before: Mapping[str, Array] | None,
    step_size: float,
    momentum: float,
) -> Entry:
    """The account after one step from `before` to `after` along `moved`; `moved_before` led to `before`."""
    layer, order = law.layer, model.activation.order
    above = f"W_{layer + 1}"
    matrices = {**model.fixed, **before}
    stand_in = model.way_back.stand_in(layer + 1, matrices)
    first = -identity_defect(model, layer, seen, stand_in)
    if momentum and moved_before is not None and entry.stand_in is not None:
        turned = _diagonal(stand_in - entry.stand_in, moved_before[above])
        pushed = entry.first_order + step_size * _square(model, moved_before, layer) - order * turned
        first = first + momentum * pushed
    if model.rates is not None:
        own = (before[f"W_{layer}"] ** 2).sum(axis=1)
        outgoing = _diagonal(stand_in, before[above])
        first = first - model.rates[layer - 1] * own + order * model.rates[layer] * outgoing
    rise = law.potential({**model.fixed, **after}) - law.potential(matrices)
    bent = rise - step_size * _diagonal(stand_in, moved[above])
    change = step_size * first + 0.5 * step_size**2 * _square(model, moved, layer) - order * bent
    return Entry(entry.total + change, first, stand_in)


def _square(model: Model, moved: Mapping[str, Array], layer: int) -> Array:
    rows = (moved[f"W_{layer}"] ** 2).sum(axis=1)
    return np.asarray(rows + moved[f"beta_{layer}"] ** 2 if model.biases else rows)


def _diagonal(left: Array, right: Array) -> Array:
    return np.asarray((left * right.T).sum(axis=1))
