"""Statements under broken physics: what a test of a mutation asserts is done, and no more of a run.

Counterexamples are not looked for: broken physics need not have them, and every try costs a whole check. Drawing ends
with the last draw that the assertion needs. Proofs are tried where their failure is asserted.
"""

from dataclasses import replace

from fa_dynamics.theorems import verify


def some_units(*kinds, least=None, among=("violated",)):
    """A map for `verify`: units of these kinds alone; draws until that many had one of these endings."""

    def run(do, work):
        count = 0
        for unit in work:
            if unit.kind in kinds and not (unit.kind == "draws" and least is not None and count >= least):
                piece = do(unit)
                count += len([each for each in piece.decisions if each in among])
                count += len(piece.failures) if "failed" in among else 0
                yield piece

    return run


def assert_red(name, draws, *, least=1, among=("violated",), proof_fails=False, seed=3):
    """So many draws at least are violated (or 'undecided' or 'failed'), and a proof that exists does not come out."""
    kinds = ("draws", "prove") if proof_fails else ("draws",)
    only = some_units(*kinds, least=least, among=among)
    outcome = verify(name, draws=draws, seed=seed, depth=3, workers=only, progress=False).outcomes[0]
    outcome = replace(outcome, complete=True)  # or too many undecided draws would pass for an interruption
    counts = {"violated": outcome.violations, "undecided": outcome.undecided, "failed": len(outcome.failures)}
    assert sum(counts[each] for each in among) >= least, (outcome.verdict, counts, outcome.failures)
    assert not outcome.holds
    if proof_fails:
        assert outcome.unproved
    return outcome
