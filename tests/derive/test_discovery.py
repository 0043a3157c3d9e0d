"""Polynomial first integrals of the chains: which there are, how many, and that there are no others."""

from itertools import product
from math import prod

import pytest
import sympy as sp

from fa_dynamics.derive import Network, derive
from fa_dynamics.derive.conservation import explicit_form
from fa_dynamics.errors import DerivationError, InputError


def theta(layer):
    return sp.Symbol(f"theta_{layer}", real=True)


def b(layer):
    return sp.Symbol(f"b_{layer}", real=True)


def c(layer):
    return sp.Symbol(f"c_{layer}", real=True)


# The first integrals by hand, with the constants that may multiply them (notation.md, section 3).
LAWS = {
    "fa": lambda depth: [theta(j) ** 2 - 2 * b(j + 1) * theta(j + 1) for j in range(1, depth)],
    "bp": lambda depth: [theta(j) ** 2 - theta(j + 1) ** 2 for j in range(1, depth)],
    "kp": lambda depth: (
        [b(j + 1) - theta(j + 1) for j in range(1, depth)] + [theta(j) ** 2 - b(j + 1) ** 2 for j in range(1, depth)]
    ),
    "dfa": lambda depth: (
        [c(j + 1) * theta(j) ** 2 - 2 * c(j) * theta(j + 1) for j in range(1, depth - 1)]
        + [theta(depth - 1) ** 2 - 2 * c(depth - 1) * theta(depth)] * (depth > 1)
    ),
}
CONSTANTS = {
    "fa": lambda depth: depth - 1,
    "bp": lambda depth: 0,
    "kp": lambda depth: 0,
    "dfa": lambda depth: depth - 1,
}


