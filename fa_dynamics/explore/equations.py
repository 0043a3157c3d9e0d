"""The derived equations of a rule and a depth, as Markdown with LaTeX."""

from __future__ import annotations

from functools import cache

from fa_dynamics.derive.flow import derive
from fa_dynamics.modes.lines import chain_of


@cache
def equations(depth: int, rule: str) -> tuple[str, str, str]:
    """The matrix flow, the scalar chain of one mode, and the first integrals, all as SymPy derived them."""
    flow = derive(depth, rule)
    chain = chain_of(depth, flow.rule)
    basis = "" if flow.rule.equivariance == "orthogonal" else ", for modes that are single units"
    laws = [f"& {law.latex()}" for law in flow.invariants()]
    return (
        _part("Flow of the weights", flow.latex()),
        _part(f"One mode, $p = \\theta_L \\cdots \\theta_1${basis}", chain.latex()),
        _part("First integrals, verified by SymPy", "\\begin{aligned}\n" + " \\\\\n".join(laws) + "\n\\end{aligned}")
        if laws
        else "**First integrals**: the rule proposes none.",
    )


def _part(title: str, latex: str) -> str:
    return f"**{title}**\n\n$$\n{latex}\n$$"
