"""Ensembles: each member as accurate as alone, in any company."""

from __future__ import annotations

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.flows import ensemble_solve
from fa_dynamics.flows.coordinates import coordinates_of_members
from fa_dynamics.flows.ensemble import member_seeds, simulate_ensemble

TASK = fa.Task.from_spectrum([3.0, 1.0, 0.5], n_inputs=4)


@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "kp", "sign"])
def test_members_equal_runs_alone(rule):
    many = simulate_ensemble(
        TASK, 5, rule, "gaussian:0.3", draws=4, t_end=3.0, rtol=1e-8, atol=1e-11, t_eval=[0, 1, 3], keep_weights=True
    )
    assert many.status == ("completed",) * 4
    for draw in range(4):
        options = many.arguments | {"rtol": 1e-12, "atol": 1e-14}
        alone = fa.simulate(TASK, **options, seed=int(many.seeds[draw]))
        # Sign feedback jumps, and both runs meet its jumps at steps of their own.
        tolerance = 1e-5 if rule == "sign" else 2e-7
        for ours, theirs in zip(many.weights, alone.weights, strict=True):
            np.testing.assert_allclose(ours[draw], theirs, atol=tolerance)
        np.testing.assert_allclose(many.mode_strength[draw], alone.mode_strength, atol=tolerance)
        np.testing.assert_allclose(many.loss[draw], alone.loss, atol=tolerance)


@pytest.mark.parametrize("decay", [None, 0.4])
@pytest.mark.parametrize(("rule", "hidden"), [("fa", (9, 8)), ("dfa", (9, 8)), ("fa", (8,))])
def test_members_of_which_few_rows_move_equal_runs_of_all_weights(rule, hidden, decay):
    """Alone, runs this small are integrated with all their weights; together, in coordinates where most stand still."""
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((50, 6))
    task = fa.Task.from_arrays(inputs, inputs @ rng.standard_normal((6, 3)))
    options = {"t_end": 2.0, "rtol": 1e-9, "atol": 1e-12, "t_eval": [0, 1, 2], "decay": decay}
    many, light = (
        simulate_ensemble(task, hidden, rule, "gaussian:0.3", draws=12, keep_weights=kept, **options)
        for kept in (True, False)
    )
    np.testing.assert_allclose(many.mode_strength, light.mode_strength, rtol=0, atol=1e-12)
    np.testing.assert_allclose(many.loss, light.loss, rtol=0, atol=1e-12)
    for draw in (0, 7, 11):
        alone = fa.simulate(task, **many.arguments, seed=int(many.seeds[draw]))
        assert all(still is None for still in alone.history.still)
        for ours, theirs in zip(many.weights, alone.weights, strict=True):
            np.testing.assert_allclose(ours[draw], theirs, rtol=0, atol=1e-8)
        np.testing.assert_allclose(many.mode_strength[draw], alone.mode_strength, rtol=0, atol=1e-8)
        np.testing.assert_allclose(many.learning_times(0.3)[draw], alone.learning_times(0.3), rtol=1e-7)
    plan, initial, fixed, _ = many.parts[0].watched.args
    found = coordinates_of_members(plan, initial, fixed, 12)
    assert found.start[0].shape == (12, 3, 6)  # of nine or eight rows three move


def test_one_hard_member_among_easy_ones_keeps_its_accuracy():
    """A member with feedback ten times as strong, which a mean over the state would hide."""
    draws = 40
    easy = [np.zeros((3, 4)), np.zeros((3, 3))]
    many = simulate_ensemble(TASK, 3, "fa", easy, "gaussian:1", draws=draws, t_end=4.0, rtol=1e-7, atol=1e-10)
    errors = []
    for draw in range(draws):
        exact = fa.simulate(TASK, **many.arguments | {"rtol": 1e-12, "atol": 1e-14}, seed=int(many.seeds[draw]))
        errors.append(np.abs(exact.mode_strength - many.mode_strength[draw]).max())
    alone = []
    for draw in range(0, draws, 10):
        exact = fa.simulate(TASK, **many.arguments | {"rtol": 1e-12, "atol": 1e-14}, seed=int(many.seeds[draw]))
        rough = fa.simulate(TASK, **many.arguments, seed=int(many.seeds[draw]))
        alone.append(np.abs(exact.mode_strength - rough.mode_strength).max())
    assert max(errors) < 5 * max(alone)


def test_more_draws_leave_the_first_as_they_are():
    np.testing.assert_array_equal(member_seeds(3, 5), member_seeds(3, 9)[:5])
    few, more = (simulate_ensemble(TASK, 3, draws=n, t_end=1.0, seed=3) for n in (2, 4))
    np.testing.assert_allclose(few.mode_strength, more.mode_strength[:2], atol=1e-9)


