"""Curves drawn with letters, for terminals."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.-=*#"
"""For terminals that have no others."""

GAP = " "
WIDTH = 60


def draw_curve(values: Sequence[float], *, width: int = WIDTH, bars: str = BARS) -> str:
    """Return a line of bars: the last value of each of `width` equal parts; a gap where it is not finite."""
    if not values:
        return ""
    columns = min(width, len(values))
    lasts = [values[(column + 1) * len(values) // columns - 1] for column in range(columns)]
    finite = [value for value in lasts if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_draw(value, low, high, bars) for value in lasts)


def _draw(value: float, low: float, high: float, bars: str) -> str:
    if not math.isfinite(value):
        return GAP
    if high == low:
        return bars[0]
    return bars[round((value - low) / (high - low) * (len(bars) - 1))]


def choose_bars(encoding: str | None) -> str:
    """Return the bars that an output of this encoding can show."""
    try:
        BARS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN_BARS
    return BARS
