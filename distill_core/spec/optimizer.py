"""Optimizers, their parameter groups, and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from distill_core.errors import Problem
from distill_core.spec.config import Config

LearningRate = Annotated[float, Field(gt=0, le=1e3, description="Learning rate that the schedule starts from.")]
WeightDecay = Annotated[float, Field(ge=0, le=10, description="Weight decay.")]
DecayVectors = Annotated[
    bool, Field(description="Let biases and other one-dimensional weights, those of normalisations, decay too.")
]
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], Field(description="Decay of the running means of gradient and squared gradient.")]
Epsilon = Annotated[float, Field(ge=0, le=1, description="Added to the denominator against division by 0.")]
ParameterPath = Annotated[str, Field(min_length=1, max_length=256)]


class GroupSpec(Config):
    """Parameters that learn with rates of their own; the first group that names a parameter has it."""

    paths: tuple[ParameterPath, ...] = Field(
        min_length=1,
        max_length=256,
        description="Module paths or feature points of the student, or term:NAME for a term's own modules; each stands "
        "for all that lies below it.",
    )
    lr: float | None = Field(default=None, ge=0, le=1e3, description="Learning rate in place of the optimizer's.")
    lr_factor: float | None = Field(
        default=None, ge=0, le=1e6, description="Multiplies the optimizer's learning rate; not beside lr."
    )
    weight_decay: float | None = Field(
        default=None, ge=0, le=10, description="Weight decay in place of the optimizer's."
    )


Groups = Annotated[
    tuple[GroupSpec, ...],
    Field(max_length=64, description="Parts with rates of their own; all else takes the optimizer's."),
]


class SGD(Config):
    """Stochastic gradient descent."""

    optimizer: Literal["sgd"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum.")
    nesterov: bool = Field(default=False, description="Nesterov's form of momentum.")
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class Adam(Config):
    """Adam, with weight decay inside the gradient."""

    optimizer: Literal["adam"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Epsilon = 1e-8
    amsgrad: bool = Field(default=False, description="Divide by the largest running mean so far.")
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class AdamW(Config):
    """Adam with decoupled weight decay."""

    optimizer: Literal["adamw"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Epsilon = 1e-8
    amsgrad: bool = Field(default=False, description="Divide by the largest running mean so far.")
    weight_decay: WeightDecay = 0.01
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class LARS(Config):
    """SGD whose rate is scaled layer by layer by the ratio of the norms of weights and gradient (arXiv 1708.03888)."""

    optimizer: Literal["lars"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum.")
    trust_coefficient: float = Field(
        default=0.001, gt=0, le=1, description="How far a layer may move in a step, as a share of its norm."
    )
    eps: Epsilon = 1e-8
    adapt_vectors: bool = Field(
        default=False, description="Scale the rate of biases and other one-dimensional weights too."
    )
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class Adagrad(Config):
    """Adagrad: the rate falls with the sum of all squared gradients."""

    optimizer: Literal["adagrad"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    lr_decay: float = Field(default=0.0, ge=0, le=1, description="Decay of the rate a step, beside the schedule.")
    initial_accumulator_value: float = Field(
        default=0.0, ge=0, le=1e6, description="What the sum of squared gradients starts from."
    )
    eps: Epsilon = 1e-10
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class Adadelta(Config):
    """Adadelta: steps as large as the running mean of earlier steps."""

    optimizer: Literal["adadelta"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    rho: float = Field(default=0.9, ge=0, lt=1, description="Decay of the running means.")
    eps: Epsilon = 1e-6
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class Adamax(Config):
    """Adam with the largest gradient in the place of the squared mean."""

    optimizer: Literal["adamax"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class NAdam(Config):
    """Adam with Nesterov's momentum."""

    optimizer: Literal["nadam"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Epsilon = 1e-8
    momentum_decay: float = Field(default=0.004, ge=0, le=1, description="Decay of the momentum.")
    decoupled_weight_decay: bool = Field(default=False, description="Weight decay beside the gradient, as in AdamW.")
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class RAdam(Config):
    """Adam that leaves out its denominator until it is well estimated."""

    optimizer: Literal["radam"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Epsilon = 1e-8
    decoupled_weight_decay: bool = Field(default=False, description="Weight decay beside the gradient, as in AdamW.")
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


class RMSprop(Config):
    """RMSprop: gradients divided by the root of their running squared mean."""

    optimizer: Literal["rmsprop"] = Field(description="Name of the optimizer.")
    lr: LearningRate
    alpha: float = Field(default=0.99, ge=0, lt=1, description="Decay of the running mean of the squared gradient.")
    eps: Epsilon = 1e-8
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum.")
    centered: bool = Field(default=False, description="Divide by an estimate of the variance instead.")
    weight_decay: WeightDecay = 0.0
    decay_vectors: DecayVectors = True
    groups: Groups = ()


OptimizerSpec = Annotated[
    SGD | Adam | AdamW | LARS | Adagrad | Adadelta | Adamax | NAdam | RAdam | RMSprop, Field(discriminator="optimizer")
]

Gamma = Annotated[float, Field(gt=0, le=1)]
FinalRatio = Annotated[float, Field(ge=0, le=1, description="Share of the first rate that is left at the end.")]
IsStepped = Annotated[bool, Field(description="Change once an epoch, when it begins, instead of at every step.")]


class Constant(Config):
    """The learning rate stays as it is."""

    schedule: Literal["constant"] = Field(description="Name of the schedule.")


class Multistep(Config):
    """The learning rate is multiplied by gamma at each milestone."""

    schedule: Literal["multistep"] = Field(description="Name of the schedule.")
    milestones: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = Field(
        min_length=1, max_length=64, description="Epochs after which the rate falls, ascending."
    )
    gamma: Gamma = Field(default=0.1, description="Factor at each milestone.")


class Step(Config):
    """The learning rate is multiplied by gamma every so many epochs."""

    schedule: Literal["step"] = Field(description="Name of the schedule.")
    every_epochs: int = Field(ge=1, le=100_000, description="Epochs between two changes.")
    gamma: Gamma = Field(default=0.1, description="Factor at each change.")


class Exponential(Config):
    """The learning rate is multiplied by gamma with every epoch."""

    schedule: Literal["exponential"] = Field(description="Name of the schedule.")
    gamma: Gamma = Field(description="Factor an epoch.")
    is_stepped: IsStepped = True


class Cosine(Config):
    """The learning rate falls along half a cosine to a share of its first value."""

    schedule: Literal["cosine"] = Field(description="Name of the schedule.")
    final_ratio: FinalRatio = 0.0
    is_stepped: IsStepped = False


class Linear(Config):
    """The learning rate falls in a straight line to a share of its first value."""

    schedule: Literal["linear"] = Field(description="Name of the schedule.")
    final_ratio: FinalRatio = 0.0
    is_stepped: IsStepped = False


class Poly(Config):
    """The learning rate falls to a share of its first value with a power of the steps that remain."""

    schedule: Literal["poly"] = Field(description="Name of the schedule.")
    power: float = Field(default=0.9, gt=0, le=10, description="Power of the share of steps that remain.")
    final_ratio: FinalRatio = 0.0
    is_stepped: IsStepped = False


class OneCycle(Config):
    """The learning rate rises along half a cosine to its full value and falls along another; momentum stays."""

    schedule: Literal["one_cycle"] = Field(description="Name of the schedule.")
    rise_ratio: float = Field(default=0.3, gt=0, lt=1, description="Share of the stage's steps in which it rises.")
    first_ratio: float = Field(default=0.04, ge=0, le=1, description="Share of the full rate at the first step.")
    final_ratio: float = Field(default=4e-6, ge=0, le=1, description="Share of the full rate at the last step.")


ScheduleSpec = Annotated[
    Constant | Multistep | Step | Exponential | Cosine | Linear | Poly | OneCycle, Field(discriminator="schedule")
]


def find_optimizer_problems(pointer: str, optimizer: OptimizerSpec) -> Iterator[Problem]:
    """Yield what cannot work in an optimizer although each of its fields is well-formed."""
    if isinstance(optimizer, SGD) and optimizer.nesterov and optimizer.momentum == 0:
        yield Problem(f"{pointer}/nesterov", "value_invalid", "Nesterov's form needs momentum", True)
    for index, group in enumerate(optimizer.groups):
        place = f"{pointer}/groups/{index}"
        if group.lr is not None and group.lr_factor is not None:
            message = "a group has a rate of its own or a factor, not both"
            yield Problem(f"{place}/lr_factor", "value_invalid", message, group.lr_factor, "lr or lr_factor")
        elif group.lr is None and group.lr_factor is None and group.weight_decay is None:
            message = "the group changes nothing: neither rate nor weight decay"
            yield Problem(place, "value_invalid", message, None, "lr, lr_factor, weight_decay")


def find_schedule_problems(pointer: str, schedule: ScheduleSpec, epochs: int) -> Iterator[Problem]:
    """Yield what cannot work in a schedule of a stage of so many epochs."""
    if isinstance(schedule, Multistep):
        place, milestones = f"{pointer}/milestones", list(schedule.milestones)
        if milestones != sorted(set(milestones)):
            yield Problem(place, "value_invalid", "milestones must ascend", milestones, "ascending epochs")
        elif milestones[-1] >= epochs:
            message = f"the stage ends after {epochs} epochs, so the last milestone is never reached"
            yield Problem(place, "value_invalid", message, milestones, f"epochs below {epochs}")
