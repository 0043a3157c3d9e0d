"""The pages of derivations/ run without a warning, assert their steps, and are numbered without gaps."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "derivations"
PAGES = sorted(FOLDER.glob("*.py"))
STATEMENTS = (FOLDER.parent / "docs" / "theory" / "statements.md").read_text(encoding="utf-8")


def cells(page):
    """The cells of a percent script as (is markdown, text)."""
    parts = re.split(r"(?m)^# %%(.*)\n", page.read_text(encoding="utf-8"))
    assert parts[0] == "", "a page begins with a cell"
    kinds, bodies = parts[1::2], parts[2::2]
    assert set(kinds) <= {"", " [markdown]"}
    return [(kind == " [markdown]", body) for kind, body in zip(kinds, bodies, strict=True)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs(page):
    runpy.run_path(str(page), run_name="__main__")


BREAKS = {
    "the error has the wrong sign": "plain = Network.gradient\n"
    "Network.gradient = lambda net, l: (lambda b, e, f: (b, -e, f))(*plain(net, l))",
    "the forward factor is doubled": "plain = Network.gradient\n"
    "Network.gradient = lambda net, l: (lambda b, e, f: (b, e, 2 * f))(*plain(net, l))",
    "feedback is the negative of B": "FeedbackAlignment.feedback = lambda rule, net, l: -net.B(l)",
    "feedback is the transpose": "FeedbackAlignment.feedback = lambda rule, net, l: net.W(l).T",
}


@pytest.mark.parametrize(
    ("broken", "page"),
    [
        ("the error has the wrong sign", "01_loss"),
        ("the forward factor is doubled", "03_modes"),
        ("feedback is the transpose", "04_first_integrals"),
        ("feedback is the negative of B", "05_clock"),
    ],
)
def test_a_page_fails_if_the_physics_is_broken(broken, page):
    # In a process of its own, so that no derived flow is remembered.
    code = (
        "import runpy\nfrom fa_dynamics.derive import FeedbackAlignment, Network\n"
        f"{BREAKS[broken]}\nrunpy.run_path({str(FOLDER / (page + '.py'))!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_asserts_its_steps(page):
    tree = ast.parse(page.read_text(encoding="utf-8"))
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert len(asserts) >= 8
    for node in asserts:
        assert not isinstance(node.test, ast.Constant)
        assert not (isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or)), node.lineno


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_reads_as_a_notebook(page):
    number = int(page.stem[:2])
    parts = cells(page)
    assert parts[0][0]
    assert parts[0][1].startswith(f"# # {number}. ")
    assert sum(markdown for markdown, _ in parts) >= 4
    assert sum(not markdown for markdown, _ in parts) >= 4
    for markdown, body in parts:
        if markdown:
            assert all(line.startswith("#") for line in body.strip().splitlines())
            prose = "\n".join(line[2:] for line in body.strip().splitlines())
            assert prose.count("$$") % 2 == 0
            assert prose.replace("$$", "").count("$") % 2 == 0
        else:
            ast.parse(body)
            assert len(body.strip().splitlines()) <= 35


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_formulas_of_a_page_are_what_a_cell_ends_with(page):
    ends = [ast.parse(body).body[-1] for markdown, body in cells(page) if not markdown]
    assert sum(isinstance(node, ast.Expr) for node in ends) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_statements_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:girotti2021|song2021|robertson2024|radhakrishnan2020|classical)\.[a-z-]+)`", text):
        assert f"| {name} |" in STATEMENTS, name


def test_every_number_is_used_once():
    numbers = [int(page.stem[:2]) for page in PAGES]
    assert numbers == list(range(1, len(PAGES) + 1))
    assert len(PAGES) >= 12
    assert all(re.fullmatch(r"\d\d_[a-z_]+", page.stem) for page in PAGES)


def test_the_index_names_every_page():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d_\w+\.py)\)", index) == [page.name for page in PAGES]
