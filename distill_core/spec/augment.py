"""Transforms that stand for many: a random choice of operations a sample, and noise in the place of the image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.transform import Transform

MAGNITUDES = 31
"""Steps of `magnitude`, as in the paper and in torchvision."""


class RandAugment(Transform):
    """Apply some operations, each drawn anew from fourteen, at one strength (Cubuk et al. 2020, arXiv 1909.13719)."""

    is_random = True
    moves_pixels = True
    takes_pixels = True
    transform: Literal["rand_augment"] = Field(description="Name of the transform.")
    num_ops: int = Field(default=2, ge=1, le=16, description="Operations a sample, one after the other.")
    magnitude: int = Field(default=9, ge=0, lt=MAGNITUDES, description="Strength of the operations.")


class AutoAugment(Transform):
    """Apply one pair of operations, drawn from those found for a data set (Cubuk et al. 2019, arXiv 1805.09501)."""

    is_random = True
    moves_pixels = True
    takes_pixels = True
    transform: Literal["auto_augment"] = Field(description="Name of the transform.")
    policy: Literal["cifar10"] = Field(default="cifar10", description="Data set that the 25 pairs were found for.")


class Noise(Transform):
    """Put numbers of the normal distribution in the place of every value: images that show nothing."""

    is_random = True
    transform: Literal["noise"] = Field(description="Name of the transform.")
    mean: float = Field(default=0.0, description="Mean of the numbers.")
    std: float = Field(default=1.0, gt=0, description="Standard deviation of the numbers.")
