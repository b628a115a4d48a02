"""Probabilistic knowledge transfer: the student gives each sample the neighbours that the teacher gives it.

Nikolaos Passalis, Anastasios Tefas: "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018
(arXiv 1803.10837). The default is the authors' code, which departs from the paper in two ways: it averages over the
matrix where the paper sums (`sum`), for which the weight 30000 of RepDistiller and torchdistill makes up, and it counts
a sample among its own neighbours (`with_self`). Features that are all 0 have cosine 0 with all others, and give no
infinite gradient as the published code does. With several processes the batch is that of all of them.

Shapes: B batch, D features.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from distill_core.distributed import gather_rows
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term

EPSILON = 1e-7


class PKTParams(Config):
    """Options of probabilistic knowledge transfer."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    with_self: bool = Field(
        default=True, description="Whether a sample is among its own neighbours, as in the code; not so in the paper."
    )
    reduction: Literal["mean", "sum"] = Field(
        default="mean", description="Mean of the divergence's summands over all pairs, or (paper) their sum."
    )


@METHODS.register("pkt")
class PKT(Term[PKTParams]):
    """Divergence of the student's probabilities of neighbours from the teacher's."""

    Params = PKTParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = (
        "For embeddings and retrieval: neighbourhoods are kept, whatever the sizes; the weight grows with the "
        "square of the batch."
    )

    @classmethod
    def places(cls, params: PKTParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B^2 of p_t log((p_t + 1e-7) / (p_s + 1e-7)), or the sum.

        p_ij = k_ij / sum_j k_ij, k_ij = (1 + cos(f_i, f_j)) / 2, f [B D] the flattened features.
        """
        mine = self._find_neighbours(student[Place(self.params.student_place)])
        wanted = self._find_neighbours(teacher[Place(self.params.teacher_place)].detach())
        summands = wanted * torch.log((wanted + EPSILON) / (mine + EPSILON))
        # The mean over the matrix is the same for all ranks, and so is the sum: each holds the whole batch.
        return summands.mean() if self.params.reduction == "mean" else summands.sum()

    def _find_neighbours(self, features: Tensor) -> Tensor:
        """Return the probability of each sample to be a neighbour of another [B B]; rows have sum 1."""
        rows = gather_rows(features.flatten(1))
        unit = rows / (torch.linalg.vector_norm(rows, dim=1, keepdim=True) + EPSILON)
        kernel: Tensor = (unit @ unit.mT + 1) / 2
        if not self.params.with_self:
            kernel = kernel.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), 0)
        return kernel / kernel.sum(1, keepdim=True).clamp_min(EPSILON)
