"""The training loop, stated once for every method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.filling import fill
from distill_core.engine.judge import Judge
from distill_core.engine.learner import Learner
from distill_core.engine.pace import Pace
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
    pace = Pace(stage.world.size)
    for epoch in range(start.epoch, stage.spec.epochs):
        first = start.batch if epoch == start.epoch else 0
        steps = stage.batches(epoch, learner.assembly.views, first)
        for number, parts in enumerate(pace.watch(steps), start=first):
            position = stage.position_after(epoch, number)
            lr = learner.take_step(parts, epoch)
            _report_losses(stage, learner, context, position, lr)
            context.report_pace(stage.spec.name, position.step, _count_epochs(stage, position.step), pace.take())
            if position.batch == 0:
                _end_epoch(stage, learner, judge, context, position)
                if judge.is_over or position.epoch == stage.spec.epochs:
                    return
            context.at_boundary(position, stage.spec.name, snapshot)


def _report_losses(stage: Stage, learner: Learner, context: Context, position: Position, lr: float) -> None:
    if position.step % context.log_interval_steps and position.batch:
        return
    losses = learner.meter.take()
    values = {f"train/{name}": value for name, value in losses.items()}
    values["train/lr"] = lr
    factors = learner.assembly.weighting.at(stage.moment(position.step - 1))
    if not learner.assembly.weighting.is_constant:
        values |= {f"weight/{name}": value for name, value in factors.items()}
    values |= {f"share/{name}": value for name, value in measure_shares(losses, factors, stage.spec.objective).items()}
    _report(stage, context, position.step, values)


def measure_shares(losses: Mapping[str, float], factors: Mapping[str, float], terms: Iterable[str]) -> dict[str, float]:
    """Return what share each term has in the weighted sum, by magnitude; nothing where one term is all of it.

    Args:
        losses: means of the unweighted terms, and of their parts (`term/part`).
        factors: the weights that they have at this moment.
        terms: names of the terms.
    """
    sizes = {
        term: sum(
            abs(value * factors.get(key, factors[term]))
            for key, value in losses.items()
            if key.partition("/")[0] == term
        )
        for term in terms
    }
    total = sum(sizes.values())
    return {term: size / total for term, size in sizes.items()} if len(sizes) > 1 and total > 0 else {}


def _end_epoch(stage: Stage, learner: Learner, judge: Judge, context: Context, position: Position) -> None:
    for name in fill(stage, learner.assembly.teachers, position.epoch - 1):
        tell_cache(context, stage, name, "ready", "complete: it is read from here on, by other jobs too")
    figures = judge.judge(learner, position.step)
    if figures:
        _report(stage, context, position.step, {f"val/{name}": value for name, value in figures.items()})


def _report(stage: Stage, context: Context, step: int, values: Mapping[str, float]) -> None:
    context.report_metrics(stage.spec.name, step, _count_epochs(stage, step), values)


def _count_epochs(stage: Stage, step: int) -> float:
    return stage.first_epoch + (step - stage.first_step) / stage.steps_per_epoch
