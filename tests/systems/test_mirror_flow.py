"""Feedback alignment of one output from zero against its mirror flow, and runs that are none."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.errors import DerivationError, InputError
from fa_dynamics.systems import mirror_reduction
from fa_dynamics.systems.mirror import MirrorPotential, mirror_flow, mirror_potential
from fa_dynamics.systems.mirror_defect import mirror_defect, path_dependence
from fa_dynamics.systems.mirror_reduction import reduction

TIGHT = {"rtol": 1e-12, "atol": 1e-15}


def sampled(n_inputs, n_samples, n_outputs, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_inputs)) * rng.uniform(0.5, 1.5, n_inputs)
    return fa.Task.from_arrays(X, rng.standard_normal((n_samples, n_outputs)))


def drawn(sizes, seed):
    """B_2..B_L, entries of either sign."""
    rng = np.random.default_rng(seed)
    shapes = pairwise(sizes[1:])
    return [rng.standard_normal(shape) / np.sqrt(shape[0]) for shape in shapes]


def from_zero(task, hidden, feedback, t):
    return fa.simulate(task, hidden, "fa", fa.starts.Zero(), feedback, t_end=t[-1], t_eval=t, **TIGHT)


def chi_by_recursion(depth):
    """robertson2024.md section 9, in rationals: r_1 = 1, r_{l+1} = beta_l r_l^2 / 4, chi = prod beta_l r_l / 2."""
    r, chi = sp.Integer(1), sp.Integer(1)
    for layer in range(1, depth):
        beta = sp.Symbol(f"beta_{layer}", nonnegative=True)
        chi *= beta * r / 2
        r = beta * r**2 / 4
    return chi


@pytest.mark.parametrize("depth", range(1, 8))
def test_chi_is_the_recursion(depth):
    found = reduction(depth)
    assert sp.expand(found.chi - chi_by_recursion(depth)) == 0
    assert found.power == 2**depth - 1
    assert len(found.strengths) == len(found.betas) == depth - 1


def test_chi_of_two_and_three_layers():
    one, two = reduction(3).betas
    assert reduction(2).chi == one / 2
    assert reduction(3).chi == one**2 * two / 16


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_layers_have_the_reduced_form(depth):
    """W_l = g_l(|u|^2) C_l C_{l-1}^T, with C_l multiplied here."""
    sizes = (*(4, 3, 5, 2)[:depth], 1)
    feedback = drawn(sizes, depth)
    task = sampled(4, 6, 1, depth)
    run = from_zero(task, sizes[1:-1], feedback, np.linspace(0, 3, 4))
    above = [reduce(np.matmul, feedback[layer:], np.eye(sizes[layer + 1])) for layer in range(depth)]
    u = (above[0].T @ run.weights[0][-1]) / (above[0] ** 2).sum()
    np.testing.assert_allclose(run.weights[0][-1], above[0] @ u, atol=1e-11)
    values = dict(zip(reduction(depth).betas, [(column**2).sum() for column in above[:-1]], strict=True))
    for layer, strength in enumerate(reduction(depth).strengths, start=2):
        (q,) = strength.free_symbols - set(values)
        number = float(strength.subs(values | {q: (u**2).sum()}))
        expected = number * above[layer - 1] @ above[layer - 2].T
        np.testing.assert_allclose(run.weights[layer - 1][-1], expected, atol=1e-9 * max(1, np.abs(expected).max()))


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 4), st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=3, max_size=3), st.integers(2, 6))
def test_random_runs_are_mirror_flows(depth, seed, widths, n_inputs):
    """Any depth, widths (bottlenecks included), feedback and data: reduced flow, identity, bound and falling loss."""
    sizes = (n_inputs, *widths[: depth - 1], 1)
    feedback, task = drawn(sizes, seed), sampled(n_inputs, 5, 1, seed)
    if depth > 1 and np.linalg.norm(reduce(np.matmul, feedback)) < 0.1:
        return
    t = np.linspace(0, 4, 21)
    run = from_zero(task, sizes[1:-1], feedback, t)
    if np.abs(run.end_to_end).max() < 1e-6:  # the absolute tolerance of 1e-15 is then more than 1e-9 of it
        return
    potential = mirror_potential(feedback)
    reduced = mirror_flow(task, potential, t_eval=t, **TIGHT)
    size = max(1e-3, np.abs(run.end_to_end).max())
    # where the mirror map is flat its inverse amplifies the error of the dual variable: 1.4e-9 was seen at rtol 1e-12
    np.testing.assert_allclose(reduced.end_to_end, run.end_to_end[:, 0], rtol=0, atol=1e-8 * size)
    assert mirror_defect(run).max() < 1e-9
    excess = run.loss - task.best_loss
    assert (t * excess <= potential.value(task.least_squares[0]) * (1 + 1e-9)).all()
    assert (np.diff(run.loss) <= 1e-12).all()
    # ... and for any other map
    other = np.random.default_rng(seed + 1).standard_normal(n_inputs)
    bound = potential.loss_bound(other, t)
    assert bound[0] == np.inf
    assert (run.loss - task.loss(other[None]) <= bound + 1e-12).all()


def test_identity_in_time():
    """d/dt grad psi(P) = Sigma_yx - P Sigma_xx, by finite differences of the full simulation."""
    sizes = (3, 4, 2, 1)
    feedback, task = drawn(sizes, 5), sampled(3, 8, 1, 5)
    potential = mirror_potential(feedback)
    h = 1e-3
    run = from_zero(task, sizes[1:-1], feedback, 2.0 + h * np.arange(-2, 3))
    dual = potential.dual(run.end_to_end[:, 0])
    slope = (dual[0] - 8 * dual[1] + 8 * dual[3] - dual[4]) / (12 * h)
    error = task.cross_moment - run.end_to_end[2] @ task.input_moment
    np.testing.assert_allclose(slope, error[0], rtol=1e-6)


def test_one_mode_is_the_scalar_chain():
    """One input: P(t) of the mirror flow is the exact curve with c_l = |C_l|, also up to depth 4."""
    t = np.linspace(0, 5, 11)
    for depth in (2, 3, 4):
        task = fa.Task.from_spectrum([1.5], [0.8])
        b = np.linspace(0.7, 1.6, depth - 1)
        potential = mirror_potential([[[value]] for value in b])
        exact = fa.solve_modes([1.5], 0.8, depth, "fa", 0.0, b[:, None], t=t).strength
        np.testing.assert_allclose(mirror_flow(task, potential, t_eval=t, **TIGHT).end_to_end, exact, atol=1e-10)


rows = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.floats(0.1, 5), rows, rows)
def test_potential_and_conjugate(depth, chi, given_map, other):
    """Young's equality and inequality, inverse gradients, convexity."""
    psi = MirrorPotential(depth, chi)
    u = psi.dual(given_map)
    np.testing.assert_allclose(psi.primal(u), given_map, atol=1e-9)
    assert psi.value(given_map) + psi.conjugate(u) == pytest.approx(float(u @ given_map), rel=1e-9, abs=1e-12)
    assert psi.value(given_map) + psi.conjugate(other) >= other @ given_map - 1e-9
    assert psi.divergence(other, given_map) >= -1e-9
    assert psi.divergence(given_map, given_map) == pytest.approx(0, abs=1e-9)
    if np.linalg.norm(given_map) > 0.1:
        h = 1e-5
        steps = h * np.eye(3)
        slope = (psi.value(given_map + steps) - psi.value(given_map - steps)) / (2 * h)
        np.testing.assert_allclose(slope, u, rtol=1e-4, atol=1e-5 * np.abs(u).max())


