"""The coordinates in which a flow is integrated: what stands still is left out, and inputs are uncorrelated.

With fixed feedback only the first n_L rows of W_l move, in a basis of layer l that the QR decomposition of its constant
factor C_l gives, and with weight decay the others shrink by a known factor; in the eigenvectors of Sigma_xx the product
P Sigma_xx scales columns. Both are orthogonal changes of basis under which the derived flow keeps its form
(`fa_dynamics.derive.moving_rows` proves it): nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.compile import CompiledFlow, Moment, compile_expression, compile_flow, compile_moving_rows
from fa_dynamics.derive.moving_rows import MovingRows, moving_rows
from fa_dynamics.flows.flat import splitter
from fa_dynamics.flows.prepare import Setting
from fa_dynamics.flows.runge_kutta import InPlace
from fa_dynamics.measures.linear import times

Array = NDArray[np.float64]

WORTH_IT = 500
"""Numbers in a state below which calls of NumPy cost more than the numbers that could be left out."""

FEW_OUTPUTS = 100
"""With more inputs per output than this, the eigenvectors of Sigma_xx cost more than some hundred products with it."""

ROUNDED = 1e-14
"""Correlations of two inputs below this are the rounding of the moment itself."""

BASIS_OVER_STATE = 4
"""A hidden layer is turned if its basis has at most so many times the numbers of the state."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A flow in coordinates, and the start in them.

    Attributes
    ----------
    compiled
        Velocity of the rows that move.
    parameters
        Its parameters, in these coordinates.
    bases
        Q_0..Q_L, orthogonal (n_l, n_l), or None for the identity; ``W_l = Q_l W_l' Q_{l-1}^T``.
    start
        The rows of every matrix of the state that move, at t = 0.
    still
        The other rows at t = 0, or None where all move.
    rates
        Rates rho at which those rows decay, one per matrix; 0 where there are none.
    members
        Number of members of an ensemble, whose matrices have a leading axis; None for one run.
    """

    compiled: CompiledFlow
    parameters: Mapping[str, Any]
    bases: tuple[Array | None, ...]
    start: tuple[Array, ...]
    still: tuple[Array | None, ...]
    rates: tuple[float, ...]
    members: int | None = None

    @property
    def flat_start(self) -> Array:
        """The state at t = 0, (states,); member behind member."""
        rows = self.members or 1
        return np.concatenate([matrix.reshape(rows, -1) for matrix in self.start], axis=1).ravel()

    def velocity(self) -> InPlace:
        """The velocity of a flat state; it owns working memory and must not run in two threads at once."""
        lead = () if self.members is None else (self.members,)
        numbers = [self.compiled.names.index(name) for name in self.compiled.fading]
        factors = {f"F_{number + 1}": np.ones(self.compiled.sizes[number + 1]) for number in numbers}
        bound = self.compiled.bind({**self.parameters, **factors}, lambda shape: np.empty((*lead, *shape)))
        split, beside = splitter(self.compiled.shapes, self.members), self._beside_still_rows()
        if not numbers:
            return InPlace(lambda _, state, out: bound(beside(state), split(out)))
        fading = [
            (factor[self.start[number].shape[-2] :], self.rates[number])
            for number, factor in zip(numbers, factors.values(), strict=True)
        ]

        def decaying(t: float, state: Array, out: Array) -> None:
            for factor, rate in fading:
                factor[:] = exp(-rate * t)
            parts = split(state)
            bound([*beside(state), *(parts[number] for number in numbers)], split(out))

        return InPlace(decaying)

    def matrices(self) -> Callable[[float, Array], list[Array]]:
        """A function from time and flat state to the matrices in these coordinates, in memory that it uses again."""
        beside = self._beside_still_rows()
        fading = [
            (number, rest, self.rates[number])
            for number, rest in enumerate(self.still)
            if rest is not None and self.rates[number] > 0
        ]

        def whole(t: float, state: Array) -> list[Array]:
            parts = beside(state)
            for number, rest, rate in fading:
                np.multiply(rest, exp(-rate * t), out=parts[number][..., -rest.shape[-2] :, :])
            return parts

        return whole

    def left_of_still(self, t: Array) -> tuple[Array | None, ...]:
        """What is left of the rows that do not move at times t, a factor (time,) per matrix; None for all of them."""
        return tuple(np.exp(-rate * t) if rate > 0 else None for rate in self.rates)

    def _beside_still_rows(self) -> Callable[[Array], list[Array]]:
        """A function from a flat state to its matrices over the other rows as they were at t = 0."""
        split = splitter(self.compiled.shapes, self.members)
        whole = {
            index: np.concatenate([moving, rest], axis=-2)
            for index, (moving, rest) in enumerate(zip(self.start, self.still, strict=True))
            if rest is not None
        }
        homes = [(index, matrix[..., : self.start[index].shape[-2], :]) for index, matrix in whole.items()]
        if not homes:
            return split

        def filled(state: Array) -> list[Array]:
            parts = list(split(state))
            for index, home in homes:
                home[:] = parts[index]
                parts[index] = whole[index]
            return parts

        return filled


def coordinates_of(setting: Setting) -> Coordinates:
    """Choose the coordinates of a run by its sizes alone, so that equal runs are integrated alike."""
    return _coordinates(setting, setting.initial, setting.feedback, None)


def coordinates_of_members(
    setting: Setting, initial: Sequence[Array], fixed: Mapping[str, Array], members: int
) -> Coordinates:
    """Coordinates of members of one shape.

    Parameters
    ----------
    setting
        A prepared run of that shape.
    initial
        Start of every matrix of the state, each (member, rows, columns).
    fixed
        Feedback that does not learn, by name, each (member, rows, columns).
    members
        Their number.
    """
    return _coordinates(setting, initial, fixed, members)


def _coordinates(
    setting: Setting, initial: Sequence[Array], feedback: Mapping[str, Array], members: int | None
) -> Coordinates:
    task, sizes, flow = setting.task, setting.sizes, setting.flow
    size = sum(matrix.size for matrix in initial)
    found = moving_rows(flow) if size >= WORTH_IT else None
    if found is None:
        nothing: tuple[Array | None, ...] = (None,) * len(initial)
        compiled = compile_flow(flow, sizes, members is not None)
        given = {**setting.parameters, **feedback}
        rates = (0.0,) * len(initial)
        return Coordinates(compiled, given, (None,) * len(sizes), tuple(initial), nothing, rates, members)
    bases: list[Array | None] = [None] * len(sizes)
    moment: Moment = "full"
    values: dict[str, Any] = {**setting.parameters, **feedback}
    cross = np.ascontiguousarray(task.cross_moment)
    if is_diagonal(task.input_moment):
        moment, eigenvalues = "diagonal", np.diag(task.input_moment).copy()
    elif sizes[0] <= FEW_OUTPUTS * sizes[-1]:
        eigenvalues, axes = task.input_axes
        moment, bases[0], cross = "diagonal", axes, cross @ axes
    if moment == "diagonal":
        moment = "identity" if (eigenvalues == 1).all() else moment
        values |= {"Sigma_xx": eigenvalues, "Sigma_yx": cross}
    largest = BASIS_OVER_STATE * size / (members or 1)
    rows, stand_ins = _turn_hidden(found, feedback, bases, members is not None, largest)
    counts = tuple(matrix.shape[-2] for matrix in stand_ins.values())
    compiled = compile_moving_rows(found, sizes, counts, moment, members is not None)
    start, still = [], []
    for index, matrix in enumerate(initial):
        turned = matrix
        if index < len(sizes) - 1:
            turned = in_bases(matrix, bases[index + 1], bases[index])
        moving = rows.get(index, turned.shape[-2])
        start.append(np.ascontiguousarray(turned[..., :moving, :]))
        rest = np.ascontiguousarray(turned[..., moving:, :])
        still.append(rest if rest.size else None)
    known = dict(enumerate(setting.rates or ()))
    rates = tuple(0.0 if rest is None else known.get(index, 0.0) for index, rest in enumerate(still))
    return Coordinates(compiled, values | stand_ins, tuple(bases), tuple(start), tuple(still), rates, members)


def is_diagonal(moment: Array) -> bool:
    """Whether all entries off the diagonal are rounding."""
    diagonal = np.diag(moment)
    root = np.sqrt(np.abs(diagonal))
    return bool((np.abs(moment - np.diag(diagonal)) <= ROUNDED * np.outer(root, root)).all())


def in_bases(matrix: Array, above: Array | None, below: Array | None) -> Array:
    """Q_above^T X Q_below; None is the identity."""
    turned = matrix if above is None else above.mT @ matrix
    return turned if below is None else turned @ below


def out_of_bases(matrix: Array, above: Array | None, below: Array | None) -> Array:
    """Q_above X Q_below^T, with only as many columns of Q_above as X has rows; None is the identity."""
    turned = matrix if below is None else times(matrix, below.T) if below.ndim == 2 else matrix @ below.mT
    return turned if above is None else above[..., : matrix.shape[-2]] @ turned


def _turn_hidden(
    found: MovingRows, feedback: Mapping[str, Array], bases: list[Array | None], stacked: bool, largest: float
) -> tuple[dict[int, int], dict[str, Array]]:
    """Bases of the hidden layers in which rows stand still; rows that move, by layer index; and every R_l."""
    names = [matrix.name for matrix in found.flow.state]
    rows: dict[int, int] = {}
    stand_ins: dict[str, Array] = {}
    for matrix, constant in found.constants.items():
        index = names.index(matrix.name)
        factor = compile_expression(constant, stacked)(feedback)
        units, outputs = factor.shape[-2:]
        if 2 * outputs <= units and units**2 <= largest:
            basis, triangle = np.linalg.qr(factor, mode="complete")
            bases[index + 1], rows[index] = basis, outputs
            factor = triangle[..., :outputs, :]
        stand_ins[found.stand_in[matrix].name] = np.ascontiguousarray(factor)
    return rows, stand_ins
