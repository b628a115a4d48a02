"""How the holes of a young cache of teacher outputs are filled."""

from __future__ import annotations

import torch

from distill_core.distributed import agree
from distill_core.engine.plan import Stage
from distill_core.engine.store import Store
from distill_core.engine.teachers import Teacher, Teachers
from distill_core.source import Source

__all__ = ["fill", "refill"]


def fill(stage: Stage, teachers: Teachers, epoch: int) -> list[str]:
    """Write what an epoch has left open, at its end; the entry is sealed with its last variant.

    Left open is what no batch showed (a dropped or trimmed rest), and, behind a checkpoint whose entry was lost, what
    batches showed before: those are run again as they were, since rows of other batches differ in their last bits.

    Returns:
        The names of the outputs whose entries are complete now.
    """
    complete = []
    for teacher in teachers.teachers:
        for source, store in teacher.stores.items():
            if not store.is_building(epoch):
                continue
            _replay(stage, teacher, source, store, epoch)
            agree(False)  # every rank has written its rows
            if epoch + 1 == store.num_variants and stage.world.is_first:
                store.seal()
            agree(False)
            if epoch + 1 == store.num_variants:
                complete.append(teacher.name_outputs(source, stage.spec.train))
    return complete


def refill(stage: Stage, teachers: Teachers, start_epoch: int) -> None:
    """Write the variants of epochs that were over when a checkpoint was saved, where the entry has been lost since."""
    for epoch in range(start_epoch):
        fill(stage, teachers, epoch)


def _replay(stage: Stage, teacher: Teacher, source: Source, store: Store, epoch: int) -> None:
    missing = store.missing(epoch)
    if not len(missing):
        return
    is_missing = torch.zeros(len(stage.train), dtype=torch.bool).index_fill(0, missing, value=True)
    parts = [part for step in stage.rows(epoch) for part in step]
    if stage.world.is_first:
        parts += [rest for rest in stage.left_out(epoch).split(stage.spec.batch_size) if len(rest)]
    for rows in parts:
        if is_missing[rows.cpu()].any():
            batch = stage.train.batch(rows, epoch, (source.view,))
            store.write(batch.index, teacher.run(batch, [source])[source], epoch)
