"""Validation: what it says of the weights, which of them are best, and when a stage may end before its time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.distributed import broadcast_document
from distill_core.engine.assembly import prepare, preserved
from distill_core.engine.evaluation import (
    accuracy,
    ask_for_losses,
    can_be_scored,
    evaluate,
    evaluating,
    gives_logits,
    predict,
    score,
)
from distill_core.engine.learner import Learner
from distill_core.engine.plan import Stage
from distill_core.outputs.comparison import Answers
from distill_core.stream import Stream
from distill_core.tensors import Batch

__all__ = ["Judge"]

EVALUATION_BATCH = 512

RISES = {"accuracy": True, "nll": False, "loss": False}
"""Validation figure -> whether more is better."""


class Judge:
    """Validates after every epoch, remembers the best weights, and counts epochs without progress.

    Args:
        stage: what it validates.
        deployed: the model whose weights are validated.
        teacher: the model whose guesses they are held against, if that is wanted.
    """

    def __init__(self, stage: Stage, deployed: nn.Module, teacher: nn.Module | None = None) -> None:
        self._stage = stage
        self._deployed = deployed
        self._teacher = teacher
        self._taught: Tensor | None = None
        self._goal: float | None = None
        self._has_reached = False
        self.best: dict[str, Any] | None = None
        self.figures: dict[str, float] = {}
        self._record: float | None = None
        self._num_without_progress = 0

    @property
    def is_over(self) -> bool:
        """Whether the trigger is reached, or validation has stood still for as long as the stage allows."""
        patience = self._stage.spec.early_stop
        return self._has_reached or (patience is not None and self._num_without_progress >= patience.patience)

    @property
    def has_missed(self) -> bool:
        """Whether the stage ends its group if it ends now."""
        until = self._stage.spec.until
        return until is not None and until.otherwise == "end_group" and not self._has_reached

    def aim_at(self, model: nn.Module, learner: Learner) -> None:
        """Measure the model that is to be caught up with, which does not learn meanwhile, and the student as it is.

        Both are functions of the weights at the start of the stage, so a resumed stage finds the same goal.
        """
        until, stream = self._stage.spec.until, self._stage.validation
        if until is None or stream is None:
            return
        goal, mine = (
            evaluate(each, stream, EVALUATION_BATCH, (until.metric,))[until.metric] for each in (model, self._deployed)
        )
        learner.assembly.train()
        self._goal, mine = broadcast_document([goal, mine])
        self._has_reached = self._reaches(mine)

    def _reaches(self, value: float) -> bool:
        until = self._stage.spec.until
        if until is None or self._goal is None:
            return False
        lead = value - self._goal if RISES[until.metric] else self._goal - value
        return lead > until.margin if until.strict else lead >= until.margin

    def judge(self, learner: Learner, step: int) -> dict[str, float]:
        """Return the validation figures of the weights; none where the stage does not validate."""
        spec, stream = self._stage.spec, self._stage.validation
        if stream is None:
            return {}
        with learner.judged():
            figures: dict[str, float] = self._measure(stream)
            if spec.goes_by_loss:
                figures["loss"] = measure_loss(self._stage, learner, step)
            figures = broadcast_document(figures)  # all processes have to decide alike
            self._compare(learner, figures)
        self.figures = figures
        self._count(figures)
        until = self._stage.spec.until
        if until is not None:
            self._has_reached = self._reaches(figures[until.metric])
        return figures

    def _measure(self, stream: Stream) -> dict[str, float]:
        """Return the figures that need guesses; the teacher's are made once, since it does not learn meanwhile."""
        if stream.targets is not None and not can_be_scored(stream):
            return {}
        if self._teacher is not None and gives_logits(self._teacher, stream):
            self._taught = predict(self._teacher, stream, EVALUATION_BATCH).argmax(1)
        self._teacher = None
        if stream.targets is None and self._taught is None:
            return {}
        logits = predict(self._deployed, stream, EVALUATION_BATCH)
        agreement = {} if self._taught is None else {"agreement": accuracy(logits, self._taught)}
        return score(Answers(logits, stream.labels), ("accuracy", "nll")) | agreement

    def _compare(self, learner: Learner, figures: Mapping[str, float]) -> None:
        """Remember the weights if none before were as good."""
        if self._stage.spec.keep != "best":
            return
        name = self._stage.spec.select_by
        if self.best is None or _is_better(name, figures[name], self.best["figures"][name]):
            states = learner.assembly.objective.state_dict()
            self.best = {
                "figures": dict(figures),
                "objective": {key: tensor.clone() for key, tensor in states.items() if isinstance(tensor, Tensor)},
            }

    def _count(self, figures: Mapping[str, float]) -> None:
        stop = self._stage.spec.early_stop
        if stop is None:
            return
        value = figures[stop.metric]
        if self._record is None or _is_better(stop.metric, value, self._record, stop.min_delta):
            self._record, self._num_without_progress = value, 0
        else:
            self._num_without_progress += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {
            "best": self.best,
            "figures": self.figures,
            "record": self._record,
            "num_without_progress": self._num_without_progress,
            "has_reached": self._has_reached,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self.best, self.figures, self._record = state["best"], state["figures"], state["record"]
        self._num_without_progress = state["num_without_progress"]
        self._has_reached = state["has_reached"]


@torch.no_grad()
def measure_loss(stage: Stage, learner: Learner, step: int) -> float:
    """Return the mean of the stage's objective over its validation stream, with student and terms in eval mode.

    A detector returns its losses in training mode alone: there it is in that mode, but for statistics and dropout, and
    draws the same numbers each time.
    """
    stream, assembly = stage.validation or stage.train, learner.assembly
    factors = assembly.weighting.at(stage.moment(step - 1))
    total = torch.zeros((), dtype=torch.float64, device=stage.device)
    with _judging(stage, assembly.objective, has_boxes=isinstance(stream.targets, Sequence)):
        for rows in torch.arange(len(stream), device=stream.device).split(stage.spec.batch_size):
            batch = prepare(assembly.terms, _show(stream, rows, assembly.views))
            teachers = {teacher.name: teacher.run(batch, teacher.sources) for teacher in assembly.teachers.teachers}
            total += assembly.objective(batch, teachers, factors).total.double() * len(rows)
    return total.item() / len(stream)


@contextmanager
def _judging(stage: Stage, objective: nn.Module, *, has_boxes: bool) -> Iterator[None]:
    with evaluating(objective):
        if not has_boxes:
            yield
            return
        with preserved(objective):
            torch.manual_seed(stage.seed)
            ask_for_losses(objective)
            yield


def _show(stream: Stream, rows: Tensor, views: Mapping[str | None, tuple[str, ...]]) -> Batch:
    """Return validation samples as those of every stream of the stage; a view that they lack is their first one."""
    names = {view: view if view in stream.spec.views else stream.main_view for each in views.values() for view in each}
    shown = stream.batch(rows, 0, tuple(dict.fromkeys(names.values())))
    parts = {
        name: replace(shown, inputs={view: shown.inputs[names[view]] for view in wanted})
        for name, wanted in views.items()
    }
    return replace(parts.pop(None), extras={name: part for name, part in parts.items() if name is not None})


def _is_better(name: str, value: float, before: float, margin: float = 0.0) -> bool:
    return value > before + margin if RISES[name] else value < before - margin
