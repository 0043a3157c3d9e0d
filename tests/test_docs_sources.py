"""What the site is made from, without building it: symbols, formulas, links, and the code of the how-to pages."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import sympy as sp
import typer

import fa_dynamics as fa
from fa_dynamics.cli import COMMANDS
from fa_dynamics.cli.app import app
from fa_dynamics.theorems import find, names

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WRITTEN = sorted(path for folder in (DOCS, DOCS / "howto", DOCS / "gallery") for path in folder.glob("*.md"))
HOWTO = sorted((DOCS / "howto").glob("*.md"))
FENCED = re.compile(r"^```(\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"fa-dynamics [^\n`#]+")


@pytest.fixture
def ext(monkeypatch):
    """Import a module of the folder of the site's extensions."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(DOCS)):
            del sys.modules[name]


def rows_of_glossary():
    lines = (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| $")]
    assert all(len(row) == 3 for row in cells)
    return cells


REQUIRED = r"""
W_l P P_* \ell E \Sigma_{xx} \Sigma_{yx} \Sigma_{yy} L N U V G_l \varphi \nu
B_l C_l D_l \Gamma_l \rho_l \eta t \Psi
\sigma_k \lambda_k s_k \theta_l b_l c_l p_k e v \tau S x T Q_l q_{l,i} k_l \zeta \kappa
"""


@pytest.mark.parametrize("symbol", REQUIRED.split())
def test_glossary_has_the_symbols_of_the_notes(symbol):
    found = [piece for row in rows_of_glossary() for piece in re.findall(r"\$(.+?)\$", row[0])]
    assert symbol in found


@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "sign", "kp"])
def test_glossary_has_every_symbol_that_a_rule_prints(rule):
    flow = fa.derive(3, rule, decay=True)
    chain = flow.chain(basis="coordinates")
    shown = {matrix.name for moving in flow.velocity for matrix in moving.atoms(sp.MatrixSymbol)}
    shown |= {symbol.name for moving in flow.velocity for symbol in moving.free_symbols if symbol.is_Symbol}
    shown |= {symbol.name for moving in chain.velocity.values() for symbol in moving.free_symbols}
    stems = {re.sub(r"_\d+$", "", name) for name in shown | {"E", "eta", "tau"}}
    in_code = {code for row in rows_of_glossary() for code in re.findall(r"`(.+?)`", row[1])}
    assert stems - {re.sub(r"_\d+$", "", code) for code in in_code} == set()


def test_names_in_code_of_the_glossary_exist():
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, hidden=2, t_end=0.1)
    curves = fa.solve_modes([2.0, 1.0], t=[0.1])
    here = {"task": task, "run": run, "curves": curves, "flow": fa.derive(2, "fa"), "chain": fa.derive(2, "fa").chain()}
    here["rule"] = fa.FeedbackAlignment()
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    named = re.findall(r"`(task|run|curves|flow|chain|rule)\.(\w+)", text)
    assert len(named) > 10
    assert [f"{owner}.{name}" for owner, name in named if not hasattr(here[owner], name)] == []


@pytest.mark.parametrize("page", HOWTO, ids=lambda page: page.stem)
def test_code_of_how_to_pages_runs(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    scope = {"__name__": "page"}
    for language, code in FENCED.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(code, str(page), "exec"), scope)
    assert "Traceback" not in capsys.readouterr().out


def test_sweep_file_of_the_how_to_page_is_valid(tmp_path):
    sweep = pytest.importorskip("fa_dynamics.sweep")
    text = (DOCS / "howto" / "run_on_a_cluster.md").read_text(encoding="utf-8")
    ((_, toml),) = [block for block in FENCED.findall(text) if block[0] == "toml"]
    (tmp_path / "sweep.toml").write_text(toml, encoding="utf-8")
    assert sweep.read_spec(tmp_path / "sweep.toml").draws == 20


