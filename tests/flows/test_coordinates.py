"""Runs in coordinates in which little moves are the runs of all weights."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.derive.moving_rows import keeps_form, moving_rows
from fa_dynamics.flows import coordinates as room
from fa_dynamics.flows.coordinates import coordinates_of
from fa_dynamics.flows.prepare import prepare

CASES = [
    ((12, 20, 3), "fa"),
    ((12, 20, 3), "dfa"),
    ((9, 14, 16, 3), "fa"),
    ((9, 14, 16, 3), "dfa"),
    ((9, 16, 5, 3), "fa"),
]
CASES += [((20, 18, 12), "bp"), ((20, 18, 12), "fa"), ((14, 15, 16, 2), "sign"), ((14, 15, 16, 2), "kp")]


def data(sizes, seed=0):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((sizes[0], sizes[0])))
    moment = (axes * rng.uniform(0.3, 1.0, sizes[0])) @ axes.T
    moment = (moment + moment.T) / 2
    teacher = rng.standard_normal((sizes[-1], sizes[0])) / np.sqrt(sizes[0])
    return fa.Task("teacher", moment, teacher @ moment, teacher @ moment @ teacher.T)


def plan_of(sizes, rule, **options):
    given = {"start": fa.starts.Gaussian(0.5), "t_end": 3.0, "t_eval": [0.0, 0.4, 3.0]} | options
    return prepare(data(sizes), sizes[1:-1], rule, **given)


def reference(plan):
    """All weights, in the coordinates they were given in, by another solver."""
    compiled = compile_flow(plan.flow, plan.sizes)
    bound = compiled.bind(plan.parameters, np.empty)
    ends = np.cumsum([rows * columns for rows, columns in compiled.shapes])[:-1]

    def split(y):
        return [part.reshape(shape) for part, shape in zip(np.split(y, ends), compiled.shapes, strict=True)]

    def velocity(_, y):
        out = np.empty_like(y)
        bound(split(y), split(out))
        return out

    start = np.concatenate([matrix.ravel() for matrix in plan.initial])
    found = solve_ivp(velocity, (0, plan.t_end), start, "RK45", plan.times, rtol=1e-10, atol=1e-13)
    return [split(y) for y in found.y.T]


@pytest.mark.parametrize(("sizes", "rule"), CASES, ids=str)
def test_weights_are_those_of_the_whole_flow(sizes, rule, monkeypatch):
    monkeypatch.setattr(room, "WORTH_IT", 1)
    plan = plan_of(sizes, rule)
    run = fa.simulate(plan.task, sizes[1:-1], rule, fa.starts.Gaussian(0.5), t_end=3.0, t_eval=plan.times)
    states = reference(plan)
    for layer, weight in enumerate(run.weights):
        whole = np.array([state[layer] for state in states])
        # rtol 1e-9 here and 1e-10 there, and dense output
        np.testing.assert_allclose(weight, whole, rtol=0, atol=3e-8)
        np.testing.assert_allclose(weight[0], plan.initial[layer], rtol=0, atol=1e-14)
    product = [np.linalg.multi_dot(state[len(sizes) - 2 :: -1]) for state in states]
    np.testing.assert_allclose(run.end_to_end, product, rtol=0, atol=1e-7)
    np.testing.assert_allclose(run.end_to_end, fa.measures.end_to_end(run.weights), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("sizes", "rule"), CASES, ids=str)
def test_velocity_is_that_of_the_whole_flow_turned(sizes, rule, monkeypatch):
    """Q^T (velocity at W) Q of the whole flow, and zero in the rows that are said to stand still: to round-off."""
    monkeypatch.setattr(room, "WORTH_IT", 1)
    plan = plan_of(sizes, rule)
    found = coordinates_of(plan)
    velocity = found.velocity()(0.0, found.flat_start)
    compiled = compile_flow(plan.flow, plan.sizes)
    out = [np.empty(shape) for shape in compiled.shapes]
    compiled.bind(plan.parameters, np.empty)(list(plan.initial), out)
    at = 0
    for index, whole in enumerate(out):
        turned = whole
        if index < len(sizes) - 1:
            turned = room.in_bases(whole, found.bases[index + 1], found.bases[index])
        rows = len(found.start[index])
        own = velocity[at : at + rows * whole.shape[1]].reshape(rows, -1)
        at += own.size
        np.testing.assert_allclose(own, turned[:rows], rtol=0, atol=1e-13)
        np.testing.assert_allclose(turned[rows:], 0, rtol=0, atol=1e-13)
    assert at == velocity.size


def test_only_as_many_rows_as_outputs_move():
    found = coordinates_of(plan_of((30, 24, 28, 3), "fa"))
    assert [matrix.shape for matrix in found.start] == [(3, 30), (3, 24), (3, 28)]
    assert [None if rest is None else len(rest) for rest in found.still] == [21, 25, None]
    for basis in found.bases[:-1]:
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), rtol=0, atol=1e-13)


def test_small_networks_and_weight_decay_are_left_as_they_are():
    small = coordinates_of(plan_of((4, 8, 2), "fa"))
    assert all(basis is None for basis in small.bases)
    decaying = coordinates_of(plan_of((30, 24, 3), "fa", decay=0.1))
    assert all(rest is None for rest in decaying.still)  # rows without feedback decay: they do not stand still


@pytest.mark.parametrize("curvatures", [1.0, [1.0, 0.5, 0.25] * 8], ids=["identity", "diagonal"])
def test_diagonal_inputs_are_not_turned(curvatures):
    task = fa.Task.from_spectrum(np.linspace(2, 1, 24), curvatures)
    plan = prepare(task, 30, "bp", t_end=1.0)
    found = coordinates_of(plan)
    assert found.bases[0] is None
    assert found.parameters["Sigma_xx"].shape == (24,)
    run = fa.simulate(task, 30, "bp", t_end=1.0, t_eval=[0.5, 1.0])
    for index, state in enumerate(reference(prepare(task, 30, "bp", t_end=1.0, t_eval=[0.5, 1.0]))):
        np.testing.assert_allclose(run.weights[0][index], state[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
def test_flows_keep_their_form_in_any_orthogonal_basis(rule, depth):
    assert keeps_form(fa.derive(depth, rule), tuple(range(depth)))


def test_signs_hold_for_one_hidden_basis_only():
    flow = fa.derive(3, "sign")
    assert keeps_form(flow, (0,))
    assert not keeps_form(flow, (0, 1, 2))
    assert moving_rows(flow).turned == (0,)


def test_a_rule_that_reads_single_inputs_is_not_turned():
    class Reader(fa.Rule):
        """Sends back W_1^T entry by entry, which no change of the basis of the inputs respects."""

        name = "reader"

        def feedback(self, network, layer):
            return network.W(layer).T

        def backward(self, network, layer):
            if layer < network.depth:
                return super().backward(network, layer)
            return (
                network.W(1) * network.W(1).applyfunc(lambda entry: entry**3).T
                if network.depth == 1
                else (network.W(layer) * network.W(layer).applyfunc(lambda entry: entry**3).T)
            )

    assert moving_rows(fa.derive(1, Reader())) is None


def test_the_curve_between_steps_is_the_same_whether_asked_for_before_or_after():
    from fa_dynamics.flows.simulate import run_plan

    plan = plan_of((30, 24, 3), "fa")
    one, two = run_plan(plan, watch=True), run_plan(plan)
    np.testing.assert_array_equal(one.curve.edges, two.curve.edges)
    # output times and nodes of a step are one product, in which round-off depends on how many there are
    np.testing.assert_allclose(one.curve.values, two.curve.values, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(one.learning_times(0.3), two.learning_times(0.3), rtol=1e-12)
    np.testing.assert_allclose(one.curve(plan.times), one.mode_strength, rtol=0, atol=1e-9)
    assert one.t_last == one.curve.edges[-1] == 3.0


def test_drift_of_first_integrals_is_that_of_the_rebuilt_weights():
    run = fa.simulate(
        data((30, 24, 28, 3)), (24, 28), "fa", fa.starts.Gaussian(0.5), t_end=3.0, rtol=1e-5, t_eval=[1, 3]
    )
    for name, drift in run.invariant_drift.items():
        layer = int(name.rpartition("_")[2])
        feedback = run.feedback[f"B_{layer + 1}"]

        def law(below, above, feedback=feedback):
            return below @ below.T - feedback @ above - above.T @ feedback.T

        start = law(run.initial[f"W_{layer}"], run.initial[f"W_{layer + 1}"])
        for index in range(2):
            now = law(run.weights[layer - 1][index], run.weights[layer][index])
            expected = np.linalg.norm(now - start) / max(1, np.linalg.norm(start))
            assert drift[index] == pytest.approx(expected, rel=1e-6, abs=1e-14)
            assert expected > 1e-10  # rtol 1e-5: there is a drift to see
