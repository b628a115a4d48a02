"""The training loop, stated once for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.evaluation import evaluate
from distill_core.engine.learner import Learner
from distill_core.engine.optimizer import learning_rate
from distill_core.engine.plan import Stage
from distill_core.tensors import Batch

__all__ = ["train"]

EVALUATION_BATCH = 512


def train(
    stage: Stage, learner: Learner, context: Context, start: Position, snapshot: Callable[[], Mapping[str, Any]]
) -> None:
    """Train from `start` to the end of the stage."""
    for epoch in range(start.epoch, stage.spec.epochs):
        first = start.batch if epoch == start.epoch else 0
        batches = stage.batches(epoch, learner.objective.views, first)
        for number, batch in enumerate(batches, start=first):
            position = stage.position_after(epoch, number)
            _take_step(stage, learner, context, batch, position)
            if position.batch == 0:
                _end_epoch(stage, learner, context, position)
            if position.epoch < stage.spec.epochs:
                context.at_boundary(position, stage.spec.name, snapshot)


def _take_step(stage: Stage, learner: Learner, context: Context, batch: Batch, position: Position) -> None:
    """Take the step that ends at `position`."""
    done = position.step - 1 - stage.first_step
    epoch = done // stage.steps_per_epoch
    lr = learning_rate(stage.spec.schedule, stage.spec.optimizer.lr, epoch, done / stage.num_steps)
    losses = learner.take_step(batch, lr)
    learner.meter.add(position.step, {**losses.parts, "loss": losses.total}, len(batch.index))
    if position.step % context.log_interval_steps == 0 or position.batch == 0:
        means = {f"train/{name}": value for name, value in learner.meter.take().items()}
        _report(stage, context, position.step, {**means, "train/lr": lr})


def _end_epoch(stage: Stage, learner: Learner, context: Context, position: Position) -> None:
    if stage.validation is None:
        return
    figures = evaluate(learner.student, stage.validation, EVALUATION_BATCH, ("accuracy", "nll"))
    _report(stage, context, position.step, {f"val/{name}": value for name, value in figures.items()})
    if stage.spec.keep == "best":
        learner.keep_best(figures["accuracy"])


def _report(stage: Stage, context: Context, step: int, values: Mapping[str, float]) -> None:
    epoch = stage.first_epoch + (step - stage.first_step) / stage.steps_per_epoch
    context.report_metrics(stage.spec.name, step, epoch, values)
