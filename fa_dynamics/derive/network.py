"""The symbols of a depth-L linear network, its loss as one trace, and what SymPy makes of its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy import MatrixSymbol, Rational, Trace

from fa_dynamics.derive import words as w
from fa_dynamics.errors import DerivationError, InputError


@dataclass(frozen=True)
class Network:
    """The symbols of y = W_L ... W_1 x and of the second moments of its data.

    Parameters
    ----------
    depth
        Number of layers L >= 1.

    Notes
    -----
    Sizes n_0..n_L are positive integer symbols. ``W(l)`` is n_l x n_{l-1}; ``B(l)``, which may stand in the place
    of W_l^T, is n_{l-1} x n_l; ``D(l)``, direct feedback from the output error to layer l, is n_l x n_L.
    Source: `notation.md` sections 1 and 2.
    """

    depth: int

    def __post_init__(self) -> None:
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 1:
            raise InputError(f"depth: {self.depth!r} given, expected a whole number of layers >= 1")

    def n(self, layer: int) -> Any:
        """Number of units of layer 0..L."""
        return sp.Symbol(f"n_{layer}", integer=True, positive=True)

    def W(self, layer: int) -> Any:
        """Weights of layer 1..L, n_l x n_{l-1}."""
        return MatrixSymbol(f"W_{layer}", self.n(layer), self.n(layer - 1))

    def B(self, layer: int) -> Any:
        """Feedback in the place of W_l^T, l = 2..L, n_{l-1} x n_l."""
        return MatrixSymbol(f"B_{layer}", self.n(layer - 1), self.n(layer))

    def D(self, layer: int) -> Any:
        """Direct feedback from the output error to layer l = 1..L-1, n_l x n_L."""
        return MatrixSymbol(f"D_{layer}", self.n(layer), self.n(self.depth))

    @property
    def weights(self) -> tuple[Any, ...]:
        """W_1..W_L."""
        return tuple(self.W(layer) for layer in range(1, self.depth + 1))

    @property
    def sizes(self) -> tuple[Any, ...]:
        """n_0..n_L."""
        return tuple(self.n(layer) for layer in range(self.depth + 1))

    @property
    def input_moment(self) -> Any:
        """Sigma_xx = E[x x^T], n_0 x n_0, symmetric."""
        return w.SymmetricSymbol("Sigma_xx", self.n(0), self.n(0))

    @property
    def cross_moment(self) -> Any:
        """Sigma_yx = E[y x^T], n_L x n_0."""
        return MatrixSymbol("Sigma_yx", self.n(self.depth), self.n(0))

    @property
    def output_moment(self) -> Any:
        """Sigma_yy = E[y y^T], n_L x n_L, symmetric."""
        return w.SymmetricSymbol("Sigma_yy", self.n(self.depth), self.n(self.depth))

    @property
    def error_symbol(self) -> Any:
        """E, the name of the error matrix Sigma_yx - P Sigma_xx, n_L x n_0."""
        return MatrixSymbol("E", self.n(self.depth), self.n(0))

    @property
    def end_to_end(self) -> Any:
        """P = W_L ... W_1, n_L x n_0."""
        return w.product(reversed(self.weights), self.n(0))

    @property
    def loss(self) -> Any:
        """The loss 1/2 E|y - P x|^2 as one trace of second moments.

        One trace, because SymPy 1.14 silently returns 0 for the derivative of a sum of traces.
        """
        return squared_loss(self.end_to_end, self.input_moment, self.cross_moment, self.output_moment)

    def gradient(self, layer: int) -> tuple[Any, Any, Any]:
        """The gradient of the loss with respect to W_l, as three factors.

        Returns
        -------
        back, error, forward
            With gradient = - back * error * forward: what comes back (W_L..W_{l+1})^T, n_l x n_L; the error
            matrix E = Sigma_yx - P Sigma_xx, n_L x n_0; what went forward (W_{l-1}..W_1)^T, n_0 x n_{l-1}.
        """
        above = w.product((self.W(j) for j in range(self.depth, layer, -1)), self.n(layer))
        below = w.product((self.W(j) for j in range(layer - 1, 0, -1)), self.n(layer - 1))
        generic, factors = _split_gradient()
        replacements = {
            generic.above: w.expand(above),
            generic.weight: w.expand(self.W(layer)),
            generic.below: w.expand(below),
            generic.input_moment: w.expand(self.input_moment),
            generic.cross_moment: w.expand(self.cross_moment),
        }
        n_l, n_before, n_out, n_in = self.n(layer), self.n(layer - 1), self.n(self.depth), self.n(0)
        shapes = ((n_l, n_out), (n_out, n_in), (n_in, n_before))
        back, error, forward = (
            w.assemble(w.substitute(factor, replacements), *shape)
            for factor, shape in zip(factors, shapes, strict=True)
        )
        return back, error, forward


def squared_loss(end_to_end: Any, input_moment: Any, cross_moment: Any, output_moment: Any) -> Any:
    """1/2 tr(Sigma_yy - P Sigma_yx^T - Sigma_yx P^T + P Sigma_xx P^T), for the map P."""
    moment = (
        output_moment
        - end_to_end * cross_moment.T
        - cross_moment * end_to_end.T
        + end_to_end * input_moment * end_to_end.T
    )
    return Rational(1, 2) * Trace(moment)


@dataclass(frozen=True)
class _OneLayer:
    """One layer of any deep linear network: P = above * weight * below."""

    above: Any
    weight: Any
    below: Any
    input_moment: Any
    cross_moment: Any
    output_moment: Any


@lru_cache(maxsize=1)
def _split_gradient() -> tuple[_OneLayer, tuple[w.Words, w.Words, w.Words]]:
    """Differentiate the loss of P = A W C with respect to W, and split the result at its common ends.

    Every layer of every depth has this form, so that SymPy needs to differentiate once; that the result equals
    the derivative of the loss written out with all its layers is tested.
    """
    a, b, c, d = (sp.Symbol(f"m_{i}", integer=True, positive=True) for i in range(4))
    layer = _OneLayer(
        above=MatrixSymbol("A", a, b),
        weight=MatrixSymbol("W", b, c),
        below=MatrixSymbol("C", c, d),
        input_moment=w.SymmetricSymbol("S_xx", d, d),
        cross_moment=MatrixSymbol("S_yx", a, d),
        output_moment=w.SymmetricSymbol("S_yy", a, a),
    )
    end_to_end = layer.above * layer.weight * layer.below
    loss = squared_loss(end_to_end, layer.input_moment, layer.cross_moment, layer.output_moment)
    gradient = w.expand(loss.diff(layer.weight).doit())
    back, middle, forward = _split_at_common_ends(gradient)
    return layer, ({back: sp.S.One}, w.scale(middle, -sp.S.One), {forward: sp.S.One})


def _split_at_common_ends(gradient: w.Words) -> tuple[w.Word, w.Words, w.Word]:
    """Factor a sum of words into (common prefix) * (rest) * (common suffix)."""
    if not gradient:
        raise DerivationError("the derivative of the loss came out as zero")
    first, *others = gradient
    head = 0
    while all(word[head : head + 1] == first[head : head + 1] for word in others) and head < len(first):
        head += 1
    tail = 0
    while tail < len(first) - head and all(word[len(word) - 1 - tail] == first[-1 - tail] for word in others):
        tail += 1
    rest = {word[head : len(word) - tail]: coefficient for word, coefficient in gradient.items()}
    return first[:head], rest, first[len(first) - tail :]
