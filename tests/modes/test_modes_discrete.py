"""Finite steps of the derived chain: k_l+ = k_l + eta^2 g_l^2, exactly (girotti2021.discrete-identities)."""

import numpy as np
import pytest
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive.compile_chain import compile_chain


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_drift_of_one_step_symbolically(depth):
    chain = fa.derive(depth, "fa").chain()
    eta = sp.Symbol("eta", positive=True)
    for layer, b in enumerate(chain.feedback):
        lower, upper = chain.weights[layer : layer + 2]
        g, above = chain.velocity[lower], chain.velocity[upper]
        after = (lower + eta * g) ** 2 - 2 * b * (upper + eta * above)
        assert sp.expand(after - (lower**2 - 2 * b * upper) - eta**2 * g**2) == 0


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_drift_of_many_steps(depth):
    """The drift adds up over hundreds of steps to 1e-13 of what is added; it has one sign, and halves with the step."""
    rng = np.random.default_rng(depth)
    compiled = compile_chain(fa.derive(depth, "fa").chain())
    b, sigma = rng.uniform(0.4, 1.3, depth - 1), 0.9
    start = rng.uniform(0.2, 0.8, depth)
    drifts = []
    for steps in (200, 400):
        eta, theta, added = 4.0 / steps, start.copy(), np.zeros(depth - 1)
        values = {f"b_{layer + 2}": b[layer] for layer in range(depth - 1)} | {"sigma": sigma, "lambda": 1.0}
        given = [values[name] for name in compiled.parameters]
        for _ in range(steps):
            g = np.array(compiled.velocity(*theta, *given), dtype=float)
            added += eta**2 * g[:-1] ** 2
            theta = theta + eta * g
        drift = theta[:-1] ** 2 - 2 * b * theta[1:] - (start[:-1] ** 2 - 2 * b * start[1:])
        np.testing.assert_allclose(drift, added, rtol=0, atol=1e-13)
        assert (added > 0).all()
        drifts.append(added)
    np.testing.assert_allclose(drifts[0] / drifts[1], 2, rtol=0.05)
