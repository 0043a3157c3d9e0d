"""The face of the package: what an import costs, what it offers, and how it refuses."""

import doctest
import importlib
import inspect
import itertools
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import fa_dynamics as fa

HEAVY = ("scipy", "sympy", "matplotlib", "xarray", "pandas")


def in_a_fresh_process(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_light():
    code = f"import sys, fa_dynamics; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == "[]"


def test_version_is_light_too():
    code = f"import sys, fa_dynamics as fa; print(fa.__version__, [name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == f"{fa.__version__} []"


@pytest.mark.parametrize("name", fa.__all__)
def test_public_names_resolve_and_are_documented(name):
    member = getattr(fa, name)
    if name != "__version__":
        assert (inspect.getdoc(member) or "").strip()
        assert member.__doc__  # its own, not an inherited one


def test_dir_and_star():
    assert dir(fa) == sorted(fa.__all__)
    names = {}
    exec("from fa_dynamics import *", names)
    assert set(fa.__all__) <= set(names)
    assert len(set(fa.__all__)) == len(fa.__all__)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_thing'"):
        fa.no_such_thing  # noqa: B018
    assert not hasattr(fa, "flow")


def test_derive_stays_a_function():
    """The room `fa_dynamics.derive` shares its name; whatever is imported before or after, in any order."""
    rooms = (
        "fa_dynamics.derive",
        "fa_dynamics.derive.flow",
        "fa_dynamics.flows",
        "fa_dynamics.modes",
        "fa_dynamics.tasks",
    )
    orders = list(itertools.permutations(rooms))[::6]  # every two rooms come first once, and the other three after them
    imports = ["; ".join(f"import {room}" for room in order) for order in orders]
    code = "\n".join(
        [
            "import importlib, sys",
            f"for line in {imports!r}:",
            "    for name in [name for name in sys.modules if name.split('.')[0] == 'fa_dynamics']:",
            "        del sys.modules[name]",
            "    exec(line)",
            "    import fa_dynamics as fa",
            "    assert callable(fa.derive), line",
            "    importlib.import_module('fa_dynamics.derive.chain')",
            "    assert callable(fa.derive), line",
            "    from fa_dynamics.derive import derive",
            "    assert fa.derive is derive, line",
            "assert fa.derive(2, 'fa').depth == 2",
            "print('fine')",
        ]
    )
    assert in_a_fresh_process(code) == "fine"


def test_every_room_imports_alone():
    rooms = [module.name for module in pkgutil.iter_modules(fa.__path__, "fa_dynamics.") if "cli" not in module.name]
    code = "\n".join(
        [
            "import importlib, sys",
            f"for room in {rooms!r}:",
            "    for name in [name for name in sys.modules if name.split('.')[0] == 'fa_dynamics']:",
            "        del sys.modules[name]",
            "    importlib.import_module(room)",
            "print('fine')",
        ]
    )
    assert in_a_fresh_process(code) == "fine"


BAD = {
    "task": ["digits", None, np.eye(2)],
    "hidden": [0, -1, [2, 0], True, "ab", [2.5], 2.5, None, [[2]], [None]],
    "rule": ["fb", 3, None, int, "nowhere.py:Rule", "pyproject.toml:Rule"],
    "start": ["gausian", 3, "gaussian:-1", [np.eye(2)], [np.eye(2), np.eye(3)], [np.eye(2), np.full((2, 2), np.nan)]],
    "feedback": ["gausian", 3, "gaussian:x", [np.ones((2, 3))], [], [np.full((2, 2), np.inf)]],
    "t_end": [0, -1.0, np.nan, np.inf, "long", None, True, 1j],
    "decay": [-0.1, [0.1, -0.1], [0.1, 0.1, 0.1], np.nan, np.inf, "some", [[0.1], [0.1, 0.1]], [[0.1, 0.1]]],
    "method": ["RK54", "", None, 3, int],
    "rtol": [0, -1e-9, np.nan, np.inf, "tight", None, [1e-9]],
    "atol": [0, -1e-9, np.nan, np.inf, "tight", None, [1e-9]],
    "t_eval": [
        [0.0, 1.1],
        [-0.1, 0.5],
        [0.5, 0.1],
        [0.5, 0.5],
        [],
        [0.0, np.nan],
        [[0.0, 0.5]],
        "now",
        [0.0, "b"],
        [[0.1], [0.2, 0.3]],
    ],
    "max_step": [0, -1.0, np.nan, "short", None],
    "seed": [-1, 1.5, "lucky", None, True, [1]],
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [pytest.param(argument, value, id=f"{argument}-{value!r}"[:60]) for argument in BAD for value in BAD[argument]],
)
def test_bad_input_of_simulate_names_the_argument(argument, value):
    arguments = {"task": fa.Task.from_spectrum([2.0, 1.0]), "hidden": 2, "t_end": 1.0} | {argument: value}
    with pytest.raises(fa.InputError) as caught:
        fa.simulate(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{argument}: ")
    assert "\n" not in message


def test_input_errors_are_value_errors():
    assert issubclass(fa.InputError, ValueError)
    assert issubclass(fa.DerivationError, ValueError)
    assert issubclass(fa.IntegrationError, RuntimeError)
    assert issubclass(fa.IntegrationWarning, UserWarning)


def test_arguments_behind_the_star_are_keywords():
    with pytest.raises(TypeError):
        fa.simulate(fa.Task.from_spectrum([1.0]), 1, "fa", None, None, 1.0)
    with pytest.raises(TypeError, match="t_end"):
        fa.simulate(fa.Task.from_spectrum([1.0]), 1)


def modules():
    return [
        module.name for module in pkgutil.walk_packages(fa.__path__, "fa_dynamics.") if "__main__" not in module.name
    ]


def documented():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ["fa_dynamics", *modules()]:
        module = importlib.import_module(name)
        for test in finder.find(module, name):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(documented()))
def test_examples_in_docstrings(test):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report = []
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_there_are_examples():
    names = {parameter.values[0].name for parameter in documented()}
    assert {"fa_dynamics", "fa_dynamics.flows.simulate.simulate", "fa_dynamics.starts.parse"} <= names
