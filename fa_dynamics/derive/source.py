"""A derived flow as a Python file that needs NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sympy import Identity, MatrixSymbol, OneMatrix, ZeroMatrix

from fa_dynamics._version import __version__
from fa_dynamics.derive.numpy_code import MatrixPrinter
from fa_dynamics.derive.printing import flow_text, signed_sum
from fa_dynamics.derive.program import Program, velocity_program

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow

_TEMPLATE = '''"""{title}

Derived from the loss by fa_dynamics {version}. W_l is n_l x n_(l-1); samples are columns x, y;
Sigma_xx = E[x x^T], Sigma_yx = E[y x^T].

{equations}
"""

import numpy


def velocity({arguments}):
    """Return {returns}."""
{body}
    return {returns}


if __name__ == "__main__":
    rng = numpy.random.default_rng(0)
    sizes = {sizes}
    inputs = rng.standard_normal((sizes[0], 50))
    targets = rng.standard_normal((sizes[-1], sizes[0])) @ inputs
    moments = inputs @ inputs.T / 50, targets @ inputs.T / 50
    state = [{state}]
    parameters = [{parameters}]
    step = 0.01
    for iteration in range(2001):
        if iteration % 500 == 0:
            end_to_end = state[0]
            for weight in state[1:{depth}]:
                end_to_end = weight @ end_to_end
            loss = ((targets - end_to_end @ inputs) ** 2).sum() / 100
            print(f"t = {{iteration * step:5.1f}}   loss = {{loss:.6f}}")
        moved = velocity(*state, *parameters)
        state = [matrix + step * moving for matrix, moving in zip(state, moved)]
'''


def flow_source(flow: Flow) -> str:
    """NumPy source of a flow: a `velocity` function, and a small Euler run when executed.

    The file runs on its own with NumPy alone.
    """
    sizes = tuple(6 if layer < flow.depth else 3 for layer in range(flow.depth + 1))
    network = flow.network
    fixed = [matrix for matrix in flow.feedback if matrix not in flow.state]
    arguments = [*flow.state, *fixed, network.input_moment, network.cross_moment, *flow.decay_rates]
    program = velocity_program(flow, sizes)
    numbers = dict(zip(network.sizes, sizes, strict=True))
    return _TEMPLATE.format(
        title=f"Flow of a linear network of depth {flow.depth} under the rule {flow.rule.name!r}.",
        version=__version__,
        equations=flow_text(flow),
        arguments=", ".join(symbol.name for symbol in arguments),
        returns=", ".join(output.name for output in program.outputs) + ("," if len(program.outputs) == 1 else ""),
        body="\n".join(f"    {line}" for line in _lines(program, arguments)),
        sizes=sizes,
        state=", ".join(_draw(matrix, numbers, 0.1) for matrix in flow.state),
        parameters=", ".join(
            [_draw(matrix, numbers, 0.5) for matrix in fixed] + ["*moments"] + ["1e-3"] * len(flow.decay_rates)
        ),
        depth=flow.depth,
    )


def _sizes_needed(program: Program, arguments: Sequence[Any]) -> list[str]:
    """Numbers of units that stand in the code itself, read off the shapes of the arguments."""
    matrices = [matrix for matrix in arguments if isinstance(matrix, MatrixSymbol)]
    origin = {size: f"{matrix.name}.shape[{axis}]" for matrix in matrices for axis, size in enumerate(matrix.shape)}
    needed = {
        size
        for statement in (*program.constants, *program.statements)
        for coefficient, operands in statement.terms
        for size in coefficient.free_symbols.union(*map(_printed_sizes, operands))
        if size in origin
    }
    return [f"{size} = {origin[size]}" for size in sorted(needed, key=str)]


def _printed_sizes(operand: Any) -> set[Any]:
    shapes = [part.shape for part in operand.atoms(OneMatrix, ZeroMatrix, Identity)]
    return {size for shape in shapes for size in shape}


def _lines(program: Program, arguments: Sequence[Any]) -> list[str]:
    printer = MatrixPrinter({"allow_unknown_functions": True})
    lines = _sizes_needed(program, arguments)
    for statement in (*program.constants, *program.statements):
        terms = [(c, " @ ".join(printer.doprint(operand) for operand in operands)) for c, operands in statement.terms]
        lines.append(f"{statement.target.name} = {signed_sum(terms, ' * ', printer.doprint)}")
    return lines


def _draw(matrix: Any, numbers: dict[Any, int], scale: float) -> str:
    rows, columns = (numbers[size] for size in matrix.shape)
    return f"{scale} * rng.standard_normal(({rows}, {columns}))"