def commands():
    for page in WRITTEN:
        for line in COMMAND.findall(page.read_text(encoding="utf-8")):
            yield pytest.param(shlex.split(line)[1:], id=f"{page.stem}: {line.strip()}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_and_options_exist(words):
    assert words[0] in COMMANDS
    importlib.import_module(f"fa_dynamics.cli.{words[0]}")
    known = typer.main.get_command(app).commands
    options = {name for parameter in known[words[0]].params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_between_pages(page, ext):
    made = {f"gathered/{name}" for room in ("pages_of_api", "pages_of_ledger") for name in ext(room).pages()}
    made |= {
        f"gathered/{each}/index.md" for each in ("notebooks", "derivations") if (ROOT / each / "README.md").exists()
    }
    for link in re.findall(r"\]\(([^)#]*)[^)]*\)", page.read_text(encoding="utf-8")):
        if link and not link.startswith("http"):
            target = (page.parent / link).resolve()
            assert target.exists() or target.relative_to(DOCS).as_posix() in made, link


FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def formulas_of(text):
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [display or inline for display, inline in FORMULA.findall(text)]


@pytest.mark.parametrize("page", [*sorted((DOCS / "theory").glob("*.md")), *WRITTEN], ids=lambda page: page.stem)
def test_formulas_become_mathml(page, ext):
    mathml = ext("formulas").mathml
    for latex in formulas_of(page.read_text(encoding="utf-8")):
        assert not re.search(r"\\[a-zA-Z]|\$|&amp;", mathml(latex)), latex


def test_formulas_of_the_ledger_become_mathml(ext):
    mathml = ext("formulas").mathml
    for name in names():
        each = find(name)
        said = [each.claim, each.note, *(h.says for h in each.hypotheses), *(c.says for c in each.counterexamples)]
        for latex in formulas_of("\n".join(said)):
            assert not re.search(r"\\[a-zA-Z]|\$|&amp;", mathml(latex)), (name, latex)


@pytest.mark.parametrize(
    ("latex", "has"),
    [
        (r"\mathbb R^n", "<mi>ℝ</mi>"),
        (r"\mathcal N", "<mi>𝒩</mi>"),
        (r"E:=1", "<mo>≔</mo>"),
        (r"\Sigma", 'mathvariant="normal">Σ'),
        (r"\text{if $r$ is}", "<mi>r</mi>"),
        (r"\begin{aligned}a&=b\\c&=d\end{aligned}", "<mtable>"),
        (r"1/2", 'lspace="0" rspace="0">/'),
    ],
)
def test_habits_of_tex(ext, latex, has):
    assert has in ext("formulas").mathml(latex)


def test_long_formulas_may_end_a_line(ext):
    mathml = ext("formulas").mathml
    assert mathml(r"a=b+c+d=e+f+g").count("<wbr>") == 1
    assert mathml(r"f(a=b,c=d,e=f)").count("<wbr>") == 0  # never inside brackets
    assert mathml(r"\lvert a=b+c=d+e\rvert").count("<wbr>") == 0
    assert "<wbr>" not in mathml(r"a=b+c+d=e+f+g", "block")


def test_the_catalogue_has_every_statement(ext):
    pages = ext("pages_of_ledger").pages()
    for name in names():
        assert f"({name})=\n## {name}\n" in pages[f"ledger/{find(name).paper}.md"]


def test_the_reference_has_every_public_name(ext):
    pages = ext("pages_of_api").pages()
    text = "".join(pages.values())
    for name in fa.__all__:
        if not name.startswith("__") and name not in dir(fa.theorems) and f"api/{name}.rst" not in pages:
            assert re.search(rf"^\.\. auto\w+:: (\w+\.)*{name}$", text, re.MULTILINE), name


def test_text_keeps_its_signs(ext):
    assert ext("docstrings").plain("|p - s| and W_ but ``|x|``") == r"\|p - s\| and W\_ but ``|x|``"
    assert ext("pages_of_ledger").plain(r"a_b * $x_1^*$ [c]") == r"a\_b \* $x_1^*$ \[c\]"
