"""`fa-dynamics verify`: table, JSON, page, saved cases, hunting, coverage, exit codes, bad use."""

from __future__ import annotations

import json

import pytest

NAME = "girotti2021.global-convergence"

FALSE = """
from fa_dynamics.theorems import Draws, Statement, at_most

STATEMENT = Statement(
    id="mine.false",
    claim="numbers are small",
    provenance="ours",
    realises=(),
    hypotheses=(),
    sample=lambda draw: {"x": draw.uniform(0, 2)},
    check=lambda case: at_most("x", case["x"], 1.0),
    draws=Draws(default=10),
)
"""


@pytest.fixture
def false(tmp_path):
    path = tmp_path / "false.py"
    path.write_text(FALSE, encoding="utf-8")
    return path


def test_json(call):
    outcome = call("verify", NAME, "--draws", 4, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    (record,) = outcome.json
    assert (record["id"], record["draws"], record["status"]) == (NAME, 4, "tested")
    assert (record["violations"], record["counterexample_found"]) == (0, True)


def test_table_and_page(call, tmp_path):
    outcome = call("verify", NAME, "--draws", 4, "--report", tmp_path / "ledger.html")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{NAME}  tested (4 draws)" in outcome.out
    assert "2 of 2 counterexamples found" in outcome.out
    page = (tmp_path / "ledger.html").read_text(encoding="utf-8")
    assert NAME in page
    assert "<script" not in page


def test_a_violation_ends_with_one_and_a_case_that_shows_it(call, false, tmp_path):
    outcome = call("verify", false, "--out", tmp_path / "cases")
    assert outcome.code == 1
    assert "VIOLATED" in outcome.out
    place = tmp_path / "cases" / "mine.false.json"
    assert str(place) in outcome.err
    assert json.loads(place.read_text(encoding="utf-8"))["values"]["x"] > 1
    again = call("verify", false, "--instance", place)
    assert again.code == 1
    assert "violated" in again.out
    assert call("verify", false, "--instance", place, "--json").json["decision"] == "violated"


def test_hunting(call, tmp_path):
    outcome = call("verify", NAME, "--hunt", 32, "--out", tmp_path, "--json")
    assert outcome.code == 0
    (record,) = outcome.json
    assert record["margin"] > 0
    again = call("verify", NAME, "--instance", record["instance"], "--json")
    assert again.code == 0
    assert again.json["margin"] == record["margin"]


def test_list(call):
    outcome = call("verify", "--list")
    assert outcome.code == 0
    assert "  G1  Convergence guarantees" in outcome.out
    entries = {entry["code"]: entry for entry in call("verify", "--list", "--json").json}
    assert NAME in entries["G1"]["statements"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["girotti2021.global-konvergence"], "did you mean 'girotti2021.global-convergence'"),
        ([NAME, "--draws", "0"], "draws: 0 given"),
        ([NAME, "--workers", "0"], "workers: 0 given"),
        ([NAME, "--hunt", "3"], "checks: 3 given"),
        ([NAME, "--instance", "none.json"], "cannot be read"),
        (["--instance", "none.json"], "belongs to one statement, 0 given"),
        ([NAME, "--report", "none/ledger.html"], "cannot be written"),
    ],
)
def test_bad_use(call, arguments, complaint):
    assert complaint in call("verify", *arguments).complaint


def test_a_case_without_its_values(call, tmp_path):
    content = {"format": "fa_dynamics instance 1", "statement": NAME, "values": {"depth": 2}}
    path = tmp_path / "case.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "is no case of" in call("verify", NAME, "--instance", path).complaint
