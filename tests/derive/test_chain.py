"""The scalar chain of one mode: its formulas, its Jacobian, and that matrix flows contain it."""

import math

import numpy as np
import pytest
import sympy as sp

from fa_dynamics.derive import SignSymmetry, derive
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.errors import DerivationError, InputError

from .by_hand import Case, package_velocity

ORTHOGONAL = ("bp", "fa", "dfa", "kp")
SIGMA, LAMBDA = sp.symbols("sigma lambda", real=True)


def real(letter, numbers):
    return {number: sp.Symbol(f"{letter}_{number}", real=True) for number in numbers}


def typed_chain(rule, depth, decay):
    """theta_l' = c_l theta_{l-1}..theta_1 (sigma - lambda p) - rho_l theta_l, by variable."""
    theta, b, c = (real(letter, range(1, depth + 1)) for letter in ("theta", "b", "c"))
    rho = {layer: sp.Symbol(f"rho_{layer}", nonnegative=True) if decay else 0 for layer in theta}
    error = SIGMA - LAMBDA * math.prod(theta.values())
    chain, pushes = {}, {}
    for layer, weight in theta.items():
        above = range(layer + 1, depth + 1)
        back = {
            "bp": math.prod(theta[j] for j in above),
            "fa": math.prod(b[j] for j in above),
            "kp": math.prod(b[j] for j in above),
            "dfa": c[layer] if layer < depth else 1,
            "sign": math.prod(sp.sign(theta[j]) for j in above),
        }[rule]
        pushes[layer] = back * math.prod(theta[j] for j in range(1, layer)) * error
        chain[weight] = pushes[layer] - rho[layer] * weight
    if rule == "kp":
        chain |= {b[layer]: pushes[layer] - rho[layer] * b[layer] for layer in range(2, depth + 1)}
    return chain


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("depth", range(1, 5))
@pytest.mark.parametrize("rule", [*ORTHOGONAL, "sign"])
def test_formulas(rule, depth, decay):
    chain = derive(depth, rule, decay=decay).chain("coordinates" if rule == "sign" else "joint")
    expected = typed_chain(rule, depth, decay)
    assert chain.state == tuple(expected)
    for variable, moving in expected.items():
        assert sp.expand(chain.velocity[variable] - moving) == 0
    assert chain.weights == tuple(real("theta", range(1, depth + 1)).values())
    assert chain.strength == math.prod(chain.weights)


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("rule", ORTHOGONAL)
def test_compiled_for_many_modes_at_once(rule, decay):
    compiled = compile_chain(derive(3, rule, decay=decay).chain())
    expected = typed_chain(rule, 3, decay)
    known = {symbol.name: symbol for moving in expected.values() for symbol in moving.free_symbols}
    symbols = [*expected, *(known[name] for name in compiled.parameters)]
    values = np.random.default_rng(8).uniform(0.5, 1.5, (len(symbols), 4))
    typed = sp.lambdify(symbols, list(expected.values()), "numpy")
    np.testing.assert_allclose(compiled.velocity(*values), typed(*values), rtol=1e-12)
    jacobian = np.stack([np.stack([np.broadcast_to(part, 4) for part in row]) for row in compiled.jacobian(*values)])
    for column in range(len(expected)):
        shifted = values.astype(complex)
        shifted[column] += 1e-30j
        np.testing.assert_allclose(jacobian[:, column], np.imag(typed(*shifted)) / 1e-30, rtol=0, atol=1e-11)


def test_scale_of_sign_feedback_reaches_the_chain():
    moving = derive(2, SignSymmetry(scale=0.5)).chain("coordinates").velocity
    theta = real("theta", (1, 2))
    assert sp.expand(moving[theta[1]] - sp.sign(theta[2]) * (SIGMA - LAMBDA * theta[1] * theta[2]) / 2) == 0


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("rule", ORTHOGONAL)
def test_jacobian_by_complex_step(rule, depth, decay):
    chain = derive(depth, rule, decay=decay).chain()
    symbols = (*chain.state, *chain.feedback, *chain.decay_rates, SIGMA, LAMBDA)
    rng = np.random.default_rng(4)
    values = rng.uniform(0.5, 1.5, len(symbols))
    moving = sp.lambdify(symbols, list(typed_chain(rule, depth, decay).values()), "numpy")
    expected = np.empty((len(chain.state),) * 2)
    for column in range(len(chain.state)):
        shifted = values.astype(complex)
        shifted[column] += 1e-30j
        expected[:, column] = np.imag(moving(*shifted)) / 1e-30
    given = np.array(sp.lambdify(symbols, chain.jacobian(), "numpy")(*values), dtype=float)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_no_chain_of_sign_feedback_in_any_basis():
    with pytest.raises(DerivationError, match=r"signed permutations") as caught:
        derive(2, "sign").chain()
    message = str(caught.value)
    assert "\n" not in message
    assert "'sign'" in message
    assert "chain(basis='coordinates')" in message


def test_basis_is_one_of_two():
    with pytest.raises(InputError, match=r"^basis: 'fourier' given, expected 'joint' or 'coordinates'$"):
        derive(2, "fa").chain("fourier")


def test_at_puts_in_numbers():
    chain = derive(2, "fa", decay=True).chain().at(b_2=2, rho_1=0, rho_2=sp.Rational(1, 2))
    theta = real("theta", (1, 2))
    error = SIGMA - LAMBDA * theta[1] * theta[2]
    assert sp.expand(chain.velocity[theta[1]] - 2 * error) == 0
    assert sp.expand(chain.velocity[theta[2]] - theta[1] * error + theta[2] / 2) == 0
    assert (chain.feedback, chain.decay_rates) == ((), ())
    assert chain.at(sigma=3).at(**{"lambda": 1}).velocity[theta[1]].free_symbols == {theta[1], theta[2]}


