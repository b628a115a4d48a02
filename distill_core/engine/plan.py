"""What a stage is to the engine: its spec, its streams, its place in the run, and who sees which samples when."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distill_core.distributed import World, share
from distill_core.draw import draw_order, hash_keys
from distill_core.engine.checkpoint import Position
from distill_core.spec.stage import ResolvedStage
from distill_core.stream import Stream
from distill_core.tensors import Batch
from distill_core.weight import Moment

__all__ = ["Stage", "plan_stages"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, ready to run.

    Attributes:
        index: place among the stages.
        spec: what was asked for.
        train: the stream that is trained on.
        further: further streams by name.
        validation: the stream that is validated on, if any.
        first_step: steps that the stages before it take.
        first_epoch: epochs that the stages before it take.
        seed: seed of its order of samples and of its dropout.
        world: the processes that share each batch.
    """

    index: int
    spec: ResolvedStage
    train: Stream
    further: Mapping[str, Stream]
    validation: Stream | None
    first_step: int
    first_epoch: int
    seed: int
    world: World

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps an epoch; the last may be short."""
        whole, rest = divmod(len(self.train), self.spec.batch_size)
        largest_part = -(-rest // self.spec.accumulate)
        return whole + (largest_part >= self.world.size and not self.spec.drop_last)

    @property
    def num_steps(self) -> int:
        """Steps of the whole stage, unless it stops early."""
        return self.spec.epochs * self.steps_per_epoch

    @property
    def device(self) -> torch.device:
        """Where the stage runs."""
        return self.train.device

    def moment(self, step: int) -> Moment:
        """Return where the stage stands when so many steps of the run are done."""
        return Moment(step - self.first_step, self.steps_per_epoch, self.num_steps)

    def rows(self, epoch: int) -> list[list[Tensor]]:
        """Return the rows of an epoch that this process sees: a list a step, a tensor [b] a part of the step."""
        order = draw_order(hash_keys(self.seed, epoch), len(self.train), self.device)
        batches = order.split(self.spec.batch_size)[: self.steps_per_epoch]
        return [self._divide(batch) for batch in batches]

    def left_out(self, epoch: int) -> Tensor:
        """Return the rows [m] of an epoch that no process sees, in their order."""
        order = draw_order(hash_keys(self.seed, epoch), len(self.train), self.device)
        seen = [
            part[: len(part) - share(part, self.world).num_dropped]
            for batch in order.split(self.spec.batch_size)[: self.steps_per_epoch]
            for part in self._parts(batch)
        ]
        is_left = torch.ones(len(order), dtype=torch.bool, device=self.device).index_fill(
            0, torch.cat(seen), value=False
        )
        return order[is_left[order]]

    def batches(self, epoch: int, views: Mapping[str | None, tuple[str, ...]], start: int = 0) -> Iterator[list[Batch]]:
        """Yield the parts of each step of an epoch, from step number `start` on.

        Args:
            epoch: epoch of the stage, from 0.
            views: stream (None is the training stream) -> names of the views that are wanted.
            start: first step of the epoch.
        """
        steps = self.rows(epoch)[start:]
        first = self.first_step + epoch * self.steps_per_epoch + start
        parts = self.train.batches([part for step in steps for part in step], epoch, views[None])
        further = {
            name: stream.batches(self._further_rows(name, first, steps), epoch, views.get(name, ()))
            for name, stream in self.further.items()
        }
        for number, step in enumerate(steps):
            yield [
                replace(next(parts), extras={name: next(extra) for name, extra in further.items()}, step=first + number)
                for _ in step
            ]

    def first_batch(self, views: Mapping[str | None, tuple[str, ...]]) -> Batch:
        """Return the first part of the first step, for the probe."""
        steps = self.rows(0)[:1]
        extras = {
            name: stream.batch(self._further_rows(name, self.first_step, steps)[0], 0, views.get(name, ()))
            for name, stream in self.further.items()
        }
        return replace(self.train.batch(steps[0][0], 0, views[None]), extras=extras, step=self.first_step)

    def position_after(self, epoch: int, batch: int) -> Position:
        """Return where the run stands when a step of an epoch is done."""
        step = self.first_step + epoch * self.steps_per_epoch + batch + 1
        if batch + 1 == self.steps_per_epoch:
            return Position(self.index, epoch + 1, 0, step)
        return Position(self.index, epoch, batch + 1, step)

    def _parts(self, batch: Tensor) -> tuple[Tensor, ...]:
        return batch.chunk(self.spec.accumulate)

    def _divide(self, batch: Tensor) -> list[Tensor]:
        """Return this process's share of each part; shares are equal, so that means of means are means."""
        shares = [share(part, self.world).rows for part in self._parts(batch)]
        return [rows for rows in shares if len(rows)]

    def _further_rows(self, name: str, first: int, steps: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Return the rows of a further stream for the parts of some steps: a function of the step's number alone."""
        stream, count = self.further[name], self.spec.further[name]
        passes: dict[int, Tensor] = {}

        def take(begin: int, end: int) -> Tensor:
            pieces = []
            while begin < end:
                number, offset = divmod(begin, len(stream))
                if number not in passes:
                    seed = hash_keys(self.seed, zlib.crc32(name.encode()), number)
                    passes[number] = draw_order(seed, len(stream), stream.device)
                pieces.append(passes[number][offset : offset + end - begin])
                begin += len(pieces[-1])
            return torch.cat(pieces)

        return [
            part
            for number, step in enumerate(steps, start=first)
            for part in self._divide_evenly(take(number * count, (number + 1) * count), len(step))
        ]

    def _divide_evenly(self, rows: Tensor, num_parts: int) -> list[Tensor]:
        rank, share = self.world.rank, len(rows) // (num_parts * self.world.size)
        each = share * self.world.size
        return [rows[part * each + rank * share : part * each + (rank + 1) * share] for part in range(num_parts)]


def plan_stages(stages: Sequence[ResolvedStage], streams: Mapping[str, Stream], seed: int, world: World) -> list[Stage]:
    """Return the stages with their streams and their places in the run."""
    planned: list[Stage] = []
    for index, spec in enumerate(stages):
        before = planned[-1] if planned else None
        planned.append(
            Stage(
                index,
                spec,
                train=streams[spec.train],
                further={name: streams[name] for name in spec.further},
                validation=None if spec.validate_on is None else streams[spec.validate_on],
                first_step=before.first_step + before.num_steps if before else 0,
                first_epoch=before.first_epoch + before.spec.epochs if before else 0,
                seed=hash_keys(seed, index),
                world=world,
            )
        )
    return planned
