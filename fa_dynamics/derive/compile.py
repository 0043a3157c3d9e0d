"""From symbols to fast NumPy functions: lambdify, with our own shared products and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp
from sympy import MatrixSymbol

from fa_dynamics.derive import words as w
from fa_dynamics.derive.memory import numeric_shape, output_memory, with_memory
from fa_dynamics.derive.moving_rows import MovingRows, rows_symbol
from fa_dynamics.derive.numpy_code import MatrixPrinter
from fa_dynamics.derive.program import Program, lay_out, velocity_program
from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.derive.conservation import Invariant
    from fa_dynamics.derive.flow import Flow

Array = Any
"""A NumPy array; this room does not import NumPy."""

Moment = Literal["full", "diagonal", "identity"]
"""What a second moment of the inputs is."""


@dataclass(frozen=True, eq=False)
class CompiledFlow:
    """A flow at given sizes, ready to be evaluated.

    Attributes
    ----------
    flow
        The derived flow.
    sizes
        n_0..n_L.
    names, shapes
        Names and shapes of the matrices of the state, in the order in which a flat state holds them.
    parameters
        Names of the arguments that `bind` needs: fixed feedback, Sigma_xx, Sigma_yx, decay rates.
    multiply_adds
        Of all matrix products of one evaluation.
    memory_shapes
        Of the matrices of working memory.
    spread
        Working memory that holds a diagonal, repeated: its number, the parameter, whether that scales rows.
    fading
        Names of the matrices of which some rows only decay. Those of a state are given as they were at t = 0; the rows
        that move of every such matrix W_l follow the state, and the parameter F_l, of shape (n_l,), tells what is left
        of every row: whoever evaluates the velocity keeps it up to date.
    """

    flow: Flow
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    parameters: tuple[str, ...]
    multiply_adds: float
    memory_shapes: tuple[tuple[int, int], ...]
    spread: tuple[tuple[int, str, bool], ...]
    fading: tuple[str, ...]
    constants_function: Callable[..., list[Array]]
    velocity_function: Callable[..., list[Array]]

    def bind(
        self, parameters: Mapping[str, Array], empty: Callable[..., Array]
    ) -> Callable[[Sequence[Array], Sequence[Array]], None]:
        """Fix the parameters and the working memory.

        Parameters
        ----------
        parameters
            Value of every name in ``parameters``.
        empty
            Allocates an array of a shape (``numpy.empty``).

        Returns
        -------
        callable
            ``velocity_into(state, out)`` with lists of matrices; it writes to `out` and must not run in two threads
            at once, since it owns its working memory.
        """
        values = [parameters[name] for name in self.parameters]
        constants = self.constants_function(*values)
        memory = [empty(shape) for shape in self.memory_shapes]
        for index, name, rows in self.spread:
            memory[index][...] = parameters[name][:, None] if rows else parameters[name]
        function = self.velocity_function

        def velocity_into(state: Sequence[Array], out: Sequence[Array]) -> None:
            function(*state, *values, *constants, *out, *memory)

        return velocity_into


@lru_cache(maxsize=128)
def compile_flow(flow: Flow, sizes: tuple[int, ...], stacked: bool = False) -> CompiledFlow:
    """Compile a flow for given numbers of units.

    Parameters
    ----------
    flow
        A derived flow.
    sizes
        n_0..n_L; they decide the order of the products, nothing else.
    stacked
        Whether matrices will have a leading axis, one entry per member of an ensemble; those of a parameter that all
        members share need none.

    Raises
    ------
    InputError
        Wrong number of sizes, or one below 1.
    """
    if len(sizes) != flow.depth + 1 or any(size < 1 for size in sizes):
        raise InputError(f"sizes: {sizes} given, expected {flow.depth + 1} whole numbers >= 1")
    return compile_program(flow, velocity_program(flow, sizes), sizes, {}, stacked=stacked)


@lru_cache(maxsize=128)
def compile_moving_rows(
    found: MovingRows, sizes: tuple[int, ...], rows: tuple[int, ...], moment: Moment, stacked: bool = False
) -> CompiledFlow:
    """Compile the velocity of the rows that move, for given numbers of units.

    Parameters
    ----------
    found
        The flow in coordinates in which other rows stand still.
    sizes
        n_0..n_L.
    rows
        r_l of every R_l that `found` has, in the order of the layers.
    moment
        What Sigma_xx is in these coordinates: 'full', 'diagonal' (then its parameter is the diagonal, of shape (n_0,))
        or 'identity' (then it is not used).
    stacked
        As of `compile_flow`.

    Returns
    -------
    CompiledFlow
        Its velocity takes whole matrices and returns their first rows; ``shapes`` are those of what it returns. R_l
        stand among the parameters in the place of feedback.
    """
    flow, network = found.flow, found.flow.network
    sizes_of = dict(zip(network.sizes, sizes, strict=True))
    counts = dict(zip(found.stand_in, rows, strict=True))
    numbers = {rows_symbol(int(str(matrix)[2:])): count for matrix, count in counts.items()}
    plain: dict[Any, w.Words] = {network.input_moment: {(): sp.S.One}} if moment == "identity" else {}
    fading = {}
    for matrix, factor in found.fading.items():
        if counts[matrix] < sizes_of[matrix.shape[0]]:
            fading[matrix] = factor, found.first_rows[matrix]
        else:  # all rows move
            plain |= {factor: {(): sp.S.One}, found.first_rows[matrix]: {(matrix,): sp.S.One}}
    factors = {factor for factor, _ in fading.values()}
    diagonal = frozenset({network.input_moment, *factors} if moment == "diagonal" else factors)
    program = lay_out(
        network.error_symbol,
        w.substitute(found.error, plain),
        {matrix: w.substitute(words, plain) for matrix, words in found.velocity.items()},
        sizes_of | numbers,
        (network.n(0), network.n(flow.depth)),
        diagonal,
        frozenset(symbol for pair in fading.values() for symbol in pair),
    )
    return compile_program(flow, program, sizes, numbers, tuple(found.stand_in.values()), fading, diagonal, stacked)


def compile_program(
    flow: Flow,
    program: Program,
    sizes: tuple[int, ...],
    more_sizes: Mapping[Any, int],
    stand_ins: tuple[Any, ...] = (),
    fading: Mapping[Any, tuple[Any, Any]] = MappingProxyType({}),
    diagonal: frozenset[Any] = frozenset(),
    stacked: bool = False,
) -> CompiledFlow:
    """Compile a program of a flow.

    Parameters
    ----------
    flow, program, sizes
        What is compiled, for n_0..n_L.
    more_sizes
        Values of other size symbols.
    stand_ins
        Matrices that are parameters in the place of fixed feedback.
    fading
        W_l -> F_l, a parameter that changes with time, and M_l, the rows that move, which follow the state among the
        arguments.
    diagonal
        Parameters that are the diagonal of their matrix.
    stacked
        As of `compile_flow`.
    """
    network = flow.network
    numbers = dict(zip(network.sizes, sizes, strict=True)) | dict(more_sizes)
    used = {symbol for words in _matrices_of(program) for symbol in words}
    fixed = tuple(matrix for matrix in flow.feedback if matrix not in flow.state and matrix in used)
    factors, first_rows = ([pair[place] for pair in fading.values()] for place in range(2))
    parameters = (*stand_ins, *factors, *fixed, network.input_moment, network.cross_moment, *flow.decay_rates)
    plan = with_memory(program, numbers, diagonal, frozenset(factors), stacked)
    constants = [statement.target for statement in program.constants]
    return CompiledFlow(
        flow=flow,
        sizes=sizes,
        names=tuple(matrix.name for matrix in flow.state),
        shapes=tuple(numeric_shape(output, numbers) for output in program.outputs),
        parameters=tuple(symbol.name for symbol in parameters),
        multiply_adds=program.multiply_adds,
        memory_shapes=tuple(numeric_shape(symbol, numbers) for symbol in plan.memory),
        spread=plan.spread,
        fading=tuple(matrix.name for matrix in fading),
        constants_function=_lambdify(
            parameters, [(s.target, s.expression.subs(numbers)) for s in program.constants], constants, stacked
        ),
        velocity_function=_lambdify(
            (*flow.state, *first_rows, *parameters, *constants, *map(output_memory, program.outputs), *plan.memory),
            list(plan.steps),
            list(program.outputs),
            stacked,
        ),
    )


def _matrices_of(program: Program) -> list[set[Any]]:
    statements = (*program.constants, *program.statements)
    return [part.atoms(MatrixSymbol) for s in statements for _, operands in s.terms for part in operands]


def _lambdify(
    arguments: Sequence[Any], steps: list[tuple[Any, Any]], results: list[Any], stacked: bool
) -> Callable[..., Any]:
    """SymPy's lambdify; our statements stand in the place of its common subexpressions."""
    function: Callable[..., Any] = sp.lambdify(
        list(arguments),
        results,
        modules="numpy",
        printer=_printer(stacked),
        cse=lambda expressions: (steps, expressions),
    )
    return function


