"""`fa-dynamics reproduce`: an experiment of the papers, its recorded numbers beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from fa_dynamics.cli.app import app

if TYPE_CHECKING:
    from fa_dynamics.reproduce.options import Option

FOLDER = Path("fa-dynamics-reproduce")


@app.command(context_settings={"ignore_unknown_options": True})
def reproduce(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME [--OPTION VALUE]", help="An experiment, and options of its own; see --list."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Name all experiments and their options.")] = False,
    out: Annotated[Path | None, typer.Option(help=f"Folder for NAME.png and NAME.nc (default: {FOLDER}/NAME).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records as JSON and nothing else.")] = False,
) -> None:
    """Run an experiment of a paper, and set its recorded numbers beside ours.

    A figure and a NetCDF file are written; a table and three sentences are printed: what the paper's abstract
    announces, this project's own precise form of it, and what was seen.

    Example: [bold]fa-dynamics reproduce girotti2021-table --level 0.99 --out my-table[/bold]
    """
    from fa_dynamics.errors import InputError
    from fa_dynamics.reproduce import find
    from fa_dynamics.reproduce import reproduce as run
    from fa_dynamics.reproduce.options import options_of

    plain, given = _split(words or [])
    if show:
        if plain or given:
            raise InputError(f"list: shows all experiments, and {' '.join(words or [])!r} was given; leave it out")
        _print_list(json)
        return
    if len(plain) != 1:
        raise InputError(f"name: {' '.join(plain)!r} given, expected one experiment; --list names them")
    options = options_of(find(plain[0]).run)
    values: dict[str, Any] = {
        name: _value(options[name], text) if name in options else text for name, text in given.items()
    }
    folder = FOLDER / plain[0] if out is None else out
    found = run(plain[0], out=folder, **values)
    if json:
        print(found.to_json())
        return
    print(found)
    print(f"wrote {found.name}.png, {found.name}.nc to {folder.resolve()}")


def _split(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Words that stand alone, and what follows `--key` or `--key=`."""
    from fa_dynamics.errors import InputError

    plain, given, rest = [], {}, iter(words)
    for word in rest:
        if not word.startswith("--"):
            plain.append(word)
            continue
        key, separator, value = word[2:].partition("=")
        if not separator:
            following = next(rest, None)
            if following is None:
                raise InputError(f"{_spelled(key)}: no value given, expected --{key} VALUE")
            value = following
        if _spelled(key) in given:
            raise InputError(f"{_spelled(key)}: given twice")
        given[_spelled(key)] = value
    return plain, given


def _spelled(key: str) -> str:
    return key.replace("-", "_")


def _value(option: Option, text: str) -> Any:
    """The text as the kind of value that the option takes; `fa_dynamics.reproduce` looks at its limits."""
    from fa_dynamics.cli.task_options import numbers, whole_numbers
    from fa_dynamics.errors import InputError

    if option.kind is str:
        return text
    plural = get_origin(option.kind) is tuple
    read: Any = whole_numbers if int in (option.kind, *get_args(option.kind)) else numbers
    try:
        values = read(text, option.name)
    except InputError:
        values = ()
    if not values or (not plural and len(values) != 1):
        raise InputError(f"{option.name}: {text!r} given, expected {option.expected}")
    return values if plural else values[0]


def _print_list(json: bool) -> None:
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.reproduce import find, names
    from fa_dynamics.reproduce.options import options_of

    found = [(experiment, options_of(experiment.run)) for experiment in map(find, names())]
    if json:
        print_json(
            [
                {
                    "name": experiment.name,
                    "paper": experiment.paper,
                    "claim": experiment.claim,
                    "form": experiment.form,
                    "options": {name: option.default for name, option in options.items()},
                }
                for experiment, options in found
            ]
        )
        return
    for experiment, options in found:
        print(f"{experiment.name}  ({experiment.paper})\n    {experiment.claim}")
        for option in options.values():
            several = isinstance(option.default, tuple)
            default = ",".join(map(str, option.default)) if several else option.default
            print(f"    --{option.name.replace('_', '-')} {default}  ({option.expected})")
