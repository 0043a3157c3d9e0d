"""Whatever names a rule is found, and every misnomer gets one line that says what was expected."""

import pytest

from fa_dynamics.derive import (
    Backpropagation,
    DirectFeedbackAlignment,
    FeedbackAlignment,
    KolenPollack,
    Rule,
    SignSymmetry,
    derive,
    find_rule,
)
from fa_dynamics.errors import InputError

BY_NAME = {
    "bp": Backpropagation,
    "fa": FeedbackAlignment,
    "dfa": DirectFeedbackAlignment,
    "sign": SignSymmetry,
    "kp": KolenPollack,
}

FILE = '''
from dataclasses import dataclass

from fa_dynamics.derive import FeedbackAlignment, Rule


class Mine(Rule):
    """Twice the weights."""

    name = "mine"

    def feedback(self, network, layer):
        return 2 * network.W(layer).T


@dataclass(frozen=True)
class Scaled(Rule):
    """A scale that has no default."""

    scale: float
    name = "scaled"


class Nameless(Rule):
    """No short name."""


class Other:
    """No rule at all."""

    name = "other"
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def message(given):
    with pytest.raises(InputError) as caught:
        find_rule(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "rule"), BY_NAME.items())
def test_short_names_and_classes(name, rule):
    assert type(find_rule(name)) is rule
    assert type(find_rule(rule)) is rule


def test_a_rule_is_itself():
    rule = SignSymmetry(scale=0.5)
    assert find_rule(rule) is rule


def test_class_in_a_file(file):
    rule = find_rule(f"{file}:Mine")
    assert (type(rule).__name__, rule.name) == ("Mine", "mine")
    assert str(derive(2, rule).velocity[0]).startswith("2*W_2.T*")


def test_files_of_one_name_in_two_folders(tmp_path):
    velocities = []
    for factor in (2, 3):
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "mine.py").write_text(FILE.replace("2 * network", f"{factor} * network"), encoding="utf-8")
        velocities.append(str(derive(2, f"{folder / 'mine.py'}:Mine").velocity[0]))
    assert [velocity[:1] for velocity in velocities] == ["2", "3"]


def test_a_file_that_changed_is_read_again(file):
    before = derive(2, f"{file}:Mine")
    file.write_text(FILE.replace("2 * network", "33 * network"), encoding="utf-8")
    after = derive(2, f"{file}:Mine")
    assert str(before.velocity[0]).startswith("2*")
    assert str(after.velocity[0]).startswith("33*")


def test_unknown_name():
    assert message("signs") == "rule: no rule is called 'signs'; did you mean 'sign'? (or 'file.py:ClassName')"
    assert message("zzz") == ("rule: no rule is called 'zzz'; known: bp, dfa, fa, kp, sign (or 'file.py:ClassName')")


def test_missing_file(tmp_path):
    path = tmp_path / "absent.py"
    assert message(f"{path}:Mine") == f"rule: there is no file {str(path)!r}"
    assert message(f"{tmp_path / 'absent.txt'}:Mine").startswith("rule: no rule is called")


def test_missing_class(file):
    assert message(f"{file}:Mein") == f"rule: {str(file)!r} has no rule 'Mein'; did you mean 'Mine'?"


@pytest.mark.parametrize("name", ["FeedbackAlignment", "Rule", "Other"])
def test_only_rules_that_the_file_itself_defines(name, file):
    assert message(f"{file}:{name}").startswith(f"rule: {str(file)!r} has no rule {name!r}; ")


def test_file_without_rules(file):
    file.write_text("number = 1\n", encoding="utf-8")
    assert message(f"{file}:Mine").endswith("; it defines no subclass of fa_dynamics.Rule")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("class Mine(", "SyntaxError: "),
    ],
)
def test_file_that_fails(content, reason, file):
    file.write_text(content, encoding="utf-8")
    assert message(f"{file}:Mine").startswith(f"rule: {str(file)!r} fails when imported: {reason}")


def test_class_without_a_name(file):
    expected = "rule: class Nameless has no short name; add a class attribute such as name = 'mine'"
    assert message(f"{file}:Nameless") == expected


def test_class_that_needs_arguments(file):
    given = message(f"{file}:Scaled")
    assert given.startswith("rule: class Scaled cannot be made without arguments: ")
    assert "'scale'" in given


def test_the_base_class_is_no_rule():
    assert message(Rule) == "rule: class Rule has no short name; add a class attribute such as name = 'mine'"


@pytest.mark.parametrize("given", [3, None, int, ["fa"], b"fa"])
def test_wrong_type(given):
    expected = f"rule: {given!r} given, expected a rule, its class, a short name or 'file.py:ClassName'"
    assert message(given) == expected


@pytest.mark.parametrize("scale", [0, -1.0, float("inf"), float("nan")])
def test_scale_of_sign_feedback_is_positive(scale):
    with pytest.raises(InputError, match=r"^scale: .* given, expected a positive finite number$"):
        SignSymmetry(scale=scale)
