"""Statements on the scalar chains of feedback alignment, and on what decouples into them."""

import json

import numpy as np
import pytest

from fa_dynamics.modes import equilibria
from fa_dynamics.theorems import find, load_instance, save_instance, verify
from fa_dynamics.theorems.evidence import worst
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _cubic as cubics
from fa_dynamics.theorems.statement import Statement
from fa_dynamics.theorems.work import source

NAMES = [
    f"girotti2021.{name}"
    for name in (
        "first-integrals",
        "clock",
        "fixed-points",
        "explicit-rate",
        "local-rate",
        "implicit-time",
        "global-convergence",
        "no-spurious-equilibria",
        "bottleneck-sketch",
        "mode-decoupling",
        "zero-decoupling",
        "normal-form",
    )
]
PROVED = {"first-integrals", "normal-form", "clock", "fixed-points", "no-spurious-equilibria"}


@pytest.mark.parametrize("name", NAMES)
def test_holds_with_its_proof_and_its_counterexamples(name):
    draws = 2 if name.endswith("sketch") else 4
    outcome = verify(name, draws=draws, seed=11, depth=3, progress=False).outcomes[0]
    assert outcome.holds, (outcome.verdict, outcome.worst and str(outcome.worst.evidence), outcome.failures)
    assert outcome.undecided <= 1
    assert outcome.counterexample_found in (True, None)
    assert (outcome.status == "proved") == (name.partition(".")[2] in PROVED)


def decided(statement: Statement, instance) -> list[str]:
    assert statement.lacking(instance) == []
    found = statement.check(instance)
    pieces = found if isinstance(found, list) else [found]
    return [piece.decision for piece in [*pieces, worst(pieces)]]


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_that_was_saved_and_read_back_decides_the_same(name, tmp_path):
    statement = find(name)
    instance = statement.sample(source(statement, 5))
    path = save_instance(tmp_path / "case.json", name, instance)
    again = load_instance(path, name)
    json.dumps(again, allow_nan=False)
    assert decided(statement, again) == decided(statement, instance)


def test_every_case_of_the_cubic_and_both_regions_are_drawn():
    kinds = {len(cubics.draw_cubic(source(find(NAMES[5]), seed))[1].roots) for seed in range(40)}
    assert kinds == {1, 2, 3}
    rates = {find(NAMES[3]).sample(source(find(NAMES[3]), seed))["kind"] for seed in range(20)}
    assert rates == {"two layers", "aligned"}
    points = {find(NAMES[2]).sample(source(find(NAMES[2]), seed))["kind"] for seed in range(20)}
    assert points == {"table", "sharp"}


def test_closed_form_time_from_zero_is_that_of_the_notes():
    """T = 2 H_3((1 - d)^(1/3)) lambda^(-1/3) (2 b sigma)^(-2/3); 99 % of sigma = 4, 2, 1, .5, .25 at lambda = b = 1."""
    times = []
    for sigma in (4.0, 2.0, 1.0, 0.5, 0.25):
        case = {"curvature": 1.0, "correlation": sigma, "feedback": [1.0], "start": [0.0, 0.0]}
        cubic = cubics.cubic_of(case)
        times.append(float(cubics.elapsed(cubic, 1.0, 0, cubic.roots[0] * cubics.mp.cbrt(0.99))))
    np.testing.assert_allclose(times, [1.192, 1.893, 3.004, 4.769, 7.570], atol=6e-4)


@pytest.mark.parametrize("k", [-4.0, 0.0, 1.0, 2.9, 3.1, 50.0])
@pytest.mark.parametrize("sigma", [1.0, -1.0])
def test_roots_of_the_cubic_are_those_of_numpy(k, sigma):
    case = cubics.at({"curvature": 1.0, "correlation": sigma, "feedback": [1.0]}, 0.3, k)
    cubic = cubics.cubic_of(case)
    companion = np.roots([1.0, 0.0, -k, -2 * abs(sigma)])
    real = np.sort(companion[np.abs(companion.imag) < 1e-9].real)
    np.testing.assert_allclose([float(root) for root in cubic.roots], real, rtol=1e-10)
    found = equilibria([sigma], start=case["start"]).weights[0].ravel()
    np.testing.assert_allclose(np.sort(cubic.mirror * found), real, rtol=1e-10)


def test_natural_sizes_take_the_parameters_out_of_a_chain():
    """rho_1 .. rho_L have the target as their product, and theta_{l+1} = theta_l^2 / b_{l+1}."""
    b = np.array([0.4, 3.0, 1.7])
    sizes = chains.natural_sizes(-2.0, 0.5, b)
    np.testing.assert_allclose(sizes.prod(), 4.0)
    np.testing.assert_allclose(sizes[1:] * b, sizes[:-1] ** 2)


def test_slope_of_the_claim_is_the_derivative_of_the_strength_along_the_clock():
    rng = np.random.default_rng(3)
    theta, b = rng.normal(size=4), rng.normal(size=3)
    c = [b[0] * b[1] * b[2], b[1] * b[2], b[2], 1.0]
    step = 1e-6
    moved = [np.prod([theta[j] + sign * step * c[j] * np.prod(theta[:j]) for j in range(4)]) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(chains.alignment_slope(theta, b), (moved[0] - moved[1]) / (2 * step), rtol=1e-8)
    np.testing.assert_allclose(chains.clock_factors(b), c)


def test_error_of_an_integrated_chain_covers_its_distance_to_the_exact_one():
    statement = find("girotti2021.clock")
    for seed in range(5):
        case = statement.sample(source(statement, seed))
        t = np.linspace(0.0, case["end"], 9)
        theta, error, _, _ = chains.run(case, t)
        curves = chains.solve(case, t)
        strength = curves.weights[:, :, 0]
        assert (np.abs(theta - strength) <= error + 1e-12 * np.abs(strength).max(axis=1, keepdims=True)).all()


def test_round_off_that_grows_out_of_an_unstable_spectral_form_is_no_violation():
    """The chain of this case is known to 1e-12; in the matrix flow off-diagonals of 1e-16 grow by 1e16."""
    statement = find("girotti2021.mode-decoupling")
    case = statement.sample(source(statement, 3553598660))
    assert set(decided(statement, case)) <= {"holds", "undecided"}
