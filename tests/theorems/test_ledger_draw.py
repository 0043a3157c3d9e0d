"""Random numbers of samplers: ranges, distributions, and an adversary's point in their place."""

from __future__ import annotations

import numpy as np
import pytest

from fa_dynamics.theorems.draw import from_generator, from_point


@pytest.fixture
def draw():
    return from_generator(np.random.default_rng(0))


def test_ranges(draw):
    for _ in range(200):
        assert 2 <= draw.integer(2, 4) <= 4
        assert 1e-3 <= draw.log_uniform(1e-3, 10.0) <= 10.0
        assert draw.choice("abc") in "abc"
        assert draw.sign() in (-1.0, 1.0)
    assert {draw.integer(2, 4) for _ in range(100)} == {2, 3, 4}
    assert set(np.unique(draw.signs(100))) == {-1.0, 1.0}


def test_normals_are_normal(draw):
    from scipy.stats import kstest

    assert kstest(draw.normals(2000), "norm").pvalue > 1e-4
    assert draw.normals((3, 4), scale=2.0).shape == (3, 4)


def test_orthogonal(draw):
    q = draw.orthogonal(5, 3)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-14)


def test_a_point_stands_in_for_the_first_numbers():
    one = from_point([0.25, 0.75], np.random.default_rng(1))
    other = from_point([0.25, 0.75], np.random.default_rng(1))
    np.testing.assert_allclose(one.uniforms(4), other.uniforms(4))
    again = from_point([0.25, 0.75], np.random.default_rng(2))
    assert again.uniform() == 0.25
    assert again.uniform(0, 2) == 1.5


def test_the_edges_of_the_cube_stay_finite():
    assert np.isfinite(from_point([0.0, 1.0], np.random.default_rng(0)).normals(2)).all()
