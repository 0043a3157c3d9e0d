"""The reference: one page per room with every public name, made from ``__all__`` and the docstrings."""

from __future__ import annotations

import importlib
import inspect
import types

from docstrings import plain

import fa_dynamics

ROOMS = (
    "derive",
    "tasks",
    "starts",
    "measures",
    "modes",
    "flows",
    "systems",
    "theorems",
    "reproduce",
    "sweep",
    "plots",
    "errors",
)


def public(module: types.ModuleType) -> list[str]:
    """The names that a module offers: its ``__all__``, or what is defined in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = vars(module).items()
    return sorted(n for n, m in own if not n.startswith("_") and getattr(m, "__module__", "") == module.__name__)


def directive(owner: str, name: str, member: object) -> str:
    """How autodoc documents one name."""
    if inspect.isclass(member):
        kind = "autoexception" if issubclass(member, BaseException) else "autoclass"
        options = "   :members:\n" if kind == "autoclass" else ""
        if kind == "autoclass" and member.__bases__ != (object,):
            options += "   :show-inheritance:\n"
        return f".. {kind}:: {owner}.{name}\n{options}"
    if callable(member):
        return f".. autofunction:: {name}\n"
    return f".. autodata:: {owner}.{name}\n   :no-value:\n"


def heading(text: str, line: str) -> str:
    """A reST heading."""
    return f"{text}\n{line * len(text)}\n\n"


def page(module: types.ModuleType, elsewhere: dict[int, str]) -> str:
    """A room: its docstring, a list of its names, and each of them that is not documented on another page."""
    owner = module.__name__
    text = [heading(owner, "=")]
    if owner != "fa_dynamics":
        text.append((inspect.getdoc(module) or "") + "\n\n")
    rows, bodies = [], []
    for name in public(module):
        member = getattr(module, name)
        if isinstance(member, (types.ModuleType, str)):
            continue
        home = elsewhere.setdefault(id(member), f"{owner}.{name}")
        role = "class" if inspect.isclass(member) else "func" if callable(member) else "data"
        role = "exc" if inspect.isclass(member) and issubclass(member, BaseException) else role
        told = inspect.getdoc(member) if callable(member) else ""
        first = (told or "").strip().split("\n\n")[0].replace("\n", " ")
        rows.append(f":py:{role}:`{name} <{home}>`\n   {plain(first) or 'A constant.'}\n")
        if home == f"{owner}.{name}":
            bodies.append(directive(owner, name, member))
    current = f".. py:currentmodule:: {owner}\n"
    detail = heading("In detail", "-") + "\n".join(bodies) if bodies else ""
    return "".join(text) + "\n".join([current, *rows]) + "\n" + detail


def pages() -> dict[str, str]:
    """File name -> text."""
    elsewhere: dict[int, str] = {}
    made = {"api/fa_dynamics.rst": page(fa_dynamics, elsewhere)}
    for room in ROOMS:
        try:
            module = importlib.import_module(f"fa_dynamics.{room}")
        except ModuleNotFoundError:
            continue
        if public(module):
            made[f"api/{room}.rst"] = page(module, elsewhere)
    return made
