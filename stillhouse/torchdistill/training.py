"""Optimizers and schedules of the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stillhouse.torchdistill.ledger import Part

OPTIMIZERS = {
    name.lower(): name.lower()
    for name in ("SGD", "Adam", "AdamW", "LARS", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "RMSprop")
}
OPTIONS = ("lr", "momentum", "nesterov", "weight_decay", "betas", "eps", "alpha", "centered", "rho", "amsgrad")
FLAGS = {"nesterov", "centered", "amsgrad"}
WITHOUT_DECAY = "optimizer_no_decay"
"""Torchdistill's wrapper for language models: one-dimensional weights do not decay."""


def read_optimizer(part: Part) -> dict[str, Any]:
    """Return the parts of a stage that the optimizer of a file says: optimizer, accumulate, clip."""
    if not part:
        return {}
    kwargs, key = part.find("kwargs"), part.find("key").take_name()
    options: dict[str, Any] = {}
    if key == WITHOUT_DECAY:
        key, options["decay_vectors"] = kwargs.find("optimizer_key").take_name(), False
    if key.lower() not in OPTIMIZERS:
        part.find("key").lose(f"the optimizer {key!r} is none of ours: {', '.join(sorted(OPTIMIZERS))}")
    for name in OPTIONS:
        if kwargs.find(name):
            place = kwargs.find(name)
            options[name] = (
                place.take() if name in FLAGS else place.take_numbers() if name == "betas" else place.take_number()
            )
    part.find("filters_params").take()
    stage: dict[str, Any] = {"optimizer": {"optimizer": OPTIMIZERS.get(key.lower(), key.lower()), **options}}
    for source in (part, part.find("kwargs")):
        if (parts := source.find("grad_accum_step").take_number(1)) != 1:
            stage["accumulate"] = parts
        if source.find("max_grad_norm"):
            stage["clip"] = {"norm": source.find("max_grad_norm").take_number()}
    return stage


@dataclass(frozen=True, slots=True)
class Length:
    """What schedules are relative to here: epochs of the stage, rate of the optimizer."""

    epochs: int | None
    lr: float | None


def read_schedule(part: Part, length: Length) -> dict[str, Any]:
    """Return the parts of a stage that the scheduler of a file says: schedule, warmup."""
    if not part:
        return {}
    key = part.find("key").take_name()
    part.find("scheduling_step").take()
    if key not in SCHEDULES:
        part.lose(f"the schedule {key!r} is none of ours: see `schedule` in the reference of the spec")
        return {}
    return SCHEDULES[key](part.find("kwargs"), length)


def _multistep(kwargs: Part, length: Length) -> dict[str, Any]:
    milestones, gamma = kwargs.find("milestones").take_numbers(), kwargs.find("gamma").take_number(0.1)
    reached = [milestone for milestone in milestones if length.epochs is None or milestone < length.epochs]
    if not reached:
        kwargs.find("milestones").note("no milestone is reached: the rate stays")
        return {"schedule": {"schedule": "constant"}}
    return {"schedule": {"schedule": "multistep", "milestones": reached, "gamma": gamma}}


def _step(kwargs: Part, _: Length) -> dict[str, Any]:
    every, gamma = kwargs.find("step_size").take_number(), kwargs.find("gamma").take_number(0.1)
    return {"schedule": {"schedule": "step", "every_epochs": every, "gamma": gamma}}


def _exponential(kwargs: Part, _: Length) -> dict[str, Any]:
    return {"schedule": {"schedule": "exponential", "gamma": kwargs.find("gamma").take_number()}}


def _cosine(kwargs: Part, length: Length) -> dict[str, Any]:
    period, least = kwargs.find("T_max").take_number(), kwargs.find("eta_min").take_number(0.0)
    if period != length.epochs:
        kwargs.find("T_max").lose(f"the cosine falls over the stage's {length.epochs} epochs here, not over {period}")
    final = {"final_ratio": least / length.lr} if least and length.lr else {}
    return {"schedule": {"schedule": "cosine", "is_stepped": True, **final}}


def _poly(kwargs: Part, _: Length) -> dict[str, Any]:
    for name in ("num_iterations", "num_epochs"):
        kwargs.find(name).note("the length of the stage")
    return {"schedule": {"schedule": "poly", "power": kwargs.find("power").take_number(0.9)}}


def _linear(kwargs: Part, _: Length) -> dict[str, Any]:
    kwargs.find("num_training_steps").note("the length of the stage")
    steps = kwargs.find("num_warmup_steps").take_number(0)
    warmup = {"warmup": {"steps": steps, "first_ratio": 0.0}} if steps else {}
    return {"schedule": {"schedule": "linear"}, **warmup}


SCHEDULES: dict[str, Callable[[Part, Length], dict[str, Any]]] = {
    "MultiStepLR": _multistep,
    "StepLR": _step,
    "ExponentialLR": _exponential,
    "CosineAnnealingLR": _cosine,
    "poly_lr_scheduler": _poly,
    "get_linear_schedule_with_warmup": _linear,
}
