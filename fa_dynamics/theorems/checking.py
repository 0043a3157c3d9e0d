"""verify(...) -> Report: check statements on many draws, look for their counterexamples, prove what can be proved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.progress import Report as Progress
from fa_dynamics.progress import reporting
from fa_dynamics.theorems.catalogue import find, select
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.outcome import Case, Outcome, Report
from fa_dynamics.theorems.statement import Statement
from fa_dynamics.theorems.work import Piece, Unit, do, units_of

Workers: TypeAlias = int | Callable[..., Iterable[Any]]


def verify(
    statements: str | Sequence[str] | None = None,
    *,
    draws: int | None = None,
    seed: int = 0,
    workers: Workers = 1,
    depth: int = 4,
    progress: bool | Progress | None = None,
    watch: Callable[[Outcome], None] | None = None,
) -> Report:
    """Check claims of the papers, in a precise form, on random instances.

    Parameters
    ----------
    statements
        Papers, ids or files that define a ``STATEMENT``; nothing stands for all of the catalogue.
    draws
        Instances of each statement; by default each has its own number. Statistical checks keep theirs.
    seed
        The same seed gives the same instances, whatever the number of workers; ``draws=1`` with the seed of a case
        draws that case again.
    workers
        Processes, or a map-like callable such as ``pool.map``.
    depth
        Largest depth of symbolic proofs.
    progress
        A function told the fraction done; True and False switch a bar on and off; None shows it on a terminal.
    watch
        Is given every outcome as soon as it is complete.

    Returns
    -------
    Report
        One outcome per statement. If it was interrupted (Ctrl-C), what is known so far.

    Raises
    ------
    InputError
        Unknown statement (the message has the nearest), draws, depth or workers < 1, a negative seed.

    Examples
    --------
    >>> import fa_dynamics as fa
    >>> fa.verify("girotti2021.global-convergence", draws=5).holds
    True
    """
    chosen = select(statements)
    for value, argument, least in ((draws, "draws", 1), (depth, "depth", 1), (seed, "seed", 0)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= least):
            raise InputError(f"{argument}: {value!r} given, expected a whole number >= {least}")
    found = {name: find(name) for name in chosen}
    units = {name: units_of(name, statement, draws, int(seed), depth) for name, statement in found.items()}
    pieces: dict[str, list[Piece]] = {name: [] for name in chosen}
    total = sum(map(len, units.values()))
    interrupted = False
    with reporting("verify", progress) as report:
        try:
            work = [unit for own in units.values() for unit in own]
            for done, piece in enumerate(_distributed(work, workers), start=1):
                name = piece.unit.name
                pieces[name].append(piece)
                report(done / total)
                if watch is not None and len(pieces[name]) == len(units[name]):
                    watch(_assembled(found[name], pieces[name], len(units[name])))
        except KeyboardInterrupt:
            interrupted = True
    outcomes = tuple(
        _assembled(statement, pieces[name], len(units[name]))
        for name, statement in found.items()
        if pieces[name] or not interrupted
    )
    return Report(outcomes, int(seed), interrupted)


def _distributed(units: list[Unit], workers: Workers) -> Iterator[Piece]:
    if callable(workers):
        yield from workers(do, units)
    elif isinstance(workers, bool) or not isinstance(workers, int | np.integer) or workers < 1:
        raise InputError(f"workers: {workers!r} given, expected a whole number >= 1, or a map-like callable")
    elif workers == 1:
        yield from map(do, units)
    else:
        from joblib import Parallel, delayed

        yield from Parallel(n_jobs=int(workers), return_as="generator_unordered")(delayed(do)(unit) for unit in units)


def _assembled(statement: Statement, pieces: list[Piece], expected: int) -> Outcome:
    ordered = sorted(pieces, key=lambda piece: (piece.unit.kind, piece.unit.place))
    cases = [piece.case for piece in ordered if piece.case is not None]
    decisions = [decision for piece in ordered for decision in piece.decisions]
    return Outcome(
        statement=statement,
        proof=next((piece.proof for piece in ordered if piece.proof), None),
        unproved=next((piece.unproved for piece in ordered if piece.unproved), None),
        margins=np.array([margin for piece in ordered for margin in piece.margins]),
        violations=decisions.count("violated"),
        undecided=decisions.count("undecided"),
        worst=_worst_case(cases),
        dropped=tuple(piece.dropped for piece in ordered if piece.dropped is not None),
        failures=tuple(failure for piece in ordered for failure in piece.failures),
        seconds=sum(piece.seconds for piece in ordered),
        complete=len(pieces) == expected,
    )


def _worst_case(cases: list[Case]) -> Case | None:
    if not cases:
        return None
    deciding = worst([case.evidence for case in cases])
    return next(case for case in cases if case.evidence is deciding)
