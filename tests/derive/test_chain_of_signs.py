"""Rules with signs have chains whose Jacobian is that of the pieces between the jumps."""

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.modes.integrate import integrate_chain


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_implicit_methods_solve_chains_of_the_sign_rule(method):
    chain = fa.derive(2, "sign").chain("coordinates")
    given = ([1.0], 1.0, [0.5, 0.5], [1.0], [0.0, 1.0, 3.0])
    implicit = integrate_chain(chain, *given, method=method, rtol=1e-9, atol=1e-12)
    explicit = integrate_chain(chain, *given, method="DOP853")
    np.testing.assert_allclose(implicit, explicit, rtol=0, atol=1e-6)  # multistep methods err by some hundred rtol


def test_jacobian_of_the_sign_rule_is_the_difference_quotient_between_jumps():
    compiled = compile_chain(fa.derive(2, "sign").chain("coordinates"))
    state, rest = np.array([0.7, -0.4]), [1.3, 0.8]
    parameters = dict(zip(compiled.parameters, rest, strict=True))
    jacobian = compiled.jacobian(*state, *parameters.values())
    for column, step in enumerate(1e-6 * np.eye(2)):
        right, left = (np.array(compiled.velocity(*(state + way * step), *rest)) for way in (1, -1))
        np.testing.assert_allclose([row[column] for row in jacobian], (right - left) / 2e-6, rtol=0, atol=1e-9)
