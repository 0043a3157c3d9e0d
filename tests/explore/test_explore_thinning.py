"""Polylines with fewer points, against distances that are computed another way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.explore.thinning import VISIBLE, thinned


def distance(points, line):
    """Of points (n, 2) to a polyline (m, 2), by complex arithmetic segment by segment."""
    z, w = points @ [1, 1j], line @ [1, 1j]
    if len(w) == 1:
        return np.abs(z - w[0])
    found = []
    for begin, end in pairwise(w):
        along = (z - begin) / (end - begin) if end != begin else np.zeros(len(z))
        found.append(np.abs(z - begin - np.clip(np.real(along), 0, 1) * (end - begin)))
    return np.min(found, axis=0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 4), st.sampled_from([0.0, 0.1, 3.0]))
@settings(deadline=None, max_examples=60)
def test_every_point_stays_close(seed, count, lines, tolerance):
    """Also on walks that turn back on themselves, stand still or leave the picture."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-2, 3, (2, count, lines)).cumsum(axis=1).astype(float)
    across, up, line = thinned(x, y, tolerance)
    assert (np.diff(line) >= 0).all()
    for k in range(lines):
        own, given_points = np.stack([across, up], axis=1)[line == k], np.stack([x[:, k], y[:, k]], axis=1)
        np.testing.assert_array_equal(own[[0, -1]], given_points[[0, -1]])
        assert distance(given_points, own).max() <= tolerance + 1e-12


def test_few_points_are_left_of_a_smooth_curve():
    """About sqrt(curvature / (8 tolerance)) per length: a circle of radius r needs pi / sqrt(2 tolerance / r)."""
    angle = np.linspace(0, 2 * np.pi, 4001)[:, None]
    across, _, _ = thinned(100 * np.cos(angle), 100 * np.sin(angle))
    assert np.pi / np.sqrt(2 * VISIBLE / 100) < len(across) < 2.2 * np.pi / np.sqrt(2 * VISIBLE / 100)
    level = np.linspace(0.0, 5.0, 100)[:, None]
    assert len(thinned(level, 3 * level)[0]) == 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_lines(count):
    assert len(thinned(np.arange(count)[:, None] * 1.0, np.ones((count, 1)))[0]) == count


def test_points_that_are_no_numbers_are_left_out():
    x = np.repeat(np.arange(5.0)[:, None], 3, axis=1)
    y = x**2
    y[2, 0], y[:, 1] = np.nan, np.inf
    across, _, line = thinned(x, y)
    assert line.tolist() == [0] * 4 + [2] * 5
    assert across.tolist() == [0, 1, 3, 4, 0, 1, 2, 3, 4]
