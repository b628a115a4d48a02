"""One stage: models in, models out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.learner import Learner
from distill_core.engine.loop import train
from distill_core.engine.plan import Carry, Stage
from distill_core.errors import DivergedError

__all__ = ["run_stage"]


def run_stage(
    stage: Stage, carry: Carry, context: Context, start: Position, saved: Mapping[str, Any] | None = None
) -> Carry:
    """Train the stage's student and return the carry with it.

    Args:
        stage: what to do.
        carry: the models as the stages before left them.
        context: the world around the run.
        start: where to begin; the stage's own beginning unless it is resumed.
        saved: state of the learner at `start`, if the stage is resumed in its middle.
    """
    torch.manual_seed(stage.seed)
    learner = Learner(stage, carry)

    def snapshot() -> dict[str, Any]:
        return {"models": carry.states(), "learner": learner.state_dict()}

    try:
        if saved is not None:
            learner.load_state_dict(saved)
        else:
            epochs, steps = stage.spec.epochs, stage.steps_per_epoch
            context.report(
                "stage_started", stage=stage.spec.name, index=stage.index, epochs=epochs, steps_per_epoch=steps
            )
        context.at_boundary(start, stage.spec.name, snapshot)
        train(stage, learner, context, start, snapshot)
    finally:
        learner.close()
    _finish(stage, learner)
    return carry.after(stage.spec.student)


def _finish(stage: Stage, learner: Learner) -> None:
    if stage.spec.keep == "best" and learner.best is not None:
        learner.student.load_state_dict(learner.best[1])
    learner.student.eval()
    learner.optimizer.zero_grad()
    for name, tensor in learner.student.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise DivergedError(f"the weights {name!r} are not finite at the end of stage {stage.spec.name!r}")
