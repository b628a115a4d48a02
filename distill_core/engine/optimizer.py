"""Optimizers with their parameter groups, and the learning rate as a function of where a stage stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim

from distill_core.engine.lars import LARS
from distill_core.errors import Problem, SpecError
from distill_core.spec import optimizer as specs
from distill_core.spec.config import Config
from distill_core.spec.nearest import nearest_names
from distill_core.spec.training import WarmupSpec

__all__ = ["build_optimizer", "learning_rate", "set_learning_rate", "split_groups"]

STUDENT, TERMS, TERM = "student.", "terms.", "term:"

CLASSES: Mapping[type[Config], type[optim.Optimizer]] = {
    specs.SGD: optim.SGD,
    specs.Adam: optim.Adam,
    specs.AdamW: optim.AdamW,
    specs.LARS: LARS,
    specs.Adagrad: optim.Adagrad,
    specs.Adadelta: optim.Adadelta,
    specs.Adamax: optim.Adamax,
    specs.NAdam: optim.NAdam,
    specs.RAdam: optim.RAdam,
    specs.RMSprop: optim.RMSprop,
}
"""The fields of each spec are the arguments of its class."""

FUSED = (optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad)
"""Torch has one kernel for these, on the CPU too, where it takes a quarter of the time."""


def build_optimizer(spec: specs.OptimizerSpec, groups: Sequence[dict[str, Any]]) -> optim.Optimizer:
    """Return the optimizer of a spec for parameter groups as `split_groups` makes them."""
    options = spec.model_dump(exclude={"optimizer", "groups", "decay_vectors"})
    kind = CLASSES[type(spec)]
    if issubclass(kind, FUSED):
        options["fused"] = True
    elif kind is not LARS:
        options["foreach"] = True
    optimizer = kind([dict(group) for group in groups], **options)
    if isinstance(optimizer, optim.SGD):
        _start_momentum(optimizer)
    return optimizer


def split_groups(
    spec: specs.OptimizerSpec,
    parameters: Iterable[tuple[str, nn.Parameter]],
    feature_points: Mapping[str, str],
    pointer: str = "",
) -> list[dict[str, Any]]:
    """Divide the parameters that learn into groups with a rate and a weight decay each.

    Args:
        spec: the optimizer; of its groups the first that names a parameter has it.
        parameters: (name, parameter) of the objective: `student.PATH` and `terms.NAME.PATH`.
        feature_points: symbolic name -> module path of the student.
        pointer: JSON pointer to the optimizer.

    Returns:
        Groups with their own rate in `lr` and `initial_lr`; none is empty.

    Raises:
        SpecError: a path names no parameter that learns, or no parameter learns at all.
    """
    learning = {name: parameter for name, parameter in parameters if parameter.requires_grad}
    problems = list(_find_problems(spec, learning, feature_points, pointer))
    if problems:
        raise SpecError(problems)
    members: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in learning.items():
        decays = spec.decay_vectors or parameter.ndim > 1
        members.setdefault((_place(spec, name, feature_points), decays), []).append(parameter)
    return [
        {"params": chosen, **_rates(spec, place, decays)}
        for (place, decays), chosen in sorted(members.items(), key=_key)
    ]


def set_learning_rate(optimizer: optim.Optimizer, factor: float) -> None:
    """Set the rate of each group to its own base rate times a factor, without waiting for the device."""
    for group in optimizer.param_groups:
        rate = group["initial_lr"] * factor
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # a graph that was captured reads it from there
        else:
            group["lr"] = rate


def learning_rate(
    schedule: specs.ScheduleSpec,
    warmup: WarmupSpec | None,
    first: float,
    step: int,
    num_steps: int,
    steps_per_epoch: int,
) -> float:
    """Return the learning rate of a step.

    Args:
        schedule: how it changes.
        warmup: its rise at the start, a factor on what the schedule says at the same step.
        first: the rate that the schedule starts from; 1 gives the factor of `set_learning_rate`.
        step: optimizer steps of the stage that are done, from 0.
        num_steps: optimizer steps of the whole stage.
        steps_per_epoch: optimizer steps an epoch.
    """
    return first * _scheduled(schedule, step, num_steps, steps_per_epoch) * _warmed(warmup, step, steps_per_epoch)


def _scheduled(schedule: specs.ScheduleSpec, step: int, num_steps: int, steps_per_epoch: int) -> float:
    epoch = step // steps_per_epoch
    match schedule:
        case specs.Constant():
            return 1.0
        case specs.Multistep(milestones=milestones, gamma=gamma):
            return float(gamma ** sum(epoch >= milestone for milestone in milestones))
        case specs.Step(every_epochs=every, gamma=gamma):
            return float(gamma ** (epoch // every))
        case specs.OneCycle():
            return _cycle(schedule, step, num_steps)
    clock = epoch * steps_per_epoch if schedule.is_stepped else step
    done = clock / num_steps
    match schedule:
        case specs.Exponential(gamma=gamma):
            return float(gamma ** (clock / steps_per_epoch))
        case specs.Cosine(final_ratio=final):
            return _fall(final, (1 + math.cos(math.pi * done)) / 2)
        case specs.Linear(final_ratio=final):
            return _fall(final, 1 - done)
        case specs.Poly(power=power, final_ratio=final):
            return _fall(final, (1 - done) ** power)


def _fall(final: float, left: float) -> float:
    """Return the height between `final` and 1 where `left` of the way is left."""
    return final + (1 - final) * left


def _cycle(schedule: specs.OneCycle, step: int, num_steps: int) -> float:
    """Return 1 at the top of the cycle, which may lie between two steps; the last step has exactly the last height."""
    top = max(0.0, schedule.rise_ratio * num_steps - 1)
    if step < top:
        return _fall(schedule.first_ratio, (1 - math.cos(math.pi * step / top)) / 2)
    falling = num_steps - 1 - top
    way = (step - top) / falling if falling > 0 else 0.0
    return _fall(schedule.final_ratio, (1 + math.cos(math.pi * way)) / 2)


def _warmed(warmup: WarmupSpec | None, step: int, steps_per_epoch: int) -> float:
    if warmup is None:
        return 1.0
    length = warmup.steps if warmup.steps is not None else (warmup.epochs or 0.0) * steps_per_epoch
    if step >= length:
        return 1.0
    left = 1 - step / length
    if warmup.shape == "exponential":
        return float(warmup.first_ratio**left)
    return 1 - (1 - warmup.first_ratio) * left


def _start_momentum(optimizer: optim.SGD) -> None:
    """Let momentum start from zeros, which gives the same first step.

    Torch's fused kernel leaves the momentum uninitialised where a gradient scaler skips the first step, and fails where
    a parameter has its first gradient later than others.
    """
    for group in optimizer.param_groups:
        if group["momentum"] > 0:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _rates(spec: specs.OptimizerSpec, place: int, decays: bool) -> dict[str, float]:
    lr, decay = spec.lr, spec.weight_decay
    if place < len(spec.groups):
        group = spec.groups[place]
        lr = group.lr if group.lr is not None else lr * (1.0 if group.lr_factor is None else group.lr_factor)
        decay = decay if group.weight_decay is None else group.weight_decay
    return {"lr": lr, "initial_lr": lr, "weight_decay": decay if decays else 0.0}


def _key(entry: tuple[tuple[int, bool], object]) -> tuple[int, bool]:
    (place, decays), _ = entry
    return place, not decays


def _place(spec: specs.OptimizerSpec, name: str, feature_points: Mapping[str, str]) -> int:
    """Return the index of the group that a parameter belongs to; the count of groups for the rest."""
    for index, group in enumerate(spec.groups):
        if any(_lies_below(name, path, feature_points) for path in group.paths):
            return index
    return len(spec.groups)


def _lies_below(name: str, path: str, feature_points: Mapping[str, str]) -> bool:
    if path.startswith(TERM):
        parts = {TERMS + path.removeprefix(TERM)}
    else:  # a name may be both: a part of the student, and the feature point that is the part's last activation
        parts = {STUDENT + path, STUDENT + feature_points.get(path, path)}
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _find_problems(
    spec: specs.OptimizerSpec, learning: Mapping[str, object], feature_points: Mapping[str, str], pointer: str
) -> Iterator[Problem]:
    if not learning:
        yield Problem(pointer, "nothing_to_train", "no parameter of the student or of a term learns in this stage")
    for index, group in enumerate(spec.groups):
        for number, path in enumerate(group.paths):
            if learning and not any(_lies_below(name, path, feature_points) for name in learning):
                names = sorted(_nameable(learning, feature_points))
                message = f"no parameter that learns in this stage lies below {path!r}"
                place = f"{pointer}/groups/{index}/paths/{number}"
                yield Problem(place, "unknown_name", message, path, names, nearest_names(path, names))


def _nameable(learning: Iterable[str], feature_points: Mapping[str, str]) -> set[str]:
    """Return all that a path may say: parts and feature points of the student, terms and their parts."""
    names: set[str] = set()
    for name in learning:
        path = TERM + name.removeprefix(TERMS) if name.startswith(TERMS) else name.removeprefix(STUDENT)
        parts = path.split(".")
        names.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return names | {point for point, path in feature_points.items() if path in names}
