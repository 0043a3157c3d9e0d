"""The ledger itself, on statements of a few lines: it counts, it finds, it fails."""

from __future__ import annotations

import json
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fa_dynamics import InputError, IntegrationError
from fa_dynamics.theorems import (
    Counterexample,
    Draws,
    Hypothesis,
    Statement,
    Unproved,
    at_most,
    find,
    hunt,
    load_instance,
    names,
    save_instance,
    select,
    verify,
    work,
)

NAME = "girotti2021.global-convergence"

MINE = '''
"""A statement in a file of one's own: the square of a number between -1 and 1 is no larger than its size."""

from fa_dynamics.theorems import Counterexample, Draws, Hypothesis, Statement, at_most


def sample(draw):
    return {"x": draw.uniform(-1, 1)}


def check(case):
    return at_most("$x^2$", case["x"] ** 2, abs(case["x"]))


STATEMENT = Statement(
    id="mine.small-squares",
    claim=r"$x^2 \\le |x|$ for $|x| \\le 1$.",
    provenance="classical",
    realises=(),
    hypotheses=(Hypothesis("small", r"$|x| \\le 1$", lambda case: abs(case["x"]) <= 1),),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("small", "large squares", lambda draw: {"x": draw.uniform(2, 3)}),),
    draws=Draws(default=16),
)
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(MINE), encoding="utf-8")
    return str(path)


def test_a_statement_is_one_file(mine):
    report = verify(mine)
    assert report.holds
    (record,) = report.records
    assert record["id"] == "mine.small-squares"
    assert (record["status"], record["draws"], record["violations"], record["undecided"]) == ("tested", 16, 0, 0)
    assert record["counterexample_found"] is True
    assert json.loads(report.to_json()) == report.records


def test_records_have_the_promised_keys(mine):
    promised = {"id", "paper", "provenance", "status", "draws", "violations", "undecided", "worst_margin"}
    promised |= {"worst_seed", "counterexample_found", "seconds"}
    assert promised <= set(verify(mine, draws=2).records[0])


@pytest.mark.parametrize("workers", [1, 2, map])
def test_results_do_not_depend_on_workers(workers):
    records = [
        [{key: value for key, value in record.items() if key != "seconds"} for record in found.records]
        for found in (verify(NAME, draws=20, seed=3), verify(NAME, draws=20, seed=3, workers=workers))
    ]
    assert records[0] == records[1]


def test_workers_may_be_a_pool(mine):
    with ThreadPoolExecutor(1) as pool:
        assert verify(mine, workers=pool.map).holds


def test_the_seed_of_a_case_draws_it_again():
    first = verify(NAME, draws=20, seed=3).outcomes[0].worst
    again = verify(NAME, draws=1, seed=first.seed).outcomes[0].worst
    assert first.evidence.margin == again.evidence.margin
    np.testing.assert_array_equal(first.instance["start"], again.instance["start"])


@pytest.fixture
def altered(mine, monkeypatch):
    """Run the ledger on the statement above with some of its fields replaced."""

    def run(**fields):
        statement = replace(find(mine), **fields)
        monkeypatch.setattr(work, "find", lambda name: statement)
        monkeypatch.setattr("fa_dynamics.theorems.checking.find", lambda name: statement)
        monkeypatch.setattr("fa_dynamics.theorems.hunting.find", lambda name: statement)
        return verify(mine)

    return run


def test_a_false_claim_is_violated(altered):
    report = altered(check=lambda case: at_most("x", abs(case["x"]), 0.5))
    (outcome,) = report.outcomes
    assert not report.holds
    assert outcome.verdict == "VIOLATED"
    assert 0 < outcome.violations < 16
    assert abs(outcome.worst.instance["x"]) > 0.5
    assert "NOT IN ORDER: mine.small-squares" in repr(report)


def test_a_missing_counterexample_fails(altered, mine):
    tame = Counterexample("small", "nothing", lambda draw: {"x": 2.0}, check=lambda case: at_most("x", 0, 1), tries=3)
    report = altered(counterexamples=(tame,))
    assert (report.holds, report.records[0]["counterexample_found"]) == (False, False)
    assert report.outcomes[0].verdict == "COUNTEREXAMPLE MISSING"
    assert report.outcomes[0].dropped[0].tried == 3


def test_a_counterexample_must_lack_its_hypothesis(altered):
    inside = Counterexample("small", "nothing", lambda draw: {"x": 0.5})
    report = altered(counterexamples=(inside,))
    assert not report.holds
    assert "expected it to lack 'small'" in report.outcomes[0].failures[0][1]


def test_a_sampler_must_keep_to_the_hypotheses(altered):
    report = altered(sample=lambda draw: {"x": 2.0})
    assert report.outcomes[0].verdict == "FAILED"
    assert "lacks small" in report.outcomes[0].failures[0][1]


def test_a_check_that_raises_fails_the_run(altered):
    report = altered(check=lambda case: 1 / 0)
    assert not report.holds
    assert len(report.outcomes[0].failures) == 36  # 16 draws and 20 tries to find the counterexample
    assert "ZeroDivisionError" in report.outcomes[0].failures[0][1]


def test_a_few_may_stay_undecided_but_not_many(altered):
    def often(share):
        return lambda case: at_most("x", 0.0, 1.0, 2.0 if case["x"] < 2 * share - 1 else 0.0)

    few, many = (altered(check=often(share), counterexamples=(), draws=Draws(default=200)) for share in (0.05, 0.3))
    assert 0 < few.outcomes[0].undecided < 20
    assert few.holds
    assert many.outcomes[0].undecided > 20
    assert many.outcomes[0].verdict == "UNDECIDED"


def test_hunting_tells_why_a_check_failed(altered):
    altered(check=lambda case: 1 / 0, counterexamples=())
    with pytest.raises(IntegrationError, match="ZeroDivisionError"):
        hunt("mine", checks=32)


def test_a_counterexample_may_come_after_a_failure(altered):
    seen = []

    def sometimes(draw):
        seen.append(1)
        return {"x": 0.5 if len(seen) == 1 else 3.0}

    report = altered(counterexamples=(Counterexample("small", "larger", sometimes),))
    assert report.outcomes[0].counterexample_found
    assert not report.holds  # a sampler that leaves its region is told all the same


def test_undecided_is_not_passed(altered):
    report = altered(check=lambda case: at_most("x", 0.0, 1.0, 2.0), counterexamples=())
    assert (report.holds, report.records[0]["undecided"], report.records[0]["violations"]) == (False, 16, 0)
    assert report.outcomes[0].verdict == "UNDECIDED"


def test_proofs(altered):
    assert altered(prove=lambda depth: f"L <= {depth}").outcomes[0].verdict == "proved (L <= 4)"

    def fails(depth):
        raise Unproved("x is left over")

    report = altered(prove=fails)
    assert (report.holds, report.outcomes[0].verdict) == (False, "UNPROVED")
    assert "x is left over" in report.records[0]["failures"][0]["reason"]


def test_observed_is_never_proved(altered):
    report = altered(provenance="observed", prove=lambda depth: "L <= 4")
    assert report.records[0]["status"] == "observed"


def test_statistical_checks_keep_their_draws(mine, altered):
    altered(draws=Draws(default=3, smallest=2, largest=4))
    for asked, got in ((1, 2), (3, 3), (100, 4)):
        assert verify(mine, draws=asked).records[0]["draws"] == got


def test_interruption_keeps_what_is_known(mine, monkeypatch):
    done = []

    def interrupting(function, units):
        for unit in units:
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(unit)
            yield function(unit)

    report = verify(mine, workers=interrupting)
    assert report.interrupted
    (record,) = report.records
    assert (record["complete"], record["draws"]) == (False, 6)
    assert report.outcomes[0].verdict == "interrupted"


def test_hunting_comes_closer_than_drawing(mine):
    drawn = verify(mine, draws=16).outcomes[0].worst.evidence.margin
    hunted = hunt(mine, checks=200)
    assert 0 <= hunted.evidence.margin < 0.1 * drawn
    assert hunted.evidence.decision == "holds"


def test_hunting_stays_within_the_hypotheses(altered):
    altered(sample=lambda draw: {"x": draw.uniform(-3, 3)}, counterexamples=())
    assert abs(hunt("mine", checks=64).instance["x"]) <= 1


def test_instances_make_the_round_trip(tmp_path):
    worst = verify(NAME, draws=3).outcomes[0].worst
    path = save_instance(tmp_path / "case.json", NAME, worst.instance)
    again = work.examine(find(NAME), 0, load_instance(path, NAME))
    assert again.evidence.margin == worst.evidence.margin


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is corrupt"),
        ("[]", "holds no saved case"),
        ('{"format": "fa_dynamics instance 0", "values": {}}', "expected 'fa_dynamics instance 1'"),
        ('{"format": "fa_dynamics instance 1", "statement": "other.one", "values": {}}', "belongs to 'other.one'"),
    ],
)
def test_bad_instance_files(tmp_path, content, complaint):
    path = tmp_path / "case.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        load_instance(path, NAME)


def test_missing_instance_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_instance(tmp_path / "none.json", NAME)


@pytest.mark.parametrize(
    ("arguments", "options", "complaint"),
    [
        (("girotti2021.global-konvergence",), {}, "did you mean 'girotti2021.global-convergence'"),
        (("girotti",), {}, "did you mean 'girotti2021'"),
        (("none.py",), {}, "there is no file"),
        ((NAME,), {"draws": 0}, "draws: 0 given"),
        ((NAME,), {"draws": 1.5}, "draws: 1.5 given"),
        ((NAME,), {"depth": 0}, "depth: 0 given"),
        ((NAME,), {"seed": -1}, "seed: -1 given"),
        ((NAME,), {"workers": 0}, "workers: 0 given"),
    ],
)
def test_bad_use(arguments, options, complaint):
    with pytest.raises(InputError, match=complaint):
        verify(*arguments, **options)


def test_files_that_are_no_statements(tmp_path):
    empty, broken = tmp_path / "empty.py", tmp_path / "broken.py"
    empty.write_text("x = 1\n", encoding="utf-8")
    broken.write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(InputError, match="defines no STATEMENT"):
        find(str(empty))
    with pytest.raises(InputError, match="ZeroDivisionError"):
        find(str(broken))


def test_definitions_are_checked(mine):
    statement = find(mine)
    with pytest.raises(InputError, match=r"expected 'paper\.name'"):
        replace(statement, id="Mine")
    with pytest.raises(InputError, match="is no hypothesis of"):
        replace(statement, hypotheses=())
    with pytest.raises(InputError, match="false_alarm"):
        replace(statement, false_alarm=0.01)
    assert Hypothesis("a", "b", bool).name == "a"
    assert isinstance(statement, Statement)


def test_selection():
    assert select(None) == select([]) == names()
    assert all(name.startswith("girotti2021.") for name in select("girotti2021"))
    assert select([NAME, NAME, "girotti2021"])[0] == NAME
    assert len(set(select([NAME, "girotti2021"]))) == len(select("girotti2021"))


def test_page_stands_on_its_own(mine, altered):
    page = verify([mine, NAME], draws=4).to_html()
    assert page.startswith("<!DOCTYPE html>")
    for piece in ("mine.small-squares", "<math", "<svg", "Without 'feedback'", "Worst case"):
        assert piece in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page
    bad = altered(check=lambda case: at_most("x", abs(case["x"]), 0.5)).to_html()
    assert "VIOLATED" in bad


def test_the_example_of_the_contributing_guide():
    path = Path(__file__).parents[2] / "examples" / "own_statement.py"
    report = verify(str(path), draws=5)
    assert report.holds
    assert report.records[0]["counterexample_found"] is True
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 45


@pytest.mark.parametrize("what", [r"$\lVert x \rVert$", "a long story " * 9, "$x^2$"])
def test_labels_that_matplotlib_cannot_read(altered, what):
    page = altered(check=lambda case: at_most(what, [0.1, case["x"] ** 2], 1.0, over=[0, 1])).to_html()
    assert page.count("</svg>") == 3  # the margins, the worst case, and the counterexample
