"""Find a rule: an object, a class, a short name, or ``file.py:ClassName``."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path

from fa_dynamics.derive.rules import BUILT_IN, Rule
from fa_dynamics.errors import InputError, nearest

NAME = re.compile(r"[A-Za-z0-9][\w-]*")
"""Short names of rules: they become the names of files."""

RuleLike = Rule | type[Rule] | str
"""Whatever names a rule."""


def find_rule(rule: RuleLike) -> Rule:
    """The rule that `rule` stands for.

    Parameters
    ----------
    rule
        A rule, a rule class without required arguments, a short name ('bp', 'fa', 'dfa', 'sign', 'kp'), or
        'path/to/file.py:ClassName' for a rule of one's own.

    Raises
    ------
    InputError
        Unknown name, missing file or class, or a class that is no rule.
    """
    if isinstance(rule, Rule):
        return rule
    if isinstance(rule, type) and issubclass(rule, Rule):
        return _instance(rule, rule.__name__)
    if not isinstance(rule, str):
        raise InputError(f"rule: {rule!r} given, expected a rule, its class, a short name or 'file.py:ClassName'")
    path, separator, class_name = rule.strip().rpartition(":")
    if separator and path.endswith(".py"):
        return _from_file(Path(path), class_name)
    if rule.endswith(".py"):
        raise InputError(f"rule: {rule!r} given, expected the class too, as in '{rule}:ClassName'")
    rule = rule.strip()
    known = {built_in.name: built_in for built_in in BUILT_IN}
    if rule not in known:
        close = nearest(rule.lower(), known)
        raise InputError(f"rule: no rule is called {rule!r}; {close} (or 'file.py:ClassName')")
    return known[rule]()


def _from_file(path: Path, class_name: str) -> Rule:
    if not path.is_file():
        raise InputError(f"rule: there is no file {str(path)!r}")
    module_name = f"fa_dynamics_user_rule_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"rule: {str(path)!r} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up there
    try:
        # What a file prints when it is imported must not get into the output of a command.
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:  # whatever a user's file raises while it is imported
        raise InputError(f"rule: {str(path)!r} fails when imported: {type(problem).__name__}: {problem}") from problem
    found = {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Rule) and member.__module__ == module_name
    }
    if class_name not in found:
        hint = nearest(class_name, found) if found else "it defines no subclass of fa_dynamics.Rule"
        raise InputError(f"rule: {str(path)!r} has no rule {class_name!r}; {hint}")
    return _instance(found[class_name], class_name)


def _instance(rule: type[Rule], class_name: str) -> Rule:
    name = getattr(rule, "name", None)
    if not isinstance(name, str):
        raise InputError(f"rule: class {class_name} has no short name; add a class attribute such as name = 'mine'")
    if not NAME.fullmatch(name):
        raise InputError(f"rule: class {class_name} has the name {name!r}, expected letters, digits, '-' and '_'")
    try:
        return rule()
    except Exception as problem:  # whatever a user's class raises while it is made
        raise InputError(f"rule: class {class_name} cannot be made without arguments: {problem}") from problem
