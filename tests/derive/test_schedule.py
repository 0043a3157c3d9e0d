"""The cost of an evaluation, against schedules that an expert would write by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.derive import derive
from fa_dynamics.derive.program import velocity_program

from .by_hand import RULES


class Bench:
    """Matrices that know only their shapes, and a count of the multiply-adds of their products."""

    def __init__(self):
        self.count = 0

    def times(self, left, right):
        assert left[1] == right[0]
        self.count += left[0] * left[1] * right[1]
        return left[0], right[1]


def flipped(shape):
    return shape[::-1]


def forward_expert(n):
    """Carries activities and signals with n_0 columns: H_l = W_l H_{l-1}, signal_l = feedback_{l+1} signal_{l+1}."""
    bench, depth = Bench(), len(n) - 1
    activity = [None, (n[1], n[0])]
    for layer in range(2, depth + 1):
        activity.append(bench.times((n[layer], n[layer - 1]), activity[-1]))
    signal = bench.times(activity[depth], (n[0], n[0]))
    for layer in range(depth, 0, -1):
        if layer < depth:
            signal = bench.times((n[layer], n[layer + 1]), signal)
        if layer > 1:
            bench.times(signal, flipped(activity[layer - 1]))
    return bench.count


def suffix_expert(n):
    """Carries n_L rows: suffixes W_L..W_l, and errors E (W_{l-1}..W_1)^T; dW_l is one product of the two.

    Suffixes of fixed feedback are constants, formed once; the end-to-end map is still needed.
    """
    bench, depth = Bench(), len(n) - 1
    suffix = (n[depth], n[depth - 1])
    for layer in range(depth - 1, 0, -1):
        suffix = bench.times(suffix, (n[layer], n[layer - 1]))
    error = bench.times(suffix, (n[0], n[0]))
    for layer in range(1, depth + 1):
        if layer > 1:
            error = bench.times(error, (n[layer - 2], n[layer - 1]))
        if layer < depth:
            bench.times((n[layer], n[depth]), error)
    return bench.count


def cost(rule, sizes):
    return velocity_program(derive(len(sizes) - 1, rule), tuple(sizes)).multiply_adds


@pytest.mark.parametrize("depth", range(2, 11))
def test_equal_widths_cost_3L_minus_2(depth):
    """L for P Sigma_xx, L-1 for the signals of hidden layers, L-1 for outer products (layer 1 needs none: it has E)."""
    sizes = (3,) * (depth + 1)
    assert forward_expert(sizes) == suffix_expert(sizes) == (3 * depth - 2) * 27
    assert cost("bp", sizes) == (3 * depth - 2) * 27


@pytest.mark.parametrize("depth", range(2, 11))
@pytest.mark.parametrize("rule", ["fa", "dfa", "sign", "kp"])
def test_no_rule_costs_more_than_backpropagation_at_equal_widths(rule, depth):
    sizes = (3,) * (depth + 1)
    assert cost(rule, sizes) <= (3 * depth - 2) * 27


def test_fixed_feedback_is_multiplied_once_for_all():
    program = velocity_program(derive(4, "fa"), (9, 9, 9, 9, 2))
    fixed = {"B_2", "B_3", "B_4"}

    def reads(statement):
        return {symbol.name for _, operands in statement.terms for matrix in operands for symbol in matrix.free_symbols}

    hoisted = {statement.target.name for statement in program.constants}
    for statement in program.statements:
        assert not reads(statement) <= fixed | hoisted
    for statement in program.constants:
        assert reads(statement) <= fixed | hoisted
    assert program.constants


@pytest.mark.parametrize("depth", range(2, 7))
@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_few_outputs_cost_no_more_than_suffixes(rule, depth):
    sizes = (20,) * depth + (1,)
    assert cost(rule, sizes) <= suffix_expert(sizes)
    assert depth == 2 or suffix_expert(sizes) < forward_expert(sizes)


@pytest.mark.parametrize("depth", range(2, 7))
@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_few_inputs_cost_no_more_than_forward(rule, depth):
    sizes = (1,) + (20,) * depth
    assert cost(rule, sizes) <= forward_expert(sizes)
    assert depth == 2 or forward_expert(sizes) < suffix_expert(sizes)


@pytest.mark.parametrize("depth", range(2, 7))
def test_a_bottleneck_costs_less_than_either(depth):
    sizes = [20] * (depth + 1)
    sizes[depth // 2] = 1
    assert cost("bp", sizes) < min(suffix_expert(sizes), forward_expert(sizes))


@settings(deadline=None, max_examples=100)
@given(sizes=st.lists(st.sampled_from([1, 2, 3, 5, 10, 30, 100, 784]), min_size=3, max_size=7))
def test_backpropagation_never_costs_more_than_an_expert(sizes):
    assert cost("bp", sizes) <= min(suffix_expert(sizes), forward_expert(sizes))


@pytest.mark.parametrize("sizes", [(5, 5, 5, 5, 5), (9, 7, 8, 6, 1), (1, 7, 8, 6, 9), (9, 8, 1, 7, 6)])
@pytest.mark.parametrize("rule", RULES)
def test_no_product_is_formed_twice(rule, sizes):
    """Every target, written out in the symbols of the flow, appears once, and its transpose never."""
    program = velocity_program(derive(4, rule), sizes)
    written = {}

    def leaves(matrix):
        if matrix.is_Transpose:
            return tuple((name, not flip) for name, flip in reversed(leaves(matrix.arg)))
        return written.get(matrix.name, ((matrix.name, False),))

    products = []
    for statement in (*program.constants, *program.statements):
        if statement.product:
            left, right = statement.product
            word = leaves(left) + leaves(right)
            written[statement.target.name] = word
            products.append(frozenset({word, tuple((name, not flip) for name, flip in reversed(word))}))
    assert products
    assert max(Counter(products).values()) == 1


@pytest.mark.parametrize("sizes", [(5, 5, 5, 5), (9, 7, 8, 1), (1, 7, 8, 9), (9, 1, 7, 6)])
@pytest.mark.parametrize("rule", RULES)
def test_the_stated_cost_is_that_of_the_statements(rule, sizes):
    flow = derive(3, rule)
    program = velocity_program(flow, sizes)
    units = dict(zip(flow.network.sizes, sizes, strict=True))
    pairs = [statement.product for statement in program.statements if statement.product]
    counted = sum(units[left.shape[0]] * units[left.shape[1]] * units[right.shape[1]] for left, right in pairs)
    assert program.multiply_adds == counted


@pytest.mark.parametrize("rule", RULES)
def test_every_name_is_formed_before_it_is_read(rule):
    flow = derive(4, rule, decay=True)
    program = velocity_program(flow, (4, 3, 5, 2, 6))
    network = flow.network
    given = {*flow.state, *flow.feedback, network.input_moment, network.cross_moment}
    known = {matrix.name for matrix in given}
    for statement in (*program.constants, *program.statements):
        matrices = [matrix for _, operands in statement.terms for matrix in operands]
        read = {symbol.name for matrix in matrices for symbol in matrix.free_symbols if symbol.is_Matrix}
        assert read <= known
        known.add(statement.target.name)
    assert {output.name for output in program.outputs} <= known
