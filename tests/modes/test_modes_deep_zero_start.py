"""Deep chains from zero, over scales far apart: time is resolved at every depth, and is the hypergeometric law's."""

import numpy as np
import pytest
from scipy.special import hyp2f1

import fa_dynamics as fa


@pytest.mark.parametrize("depth", [4, 5, 6])
def test_learning_times_from_zero_over_decades(depth):
    rng = np.random.default_rng(depth)
    level, n = 0.7, 2**depth - 1
    powers = 2.0 ** np.arange(depth - 1, 0, -1) - 1
    for _ in range(40):
        curvature, sigma = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-2, 2, 2)
        b = 10 ** rng.uniform(-1, 1, depth - 1)
        # theta_l = c_l.. tau^(2^(l-1)) and so on: p = (tau / tau_1)^n, integrated over the clock (statements.md)
        rest = np.exp((np.log(sigma / curvature) + np.sum(powers * np.log(2 * b))) / n)
        law = rest / (np.prod(b) * sigma) * level ** (1 / n) * hyp2f1(1.0, 1 / n, 1 + 1 / n, level)
        found = fa.solve_modes(sigma, curvature, depth, "fa", 0.0, b, t=[0.0]).learning_times(level)
        np.testing.assert_allclose(found, law, rtol=1e-9)
