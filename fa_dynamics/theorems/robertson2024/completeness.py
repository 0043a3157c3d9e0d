"""The listed conservation laws of feedback alignment are all there are, counted by Lie brackets at small sizes."""

from functools import reduce
from itertools import pairwise
from itertools import product as cartesian
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix
from sympy.polys.rings import ring

from fa_dynamics.derive.conservation import explicit_form
from fa_dynamics.derive.flow import derive
from fa_dynamics.theorems import (
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    equal,
    is_true,
)

TWO_LAYERS = ((2, 2, 2), (1, 2, 3), (2, 1, 3), (2, 3, 1), (3, 2, 1), (1, 3, 2), (2, 3, 2), (1, 1, 1))
THREE_LAYERS = ((1, 1, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1), (1, 2, 1, 2), (2, 1, 2, 1), (1, 2, 2, 2))
STALE = 40
"""Brackets in a row without a new direction after which there are taken to be no more."""


def sample(draw: Draw) -> Instance:
    """Depths 2 and 3; feedback and the point where directions are counted have random whole entries."""
    sizes = draw.choice(TWO_LAYERS if draw.flip(0.6) else THREE_LAYERS)
    while True:
        case = {
            "sizes": list(sizes),
            "feedback": [wholes(draw, below, above) for below, above in pairwise(sizes[1:])],
            "point": [wholes(draw, above, below) for below, above in pairwise(sizes)],
            "seed": draw.seed(),
        }
        if is_generic(case):
            return case


def wholes(draw: Draw, rows: int, columns: int) -> list[list[int]]:
    """A matrix of whole numbers up to 20, none of them 0."""
    return [[int(draw.sign()) * draw.integer(1, 20) for _ in range(columns)] for _ in range(rows)]


def is_generic(case: Instance) -> bool:
    """Every B_l has full rank, and C_1 that of the narrowest layer above the input."""
    backs = [sp.Matrix(back) for back in case["feedback"]]
    chain = reduce(lambda a, b: a * b, backs)
    return all(back.rank() == min(back.shape) for back in backs) and chain.rank() == min(case["sizes"][1:])


def expected(sizes: list[int]) -> int:
    """Number of laws of two layers."""
    inputs, hidden, outputs = sizes
    if hidden <= outputs:
        return hidden * (hidden + 1) // 2
    return (hidden - outputs) * inputs + hidden * outputs - outputs * (outputs - 1) // 2


def check(case: Instance) -> list[Evidence]:
    """Dimension of the state, minus that of the Lie algebra of all velocities at a point: the number of laws."""
    sizes = list(case["sizes"])
    weights = [sp.Matrix(r, c, lambda i, j, n=n: sp.Symbol(f"w_{n}_{i}_{j}")) for n, (c, r) in enumerate(pairs(sizes))]
    symbols = [entry for matrix in weights for entry in matrix]
    polynomials, *_ = ring(symbols, QQ)
    values = [QQ(int(entry)) for matrix in case["point"] for row in matrix for entry in row]
    stated = [polynomials.from_expr(law) for law in laws(case, weights)]
    slopes = [[law.diff(x) for x in polynomials.gens] for law in stated]
    place = list(zip(polynomials.gens, values, strict=True))
    listed = rank([[slope.evaluate(place) for slope in row] for row in slopes])
    fields = velocities(case, weights, polynomials)
    rates = [
        sum((a * b for a, b in zip(row, field, strict=True)), polynomials.zero) for row in slopes for field in fields
    ]
    found = len(symbols) - directions(fields, polynomials, values, len(symbols) - listed, case["seed"])
    counts = [is_true("the listed laws are conserved", not any(rates))]
    counts.append(equal("laws found, and laws listed", found, listed, 0.0, scale=1.0))
    if len(sizes) == 3:
        counts.append(equal("laws found, and their number in the claim", found, expected(sizes), 0.0, scale=1.0))
    return counts


def pairs(sizes: list[int]) -> list[tuple[int, int]]:
    """Columns and rows of W_1..W_L."""
    return list(pairwise(sizes))


