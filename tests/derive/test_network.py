"""The loss is one trace, and its gradient splits into what comes back, the error and what went forward."""

import numpy as np
import pytest
import sympy as sp

from fa_dynamics.derive import Network, derive
from fa_dynamics.derive import words as w
from fa_dynamics.errors import InputError

from .by_hand import assert_close, complex_step, draw, loss, package_velocity, size

LAYERS = [(depth, layer) for depth in range(1, 5) for layer in range(1, depth + 1)]


@pytest.mark.parametrize(("depth", "layer"), LAYERS)
def test_gradient_is_that_of_the_written_out_loss(depth, layer):
    network = Network(depth)
    written_out = w.expand(network.loss.diff(network.W(layer)).doit())
    factors = w.multiply(*map(w.expand, network.gradient(layer)))
    assert len(written_out) == 2
    assert w.add(written_out, factors) == {}


@pytest.mark.parametrize(("depth", "layer"), LAYERS)
def test_factors_have_the_shapes_they_promise(depth, layer):
    network = Network(depth)
    n = network.n
    expected = [(n(layer), n(depth)), (n(depth), n(0)), (n(0), n(layer - 1))]
    assert [factor.shape for factor in network.gradient(layer)] == expected


@pytest.mark.parametrize("depth", range(1, 5))
def test_loss_is_one_trace(depth):
    traces = [node for node in sp.preorder_traversal(Network(depth).loss) if isinstance(node, sp.Trace)]
    assert len(traces) == 1


def test_reason_for_one_trace():
    """SymPy 1.14 differentiates a sum of traces to 0. Should this test fail, the loss may be a plain sum."""
    a, b = (sp.MatrixSymbol(name, 3, 3) for name in "AB")
    single = sp.Trace(a * b).diff(a)
    assert single.doit() == b.T
    assert (sp.Trace(a * b) + sp.Trace(a * a.T)).diff(a).doit() == sp.ZeroMatrix(3, 3)


@pytest.mark.parametrize("sizes", [(3, 2), (4, 1, 3), (2, 5, 3, 4), (3, 3, 1, 4, 2), (1, 1, 1)])
def test_backpropagation_is_gradient_descent_on_the_samples(sizes):
    case = draw(7, sizes)
    gradient = []
    for layer, weight in enumerate(case.weights):
        slope = np.empty(weight.shape)
        for entry in np.ndindex(weight.shape):
            directions = [np.zeros(other.shape) for other in case.weights]
            directions[layer][entry] = 1.0
            slope[entry] = complex_step(lambda weights: loss(weights, case), case.weights, directions)
        gradient.append(slope)
    given = package_velocity(derive(case.depth, "bp"), case)
    assert_close(given, [-slope for slope in gradient], size("bp", case))


@pytest.mark.parametrize("depth", [0, -1, 1.0, "2", True, None])
def test_depth_is_a_positive_whole_number(depth):
    with pytest.raises(InputError, match=r"^depth: .* expected a whole number of layers >= 1$"):
        Network(depth)
