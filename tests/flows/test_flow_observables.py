"""Every observable of a trajectory against its definition, typed here, from samples where there are some."""

import itertools

import numpy as np
import pytest
from typed_flows import chain, draw, gradient, sample_loss, simulate, velocity

import fa_dynamics as fa

SIZES = [(3, 4, 2), (4, 2, 5, 3), (5, 3), (2, 6, 6, 6, 3)]
RULES = ("bp", "fa", "dfa", "sign", "kp")
cases = pytest.mark.parametrize(
    ("sizes", "rule"), [(sizes, rule) for sizes in SIZES for rule in RULES], ids=lambda value: str(value)
)


@pytest.fixture
def made(sizes, rule):
    problem = draw(21, sizes)
    decay = 0.2 if rule in ("fa", "kp") else None
    run = simulate(problem, rule, 0.6, t_eval=np.linspace(0, 0.6, 4), decay=decay)
    return problem, run


def states(run):
    return [[weight[index] for weight in run.weights] for index in range(len(run.t))]


def feedback_at(run, problem, rule, index):
    if rule == "kp":
        return [run.feedback[f"B_{layer}"][index] for layer in range(2, problem.depth + 1)]
    return problem.feedback(rule)


def cosine(a, b):
    return np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)


@cases
def test_end_to_end_loss_and_modes(made):
    problem, run = made
    maps = np.array([chain(weights, problem.sizes[0]) for weights in states(run)])
    np.testing.assert_allclose(run.end_to_end, maps, rtol=0, atol=1e-13)
    losses = [sample_loss(weights, problem.X, problem.Y) for weights in states(run)]
    np.testing.assert_allclose(run.loss, losses, rtol=1e-11)
    modes = run.task.modes
    strengths = [
        [u @ matrix @ v for u, v in zip(modes.output_basis.T, modes.input_basis.T, strict=True)] for matrix in maps
    ]
    np.testing.assert_allclose(run.mode_strength, strengths, rtol=0, atol=1e-13)


@cases
def test_update_alignment(made, rule):
    """cos between the typed update and the complex-step gradient of the sample loss; decay left out."""
    problem, run = made
    expected = []
    for index, weights in enumerate(states(run)):
        back = feedback_at(run, problem, rule, index)
        own = velocity(rule, weights, back, problem.input_moment, problem.cross_moment)
        true = gradient(weights, problem.X, problem.Y)
        expected.append([cosine(a, -b) for a, b in zip(own[: problem.depth], true, strict=True)])
    np.testing.assert_allclose(run.update_alignment, expected, rtol=0, atol=1e-11)
    np.testing.assert_allclose(run.update_alignment[:, -1], 1, rtol=0, atol=1e-12)  # every rule's last layer is true
    if rule == "bp":
        np.testing.assert_allclose(run.update_alignment, 1, rtol=0, atol=1e-12)


@cases
def test_weight_alignment(made, rule):
    problem, run = made
    expected = np.full((len(run.t), problem.depth - 1), np.nan)
    for index, weights in enumerate(states(run)):
        back = feedback_at(run, problem, rule, index)
        for layer in range(2, problem.depth + 1):
            weight = weights[layer - 1]
            if rule in ("fa", "kp"):
                stand_in = back[layer - 2]
            elif rule == "bp":
                stand_in = weight.T
            elif rule == "sign":
                stand_in = np.sign(weight.T)
            elif layer == problem.depth:
                stand_in = back[layer - 2]
            else:
                continue
            expected[index, layer - 2] = cosine(weight.T, stand_in)
    np.testing.assert_allclose(run.weight_alignment, expected, rtol=0, atol=1e-13)


@cases
def test_feedback_in_place_of(made, rule):
    problem, run = made
    for layer in range(2, problem.depth + 1):
        given = run.feedback_in_place_of(layer)
        if rule == "dfa" and layer < problem.depth:
            assert given is None
            continue
        assert given.shape == (len(run.t), problem.sizes[layer - 1], problem.sizes[layer])
        for index, weights in enumerate(states(run)):
            expected = {"bp": weights[layer - 1].T, "sign": np.sign(weights[layer - 1].T)}.get(rule)
            if expected is None:
                expected = feedback_at(run, problem, rule, index)[layer - 2]
            np.testing.assert_array_equal(given[index], expected)
    for layer in (1, problem.depth + 1, 0, True, 2.0):
        with pytest.raises(fa.InputError, match=r"layer: .* given, expected 2"):
            run.feedback_in_place_of(layer)


@cases
def test_alignment_matrix(made, rule):
    """A_l = W_L .. W_{l+1} C_l."""
    problem, run = made
    depth, outputs = problem.depth, problem.sizes[-1]
    for layer in range(1, depth + 1):
        given = run.alignment_matrix(layer)
        assert given.shape == (len(run.t), outputs, outputs)
        for index, weights in enumerate(states(run)):
            back, above = feedback_at(run, problem, rule, index), chain(weights[layer:], problem.sizes[layer])
            if layer == depth:
                expected = np.eye(outputs)
            elif rule == "bp":
                expected = above @ above.T
            elif rule == "sign":
                signs = [np.sign(weight) for weight in weights[layer:]]
                expected = above @ chain(signs, problem.sizes[layer]).T
            elif rule == "dfa":
                expected = above @ back[layer - 1]
            else:
                expected = above @ chain(back[layer - 1 :][::-1], outputs)
            np.testing.assert_allclose(given[index], expected, rtol=0, atol=1e-12)
    for layer in (0, depth + 1, "1", None):
        with pytest.raises(fa.InputError, match="layer"):
            run.alignment_matrix(layer)


