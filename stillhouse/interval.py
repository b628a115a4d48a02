"""How sure one can be of an accuracy: intervals for a share that was counted on a test set."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""The normal distribution's quantile for 95 %, both sides."""


def find_wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share seen on `count` samples (Wilson 1927, without continuity correction)."""
    squared = Z95**2 / count
    centre = (share + squared / 2) / (1 + squared)
    half = Z95 / (1 + squared) * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    return centre - half, centre + half


def find_gain_interval(share: float, control: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of `share - control`, both seen on `count` samples (Newcombe 1998, method 10).

    It takes the two for independent. Two models tested on the same samples err alike, so it is wider than need be.
    """
    low, high = find_wilson_interval(share, count)
    control_low, control_high = find_wilson_interval(control, count)
    gain = share - control
    return gain - math.hypot(share - low, control_high - control), gain + math.hypot(
        high - share, control - control_low
    )
