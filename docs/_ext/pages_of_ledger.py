"""The catalogue of the ledger: one page per paper, made from the statements themselves."""

from __future__ import annotations

import re

from fa_dynamics.theorems import find, names
from fa_dynamics.theorems.abstracts import BACKGROUND, PAPERS, SENTENCES
from fa_dynamics.theorems.statement import SOURCES, Statement

INTRODUCTION = """# Catalogue of statements

Every statement below is a file that a program checks: a claim in a precise form of this project, its hypotheses in
code, a sampler for all of the region where it speaks, and, for each hypothesis that matters, a counterexample that has
to be found when it is dropped. {count} statements stand in the ledger of this version. A claim that is called a paper's
is what its abstract announces, in our words; the precise form is never the paper's wording.

```sh
# one statement, then all of them, with margins and worst cases on one page
fa-dynamics verify {first}
fa-dynamics verify --workers 2 --report ledger.html
```

[How to add a statement](../../howto/add_a_statement.md). The notes have the formulas and proofs:
[theory](../../notes.md).

```{{toctree}}
:maxdepth: 1

{papers}
```

## Where a claim comes from

{sources}

## The sentences of the abstracts

{sentences}
"""


def plain(text: str) -> str:
    """Text with formulas between dollars; everything else loses its meaning for Markdown."""
    pieces = re.split(r"(\$.+?\$)", text)
    return "".join(
        piece if place % 2 else re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", piece) for place, piece in enumerate(pieces)
    )


def section(statement: Statement) -> str:
    """One statement."""
    source = SOURCES[statement.provenance]
    if statement.realises:
        source += "; see " + ", ".join(f"[{code}](#sentence-{code.lower()})" for code in statement.realises)
    lines = [
        f"({statement.id})=",
        f"## {statement.id}\n",
        plain(statement.claim) + "\n",
        f"*Provenance:* {source}.\n",
    ]
    if statement.hypotheses:
        lines += [
            "*Hypotheses*\n",
            *(f"- **{plain(each.name)}**: {plain(each.says)}" for each in statement.hypotheses),
            "",
        ]
    if statement.counterexamples:
        lines += ["*What breaks*\n"]
        lines += [f"- without **{plain(each.drops)}**: {plain(each.says)}" for each in statement.counterexamples] + [""]
    if statement.note:
        lines += [f"*Note.* {plain(statement.note)}\n"]
    how = f"{statement.draws.default} draws" + (", and a symbolic proof" if statement.prove else "")
    if statement.false_alarm:
        how += f"; statistical, false alarms {statement.false_alarm:g} a run"
    return "\n".join([*lines, f"*Checked by* {how}: `fa-dynamics verify {statement.id}`\n"])


def pages() -> dict[str, str]:
    """File name -> text."""
    made = {}
    listed = [find(name) for name in names()]
    papers = [paper for paper in PAPERS if any(each.paper == paper for each in listed)]
    for paper in papers:
        own = [each for each in listed if each.paper == paper]
        overview = "\n".join(f"- [{each.id}](#{each.id})" for each in own)
        body = "\n".join(section(each) for each in own)
        made[f"ledger/{paper}.md"] = f"# {PAPERS[paper]}\n\n{len(own)} statements.\n\n{overview}\n\n{body}"
    standing: dict[str, list[str]] = {code: [] for code in SENTENCES}
    for each in listed:
        for code in each.realises:
            standing[code].append(f"[{each.id}](#{each.id})")
    sentences = []
    for code, (paper, says) in SENTENCES.items():
        by = ", ".join(standing[code]) or ("background, claims nothing checkable" if code in BACKGROUND else "none yet")
        sentences.append(
            f"(sentence-{code.lower()})=\n**{code}** ({PAPERS[paper].partition(' (')[0]}): {says}\n: {by}\n"
        )
    made["ledger/index.md"] = INTRODUCTION.format(
        count=len(listed),
        first=listed[0].id,
        papers="\n".join(papers),
        sources="\n".join(f"- **{kind}**: {says}" for kind, says in SOURCES.items()),
        sentences="\n".join(sentences),
    )
    return made
