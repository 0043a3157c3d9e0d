"""`fa-dynamics explore`: the interactive page."""

from __future__ import annotations

from typing import Annotated

import typer

from fa_dynamics.cli.app import app


@app.command()
def explore(
    preset: Annotated[str | None, typer.Option(help="Open at a row of the table of starts: A, B, C, D, ...")] = None,
    port: Annotated[int, typer.Option(help="On this machine; 0 takes any that is free.")] = 2718,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Open a page with sliders: mode-learning curves, the potential, the order of learning, the equations.

    It is served to this machine alone and loads nothing from elsewhere; Ctrl-C ends it.

    Example: [bold]fa-dynamics explore --preset D[/bold]
    """
    import os
    import sys
    import webbrowser
    from urllib.parse import urlencode

    from fa_dynamics.errors import InputError, nearest
    from fa_dynamics.explore.presets import presets
    from fa_dynamics.explore.server import serve

    if preset is not None and preset not in presets():
        raise InputError(f"preset: no row of the table is called {preset!r}; {nearest(preset, presets())}")

    def ready(address: str) -> None:
        opened = address if preset is None else f"{address}?{urlencode({'preset': preset})}"
        print(f"the explorer is at {opened} (Ctrl-C ends it)", flush=True)
        if browser:
            webbrowser.open(opened)

    serve(port, ready)
    sys.stdout.flush()
    os._exit(0)  # threads of marimo's kernels outlive the server, and Python would wait for them for minutes
