"""The typer application. Each command's file registers its command here."""

from __future__ import annotations

from typing import Annotated

import typer

from fa_dynamics._version import __version__

app = typer.Typer(
    name="fa-dynamics",
    help="Feedback alignment as dynamics: derive the flow, integrate it, read it mode by mode.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Feedback alignment as dynamics."""
