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
DECAYS = [None, 0.3, "different"]
"""'different' is one rate per layer, zero among them."""
# signs that flip on the way to zero make the velocity jump, which no two methods take alike
RUNS = [(*case, decay) for case in CASES for decay in DECAYS if case[1] != "sign" or decay is None]


def data(sizes, seed=0):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((sizes[0], sizes[0])))
    moment = (axes * rng.uniform(0.3, 1.0, sizes[0])) @ axes.T
    moment = (moment + moment.T) / 2
    teacher = rng.standard_normal((sizes[-1], sizes[0])) / np.sqrt(sizes[0])
    return fa.Task("teacher", moment, teacher @ moment, teacher @ moment @ teacher.T)


def plan_of(sizes, rule, decay=None, **options):
    if decay == "different":
        decay = [0.7, 0.0, 0.2][: len(sizes) - 1]
    given = {"start": fa.starts.Gaussian(0.5), "t_end": 3.0, "t_eval": [0.0, 0.4, 3.0], "decay": decay} | options
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


@pytest.mark.parametrize(("sizes", "rule", "decay"), RUNS, ids=str)
def test_weights_are_those_of_the_whole_flow(sizes, rule, decay, monkeypatch):
    monkeypatch.setattr(room, "WORTH_IT", 1)
    plan = plan_of(sizes, rule, decay)
    run = fa.simulate(
        plan.task, sizes[1:-1], rule, fa.starts.Gaussian(0.5), t_end=3.0, t_eval=plan.times, decay=plan.rates
    )
    states = reference(plan)
    for layer, weight in enumerate(run.weights):
        whole = np.array([state[layer] for state in states])
        # rtol 1e-9 here and 1e-10 there, and dense output
        np.testing.assert_allclose(weight, whole, rtol=0, atol=3e-8)
        np.testing.assert_allclose(weight[0], plan.initial[layer], rtol=0, atol=1e-14)
    product = [np.linalg.multi_dot(state[len(sizes) - 2 :: -1]) for state in states]
    np.testing.assert_allclose(run.end_to_end, product, rtol=0, atol=1e-7)
    np.testing.assert_allclose(run.end_to_end, fa.measures.end_to_end(run.weights), rtol=0, atol=1e-13)


@pytest.mark.parametrize("time", [0.0, 0.8])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize(("sizes", "rule"), CASES, ids=str)
def test_velocity_is_that_of_the_whole_flow_turned(sizes, rule, decay, time, monkeypatch):
    """Q^T (velocity at W) Q of the whole flow, and -rho W in the rows that are said not to be taught: to round-off."""
    monkeypatch.setattr(room, "WORTH_IT", 1)
    plan = plan_of(sizes, rule, decay)
    found = coordinates_of(plan)
    state = np.random.default_rng(5).standard_normal(found.flat_start.size) / 4
    velocity = found.velocity()(time, state)
    compiled = compile_flow(plan.flow, plan.sizes)
    out = [np.empty(shape) for shape in compiled.shapes]
    matrices = [matrix.copy() for matrix in found.matrices()(time, state)]
    whole_state = [
        room.out_of_bases(matrix, found.bases[index + 1], found.bases[index]) if index < len(sizes) - 1 else matrix
        for index, matrix in enumerate(matrices)
    ]
    compiled.bind(plan.parameters, np.empty)(whole_state, out)
    at = 0
    for index, whole in enumerate(out):
        turned = whole
        if index < len(sizes) - 1:
            turned = room.in_bases(whole, found.bases[index + 1], found.bases[index])
        rows = len(found.start[index])
        own = velocity[at : at + rows * whole.shape[1]].reshape(rows, -1)
        at += own.size
        np.testing.assert_allclose(own, turned[:rows], rtol=0, atol=1e-13)
        rate = plan.rates[index] if plan.rates and index < len(sizes) - 1 else 0.0
        np.testing.assert_allclose(turned[rows:], -rate * matrices[index][rows:], rtol=0, atol=1e-13)
        if rows < len(turned):  # Q^T W(0), shrunk by now
            before = room.in_bases(plan.initial[index], found.bases[index + 1], found.bases[index])[rows:]
            np.testing.assert_allclose(matrices[index][rows:], before * np.exp(-rate * time), rtol=1e-14, atol=1e-14)
    assert at == velocity.size


@pytest.mark.parametrize("decay", DECAYS)
def test_only_as_many_rows_as_outputs_move(decay):
    found = coordinates_of(plan_of((30, 24, 28, 3), "fa", decay))
    assert [matrix.shape for matrix in found.start] == [(3, 30), (3, 24), (3, 28)]
    assert [None if rest is None else len(rest) for rest in found.still] == [21, 25, None]
    for basis in found.bases[:-1]:
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), rtol=0, atol=1e-13)


def test_small_networks_are_left_as_they_are():
    small = coordinates_of(plan_of((4, 8, 2), "fa"))
    assert all(basis is None for basis in small.bases)


def test_what_is_left_of_rows_that_are_not_taught():
    """Of every observable that is read without the weights, beside the same from the weights."""
    task = data((30, 24, 28, 3))
    run = fa.simulate(task, (24, 28), "fa", fa.starts.Gaussian(0.5), t_end=3.0, t_eval=[0, 1, 3], decay=[0.5, 0, 0.1])
    assert [None if left is None else left.tolist() for left in run.history.left] == [
        np.exp([-0.0, -0.5, -1.5]).tolist(),
        None,
        None,
    ]
    norms = run.history.squared_norms(np.array([0, 2]))
    for layer, weight in enumerate(run.weights):
        np.testing.assert_allclose(norms[layer], (weight[[0, 2]] ** 2).sum(axis=(1, 2)), rtol=1e-13)
        np.testing.assert_allclose(run.history.at(1)[layer], weight[1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.end_to_end, fa.measures.end_to_end(run.weights), rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.curve(run.t), run.mode_strength, rtol=0, atol=1e-8)
    own = run.matrices_in_own_bases(2)
    np.testing.assert_allclose(np.linalg.norm(own["W_1"]), np.linalg.norm(run.weights[0][2]), rtol=1e-13)


@pytest.mark.parametrize("method", ["RK45", "Radau"])
def test_decaying_rows_under_other_methods(method):
    task, options = data((30, 24, 3)), {"t_end": 2.0, "t_eval": [0.5, 2.0], "decay": [0.6, 0.1], "rtol": 1e-8}
    one, two = (
        fa.simulate(task, 24, "fa", fa.starts.Gaussian(0.5), method=name, **options) for name in (method, "DOP853")
    )
    np.testing.assert_allclose(one.weights[0], two.weights[0], rtol=0, atol=1e-5)


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


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("rule", ["bp", "fa", "dfa", "kp"])
def test_flows_keep_their_form_in_any_orthogonal_basis(rule, depth, decay):
    assert keeps_form(fa.derive(depth, rule, decay=decay), tuple(range(depth)))


def test_signs_hold_for_one_hidden_basis_only():
    flow = fa.derive(3, "sign")
    assert keeps_form(flow, (0,))
    assert not keeps_form(flow, (0, 1, 2))
    assert not moving_rows(flow).constants


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
