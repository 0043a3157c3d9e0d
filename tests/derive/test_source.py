"""A flow as a file of NumPy that runs on its own, as text and as LaTeX."""

import ast
import re
import runpy
import subprocess
import sys

import pytest
import sympy as sp

from fa_dynamics.derive import Rule, derive

from .by_hand import RULES, assert_close, draw, size, velocity

FLOWS = [(rule, depth, decay) for rule in RULES for depth in (1, 2, 3) for decay in (False, True)]

# Nothing but the standard library and NumPy can be imported below this line of the child process.
ALONE = """
import runpy, sys
class OnlyNumPy:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "numpy":
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, OnlyNumPy())
for path in sys.argv[1:]:
    print("file", path)
    runpy.run_path(path, run_name="__main__")
assert not {"sympy", "scipy", "fa_dynamics"} & {name.partition(".")[0] for name in sys.modules}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    paths = {}
    for rule, depth, decay in FLOWS:
        paths[rule, depth, decay] = folder / f"{rule}_{depth}_{decay}.py"
        paths[rule, depth, decay].write_text(derive(depth, rule, decay=decay).python(), encoding="utf-8")
    return paths


@pytest.mark.parametrize("rule", RULES)
def test_runs_alone_without_a_warning_and_its_loss_falls(rule, files):
    chosen = [str(path) for key, path in files.items() if key[0] == rule]
    child = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", ALONE, *chosen], capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr
    assert child.stderr == ""
    runs = child.stdout.split("file ")[1:]
    assert len(runs) == len(chosen)
    for run in runs:
        losses = [float(value) for value in re.findall(r"loss = (\S+)", run)]
        assert len(losses) == 5
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize(("rule", "depth", "decay"), FLOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_its_velocity_equals_the_typed_recursion(rule, depth, decay, seed, files):
    case = draw(seed, ((4, 2, 5, 3) if seed == 1 else (1, 6, 2, 7))[: depth + 1])
    function = runpy.run_path(str(files[rule, depth, decay]))["velocity"]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    matrices = {f"W_{layer}": weight for layer, weight in enumerate(case.weights, 1)} | case.parameters()
    given = function(**{name: matrices[name] for name in names})
    assert isinstance(given, tuple)
    assert_close(given, velocity(rule, case, decay), size(rule, case, decay))


@pytest.mark.parametrize(("rule", "depth", "decay"), FLOWS)
def test_it_imports_numpy_and_nothing_else(rule, depth, decay, files):
    tree = ast.parse(files[rule, depth, decay].read_text(encoding="utf-8"))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["import numpy"]


def test_it_shows_its_equations():
    flow = derive(2, "fa")
    assert flow.text() in flow.python()


@pytest.mark.parametrize(
    ("depth", "rule", "decay", "expected"),
    [
        (1, "kp", False, ["E = Sigma_yx - W_1*Sigma_xx", "dW_1/dt = E"]),
        (
            2,
            "fa",
            True,
            [
                "E = Sigma_yx - W_2*W_1*Sigma_xx",
                "dW_1/dt = B_2*E - rho_1*W_1",
                "dW_2/dt = E*W_1.T - rho_2*W_2",
            ],
        ),
        (
            3,
            "bp",
            False,
            [
                "E = Sigma_yx - W_3*W_2*W_1*Sigma_xx",
                "dW_1/dt = W_2.T*W_3.T*E",
                "dW_2/dt = W_3.T*E*W_1.T",
                "dW_3/dt = E*W_1.T*W_2.T",
            ],
        ),
        (
            2,
            "sign",
            False,
            ["E = Sigma_yx - W_2*W_1*Sigma_xx", "dW_1/dt = sign(W_2.T)*E", "dW_2/dt = E*W_1.T"],
        ),
        (
            2,
            "kp",
            True,
            [
                "E = Sigma_yx - W_2*W_1*Sigma_xx",
                "dW_1/dt = B_2*E - rho_1*W_1",
                "dW_2/dt = E*W_1.T - rho_2*W_2",
                "dB_2/dt = W_1*E.T - rho_2*B_2",
            ],
        ),
    ],
)
def test_text(depth, rule, decay, expected):
    assert derive(depth, rule, decay=decay).text().splitlines() == expected


def test_latex():
    assert derive(2, "fa").latex().splitlines() == [
        r"\begin{aligned}",
        r"E &= \Sigma_{yx} - W_{2} W_{1} \Sigma_{xx} \\",
        r"\dot{W}_{1} &= B_{2} E \\",
        r"\dot{W}_{2} &= E W_{1}^{T}",
        r"\end{aligned}",
    ]
    assert r"\dot{W}_{1} &= D_{1} E \\" in derive(2, "dfa").latex()


class SoftSign(Rule):
    """A saturating function of the weights goes back."""

    name = "soft"

    def feedback(self, network, layer):
        z = sp.Symbol("z", real=True)
        return network.W(layer).T.applyfunc(sp.Lambda(z, sp.tanh(3 * z)))


@pytest.mark.parametrize("form", ["text", "latex"])
def test_a_function_of_every_entry_is_shown_with_its_argument(form):
    """tanh(3 w) must not be shown as tanh(w)."""
    (line,) = [line for line in getattr(derive(2, SoftSign()), form)().splitlines() if "tanh" in line]
    assert "3" in line
