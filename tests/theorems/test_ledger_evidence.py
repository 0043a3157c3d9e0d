"""The one rule that decides: holds, undecided, violated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_dynamics.theorems import at_least, at_most, equal, is_true
from fa_dynamics.theorems.evidence import RESOLUTION, worst


@pytest.mark.parametrize(
    ("measured", "bound", "error", "decision"),
    [
        (1.0, 2.0, 0.5, "holds"),
        (2.0, 1.0, 0.5, "violated"),
        (1.0, 2.0, 1.5, "undecided"),  # the error could hide a violation
        (2.0, 1.0, 1.5, "undecided"),  # or make one up
        (1.0, 1.0, 1e-9, "holds"),  # touches the bound, error negligible
        (1.0 + 5e-10, 1.0, 1e-9, "holds"),
        (1.0 + 2e-9, 1.0, 1e-9, "violated"),
        (np.nan, 1.0, 0.0, "violated"),
        (np.inf, 1.0, 0.0, "violated"),
        (1.0, np.inf, 0.0, "holds"),
        (1.0, 2.0, np.inf, "undecided"),
        (1.0, 2.0, np.nan, "undecided"),
    ],
)
def test_decisions(measured, bound, error, decision):
    assert at_most("x", measured, bound, error).decision == decision


def test_worst_place_decides():
    evidence = at_most("x", [1.0, 5.0, 1.0], [2.0, 4.0, 1.0], [0.1, 0.1, 2.0], over=[0, 1, 2])
    assert evidence.decision == "violated"
    assert (evidence.measured, evidence.bound) == (5.0, 4.0)
    assert evidence.margin == pytest.approx(-0.9 / 4)
    assert evidence.trace is not None
    np.testing.assert_array_equal(evidence.trace.measured, [1.0, 5.0, 1.0])
    assert at_most("x", [1.0, 1.0], [2.0, 1.0], [0.1, 2.0]).decision == "undecided"


def test_trace_of_the_worst_column():
    measured = np.array([[0.0, 0.0], [0.1, 3.0]])
    evidence = at_most("x", measured, [[1.0, 1.0], [1.0, 1.0]], over=[0.0, 1.0])
    np.testing.assert_array_equal(evidence.trace.measured, [0.0, 3.0])


def test_margin_of_an_equality_tells_how_much_of_the_error_is_used():
    assert equal("x", [1.0, 1.0], [1.0, 1.0 + 3e-12], 1e-11).margin == pytest.approx(0.7, rel=1e-3)
    assert equal("x", 1.0, 1.0 + 3e-11, 1e-11).margin == pytest.approx(-2.0, rel=1e-3)
    assert equal("x", 0.0, 0.0, 0.0).margin == 1.0
    assert equal("x", 1.0, 1.1, 0.0).margin == -np.inf
    assert equal("x", np.inf, np.inf, 0.0).decision == "violated"


def test_nothing_to_compare_is_no_evidence():
    with pytest.raises(ValueError, match="nothing to compare"):
        at_most("x", [], [])


def test_equality_needs_an_error_from_elsewhere():
    assert equal("x", 1.0, 1.0 + 1e-12, 1e-11).decision == "holds"
    assert equal("x", 1.0, 1.0 + 1e-10, 1e-11).decision == "violated"
    assert equal("x", 1.0, 1.0, 10 * RESOLUTION).decision == "undecided"
    assert equal("x", 0.0, 0.0, 0.0).decision == "holds"


def test_at_least_and_facts():
    assert at_least("x", 2.0, 1.0, 0.1).decision == "holds"
    short = at_least("x", [3.0, 1.0], 2.0, 0.1, over=[0, 1])
    assert (short.decision, short.measured, short.bound) == ("violated", 1.0, 2.0)
    np.testing.assert_array_equal(short.trace.measured, [3.0, 1.0])
    assert "1, at least 2" in str(short)
    assert is_true("x", True).decision == "holds"
    assert is_true("x", False).decision == "violated"
    assert is_true("x", True).margin == -is_true("x", False).margin == 1.0


def test_worst_of_several():
    pieces = [at_most("a", 1, 3), at_most("b", 1, 2, 2.0), at_most("c", 1, 2)]
    assert worst(pieces).what == "b"
    assert worst([*pieces, at_most("d", 3, 2)]).what == "d"


@given(
    st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3), st.floats(1e-3, 1e3).map(lambda x: float(f"{x:.3g}"))
)
def test_decision_does_not_depend_on_units(measured, bound, error, unit):
    one = at_most("x", measured, bound, error, scale=1.0)
    other = at_most("x", measured * unit, bound * unit, error * unit, scale=unit)
    near = 1e-9 * (abs(measured) + abs(bound) + error + 1.0)
    gap = abs(abs(bound - measured) - error)
    if gap > near and abs(error - RESOLUTION) > near:
        assert one.decision == other.decision
    assert one.margin == pytest.approx(other.margin, rel=1e-9, abs=1e-9)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_margin_is_negative_exactly_where_violated(measured, bound, error):
    evidence = at_most("x", measured, bound, error)
    assert (evidence.margin < 0) == (evidence.decision == "violated")