@cases
def test_layers_and_their_neighbours(made):
    problem, run = made
    for index, weights in enumerate(states(run)):
        for layer, weight in enumerate(weights, start=1):
            values = np.sqrt(np.maximum(np.linalg.eigvalsh(weight @ weight.T)[::-1], 0))[: min(weight.shape)]
            # square roots of eigenvalues: half the digits where a singular value is small
            np.testing.assert_allclose(run.singular_values(layer)[index], values, rtol=0, atol=1e-7)
            assert (np.diff(run.singular_values(layer)[index]) <= 0).all()
        for layer, (below, above) in enumerate(itertools.pairwise(weights)):
            up, down = above.T @ above, below @ below.T
            assert run.balancedness[index, layer] == pytest.approx(np.linalg.norm(up - down), rel=1e-12)
            defect = np.linalg.norm(up @ down - down @ up) / np.linalg.norm(up) / np.linalg.norm(down)
            assert run.interlayer_alignment[index, layer] == pytest.approx(1 - defect, abs=1e-12)
        share = np.linalg.svd(chain(weights, problem.sizes[0]), compute_uv=False)
        share = share / share.sum()
        entropy = -sum(q * np.log(q) for q in share if q > 0)
        assert run.effective_rank[index] == pytest.approx(np.exp(entropy), rel=1e-12)
    for layer in (0, problem.depth + 1, 1.0):
        with pytest.raises(fa.InputError, match=f"layer: {layer} given, expected 1..{problem.depth}"):
            run.singular_values(layer)


def test_effective_rank_of_modes_that_appear_together():
    task = fa.Task.from_spectrum([1.0, 1.0, 1.0])
    run = fa.simulate(task, 3, "fa", "zero", [np.eye(3)], t_end=5.0, t_eval=[0.0, 1.0, 5.0])
    np.testing.assert_allclose(run.effective_rank, [0, 3, 3], rtol=1e-12)


def test_cosines_of_a_zero_start():
    """No direction is no number; the last layer is at rest because nothing arrives there."""
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, [2, 2], "fa", "zero", t_end=1.0, t_eval=[0.0, 1.0], seed=2)
    assert np.isnan(run.weight_alignment[0]).all()
    assert np.isnan(run.update_alignment[0]).all()  # the gradient is zero in layer 1, both updates in layers 2 and 3
    assert np.isnan(run.interlayer_alignment[0]).all()
    assert np.isfinite(run.update_alignment[1]).all()


def test_loss_falls_as_the_alignment_matrices_say():
    """dl/dt = - sum_l <E_l, sym(A_l) E_l> with E_l = E (W_{l-1}..W_1)^T; robertson2024.dissipation."""
    problem = draw(22, (3, 4, 5, 2))
    h = 1e-4
    run = simulate(problem, "fa", 1.0, t_eval=[0.5 - h, 0.5, 0.5 + h], rtol=1e-12)
    weights = states(run)[1]
    error = problem.cross_moment - chain(weights, 3) @ problem.input_moment
    rate = 0.0
    for layer in range(1, 4):
        received = error @ chain(weights[: layer - 1], 3).T
        rate -= np.vdot(received, run.alignment_matrix(layer)[1] @ received)
    slope = (run.loss[2] - run.loss[0]) / (2 * h)
    assert slope == pytest.approx(rate, rel=1e-5)  # central difference: error h^2, and 1e-12 / h of the integration


def test_invariants_are_those_of_the_flow():
    run = simulate(draw(23, (3, 4, 2)), "fa", 0.5)
    (law,) = run.invariants
    assert law.name == "Q_1"
    assert set(run.invariant_drift) == {"Q_1"}
    assert run.invariant_drift["Q_1"].shape == run.t.shape
    assert run.invariant_drift["Q_1"][0] == 0


@cases
def test_repr(made):
    problem, run = made
    lines = repr(run).splitlines()
    assert len(lines) == 5
    assert run.flow.rule.name in lines[0]
    assert "-".join(map(str, problem.sizes)) in lines[0]
    assert "completed at t = 0.6" in lines[1]
    if run.invariant_drift:
        worst = max(history.max() for history in run.invariant_drift.values())
        assert f"drift of a first integral {worst:.1e}" in lines[2]
    else:
        assert "no first integral" in lines[2]
    assert f"{run.loss[0]:.4g} -> {run.loss[-1]:.4g}" in lines[2]
    assert "DOP853" in lines[3]
    assert "seed 0" in lines[4]


def test_matrices_at_one_time():
    problem = draw(24, (3, 4, 2))
    for rule in ("fa", "kp"):
        run = simulate(problem, rule, 0.5, t_eval=[0.0, 0.5])
        named = run.matrices(1)
        assert list(named) == ["W_1", "W_2", "B_2"]
        np.testing.assert_array_equal(named["W_2"], run.weights[1][1])
        np.testing.assert_array_equal(named["B_2"], run.feedback["B_2"][1] if rule == "kp" else problem.layered[0])
