"""Weights that a student takes over from another model before a stage: the tail of a teacher, for one."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch
from torch import nn

from distill_core.engine.carry import Carry
from distill_core.engine.plan import Stage
from distill_core.errors import Problem, SpecError
from distill_core.spec.document import join_pointer
from distill_core.tap import find_part

__all__ = ["take_over"]

logger = logging.getLogger(__name__)


@torch.no_grad()
def take_over(stage: Stage, carry: Carry) -> None:
    """Copy into the student what its stage says; weights of other names or shapes stay as they are.

    Raises:
        SpecError: a part does not exist, or nothing of it is alike in name and shape.
    """
    wanted = stage.spec.take_over
    if wanted is None:
        return
    student, giver = carry.models[stage.spec.student], carry.models[wanted.model]
    for mine, others in wanted.parts.items():
        pointer = join_pointer("/stages", stage.index, "take_over", "parts", mine)
        try:
            copied = _copy(find_part(student, mine), find_part(giver, others))
        except SpecError as error:
            raise SpecError([replace(problem, pointer=pointer) for problem in error.problems]) from None
        if not copied:
            message = f"{mine or 'the student'} and {others or wanted.model} share no weight of equal name and shape"
            raise SpecError([Problem(pointer, "weights_unfit", message, others)])
        told = f"{mine or stage.spec.student} takes over {copied} tensors of {others or wanted.model}"
        logger.info("stage %s: %s", stage.spec.name, told)


def _copy(mine: nn.Module, others: nn.Module) -> int:
    given = others.state_dict()
    taken = [
        (tensor, given[name])
        for name, tensor in mine.state_dict().items()
        if name in given and given[name].shape == tensor.shape
    ]
    for tensor, source in taken:
        tensor.copy_(source)
    return len(taken)
