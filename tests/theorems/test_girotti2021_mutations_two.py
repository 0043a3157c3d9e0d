"""Break the physics, and the statements on the order of learning turn red."""

from dataclasses import replace

import broken
import numpy as np
import pytest

from fa_dynamics.derive.flow import _derive
from fa_dynamics.derive.rules import Backpropagation, FeedbackAlignment
from fa_dynamics.modes import ModeCurves, clocked, polynomials, solve, solve_modes


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """Flows are cached by rule: forget them before, and what was broken after."""
    _derive.cache_clear()
    yield
    monkeypatch.undo()
    _derive.cache_clear()


def assert_red(name, draws=5, **options):
    return broken.assert_red(f"girotti2021.{name}", draws, seed=1, **options)


@pytest.mark.parametrize(
    ("name", "draws"),
    [
        ("order-convexity", 5),
        ("regularisation", 5),
        ("anti-regularisation", 5),
        ("slow-passage", 5),
        ("loss-rise", 5),
        ("harm", 14),
    ],
)
def test_feedback_of_the_opposite_sign(monkeypatch, name, draws):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: -network.B(layer))
    assert_red(name, draws, least=2)


@pytest.mark.parametrize("name", ["zero-start-law", "gd-comparison", "loss-rise", "slow-passage"])
def test_feedback_of_half_the_size(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.B(layer) / 2)
    assert_red(name, least=3)


@pytest.mark.parametrize("name", ["zero-start-law", "loss-rise", "gd-comparison"])
def test_transposed_weights_instead_of_feedback(monkeypatch, name):
    monkeypatch.setattr(FeedbackAlignment, "feedback", lambda self, network, layer: network.W(layer).T)
    found = assert_red(name, least=4, among=("violated", "failed"), proof_fails=True)
    assert found.violations >= 3 or len(found.failures) >= 3


def test_backpropagation_with_half_of_the_transposed_weights(monkeypatch):
    monkeypatch.setattr(Backpropagation, "feedback", lambda self, network, layer: network.W(layer).T / 2)
    assert_red("gd-comparison", draws=2, least=2, proof_fails=True)


@pytest.mark.parametrize("name", ["zero-start-law", "slow-passage"])
def test_polynomials_of_the_clock_without_their_half(monkeypatch, name):
    """theta_2 = theta_2(0) + c_2 (theta_1(0) tau + c_1 tau^2 / 2), here without the 1/2."""

    def wrong(theta, c, tau):
        weights, increment = [], tau
        for start, factor in zip(theta, c, strict=True):
            weights.append(start + factor * increment)
            increment = increment * (start + factor * increment)
        return weights

    monkeypatch.setattr(polynomials, "weights_at", wrong)
    assert_red(name, least=2, among=("violated", "failed", "undecided"))


@pytest.mark.parametrize("name", ["zero-start-law", "harm", "slow-passage"])
def test_half_of_the_curvature(monkeypatch, name):
    right = solve.line_of
    monkeypatch.setattr(solve, "line_of", lambda chain, theta, b, sigma, lam: right(chain, theta, b, sigma, lam / 2))
    assert_red(name, draws=14, least=3, among=("violated", "failed"))


@pytest.mark.parametrize("name", ["order-convexity", "anti-regularisation"])
def test_time_that_runs_faster_for_strong_modes(monkeypatch, name):
    """A step size that follows the correlation would hide anti-regularisation."""
    right = ModeCurves.strength.func

    def hastened(self):
        pace = 1 + np.abs(self.correlation) / np.abs(self.correlation).min()
        return np.column_stack([right(replace(self, t=self.t * each))[:, k] for k, each in enumerate(pace)])

    monkeypatch.setattr(ModeCurves, "strength", property(hastened))
    assert_red(name, least=2, among=("violated", "failed"))


def test_first_entry_into_the_band_instead_of_the_last(monkeypatch):
    """A mode on a ghost is close to its target for long, leaves it, and comes back."""

    def first(self, level=0.5):
        late = right(self, level)
        times = np.full(len(late), np.inf)
        for mode, end in enumerate(late):
            t = np.linspace(0.0, end, 4001)
            p = solve_modes(self.correlation, self.curvature, self.depth, self.rule, self.start, self.feedback, t=t)
            inside = np.abs(p.strength[:, mode] - p.target[mode]) <= (1 - level) * np.abs(p.target[mode])
            times[mode] = t[np.argmax(inside)]
        return times

    right = ModeCurves.learning_times
    monkeypatch.setattr(ModeCurves, "learning_times", first)
    assert_red("slow-passage", draws=8, least=3, among=("violated", "undecided"))


def test_the_far_root_instead_of_the_one_ahead(monkeypatch):
    """Starts beyond the fold rest at x_-; a package that sent them all to x_+ would lose anti-regularisation."""

    def beyond(theta, c, sigma, curvature):
        powers = curvature * polynomials.coefficients(theta, c)
        powers[0] -= sigma
        found = [np.roots(column[::-1]) for column in powers.T]
        return np.array([np.abs(each[np.abs(each.imag) < 1e-9].real).max() for each in found])

    monkeypatch.setattr(clocked, "rest_ahead", beyond)
    assert_red("anti-regularisation", draws=2, least=2, among=("violated", "failed", "undecided"))
