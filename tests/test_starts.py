"""Families of initial matrices: distributions, shapes in the task's bases, text forms, and given arrays."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_dynamics as fa
from fa_dynamics.starts import Balanced, Bases, Gaussian, Orthogonal, Slot, Spectral, Start, Zero, parse, resolve

widths = st.lists(st.integers(1, 6), min_size=2, max_size=5)
seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=50)


def weight_slots(sizes):
    return [Slot(f"W_{j}", j, j - 1, (sizes[j], sizes[j - 1])) for j in range(1, len(sizes))]


def feedback_slots(sizes):
    return [Slot(f"B_{j}", j - 1, j, (sizes[j - 1], sizes[j])) for j in range(2, len(sizes))]


def bases_of(seed, sizes):
    """Random task bases at the ends, single units within, as `simulate` has them."""
    rng = np.random.default_rng(seed)
    modes = min(sizes[0], sizes[-1])
    ends = [np.linalg.qr(rng.standard_normal((size, modes)))[0] for size in (sizes[0], sizes[-1])]
    return Bases((ends[0], *(np.eye(size, modes) for size in sizes[1:-1]), ends[1]))


def drawn(start, sizes, seed=0, slots=weight_slots):
    return start.draw(slots(sizes), bases_of([seed, 1], sizes), np.random.default_rng(seed))


@quick
@given(sizes=widths, seed=seeds)
def test_shapes(sizes, seed):
    for start in (Zero(), Gaussian(), Orthogonal(), Balanced(), Balanced(aligned=False), Spectral(0.3)):
        for slots in (weight_slots, feedback_slots):
            if not slots(sizes):
                continue
            matrices = drawn(start, sizes, seed, slots)
            assert [matrix.shape for matrix in matrices] == [slot.shape for slot in slots(sizes)]
            assert all(matrix.dtype == np.float64 and np.isfinite(matrix).all() for matrix in matrices)


def test_zero():
    assert all((matrix == 0).all() for matrix in drawn(Zero(), [3, 4, 2]))


@pytest.mark.parametrize("scale", [0.01, 1.0, 2.5])
@pytest.mark.parametrize("slots", [weight_slots, feedback_slots])
def test_gaussian_moments(slots, scale):
    """Standard deviation scale / sqrt(number of columns), mean 0, kurtosis 3."""
    sizes = [200, 300, 100]
    for matrix in drawn(Gaussian(scale), sizes, 5, slots):
        scaled = matrix.ravel() * np.sqrt(matrix.shape[1]) / scale
        count = scaled.size
        assert abs(scaled.mean()) <= 4 / np.sqrt(count)  # four standard errors each, at fixed seeds
        assert abs(scaled.var() - 1) <= 4 * np.sqrt(2 / count)
        assert abs((scaled**4).mean() - 3) <= 4 * np.sqrt(96 / count)


def test_gaussian_matrices_are_independent():
    one, two = drawn(Gaussian(), [40, 40, 40], 6)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) <= 4 / 40
    assert abs(np.corrcoef(one.ravel(), two.T.ravel())[0, 1]) <= 4 / 40


@quick
@given(sizes=widths, seed=seeds, scale=st.floats(0, 10))
def test_orthogonal_has_one_singular_value(sizes, seed, scale):
    for matrix in drawn(Orthogonal(scale), sizes, seed):
        values = np.linalg.svd(matrix, compute_uv=False)
        np.testing.assert_allclose(values, scale, atol=1e-13 * max(1, scale))
        rows, columns = matrix.shape
        gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
        np.testing.assert_allclose(gram, scale**2 * np.eye(min(rows, columns)), atol=1e-13 * max(1, scale**2))


def test_orthogonal_is_uniform():
    """Haar: every entry has mean 0 and variance 1/n; so has the trace, with variance 1. (Plain QR has neither.)"""
    rng = np.random.default_rng(7)
    slot, bases = [Slot("W_1", 1, 0, (3, 3))], bases_of(0, [3, 3])
    draws = np.array([Orthogonal().draw(slot, bases, rng)[0] for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=4 / np.sqrt(3 * 4000))  # four standard errors
    np.testing.assert_allclose(draws.var(axis=0), 1 / 3, atol=4 * np.sqrt(0.089 / 4000))  # variance of a squared entry
    traces = np.trace(draws, axis1=1, axis2=2)
    assert abs(traces.mean()) <= 4 / np.sqrt(4000)
    assert abs(traces.var() - 1) <= 4 * np.sqrt(2 / 4000)
    assert abs((np.linalg.det(draws) > 0).mean() - 0.5) <= 4 * 0.5 / np.sqrt(4000)


@quick
@given(sizes=widths, seed=seeds, strength=st.floats(1e-6, 4))
def test_balanced_random(sizes, seed, strength):
    """All singular values strength^(1/L), W_{l+1}^T W_{l+1} = W_l W_l^T at every widths, P of the right strength."""
    weights = drawn(Balanced(strength, aligned=False), sizes, seed)
    for lower, upper in itertools.pairwise(weights):
        np.testing.assert_allclose(upper.T @ upper, lower @ lower.T, atol=1e-13 * max(1, strength))
    whole = np.linalg.multi_dot([np.eye(sizes[-1]), *weights[::-1]])
    values = np.linalg.svd(whole, compute_uv=False)
    rank = min(sizes)
    np.testing.assert_allclose(values[:rank], strength, rtol=1e-12)
    np.testing.assert_allclose(values[rank:], 0, atol=1e-13)


@quick
@given(sizes=widths, seed=seeds, strength=st.floats(1e-6, 4))
def test_balanced_aligned(sizes, seed, strength):
    """Balanced at every widths, and p = strength in each of the modes that fit through the narrowest layer."""
    weights, bases = drawn(Balanced(strength), sizes, seed), bases_of([seed, 1], sizes)
    whole = np.linalg.multi_dot([np.eye(sizes[-1]), *weights[::-1]])
    read = bases.layers[-1].T @ whole @ bases.layers[0]
    expected = np.where(np.arange(len(read)) < min(sizes), strength, 0.0)
    np.testing.assert_allclose(read, np.diag(expected), atol=1e-13 * max(1, strength))
    for lower, upper in itertools.pairwise(weights):
        np.testing.assert_allclose(upper.T @ upper, lower @ lower.T, atol=1e-13 * max(1, strength))


def test_balanced_in_a_run():
    task = fa.Task.from_spectrum([2.0, 1.0, 0.5], n_inputs=5)
    for start in ("balanced:0.04", "balanced-random:0.04"):
        run = fa.simulate(task, [4, 6], "bp", start, t_end=0.1, t_eval=[0.0], seed=1)
        assert run.balancedness[0] == pytest.approx([0, 0], abs=1e-15)
        np.testing.assert_allclose(np.linalg.svd(run.end_to_end[0], compute_uv=False), 0.04, rtol=1e-12)
    run = fa.simulate(task, [4, 6], "bp", "balanced:0.04", t_end=0.1, t_eval=[0.0])
    np.testing.assert_allclose(run.mode_strength[0], 0.04, rtol=1e-12)


@quick
@given(sizes=widths, seed=seeds)
def test_spectral_broadcasting(sizes, seed):
    """One number, one per matrix, or one per matrix and mode: W_l = U_l diag(theta_l) U_{l-1}^T."""
    rng = np.random.default_rng(seed)
    bases, depth, modes = bases_of([seed, 1], sizes), len(sizes) - 1, min(sizes[0], sizes[-1])
    table = rng.standard_normal((depth, modes))
    for values, full in [
        (0.3, np.full((depth, modes), 0.3)),
        (table[:, 0], np.repeat(table[:, :1], modes, axis=1)),
        (table[:, :1], np.repeat(table[:, :1], modes, axis=1)),
        (table, table),
        (table.tolist(), table),
    ]:
        for j, matrix in enumerate(drawn(Spectral(values), sizes, seed)):
            expected = sum(
                theta * np.outer(u, v)
                for theta, u, v in zip(full[j], bases.layers[j + 1].T, bases.layers[j].T, strict=True)
            )
            np.testing.assert_allclose(matrix, expected, atol=1e-13)


def test_spectral_start_and_feedback_in_a_run():
    """theta and b of a run, read back in the task's modes; both rules that have feedback per layer or direct."""
    task = fa.Task.from_arrays(
        np.random.default_rng(3).standard_normal((20, 3)),
        np.random.default_rng(4).standard_normal((20, 2)),
        whiten=True,
    )
    u, v = task.modes.output_basis, task.modes.input_basis
    run = fa.simulate(task, 2, "fa", Spectral([[0.1, 0.2], [0.3, 0.4]]), Spectral([[2.0, 3.0]]), t_end=1, t_eval=[0.0])
    np.testing.assert_allclose(run.weights[0][0] @ v, np.diag([0.1, 0.2]), atol=1e-14)
    np.testing.assert_allclose(u.T @ run.weights[1][0], np.diag([0.3, 0.4]), atol=1e-14)
    np.testing.assert_allclose(run.feedback["B_2"] @ u, np.diag([2.0, 3.0]), atol=1e-14)
    np.testing.assert_allclose(run.mode_strength[0], [0.03, 0.08], atol=1e-14)
    direct = fa.simulate(task, [2, 2], "dfa", "zero", Spectral([[2.0, 3.0], [4.0, 5.0]]), t_end=1, t_eval=[0.0])
    np.testing.assert_allclose(direct.feedback["D_1"] @ u, np.diag([2.0, 3.0]), atol=1e-14)
    np.testing.assert_allclose(direct.feedback["D_2"] @ u, np.diag([4.0, 5.0]), atol=1e-14)


