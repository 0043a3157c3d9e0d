"""The velocity of stacked members equals the recursion typed by hand for each of them, short matrices and long ones."""

from dataclasses import replace

import numpy as np
import pytest

from fa_dynamics.derive import derive
from fa_dynamics.derive.compile import compile_expression, compile_flow, compile_moving_rows
from fa_dynamics.derive.memory import SMALL
from fa_dynamics.derive.moving_rows import moving_rows

from .by_hand import RULES, assert_close, draw, size, velocity

SHORT, LONG = (5, 3, 4, 2), (17, 18, 19, 3)
SIZES = [SHORT, LONG, (4, 2)]


def members(sizes, count=3):
    """Cases that share their data, as members of an ensemble do, with inputs that are uncorrelated."""
    first, *others = (draw(seed, sizes) for seed in range(count))
    axes = np.linalg.qr(np.random.default_rng(9).standard_normal((20, sizes[0])))[0].T
    inputs = np.linspace(0.5, 2.0, sizes[0])[:, None] * axes
    targets = np.random.default_rng(8).standard_normal((sizes[-1], 20))
    return [replace(case, inputs=inputs, targets=targets) for case in (first, *others)]


def parameters_of(cases):
    """Moments as they are, feedback stacked."""
    each = [case.parameters() for case in cases]
    shared = {name: value for name, value in each[0].items() if name.startswith(("Sigma", "rho"))}
    return shared | {name: np.stack([own[name] for own in each]) for name in each[0] if name not in shared}


def assert_velocities(compiled, cases, rule, parameters):
    state = [np.stack(matrices) for matrices in zip(*(case.state(rule) for case in cases), strict=True)]
    out = [np.full((len(cases), *shape), np.nan) for shape in compiled.shapes]
    into = compiled.bind(parameters, lambda shape: np.empty((len(cases), *shape)))
    for _ in range(2):  # nothing of the first call is left in memory
        into(state, out)
        for number, case in enumerate(cases):
            assert_close([matrix[number] for matrix in out], velocity(rule, case), size(rule, case))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_equals_the_typed_recursion_of_every_member(rule, sizes):
    cases = members(sizes)
    compiled = compile_flow(derive(cases[0].depth, rule), sizes, True)
    assert_velocities(compiled, cases, rule, parameters_of(cases))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_with_the_diagonal_of_the_moment_spread(rule, sizes):
    cases = members(sizes)
    found = moving_rows(derive(cases[0].depth, rule))
    values = parameters_of(cases)
    for matrix, constant in found.constants.items():
        values[found.stand_in[matrix].name] = compile_expression(constant, True)(values)
    rows = tuple(sizes[layer] for layer in range(1, len(found.stand_in) + 1))
    compiled = compile_moving_rows(found, sizes, rows, "diagonal", True)
    assert [name for _, name, _ in compiled.spread] == ["Sigma_xx"]
    values["Sigma_xx"] = np.diag(values["Sigma_xx"])
    assert_velocities(compiled, cases, rule, values)


def test_only_small_transposes_are_copied():
    assert SHORT[0] * SHORT[1] <= SMALL < LONG[0] * LONG[1]
    short, long = (compile_flow(derive(3, "fa"), sizes, True) for sizes in (SHORT, LONG))
    alone = compile_flow(derive(3, "fa"), SHORT)
    copies = len(short.memory_shapes) - len(alone.memory_shapes)
    assert copies == 2  # activations of the first and of the second layer
    assert len(long.memory_shapes) == len(alone.memory_shapes)
