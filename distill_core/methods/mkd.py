"""Distillation from an ensemble: the student imitates the softened class probabilities of several teachers at once.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850). The
text says teachers of one architecture, the code takes a WRN-22-4 beside any other; here they are all teachers of the
stage. Text and code average the losses; distilling from the ensemble's mean probabilities, as Geoffrey Hinton, Oriol
Vinyals, Jeff Dean, 2014 (arXiv 1503.02531) do, differs by a constant and has the same gradients.

Shapes: M teachers, B batch, K classes.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field
from torch import Tensor

from distill_core.logits import divergence, soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class MKDParams(Config):
    """Options of distillation from an ensemble."""

    temperature: float = Field(
        default=5.0, gt=0, le=1000, description="Divides the logits of all before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of all mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )
    average: Literal["losses", "probabilities"] = Field(
        default="losses", description="What is averaged over the teachers; the gradients are the same."
    )


@METHODS.register("mkd")
class MKD(Term[MKDParams]):
    """Divergence of the student's softened class probabilities from those of all teachers of the stage."""

    Params = MKDParams
    needs = Needs(teacher=True, same_classes=True, ensemble=True)
    use = "With several teachers of comparable strength; it costs a forward pass of each, or one stored pass."

    @classmethod
    def places(cls, params: MKDParams) -> Places:
        """Return the logits of all."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return T^2 mean over M and B of KL(p_m || p_s), p = softmax(z / T), or that of KL(mean_m p_m || p_s) over B.

        The student's logits are [B K], the teachers' [M B K].
        """
        params = self.params
        mine = soften(student[LOGITS], params.temperature, standardise=params.standardise)
        said = teacher[LOGITS].detach()
        wanted = soften(said.flatten(0, 1), params.temperature, standardise=params.standardise)
        if params.average == "losses":
            loss = divergence(mine.repeat(len(said), 1), wanted)
        else:
            loss = divergence(mine, wanted.view_as(said).logsumexp(0) - math.log(len(said)))
        return loss * params.temperature**2
