"""How a stage trains, beside optimizer and schedule: warm-up, clipping, mean of the weights, mixing and early stop.

Early stop and selection go by the validation stream alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from distill_core.errors import Problem
from distill_core.spec.config import Config

Alpha = Annotated[float, Field(gt=0, le=100)]


class WarmupSpec(Config):
    """Rise of the learning rate at the start of a stage; exactly one of epochs and steps says how long.

    The rate is the schedule's rate at that point times a factor that goes from first_ratio to 1: the schedule's clock
    runs on underneath, and behind the warm-up the rate is exactly what it would be without one.
    """

    epochs: float | None = Field(default=None, gt=0, le=100_000, description="Length in epochs; fractions are allowed.")
    steps: int | None = Field(default=None, ge=1, le=1_000_000_000, description="Length in optimizer steps.")
    first_ratio: float = Field(
        default=0.01, ge=0, le=1, description="Share of the schedule's rate at the first step; above 0 if exponential."
    )
    shape: Literal["linear", "exponential"] = Field(
        default="linear", description="In a straight line, or by the same factor at every step."
    )


class ClipSpec(Config):
    """Limits of the gradient, none where both are left out; value is applied before norm."""

    norm: float | None = Field(
        default=None, gt=0, le=1e9, description="Largest Euclidean norm of the gradient of all parameters together."
    )
    value: float | None = Field(default=None, gt=0, le=1e9, description="Largest absolute value of a gradient's entry.")


class EMASpec(Config):
    """Running mean of the weights: mean = decay * mean + (1 - decay) * weights."""

    decay: float = Field(default=0.999, ge=0, lt=1, description="Share of the mean that an update keeps.")
    warmup: bool = Field(
        default=True, description="Keep only (1 + t) / (10 + t) at update t while that is less than decay."
    )
    every_steps: int = Field(default=1, ge=1, le=1_000_000, description="Optimizer steps between two updates.")


class EarlyStopSpec(Config):
    """End of a stage when its validation no longer improves."""

    metric: Literal["accuracy", "nll", "loss"] = Field(
        default="accuracy", description="Validation figure: accuracy, nll, or loss, the stage's own objective."
    )
    patience: int = Field(default=10, ge=1, le=100_000, description="Epochs without improvement that are borne.")
    min_delta: float = Field(default=0.0, ge=0, le=1e9, description="Smallest change that counts as an improvement.")


class MixSpec(Config):
    """Mixing of each sample with another of its batch, labels and all; both kinds are off where they are left out."""

    mixup: Alpha | None = Field(
        default=None, description="Mixup (arXiv 1710.09412): the share of a sample is drawn from Beta(alpha, alpha)."
    )
    cutmix: Alpha | None = Field(
        default=None,
        description="CutMix (arXiv 1905.04899): the area kept of an image is drawn from Beta(alpha, alpha).",
    )
    probability: float = Field(default=1.0, gt=0, le=1, description="Share of the steps that are mixed.")
    switch_probability: float = Field(
        default=0.5, ge=0, le=1, description="Share of the mixed steps that take CutMix where both kinds are on."
    )
    cached_labels: bool = Field(
        default=False,
        description="An approximation: mix what the cache holds of the teacher for the two samples, like labels, "
        "instead of asking the teacher about the mixture.",
    )


def find_warmup_problems(pointer: str, warmup: WarmupSpec) -> Iterator[Problem]:
    """Yield what cannot work in a warm-up although each of its fields is well-formed."""
    if (warmup.epochs is None) == (warmup.steps is None):
        message = "a warm-up has exactly one length, in epochs or in steps"
        yield Problem(pointer, "value_invalid", message, None, "epochs or steps")
    if warmup.shape == "exponential" and warmup.first_ratio == 0:
        message = "an exponential warm-up cannot start from 0"
        yield Problem(f"{pointer}/first_ratio", "value_invalid", message, 0.0, "> 0")
