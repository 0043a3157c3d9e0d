"""`derive`: text, LaTeX, Python and JSON."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "normalised_feedback.py"
RULES = ["bp", "fa", "dfa", "sign", "kp", f"{EXAMPLE}:NormalisedFeedback"]


def printed(call, *arguments):
    outcome = call("derive", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def test_text_of_feedback_alignment(call):
    assert printed(call).splitlines() == ["E = Sigma_yx - W_2*W_1*Sigma_xx", "dW_1/dt = B_2*E", "dW_2/dt = E*W_1.T"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rpartition(":")[2])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_rule_prints_one_line_per_matrix_that_moves(call, rule, depth):
    lines = printed(call, "--rule", rule, "--depth", depth).splitlines()
    learning = depth - 1 if rule == "kp" else 0
    assert len(lines) == 1 + depth + learning
    for layer in range(1, depth + 1):
        assert lines[layer].startswith(f"dW_{layer}/dt = ")


def test_decay_adds_a_term_to_every_layer_and_leaves_no_law(call):
    out = printed(call, "--depth", 3, "--decay", "--invariants")
    for layer in (1, 2, 3):
        assert f"- rho_{layer}*W_{layer}" in out
    assert "no first integrals with weight decay" in out


def test_invariants_of_the_matrix_flow(call):
    out = printed(call, "--depth", 3, "--invariants")
    assert "Q_1" in out
    assert "Q_2" in out
    assert "B_3" in out


def test_chain_and_its_invariants(call):
    out = printed(call, "--depth", 3, "--chain", "--invariants")
    assert "dtheta_3/dt = theta_1*theta_2*(-lambda*theta_1*theta_2*theta_3 + sigma)" in out
    assert "constant: -2*b_2*theta_2 + theta_1**2" in out
    assert "constant: -2*b_3*theta_3 + theta_2**2" in out
    assert "2 independent first integrals" in out


@pytest.mark.parametrize("options", [[], ["--invariants"], ["--chain", "--invariants"], ["--decay", "--invariants"]])
def test_latex_is_latex_throughout(call, options):
    out = printed(call, "--format", "latex", "--depth", 3, *options)
    assert out.count(r"\begin{aligned}") == out.count(r"\end{aligned}") == 1
    assert out.count("{") == out.count("}")
    for line in out.partition(r"\end{aligned}")[2].splitlines():
        prose = line.strip() and not re.search(r"[\\=]", line)
        assert not prose or line.startswith("%"), f"not LaTeX: {line!r}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rpartition(":")[2])
def test_python_runs_on_its_own_and_learns(call, tmp_path, rule):
    source = printed(call, "--format", "python", "--rule", rule, "--depth", 3)
    assert set(re.findall(r"^ *(?:import|from) .*$", source, re.MULTILINE)) == {"import numpy"}
    file = tmp_path / "flow.py"
    file.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-I", str(file)], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    losses = [float(value) for value in re.findall(r"loss = (\S+)", done.stdout)]
    assert len(losses) == 5
    assert losses[-1] < losses[0]


def test_python_with_decay_has_decay(call):
    source = printed(call, "--format", "python", "--decay")
    assert "rho_1" in source
    compile(source, "flow.py", "exec")


def test_json(call):
    found = call("derive", "--depth", 3, "--invariants", "--json").json
    assert found["rule"] == "fa"
    assert found["depth"] == 3
    assert len(found["equations"]) == 4
    assert found["latex"].startswith(r"\begin{aligned}")
    assert len(found["first_integrals"]) == 2


def test_json_without_invariants_says_null(call):
    assert call("derive", "--json").json["first_integrals"] is None


def test_json_of_a_chain_holds_expressions_and_no_prose(call):
    found = call("derive", "--depth", 3, "--chain", "--invariants", "--json").json
    assert len(found["first_integrals"]) == 2
    assert not any("independent" in law or "constant" in law for law in found["first_integrals"])


def test_json_with_decay_has_no_laws(call):
    assert call("derive", "--chain", "--decay", "--invariants", "--json").json["first_integrals"] == []