def _printer(stacked: bool = False) -> MatrixPrinter:
    settings = {"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True}
    return MatrixPrinter(settings, stacked)


@lru_cache(maxsize=256)
def compile_expression(expression: Any, stacked: bool = False) -> Callable[[Mapping[str, Array]], Array]:
    """A function from named matrices, or stacks of them, to the value of a matrix expression in them."""
    symbols = sorted(expression.atoms(MatrixSymbol), key=str)
    names = [symbol.name for symbol in symbols]
    function = sp.lambdify(symbols, expression, modules="numpy", printer=_printer(stacked))
    return lambda matrices: function(*(matrices[name] for name in names))


@lru_cache(maxsize=256)
def compile_invariant(flow: Flow, invariant: Invariant, outgoing: int) -> Callable[[Mapping[str, Array]], Array]:
    """A function from the named matrices of a state (and its feedback) to the value of a first integral.

    Parameters
    ----------
    flow, invariant
        The flow and one of its first integrals.
    outgoing
        Number of units n_{l+1} above the hidden layer, which a column potential needs.

    Returns
    -------
    callable
        It returns the matrix of a matrix law, or one number per neuron.
    """
    if invariant.kind == "matrix":
        return compile_expression(invariant.expression)
    column = sp.Matrix([sp.Symbol(f"w_{i}", real=True) for i in range(outgoing)])
    potential = sp.lambdify(list(column), flow.rule.potential(column), modules="numpy")
    below, above = f"W_{invariant.layer}", f"W_{invariant.layer + 1}"

    def neuron_law(matrices: Mapping[str, Array]) -> Array:
        rows = (matrices[below] ** 2).sum(axis=1)
        return rows / 2 - potential(*matrices[above])

    return neuron_law
