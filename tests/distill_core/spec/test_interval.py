"""Intervals of accuracies and means, against published figures and plain maths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core.spec.interval import find_gain_interval, find_mean_interval, find_t_quantile, find_wilson_interval


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


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980), (1_000_000, 1.960)],
)
def test_quantiles_of_t_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    """Fisher and Yates, "Statistical tables", 1938, table III, two-sided 5 %."""
    assert find_t_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_equal_spreads_give_the_interval_of_the_pooled_test() -> None:
    """With as many numbers and the same variance on both sides Welch's freedom is 2 n - 2."""
    low, high = find_mean_interval([2.0, 4.0, 6.0], [1.0, 3.0, 5.0]) or (0.0, 0.0)
    half = 2.776445 * (8 / 3) ** 0.5  # t with four degrees of freedom; each variance is 4, over 3 numbers
    assert (low, high) == pytest.approx((1 - half, 1 + half), abs=1e-5)


def test_a_side_that_does_not_vary_leaves_the_freedom_of_the_other() -> None:
    low, high = find_mean_interval([0.9, 0.92], [0.8, 0.8, 0.8]) or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(12.7062 * 0.01, abs=1e-6)


def test_numbers_that_never_vary_have_no_interval() -> None:
    assert find_mean_interval([0.9, 0.9], [0.8, 0.8]) is None


@given(*(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8) for _ in range(2)))
def test_the_interval_turns_round_with_its_sides(values: list[float], controls: list[float]) -> None:
    there, back = find_mean_interval(values, controls), find_mean_interval(controls, values)
    assert (there is None) == (back is None)
    if there and back:
        assert there == pytest.approx((-back[1], -back[0]))
