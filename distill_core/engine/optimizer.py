"""Optimizers, and the learning rate as a function of where a stage stands."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from distill_core.spec.optimizer import SGD, Adam, AdamW, Constant, Cosine, Multistep, OptimizerSpec, ScheduleSpec

__all__ = ["build_optimizer", "learning_rate"]


def build_optimizer(spec: OptimizerSpec, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return torch's optimizer of a spec."""
    match spec:
        case SGD(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay):
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
        case Adam(lr=lr, betas=betas, weight_decay=decay):
            return torch.optim.Adam(parameters, lr=lr, betas=betas, weight_decay=decay)
        case AdamW(lr=lr, betas=betas, weight_decay=decay):
            return torch.optim.AdamW(parameters, lr=lr, betas=betas, weight_decay=decay)


def learning_rate(schedule: ScheduleSpec, first: float, epoch: int, progress: float) -> float:
    """Return the learning rate of a step.

    Args:
        schedule: how it changes.
        first: the rate at the start.
        epoch: epoch of the stage, from 0.
        progress: share of the stage's steps that are done, in [0, 1).
    """
    match schedule:
        case Constant():
            return first
        case Multistep(milestones=milestones, gamma=gamma):
            return float(first * gamma ** sum(epoch >= milestone for milestone in milestones))
        case Cosine(final_ratio=final):
            return first * (final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2)