def test_gradient_of_the_conjugate_by_complex_step():
    """psi* = chi q^((n+1)/2) / (n+1) is a polynomial, so that a complex step gives every digit."""
    u = np.array([0.3, -1.2, 0.7])
    for depth in (1, 2, 3, 4):
        psi = MirrorPotential(depth, 0.6)
        n = 2**depth - 1
        step = 1e-30j * np.eye(3)
        q = ((u + step) ** 2).sum(axis=1)
        slope = (0.6 * q ** ((n + 1) // 2) / (n + 1)).imag / 1e-30
        np.testing.assert_allclose(psi.primal(u), slope, rtol=1e-13)


def test_shapes():
    psi = MirrorPotential(2, 0.5)
    many = np.random.default_rng(0).standard_normal((4, 7, 3))
    assert psi.value(many).shape == (4, 7)
    assert psi.dual(many).shape == psi.primal(many).shape == many.shape
    assert psi.dual(np.zeros(3)).tolist() == [0, 0, 0]
    assert psi.loss_bound(many[0, 0], [0.0, 2.0])[1] == pytest.approx(float(psi.value(many[0, 0])) / 2)


@pytest.mark.parametrize("depth", [2, 3])
def test_nonzero_starts_are_no_mirror_flows(depth):
    sizes = (*(3, 4, 4)[:depth], 1)
    run = fa.simulate(sampled(3, 6, 1, 0), sizes[1:-1], "fa", fa.starts.Gaussian(0.5), t_end=5.0, seed=1)
    assert mirror_defect(run).max() > 0.05


def test_one_layer_is_a_mirror_flow_from_anywhere():
    run = fa.simulate(sampled(3, 6, 1, 0), (), "fa", fa.starts.Gaussian(2.0), t_end=5.0, seed=1)
    assert mirror_defect(run).max() < 1e-14


@pytest.mark.parametrize("hidden", [(4,), (4, 3)])
def test_several_outputs_depend_on_the_path(hidden):
    """R with dR/dt = dU/dt U^T is integrated here along the run's own U."""
    task = sampled(4, 6, 2, 3)
    t = np.linspace(0, 3, 3001)
    run = fa.simulate(task, hidden, "fa", fa.starts.Zero(), t_end=3.0, t_eval=t, seed=2, **TIGHT)
    share = path_dependence(run)
    assert np.isnan(share[0])
    assert share[-1] > 1e-3
    back = run.feedback["B_2"] if len(hidden) == 1 else run.feedback["B_2"] @ run.feedback["B_3"]
    U = np.linalg.pinv(back) @ run.weights[0]
    velocity = task.cross_moment - run.end_to_end @ task.input_moment
    inside = velocity @ U.swapaxes(1, 2)
    R = (inside[1:] + inside[:-1]).sum(axis=0) * (t[1] - t[0]) / 2
    np.testing.assert_allclose((R + R.T) / 2, U[-1] @ U[-1].T / 2, atol=1e-6)
    assert share[-1] == pytest.approx(np.linalg.norm(R - R.T) / 2 / np.linalg.norm(R), rel=1e-4)


def test_one_output_has_no_area():
    run = fa.simulate(sampled(4, 6, 1, 3), (4, 3), "fa", fa.starts.Zero(), t_end=3.0, seed=2)
    assert np.nanmax(path_dependence(run)) < 1e-9


def test_a_flow_that_leaves_the_form_is_noticed(monkeypatch):
    """Were the first layer twice as fast, the form would be another one."""
    reduction.cache_clear()
    from fa_dynamics.derive import words as w

    monkeypatch.setattr(mirror_reduction, "_contract", lambda words, scalars: w.scale(words, sp.Integer(2)))
    with pytest.raises(DerivationError, match="velocity of W_1 leaves the form"):
        reduction(2)
    reduction.cache_clear()


def test_bad_feedback_and_tasks():
    with pytest.raises(InputError, match=r"^feedback: 2 outputs given, expected 1"):
        mirror_potential([np.ones((3, 2))])
    with pytest.raises(InputError, match=r"^feedback: shapes \(3, 2\) and \(3, 1\)"):
        mirror_potential([np.ones((3, 2)), np.ones((3, 1))])
    with pytest.raises(InputError, match=r"^feedback: chi = 0"):
        mirror_potential([np.zeros((3, 1))])
    with pytest.raises(InputError, match=r"^feedback: expected finite matrices"):
        mirror_potential([[[np.nan]]])
    with pytest.raises(InputError, match=r"^feedback: expected finite matrices"):
        mirror_potential([np.ones(3)])
    potential = mirror_potential([])
    assert (potential.depth, potential.chi) == (1, 1.0)
    with pytest.raises(InputError, match=r"^task: 2 outputs given"):
        mirror_flow(sampled(3, 5, 2, 0), potential, t_eval=[1.0])
    one = sampled(3, 5, 1, 0)
    for times in ([], [0.0], [-1.0, 1.0], [np.inf], [[1.0]]):
        with pytest.raises(InputError, match=r"^t_eval: "):
            mirror_flow(one, potential, t_eval=times)
    with pytest.raises(InputError, match=r"^t_eval: expected increasing"):
        mirror_flow(one, potential, t_eval=[1.0, 0.5, 2.0])
    with pytest.raises(InputError, match=r"^depth: "):
        reduction(0)


def test_bad_runs():
    task = sampled(3, 5, 1, 0)
    plain = {"t_end": 1.0, "seed": 0}
    with pytest.raises(InputError, match=r"^run: rule 'bp' given"):
        mirror_defect(fa.simulate(task, 3, "bp", **plain))
    with pytest.raises(InputError, match=r"without decay"):
        mirror_defect(fa.simulate(task, 3, "fa", decay=0.1, **plain))
    with pytest.raises(InputError, match=r"^run: 2 outputs given"):
        mirror_defect(fa.simulate(sampled(3, 5, 2, 0), 3, "fa", **plain))
    with pytest.raises(InputError, match=r"zero start"):
        path_dependence(fa.simulate(task, 3, "fa", **plain))
    with pytest.raises(InputError, match=r"two or more layers"):
        path_dependence(fa.simulate(task, (), "fa", fa.starts.Zero(), **plain))
    with pytest.raises(InputError, match=r"rank below n_L = 2"):
        path_dependence(fa.simulate(sampled(3, 5, 2, 0), 1, "fa", fa.starts.Zero(), **plain))
