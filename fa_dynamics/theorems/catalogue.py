"""Find statements: by id, by paper, by file, or all of them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from fa_dynamics.errors import InputError, nearest
from fa_dynamics.theorems.abstracts import PAPERS
from fa_dynamics.theorems.statement import Statement


@cache
def names() -> tuple[str, ...]:
    """The ids of all statements, in the order of the papers.

    >>> "girotti2021.global-convergence" in names()
    True
    """
    here = Path(__file__).parent
    return tuple(
        f"{paper}.{module.name.replace('_', '-')}"
        for paper in PAPERS
        for module in sorted(pkgutil.iter_modules([str(here / paper)]), key=lambda module: module.name)
        if not module.name.startswith("_")
    )


def find(name: str) -> Statement:
    """A statement by its id, or from a file of your own that defines ``STATEMENT``.

    Raises
    ------
    InputError
        There is none of that name (the message has the nearest), or the file holds none.
    """
    if isinstance(name, str) and name.endswith(".py"):
        return _from_file(name)
    if not isinstance(name, str) or name not in names():
        hint = nearest(str(name), (*PAPERS, *names()))
        raise InputError(f"statement: {name!r} given, expected an id, a paper or a .py file; {hint}")
    paper, _, rest = name.partition(".")
    return _checked(importlib.import_module(f"fa_dynamics.theorems.{paper}.{rest.replace('-', '_')}"), name)


def select(wanted: str | Sequence[str] | None) -> tuple[str, ...]:
    """The ids (or files) that a selection stands for: papers, ids and files; nothing stands for everything.

    Raises
    ------
    InputError
        Something in it is no paper, no id and no file; the message has the nearest.
    """
    if wanted is None or (not isinstance(wanted, str) and len(wanted) == 0):
        return names()
    chosen: dict[str, None] = {}
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name in PAPERS:
            chosen |= dict.fromkeys(each for each in names() if each.partition(".")[0] == name)
        else:
            find(name)
            chosen[name] = None
    return tuple(chosen)


def _from_file(path: str) -> Statement:
    """Load a user's file once; it keeps its folder at hand, so that it can import its neighbours."""
    source = Path(path).resolve()
    key = f"fa_dynamics_statement_{source.stem}_{abs(hash(str(source))):x}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, source) if source.is_file() else None
        if spec is None or spec.loader is None:
            raise InputError(f"statement: there is no file {path!r}")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as problem:  # whatever a user's file raises
            raise InputError(f"statement: {path!r} fails: {type(problem).__name__}: {problem}") from problem
        sys.modules[key] = module
    return _checked(sys.modules[key], None)


def _checked(module: object, name: str | None) -> Statement:
    found = getattr(module, "STATEMENT", None)
    if not isinstance(found, Statement):
        raise InputError(f"statement: {module!r} defines no STATEMENT")
    if name is not None and found.id != name:
        raise InputError(f"statement: the file of {name!r} holds {found.id!r}")
    return found
