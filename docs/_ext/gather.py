"""Pages that are not written in this folder: derivations, notebooks, the ledger, the API; copied or made at build time.

They go to ``docs/gathered``, which is no source and can be deleted. A file is written only if its text changes, so
that a second build reads only what is new.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
LINKS = (
    (r"\]\(\.\./docs/theory/?\)", "](../../notes.md)"),
    (r"\]\(((?:\.\./)+)docs/", r"](\1../"),
    (r"\]\(((?:\.\./)+)(examples|benchmarks)/", r"](\1../../\2/"),
    (r"\]\(solutions/?\)", "](#solutions)"),
)
"""Relative links that point elsewhere once a page lies two folders deeper, or to a folder, which is no page."""

CONTENTS = """

```{toctree}
:hidden:
:glob:

*
```
"""
SOLUTIONS = """
## Solutions

```{toctree}
:glob:
:maxdepth: 1

solutions/*
```
"""


def write(place: Path, text: str) -> Path:
    """Write a text where it differs."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists() or place.read_text(encoding="utf-8") != text:
        place.write_text(text, encoding="utf-8")
    return place


def copied(source: Path, name: str) -> Path:
    """A page, its links kept right."""
    text = source.read_text(encoding="utf-8")
    for old, new in LINKS:
        text = re.sub(old, new, text)
    if source.name == "README.md":
        text += CONTENTS + (SOLUTIONS if (source.parent / "solutions").is_dir() else "")
    return write(DOCS / "gathered" / name, text)


def copies(folder: str, patterns: tuple[str, ...]) -> list[Path]:
    """A folder's pages, and its README as their index."""
    found = sorted(path for pattern in patterns for path in (ROOT / folder).glob(pattern))
    index = copied(ROOT / folder / "README.md", f"{folder}/index.md")
    return [index, *(copied(path, path.relative_to(ROOT).as_posix()) for path in found)]


def gather(app) -> None:
    """Bring ``docs/gathered`` up to date."""
    import pages_of_api
    import pages_of_ledger

    wanted = copies("derivations", ("[0-9]*.py",)) + copies("notebooks", ("*.ipynb", "solutions/*.ipynb"))
    for maker in (pages_of_api, pages_of_ledger):
        wanted += [write(DOCS / "gathered" / name, text) for name, text in maker.pages().items()]
    for old in (DOCS / "gathered").rglob("*"):
        if old.is_file() and old not in wanted:
            old.unlink()


def setup(app):
    """Gather before anything is read."""
    app.connect("builder-inited", gather, priority=1)
    return {"parallel_read_safe": True}
