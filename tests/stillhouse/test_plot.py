"""Curves drawn with letters."""

from __future__ import annotations

import math

import pytest

from stillhouse.plot import BARS, PLAIN_BARS, choose_bars, draw_curve


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([2.0, 2.0], "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], BARS),
        ([0.0, math.nan, 1.0, math.inf], "▁ █ "),
        ([math.nan], " "),
    ],
)
def test_a_curve_is_a_line_of_bars(values: list[float], drawn: str) -> None:
    assert draw_curve(values) == drawn


def test_a_long_curve_is_as_wide_as_asked_and_keeps_its_end() -> None:
    drawn = draw_curve([*range(999), 5000], width=10)
    assert (len(drawn), drawn[-1]) == (10, BARS[-1])


def test_an_output_that_has_no_bars_gets_plain_ones() -> None:
    assert choose_bars("utf-8") == BARS
    assert choose_bars("ascii") == choose_bars(None) == choose_bars("no-such") == PLAIN_BARS
