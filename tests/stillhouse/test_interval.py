"""Intervals of accuracies, against published figures and plain maths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.interval import find_gain_interval, find_wilson_interval


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombes_table(hits: int, count: int, low: float, high: float) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3."""
    assert find_wilson_interval(hits / count, count) == pytest.approx((low, high), abs=5e-5)


def test_a_gain_interval_is_that_of_newcombes_table() -> None:
    """Newcombe, "Interval estimation for the difference between independent proportions", 1998, table II (b)."""
    assert find_gain_interval(9 / 10, 3 / 10, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_stays_between_nought_and_one(count: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, count)) / count
    low, high = find_wilson_interval(share, count)
    assert -1e-12 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1 + 1e-12


@given(st.integers(1, 10_000), st.data())
def test_equal_shares_gain_nothing_for_sure(count: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, count)) / count
    low, high = find_gain_interval(share, share, count)
    assert low <= 0 <= high
    assert low == pytest.approx(-high)
