"""A rule from a user's own file: whatever is wrong with it is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "normalised_feedback.py"

GOOD = """
    class Mine(Rule):
        name = "mine"

        def feedback(self, network, layer):
            return network.W(layer).T
"""


def broken(body: str) -> str:
    return f'    class Mine(Rule):\n        name = "mine"\n\n{body}'


def feedback(statement: str) -> str:
    return broken(f"        def feedback(self, network, layer):\n            {statement}\n")


FIXED = "        def feedback(self, network, layer):\n            return network.B(layer)\n\n"

BROKEN = {
    "syntax error": ("    class Mine(Rule:\n", ["SyntaxError"]),
    "raises when imported": ('    raise RuntimeError("two\\nlines")\n', ["RuntimeError", "two lines"]),
    "imports what is missing": ("    import no_such_module\n", ["no_such_module"]),
    "exits when imported": ("    raise SystemExit(0)\n", ["SystemExit"]),
    "no class": ("    x = 1\n", ["'Mine'", "no subclass"]),
    "class of another name": (GOOD.replace("Mine", "Other"), ["'Mine'", "Other"]),
    "no rule": ("    class Mine:\n        name = 'mine'\n", ["'Mine'", "no subclass"]),
    "no short name": (GOOD.replace('name = "mine"', "pass"), ["Mine", "name"]),
    "needs arguments": (broken("        def __init__(self, size):\n            pass\n"), ["Mine", "arguments"]),
    "raises when made": (broken('        def __init__(self):\n            raise ValueError("oh no")\n'), ["oh no"]),
    "no feedback": ("    class Mine(Rule):\n        name = 'mine'\n", ["'mine'", "W_l^T"]),
    "wrong shape": (feedback("return network.W(layer)"), ["'mine'", "layer 1", "(n_2, n_1)", "(n_1, n_2)"]),
    "raises": (feedback('raise ValueError("oh no")'), ["mine", "ValueError", "oh no"]),
    "wrong signature": (broken("        def feedback(self):\n            return 1\n"), ["mine", "feedback"]),
    "returns None": (feedback("return None"), ["mine"]),
    "returns a number": (feedback("return 1.0"), ["mine"]),
    "returns a NumPy array": (feedback('return __import__("numpy").ones((2, 2))'), ["mine"]),
    "velocity raises": (
        broken(FIXED + '        def feedback_velocity(self, *_):\n            raise ValueError("oh no")\n'),
        ["mine", "oh no"],
    ),
    "velocity of wrong shape": (
        broken(FIXED + "        def feedback_velocity(self, network, layer, velocity):\n            return velocity\n"),
        ["'mine'", "B_2", "(n_1, n_2)"],
    ),
    "potential raises": (
        broken(FIXED + '        def potential(self, column):\n            raise ValueError("oh no")\n'),
        ["mine", "oh no"],
    ),
    "potential of another rule": (
        broken(FIXED + "        def potential(self, column):\n            return sum(w**2 for w in column)\n"),
        ["mine"],
    ),
    "laws raise": (
        broken(FIXED + '        def matrix_laws(self, network):\n            raise ValueError("oh no")\n'),
        ["mine", "oh no"],
    ),
    "unknown function": (feedback('return network.W(layer).T.applyfunc(sp.Function("foo"))'), ["foo"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_derive_says_what_is_wrong_with_a_rule(call, rule_file, case):
    body, words = BROKEN[case]
    complaint = call("derive", "--rule", f"{rule_file(body)}:Mine", "--invariants").complaint
    for word in words:
        assert word in complaint, complaint


@pytest.mark.parametrize("case", BROKEN)
def test_simulate_says_what_is_wrong_with_a_rule_before_it_runs_another(call, rule_file, tmp_path, case):
    body, words = BROKEN[case]
    rules = f"bp,{rule_file(body)}:Mine"
    given = ["--task", "hierarchy", "--hidden", 2, "--t-end", 1, "--rule", rules, "--out", tmp_path / "out"]
    complaint = call("simulate", *given).complaint
    for word in words:
        assert word in complaint, complaint
    assert not list(tmp_path.rglob("*.nc"))


@pytest.mark.parametrize("name", ["", "a/b", "../escaped", "{folder}/escaped"])
def test_the_name_of_a_rule_must_not_lead_out_of_the_folder(call, rule_file, tmp_path, name):
    path = rule_file(GOOD.replace('"mine"', repr(name.format(folder=tmp_path))))
    out = tmp_path / "deep" / "out"
    complaint = call("simulate", "--task", "hierarchy", "--hidden", 2, "--t-end", 1, "--rule", f"{path}:Mine",
                     "--out", out).complaint  # fmt: skip
    assert complaint.startswith("rule")
    assert "name" in complaint
    assert not list(tmp_path.rglob("*.nc"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missing.py:Mine", ["rule", "missing.py", "no file"]),
        ("{folder}.py:Mine", ["rule", "no file"]),
        ("{good}:", ["rule", "Mine"]),
        ("{good}", ["rule", ":"]),
        (":Mine", ["rule", "':Mine'"]),
        ("{good}:Mien", ["rule", "'Mien'", "did you mean 'Mine'"]),
    ],
)
def test_broken_references_to_a_rule(call, rule_file, tmp_path, text, words):
    (tmp_path / "folder.py").mkdir()
    complaint = call("derive", "--rule", text.format(good=rule_file(GOOD), folder=tmp_path / "folder")).complaint
    for word in words:
        assert word in complaint, complaint


def test_two_rules_of_one_short_name_are_refused(call, rule_file, tmp_path):
    path = rule_file(GOOD.replace('"mine"', '"fa"'))
    complaint = call("simulate", "--task", "hierarchy", "--rule", f"fa,{path}:Mine", "--out", tmp_path).complaint
    assert "twice" in complaint


def test_what_a_rule_prints_does_not_get_into_the_json(call, rule_file):
    outcome = call("derive", "--rule", f"{rule_file('    print(1)' + GOOD)}:Mine", "--json")
    assert outcome.code == 0
    assert outcome.json["rule"] == "mine"


def test_a_rule_of_ones_own_runs_like_backpropagation(call, rule_file, tmp_path):
    given = ["--task", "hierarchy", "--hidden", 3, "--t-end", 5, "--rule", f"bp,{rule_file(GOOD)}:Mine"]
    outcome = call("simulate", *given, "--json", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    rules = outcome.json["rules"]
    np.testing.assert_allclose(rules["mine"]["learned"], rules["bp"]["learned"], rtol=1e-10, atol=1e-12)
    assert (tmp_path / "mine.nc").is_file()


def test_the_example_rule_keeps_its_law(call, tmp_path):
    given = ["--task", "teacher", "--hidden", 4, "--t-end", 5, "--rule", f"{EXAMPLE}:NormalisedFeedback"]
    outcome = call("simulate", *given, "--json", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    drifts = outcome.json["rules"]["normalised"]["invariant_drift"]
    assert list(drifts) == ["q_1"]
    assert max(drifts.values()) < 1e-7
