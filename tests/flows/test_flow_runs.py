"""What `simulate` integrates, at which times, from which draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from typed_flows import draw, flat, simulate, unflat, velocity

import fa_dynamics as fa

RULES = ("bp", "fa", "dfa", "kp", "sign")
RATES = (0.2, 0.05, 0.3, 0.1)


def typed_run(problem, rule, times, method, rtol, atol, decay=None):
    """solve_ivp, called on the typed velocity."""
    fixed = problem.feedback(rule)
    state = [*problem.weights, *(problem.layered if rule == "kp" else [])]
    depth = problem.depth

    def move(_, y):
        matrices = unflat(y, state)
        back = matrices[depth:] if rule == "kp" else fixed
        return flat(velocity(rule, matrices[:depth], back, problem.input_moment, problem.cross_moment, decay))

    done = solve_ivp(move, (0, times[-1]), flat(state), method, times, rtol=rtol, atol=atol)
    return [unflat(y, state) for y in done.y.T]


def assert_same(run, typed, tolerance):
    for index, matrices in enumerate(typed):
        for own, other in zip(run.weights, matrices, strict=False):
            assert np.abs(own[index] - other).max() <= tolerance * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
@settings(deadline=None, max_examples=8)
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), seed=st.integers(0, 2**32 - 1))
def test_typed_velocity_in_the_same_method(rule, decay, sizes, seed):
    problem, times = draw(seed, sizes), np.linspace(0, 1.5, 4)
    rates = RATES[: problem.depth] if decay else None
    run = simulate(problem, rule, 1.5, t_eval=times, decay=rates)
    # Nearly the same steps: their lengths follow error estimates, in which round-off counts. Both err by rtol = 1e-9.
    assert_same(run, typed_run(problem, rule, times, "DOP853", 1e-9, 1e-12, rates), 1e-7)


@pytest.mark.parametrize("decay", [None, 0.3])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
def test_typed_velocity_in_another_method(rule, decay):
    problem, times = draw(4, (3, 4, 2)), np.linspace(0, 3, 4)
    rates = None if decay is None else (decay, decay)
    run = simulate(problem, rule, 3.0, t_eval=times, decay=decay)
    # Radau, of order 5 with rtol 1e-9: its global error is a hundred times that at most here
    assert_same(run, typed_run(problem, rule, times, "Radau", 1e-9, 1e-12, rates), 1e-7)


def test_typed_velocity_of_sign_symmetry():
    problem, times = draw(4, (3, 4, 2)), np.linspace(0, 0.2, 4)
    start = [np.abs(weight) + 0.5 for weight in problem.weights]  # no sign changes on the way
    problem.weights[:] = start
    run = simulate(problem, "sign", 0.2, t_eval=times)
    assert_same(run, typed_run(problem, "sign", times, "Radau", 1e-10, 1e-13), 1e-7)


@pytest.mark.parametrize("method", ["DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA"])
def test_every_method_by_name_and_by_class(method):
    from scipy import integrate

    problem, times = draw(5, (2, 3, 2)), np.array([0.0, 0.4, 1.1])
    run = simulate(problem, "fa", 1.1, t_eval=times, method=method, rtol=1e-7, atol=1e-10)
    # rtol 1e-7; multistep methods are known to err by some hundred times their rtol
    assert_same(run, typed_run(problem, "fa", times, "DOP853", 1e-11, 1e-13), 3e-5)
    again = simulate(problem, "fa", 1.1, t_eval=times, method=getattr(integrate, method), rtol=1e-7, atol=1e-10)
    # explicit methods by name are arranged anew: their round-off differs, and with it steps and errors (rtol 1e-7)
    np.testing.assert_allclose(run.weights[0], again.weights[0], rtol=1e-10, atol=1e-13)
    assert run.solver["method"] == again.solver["method"] == method


def test_output_times_are_respected_exactly():
    problem = draw(6, (3, 4, 2))
    times = np.array([0.1, 0.1 + 1e-13, 1 / 3, 2.0])
    run = simulate(problem, "fa", 2.0, t_eval=times)
    np.testing.assert_array_equal(run.t, times)
    assert [weight.shape for weight in run.weights] == [(4, 4, 3), (4, 2, 4)]
    early = simulate(problem, "fa", 2.0, t_eval=[0.0, 1.0])
    np.testing.assert_array_equal(early.t, [0.0, 1.0])
    for begin, given_weight in zip(early.weights, problem.weights, strict=True):
        np.testing.assert_array_equal(begin[0], given_weight)
    np.testing.assert_array_equal(simulate(problem, "fa", 2.0, t_eval=1.5).t, [1.5])
    np.testing.assert_array_equal(simulate(problem, "fa", 2.0, t_eval=[0.0]).t, [0.0])


def test_output_times_do_not_change_the_steps():
    problem = draw(6, (3, 4, 2))
    one = simulate(problem, "fa", 2.0, t_eval=[2.0])
    many = simulate(problem, "fa", 2.0)
    np.testing.assert_array_equal(one.curve.edges, many.curve.edges)
    # all output times within a step are one product, in which round-off depends on how many there are
    np.testing.assert_allclose(one.weights[0][-1], many.weights[0][-1], rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(one.curve.values, many.curve.values)


def test_201_times_by_default():
    run = simulate(draw(6, (3, 4, 2)), "fa", 7.0)
    np.testing.assert_array_equal(run.t, np.linspace(0, 7, 201))


def test_max_step():
    run = simulate(draw(6, (3, 4, 2)), "fa", 2.0, max_step=0.05)
    assert np.diff(run.curve.edges).max() <= 0.05 + 1e-15
    assert run.solver["steps"] >= 40


def test_given_arrays_are_left_alone():
    problem = draw(6, (3, 4, 2))
    before = [matrix.copy() for matrix in (*problem.weights, *problem.layered)]
    for rule in ("fa", "kp"):
        run = simulate(problem, rule, 1.0)
        run.weights[0][:] = 0.0
    for matrix, copy in zip((*problem.weights, *problem.layered), before, strict=True):
        np.testing.assert_array_equal(matrix, copy)


def test_a_seed_repeats_a_run():
    task = fa.Task.from_spectrum([2.0, 1.0])
    one, two, other = (fa.simulate(task, 3, "fa", t_end=1.0, seed=seed) for seed in (5, 5, 6))
    for a, b, c in zip(one.weights, two.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a[0] - c[0]).min() > 0
    assert np.abs(one.feedback["B_2"] - other.feedback["B_2"]).min() > 0
    assert one.seed == 5


def test_a_seed_means_nothing_to_given_arrays():
    problem = draw(6, (3, 4, 2))
    one, two = (simulate(problem, "fa", 1.0, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(one.weights[1], two.weights[1])
    assert one.start == one.feedback_start == "given arrays"


@pytest.mark.parametrize("rule", ["fa", "dfa", "kp"])
def test_start_and_feedback_have_streams_of_their_own(rule):
    task = fa.Task.from_spectrum([2.0, 1.0, 0.5])

    def run(start, feedback):
        return fa.simulate(task, [4, 3], rule, start, feedback, t_end=0.1, t_eval=[0.0], seed=3)

    reference = run("gaussian:0.01", "gaussian:1")
    for start in ("zero", "orthogonal:0.3", "balanced:0.1", "balanced-random", "spectral:0.2"):
        for name, matrix in run(start, "gaussian:1").feedback.items():
            np.testing.assert_array_equal(matrix, reference.feedback[name])
    for feedback in ("orthogonal", "zero", "spectral:1"):
        for weight, same in zip(run("gaussian:0.01", feedback).weights, reference.weights, strict=True):
            np.testing.assert_array_equal(weight, same)


def test_start_does_not_copy_the_feedback():
    """Two streams of one seed: the same family at both ends draws different numbers."""
    task = fa.Task.from_spectrum([2.0, 1.0, 0.5])
    run = fa.simulate(task, 3, "fa", "gaussian:1", "gaussian:1", t_end=0.1, seed=3)
    for weight in run.weights:
        assert not np.isin(weight[0], run.feedback["B_2"]).any()


def test_weights_do_not_depend_on_the_rule():
    task = fa.Task.from_spectrum([2.0, 1.0, 0.5])
    runs = [fa.simulate(task, [4, 3], rule, t_end=0.1, t_eval=[0.0], seed=3) for rule in RULES]
    for run in runs[1:]:
        for a, b in zip(run.weights, runs[0].weights, strict=True):
            np.testing.assert_array_equal(a, b)


def test_defaults():
    task = fa.Task.from_spectrum([2.0, 1.0, 0.5])
    run = fa.simulate(task, 4, t_end=1.0)
    assert run.flow.rule.name == "fa"
    assert (run.start, run.feedback_start) == ("Gaussian(scale=0.01)", "Gaussian(scale=1.0)")
    settings_ = {key: run.solver[key] for key in ("method", "rtol", "atol")}
    assert settings_ == {"method": "DOP853", "rtol": 1e-9, "atol": 1e-12}
    assert run.sizes == (3, 4, 3)
    assert run.decay is None
    assert fa.simulate(task, t_end=1.0).sizes == (3, 3)
    assert fa.simulate(task, 4, "bp", t_end=1.0).feedback_start == "none"


@pytest.mark.parametrize("decay", [0.3, np.float64(0.3), [0.3, 0.3], np.array([0.3, 0.3])], ids=repr)
def test_decay_for_all_layers_or_for_each(decay):
    run = simulate(draw(6, (3, 4, 2)), "fa", 1.0, decay=decay)
    assert run.decay == (0.3, 0.3)
    reference = simulate(draw(6, (3, 4, 2)), "fa", 1.0, decay=0.3)
    np.testing.assert_array_equal(run.weights[0], reference.weights[0])


def test_zero_decay_is_no_decay():
    problem = draw(6, (3, 4, 2))
    none, zero = simulate(problem, "fa", 1.0), simulate(problem, "fa", 1.0, decay=0.0)
    np.testing.assert_allclose(zero.weights[0], none.weights[0], rtol=0, atol=1e-13)


def test_evaluations_and_steps_are_counted():
    run = simulate(draw(6, (3, 4, 2)), "fa", 1.0)
    assert run.solver["steps"] == len(run.curve.values)
    assert run.solver["evaluations"] >= 12 * run.solver["steps"]  # twelve stages of DOP853
