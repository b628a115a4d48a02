"""What a stage is to the engine: its spec, its opened streams and its place in the run; and what it hands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.draw import hash_keys
from distill_core.engine.checkpoint import Position
from distill_core.model import Model
from distill_core.spec.stage import ResolvedStage
from distill_core.stream import Stream
from distill_core.tensors import Batch

__all__ = ["Carry", "Stage", "plan_stages"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, ready to run.

    Attributes:
        index: place among the stages.
        spec: what was asked for.
        train: the stream that is trained on.
        validation: the stream that is validated on, if any.
        first_step: steps that the stages before it take.
        first_epoch: epochs that the stages before it take.
        seed: seed of its order of samples and of its dropout.
    """

    index: int
    spec: ResolvedStage
    train: Stream
    validation: Stream | None
    first_step: int
    first_epoch: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch; the last may be short."""
        return -(-len(self.train) // self.spec.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the whole stage."""
        return self.spec.epochs * self.steps_per_epoch

    def batches(self, epoch: int, views: tuple[str, ...], start: int) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on."""
        return self.train.shuffled(hash_keys(self.seed, epoch), epoch, self.spec.batch_size, views, start)

    def position_after(self, epoch: int, batch: int) -> Position:
        """Return where the run stands when a batch of an epoch is done."""
        step = self.first_step + epoch * self.steps_per_epoch + batch + 1
        if batch + 1 == self.steps_per_epoch:
            return Position(self.index, epoch + 1, 0, step)
        return Position(self.index, epoch, batch + 1, step)


@dataclass(frozen=True, slots=True)
class Carry:
    """What a stage hands to the next; nothing else survives it.

    Attributes:
        models: every model of the experiment by name, on the device.
        trained: the students of the stages that are over.
    """

    models: Mapping[str, Model]
    trained: tuple[str, ...] = ()

    def states(self) -> dict[str, Any]:
        """Return the states of the trained models; the others can be had again from their source."""
        return {name: self.models[name].state_dict() for name in self.trained}

    def after(self, student: str) -> Carry:
        """Return the carry of a stage that has trained `student`."""
        return Carry(self.models, tuple(dict.fromkeys((*self.trained, student))))


def plan_stages(stages: Sequence[ResolvedStage], streams: Mapping[str, Stream], seed: int) -> list[Stage]:
    """Return the stages with their streams and their places in the run."""
    planned: list[Stage] = []
    for index, spec in enumerate(stages):
        before = planned[-1] if planned else None
        validation = None if spec.validate_on is None else streams[spec.validate_on]
        first_step = before.first_step + before.num_steps if before else 0
        first_epoch = before.first_epoch + before.spec.epochs if before else 0
        stage_seed = hash_keys(seed, index)
        planned.append(Stage(index, spec, streams[spec.train], validation, first_step, first_epoch, stage_seed))
    return planned