def test_learning_times_equal_those_of_runs_alone():
    many = simulate_ensemble(TASK, 5, draws=6, t_end=60.0)
    times = many.learning_times(0.5)
    for draw in (0, 3, 5):
        np.testing.assert_allclose(times[draw], many.member(draw).learning_times(0.5), rtol=1e-6)
    assert [order.verdict for order in many.order()] == [many.member(draw).order().verdict for draw in range(6)]


def test_groups_do_not_change_results(monkeypatch):
    one = simulate_ensemble(TASK, 3, draws=7, t_end=2.0)
    monkeypatch.setattr(ensemble_solve, "GROUP_STATES", 50)
    split = simulate_ensemble(TASK, 3, draws=7, t_end=2.0)
    assert len(split.parts) == 4 > len(one.parts)
    np.testing.assert_allclose(one.mode_strength, split.mode_strength, atol=1e-8)


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(ensemble_solve, "GROUP_STATES", 100)
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(ensemble_solve, "blas_threads", lambda threads=threads: threads)
        found.append(simulate_ensemble(TASK, 3, draws=30, t_end=20.0))
    assert len(found[0].parts) > 3
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].mode_strength, other.mode_strength)
        np.testing.assert_array_equal(found[0].learning_times(), other.learning_times())


def test_an_interruption_keeps_the_groups_that_ended(monkeypatch):
    monkeypatch.setattr(ensemble_solve, "GROUP_STATES", 100)

    def stop(fraction):
        if fraction > 0.6:
            raise KeyboardInterrupt

    many = simulate_ensemble(TASK, 3, draws=30, t_end=20.0, progress=stop)
    assert set(many.status) == {"completed", "interrupted"}
    np.testing.assert_array_equal(np.isfinite(many.loss).all(axis=1), many.completed)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interruption_anywhere_keeps_the_groups_that_ended(threads, monkeypatch):
    real, calls = ensemble_solve.coordinates_of_members, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(ensemble_solve, "GROUP_STATES", 60)
    monkeypatch.setattr(ensemble_solve, "blas_threads", lambda: threads)
    monkeypatch.setattr(ensemble_solve, "coordinates_of_members", interrupted)
    many = simulate_ensemble(TASK, 3, draws=30, t_end=5.0)
    assert many.status.count("completed") >= 4
    assert many.status.count("interrupted") >= 2
    np.testing.assert_array_equal(np.isfinite(many.loss).all(axis=1), many.completed)


RUNAWAY = '''
from fa_dynamics import FeedbackAlignment


class Runaway(FeedbackAlignment):
    """The last layer climbs the loss; whether that ends well depends on the draw."""

    name = "runaway"

    def backward(self, network, layer):
        back = super().backward(network, layer)
        return -back if layer == network.depth else back
'''


def test_a_member_that_blows_up_does_not_hurt_the_others(tmp_path):
    path = tmp_path / "runaway.py"
    path.write_text(RUNAWAY, encoding="utf-8")
    task = fa.Task.from_spectrum([1.0])
    told, options = [], {"t_end": 20.0, "rtol": 1e-7, "atol": 1e-10, "seed": 2, "progress": lambda f: told.append(f)}
    many = simulate_ensemble(task, 1, f"{path}:Runaway", "gaussian:2", draws=12, **options)
    assert told == sorted(told)
    assert told[-1] > 0.9
    assert 0 < many.completed.sum() < 12, many.status
    for draw in range(12):
        if many.completed[draw]:
            alone = many.member(draw)
            np.testing.assert_allclose(many.mode_strength[draw], alone.mode_strength, rtol=1e-4, atol=1e-4)
        else:
            assert many.status[draw] == "diverged"
            assert np.isnan(many.mode_strength[draw, -1]).all()
            assert np.isnan(many.learning_times()[draw]).all()
            assert "lower the start" in many.message[draw]


def test_quantiles_and_dataset():
    many = simulate_ensemble(TASK, 3, draws=9, t_end=40.0)
    table = many.quantiles([0.0, 0.5, 1.0])
    times = many.learning_times()
    np.testing.assert_array_equal(table[0], times.min(axis=0))
    np.testing.assert_array_equal(table[1], np.median(times, axis=0))
    np.testing.assert_array_equal(table[2], times.max(axis=0))
    data = many.to_xarray()
    assert data.mode_strength.dims == ("draw", "time", "mode")
    assert "9 completed" in repr(many)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"draws": 0}, "draws: 0 given"),
        ({"draws": 2.5}, "draws: 2.5 given"),
        ({"draws": 2, "method": "Radau"}, "method: 'Radau' given"),
        ({"draws": 2, "seed": -1}, "seed: -1 given"),
        ({"draws": 2, "start": "gausian"}, "start: no family"),
    ],
)
def test_bad_use(options, complaint):
    with pytest.raises(fa.InputError, match=complaint):
        simulate_ensemble(TASK, 3, t_end=1.0, **options)


def test_a_member_is_named_by_its_number():
    many = simulate_ensemble(TASK, 3, draws=2, t_end=1.0)
    with pytest.raises(fa.InputError, match=r"draw: 2 given, expected 0\.\.1"):
        many.member(2)
