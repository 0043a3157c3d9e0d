"""SymPy nodes that print as NumPy calls into given memory, and the printer that lambdify uses for them."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Symbol
from sympy.matrices.expressions import MatrixExpr
from sympy.printing.numpy import NumPyPrinter


class Into(MatrixExpr):  # type: ignore[misc]
    """A matrix expression evaluated into `memory`: the base of the nodes below."""

    def __new__(cls, memory: Any, *operands: Any) -> Into:
        """Keep the operands as they are."""
        node: Into = Basic.__new__(cls, memory, *operands)
        return node

    @property
    def shape(self) -> tuple[Any, Any]:
        """Shape of the memory."""
        rows, columns = self.args[0].shape
        return rows, columns


class DotInto(Into):
    """memory = left @ right."""

    def _numpycode(self, printer: Any, **_: Any) -> str:
        memory, left, right = map(printer._print, self.args)
        # lambdify's plain `matmul` is that of numpy.linalg, which takes no memory.
        return f"{'numpy.matmul' if printer.stacked else 'dot'}({left}, {right}, {memory})"


class ScaleInto(Into):
    """memory = left * diag(right), with the diagonal as a vector; or diag(left) * right."""

    def _numpycode(self, printer: Any, **_: Any) -> str:
        memory, left, right, vector_first = self.args
        code = [printer._print(left), printer._print(right)]
        if vector_first:
            code[0] += "[:, None]"
        return f"multiply({code[0]}, {code[1]}, {printer._print(memory)})"


class SumInto(Into):
    """memory = c_1 A_1 + c_2 A_2 + ...; A_1 may be the memory itself, `scratch` holds scaled terms."""

    def _numpycode(self, printer: Any, **_: Any) -> str:
        memory, scratch, *pairs = self.args
        out, spare = printer._print(memory), printer._print(scratch)
        coefficients, matrices = pairs[::2], [printer._print(matrix) for matrix in pairs[1::2]]
        if coefficients[0] != 1:
            total = f"multiply({printer._print(coefficients[0])}, {matrices[0]}, {out})"
        else:
            total = matrices[0] if len(pairs) > 2 else f"positive({matrices[0]}, {out})"
        for coefficient, matrix in zip(coefficients[1:], matrices[1:], strict=True):
            call, size = ("subtract", -coefficient) if coefficient.could_extract_minus_sign() else ("add", coefficient)
            term = matrix if size == 1 else f"multiply({printer._print(size)}, {matrix}, {spare})"
            total = f"{call}({total}, {term}, {out})"
        return total


class MatrixPrinter(NumPyPrinter):  # type: ignore[misc]
    """NumPy code for the matrix expressions of a flow.

    SymPy 1.14 prints a function applied to every entry of a matrix as no valid Python, and does not print elementwise
    powers at all; products are printed with ``@``.

    Parameters
    ----------
    stacked
        Whether every matrix has leading axes, as the members of an ensemble do.
    settings
        Of SymPy's printer.
    """

    def __init__(self, settings: dict[str, Any], stacked: bool = False) -> None:
        super().__init__(settings)
        self.stacked = stacked

    def _print_ElementwiseApplyFunction(self, expression: Any) -> str:
        body = expression.function.expr
        argument = expression.function.variables[0]
        matrix = self._print(expression.expr)
        if body.args == (argument,):
            call: str = self._print(body.func(Symbol(matrix)))
            return call
        return f"(lambda {self._print(argument)}: {self._print(body)})({matrix})"

    def _print_HadamardPower(self, expression: Any) -> str:
        return f"({self._print(expression.base)})**({self._print(expression.exp)})"

    def _print_MatMul(self, expression: Any) -> str:
        coefficient, matrices = expression.as_coeff_matrices()
        code = " @ ".join(f"({self._print(m)})" if m.is_Add else self._print(m) for m in matrices)
        return code if coefficient == 1 else f"{self._print(coefficient)} * ({code})"

    def _print_Transpose(self, expression: Any) -> str:
        argument = self._print(expression.arg)
        return f"{argument if expression.arg.is_symbol else f'({argument})'}.{'mT' if self.stacked else 'T'}"

    def _print_Inverse(self, expression: Any) -> str:
        return f"{self._module_format(self._module + '.linalg.inv')}({self._print(expression.arg)})"
