"""How sure one can be of a figure: intervals for a share that was counted on a test set, and for means over seeds.

Client and server judge by the same ones, and neither loads numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

Z95 = 1.959963984540054
"""The normal distribution's quantile for 95 %, both sides."""

_MOST_STEPS = 10_000
_TINY = 1e-300


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


def find_mean_interval(values: Sequence[float], controls: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of `mean(values) - mean(controls)` (Welch 1947), each of two numbers at least.

    None where neither side varies: then the numbers say nothing of how much they would.
    """
    spreads = [variance(side) / len(side) for side in (values, controls)]
    total = sum(spreads)
    if total <= 0 or not math.isfinite(total):
        return None
    shares = ((spread / total) ** 2 / (len(side) - 1) for spread, side in zip(spreads, (values, controls), strict=True))
    half = find_t_quantile(1 / sum(shares)) * math.sqrt(total)
    gain = fmean(values) - fmean(controls)
    return gain - half, gain + half


def find_t_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t with `freedom` degrees of freedom, 1 at least."""
    low, high = 0.0, 16.0  # 12.7 with one degree of freedom, less with more
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        outside = _find_beta_share(freedom / 2, 0.5, freedom / (freedom + middle**2))
        low, high = (middle, high) if outside > 0.05 else (low, middle)
    return (low + high) / 2


def _find_beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by the continued fraction of DLMF 8.17.22."""
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _find_beta_share(b, a, 1 - x)
    weight = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ratio, above, below = 1.0, 1.0, 0.0
    for step in range(_MOST_STEPS):
        half = step // 2
        if step == 0:
            factor = 1.0
        elif step % 2 == 0:
            factor = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            factor = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        below = 1 / (1 + factor * below or _TINY)
        above = 1 + factor / above or _TINY
        ratio *= above * below
        if step and abs(1 - above * below) < 1e-15:
            break
    return math.exp(weight) / a * (ratio - 1)