def test_spectral_of_the_wrong_shape():
    for values, shape in [([0.1, 0.2, 0.3], r"\(3,\)"), (np.ones((2, 5)), r"\(2, 5\)"), ([], r"\(0,\)")]:
        with pytest.raises(fa.InputError, match=rf"values: shape {shape} given, expected .*\(2,\) for W_1..W_2"):
            drawn(Spectral(values), [3, 4, 2])
    with pytest.raises(fa.InputError, match=r"values: shape \(1, 1, 1\) given"):
        Spectral(np.ones((1, 1, 1)))
    for values in (np.nan, [1.0, np.inf], "many", [[1.0], [1.0, 2.0]]):
        with pytest.raises(fa.InputError, match="values"):
            Spectral(values)


def test_spectral_repr():
    assert repr(Spectral([-4, 0])) == "Spectral([-4, 0])"
    assert repr(Spectral(np.ones((3, 4)))) == "Spectral(values of shape (3, 4))"


@pytest.mark.parametrize("family", [Gaussian, Orthogonal, Balanced])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, "1", None, True, 1j])
def test_scales_that_will_not_do(family, value):
    with pytest.raises(fa.InputError, match=r"(scale|strength): .* given, expected a"):
        family(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zero", Zero()),
        ("gaussian", Gaussian(1.0)),
        ("gaussian:0.01", Gaussian(0.01)),
        ("gaussian:1e-3", Gaussian(1e-3)),
        ("orthogonal", Orthogonal(1.0)),
        ("orthogonal:0.5", Orthogonal(0.5)),
        ("balanced", Balanced(1e-3)),
        ("balanced:0.2", Balanced(0.2)),
        ("balanced-random", Balanced(1e-3, aligned=False)),
        ("balanced-random:0.2", Balanced(0.2, aligned=False)),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected
    assert isinstance(parse(text), Start)


def test_parse_spectral():
    assert parse("spectral:0.5").values == 0.5
    assert tuple(parse("spectral:-4,0").values) == (-4.0, 0.0)
    np.testing.assert_array_equal(drawn(parse("spectral:0.5"), [2, 3, 2])[1], drawn(Spectral(0.5), [2, 3, 2])[1])
    np.testing.assert_array_equal(drawn(parse("spectral:-4,0"), [2, 3, 2])[0], drawn(Spectral([-4, 0]), [2, 3, 2])[0])


@pytest.mark.parametrize(
    "text",
    ["gausian", "", ":0.1", "gaussian:x", "gaussian:0.1,0.2", "zero:1", "gaussian:-1", "balanced:nan", "spectral:a,b"],
)
@pytest.mark.parametrize("argument", ["start", "feedback"])
def test_parse_errors_name_the_argument(text, argument):
    with pytest.raises(fa.InputError, match=argument):
        parse(text, argument)


def test_parse_suggests_the_nearest_family():
    with pytest.raises(fa.InputError, match=r"start: no family is called 'gausian'; did you mean 'gaussian'\?"):
        parse("gausian:0.1")


def given_arrays(matrices, argument="start", sizes=(3, 4, 2)):
    slots = feedback_slots(sizes) if argument == "feedback" else weight_slots(sizes)
    return resolve(matrices, slots, bases_of(0, sizes), np.random.default_rng(0), argument)


def test_given_arrays_are_copied():
    first, second = np.ones((4, 3)), np.zeros((2, 4)).tolist()
    one, two = given_arrays([first, second])
    np.testing.assert_array_equal(one, first)
    assert one is not first
    assert not np.shares_memory(one, first)
    assert two.dtype == np.float64
    one[:] = 5
    assert (first == 1).all()


def test_given_arrays_that_do_not_fit():
    good = [np.ones((4, 3)), np.ones((2, 4))]
    with pytest.raises(fa.InputError, match=r"start: W_1 has shape \(3, 4\), expected \(4, 3\) \(n_1, n_0\)"):
        given_arrays([good[0].T, good[1]])
    with pytest.raises(fa.InputError, match=r"start: W_2 has shape \(2, 3\), expected \(2, 4\) \(n_2, n_1\)"):
        given_arrays([good[0], np.ones((2, 3))])
    with pytest.raises(fa.InputError, match=r"start: W_2 has shape \(\), expected \(2, 4\)"):
        given_arrays([good[0], 1.0])
    with pytest.raises(fa.InputError, match=r"start: 1 matrices given, expected 2 \(W_1, W_2\)"):
        given_arrays(good[:1])
    with pytest.raises(fa.InputError, match=r"start: 3 matrices given, expected 2 \(W_1, W_2\)"):
        given_arrays([*good, good[0]])
    with pytest.raises(fa.InputError, match=r"feedback: B_2 has shape \(2, 4\), expected \(4, 2\) \(n_1, n_2\)"):
        given_arrays([good[1]], "feedback")
    bad = good[1].copy()
    for entry in (np.nan, np.inf):
        bad[1, 2] = entry
        with pytest.raises(fa.InputError, match="start: W_2 has entries that are not finite"):
            given_arrays([good[0], bad])
    for nothing in ("words", [[1.0], [1.0, 2.0]], None, [["a"] * 4] * 2):
        with pytest.raises(fa.InputError, match="start: W_2 "):
            given_arrays([good[0], nothing])


@pytest.mark.parametrize("given_", [3, 2.5, None, {"W_1": 1}, np.array(1.0), object()], ids=lambda g: type(g).__name__)
@pytest.mark.parametrize("argument", ["start", "feedback"])
def test_things_that_are_no_start(given_, argument):
    with pytest.raises(fa.InputError, match=f"{argument}: "):
        given_arrays(given_, argument)


def test_direct_feedback_shapes_are_named_in_errors():
    task = fa.Task.from_spectrum([2.0, 1.0])
    good = [np.ones((4, 2)), np.ones((5, 2))]
    fa.simulate(task, [4, 5], "dfa", feedback=good, t_end=0.1)
    with pytest.raises(fa.InputError, match=r"feedback: D_1 has shape \(4, 5\), expected \(4, 2\) \(n_1, n_3\)"):
        fa.simulate(task, [4, 5], "dfa", feedback=[np.ones((4, 5)), good[1]], t_end=0.1)


def test_rules_without_feedback_take_none():
    task = fa.Task.from_spectrum([2.0, 1.0])
    with pytest.raises(fa.InputError, match=r"feedback: 1 matrices given, expected 0 \(none\)"):
        fa.simulate(task, 2, "bp", feedback=[np.eye(2)], t_end=0.1)
    with pytest.raises(fa.InputError, match=r"feedback: 1 matrices given, expected 0 \(none\)"):
        fa.simulate(task, 2, "bp", feedback=np.ones((1, 2, 2)), t_end=0.1)


def test_stacked_arrays_are_matrices_too():
    task = fa.Task.from_spectrum([2.0, 1.0])
    run = fa.simulate(task, 2, "fa", np.full((2, 2, 2), 0.1), np.ones((1, 2, 2)), t_end=0.1)
    np.testing.assert_array_equal(run.weights[1][0], 0.1)
    np.testing.assert_array_equal(run.feedback["B_2"], 1.0)
