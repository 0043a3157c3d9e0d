"""Equations as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

if TYPE_CHECKING:
    from fa_dynamics.derive.flow import Flow


def _applied(expression: Any, argument: str) -> Any:
    """The body of an elementwise function, with the printed matrix in the place of its variable."""
    return expression.function(sp.Symbol(argument, real=True))


class _Text(StrPrinter):  # type: ignore[misc]
    """SymPy's text, with f(X) for a function applied to every entry of X."""

    def _print_ElementwiseApplyFunction(self, expression: Any) -> str:
        return str(self._print(_applied(expression, self._print(expression.expr))))

    def _print_MatAdd(self, expression: Any) -> str:
        pairs = [term.as_coeff_mmul() for term in expression.args]
        ordered = sorted(pairs, key=lambda pair: bool(pair[0].could_extract_minus_sign()))
        return signed_sum([(c, self._print(matrix)) for c, matrix in ordered], "*", self._print)


class _Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX, with f(X) for a function applied to every entry of X."""

    def _print_ElementwiseApplyFunction(self, expression: Any) -> str:
        return str(self._print(_applied(expression, self._print(expression.expr))))


def signed_sum(terms: Sequence[tuple[Any, str]], times: str, show: Callable[[Any], str]) -> str:
    """``A - rho*B`` from pairs of a coefficient and the code of a matrix."""
    total = ""
    for coefficient, matrix in terms:
        negative = bool(coefficient.could_extract_minus_sign())
        size = -coefficient if negative else coefficient
        term = matrix if size == 1 else f"{show(size)}{times}{matrix}"
        sign = ("-" if negative else "") if not total else (" - " if negative else " + ")
        total += f"{sign}{term}"
    return total


def text(expression: Any) -> str:
    """An expression in plain text."""
    printed: str = _Text().doprint(expression)
    return printed


def latex(expression: Any) -> str:
    """An expression in LaTeX."""
    printed: str = _Latex().doprint(expression)
    return printed


def flow_text(flow: Flow) -> str:
    """One equation a line, in plain text."""
    lines = [f"E = {text(flow.error)}"]
    lines += [f"d{matrix}/dt = {text(velocity)}" for matrix, velocity in flow.factored.items()]
    return "\n".join(lines)


def flow_latex(flow: Flow) -> str:
    """The equations of a flow as a LaTeX `aligned` environment."""
    return aligned(flow.equations())


def aligned(equations: Sequence[Any]) -> str:
    """SymPy equations as a LaTeX `aligned` environment."""
    rows = [f"{latex(equation.lhs)} &= {latex(equation.rhs)}" for equation in equations]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def dotted(name: str) -> str:
    """The name of a time derivative, which SymPy's LaTeX prints with a dot: 'W_1' -> 'Wdot_1'."""
    letters, _, index = name.rpartition("_")
    return f"{letters}dot_{index}"
