"""`fa-dynamics derive`: print what was derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app

if TYPE_CHECKING:
    from fa_dynamics.derive import Chain, Flow

FORMATS = ("text", "latex", "python")


@app.command()
def derive(
    depth: Annotated[int, typer.Option(help="Number of layers.")] = 2,
    rule: Annotated[str, typer.Option(help="bp, fa, dfa, sign, kp, or file.py:ClassName.")] = "fa",
    decay: Annotated[bool, typer.Option("--decay", help="With weight decay rho_l in every layer.")] = False,
    chain: Annotated[bool, typer.Option("--chain", help="The scalar dynamics of one mode.")] = False,
    invariants: Annotated[bool, typer.Option("--invariants", help="Also the first integrals.")] = False,
    degree: Annotated[int, typer.Option(help="Highest degree of discovered first integrals of the chain.")] = 2,
    format: Annotated[str, typer.Option(help="text, latex or python (a file that runs on NumPy alone).")] = "text",
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Derive the flow of a deep linear network from its loss, and print it.

    Example: [bold]fa-dynamics derive --depth 3 --rule fa --chain --invariants[/bold]
    """
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.derive.flow import derive as derive_flow
    from fa_dynamics.errors import InputError, nearest

    if format not in FORMATS:
        raise InputError(f"format: no format is called {format!r}; {nearest(format, FORMATS)}")
    if format == "python" and (chain or invariants or json):
        raise InputError("format: python prints the matrix flow alone; leave out --chain, --invariants and --json")
    flow = derive_flow(depth, rule, decay=decay)
    if format == "python":
        print(flow.python(), end="")
        return
    shown: Flow | Chain = flow.chain() if chain else flow
    if json:
        found = {
            "rule": flow.rule.name,
            "depth": depth,
            "equations": shown.text().splitlines(),
            "latex": shown.latex(),
        }
        print_json(found | (_law_record(flow, chain, degree) if invariants else {"first_integrals": None}))
        return
    lines = [shown.latex() if format == "latex" else shown.text()]
    if invariants:
        lines += ["", *_law_lines(flow, chain, degree, format)]
    print("\n".join(lines))


def _law_record(flow: Flow, chain: bool, degree: int) -> dict[str, Any]:
    if not chain:
        return {"first_integrals": [str(law) for law in flow.invariants()]}
    found = flow.chain().invariants(degree)
    return {
        "first_integrals": [str(generator) for generator in found.generators],
        "dimension": found.dimension,
        "degree": found.degree,
        "variables": [str(variable) for variable in found.variables],
    }


def _law_lines(flow: Flow, chain: bool, degree: int, format: str) -> list[str]:
    from fa_dynamics.derive.printing import latex

    comment = "% " if format == "latex" else ""
    if not chain:
        laws = flow.invariants()
        none = comment + (
            "no first integrals with weight decay"
            if flow.decay
            else "the rule proposes no first integral that holds; --chain --invariants searches for those of a mode"
        )
        return [law.latex() if comment else str(law) for law in laws] or [none]
    found = flow.chain().invariants(degree)
    lines = [f"{latex(law)} = \\mathrm{{const}}" if comment else f"constant: {law}" for law in found.generators]
    total = (
        f"{comment}{len(found.generators)} independent first integrals; dimension {found.dimension} up to degree "
        f"{found.degree} in {', '.join(map(str, found.variables))}"
    )
    return [*lines, total]
