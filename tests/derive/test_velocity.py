"""The compiled velocity against a recursion typed by hand, for every rule at every shape of network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.derive import derive
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.errors import InputError

from .by_hand import RULES, assert_close, draw, package_velocity, size, velocity

depths_and_widths = st.lists(st.integers(1, 7), min_size=2, max_size=6)
seeds = st.integers(0, 2**32 - 1)
quietly = settings(deadline=None, max_examples=40)  # of each of ten pairs of rule and decay


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("rule", RULES)
@quietly
@given(sizes=depths_and_widths, seed=seeds)
def test_equals_the_typed_recursion(rule, decay, sizes, seed):
    case = draw(seed, sizes)
    flow = derive(case.depth, rule, decay=decay)
    assert_close(package_velocity(flow, case), velocity(rule, case, decay), size(rule, case, decay))


@quietly
@given(sizes=depths_and_widths, seed=seeds)
def test_feedback_alignment_with_transposed_weights_is_backpropagation(sizes, seed):
    case = draw(seed, sizes)
    aligned = replace(case, layered={layer: case.weights[layer - 1].T for layer in case.layered})
    given = package_velocity(derive(case.depth, "fa"), aligned)
    assert_close(given, package_velocity(derive(case.depth, "bp"), case), size("bp", case))


@pytest.mark.parametrize("rule", RULES)
def test_one_layer_is_linear_regression(rule):
    case = draw(3, (4, 3))
    residual = case.targets - case.weights[0] @ case.inputs
    expected = residual @ case.inputs.T / case.inputs.shape[1]
    assert_close(package_velocity(derive(1, rule), case), [expected], np.abs(expected).max())


@pytest.mark.parametrize("rule", RULES)
def test_a_call_leaves_no_trace_in_the_next(rule):
    first, other = draw(1, (5, 3, 4, 2)), draw(2, (5, 3, 4, 2))
    into = compile_flow(derive(3, rule, decay=True), first.sizes).bind(first.parameters(), np.empty)

    def call(case):
        out = [np.full(matrix.shape, np.nan) for matrix in case.state(rule)]
        into(case.state(rule), out)
        return out

    alone = call(first)
    call(other)
    again = call(first)
    for before, after in zip(alone, again, strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("rule", RULES)
def test_state_is_only_read(rule):
    case = draw(1, (5, 3, 4, 2))
    state = [matrix.copy() for matrix in case.state(rule)]
    for matrix in state:
        matrix.flags.writeable = False
    into = compile_flow(derive(3, rule), case.sizes).bind(case.parameters(), np.empty)
    into(state, [np.empty(matrix.shape) for matrix in state])
    for matrix, original in zip(state, case.state(rule), strict=True):
        np.testing.assert_array_equal(matrix, original)


@pytest.mark.parametrize("rule", RULES)
def test_bindings_of_one_compiled_flow_do_not_meet(rule):
    cases = draw(1, (3, 4, 2, 3)), draw(2, (3, 4, 2, 3))
    compiled = compile_flow(derive(3, rule, decay=True), cases[0].sizes)
    bound = [compiled.bind(case.parameters(), np.empty) for case in cases]
    state = cases[0].state(rule)
    for turn in (0, 1, 0):
        mixed = replace(cases[turn], weights=cases[0].weights)
        if rule == "kp":
            mixed = replace(mixed, layered=cases[0].layered)
        out = [np.empty(matrix.shape) for matrix in state]
        bound[turn](state, out)
        assert_close(out, velocity(rule, mixed, decay=True), size(rule, mixed, decay=True))


def test_each_binding_has_memory_of_its_own():
    """So that two bindings may run in two threads."""
    case = draw(1, (3, 4, 2, 3))
    compiled = compile_flow(derive(3, "bp"), case.sizes)
    for _ in range(2):
        asked = []
        compiled.bind(case.parameters(), lambda shape, asked=asked: asked.append(shape) or np.empty(shape))
        assert tuple(asked) == compiled.memory_shapes
        assert asked


@pytest.mark.parametrize(
    ("rule", "decay", "names", "parameters"),
    [
        ("bp", False, "W_1 W_2 W_3", "Sigma_xx Sigma_yx"),
        ("fa", False, "W_1 W_2 W_3", "B_2 B_3 Sigma_xx Sigma_yx"),
        ("dfa", True, "W_1 W_2 W_3", "D_1 D_2 Sigma_xx Sigma_yx rho_1 rho_2 rho_3"),
        ("sign", False, "W_1 W_2 W_3", "Sigma_xx Sigma_yx"),
        ("kp", False, "W_1 W_2 W_3 B_2 B_3", "Sigma_xx Sigma_yx"),
    ],
)
def test_names_of_state_and_parameters(rule, decay, names, parameters):
    compiled = compile_flow(derive(3, rule, decay=decay), (5, 4, 3, 2))
    assert compiled.names == tuple(names.split())
    assert compiled.parameters == tuple(parameters.split())
    assert compiled.shapes[:3] == ((4, 5), (3, 4), (2, 3))


def test_names_are_in_numerical_order_beyond_nine():
    compiled = compile_flow(derive(11, "fa"), (2,) * 12)
    assert compiled.parameters[:-2] == tuple(f"B_{layer}" for layer in range(2, 12))


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 4, 5), (2, 0, 3)])
def test_sizes_must_fit_the_depth(sizes):
    with pytest.raises(InputError, match=r"^sizes: .* expected 3 whole numbers >= 1$"):
        compile_flow(derive(2, "fa"), sizes)
