"""`fa-dynamics tasks`: the data sets it knows."""

from __future__ import annotations

from typing import Annotated

import typer

from fa_dynamics.cli.app import app


@app.command()
def tasks(
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List the data sets that --task knows.

    Example: [bold]fa-dynamics tasks[/bold]
    """
    from fa_dynamics.cli.output import print_json, print_table
    from fa_dynamics.tasks import describe

    known = describe()
    if json:
        print_json(known)
    else:
        print_table("Tasks", ["name", "what it is"], [[name, text] for name, text in known.items()], words=2)
