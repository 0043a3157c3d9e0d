"""How far a run is from a mirror flow, from a nonzero start and with several outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.systems.mirror import mirror_potential

if TYPE_CHECKING:
    from fa_dynamics.flows.trajectory import Trajectory

Array = NDArray[np.float64]


def mirror_defect(run: Trajectory) -> Array:
    r"""How far a run is from a mirror flow of its feedback's potential, (time,), dimensionless; one output.

    .. math:: |P(t) - P_\psi(t)| \,/\, \max_t \max(|P|, |P_\psi|), \qquad
              P_\psi(t) = \nabla\psi^*(\nabla\psi(P(0)) + \textstyle\int_0^t E\,dt') ,

    with the integral read exactly from the first layer, :math:`W_1(t) - W_1(0) = C_1\int_0^t E\,dt'`. Zero from a zero
    start, and for one layer; not from other starts. (Compared as maps: :math:`\nabla\psi` magnifies the rounding of a
    map near zero without bound.)

    Raises
    ------
    InputError
        More than one output, or another rule than feedback alignment without decay.
    """
    from fa_dynamics.measures import end_to_end

    _check_fixed(run)
    if run.sizes[-1] != 1:
        raise InputError(f"run: {run.sizes[-1]} outputs given, expected 1; for more, see `path_dependence`")
    potential = mirror_potential([run.feedback[f"B_{layer}"] for layer in range(2, run.depth + 1)])
    start = [run.initial[f"W_{layer}"] for layer in range(1, run.depth + 1)]
    pushed = _first_backward(run) @ (run.weights[0] - start[0])
    expected = potential.primal(potential.dual(end_to_end(start)) + pushed)
    size = max(np.linalg.norm(maps, axis=(1, 2)).max(initial=0.0) for maps in (run.end_to_end, expected))
    gap = np.linalg.norm(run.end_to_end - expected, axis=(1, 2))
    return np.asarray(np.divide(gap, size, out=np.zeros_like(gap), where=size > 0))


def path_dependence(run: Trajectory) -> Array:
    r"""Share of the second layer that depends on the path of the dual variable, (time,), dimensionless.

    From a zero start :math:`W_1 = C_1 U,\ W_2 = C_2 R\,C_1^\top` with :math:`\dot U = E,\ \dot R = \dot U U^\top`: the
    symmetric part of R is :math:`\tfrac12 UU^\top`, its antisymmetric part is the area that U sweeps. A mirror flow
    needs a map P that is a function of U, so that :math:`|R - R^\top|/(2|R|)` must be 0. It is for one output; for
    several it is not in general. nan at R = 0.

    Raises
    ------
    InputError
        One layer, a nonzero start, C_1 without full column rank, or another rule than feedback alignment.

    Notes
    -----
    Source: `robertson2024.md` section 9.
    """
    from fa_dynamics.flows.updates import backward_product

    _check_fixed(run)
    if run.depth < 2 or any(run.initial[f"W_{layer}"].any() for layer in range(1, run.depth + 1)):
        raise InputError("run: expected two or more layers and a zero start")
    lower, upper = _first_backward(run), np.linalg.pinv(backward_product(run, 2)[0])
    if np.linalg.matrix_rank(lower) < run.sizes[-1]:
        raise InputError(
            f"run: the feedback to layer 1 has rank below n_L = {run.sizes[-1]}, expected full column rank"
        )
    between = upper @ run.weights[1] @ lower.T
    size = np.linalg.norm(between, axis=(1, 2))
    skew = np.linalg.norm(between - between.swapaxes(1, 2), axis=(1, 2)) / 2
    return np.asarray(np.divide(skew, size, out=np.full_like(skew, np.nan), where=size > 0))


def _check_fixed(run: Trajectory) -> None:
    if run.flow.rule.name != "fa" or any(run.decay or ()):
        raise InputError(f"run: rule {run.flow.rule.name!r} given, expected feedback alignment ('fa') without decay")


def _first_backward(run: Trajectory) -> Array:
    """C_1^+, the pseudo-inverse of what comes back to the first layer."""
    from fa_dynamics.flows.updates import backward_product

    return np.asarray(np.linalg.pinv(backward_product(run, 1)[0]))
