"""What a bi-level method sees of the step that follows: the inner problem, which it may probe but not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from distill_core.call import undisturbed
from distill_core.engine.assembly import Assembly
from distill_core.objective import Factors, TeacherActivations
from distill_core.tensors import Batch

__all__ = ["InnerStep", "list_outer"]


class InnerStep:
    """The step that is about to be taken, see `distill_core.term.Step`.

    Args:
        assembly: what the stage trains with.
        batch: the samples of the step.
        teachers: what the teachers say to them.
        factors: the factors of the terms at this step.
        optimizer: the inner optimizer.
    """

    def __init__(
        self,
        assembly: Assembly,
        batch: Batch,
        teachers: TeacherActivations,
        factors: Factors,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.batch = batch
        self.optimizer = optimizer
        self.parameters: Sequence[nn.Parameter] = [
            parameter for group in optimizer.param_groups for parameter in group["params"]
        ]
        self._objective = assembly.objective
        self._teachers = teachers
        self._factors = factors

    def losses(self) -> Mapping[str, Tensor]:
        """Return the unweighted losses of the batch by term (or term/part), and their weighted sum as `total`."""
        losses = self._objective(self.batch, self._teachers, self._factors)
        return {**losses.parts, "total": losses.total}

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Put weights, gradients, buffers and random numbers back afterwards."""
        weights = [parameter.detach().clone() for parameter in self.parameters]
        try:
            with undisturbed(self._objective):
                yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(self.parameters), weights)
            for parameter in self.parameters:
                parameter.grad = None


def list_outer(assembly: Assembly) -> list[nn.Parameter]:
    """Return the outer parameters of all terms."""
    return [parameter for weighted in assembly.terms for parameter in weighted.term.outer_parameters()]
