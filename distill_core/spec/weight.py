"""Weights of terms: a number, or a schedule over the steps of a stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config
from distill_core.spec.model import ArtifactWeights, FileWeights

Factor = Annotated[float, Field(ge=0, le=1e9, description="Factor of the term in the sum.")]
Clock = Annotated[
    Literal["steps", "epochs", "ratio"],
    Field(description="Unit of the schedule's times: optimizer steps, epochs, or the share of the stage."),
]
Time = Annotated[float, Field(ge=0, le=1e9)]


class Ramp(Config):
    """The weight goes in a straight line from one value to another, and stays there."""

    schedule: Literal["ramp"] = Field(description="Name of the schedule.")
    start: Factor = 0.0
    end: Factor = 1.0
    over: Time = Field(description="When the end is reached, counted from the beginning of the stage.")
    clock: Clock = "epochs"
    is_stepped: bool = Field(
        default=False, description="Change once an epoch, by the epoch's number from 0, instead of at every step."
    )


class Piecewise(Config):
    """The weight goes in straight lines through given points, and is constant outside of them."""

    schedule: Literal["piecewise"] = Field(description="Name of the schedule.")
    points: tuple[tuple[Time, Factor], ...] = Field(
        min_length=1, max_length=256, description="(time, weight), in the order of time."
    )
    clock: Clock = "epochs"


class Milestones(Config):
    """The weight is multiplied by gamma at each milestone."""

    schedule: Literal["milestones"] = Field(description="Name of the schedule.")
    start: Factor = 1.0
    milestones: tuple[Time, ...] = Field(min_length=1, max_length=256, description="Times of the changes, ascending.")
    gamma: float = Field(default=0.1, ge=0, le=1e3, description="Factor at each milestone.")
    clock: Clock = "epochs"


class Process(Config):
    """Learned weights over time, one a part of the term, stretched or squeezed to the length of the stage."""

    schedule: Literal["process"] = Field(description="Name of the schedule.")
    source: ArtifactWeights | FileWeights = Field(
        description="The process: safetensors with `weights` [steps, parts] and the parts' names in its metadata."
    )


WeightSchedule = Annotated[Ramp | Piecewise | Milestones, Field(discriminator="schedule")]
Weight = Factor | WeightSchedule
"""A number or a schedule."""
