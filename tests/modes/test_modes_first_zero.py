"""The walk to the first zero of the error, against its values on a fine grid; and the inverse of time on a panel."""

from __future__ import annotations

import numpy as np
import pytest

from fa_dynamics.modes import limit
from fa_dynamics.modes.first_zero import brackets
from fa_dynamics.modes.inversion import KNOTS, divided_differences, interpolated, iterated, stepped, with_slope
from fa_dynamics.modes.polynomials import strength, weights_at
from fa_dynamics.modes.turning_points import turning_points


def random_chains(depth, modes, seed):
    rng = np.random.default_rng(seed)
    feedback = rng.choice([-1.0, 1.0], (depth - 1, modes)) * rng.uniform(0.3, 1.5, (depth - 1, modes))
    c = np.concatenate([np.cumprod(feedback[::-1], axis=0)[::-1], np.ones((1, modes))])
    return rng.normal(size=(depth, modes)), c, np.exp(rng.uniform(np.log(0.1), np.log(4), modes)), np.ones(modes)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_brackets_hold_the_first_change_of_sign_on_a_grid(depth):
    theta, c, sigma, lam = random_chains(depth, 1500, depth)
    direction = np.sign(sigma - lam * theta.prod(axis=0))
    low, high = brackets(theta, c, sigma, lam, direction)
    known = ~np.isnan(low)
    assert known.mean() > 0.9
    parts = np.linspace(0, 1, 4001)[1:-1, None]

    def error(distance):
        return direction * (sigma - lam * strength(weights_at(theta, c, direction * distance)))

    assert (error(parts * np.where(known, low, 0.0)) > 0)[:, known].all()
    assert (error(np.where(known, low, 0.0)) > 0)[known].all()
    assert (error(np.where(known, high, 0.0)) < 0)[known].all()
    inside = np.where(known, low + parts * (high - low), 0.0)
    assert (np.diff(error(inside), axis=0) < 0)[:, known].all()


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_walk_and_the_critical_points_find_the_same_rest(depth, monkeypatch):
    theta, c, sigma, lam = random_chains(depth, 2000, 10 + depth)
    walked = limit.rest_ahead(theta, c, sigma, lam)
    nothing = lambda *chains: (np.full(len(chains[2]), np.nan),) * 2  # noqa: E731
    monkeypatch.setattr(limit, "brackets", nothing)
    np.testing.assert_allclose(limit.rest_ahead(theta, c, sigma, lam), walked, rtol=1e-9)


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-10, 1e-6, 1e-3])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_walk_does_not_step_over_a_fold(depth, gap):
    theta, c, _, lam = random_chains(depth, 600, 20 + depth)
    mode, tau = turning_points(theta, c)
    first = np.array([tau[(mode == k) & (tau > 0)].min(initial=np.inf) for k in range(600)])
    turn = np.where(np.isfinite(first), first, 0.0)
    top, before = strength(weights_at(theta, c, turn)), theta.prod(axis=0)
    some = np.flatnonzero(np.isfinite(first) & (top > before + 0.01))  # p rises up to there
    sigma = top - gap * np.abs(top)
    _, high = brackets(theta[:, some], c[:, some], sigma[some], lam[some], np.ones(len(some)))
    assert len(some) > 50
    assert (np.isnan(high) | (high <= first[some] * (1 + 1e-9))).all()
    if gap == 1e-3:
        assert np.isfinite(high).mean() > 0.5


def test_times_of_a_panel_are_inverted_from_the_interpolation_and_from_far():
    rng = np.random.default_rng(5)
    powers = np.concatenate([np.zeros((1, 40)), rng.uniform(1, 2, (1, 40)), rng.uniform(-0.03, 0.03, (4, 40))])
    powers[0] = -with_slope(powers, np.full(40, -1.0))[0]
    whole = with_slope(powers, np.ones(40))[0]
    times = np.array([with_slope(powers, np.full(40, knot))[0] for knot in KNOTS]) / whole
    z = rng.uniform(-1, 1, 40)
    goal = with_slope(powers, z)[0]
    guess = interpolated(times, divided_differences(times), goal / whole)
    assert np.median(np.abs(guess - z)) < 1e-3
    found, near = stepped(powers, guess, goal)
    np.testing.assert_allclose(found[near], z[near], atol=1e-13)
    assert near.mean() > 0.3
    np.testing.assert_allclose(iterated(powers, np.zeros(40), goal), z, atol=1e-13)
