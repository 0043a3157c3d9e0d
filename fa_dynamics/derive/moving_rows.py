"""Fixed feedback moves few rows: a flow in orthogonal coordinates in which the others stand still, or only decay.

What a rule with fixed feedback sends to layer l begins with a constant matrix C_l of n_L columns, and
``dW_l/dt = C_l (...) - rho_l W_l``. In a basis of layer l whose first vectors span the columns of C_l,
``Q_l^T C_l = [R_l; 0]``: only the first rows of ``Q_l^T W_l`` are taught, with R_l in the place of C_l, and the
others are e^(-rho_l t) times what they were. Orthogonal changes of basis keep the form of the flow; that they do is
proved here for every flow before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import MatrixSymbol, Transpose

from fa_dynamics.derive import words as w

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow


@dataclass(frozen=True, eq=False)
class MovingRows:
    """The velocity of the rows that move.

    Attributes
    ----------
    flow
        The flow.
    constants
        W_l -> C_l, the constant matrix its velocity begins with, for the layers that have one.
    stand_in
        W_l -> R_l, the symbol in the place of C_l, of shape (r_l, n_L).
    error
        E, in words.
    velocity
        Of the first r_l rows of W_l, or of all rows where there is no R_l; in words.
    first_rows, fading
        With weight decay, W_l -> M_l, its first r_l rows, and W_l -> F_l, a diagonal matrix: here W_l stands for M_l
        over the other rows as they were at t = 0, and the weights are F_l W_l. F_l is 1 in the first r_l places and
        e^(-rho_l t) in the others. Both are empty without decay.
    """

    flow: Flow
    constants: Mapping[Any, Any]
    stand_in: Mapping[Any, Any]
    error: w.Words
    velocity: Mapping[Any, w.Words]
    first_rows: Mapping[Any, Any]
    fading: Mapping[Any, Any]


@lru_cache(maxsize=64)
def moving_rows(flow: Flow) -> MovingRows | None:
    """Find what stands still; None if not even the basis of the inputs may be turned.

    Source: robertson2024.matrix-law, in whose proof the same constant factor appears.
    """
    network = flow.network
    whole = {matrix: w.expand(expression) for matrix, expression in flow.factored.items()}
    moments = {network.input_moment, network.cross_moment}
    if moments & _matrices_in(whole.values()) or any(network.n(0) in matrix.shape for matrix in flow.feedback):
        return None  # only the error and W_1 may know of the basis of the inputs
    error = w.expand(flow.error)
    if keeps_form(flow, tuple(range(flow.depth))):
        found = _taught(flow, whole, error)
        # feedback that is left would have to be turned with its layers
        if not set(flow.feedback) & (_matrices_in(found.velocity.values()) | set(flow.state)):
            return found
    return MovingRows(flow, {}, {}, error, whole, {}, {}) if keeps_form(flow, (0,)) else None


def _taught(flow: Flow, whole: Mapping[Any, w.Words], error: w.Words) -> MovingRows:
    """Give every W_l whose velocity begins with a constant matrix its R_l, and with decay its M_l and F_l."""
    constants: dict[Any, Any] = {}
    stand_in: dict[Any, Any] = {}
    first_rows: dict[Any, Any] = {}
    fading: dict[Any, Any] = {}
    taught: dict[Any, w.Words] = {}
    for layer, matrix in enumerate(flow.network.weights[:-1], start=1):
        decayed = {(matrix,): -flow.decay_rates[layer - 1]} if flow.decay else {}
        head, rest = _constant_head(flow, w.subtract(whole[matrix], decayed))
        if not head:
            continue
        rows, (units, inputs) = rows_symbol(layer), matrix.shape
        constants[matrix] = w.assemble({head: sp.S.One}, head[0].shape[0], head[-1].shape[1])
        stand_in[matrix] = MatrixSymbol(f"R_{layer}", rows, head[-1].shape[1])
        taught[matrix] = rest
        if flow.decay:
            first_rows[matrix] = MatrixSymbol(f"M_{layer}", rows, inputs)
            fading[matrix] = w.SymmetricSymbol(f"F_{layer}", units, units)
    faded = {matrix: {(factor, matrix): sp.S.One} for matrix, factor in fading.items()}
    velocity = {}
    for matrix, words in whole.items():
        velocity[matrix] = w.substitute(taught.get(matrix, words), faded)
        if matrix in taught:
            velocity[matrix] = w.multiply({(stand_in[matrix],): sp.S.One}, velocity[matrix])
        if matrix in fading:
            rate = flow.decay_rates[flow.network.weights.index(matrix)]
            velocity[matrix] = w.subtract(velocity[matrix], {(first_rows[matrix],): rate})
    return MovingRows(flow, constants, stand_in, w.substitute(error, faded), velocity, first_rows, fading)


def rows_symbol(layer: int) -> Any:
    """r_l, the number of rows of W_l that move."""
    return sp.Symbol(f"r_{layer}", integer=True, positive=True)


def keeps_form(flow: Flow, turned: tuple[int, ...]) -> bool:
    """Whether an orthogonal change of basis of these layers maps the flow to itself, for all matrices and sizes.

    With ``X = Q_i X' Q_j^T`` in the place of every matrix X between layers j and i, the velocity of ``W_l'`` and the
    error must be what they were, in primed matrices.
    """
    network = flow.network
    layer_of = {size: layer for layer, size in enumerate(network.sizes)}

    def basis(layer: int) -> w.Words:
        size = network.n(layer)
        return {(MatrixSymbol(f"Q_{layer}", size, size),): sp.S.One} if layer in turned else {(): sp.S.One}

    def between(words: w.Words, shape: tuple[Any, Any]) -> w.Words:
        above, below = (basis(layer_of[size]) for size in shape)
        return _cancelled(w.multiply(above, words, w.transpose(below)))

    matrices = {*flow.state, *flow.feedback, network.error_symbol, network.input_moment, network.cross_moment}
    replaced = {matrix: between({(matrix,): sp.S.One}, matrix.shape) for matrix in matrices}
    claims = [(w.expand(expression), matrix.shape) for matrix, expression in flow.factored.items()]
    claims.append((w.expand(flow.error), network.error_symbol.shape))
    sizes = {network.n(layer) for layer in turned}
    if any(_hides(words, sizes) for words, _ in claims):
        return False
    return all(
        not w.subtract(_cancelled(w.substitute(words, replaced)), between(words, shape)) for words, shape in claims
    )


def _matrices_in(velocities: Iterable[w.Words]) -> set[Any]:
    """All matrix symbols, those of coefficients and inside of functions included."""
    found: set[Any] = set()
    for words in velocities:
        for word, value in words.items():
            found.update(*(factor.atoms(MatrixSymbol) for factor in word), value.atoms(MatrixSymbol))
    return found


def _hides(words: w.Words, sizes: set[Any]) -> bool:
    """Whether a matrix of a turned layer stands where no product reaches it: in a function, or in a coefficient."""
    for word, value in words.items():
        if value.atoms(MatrixSymbol):
            return True
        for factor in word:
            matrix, _ = w.split_transpose(factor)
            if not isinstance(matrix, MatrixSymbol):
                touched = {*matrix.shape, *(size for symbol in matrix.atoms(MatrixSymbol) for size in symbol.shape)}
                if touched & sizes:
                    return True
    return False


def _constant_head(flow: Flow, words: w.Words) -> tuple[w.Word, w.Words]:
    """The constant factors that the one word of a velocity begins with, and the rest; nothing if there are several."""
    moving = {*flow.state, flow.network.error_symbol}
    if len(words) != 1:
        return (), words
    ((word, value),) = words.items()
    length = 0
    while length < len(word) and not moving.intersection(word[length].atoms(MatrixSymbol)):
        length += 1
    # what is left has to begin with the error, and a head is a product of plain matrices
    plain = all(isinstance(w.split_transpose(factor)[0], MatrixSymbol) for factor in word[:length])
    if not 0 < length < len(word) or word[length] != flow.network.error_symbol or not plain:
        return (), words
    return word[:length], {word[length:]: value}


def _cancelled(words: w.Words) -> w.Words:
    """Q^T Q = 1 wherever the two meet."""
    return w.add(*({_shortened(word): value} for word, value in words.items()))


def _shortened(word: w.Word) -> w.Word:
    left: list[Any] = []
    for factor in word:
        if left and _are_inverse(left[-1], factor):
            left.pop()
        else:
            left.append(factor)
    return tuple(left)


def _are_inverse(one: Any, other: Any) -> bool:
    first, second = (factor.arg if isinstance(factor, Transpose) else factor for factor in (one, other))
    turned = isinstance(one, Transpose) != isinstance(other, Transpose)
    return turned and first == second and isinstance(first, MatrixSymbol) and first.name.startswith("Q_")
