"""The ledger as one self-contained HTML page: no script, no address, formulas as MathML, pictures as SVG."""

from __future__ import annotations

import html
import json
import re
import textwrap
from typing import Any

from fa_dynamics._version import __version__
from fa_dynamics.theorems.abstracts import PAPERS
from fa_dynamics.theorems.instance import plain
from fa_dynamics.theorems.outcome import Case, Outcome, Report, summary
from fa_dynamics.theorems.picture import case_picture, margins_picture
from fa_dynamics.theorems.statement import SOURCES

LONGEST_VALUE = 400
"""Characters of one value of an instance that are shown; the instance file has all of it."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-bottom: 2px solid #222; } h3 { margin-bottom: .3rem; }
section { border-top: 1px solid #ccc; padding-top: .5rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: .9rem; } td, th { padding: .15rem .6rem; text-align: left; }
tr:nth-child(even) { background: #f4f4f4; } .wrong { color: #c1121f; font-weight: bold; } .right { color: #2a6f97; }
pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; font-size: .8rem; } svg { max-width: 100%; height: auto; }
dt { font-weight: 600; } .wide { overflow-x: auto; }
"""


def page(report: Report) -> str:
    """The page.

    Parameters
    ----------
    report
        What `verify` returned.
    """
    cut = "<p class=wrong>Interrupted: this is what was known by then.</p>" if report.interrupted else ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in summary(report.outcomes))
    body = [
        "<h1>The theorem ledger</h1>",
        f"<p>fa_dynamics {__version__}, seed {report.seed}. Each claim stands in a precise form of this project; "
        "what is called a paper's is its abstract's announcement, never its wording. A draw holds if its margin "
        "is not negative and its numerical error could not hide a violation. A margin is (bound + error - measured) "
        "/ scale, or, for numbers that have to be equal, 1 - distance / error.</p>",
        cut,
        f"<ul>{lines}</ul>",
        f"<div class=wide>{_table(report)}</div>",
    ]
    for paper in dict.fromkeys(outcome.statement.paper for outcome in report.outcomes):
        body.append(f"<h2>{html.escape(PAPERS.get(paper, paper))}</h2>")
        body += [_section(outcome) for outcome in report.outcomes if outcome.statement.paper == paper]
    return (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1"><title>The theorem ledger</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _table(report: Report) -> str:
    head = "<tr><th>statement<th>verdict<th>smallest margin<th>violations<th>undecided<th>counterexamples</tr>"
    rows = []
    for outcome in report.outcomes:
        found = f"{sum(each.case is not None for each in outcome.dropped)} of {len(outcome.dropped)}"
        cells = (
            f'<a href="#{outcome.statement.id}">{outcome.statement.id}</a>',
            _verdict(outcome),
            f"{outcome.worst.evidence.margin:.2g}" if outcome.worst else "",
            str(outcome.violations),
            str(outcome.undecided),
            found if outcome.dropped else "none promised",
        )
        rows.append("<tr><td>" + "<td>".join(cells) + "</tr>")
    return f"<table>{head}{''.join(rows)}</table>"


def _section(outcome: Outcome) -> str:
    statement = outcome.statement
    source = SOURCES[statement.provenance]
    told = f"{source} ({', '.join(statement.realises)})" if statement.realises else source
    if statement.false_alarm:
        told += f"; statistical, false alarms at most {statement.false_alarm:g} a run"
    hypotheses = "".join(f"<dt>{html.escape(each.name)}<dd>{with_mathml(each.says)}" for each in statement.hypotheses)
    parts = [
        f'<section id="{statement.id}"><h3>{statement.id}</h3>',
        f"<p>{with_mathml(statement.claim)}</p>",
        f"<p>{_verdict(outcome)}; provenance: {html.escape(told)}; {outcome.seconds:.1f} s of work.</p>",
        f"<p>{with_mathml(statement.note)}</p>" if statement.note else "",
        f"<p>Hypotheses:</p><dl>{hypotheses}</dl>" if hypotheses else "<p>No hypotheses.</p>",
        f"<p class=wrong>{html.escape(outcome.unproved)}</p>" if outcome.unproved else "",
        *(f"<p class=wrong>seed {seed}: {html.escape(reason)}</p>" for seed, reason in outcome.failures),
        margins_picture(outcome) or "",
        _case("Worst case", outcome.worst),
    ]
    for each in outcome.dropped:
        parts.append(f"<h4>Without '{html.escape(each.drops)}'</h4><p>{with_mathml(each.says)}</p>")
        parts.append(
            _case(f"Found at try {each.tried}", each.case)
            if each.case
            else f"<p class=wrong>No violation was found in {each.tried} tries.</p>"
        )
    return "\n".join(part for part in parts if part) + "</section>"


def _case(title: str, case: Case | None) -> str:
    if case is None:
        return ""
    values = "\n".join(f"{name} = {_short(value)}" for name, value in plain(case.instance).items())
    return (
        f"<details><summary>{title}, seed {case.seed}: {with_mathml(str(case.evidence))}</summary>"
        f"{case_picture(case)}<pre>{html.escape(values)}</pre></details>"
    )


def _short(value: Any) -> str:
    return textwrap.shorten(json.dumps(value), LONGEST_VALUE, placeholder=" ...")


def _verdict(outcome: Outcome) -> str:
    kind = "right" if outcome.holds else "wrong"
    return f"<span class={kind}>{html.escape(outcome.verdict)}</span>"


def with_mathml(text: str) -> str:
    """Text with LaTeX between dollars as HTML with MathML, which browsers draw without any script."""
    from latex2mathml.converter import convert

    pieces = re.split(r"\$(.+?)\$", text)
    return "".join(convert(piece) if place % 2 else html.escape(piece) for place, piece in enumerate(pieces))