def laws(case: Instance, weights: list[Any]) -> list[Any]:
    """Entries of Q_l, and of u^T W_l for u in the kernel of C_l^T."""
    found, chain = [], sp.eye(case["sizes"][-1])
    for layer in range(len(weights) - 2, -1, -1):
        back, lower, upper = sp.Matrix(case["feedback"][layer]), weights[layer], weights[layer + 1]
        chain = back * chain
        law = lower * lower.T - back * upper - (back * upper).T
        found += [sp.expand(law[i, j]) for i in range(law.rows) for j in range(i + 1)]
        found += [sp.expand(entry) for u in chain.T.nullspace() for entry in u.T * lower]
    return found


def velocities(case: Instance, weights: list[Any], polynomials: Any) -> list[list[Any]]:
    """The derived velocity for every error matrix with one entry."""
    flow = derive(len(weights), "fa")
    network, sizes = flow.network, case["sizes"]
    numbers = dict(zip(network.sizes, sizes, strict=True))
    known = {f"W_{layer + 1}": matrix for layer, matrix in enumerate(weights)}
    known |= {f"B_{layer + 2}": sp.Matrix(back) for layer, back in enumerate(case["feedback"])}
    fields = []
    for row, column in cartesian(range(sizes[-1]), range(sizes[0])):
        error = sp.zeros(sizes[-1], sizes[0])
        error[row, column] = 1
        moving = [explicit_form(flow.factored[matrix], numbers, {**known, "E": error}) for matrix in flow.state]
        fields.append([polynomials.from_expr(sp.expand(entry)) for matrix in moving for entry in matrix])
    return fields


def directions(fields: list[list[Any]], polynomials: Any, values: list[Any], most: int, seed: int) -> int:
    """Dimension of the span of the fields and their repeated brackets at a point; there are at most `most`."""
    place = list(zip(polynomials.gens, values, strict=True))
    rng, known = np.random.default_rng(seed), list(fields)
    spanned = [[entry.evaluate(place) for entry in field] for field in fields]
    count, stale = rank(spanned), 0
    while count < most and stale < STALE:
        one, other = fields[rng.integers(len(fields))], known[rng.integers(len(known))]
        new = bracket(one, other, polynomials)
        grown = rank([*spanned, [entry.evaluate(place) for entry in new]])
        stale = 0 if grown > count else stale + 1
        if grown > count or (any(new) and len(known) < 4 * most):
            known.append(new)
        if grown > count:
            spanned.append([entry.evaluate(place) for entry in new])
            count = grown
    return count


def bracket(one: list[Any], other: list[Any], polynomials: Any) -> list[Any]:
    """[X, Y] = DY X - DX Y."""

    def along(field: list[Any], direction: list[Any]) -> list[Any]:
        slopes = zip(polynomials.gens, direction, strict=True)
        moving = [(x, d) for x, d in slopes if d]
        return [sum((entry.diff(x) * d for x, d in moving), polynomials.zero) for entry in field]

    return [a - b for a, b in zip(along(other, one), along(one, other), strict=True)]


def rank(rows: list[list[Any]]) -> int:
    """In exact arithmetic."""
    return int(
        DomainMatrix([[QQ.convert(entry) for entry in row] for row in rows], (len(rows), len(rows[0])), QQ).rank()
    )


def special(draw: Draw) -> Instance:
    """Two layers whose feedback has a row of zeros."""
    case = dict(sample(draw))
    sizes = draw.choice(((2, 2, 2), (1, 2, 3), (3, 2, 2)))
    feedback = [[0] * sizes[2], *wholes(draw, sizes[1] - 1, sizes[2])]
    point = [wholes(draw, above, below) for below, above in pairs(list(sizes))]
    return {**case, "sizes": list(sizes), "feedback": [feedback], "point": point}


STATEMENT = Statement(
    id="robertson2024.completeness",
    claim=(
        r"For generic feedback every law that holds along the flow of feedback alignment for all error signals depends "
        r"on the entries of $Q_l$ and on $u^\top W_l$, $u \in \ker C_l^\top$; for $L = 2$ these are "
        r"$n_1 (n_1 + 1) / 2$ if $n_1 \le n_2$, else $(n_1 - n_2) n_0 + n_1 n_2 - n_2 (n_2 - 1) / 2$."
    ),
    provenance="observed",
    realises=("R3",),
    hypotheses=(Hypothesis("generic feedback", "all $B_l$ and $C_1$ have full rank", is_generic),),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("generic feedback", "A neuron without feedback has more laws.", special),),
    draws=Draws(default=12),
    note="Linear networks, at sizes of up to three units and depths up to three; exact arithmetic at a random point.",
)
