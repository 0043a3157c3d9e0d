"""`fa-dynamics verify`: the theorem ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app

if TYPE_CHECKING:
    from fa_dynamics.theorems import Case, Report

FOLDER = Path("fa-dynamics-verify")


@app.command()
def verify(
    statements: Annotated[
        list[str] | None, typer.Argument(metavar="[ID | PAPER | FILE.py]...", help="What to check (default: all).")
    ] = None,
    draws: Annotated[int | None, typer.Option(help="Instances of each statement (default: its own number).")] = None,
    workers: Annotated[int, typer.Option(help="Processes; the results are the same for any number.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the instances.")] = 0,
    depth: Annotated[int, typer.Option(help="Largest depth of symbolic proofs.")] = 4,
    report: Annotated[Path | None, typer.Option(help="Write one self-contained HTML page.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show which statements stand for which sentence.")] = False,
    hunt: Annotated[
        int | None, typer.Option(help="Search each statement's region for its smallest margin, with so many checks.")
    ] = None,
    instance: Annotated[Path | None, typer.Option(help="Check one saved case of one statement again.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the cases that are found by --hunt or violate.")] = FOLDER,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Check the claims of the papers, each in a precise form, on random instances; look for counterexamples.

    Exit code 1 if a claim is violated, or a promised proof or counterexample does not come out.

    Example: [bold]fa-dynamics verify girotti2021 --workers 2 --report ledger.html[/bold]
    """
    from fa_dynamics.errors import InputError

    chosen = statements or []
    if show:
        _list(json)
    elif instance is not None:
        if len(chosen) != 1:
            raise InputError(f"instance: belongs to one statement, {len(chosen)} given")
        _again(chosen[0], instance, json)
    elif hunt is not None:
        _hunt(chosen, hunt, seed, out, json)
    else:
        _verify(chosen, draws, workers, seed, depth, report, out, json)


def _verify(
    chosen: list[str], draws: int | None, workers: int, seed: int, depth: int, page: Path | None, out: Path, json: bool
) -> None:
    import sys

    from fa_dynamics.files import write_whole
    from fa_dynamics.theorems import verify as run
    from fa_dynamics.theorems.outcome import summary

    if page is not None:
        write_whole(page, lambda partial: partial.write_text("", encoding="utf-8"), "report")  # refused before any work
    options: dict[str, Any] = {"draws": draws, "workers": workers, "seed": seed, "depth": depth}
    if json or not sys.stdout.isatty():
        found: Report = run(chosen, progress=False if json else None, **options)
        print(found.to_json() if json else found)
    else:
        found = _live(chosen, options)
        print("\n".join(summary(found.outcomes)))
    if page is not None:
        html = found.to_html()
        write_whole(page, lambda partial: partial.write_text(html, encoding="utf-8"), "report")
    _explain(found, out, json)
    if found.interrupted:
        print("interrupted: this is what was known by then", file=sys.stderr)
        raise typer.Exit(130)
    if not found.holds:
        raise typer.Exit(1)


def _live(chosen: list[str], options: dict[str, Any]) -> Report:
    """Outcomes as they come, above a bar."""
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from fa_dynamics.theorems import Outcome, select
    from fa_dynamics.theorems import verify as run

    width = max(map(len, select(chosen)))
    console = Console()

    def show(outcome: Outcome) -> None:
        line = Table.grid(padding=(0, 2))
        for column in (width, 28, 10, 8):
            line.add_column(width=column)
        margin = f"{outcome.worst.evidence.margin:.1e}" if outcome.worst else ""
        colour = "green" if outcome.holds else "bold red"
        verdict = f"[{colour}]{outcome.verdict}[/{colour}]"
        line.add_row(outcome.statement.id, verdict, margin, f"{outcome.seconds:.1f} s")
        console.print(line)

    head = Table.grid(padding=(0, 2))
    for column in (width, 28, 10, 8):
        head.add_column(width=column)
    head.add_row("statement", "verdict", "margin", "work", style="bold")
    console.print(head)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("verify", total=1.0)
        return run(chosen, progress=lambda fraction: bar.update(task, completed=fraction), watch=show, **options)


def _explain(report: Report, out: Path, quiet: bool) -> None:
    """What went wrong, with files that reproduce it."""
    import sys

    for outcome in report.outcomes:
        name = outcome.statement.id
        for seed, reason in outcome.failures:
            print(f"fa-dynamics: {name}: seed {seed}: {reason}", file=sys.stderr)
        if outcome.unproved:
            print(f"fa-dynamics: {name}: {outcome.unproved}", file=sys.stderr)
        for dropped in outcome.dropped:
            if dropped.case is None:
                print(f"fa-dynamics: {name}: no counterexample without {dropped.drops!r}", file=sys.stderr)
        if outcome.violations and outcome.worst is not None:
            place = _saved(outcome.worst, name, out)
            print(f"fa-dynamics: {name}: {outcome.worst.evidence}; saved as {place}", file=sys.stderr)


def _saved(case: Case, name: str, out: Path) -> Path:
    from fa_dynamics.files import writable_folder
    from fa_dynamics.theorems import save_instance

    return save_instance(writable_folder(out) / f"{name}.json", name, case.instance)


def _list(json: bool) -> None:
    from dataclasses import asdict

    from fa_dynamics.cli.output import print_json
    from fa_dynamics.theorems.abstracts import PAPERS
    from fa_dynamics.theorems.coverage import coverage

    covered = coverage()
    if json:
        print_json([asdict(each) for each in covered])
        return
    for paper in dict.fromkeys(each.paper for each in covered):
        print(PAPERS[paper])
        for each in (each for each in covered if each.paper == paper):
            told = ", ".join(each.statements) or "NOTHING" if each.claims else "motivation, nothing to check"
            print(f"  {each.code}  {each.sentence}\n      {told}")


def _again(name: str, path: Path, json: bool) -> None:
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.errors import InputError
    from fa_dynamics.theorems import find, load_instance
    from fa_dynamics.theorems.work import examine

    statement = find(name)
    values = load_instance(path, statement.id)
    try:
        case = examine(statement, 0, values)
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"instance: {str(path)!r} is no case of {name}: {problem}") from problem
    evidence = case.evidence
    if json:
        print_json(
            {
                "id": statement.id,
                "decision": evidence.decision,
                "what": evidence.what,
                "measured": evidence.measured,
                "bound": evidence.bound,
                "error": evidence.error,
                "margin": evidence.margin,
            }
        )
    else:
        print(evidence)
    if evidence.decision == "violated":
        raise typer.Exit(1)


def _hunt(chosen: list[str], checks: int, seed: int, out: Path, json: bool) -> None:
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.theorems import hunt, select

    records, violated = [], False
    for name in select(chosen):
        case = hunt(name, checks=checks, seed=seed)
        place = _saved(case, name, out)
        violated |= case.evidence.decision == "violated"
        if json:
            margin, decision = case.evidence.margin, case.evidence.decision
            records.append({"id": name, "margin": margin, "decision": decision, "seed": seed, "instance": str(place)})
        else:
            told = f"margin {case.evidence.margin:.3g}"
            print(f"{name}: closest call {case.evidence}; {told}, seed {seed}, saved as {place}")
    if json:
        print_json(records)
    if violated:
        raise typer.Exit(1)
