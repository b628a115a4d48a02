"""The training loop, stated once for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.filling import fill
from distill_core.engine.judge import Judge
from distill_core.engine.learner import Learner
from distill_core.engine.plan import Stage
from distill_core.engine.stores import tell_cache

__all__ = ["train"]


def train(
    stage: Stage,
    learner: Learner,
    judge: Judge,
    context: Context,
    start: Position,
    snapshot: Callable[[], Mapping[str, Any]],
) -> None:
    """Train from `start` to the end of the stage."""
    for epoch in range(start.epoch, stage.spec.epochs):
        first = start.batch if epoch == start.epoch else 0
        steps = stage.batches(epoch, learner.assembly.views, first)
        for number, parts in enumerate(steps, start=first):
            position = stage.position_after(epoch, number)
            lr = learner.take_step(parts, epoch)
            _report_losses(stage, learner, context, position, lr)
            if position.batch == 0:
                _end_epoch(stage, learner, judge, context, position)
                if judge.is_over or position.epoch == stage.spec.epochs:
                    return
            context.at_boundary(position, stage.spec.name, snapshot)


def _report_losses(stage: Stage, learner: Learner, context: Context, position: Position, lr: float) -> None:
    if position.step % context.log_interval_steps and position.batch:
        return
    values = {f"train/{name}": value for name, value in learner.meter.take().items()}
    values["train/lr"] = lr
    if not learner.assembly.weighting.is_constant:
        factors = learner.assembly.weighting.at(stage.moment(position.step - 1))
        values |= {f"weight/{name}": value for name, value in factors.items()}
    _report(stage, context, position.step, values)


def _end_epoch(stage: Stage, learner: Learner, judge: Judge, context: Context, position: Position) -> None:
    for name in fill(stage, learner.assembly.teachers, position.epoch - 1):
        tell_cache(context, stage, name, "ready", "complete: it is read from here on, by other jobs too")
    figures = judge.judge(learner, position.step)
    if figures:
        _report(stage, context, position.step, {f"val/{name}": value for name, value in figures.items()})


def _report(stage: Stage, context: Context, step: int, values: Mapping[str, float]) -> None:
    epoch = stage.first_epoch + (step - stage.first_step) / stage.steps_per_epoch
    context.report_metrics(stage.spec.name, step, epoch, values)
