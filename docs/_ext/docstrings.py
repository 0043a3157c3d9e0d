"""Signatures as they are written in the source, and docstrings whose |x| is an absolute value."""

from __future__ import annotations

import inspect
import re


def as_written(app, what, name, obj, options, signature, return_annotation):
    """Annotations are strings throughout the package: `Task`, not what the name stands for in full."""
    if what not in ("function", "method", "class") or signature is None:
        return None
    try:
        found = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    parameters = [p for place, p in enumerate(found.parameters.values()) if (place, p.name) != (0, "self")]
    written = inspect.Signature(
        [each.replace(annotation=bare(each.annotation)) for each in parameters],
        return_annotation=inspect.Signature.empty,
    )
    returned = found.return_annotation
    has_return = what != "class" and returned is not inspect.Signature.empty
    return str(written), returned if has_return and isinstance(returned, str) else None


class Verbatim(str):
    """A string whose repr is itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def bare(annotation):
    """An annotation that prints without quotes."""
    return Verbatim(annotation) if isinstance(annotation, str) else annotation


def plain(line: str) -> str:
    """A line in which | and a trailing _ are themselves; reST would look for a substitution, or a target."""
    pieces = re.split(r"(``.+?``|`.+?`)", line)
    return "".join(
        piece if place % 2 else re.sub(r"(?<!\\)(\||(?<=\w)_(?!\w))", r"\\\1", piece)
        for place, piece in enumerate(pieces)
    )


def plain_docstring(app, what, name, obj, options, lines) -> None:
    """House docstrings write |x| and W_ as mathematics."""
    lines[:] = [plain(line) for line in lines]


def setup(app):
    """Connect both."""
    app.connect("autodoc-process-signature", as_written)
    app.connect("autodoc-process-docstring", plain_docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
