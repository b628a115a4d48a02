"""Optimizers and learning-rate schedules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config

LearningRate = Annotated[float, Field(gt=0, le=1e3, description="Learning rate at the start.")]
WeightDecay = Annotated[float, Field(ge=0, le=10, description="Weight decay.")]
Beta = Annotated[float, Field(ge=0, lt=1)]


class SGD(Config):
    """Stochastic gradient descent."""

    optimizer: Literal["sgd"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum.")
    nesterov: bool = Field(default=False, description="Nesterov's form of momentum.")
    weight_decay: WeightDecay = 0.0


class Adam(Config):
    """Adam, with weight decay inside the gradient."""

    optimizer: Literal["adam"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="Decay of the two running means.")
    weight_decay: WeightDecay = 0.0


class AdamW(Config):
    """Adam with decoupled weight decay."""

    optimizer: Literal["adamw"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="Decay of the two running means.")
    weight_decay: WeightDecay = 0.01


OptimizerSpec = Annotated[SGD | Adam | AdamW, Field(discriminator="optimizer")]


class Constant(Config):
    """The learning rate stays as it is."""

    schedule: Literal["constant"] = Field(description="Name of the schedule.")


class Multistep(Config):
    """The learning rate is multiplied by gamma at each milestone."""

    schedule: Literal["multistep"] = Field(description="Name of the schedule.")
    milestones: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = Field(
        min_length=1, max_length=64, description="Epochs after which the rate falls, ascending."
    )
    gamma: float = Field(default=0.1, gt=0, le=1, description="Factor at each milestone.")


class Cosine(Config):
    """The learning rate falls along half a cosine to a share of its first value, step by step."""

    schedule: Literal["cosine"] = Field(description="Name of the schedule.")
    final_ratio: float = Field(default=0.0, ge=0, le=1, description="Share of the first rate that is left at the end.")


ScheduleSpec = Annotated[Constant | Multistep | Cosine, Field(discriminator="schedule")]