def test_at_leaves_the_chain_as_it_was():
    chain = derive(2, "fa").chain()
    before = dict(chain.velocity)
    chain.at(b_2=2)
    assert chain.velocity == before


@pytest.mark.parametrize("name", ["theta_1", "b_3", "rho_1"])
def test_at_knows_its_parameters(name):
    with pytest.raises(InputError, match=rf"^{name}: no parameter of this chain; it has b_2, sigma, lambda$"):
        derive(2, "fa").chain().at(**{name: 1})


def orthogonal(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def signed_permutation(rng, size):
    return np.eye(size)[rng.permutation(size)] * rng.choice([-1.0, 1.0], size)


def diagonal(values, shape):
    """Rectangular, with as many of the values as there is room for."""
    matrix = np.zeros(shape)
    np.fill_diagonal(matrix, values)
    return matrix


def spectral_form(rng, sizes, basis):
    """A case with diagonal data, weights and feedback in shared bases, the bases, and the numbers of each mode."""
    depth, modes = len(sizes) - 1, max(sizes)
    bases = [basis(rng, size) for size in sizes]
    numbers = {
        "theta": rng.uniform(0.3, 1.2, (depth + 1, modes)) * rng.choice([-1, 1], (depth + 1, modes)),
        "b": rng.uniform(0.3, 1.2, (depth + 1, modes)) * rng.choice([-1, 1], (depth + 1, modes)),
        "c": rng.uniform(0.3, 1.2, (depth + 1, modes)) * rng.choice([-1, 1], (depth + 1, modes)),
        "sigma": rng.uniform(0.5, 2.0, modes),
        "lambda": rng.uniform(0.5, 2.0, modes),
    }
    for layer in range(1, depth + 1):  # a mode without room in a matrix has a zero there
        numbers["theta"][layer, min(sizes[layer], sizes[layer - 1]) :] = 0
        numbers["b"][layer, min(sizes[layer], sizes[layer - 1]) :] = 0
        numbers["c"][layer, min(sizes[layer], sizes[depth]) :] = 0
    numbers["sigma"][min(sizes[0], sizes[-1]) :] = 0

    def between(values, left, right):
        return bases[left] @ diagonal(values, (sizes[left], sizes[right])) @ bases[right].T

    weights = [between(numbers["theta"][j], j, j - 1) for j in range(1, depth + 1)]
    layered = {j: between(numbers["b"][j], j - 1, j) for j in range(2, depth + 1)}
    direct = {j: between(numbers["c"][j], j, depth) for j in range(1, depth)}
    # As many samples as inputs, orthogonal to each other, so that the sample moments are the wanted ones.
    samples = sizes[0]
    spread = np.sqrt(samples * numbers["lambda"][:samples])
    inputs = bases[0] * spread
    targets = samples * between(numbers["sigma"], depth, 0) @ bases[0] / spread
    return Case(tuple(sizes), inputs, targets, weights, layered, direct, [0.0] * depth), bases, numbers


def defect(rule, case, bases, numbers):
    """Largest entry by which the matrix velocity, seen in the shared bases, differs from a diagonal of chains."""
    depth, sizes = case.depth, case.sizes
    flow = derive(depth, rule)
    chain = flow.chain("coordinates" if rule == "sign" else "joint")
    symbols = (*chain.state, *chain.feedback, SIGMA, LAMBDA)
    moving = sp.lambdify(symbols, [chain.velocity[variable] for variable in chain.state], "numpy")
    values = [
        numbers[name] if not index else numbers[name][int(index)]
        for name, _, index in (symbol.name.partition("_") for symbol in symbols)
    ]
    values[-1] = np.where(np.arange(max(sizes)) < sizes[0], numbers["lambda"], 0)
    expected = np.broadcast_arrays(*moving(*values), numbers["sigma"])[:-1]
    ends = [(layer, layer - 1) for layer in range(1, depth + 1)]
    ends += [(layer - 1, layer) for layer in range(2, depth + 1)] if rule == "kp" else []
    worst = 0.0
    for moved, (left, right), along in zip(package_velocity(flow, case), ends, expected, strict=True):
        seen = bases[left].T @ moved @ bases[right]
        worst = max(worst, np.abs(seen - diagonal(along, seen.shape)).max())
    return worst


WIDTHS = [(3, 3), (4, 4, 4), (4, 3, 5, 4), (2, 5, 3, 4, 3), (3, 1, 4)]


@pytest.mark.parametrize("sizes", WIDTHS)
@pytest.mark.parametrize("rule", ORTHOGONAL)
def test_matrix_flow_is_one_chain_per_mode(rule, sizes):
    case, bases, numbers = spectral_form(np.random.default_rng(6), sizes, orthogonal)
    assert defect(rule, case, bases, numbers) < 1e-12  # all numbers are of order one


@pytest.mark.parametrize("sizes", WIDTHS)
def test_sign_feedback_is_one_chain_per_mode_in_permuted_coordinates(sizes):
    case, bases, numbers = spectral_form(np.random.default_rng(6), sizes, signed_permutation)
    assert defect("sign", case, bases, numbers) < 1e-12


@pytest.mark.parametrize("sizes", WIDTHS[1:])
def test_sign_feedback_mixes_modes_in_any_other_basis(sizes):
    case, bases, numbers = spectral_form(np.random.default_rng(6), sizes, orthogonal)
    assert defect("sign", case, bases, numbers) > 0.1
