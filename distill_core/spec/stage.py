"""Stages: who learns from whom, on what, for how long, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.config import Config, Name
from distill_core.spec.objective import TermSpec
from distill_core.spec.optimizer import Constant, OptimizerSpec, ScheduleSpec

Terms = dict[Name, TermSpec]


class StageSpec(Config):
    """A stage as a person writes it; what is left out is inherited from the stage before."""

    name: Name = Field(description="Name of the stage, unique in the experiment.")
    student: Name | None = Field(default=None, description="Name of the model that is trained.")
    teachers: tuple[Name, ...] | None = Field(
        default=None, max_length=16, description="Names of the models that teach; none trains without a teacher."
    )
    train: Name | None = Field(default=None, description="Name of the stream that is trained on.")
    validate_on: Name | None = Field(
        default=None, description="Name of the stream that is validated on after every epoch; none skips validation."
    )
    epochs: int | None = Field(default=None, ge=1, le=100_000, description="Passes over the training stream.")
    batch_size: int | None = Field(default=None, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    objective: Terms | None = Field(default=None, min_length=1, max_length=64, description="Terms by name.")
    optimizer: OptimizerSpec | None = Field(default=None, description="Optimizer and its options.")
    schedule: ScheduleSpec | None = Field(default=None, description="Schedule of the learning rate.")
    keep: Literal["last", "best"] | None = Field(
        default=None,
        description="Which weights the stage hands on: the last, or the best by validation accuracy; last if left out.",
    )


class ResolvedStage(StageSpec):
    """A stage with everything written out."""

    student: Name
    teachers: tuple[Name, ...] = ()
    train: Name
    validate_on: Name | None = None
    epochs: int
    batch_size: int
    objective: Terms
    optimizer: OptimizerSpec
    schedule: ScheduleSpec = Constant(schedule="constant")
    keep: Literal["last", "best"] = "last"