def count(law_degrees, constants, degree):
    """Number of monomials k_1^a_1 .. b_2^e_2 .. of at most this degree that contain some k."""
    degrees = [*law_degrees, *[1] * constants]
    powers = product(*(range(degree // each + 1) for each in degrees))
    return sum(
        sum(p * each for p, each in zip(power, degrees, strict=True)) <= degree and any(power[: len(law_degrees)])
        for power in powers
    )


def same_up_to_scale(one, other):
    ratio = sp.cancel(one / other)
    return ratio.is_Rational and ratio != 0


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_feedback_alignment(depth):
    found = derive(depth, "fa").chain().invariants(2).generators
    laws = LAWS["fa"](depth)
    assert len(found) == len(laws)
    assert all(any(same_up_to_scale(one, law) for one in found) for law in laws)


@pytest.mark.parametrize(
    ("rule", "depth", "degree"),
    [
        *product(["fa", "bp"], [2, 3], [2, 3, 4, 5]),
        *product(["kp"], [2, 3], [1, 2, 3, 4]),
        *product(["dfa"], [2, 3], [2, 3, 4]),
        ("fa", 4, 4),
        ("bp", 4, 4),
        ("bp", 2, 7),
    ],
)
def test_dimension_is_the_number_of_monomials(rule, depth, degree):
    """The known laws generate everything. (k_l is of degree 2 for FA and BP, 3 or 2 for DFA.)"""
    laws = LAWS[rule](depth)
    degrees = [sp.Poly(law).total_degree() for law in laws]
    found = derive(depth, rule).chain().invariants(degree)
    assert found.dimension == count(degrees, CONSTANTS[rule](depth), degree)
    assert found.degree == degree


def test_direct_feedback_has_one_more_of_degree_five():
    """k_1^2 - 4 c_1^2 k_2 is divisible by c_2, and the quotient is no polynomial in the k and c."""
    laws = LAWS["dfa"](3)
    extra = sp.cancel((laws[0] ** 2 - 4 * c(1) ** 2 * laws[1]) / c(2))
    assert sp.Poly(extra).total_degree() == 5
    assert derive(3, "dfa").chain().invariants(5).dimension == count([3, 2], 2, 5) + 1


DISCOVERED = [(rule, depth) for rule in LAWS for depth in (2, 3, 4)]


@pytest.mark.parametrize(("rule", "depth"), DISCOVERED)
def test_generators_are_constant_along_the_chain(rule, depth):
    sigma, curvature = sp.symbols("sigma lambda", real=True)
    error = sigma - curvature * prod(theta(j) for j in range(1, depth + 1))
    rates = {}
    for layer in range(1, depth + 1):
        above = range(layer + 1, depth + 1)
        back = {
            "fa": prod(b(j) for j in above),
            "kp": prod(b(j) for j in above),
            "bp": prod(theta(j) for j in above),
            "dfa": c(layer) if layer < depth else 1,
        }[rule]
        rates[theta(layer)] = back * prod(theta(j) for j in range(1, layer)) * error
        if rule == "kp" and layer > 1:
            rates[b(layer)] = rates[theta(layer)]
    generators = derive(depth, rule).chain().invariants(3).generators
    assert len(generators) == len(LAWS[rule](depth))
    for law in generators:
        assert sp.expand(sum(sp.diff(law, variable) * rate for variable, rate in rates.items())) == 0


def rank(laws, state):
    """Generic rank of the Jacobian, at a rational point that is nothing special."""
    symbols = sorted(set().union(state, *(law.free_symbols for law in laws)), key=str)
    point = {symbol: sp.Rational(7 + 5 * index**2, 3 + index) for index, symbol in enumerate(symbols)}
    return sp.Matrix(list(laws)).jacobian(list(state)).subs(point).rank()


@pytest.mark.parametrize(("rule", "depth"), DISCOVERED)
def test_generators_are_as_many_as_can_be_and_independent(rule, depth):
    """One less than the state has dimensions, since sigma and lambda are free: the flow has one direction."""
    chain = derive(depth, rule).chain()
    generators = chain.invariants(3).generators
    assert rank(generators, chain.state) == len(generators) == len(chain.state) - 1


@pytest.mark.parametrize(("rule", "depth"), DISCOVERED)
def test_matrix_laws_at_widths_one_are_the_discovered_ones(rule, depth):
    flow = derive(depth, rule)
    chain = flow.chain()
    letters = {"W": theta, "B": b, "D": c}
    laws = []
    for law in flow.invariants():
        names = [matrix.name for matrix in law.expression.atoms(sp.MatrixSymbol)]
        scalars = {name: sp.Matrix([[letters[name[0]](int(name[2:]))]]) for name in names}
        laws.append(explicit_form(law.expression, dict.fromkeys(Network(depth).sizes, 1), scalars)[0, 0])
    generators = chain.invariants(3).generators
    together = rank([*laws, *generators], chain.state)
    assert rank(laws, chain.state) == together == len(generators)


def test_feedback_may_be_a_number():
    found = derive(2, "fa").chain().at(b_2=2).invariants(2, ["theta_1", "theta_2"])
    assert found.dimension == 1
    assert same_up_to_scale(found.generators[0], theta(1) ** 2 - 4 * theta(2))


def test_laws_must_hold_for_all_values_of_symbols_left_out():
    """Without b_2 as a variable no polynomial in the weights alone is constant for every b_2."""
    assert derive(2, "fa").chain().invariants(4, [theta(1), theta(2)]).generators == ()


def test_variables_may_leave_weights_out():
    """theta_1^2 - theta_3^2 is the only law of backpropagation without theta_2."""
    found = derive(3, "bp").chain().invariants(3, ["theta_1", "theta_3"])
    assert found.dimension == 1
    assert same_up_to_scale(found.generators[0], theta(1) ** 2 - theta(3) ** 2)
    assert found.variables == (theta(1), theta(3))


@pytest.mark.parametrize("rule", LAWS)
def test_generic_decay_leaves_none(rule):
    found = derive(2, rule, decay=True).chain().invariants(4)
    assert (found.dimension, found.generators) == (0, ())


def test_decay_rates_of_zero_bring_them_back():
    found = derive(2, "fa", decay=True).chain().at(rho_1=0, rho_2=0).invariants(2)
    assert found.dimension == 1


@pytest.mark.parametrize("degree", [0, -1, 2.0, True, "2"])
def test_degree_is_a_positive_whole_number(degree):
    with pytest.raises(InputError, match=r"^degree: .* given, expected a whole number >= 1$"):
        derive(2, "fa").chain().invariants(degree)


def test_unknown_variable():
    with pytest.raises(InputError, match=r"^variables: 'theta_9' is not in this chain; it has theta_1, theta_2, b_2"):
        derive(2, "fa").chain().invariants(2, ["theta_1", "theta_9"])


def test_sign_feedback_is_not_polynomial():
    with pytest.raises(DerivationError, match="velocity of theta_1 is not polynomial"):
        derive(2, "sign").chain("coordinates").invariants()
