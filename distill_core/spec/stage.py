"""Stages: who learns from whom, on what, for how long, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.cache import CacheSpec
from distill_core.spec.config import Config, Name
from distill_core.spec.objective import TermSpec
from distill_core.spec.optimizer import Constant, OptimizerSpec, ScheduleSpec
from distill_core.spec.training import ClipSpec, EarlyStopSpec, EMASpec, MixSpec, WarmupSpec

Terms = dict[Name, TermSpec]
ModulePath = Annotated[str, Field(max_length=256)]
Figure = Literal["accuracy", "nll", "loss"]


class Section(Config):
    """The part of a model that runs in a stage, said by hand; found by itself where nothing is said."""

    until: ModulePath | None = Field(
        default=None, description="Feature point or module path behind which the forward pass ends."
    )
    sequential: tuple[ModulePath, ...] | None = Field(
        default=None, min_length=1, max_length=256, description="Only these modules run, one after the other."
    )


class Trigger(Config):
    """What ends a stage before its epochs are over: its student has caught up with another model."""

    model: Name = Field(description="Model whose figure is to be reached; it does not learn in this stage.")
    metric: Literal["accuracy", "nll"] = Field(
        default="accuracy", description="Figure on the validation stream that is compared, before and after each epoch."
    )
    margin: float = Field(
        default=0.0, ge=-1e6, le=1e6, description="By how much the student must be better than the model."
    )
    strict: bool = Field(default=False, description="Whether it must be better by more than the margin.")
    otherwise: Literal["go_on", "end_group"] = Field(
        default="go_on", description="What follows if the epochs are over first: the next stage, or none of its group."
    )


class TakeOver(Config):
    """Weights that the student takes over from another model when the stage begins."""

    model: Name = Field(description="Model of the experiment that gives them.")
    parts: dict[ModulePath, ModulePath] = Field(
        default_factory=lambda: {"": ""},
        min_length=1,
        max_length=256,
        description="Part of the student -> part of the model; weights of equal name and shape are copied.",
    )


class StageSpec(Config):
    """A stage as a person writes it; what is left out is inherited from the stage before."""

    name: Name = Field(description="Name of the stage, unique in the experiment.")
    student: Name | None = Field(default=None, description="Name of the model that is trained.")
    teachers: tuple[Name, ...] | None = Field(
        default=None, max_length=16, description="Names of the models that teach; none trains without a teacher."
    )
    train: Name | None = Field(
        default=None, description="Name of the stream that is trained on; its end is the epoch's end."
    )
    further: dict[Name, Annotated[int, Field(ge=1, le=1_000_000)]] | None = Field(
        default=None,
        max_length=8,
        description="Further streams and how many samples of each a step takes; each begins anew at its end.",
    )
    validate_on: Name | None = Field(
        default=None, description="Name of the stream that is validated on after every epoch; none skips validation."
    )
    epochs: int | None = Field(default=None, ge=1, le=100_000, description="Passes over the training stream.")
    batch_size: int | None = Field(default=None, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    drop_last: bool | None = Field(
        default=None, description="Leave out the last batch of an epoch where it is short; kept if left out."
    )
    accumulate: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="Parts that a step's batch is divided into; 1 if left out.",
    )
    objective: Terms | None = Field(default=None, min_length=1, max_length=64, description="Terms by name.")
    trainable: tuple[ModulePath, ...] | None = Field(
        default=None, max_length=256, description="Parts of the student that learn; all of it if left out."
    )
    frozen: tuple[ModulePath, ...] | None = Field(
        default=None, max_length=256, description="Parts of the student that keep their weights and statistics."
    )
    sections: dict[Name, Section] | None = Field(
        default=None, max_length=17, description="What runs of a model, by the model's name, where it is said by hand."
    )
    optimizer: OptimizerSpec | None = Field(default=None, description="Optimizer and its options.")
    schedule: ScheduleSpec | None = Field(default=None, description="Schedule of the learning rate.")
    warmup: WarmupSpec | None = Field(default=None, description="Rise of the learning rate at the start.")
    clip: ClipSpec | None = Field(default=None, description="Limits of the gradient; none if left out.")
    ema: EMASpec | None = Field(
        default=None, description="Running mean of the weights, which is validated and handed on in their place."
    )
    mix: MixSpec | None = Field(default=None, description="Mixing of the samples of a batch: mixup, cutmix.")
    keep: Literal["last", "best"] | None = Field(
        default=None,
        description="Weights that the stage hands on: the last, or the best by validation.",
    )
    select_by: Figure | None = Field(
        default=None,
        description="Validation figure that `keep: best` goes by: accuracy, nll, or loss, the stage's own objective; "
        "accuracy if left out.",
    )
    early_stop: EarlyStopSpec | None = Field(
        default=None, description="End of the stage when validation no longer improves."
    )
    cache: CacheSpec | None = Field(default=None, description="Storage of what the teachers say.")
    until: Trigger | None = Field(
        default=None, description="What ends the stage before its epochs are over; not inherited."
    )
    group: Name | None = Field(
        default=None, description="Group of stages that a trigger of one of them may end; not inherited."
    )
    take_over: TakeOver | None = Field(
        default=None, description="Weights that the student takes over when the stage begins; not inherited."
    )


OWN = frozenset({"name", "until", "group", "take_over"})
"""Fields that a stage never inherits."""


class ResolvedStage(StageSpec):
    """A stage with everything written out."""

    student: Name
    teachers: tuple[Name, ...] = ()
    train: Name
    further: dict[Name, int] = Field(default_factory=dict)
    validate_on: Name | None = None
    epochs: int
    batch_size: int
    drop_last: bool = False
    accumulate: int = 1
    objective: Terms
    trainable: tuple[ModulePath, ...] | None = None
    frozen: tuple[ModulePath, ...] = ()
    sections: dict[Name, Section] = Field(default_factory=dict)
    optimizer: OptimizerSpec
    schedule: ScheduleSpec = Constant(schedule="constant")
    warmup: WarmupSpec | None = None
    clip: ClipSpec | None = None
    ema: EMASpec | None = None
    mix: MixSpec | None = None
    keep: Literal["last", "best"] = "last"
    select_by: Figure = "accuracy"
    early_stop: EarlyStopSpec | None = None
    cache: CacheSpec = CacheSpec()

    @property
    def goes_by_loss(self) -> bool:
        """Whether the objective is measured on the validation stream."""
        return "loss" in (self.select_by, self.early_stop and self.early_stop.metric)
